/**
 * The operator's configuration: which providers there are, where credentials come from, where the trail lies. As
 * strict as a definition. Values only: nothing is read from where they point to.
 */

import { isMap, isScalar } from 'yaml'
import { readCeiling, readProtected, type Ceiling, type ProtectedGrant } from './config-bounds.ts'
import { readCredential, type CredentialConfig } from './config-credentials.ts'
import { readNetworks, type NetworkConfig } from './config-networks.ts'
import { readStore, type StoreConfig } from './config-store.ts'
import { NodeReader, type Field, type Fields } from './node-reader.ts'
import { PRICE_USD_MAX } from '../limits.ts'
import { didYouMean } from './suggest.ts'
import { parseYaml } from './yaml-source.ts'

export interface OperatorConfig {
  /** The file that relative paths in it start at; undefined if there is none. */
  readonly file: string | undefined
  readonly providers: ReadonlyMap<string, ProviderConfig>
  readonly credentials: ReadonlyMap<string, CredentialConfig>
  /** Values for the settings of definitions. */
  readonly settings: ReadonlyMap<string, string>
  readonly audit: { readonly file: string | undefined }
  readonly require: { readonly walls: readonly 'bubblewrap'[] }
  readonly ceiling: Ceiling
  readonly protected: readonly ProtectedGrant[]
  readonly networks: readonly NetworkConfig[]
  readonly store: StoreConfig
}

export interface ProviderConfig {
  /** A name in `credentials`; undefined for a provider that asks for none. */
  readonly credential: string | undefined
  readonly baseUrl: string | undefined
  readonly api: 'responses' | 'chat'
  /** By the model's name at the provider. */
  readonly prices: ReadonlyMap<string, Price>
}

/** US dollars for a million tokens. */
export interface Price {
  readonly input: number
  readonly output: number
}

/** What holds where there is no configuration file. */
export const EMPTY_CONFIG: OperatorConfig = {
  file: undefined,
  providers: new Map(),
  credentials: new Map(),
  settings: new Map(),
  audit: { file: undefined },
  require: { walls: [] },
  ceiling: { turns: undefined, usd: undefined },
  protected: [],
  networks: [],
  store: { file: undefined, key: undefined },
}

const CONFIG_KEYS = {
  supported: ['providers', 'credentials', 'audit', 'require', 'settings', 'ceiling', 'protected', 'networks', 'store'],
  unsupported: [],
} as const
const PROVIDER_KEYS = { supported: ['credential', 'baseURL', 'api', 'prices'], unsupported: [] } as const
const PRICE_KEYS = { supported: ['input', 'output'], unsupported: [] } as const
const AUDIT_KEYS = { supported: ['file'], unsupported: ['heads'] } as const
const REQUIRE_KEYS = { supported: ['walls'], unsupported: [] } as const

const NAME = /^[a-z][a-z0-9_-]*$/

/** Throws ProblemsError; its problems quote no line, because a secret may stand where it should not. */
export function parseConfig(input: { readonly file: string; readonly text: string | Uint8Array }): OperatorConfig {
  const { root, problems } = parseYaml('configuration', input.file, input.text)
  const reader = new NodeReader(problems)
  if (root !== undefined && !isMap(root)) {
    problems.add(root.range?.[0] ?? 0, 'a configuration must be a mapping')
    throw problems.error()
  }
  const top: Field = { key: 'configuration', at: 0, value: root, valueAt: 0 }
  const fields = reader.fields(top, CONFIG_KEYS, 'the configuration')
  const providers = fields?.get('providers')
  const credentials = fields?.get('credentials')
  const networks = readNetworks(reader, fields?.get('networks'), input.file)
  const surroundings = {
    networks: networks.map(({ grant }) => grant),
    ofProviders: namesOfCredentials(providers),
    file: input.file,
  }
  const config: OperatorConfig = {
    file: input.file,
    credentials: readNamed(reader, credentials, 'credential', (field) => readCredential(reader, field, surroundings)),
    providers: readNamed(reader, providers, 'provider', (field) => readProvider(reader, field, credentials)),
    settings: readSettings(reader, fields?.get('settings')),
    audit: { file: readAudit(reader, fields?.get('audit')) },
    require: { walls: readWalls(reader, fields?.get('require')) },
    ceiling: readCeiling(reader, fields?.get('ceiling')),
    protected: readProtected(reader, fields?.get('protected'), input.file),
    networks,
    store: readStore(reader, fields?.get('store'), input.file),
  }
  problems.throwIfAny()
  return Object.freeze(config)
}

/** Those that a provider names, whatever else is wrong with it. */
function namesOfCredentials(providers: Field | undefined): ReadonlySet<string> {
  const entries = isMap(providers?.value) ? providers.value.items : []
  const named = entries.map(({ value }) => (isMap(value) ? value.get('credential') : undefined))
  return new Set(named.filter((name) => typeof name === 'string'))
}

function readNamed<Value>(
  reader: NodeReader,
  field: Field | undefined,
  what: string,
  read: (entry: Field) => Value | undefined,
): ReadonlyMap<string, Value> {
  const values = new Map<string, Value>()
  for (const entry of (field && reader.entries(field)) ?? []) {
    if (!NAME.test(entry.key)) {
      reader.problems.add(entry.at, `the name of a ${what} must be lower-case letters, digits, \`_\` and \`-\``)
    }
    const value = read(entry)
    if (value !== undefined) values.set(entry.key, value)
  }
  return values
}

function readProvider(reader: NodeReader, field: Field, credentials: Field | undefined): ProviderConfig | undefined {
  const fields = reader.fields(field, PROVIDER_KEYS, 'a provider')
  if (fields === undefined) return undefined
  const credential = textOf(reader, fields, 'credential')
  const pairs = isMap(credentials?.value) ? credentials.value.items : []
  const names = pairs.map(({ key }) => (isScalar(key) ? String(key.value) : ''))
  if (credential !== undefined && !names.includes(credential)) {
    const at = fields.get('credential')?.valueAt ?? field.at
    reader.problems.add(at, '`credential` names no entry of `credentials`', didYouMean(credential, names))
  }
  const api = fields.get('api')
  const baseUrl = fields.get('baseURL')
  return {
    credential,
    baseUrl: baseUrl && readBaseUrl(reader, baseUrl),
    api: (api && reader.choice(api, ['responses', 'chat'] as const)) ?? 'responses',
    prices: readPrices(reader, fields.get('prices')),
  }
}

function readPrices(reader: NodeReader, field: Field | undefined): ReadonlyMap<string, Price> {
  const prices = new Map<string, Price>()
  const entries = (field && reader.entries(field)) ?? []
  if (field !== undefined && entries.length === 0) reader.problems.add(field.at, '`prices` is empty')
  for (const entry of entries) {
    const fields = reader.section(entry, PRICE_KEYS, 'a price')
    const [input, output] = PRICE_KEYS.supported.map((key) => fields?.get(key))
    if (fields !== undefined && (input === undefined || output === undefined)) {
      reader.problems.add(entry.at, 'a price must have `input` and `output`, in US dollars for a million tokens')
    }
    const [perInput, perOutput] = [input, output].map((part) => part && reader.number(part, 0, PRICE_USD_MAX))
    if (perInput !== undefined && perOutput !== undefined) prices.set(entry.key, { input: perInput, output: perOutput })
  }
  return prices
}

/** `https`, or `http` to this machine by its address: a name could resolve to another. */
function readBaseUrl(reader: NodeReader, field: Field): string | undefined {
  const text = reader.text(field)
  if (text === undefined) return undefined
  const refuse = (message: string): undefined => {
    reader.problems.add(field.valueAt, `\`baseURL\` ${message}`)
  }
  const url = URL.parse(text)
  if (url === null) return refuse('must be a URL')
  const isLoopback = /^127(?:\.\d+){3}$/.test(url.hostname) || url.hostname === '[::1]'
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback)) {
    return refuse('must be https, or http to a loopback address such as 127.0.0.1')
  }
  if (url.username !== '' || url.password !== '') return refuse('must not hold a user name or password')
  if (url.search !== '' || url.hash !== '') return refuse('must not hold a query or fragment')
  return text
}

/** Compared with what a definition permits once one asks for them. */
function readSettings(reader: NodeReader, field: Field | undefined): ReadonlyMap<string, string> {
  const entries = (field && reader.entries(field)) ?? []
  if (field !== undefined && entries.length === 0) reader.problems.add(field.at, '`settings` is empty')
  const values = entries.map((entry) => [entry.key, reader.text(entry) ?? ''] as const)
  return new Map(values)
}

function readAudit(reader: NodeReader, field: Field | undefined): string | undefined {
  const fields = field && reader.section(field, AUDIT_KEYS, '`audit`')
  return fields && textOf(reader, fields, 'file')
}

function readWalls(reader: NodeReader, field: Field | undefined): readonly 'bubblewrap'[] {
  const walls = (field && reader.section(field, REQUIRE_KEYS, '`require`'))?.get('walls')
  const items = (walls && reader.items(walls)) ?? []
  return items.map((item) => reader.choice(item, ['bubblewrap'] as const)).filter((wall) => wall !== undefined)
}

function textOf(reader: NodeReader, fields: Fields, key: string): string | undefined {
  const field = fields.get(key)
  return field && reader.text(field)
}

const WRITABLE_BY_OTHERS = 0o022

/**
 * Why a configuration file may not be trusted, or nothing: whoever can write it says where secrets come from. It
 * must belong to the user or root and be writable by nobody else.
 */
export function checkConfigOwner(
  stat: { readonly uid: number; readonly mode: number },
  ownUid: number,
): string | undefined {
  if (stat.uid !== ownUid && stat.uid !== 0) return 'the configuration must belong to you or to root'
  if ((stat.mode & WRITABLE_BY_OTHERS) !== 0) {
    const mode = (stat.mode & 0o777).toString(8).padStart(4, '0')
    return `the configuration must be writable by its owner alone, but its mode is ${mode}; run chmod go-w on it`
  }
  return undefined
}
