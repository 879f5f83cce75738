/** `run-agent <definition> [task…]`: from the command line to a finished run and what a person sees of it. */
import { randomBytes } from 'node:crypto'
import { newRunId } from '../audit/run-id.ts'
import { SqliteTrail, type Head } from '../audit/trail.ts'
import type { RunRecorder } from '../audit/event.ts'
import { createBroker } from '../broker/broker.ts'
import type { SecretFilter } from '../broker/dressing.ts'
import { boundBudget } from '../ceiling.ts'
import { openWorkspace } from '../broker/workspace.ts'
import { createWorldPerform } from '../broker/world.ts'
import type { LiveSecret } from '../credentials/secret.ts'
import type { OperatorConfig } from '../definition/config.ts'
import type { AgentDefinition } from '../definition/definition.ts'
import { RunAgentError } from '../errors.ts'
import { SEED_BYTES } from '../limits.ts'
import { withCredentials } from '../granted-credentials.ts'
import { loadAgent, type LoadedAgent } from '../load-agent.ts'
import { type DefinitionPlace } from '../read-definition.ts'
import { digestOf } from '../lock.ts'
import type { Model } from '../model/model.ts'
import { SCRIPT_CALL } from '../model/model.ts'
import { ScriptModel } from '../model/script-model.ts'
import { nodeFileHost } from '../node-files.ts'
import { processStartTime } from '../node-folders.ts'
import { nodeClock } from '../node-processes.ts'
import { nodeWebHost } from '../node-web.ts'
import { prepareTrailFile } from '../node-private-file.ts'
import type { RunPlan } from '../plan.ts'
import { ModelKilled, runAgent, type RunOutcome } from '../run.ts'
import type { Sandbox } from '../sandbox/sandbox.ts'
import { authoritiesOf } from './authorities.ts'
import { SANDBOX_ENVIRONMENT } from '../sandbox/walls.ts'
import { readBoundDefinition, userOf, type BindingArguments } from './bound-definition.ts'
import { credentialQuestion, withProtected } from './checked-agent.ts'
import {
  definitionPlace,
  operatorFiles,
  readConfig,
  readEnvironment,
  trailPath,
  workspaceFiles,
  workspaceFolder,
  type CommandEnvironment,
} from './environment.ts'
import { EXIT } from './exit-codes.ts'
import { priceOf } from './price.ts'
import { createReporter, type Reporter } from './reporter.ts'
import { openRunDressing, type RunDressing } from './run-dressing.ts'
import { Secrets } from './secrets.ts'
import { choosePlayer, providerModel, type Player, type ProviderKeys } from './player.ts'
import { watchStop, type StopWatch } from './stop.ts'
import { assertTrusted, type RunnableAgent, type TrustArguments } from './trust.ts'
import { openWorkshop, type Workshop } from './workshop.ts'

export interface RunArguments extends BindingArguments, TrustArguments {
  readonly definition: string
  readonly task: string
  readonly workspace: string | undefined
  /** '' for the definition's own script. */
  readonly script: string | undefined
  readonly model: string | undefined
  readonly config: string | undefined
  readonly audit: string | undefined
  readonly json: boolean
  readonly quiet: boolean
  readonly weakSandbox: boolean
  readonly failOnDeny: boolean
}

export async function runCommand(args: RunArguments): Promise<number> {
  const environment = readEnvironment()
  const reporter = createReporter(args)
  const place = definitionPlace(environment, args.definition)
  const workshop = openWorkshop(environment, place.folder)
  const stop = watchStop({
    stopping: () => reporter.stopping(),
    leaving: (phase) => {
      workshop.close()
      reporter.leaving(phase)
    },
  })
  // Both are started now: they come up while the definition is read and the tools are bundled.
  const sandboxes = Promise.all([started(workshop.toolSandbox()), started(workshop.createSandbox())])
  sandboxes.catch(() => undefined)
  let opened: Secrets | undefined
  try {
    const config = readConfig(environment, args.config)
    const walls = async (): Promise<readonly string[]> => (await sandboxes)[0].walls
    const agent = await loadedAgent(args, environment, config, place, workshop, walls)
    await assertTrusted(environment, place, agent, args)
    const secrets = new Secrets(environment, config, [agent.workspace])
    opened = secrets
    const question = credentialQuestion(environment, config, place, args, digestOf(agent.parts))
    // What the provider uses before the run has a filter; later, the filter itself is told.
    const used: LiveSecret[] = []
    let onUse = (secret: LiveSecret): unknown => used.push(secret)
    const keys: ProviderKeys = {
      assertUsable: async (credential) => secrets.assertUsable(credential, question),
      secretOf: async (credential) => {
        const secret = await secrets.fetch(credential, question.user, AbortSignal.timeout(PROVIDER_SECRET_MS))
        onUse(secret)
        return secret
      },
    }
    const player = await choosePlayer(args, agent.definition, config, environment, keys)
    const script = await scriptOf(args, agent, workshop, environment, player)
    const [tools, scripts] = await sandboxes
    reporter.walls(requireWalls(args, config, agent.definition, tools.walls))
    const plan = planOf({ args, agent, config, environment, player, script, walls: tools.walls })
    const dressing = async (run: string): Promise<RunDressing> => {
      const { definition } = agent
      const open = await openRunDressing({ run, config, definition, plan, player, question, secrets })
      for (const secret of used) open.use(secret)
      onUse = open.use
      return open
    }
    return await record(
      args,
      config,
      environment,
      plan,
      player,
      dressing,
      { tools: tools.sandbox, script: scripts.sandbox },
      reporter,
      stop,
    )
  } finally {
    // Where it failed as well: the run's time would keep the program alive.
    stop.end()
    workshop.close()
    await opened?.close()
  }
}

/** To ask a source for the key of a model's provider. */
const PROVIDER_SECRET_MS = 20_000

/** Everything of it is read here, once: what is trusted is what runs. */
async function loadedAgent(
  args: RunArguments,
  environment: CommandEnvironment,
  config: OperatorConfig,
  place: DefinitionPlace,
  workshop: Workshop,
  walls: () => Promise<readonly string[]>,
): Promise<RunnableAgent> {
  const loaded = await withProtected(config, place, async (granted) => {
    const read = await readBoundDefinition(environment, config, place, args, granted)
    // To read what a tool declares, its code is run: not before the walls that are asked for stand.
    if (demandsWalls(config, read.definition)) requireWalls(args, config, read.definition, await walls())
    const workspace = workspaceFolder(environment, args.workspace, read.definition.workspace)
    const kept = operatorFiles(environment, config, args.audit)
    const files = workspaceFiles(environment, workspace, place, kept)
    const { allowProtected, networks } = read
    return { ...(await loadAgent(workshop.loader, place, read, files)), workspace, allowProtected, networks }
  })
  const question = credentialQuestion(environment, config, place, args, digestOf(loaded.parts))
  const entries = new Map(loaded.definition.tools.map((entry) => [entry.name, entry]))
  const tools = loaded.tools.map((tool) => {
    const entry = entries.get(tool.name)
    return entry === undefined
      ? tool
      : { ...tool, grant: withCredentials(loaded.definition, entry, tool.grant, question) }
  })
  return { ...loaded, tools }
}

interface Started {
  readonly sandbox: Sandbox
  readonly walls: readonly string[]
}

async function started(sandbox: Promise<Sandbox>): Promise<Started> {
  const made = await sandbox
  return { sandbox: made, walls: await made.start() }
}

/** The script that plays, if one does: the definition's own, or the one that `--script` names. */
async function scriptOf(
  args: RunArguments,
  agent: LoadedAgent,
  workshop: Workshop,
  environment: CommandEnvironment,
  player: Player,
): Promise<RunPlan['script']> {
  if (player.kind !== 'script') return undefined
  if (args.script === undefined || args.script === '') return agent.script
  if (args.locked) {
    throw new RunAgentError(
      'E_USAGE',
      `--locked and --script ${args.script}: a lock covers the definition's own script`,
      {
        hint: 'Leave one of them out.',
      },
    )
  }
  const named = definitionPlace(environment, args.script)
  const { code } = await workshop.loader.bundleEntry(
    named.folder,
    `./${named.name}`,
    args.script.slice(0, args.script.length - named.name.length),
  )
  return code
}

const NODE_WITHOUT_SOCKETS = 26

function demandsWalls(config: OperatorConfig, definition: AgentDefinition): boolean {
  const isOld = Number(process.versions.node.split('.')[0]) < NODE_WITHOUT_SOCKETS
  return isOld || config.require.walls.length > 0 || definition.require.length > 0
}

/** Node's permission model alone does not bind native code, so a missing outer wall is said, and can be forbidden. */
function requireWalls(
  args: RunArguments,
  config: OperatorConfig,
  definition: AgentDefinition,
  walls: readonly string[],
): readonly string[] {
  if (walls.includes('bubblewrap')) return walls
  const hint = 'Install bubblewrap (Debian: apt-get install bubblewrap); `run-agent` finds it by running it.'
  const [demand] = definition.require
  const by = config.require.walls.includes('bubblewrap') ? 'the configuration' : demand?.place
  if (by !== undefined) {
    throw new RunAgentError('E_WALL', `${by} requires the wall bubblewrap, and it does not stand here`, {
      hint,
    })
  }
  if (Number(process.versions.node.split('.')[0]) < NODE_WITHOUT_SOCKETS && !args.weakSandbox) {
    throw new RunAgentError(
      'E_WALL',
      `on Node ${process.version} a sandbox process could open sockets without bubblewrap`,
      {
        hint: `${hint} Or accept it with --weak-sandbox.`,
      },
    )
  }
  return walls
}

interface PlanParts {
  readonly args: RunArguments
  readonly agent: RunnableAgent
  readonly config: OperatorConfig
  readonly environment: CommandEnvironment
  readonly player: Player
  readonly script: RunPlan['script']
  readonly walls: readonly string[]
}

function planOf({ args, agent, config, environment, player, script, walls }: PlanParts): RunPlan {
  const { definition, workspace } = agent
  const budget = boundBudget(definition.budget, config.ceiling, args.locked)
  const { effort, temperature, maxOutput } = definition.model ?? {}
  return {
    agent: definition.name,
    user: userOf(environment, args),
    task: args.task,
    definition: { file: definition.file, hash: agent.hash },
    playedBy: player.kind === 'script' ? SCRIPT_CALL : player.model,
    instructions: definition.instructions ?? '',
    settings: {
      ...(effort === undefined ? {} : { effort }),
      ...(temperature === undefined ? {} : { temperature }),
      ...(maxOutput === undefined ? {} : { maxOutput }),
    },
    tools: agent.tools,
    script,
    budget,
    price: priceOf(player, config, { own: definition.budget, usd: budget.usd }),
    values: Object.fromEntries(definition.settings.map(({ name, value }) => [name, value ?? ''])),
    seed: randomBytes(SEED_BYTES).toString('hex'),
    workspace,
    walls,
    versions: {
      runAgent: environment.installation.version,
      node: process.versions.node,
      v8: process.versions.v8,
      icu: process.versions['icu'] ?? '',
      tz: process.versions['tz'] ?? '',
      zone: SANDBOX_ENVIRONMENT.TZ,
      locale: SANDBOX_ENVIRONMENT.LC_ALL,
      arch: process.arch,
    },
    process: { pid: process.pid, startTime: processStartTime(process.pid) ?? '' },
  }
}

async function record(
  args: RunArguments,
  config: OperatorConfig,
  environment: CommandEnvironment,
  plan: RunPlan,
  player: Player,
  dressing: (run: string) => Promise<RunDressing>,
  sandboxes: { readonly tools: Sandbox; readonly script: Sandbox },
  reporter: Reporter,
  stop: StopWatch,
): Promise<number> {
  const authorities = authoritiesOf(environment, config)
  const run = newRunId(nodeClock, randomBytes(10))
  const { dresser, filter, scrubbed, metered } = await dressing(run)
  const trail = SqliteTrail.open(trailPath(environment, config, args.audit), {
    clock: nodeClock,
    prepareFile: prepareTrailFile,
  })
  const why = player.kind === 'script' ? player.why : undefined
  // Nobody who follows the run sees more than is recorded.
  const recorder = scrubbed(reporter.follow(trail.beginRun(run), plan, why))
  using workspace = openWorkspace(nodeFileHost, plan.workspace)
  const network = nodeWebHost()
  const web = { host: network, authoritiesOf: authorities, dresser, filter }
  const broker = createBroker(recorder, createWorldPerform(workspace, nodeClock, web))
  stop.begin(plan.budget.timeMs)
  const model =
    player.kind === 'script'
      ? scriptModel(plan, sandboxes.script, recorder, broker, filter)
      : metered(await providerModel(player, recorder, filter))
  let outcome: RunOutcome
  let head: Head
  try {
    const world = {
      recorder,
      broker,
      model,
      sandbox: sandboxes.tools,
      stop: stop.signal,
      filter,
      plannedKill: () => undefined,
    }
    outcome = await runAgent(plan, world)
    head = await trail.head()
  } catch (error) {
    reporter.fail(run, error)
    throw error
  } finally {
    await model.close()
    await network.close()
    await trail.close()
    stop.end()
  }
  reporter.finish(run, outcome, head)
  return exitCode(outcome, args.failOnDeny)
}

function scriptModel(
  plan: RunPlan,
  sandbox: Sandbox,
  recorder: RunRecorder,
  broker: ReturnType<typeof createBroker>,
  filter: SecretFilter,
): Model {
  if (plan.script === undefined) throw new RunAgentError('E_INTERNAL', 'a script plays and there is none')
  return new ScriptModel({
    script: plan.script,
    task: plan.task,
    seed: plan.seed,
    sandbox,
    broker,
    // The budget is watched from outside; this is for a program that stopped watching.
    wallMs: plan.budget.timeMs + SCRIPT_WALL_SPARE_MS,
    onLog: (level, text) => void recorder.append({ kind: 'log', call: SCRIPT_CALL, data: { level, text } }),
    plannedKill: undefined,
    filter,
    killed: (end) => new ModelKilled(end),
  })
}

const SCRIPT_WALL_SPARE_MS = 10_000

function exitCode(outcome: RunOutcome, failOnDeny: boolean): number {
  switch (outcome.status) {
    case 'completed':
      return failOnDeny && outcome.denied.length > 0 ? EXIT.denied : EXIT.completed
    case 'failed':
      return outcome.error?.code === 'E_REQUIRED' ? EXIT.output : EXIT.failed
    case 'budget_exceeded':
      return EXIT.budget
    case 'interrupted':
      return EXIT.interrupted
  }
}
