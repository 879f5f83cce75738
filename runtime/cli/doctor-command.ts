/** `run-agent doctor`: what stands here, what is missing and what to do about it. It never prints a secret. */
import { dirname } from 'node:path'
import { TrailReader } from '../audit/reader.ts'
import { resolveProvider } from '../credentials/provider-credential.ts'
import { askScopes, unusedScopes } from '../credentials/github-scopes.ts'
import { createScrubber } from '../credentials/scrub/scrub.ts'
import type { LiveSecret } from '../credentials/secret.ts'
import { EMPTY_CONFIG, type OperatorConfig } from '../definition/config.ts'
import { codeOf, messageOf, RunAgentError } from '../errors.ts'
import type { CredentialQuestion } from '../granted-credentials.ts'
import { nodeFileHost } from '../node-files.ts'
import { createProcessHost } from '../node-processes.ts'
import type { FileStat } from '../ports.ts'
import { printable } from '../printable.ts'
import { findBubblewrap, SANDBOX_ENVIRONMENT } from '../sandbox/walls.ts'
import { isAlive } from './audit-command.ts'
import { credentialWarnings } from './credential-warnings.ts'
import { askedAgent } from './checked-agent.ts'
import { definitionPlace, readConfig, readEnvironment, trailPath, type CommandEnvironment } from './environment.ts'
import { EXIT, exitCodeOf } from './exit-codes.ts'
import { writeJson } from './output.ts'
import { choosePlayer, type ProviderKeys } from './player.ts'
import { Secrets } from './secrets.ts'
import { openWorkshop } from './workshop.ts'

export interface DoctorArguments {
  readonly definition: string | undefined
  readonly config: string | undefined
  readonly audit: string | undefined
  readonly json: boolean
}

/** To ask a source for a secret. */
const SECRET_MS = 20_000
/** To ask its provider what it may do. */
const SCOPES_MS = 5_000

interface Finding {
  readonly what: string
  readonly status: 'ok' | 'warning' | 'problem'
  readonly message: string
  /** What to do. */
  readonly hint?: string
  /** Of a problem: the exit code that it stands for. */
  readonly exit?: number
}

export async function doctorCommand(args: DoctorArguments): Promise<number> {
  const environment = readEnvironment()
  const { config, finding } = findConfig(environment, args.config)
  const walls = await standingWalls(environment)
  const secrets = new Secrets(environment, config, [])
  const scrubber = createScrubber()
  const keys: ProviderKeys = {
    assertUsable: async (credential) => secrets.assertUsable(credential, ownQuestion(environment, config)),
    secretOf: async (credential) => {
      const secret = await secrets.fetch(credential, environment.user.name, AbortSignal.timeout(SECRET_MS))
      scrubber.add(secret)
      return secret
    },
  }
  const findings = [
    findNode(environment),
    ...findWalls(walls, config),
    ...findFolders(environment),
    finding,
    ...(await findCredentials(environment, config, secrets, keys)),
    ...(args.definition === undefined ? [await findDefaultProvider(environment, config, keys)] : []),
    findTrail(trailPath(environment, config, args.audit)),
    ...(args.definition === undefined ? [] : await findDefinition(args.definition, environment, config, walls, keys)),
  ]
  // Whatever a provider made of what it was sent.
  const shown = findings.map(({ message, hint, ...found }): Finding => {
    const scrubbed = hint === undefined ? {} : { hint: scrubber.text(hint).text }
    return { ...found, message: scrubber.text(message).text, ...scrubbed }
  })
  if (args.json) for (const found of shown) writeJson(found)
  else process.stdout.write(`${shown.flatMap(linesOf).join('\n')}\n`)
  await secrets.close()
  return findings.find(({ status }) => status === 'problem')?.exit ?? EXIT.completed
}

function linesOf({ what, status, message, hint }: Finding): readonly string[] {
  const text = printable(message, { newlines: true }).replaceAll('\n', `\n${' '.repeat(11)}`)
  return [
    `${status.padEnd(8)} ${what}: ${text}`,
    ...(hint === undefined ? [] : [`${' '.repeat(11)}${printable(hint)}`]),
  ]
}

function problemOf(what: string, error: unknown): Finding {
  const known = error instanceof RunAgentError ? error : undefined
  const hint = known?.hint === undefined ? {} : { hint: known.hint }
  const exit = known === undefined ? EXIT.failed : exitCodeOf(known.code)
  return { what, status: 'problem', message: messageOf(error), ...hint, exit }
}

/** From Node 26 on the permission model closes sockets too. */
const NODE_WITH_WALL = 26

function nodeMajor(): number {
  return Number(process.versions.node.split('.')[0])
}

function findNode({ variables }: CommandEnvironment): Finding {
  const whose =
    variables['RUN_AGENT_LAUNCHED'] === '1' ? 'the one that comes with run-agent' : 'the one that started it'
  const message = `${process.version}, ${whose} (${process.execPath})`
  if (nodeMajor() >= NODE_WITH_WALL) return { what: 'node', status: 'ok', message }
  const hint = `From Node ${NODE_WITH_WALL} on its own wall closes sockets; install run-agent with its optional dependencies.`
  return { what: 'node', status: 'warning', message, hint }
}

type Walls = readonly string[] | Error

async function standingWalls(environment: CommandEnvironment): Promise<Walls> {
  const workshop = openWorkshop(environment)
  try {
    return await (await workshop.createSandbox()).start()
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  } finally {
    workshop.close()
  }
}

const INSTALL_BUBBLEWRAP = 'Install bubblewrap (Debian: apt-get install bubblewrap); it is found by running it.'

function findWalls(walls: Walls, config: OperatorConfig): readonly Finding[] {
  if (walls instanceof Error) return [problemOf('sandbox', walls)]
  const inner: Finding = { what: 'sandbox', status: 'ok', message: 'starts; the permission model of Node stands' }
  if (walls.includes('bubblewrap')) return [inner, { what: 'bubblewrap', status: 'ok', message: 'stands' }]
  const isThere = findBubblewrap(createProcessHost(SANDBOX_ENVIRONMENT)) !== undefined
  const message = isThere ? 'is installed, and a sandbox does not start behind it' : 'is not there'
  const hint = isThere
    ? 'The system may forbid user namespaces: see kernel.unprivileged_userns_clone, AppArmor, and the container.'
    : INSTALL_BUBBLEWRAP
  const isRequired = config.require.walls.includes('bubblewrap') || nodeMajor() < NODE_WITH_WALL
  const found: Pick<Finding, 'what' | 'message' | 'hint'> = { what: 'bubblewrap', message, hint }
  if (!isRequired) return [inner, { ...found, status: 'warning' }]
  return [inner, { ...found, status: 'problem', message: `${message}, and it is required`, exit: EXIT.missing }]
}

function findFolders({ folders, user }: CommandEnvironment): readonly Finding[] {
  const exits = { config: EXIT.invalid, state: EXIT.brokenTrail, cache: EXIT.invalid } as const
  return (['config', 'state', 'cache'] as const).map((name): Finding => {
    const path = folders[name]
    const what = `${name} folder`
    const stat = statOf(path)
    if (stat === undefined) return { what, status: 'ok', message: `${path} is not there yet` }
    const mode = `0${stat.mode.toString(8)}`
    if (stat.type !== 'directory') {
      return { what, status: 'problem', message: `${path} is no folder`, exit: exits[name] }
    }
    const isOurs = stat.uid === user.uid || stat.uid === 0
    if (!isOurs || (stat.mode & 0o022) !== 0) {
      const message = `${path} can be changed by others (mode ${mode})`
      return { what, status: 'problem', message, hint: `chmod 700 ${path}`, exit: exits[name] }
    }
    if ((stat.mode & 0o077) === 0) return { what, status: 'ok', message: `${path} (mode ${mode})` }
    return {
      what,
      status: 'warning',
      message: `${path} can be read by others (mode ${mode})`,
      hint: `chmod 700 ${path}`,
    }
  })
}

/** With links followed; undefined where there is nothing. */
function statOf(path: string): FileStat | undefined {
  try {
    const real = nodeFileHost.realPath(path)
    const above = nodeFileHost.openRoot(dirname(real))
    try {
      return real === '/'
        ? nodeFileHost.stat(above)
        : nodeFileHost.statEntry(above, real.slice(real.lastIndexOf('/') + 1))
    } finally {
      nodeFileHost.close(above)
    }
  } catch {
    return undefined
  }
}

/** Where it is wrong, the rest is looked at as if there were none. */
function findConfig(
  environment: CommandEnvironment,
  named: string | undefined,
): { readonly config: OperatorConfig; readonly finding: Finding } {
  const what = 'configuration'
  try {
    const config = readConfig(environment, named)
    const message =
      config.file === undefined
        ? `none; ${environment.folders.config}/config.yaml is not there`
        : `${config.file} is valid`
    return { config, finding: { what, status: 'ok', message } }
  } catch (error) {
    return { config: EMPTY_CONFIG, finding: problemOf(what, error) }
  }
}

/** Of the user who asks, and of no definition. */
function ownQuestion({ user }: CommandEnvironment, config: OperatorConfig): CredentialQuestion {
  return { config, user: user.name, owner: user.name, realPath: undefined, digest: '', realPathOf: () => undefined }
}

/** Where each would come from and whether it is there; every message is of the code that fetches it for a run. */
async function findCredentials(
  environment: CommandEnvironment,
  config: OperatorConfig,
  secrets: Secrets,
  keys: ProviderKeys,
): Promise<readonly Finding[]> {
  const providers = [...config.providers].map(async ([name, provider]): Promise<Finding> => {
    const what = `provider ${name}`
    const question = { config, environment: environment.variables, ...keys }
    try {
      const { baseURL } = await resolveProvider({ ...question, model: `${name}/any` })
      const using = provider.credential === undefined ? '' : ` with the credential ${provider.credential}`
      return { what, status: 'ok', message: `${baseURL}${using}` }
    } catch (error) {
      return problemOf(what, error)
    }
  })
  const credentials = [...config.credentials.keys()].map(async (name): Promise<Finding> => {
    const what = `credential ${name}`
    let origin = 'its source'
    try {
      origin = secrets.sourceOf(name).origin
      const secret = await keys.secretOf(name)
      const scopes = await scopesOf(config, secrets, keys, secret)
      const warnings = await warningsFor(environment, config, secrets, name, secret, scopes.unused)
      const message = [`is there, from ${origin}`, ...scopes.said].join('; ')
      if (warnings.length === 0) return { what, status: 'ok', message }
      return { what, status: 'warning', message: `${message}\n${warnings.join('\n')}` }
    } catch (error) {
      return { ...problemOf(what, error), message: `cannot be had from ${origin}: ${messageOf(error)}` }
    }
  })
  return await Promise.all([...providers, ...credentials])
}

interface Scopes {
  readonly unused: readonly string[]
  readonly said: readonly string[]
}

/** What its provider says that it may do, where it says so. */
async function scopesOf(
  config: OperatorConfig,
  secrets: Secrets,
  keys: ProviderKeys,
  secret: LiveSecret,
): Promise<Scopes> {
  const found = config.credentials.get(secret.credential)
  try {
    await keys.assertUsable(secret.credential)
  } catch (error) {
    return { unused: [], said: [messageOf(error)] }
  }
  if (found?.inject === undefined) return { unused: [], said: [] }
  const given = { rules: found.for, networks: config.networks.map(({ grant }) => grant) }
  try {
    const signal = AbortSignal.timeout(SCOPES_MS)
    const scopes = secret.scopes ?? (await askScopes(secret, found.inject, given, secrets.parts.http, signal))
    if (scopes === undefined || scopes.length === 0) return { unused: [], said: [] }
    return { unused: unusedScopes(scopes, given), said: [`with the scopes ${scopes.join(' ')}`] }
  } catch (error) {
    return { unused: [], said: [`GitHub could not be asked for its scopes: ${messageOf(error)}`] }
  }
}

async function warningsFor(
  { variables, user }: CommandEnvironment,
  { credentials, providers }: OperatorConfig,
  secrets: Secrets,
  name: string,
  secret: LiveSecret,
  unused: readonly string[],
): Promise<readonly string[]> {
  const found = credentials.get(name)
  if (found === undefined) return []
  const entries = found.source.kind === 'store' ? (await secrets.store()).secrets.list(user.name) : []
  return credentialWarnings({
    name,
    config: found,
    usedByProviders: new Set([...providers.values()].flatMap(({ credential }) => credential ?? [])),
    secret,
    unusedScopes: unused,
    stored: entries.find(({ credential, state }) => credential === name && state === 'current'),
    nowMs: Date.now(),
    isEphemeral: variables['CI'] === 'true',
  })
}

/** Without a definition nobody knows which model is wanted: that of the openai provider is the default. */
async function findDefaultProvider(
  environment: CommandEnvironment,
  config: OperatorConfig,
  keys: ProviderKeys,
): Promise<Finding> {
  const what = 'model'
  try {
    await resolveProvider({ config, environment: environment.variables, ...keys, model: 'openai/any' })
    return { what, status: 'ok', message: 'models of the provider openai can play' }
  } catch (error) {
    const hint = error instanceof RunAgentError && error.hint !== undefined ? { hint: error.hint } : {}
    const isOnlyMissing = config.providers.size > 0
    const message = isOnlyMissing
      ? 'no model of the provider openai can play; those above can'
      : 'no model can play, scripts can'
    return { what, status: isOnlyMissing ? 'ok' : 'warning', message, ...(isOnlyMissing ? {} : hint) }
  }
}

/** The newest run stands for all: to check every one takes as long as the trail is. */
function findTrail(path: string): Finding {
  const what = 'trail'
  if (statOf(path) === undefined) return { what, status: 'ok', message: `${path} is not there yet` }
  const hint = 'Run `run-agent audit verify`.'
  try {
    using reader = TrailReader.open(path, { isAlive })
    const [newest] = reader.runs({ limit: 1 })
    if (newest === undefined) return { what, status: 'ok', message: `${path} holds no run` }
    const verdict = reader.verifyRun(newest.id)
    if (verdict.ok) return { what, status: 'ok', message: `${path} opens, and its newest run is whole` }
    const message = `${path} is broken in its newest run: ${verdict.why}`
    return { what, status: 'problem', message, hint, exit: EXIT.brokenTrail }
  } catch (error) {
    return { ...problemOf(what, error), hint, exit: codeOf(error) === 'E_TRAIL' ? EXIT.brokenTrail : EXIT.failed }
  }
}

async function findDefinition(
  path: string,
  environment: CommandEnvironment,
  config: OperatorConfig,
  walls: Walls,
  keys: ProviderKeys,
): Promise<readonly Finding[]> {
  const place = definitionPlace(environment, path)
  const workshop = openWorkshop(environment, place.folder)
  try {
    const asked = { set: [], user: undefined, allowProtected: [], workspace: undefined, config: config.file }
    const { definition, tools } = await askedAgent(environment, config, workshop, place, asked)
    const stands = !(walls instanceof Error) && walls.includes('bubblewrap')
    const required = definition.require.map(({ wall, place: at }): Finding => {
      const what = `wall ${wall}`
      if (stands) return { what, status: 'ok', message: `stands, as ${at} requires` }
      return { what, status: 'problem', message: `${at} requires it, and it does not stand`, exit: EXIT.missing }
    })
    const valid: Finding = {
      what: 'definition',
      status: 'ok',
      message: `${definition.name} is valid, ${tools.length} tools`,
    }
    return [valid, await findPlayer(definition, environment, config, keys), ...required]
  } catch (error) {
    return [problemOf('definition', error)]
  } finally {
    workshop.close()
  }
}

async function findPlayer(
  definition: Parameters<typeof choosePlayer>[1],
  environment: CommandEnvironment,
  config: OperatorConfig,
  keys: ProviderKeys,
): Promise<Finding> {
  const what = 'model'
  try {
    const player = await choosePlayer({ script: undefined, model: undefined }, definition, config, environment, keys)
    if (player.kind === 'provider') return { what, status: 'ok', message: `${player.model} can play` }
    return {
      what,
      status: definition.model === undefined ? 'ok' : 'warning',
      message: `the script plays: ${player.why}`,
    }
  } catch (error) {
    return problemOf(what, error)
  }
}
