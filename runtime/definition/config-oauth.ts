/** `source: { oauth: … }` of a credential: who gives out its tokens, to which client, and how somebody logs in. */
import type { PlainSource } from './config-plain-source.ts'
import { hasAll, readList, readNested, readServerUrl } from './config-plain-source.ts'
import { quoted, type Field, type Fields, type NodeReader } from './node-reader.ts'

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

const OAUTH_KEYS = {
  supported: ['issuer', 'authorization', 'token', 'client', 'secret', 'scopes', 'parameters', 'flow'],
  unsupported: [],
} as const

/** RFC 6749 section 3.3. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/

/** What the flows write themselves (RFC 6749, 7636, 8628; OpenID Connect Core): a second one could undo a check. */
const OWN_PARAMETERS: ReadonlySet<string> = new Set(
  (
    'client_id client_secret client_assertion client_assertion_type grant_type response_type response_mode ' +
    'redirect_uri scope state nonce code code_verifier code_challenge code_challenge_method device_code user_code ' +
    'refresh_token request request_uri dpop_jkt'
  ).split(' '),
)

export function readOAuth(reader: NodeReader, field: Field, file: string): OAuthSource | undefined {
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
