/** `credentials` of the operator's configuration: where each comes from, how it is sent, for what, and for whom. */
import { dirname, resolve } from 'node:path'
import { isMap, isScalar } from 'yaml'
import type { CredentialSlot, HttpRule, Network } from '../policy/grant.ts'
import { forbiddenHeader } from '../policy/http-header.ts'
import { readSource, type CredentialSource } from './config-source.ts'
import { readSpending, type SpendingLimit } from './config-spending.ts'
import { quoted, type Field, type NodeReader } from './node-reader.ts'
import { readCredentialRules } from './parse-http.ts'

export interface CredentialConfig {
  readonly source: CredentialSource
  /** Undefined: as a provider of models expects; no tool is given it. */
  readonly inject: CredentialSlot | undefined
  /** The most that a tool may use it for; none: nothing. */
  readonly for: readonly HttpRule[]
  /** Undefined: the user whose configuration it is. */
  readonly users: readonly string[] | undefined
  readonly agents: readonly CredentialAgent[]
  /** Milliseconds since the Unix epoch; 0 and `never` where nothing is written. */
  readonly sinceMs: number
  readonly untilMs: number | 'never'
  /** What the answers of models may cost that are asked with it. */
  readonly spending: readonly SpendingLimit[]
  readonly place: string
}

/** A definition by its name, and by the file that holds it or the lock of what it is made of: a name proves nothing. */
export interface CredentialAgent {
  readonly name: string
  /** `from`: absolute. */
  readonly known: { readonly from: string } | { readonly lock: string }
  readonly tools: readonly string[]
  readonly place: string
}

const CREDENTIAL_KEYS = {
  supported: ['source', 'inject', 'for', 'users', 'agents', 'since', 'until', 'spending'],
  unsupported: [],
} as const
const INJECT_KEYS = { supported: ['header', 'format', 'basic', 'query'], unsupported: ['sigv4'] } as const
const AGENT_KEYS = { supported: ['from', 'lock', 'tools'], unsupported: [] } as const

const NAME = /^[a-z][a-z0-9_-]*$/
const TOOL_NAME = /^[a-z][a-z0-9_]*$/
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/
const LOCK = /^sha256-[0-9a-f]{64}$/
/** RFC 7617 section 2: no colon in the user's name, which ends there. */
const BASIC_USERNAME = /^[!-9;-~]+$/
const QUERY_KEY = /^[A-Za-z0-9_.~-]+$/

export interface CredentialSurroundings {
  readonly networks: readonly Network[]
  /** The names that providers of models use. */
  readonly ofProviders: ReadonlySet<string>
  /** The configuration; relative paths in it start at its folder. */
  readonly file: string
}

export function readCredential(
  reader: NodeReader,
  field: Field,
  { networks, ofProviders, file }: CredentialSurroundings,
): CredentialConfig | undefined {
  const fields = reader.fields(field, CREDENTIAL_KEYS, 'a credential')
  if (fields === undefined) return undefined
  const [sourceField, injectField, forField, usersField, agentsField, sinceField, untilField, spendingField] =
    CREDENTIAL_KEYS.supported.map((key) => fields.get(key))
  if (sourceField === undefined) reader.problems.add(field.at, `the credential ${quoted(field.key)} has no \`source\``)
  if (agentsField !== undefined && (forField === undefined || injectField === undefined)) {
    reader.problems.add(
      agentsField.at,
      '`agents` can never take effect without `for` and `inject`',
      'they say which requests the credential is for, and where it is written',
    )
  }
  if (forField !== undefined && agentsField === undefined) {
    reader.problems.add(forField.at, '`for` can never take effect: no definition has the credential', 'write `agents`')
  }
  const source = sourceField && readSource(reader, sourceField, file)
  const inject = injectField && readInject(reader, injectField)
  const rules = forField && readCredentialRules(reader, forField, networks)
  const users = usersField && readNames(reader, usersField, 'user', /^[^\s]+$/)
  const agents = (agentsField && reader.entries(agentsField)) ?? []
  if (agentsField !== undefined && agents.length === 0) reader.problems.add(agentsField.at, '`agents` is empty')
  const known = agents.flatMap((agent) => readAgent(reader, agent, file) ?? [])
  const sinceMs = (sinceField && readTime(reader, sinceField)) ?? 0
  const untilMs = (untilField && readTime(reader, untilField)) ?? 'never'
  if (untilField !== undefined && untilMs !== 'never' && untilMs <= sinceMs) {
    reader.problems.add(untilField.at, '`until` is not after `since`: the credential can never be used')
  }
  const spending = (spendingField && readSpending(reader, spendingField)) ?? []
  if (spendingField !== undefined && !ofProviders.has(field.key)) {
    reader.problems.add(
      spendingField.at,
      '`spending` can never take effect: no provider of models uses the credential',
      'only the answers of models are counted',
    )
  }
  if (spendingField !== undefined && agentsField !== undefined) {
    reader.problems.add(
      spendingField.at,
      '`spending` would not count what tools do with the credential: `agents` gives it to some',
      'give them another one',
    )
  }
  if (source === undefined) return undefined
  const place = reader.problems.placeOf(field.at)
  return { source, inject, for: rules ?? [], users, agents: known, sinceMs, untilMs, spending, place }
}

function readInject(reader: NodeReader, field: Field): CredentialSlot | undefined {
  const fields = reader.fields(field, INJECT_KEYS, '`inject`')
  if (fields === undefined) return undefined
  const { problems } = reader
  const text = (key: string): string | undefined => {
    const found = fields.get(key)
    return found && reader.text(found)
  }
  const refuse = (key: string, message: string): void => problems.add(fields.get(key)?.valueAt ?? field.at, message)
  const forms = ['header', 'basic', 'query'].filter((key) => fields.has(key))
  const isOne = forms.length === 1 && fields.has('header') === fields.has('format')
  if (!isOne) {
    // Where the only form is one that is not supported yet, that has been said.
    if (fields.size > 0 || !holdsKey(field)) {
      const all = '{ header: NAME, format: "… {secret}" }, { basic: USERNAME } and { query: NAME }'
      problems.add(field.at, `\`inject\` must be exactly one of ${all}`)
    }
    return undefined
  }
  const [header, format, username, key] = ['header', 'format', 'basic', 'query'].map(text)
  if (username !== undefined) {
    if (BASIC_USERNAME.test(username)) return { kind: 'basic', username }
    refuse('basic', '`basic` must be the name of a user, in visible ASCII and without a colon')
  }
  if (key !== undefined) {
    if (QUERY_KEY.test(key)) return { kind: 'query', key }
    refuse('query', '`query` must be the name of a key: letters, digits, `_`, `-`, `.` and `~`')
  }
  if (header === undefined || format === undefined) return undefined
  const name = header.toLowerCase()
  const why = ['authorization', 'cookie'].includes(name) ? undefined : forbiddenHeader(name)
  if (!HEADER_NAME.test(header)) refuse('header', '`header` must be the name of an HTTP header')
  else if (why !== undefined) refuse('header', `\`header\`: ${header} carries no credential: ${why}`)
  else if (format.split('{secret}').length !== 2) refuse('format', '`format` must hold `{secret}` exactly once')
  else if (!/^[\t -~]*$/.test(format)) refuse('format', '`format` must be visible ASCII')
  else return { kind: 'header', header: name, format }
  return undefined
}

function readAgent(reader: NodeReader, field: Field, file: string): CredentialAgent | undefined {
  const { problems } = reader
  if (!NAME.test(field.key)) {
    problems.add(field.at, 'the name of an agent must be lower-case letters, digits, `_` and `-`')
  }
  const fields = reader.section(field, AGENT_KEYS, 'an agent')
  if (fields === undefined) return undefined
  const [from, lock, tools] = AGENT_KEYS.supported.map((key) => fields.get(key))
  const named = from ?? lock
  if (named === undefined || (from !== undefined && lock !== undefined)) {
    const hint = 'anybody can give a definition any name'
    problems.add(field.at, 'an agent must be known by exactly one of `from: PATH` and `lock: sha256-…`', hint)
    return undefined
  }
  if (tools === undefined) problems.add(field.at, 'an agent must have `tools`: those that are given the credential')
  const names = tools && readNames(reader, tools, 'tool', TOOL_NAME)
  const text = reader.text(named)
  if (text === undefined || names === undefined) return undefined
  const known = { name: field.key, tools: names, place: problems.placeOf(field.at) }
  if (from !== undefined) return { ...known, known: { from: resolve(dirname(file), text) } }
  if (LOCK.test(text)) return { ...known, known: { lock: text } }
  problems.add(named.valueAt, '`lock` must be a digest as `run-agent lock` prints it: sha256-…')
  return undefined
}

/** RFC 3339: a time without its zone would be another one on another machine. */
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2})?(?:Z|[+-]\d{2}:\d{2})$/

function readTime(reader: NodeReader, field: Field): number | undefined {
  const text = reader.text(field)
  if (text === undefined) return undefined
  const ms = TIME.test(text) && isDay(text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(ms)) return ms
  reader.problems.add(field.valueAt, `\`${field.key}\` must be a time with its zone, as 2026-12-31T18:00Z`)
  return undefined
}

/** `Date.parse` makes the second of March of the thirtieth of February. */
function isDay(text: string): boolean {
  const [year = 0, month = 0, day = 0] = text.slice(0, 10).split('-').map(Number)
  const date = new Date(Date.UTC(year, month - 1, day))
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day
}

/** Each once. */
function readNames(reader: NodeReader, field: Field, what: string, form: RegExp): readonly string[] | undefined {
  const items = reader.items(field)
  if (items === undefined) return undefined
  const names = new Set<string>()
  for (const item of items) {
    const name = reader.text(item)
    if (name === undefined) continue
    if (!form.test(name)) reader.problems.add(item.valueAt, `${quoted(name)} is no name of a ${what}`)
    else if (names.has(name)) reader.problems.add(item.at, `${quoted(name)} is written twice`)
    else names.add(name)
  }
  return [...names]
}

/** Whether a key stands in it that is not free. */
function holdsKey({ value }: Field): boolean {
  return isMap(value) && value.items.some(({ key }) => !(isScalar(key) && String(key.value).startsWith('x-')))
}
