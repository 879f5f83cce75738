/** `source` of a credential in the operator's configuration: where its values come from. Nothing is read from there. */
import { dirname, isAbsolute, resolve } from 'node:path'
import { isMap, isScalar } from 'yaml'
import { COMMAND_ARGUMENTS_MAX } from '../limits.ts'
import { quoted, type Field, type Fields, type NodeReader } from './node-reader.ts'

/** A path or an argument may hold `${user}`; paths are absolute. */
export type CredentialSource = PlainSource | GitHubAppSource | OAuthSource

/** What a nested secret may come from: nothing that needs a secret of its own. */
export type PlainSource =
  | { readonly kind: 'env'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'env-file'; readonly path: string; readonly key: string }
  | { readonly kind: 'exec'; readonly file: string; readonly args: readonly string[] }
  | { readonly kind: 'store' }

export interface GitHubAppSource {
  readonly kind: 'github-app'
  /** Its number or its client id. */
  readonly app: string
  readonly installation: string
  readonly key: PlainSource
  /** Names without their owner, each once. */
  readonly repositories: readonly string[]
  readonly permissions: ReadonlyMap<string, PermissionLevel>
  /** Without a slash at its end. */
  readonly baseURL: string
}

export type PermissionLevel = 'read' | 'write' | 'admin'

export interface OAuthSource {
  readonly kind: 'oauth'
  readonly issuer: OAuthIssuer
  readonly client: string
  /** Undefined: a public client. */
  readonly secret: PlainSource | undefined
  readonly scopes: readonly string[]
  /** Sent besides with the request that asks for the authority. */
  readonly parameters: ReadonlyMap<string, string>
  readonly flow: 'code' | 'device' | 'client'
}

/** An issuer says itself where its endpoints are (RFC 8414, OpenID Connect Discovery); one that does not is told. */
export type OAuthIssuer =
  | { readonly url: string }
  /** `authorization`: of a `device` flow, the device authorization endpoint (RFC 8628); undefined for `client`. */
  | { readonly authorization: string | undefined; readonly token: string }

const PLAIN_KINDS = ['env', 'file', 'env-file', 'exec', 'store'] as const
const KINDS = [...PLAIN_KINDS, 'github-app', 'oauth'] as const
const UNSUPPORTED_KINDS = ['keyring', 'vault', 'aws-secret', 'aws-role'] as const
/** Keys that stand beside their kind. */
const BESIDE = { supported: ['key'], unsupported: ['field', 'auth', 'session'] } as const

const SOURCE_KEYS = {
  supported: [...KINDS, ...BESIDE.supported],
  unsupported: [...UNSUPPORTED_KINDS, ...BESIDE.unsupported],
} as const
const GITHUB_APP_KEYS = {
  supported: ['app', 'installation', 'key', 'repositories', 'permissions', 'baseURL'],
  unsupported: [],
} as const
const OAUTH_KEYS = {
  supported: ['issuer', 'authorization', 'token', 'client', 'secret', 'scopes', 'parameters', 'flow'],
  unsupported: [],
} as const

const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/
const APP = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
const REPOSITORY = /^[A-Za-z0-9._-]{1,100}$/
const PERMISSION = /^[a-z][a-z0-9_]{0,63}$/
/** RFC 6749 section 3.3. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/
const GITHUB = 'https://api.github.com'
const ID_MAX = Number.MAX_SAFE_INTEGER

/** What the flows write themselves (RFC 6749, 7636, 8628; OpenID Connect Core): a second one could undo a check. */
const OWN_PARAMETERS: ReadonlySet<string> = new Set(
  (
    'client_id client_secret client_assertion client_assertion_type grant_type response_type response_mode ' +
    'redirect_uri scope state nonce code code_verifier code_challenge code_challenge_method device_code user_code ' +
    'refresh_token request request_uri dpop_jkt'
  ).split(' '),
)

/** `file`: the configuration; relative paths in it start at its folder. */
export function readSource(reader: NodeReader, field: Field, file: string): CredentialSource | undefined {
  const found = readKind(reader, field, KINDS, '`source`')
  if (found === undefined) return undefined
  if (found.kind === 'github-app') return readGitHubApp(reader, found.value, file)
  if (found.kind === 'oauth') return readOAuth(reader, found.value, file)
  return readPlain(reader, { ...found, kind: found.kind }, file)
}

interface FoundKind<Kind extends string> {
  readonly kind: Kind
  readonly value: Field
  readonly fields: Fields
}

/** The one key that says which kind of source it is. */
function readKind<Kind extends (typeof KINDS)[number]>(
  reader: NodeReader,
  field: Field,
  kinds: readonly Kind[],
  where: string,
): FoundKind<Kind> | undefined {
  const fields = reader.section(field, SOURCE_KEYS, where)
  if (fields === undefined) return undefined
  const written = KINDS.filter((kind) => fields.has(kind))
  const kind = kinds.find((candidate) => candidate === written[0])
  const value = kind && fields.get(kind)
  if (written.length !== 1 || kind === undefined || value === undefined) {
    // Where the only form is one that is not supported yet or is unknown, that has been said.
    if (written.length > 0 || !holdsOther(field, fields)) {
      reader.problems.add(field.at, `${where} must be exactly one of ${kinds.map(quoted).join(', ')}`)
    }
    return undefined
  }
  const key = fields.get('key')
  if (key !== undefined && kind !== 'env-file') {
    reader.problems.add(key.at, '`key` stands beside `env-file` alone')
    return undefined
  }
  return { kind, value, fields }
}

function readPlain(
  reader: NodeReader,
  { kind, value, fields }: FoundKind<(typeof PLAIN_KINDS)[number]>,
  file: string,
): PlainSource | undefined {
  switch (kind) {
    case 'env': {
      const name = readMatching(reader, value, ENV_NAME, 'must be the name of an environment variable')
      return name === undefined ? undefined : { kind, name }
    }
    case 'file': {
      const path = readPath(reader, value, file)
      return path === undefined ? undefined : { kind, path }
    }
    case 'env-file': {
      const keyField = fields.get('key')
      if (keyField === undefined) reader.problems.add(value.at, '`env-file` needs a `key` beside it')
      const path = readPath(reader, value, file)
      const key = keyField && readMatching(reader, keyField, ENV_NAME, 'must be the name of a variable in the file')
      return path === undefined || key === undefined ? undefined : { kind, path, key }
    }
    case 'exec':
      return readCommand(reader, value)
    case 'store':
      return reader.flag(value) && { kind }
  }
}

function readNested(reader: NodeReader, field: Field, file: string): PlainSource | undefined {
  const found = readKind(reader, field, PLAIN_KINDS, quoted(field.key))
  return found && readPlain(reader, found, file)
}

/** `${user}` is kept. */
function readPath(reader: NodeReader, field: Field, file: string): string | undefined {
  const path = readWithUser(reader, field)
  return path === undefined ? undefined : resolve(dirname(resolve(file)), path)
}

function readCommand(reader: NodeReader, field: Field): PlainSource | undefined {
  const items = reader.items(field)
  if (items !== undefined && items.length > COMMAND_ARGUMENTS_MAX) {
    reader.problems.add(field.at, `\`exec\` has more than ${COMMAND_ARGUMENTS_MAX} arguments`)
    return undefined
  }
  const words = items?.map((item) => readWithUser(reader, item))
  const [program, ...args] = words ?? []
  if (items === undefined || program === undefined || !args.every((word) => word !== undefined)) return undefined
  if (isAbsolute(program)) return { kind: 'exec', file: program, args }
  const hint = 'no shell is asked, and no PATH'
  reader.problems.add(items[0]?.valueAt ?? field.at, 'the command in `exec` must be an absolute path', hint)
  return undefined
}

function readWithUser(reader: NodeReader, field: Field): string | undefined {
  const text = reader.text(field)
  if (text === undefined || !text.replaceAll('${user}', '').includes('${')) return text
  reader.problems.add(field.valueAt, 'only `${user}` is replaced here')
  return undefined
}

function readGitHubApp(reader: NodeReader, field: Field, file: string): GitHubAppSource | undefined {
  const fields = reader.section(field, GITHUB_APP_KEYS, '`github-app`')
  if (fields === undefined || !hasAll(reader, field, fields, GITHUB_APP_KEYS.supported.slice(0, 5))) return undefined
  const part = <Value>(key: (typeof GITHUB_APP_KEYS.supported)[number], read: (of: Field) => Value) => {
    const of = fields.get(key)
    return of && read(of)
  }
  const app = part('app', (of) => readId(reader, of))
  const installation = part('installation', (of) => reader.integer(of, 1, ID_MAX))
  const key = part('key', (of) => readNested(reader, of, file))
  const repositories = part('repositories', (of) =>
    readList(reader, of, REPOSITORY, 'is not the name of a repository, without its owner'),
  )
  const permissions = part('permissions', (of) => readPermissions(reader, of))
  const baseURL = fields.has('baseURL') ? part('baseURL', (of) => readServerUrl(reader, of)) : GITHUB
  if (app === undefined || installation === undefined || key === undefined || baseURL === undefined) return undefined
  if (repositories === undefined || permissions === undefined) return undefined
  return {
    kind: 'github-app',
    app,
    installation: String(installation),
    key,
    repositories,
    permissions,
    baseURL: baseURL.replace(/\/+$/, ''),
  }
}

function readId(reader: NodeReader, field: Field): string | undefined {
  const isNumber = isScalar(field.value) && typeof field.value.value === 'number'
  if (!isNumber) return readMatching(reader, field, APP, 'must be the number or the client id of the app')
  const number = reader.integer(field, 1, ID_MAX)
  return number === undefined ? undefined : String(number)
}

function readPermissions(reader: NodeReader, field: Field): ReadonlyMap<string, PermissionLevel> | undefined {
  const entries = reader.entries(field)
  if (entries?.length === 0) reader.problems.add(field.at, '`permissions` is empty')
  const levels = new Map<string, PermissionLevel>()
  for (const entry of entries ?? []) {
    const level = reader.choice(entry, ['read', 'write', 'admin'] as const)
    if (!PERMISSION.test(entry.key)) reader.problems.add(entry.at, `${quoted(entry.key)} is not a permission of GitHub`)
    if (level !== undefined) levels.set(entry.key, level)
  }
  return levels.size === 0 ? undefined : levels
}

function readOAuth(reader: NodeReader, field: Field, file: string): OAuthSource | undefined {
  const fields = reader.section(field, OAUTH_KEYS, '`oauth`')
  if (fields === undefined || !hasAll(reader, field, fields, ['client', 'flow'])) return undefined
  const part = <Value>(key: (typeof OAUTH_KEYS.supported)[number], read: (of: Field) => Value) => {
    const of = fields.get(key)
    return of && read(of)
  }
  const flow = part('flow', (of) => reader.choice(of, ['code', 'device', 'client'] as const))
  const client = part('client', (of) => reader.text(of))
  const secret = part('secret', (of) => readNested(reader, of, file))
  const scopes = part('scopes', (of) => readList(reader, of, SCOPE, 'is not a scope (RFC 6749 section 3.3)'))
  const parameters = part('parameters', (of) => readParameters(reader, of))
  const issuer = flow && readIssuer(reader, field, fields, flow)
  if (flow === 'client' && !fields.has('secret')) {
    reader.problems.add(field.at, '`flow: client` needs a `secret`: nothing else tells who asks')
    return undefined
  }
  const isWhole = ['secret', 'scopes', 'parameters'].every(
    (key) => !fields.has(key) || { secret, scopes, parameters }[key] !== undefined,
  )
  if (flow === undefined || client === undefined || issuer === undefined || !isWhole) return undefined
  return { kind: 'oauth', issuer, client, secret, scopes: scopes ?? [], parameters: parameters ?? new Map(), flow }
}

function readIssuer(
  reader: NodeReader,
  field: Field,
  fields: Fields,
  flow: OAuthSource['flow'],
): OAuthIssuer | undefined {
  const [issuerField, authorizationField, tokenField] = ['issuer', 'authorization', 'token'].map((key) =>
    fields.get(key),
  )
  const wanted = flow === 'client' ? '`issuer`, or `token`' : '`issuer`, or `authorization` and `token`'
  const isTold = tokenField !== undefined && (authorizationField !== undefined) === (flow !== 'client')
  if ((issuerField === undefined) === (tokenField === undefined && authorizationField === undefined)) {
    reader.problems.add(field.at, `\`oauth\` with \`flow: ${flow}\` must have ${wanted}`)
    return undefined
  }
  if (issuerField !== undefined) {
    const url = readServerUrl(reader, issuerField)
    return url === undefined ? undefined : { url }
  }
  if (!isTold) {
    reader.problems.add(field.at, `\`oauth\` with \`flow: ${flow}\` must have ${wanted}`)
    return undefined
  }
  const token = readServerUrl(reader, tokenField)
  const authorization = authorizationField && readServerUrl(reader, authorizationField)
  if (token === undefined || (authorizationField !== undefined && authorization === undefined)) return undefined
  return { authorization, token }
}

function readParameters(reader: NodeReader, field: Field): ReadonlyMap<string, string> | undefined {
  const entries = reader.entries(field)
  if (entries?.length === 0) reader.problems.add(field.at, '`parameters` is empty')
  const values = new Map<string, string>()
  for (const entry of entries ?? []) {
    const value = reader.text(entry)
    if (OWN_PARAMETERS.has(entry.key.toLowerCase())) {
      reader.problems.add(entry.at, `${quoted(entry.key)} is written by the flow itself`)
    } else if (!/^[A-Za-z0-9_.:-]{1,64}$/.test(entry.key)) {
      reader.problems.add(entry.at, `${quoted(entry.key)} is not the name of a parameter`)
    } else if (value !== undefined) values.set(entry.key, value)
  }
  return values.size === entries?.length && values.size > 0 ? values : undefined
}

/** `https`, or `http` to this machine by its address: a name could resolve to another. */
function readServerUrl(reader: NodeReader, field: Field): string | undefined {
  const text = reader.text(field)
  if (text === undefined) return undefined
  const mistake = serverUrlMistake(text)
  if (mistake === undefined) return text
  reader.problems.add(field.valueAt, `${quoted(field.key)} ${mistake}`)
  return undefined
}

function serverUrlMistake(text: string): string | undefined {
  const url = URL.parse(text)
  if (url === null) return 'must be a URL'
  const isLoopback = /^127(?:\.\d+){3}$/.test(url.hostname) || url.hostname === '[::1]'
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback)) {
    return 'must be https, or http to a loopback address such as 127.0.0.1'
  }
  if (url.username !== '' || url.password !== '') return 'must not hold a user name or password'
  return /[?#]/.test(text) ? 'must not hold a query or fragment' : undefined
}

function readList(reader: NodeReader, field: Field, shape: RegExp, mistake: string): readonly string[] | undefined {
  const items = reader.items(field)
  const texts = new Set<string>()
  for (const item of items ?? []) {
    const text = reader.text(item)
    if (text === undefined) continue
    if (!shape.test(text) || /^\.{1,2}$/.test(text)) reader.problems.add(item.valueAt, `${quoted(text)} ${mistake}`)
    else if (texts.has(text)) reader.problems.add(item.valueAt, `${quoted(text)} is written twice`)
    else texts.add(text)
  }
  return items !== undefined && texts.size === items.length ? [...texts] : undefined
}

function readMatching(reader: NodeReader, field: Field, shape: RegExp, mistake: string): string | undefined {
  const text = reader.text(field)
  if (text === undefined || shape.test(text)) return text
  reader.problems.add(field.valueAt, `${quoted(field.key)} ${mistake}`)
  return undefined
}

function hasAll(reader: NodeReader, field: Field, fields: Fields, keys: readonly string[]): boolean {
  const missing = keys.filter((key) => !fields.has(key))
  if (missing.length > 0) {
    reader.problems.add(field.at, `${quoted(field.key)} must have ${missing.map(quoted).join(', ')}`)
  }
  return missing.length === 0
}

/** Whether a key stands in it that is none of those that were read, and is not free. */
function holdsOther({ value }: Field, fields: Fields): boolean {
  if (!isMap(value)) return false
  return value.items.some(({ key }) => {
    const name = isScalar(key) ? String(key.value) : ''
    return !name.startsWith('x-') && !fields.has(name)
  })
}
