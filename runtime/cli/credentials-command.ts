/** `run-agent credentials`: what there is, who may use it, and how a value comes in, is changed and ends. Never a value. */
import { resolve } from 'node:path'
import {
  agentText,
  openGrants,
  type AgentIdentity,
  type Grants,
  type ListedGrant,
} from '../credentials/chain/grant-chain.ts'
import { openRevocations } from '../credentials/chain/revocations.ts'
import { logIn, type DeviceCode } from '../credentials/sources/oauth-login.ts'
import type { SecretEntry } from '../credentials/store/secret-store.ts'
import { createClientSecretSource } from '../credentials/sources/sources.ts'
import type { OperatorConfig } from '../definition/config.ts'
import type { CredentialConfig } from '../definition/config-credentials.ts'
import { didYouMean } from '../definition/suggest.ts'
import { messageOf, RunAgentError } from '../errors.ts'
import { nodeFileHost } from '../node-files.ts'
import { nodeLoopback } from '../node-loopback.ts'
import { nodeClock } from '../node-processes.ts'
import { printable } from '../printable.ts'
import { userOf } from './bound-definition.ts'
import { readConfig, readEnvironment, type CommandEnvironment } from './environment.ts'
import { EXIT } from './exit-codes.ts'
import { writeJson } from './output.ts'
import { readSecret } from './read-secret.ts'
import { Secrets, type OpenStore } from './secrets.ts'
import { spentOf, spentInWords } from './spent.ts'

export interface CredentialsArguments {
  readonly question: string
  readonly name: string | undefined
  readonly user: string | undefined
  readonly config: string | undefined
  readonly json: boolean
  /** `add`: the value waits until `rotate` makes it the current one. */
  readonly next: boolean
  /** `rotate`: those that are that old, as `7d`. */
  readonly due: string | undefined
  /** `revoke`: what of it ends, and why. */
  readonly agent: string | undefined
  readonly tool: string | undefined
  readonly value: number | undefined
  readonly reason: string | undefined
}

const QUESTIONS = ['list', 'add', 'login', 'rotate', 'revoke', 'grants'] as const

interface Desk {
  readonly args: CredentialsArguments
  readonly environment: CommandEnvironment
  readonly config: OperatorConfig
  readonly user: string
  readonly secrets: Secrets
}

export async function credentialsCommand(args: CredentialsArguments): Promise<number> {
  const environment = readEnvironment()
  const config = readConfig(environment, args.config)
  const secrets = new Secrets(environment, config, [])
  const desk: Desk = { args, environment, config, secrets, user: userOf(environment, args) }
  try {
    switch (args.question) {
      case 'list':
        return await list(desk)
      case 'add':
        return await add(desk)
      case 'login':
        return await login(desk)
      case 'rotate':
        return await rotate(desk)
      case 'revoke':
        return await revoke(desk)
      case 'grants':
        return await showGrants(desk)
    }
    throw new RunAgentError('E_USAGE', `credentials ${args.question}: there is no such question`, {
      hint: didYouMean(args.question, QUESTIONS) ?? `Ask one of ${QUESTIONS.join(', ')}.`,
    })
  } finally {
    await secrets.close()
  }
}

function say(line: string): void {
  process.stdout.write(`${printable(line)}\n`)
}

/** The credential that the words name. */
function nameOf({ args, config }: Desk): string {
  const { name, question } = args
  if (name === undefined) {
    throw new RunAgentError('E_USAGE', `credentials ${question} needs the name of a credential`, {
      hint: `The configuration has ${names(config)}.`,
    })
  }
  const found = config.credentials.get(name)
  if (found === undefined) {
    throw new RunAgentError('E_CREDENTIAL', `the configuration has no credential ${name}`, {
      hint: didYouMean(name, [...config.credentials.keys()]) ?? `It has ${names(config)}.`,
    })
  }
  return name
}

/** Only one of the store has values that somebody puts there. */
function storedCredential(desk: Desk): string {
  const name = nameOf(desk)
  const found = desk.config.credentials.get(name)
  if (found === undefined || found.source.kind === 'store') return name
  throw new RunAgentError('E_CREDENTIAL', `the values of ${name} do not lie in the store`, {
    hint: `${found.place} says where they come from: ${found.source.kind}.`,
  })
}

function names({ credentials }: OperatorConfig): string {
  return credentials.size === 0 ? 'none' : [...credentials.keys()].join(', ')
}

async function list(desk: Desk): Promise<number> {
  const { args, config, secrets, user } = desk
  const isStored = [...config.credentials.values()].some(({ source }) => source.kind === 'store')
  const entries = isStored ? (await secrets.store()).secrets.list(user) : []
  if (config.credentials.size === 0 && !args.json) say('no credentials are configured')
  for (const [name, found] of config.credentials) {
    const { origin } = secrets.sourceOf(name)
    const versions = entries.filter(({ credential, state }) => credential === name && state !== 'destroyed')
    if (args.json) {
      const agents = found.agents.map((agent) => ({ name: agent.name, ...agent.known, tools: agent.tools }))
      const rules = found.for.map(({ rule }) => rule)
      writeJson({ credential: name, origin, for: rules, agents, versions, spending: spentOf(desk, name, found) })
      continue
    }
    say(`${name} · from ${origin} · ${usersInWords(found)}`)
    for (const { rule } of found.for) say(`  for ${rule}`)
    for (const agent of found.agents)
      say(`  given to ${agent.tools.join(', ')} of ${agent.name} (${knownInWords(agent)})`)
    if (found.source.kind === 'store' && versions.length === 0)
      say(`  ${user} has no value: run-agent credentials add ${name}`)
    for (const version of versions) say(`  ${versionInWords(version)}`)
    for (const line of spentInWords(desk, name, found)) say(`  ${line}`)
  }
  return EXIT.completed
}

function usersInWords({ users }: CredentialConfig): string {
  return users === undefined ? 'its owner' : `users ${users.join(', ')}`
}

function knownInWords({ known }: CredentialConfig['agents'][number]): string {
  return 'from' in known ? known.from : known.lock
}

function versionInWords({ version, state, createdAtMs, expiresAtMs, exposedAtMs, lastUsedAtMs }: SecretEntry): string {
  const parts = [
    `version ${version} ${state}`,
    `since ${day(createdAtMs)}`,
    ...(expiresAtMs === undefined ? [] : [`expires ${day(expiresAtMs)}`]),
    lastUsedAtMs === undefined ? 'never used' : `last used ${day(lastUsedAtMs)}`,
    ...(exposedAtMs === undefined ? [] : [`EXPOSED ${day(exposedAtMs)}: replace it`]),
  ]
  return parts.join(' · ')
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16).replace('T', ' ')
}

async function add(desk: Desk): Promise<number> {
  const { args, secrets, user } = desk
  const name = storedCredential(desk)
  // Opened first: nobody types a secret for nothing.
  const { secrets: store } = await secrets.store()
  const value = await readSecret(`value of ${name} for ${user}: `)
  const version = store.put(user, name, { value }, args.next ? 'next' : 'current')
  if (args.json) writeJson({ credential: name, user, version, state: args.next ? 'next' : 'current' })
  else say(`${name} · version ${version} of ${user} is ${args.next ? 'next' : 'current'}`)
  return EXIT.completed
}

/** In a browser of this machine, or with a code on any other. */
async function login(desk: Desk): Promise<number> {
  const { args, config, secrets, user } = desk
  const name = nameOf(desk)
  const source = config.credentials.get(name)?.source
  if (source?.kind !== 'oauth') {
    throw new RunAgentError(
      'E_CREDENTIAL',
      `nobody logs in for the credential ${name}: it comes from ${source?.kind}`,
      {
        hint: 'Write source: { oauth: … } for it in the configuration.',
      },
    )
  }
  const { parts } = secrets
  const prompts = {
    showUrl: (url: string) => process.stderr.write(`open this in a browser:\n  ${printable(url)}\n`),
    showCode: ({ url, code }: DeviceCode) =>
      process.stderr.write(`open ${printable(url)} and enter the code ${printable(code)}\n`),
  }
  const secret = createClientSecretSource(name, source, parts)
  const stop = new AbortController()
  const interrupt = (): void => stop.abort(new RunAgentError('E_INTERRUPTED', 'nobody was logged in'))
  process.once('SIGINT', interrupt)
  try {
    const { scopes, expiresAtMs, mustLogInAgain } = await logIn(
      name,
      source,
      user,
      { ...parts, secret, loopback: nodeLoopback, prompts },
      stop.signal,
    )
    if (args.json) writeJson({ credential: name, user, scopes, expiresAtMs, mustLogInAgain })
    else {
      say(`${name} · ${user} is logged in${scopes.length === 0 ? '' : ` for ${scopes.join(' ')}`}`)
      if (mustLogInAgain && expiresAtMs !== undefined)
        say(`  until ${day(expiresAtMs)}: the issuer gave no refresh token`)
    }
    return EXIT.completed
  } finally {
    process.off('SIGINT', interrupt)
  }
}

/** Says it twice, and the second time nothing happens: made for cron. */
async function rotate(desk: Desk): Promise<number> {
  const { args, config, secrets, user } = desk
  const days = args.due === undefined ? 0 : daysOf(args.due)
  if (args.name === undefined && args.due === undefined) {
    throw new RunAgentError('E_USAGE', 'credentials rotate needs the name of a credential, or --due 7d')
  }
  const { secrets: store } = await secrets.store()
  const named = args.name === undefined ? undefined : storedCredential(desk)
  const due = store.due(user, nodeClock.now(), days).map(({ credential }) => credential)
  const wanted = named === undefined ? due : [named]
  let isMissing = false
  for (const credential of wanted.filter((name) => config.credentials.get(name)?.source.kind === 'store')) {
    const next = store.read(user, credential, 'next')
    store.destroyLapsed(user, credential)
    if (next === undefined) {
      // Without --due somebody asked for it by name, and there is nothing to put in its place.
      isMissing = true
      report(desk, credential, 'no next value', `run-agent credentials add ${credential} --next`)
      continue
    }
    store.promote(user, credential, next.version)
    report(desk, credential, `version ${next.version} is current`)
  }
  if (wanted.length === 0 && !args.json) say('nothing is due')
  return isMissing ? EXIT.missing : EXIT.completed
}

function report({ args, user }: Desk, credential: string, what: string, hint?: string): void {
  if (args.json) writeJson({ credential, user, rotated: hint === undefined, message: what })
  else say(`${credential} · ${what}${hint === undefined ? '' : `: ${hint}`}`)
}

function daysOf(text: string): number {
  const days = /^(\d{1,4})d$/.exec(text)?.[1]
  if (days !== undefined) return Number(days)
  throw new RunAgentError('E_USAGE', `--due ${text} must be a number of days, as in 7d`)
}

/** Ends grants, and with `--value` a version of a value. */
async function revoke(desk: Desk): Promise<number> {
  const { args, secrets, user, environment } = desk
  const { name, agent, tool, reason = 'revoked by the operator' } = args
  if (name === undefined && agent === undefined && tool === undefined) {
    throw new RunAgentError('E_USAGE', 'credentials revoke needs the name of a credential, --agent or --tool')
  }
  if (name !== undefined) nameOf(desk)
  const store = await secrets.store()
  if (args.value !== undefined) {
    const isDone = store.secrets.destroy(user, storedCredential(desk), args.value)
    if (args.json) writeJson({ credential: name, user, version: args.value, destroyed: isDone })
    else say(isDone ? `${name} · version ${args.value} of ${user} is destroyed` : `${name} · there is no such version`)
    return isDone ? EXIT.completed : EXIT.missing
  }
  const selection = {
    ...(name === undefined ? {} : { credential: name }),
    ...(agent === undefined ? {} : { agent: agentText(identityOf(agent, environment)) }),
    ...(tool === undefined ? {} : { tool }),
  }
  const by = environment.user.name
  openRevocations(store.file.database).add(user, selection, { atMs: nodeClock.now(), by, reason })
  const ended = grantsOf(secrets, store).revoke(user, selection, by, reason)
  if (args.json) writeJson({ user, ...selection, revoked: ended })
  else say(`revoked for ${user}: ${ended} grants ended, and none is made again before \`since\` says so`)
  return EXIT.completed
}

/** A lock, or a file as a run would know it. */
function identityOf(text: string, { currentFolder }: CommandEnvironment): AgentIdentity {
  if (text.startsWith('sha256-')) return { lock: text }
  try {
    return { from: nodeFileHost.realPath(resolve(currentFolder, text)) }
  } catch {
    throw new RunAgentError('E_USAGE', `--agent ${text}: there is no such definition`, {
      hint: 'Name the file of the definition, or the digest of its lock: sha256-…',
    })
  }
}

function grantsOf(secrets: Secrets, store: OpenStore): Grants {
  return openGrants(store.file.database, secrets.grantOptions(store))
}

async function showGrants({ args, secrets, user }: Desk): Promise<number> {
  const grants = grantsOf(secrets, await secrets.store())
  const shown = grants.list(user).filter(({ credential }) => args.name === undefined || credential === args.name)
  if (shown.length === 0 && !args.json) say(`${user} has no grants yet: the first run with a credential makes them`)
  for (const grant of shown) {
    if (args.json) writeJson({ ...grant, verified: stateOf(grants, user, grant) })
    else for (const line of grantLines(grant, stateOf(grants, user, grant))) say(line)
  }
  return EXIT.completed
}

/** As the next request would find it. */
function stateOf(grants: Grants, user: string, { id }: ListedGrant): string {
  try {
    const verified = grants.verify(user, id)
    return verified.ok ? 'holds' : `${verified.rule}: ${verified.why}`
  } catch (error) {
    return messageOf(error)
  }
}

const DEPTHS: Readonly<Record<ListedGrant['level'], number>> = { user: 0, agent: 1, tool: 2, action: 3 }

function grantLines(grant: ListedGrant, state: string): readonly string[] {
  const { level, credential, agent, tool, authority, changed, createdAtMs, id } = grant
  const what = { user: credential, agent: agent ?? '', tool: tool ?? '', action: id }[level]
  const indent = '  '.repeat(DEPTHS[level])
  return [
    `${indent}${level} ${what} · ${state} · since ${day(createdAtMs)} · ${id.slice(0, 8)}`,
    ...(level === 'tool' ? (authority?.rules ?? []).map((rule) => `${indent}  for ${rule}`) : []),
    ...changed.map(({ what: part, before, after }) => `${indent}  ${part} was ${before}, is ${after}`),
  ]
}
