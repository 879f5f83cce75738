/** The credentials of one run, put together: sources, chains of grants, what a key may cost, and the filter that keeps values out of everything. */
import type { RunRecorder } from '../audit/event.ts'
import { openActionTokens } from '../credentials/chain/action-token.ts'
import { openGrants } from '../credentials/chain/grant-chain.ts'
import { openRevocations } from '../credentials/chain/revocations.ts'
import { createRunCredentials, type GivenCredential } from '../credentials/run-credentials.ts'
import { createScrubber, type Hit } from '../credentials/scrub/scrub.ts'
import { scrubbedRecorder } from '../credentials/scrub/scrubbed-recorder.ts'
import { createSecretFilter } from '../credentials/scrub/secret-filter.ts'
import type { LiveSecret } from '../credentials/secret.ts'
import type { Dresser, SecretFilter } from '../broker/dressing.ts'
import type { OperatorConfig } from '../definition/config.ts'
import type { AgentDefinition } from '../definition/definition.ts'
import { grantedAgent, type CredentialQuestion } from '../granted-credentials.ts'
import { meteredModel } from '../model/metered-model.ts'
import type { Model } from '../model/model.ts'
import { nodeClock } from '../node-processes.ts'
import type { RunPlan } from '../plan.ts'
import type { Player } from './player.ts'
import type { Secrets } from './secrets.ts'

/** Spent tokens are of no use; the trail names each. */
const ACTION_KEPT_MS = 24 * 60 * 60_000

export interface RunDressing {
  readonly dresser: Dresser | undefined
  readonly filter: SecretFilter
  /** The last look before an event is written. */
  readonly scrubbed: (recorder: RunRecorder) => RunRecorder
  /** A value that something else than a tool uses, and that must not show either. */
  readonly use: (secret: LiveSecret) => void
  /** Holds the ceilings of the key that a provider's model is asked with. */
  readonly metered: (model: Model) => Model
}

export interface RunDressingOptions {
  readonly run: string
  readonly config: OperatorConfig
  readonly definition: AgentDefinition
  readonly plan: Pick<RunPlan, 'tools' | 'price'>
  readonly player: Player
  readonly question: CredentialQuestion
  readonly secrets: Secrets
}

/** @throws RunAgentError E_CREDENTIAL where the store cannot be opened, or a grant was revoked. */
export async function openRunDressing(options: RunDressingOptions): Promise<RunDressing> {
  const { run, question, secrets } = options
  const scrubber = createScrubber()
  const live = new Map<string, LiveSecret>()
  const use = (secret: LiveSecret, derived: readonly string[] = []): void => {
    scrubber.add(secret, derived)
    live.set(`${secret.credential}\n${secret.version}`, secret)
  }
  const exposed = new Set<string>()
  const onHit = ({ credential, version }: Hit): void => {
    const secret = live.get(`${credential}\n${version}`)
    if (secret === undefined || exposed.has(`${credential}\n${version}`)) return
    exposed.add(`${credential}\n${version}`)
    secrets.expose(secret)
  }
  const filter = createSecretFilter(scrubber, onHit)
  const scrubbed = (recorder: RunRecorder): RunRecorder =>
    scrubbedRecorder(recorder, scrubber, (hits) => hits.forEach(onHit))
  const metered = (model: Model): Model => meteredByKey(model, options)
  const given = givenCredentials(options)
  if (given.length === 0) return { dresser: undefined, filter, scrubbed, use, metered }
  const store = await secrets.store()
  const { file } = store
  const grantOptions = secrets.grantOptions(store)
  const tokens = openActionTokens(file.database, grantOptions)
  tokens.prune(question.user, nodeClock.now() - ACTION_KEPT_MS)
  const dresser = createRunCredentials({
    run,
    user: question.user,
    agentDigest: question.digest,
    agentFile: question.realPath,
    given,
    sourceOf: (credential) => secrets.sourceOf(credential),
    grants: openGrants(file.database, grantOptions),
    revocations: openRevocations(file.database),
    tokens,
    clock: nodeClock,
    onUse: use,
    exposures: (credential) => [...exposed].filter((each) => each.startsWith(`${credential}\n`)).length,
  })
  return { dresser, filter, scrubbed, use, metered }
}

function meteredByKey(model: Model, { run, config, plan, player, question, secrets }: RunDressingOptions): Model {
  const credential = player.kind === 'script' ? undefined : player.provider.credential
  const limits = (credential === undefined ? undefined : config.credentials.get(credential)?.spending) ?? []
  if (credential === undefined || limits.length === 0) return model
  const spender = { credential, user: question.user, agent: spendingAgent(question) }
  return meteredModel(model, secrets.spending().meter(spender, run, limits, plan.price))
}

/** What is counted as one agent: the file of its definition, whatever it calls itself and however it is edited. */
function spendingAgent({ realPath, digest }: CredentialQuestion): string {
  return realPath ?? digest
}

function givenCredentials({
  config,
  definition,
  plan: { tools },
  question,
}: RunDressingOptions): readonly GivenCredential[] {
  return tools.flatMap(({ name: tool, grant, bundle }) =>
    (grant.credentials ?? []).flatMap(({ name: credential, rules, place }): GivenCredential[] => {
      const found = config.credentials.get(credential)
      if (found === undefined) return []
      const { known } = grantedAgent(definition.name, tool, credential, found, place, question)
      return [
        {
          tool,
          bundle: bundle.hash,
          credential,
          agent: 'from' in known ? { from: question.realPath ?? known.from } : known,
          rules: found.for.map(({ rule }) => rule),
          toolRules: rules.map(({ rule }) => rule),
          sinceMs: found.sinceMs,
          untilMs: found.untilMs,
        },
      ]
    }),
  )
}
