/** One issuer of OAuth 2.0 tokens, over openid-client and a connection that the host makes. */
import * as oauth from 'openid-client'
import type { OAuthSource } from '../../definition/config-oauth.ts'
import { RunAgentError } from '../../errors.ts'
import { ISSUER_MS, SECRET_LENGTH_MAX } from '../../limits.ts'
import type { Clock, HttpHost } from '../../ports.ts'
import { askIssuer, isProtected } from './issuer-http.ts'
import type { SecretSource } from '../secret.ts'

export interface IssuerParts {
  readonly http: HttpHost
  readonly clock: Pick<Clock, 'now'>
  /** The source of the client's secret; undefined for a public client. */
  readonly secret: SecretSource | undefined
}

export interface Issuer {
  readonly configuration: oauth.Configuration
  /** Undefined: a public client. */
  readonly clientSecret: string | undefined
  /** It says itself who it is (RFC 9207); an issuer whose endpoints are written does not. */
  readonly isDiscovered: boolean
}

/**
 * Asks the issuer where its endpoints are (OpenID Connect Discovery, else RFC 8414), unless they are written.
 * @throws RunAgentError E_CREDENTIAL
 */
export async function openIssuer(
  credential: string,
  source: OAuthSource,
  parts: IssuerParts,
  question: { readonly user: string; readonly signal: AbortSignal },
): Promise<Issuer> {
  const clientSecret = (await parts.secret?.fetch(question))?.value
  const { issuer } = source
  try {
    const server = 'url' in issuer ? await discovered(issuer.url, source.client, parts.http) : toldServer(source)
    const methods = server.token_endpoint_auth_methods_supported
    const configuration = new oauth.Configuration(server, source.client, {}, authentication(clientSecret, methods))
    configuration[oauth.customFetch] = fetchOver(parts.http)
    configuration.timeout = ISSUER_MS / 1000
    // Which addresses are asked without TLS is decided with each request (issuer-http.ts).
    if (isLocal(server.token_endpoint)) oauth.allowInsecureRequests(configuration)
    return { configuration, clientSecret, isDiscovered: 'url' in issuer }
  } catch (thrown) {
    throw issuerFailure(credential, thrown)
  }
}

async function discovered(url: string, client: string, http: HttpHost): Promise<oauth.ServerMetadata> {
  const options = {
    [oauth.customFetch]: fetchOver(http),
    timeout: ISSUER_MS / 1000,
    ...(isLocal(url) ? { execute: [oauth.allowInsecureRequests] } : {}),
  }
  try {
    return (await oauth.discovery(new URL(url), client, {}, oauth.None(), options)).serverMetadata()
  } catch (thrown) {
    if (codeIn(thrown) !== 'OAUTH_RESPONSE_IS_NOT_CONFORM') throw thrown
    const other = { ...options, algorithm: 'oauth2' as const }
    return (await oauth.discovery(new URL(url), client, {}, oauth.None(), other)).serverMetadata()
  }
}

function toldServer({ issuer, flow }: OAuthSource): oauth.ServerMetadata {
  if ('url' in issuer) throw new TypeError('an issuer that is asked')
  const { authorization, token } = issuer
  const endpoint = flow === 'device' ? 'device_authorization_endpoint' : 'authorization_endpoint'
  return {
    issuer: new URL(token).origin,
    token_endpoint: token,
    ...(authorization === undefined ? {} : { [endpoint]: authorization }),
    // What servers that publish no metadata document.
    token_endpoint_auth_methods_supported: ['client_secret_post'],
  }
}

/** RFC 8414: an issuer that does not say takes `client_secret_basic`. */
function authentication(secret: string | undefined, methods: readonly string[] | undefined): oauth.ClientAuth {
  if (secret === undefined) return oauth.None()
  const isBasic = methods === undefined || methods.includes('client_secret_basic')
  return isBasic ? oauth.ClientSecretBasic(secret) : oauth.ClientSecretPost(secret)
}

function isLocal(url: string | undefined): boolean {
  const parsed = URL.parse(url ?? '')
  return parsed?.protocol === 'http:' && isProtected(parsed)
}

function fetchOver(http: HttpHost): oauth.CustomFetch {
  return async (url, { method, headers, body, signal }) => {
    const {
      status,
      headers: received,
      body: bytes,
    } = await askIssuer(http, {
      method,
      url,
      headers,
      body: body === undefined || body === null ? undefined : Buffer.from(String(body)),
      signal: signal ?? AbortSignal.timeout(ISSUER_MS),
    })
    const hasNone = [204, 205, 304].includes(status)
    // What it was compressed with is undone.
    const { 'content-encoding': _encoding, 'content-length': _length, ...rest } = received
    return new Response(hasNone ? null : Buffer.from(bytes), { status, headers: rest })
  }
}

export interface Grant {
  readonly value: string
  readonly refreshToken: string | undefined
  readonly obtainedAtMs: number
  readonly expiresAtMs: number | undefined
  readonly scopes: readonly string[]
}

type Answer = Pick<
  oauth.TokenEndpointResponse,
  'access_token' | 'token_type' | 'refresh_token' | 'expires_in' | 'scope'
>

/**
 * What the issuer granted. `expected` is what holds where it does not say (RFC 6749 sections 5.1 and 6); more scopes
 * than `asked` are `excess`, and nobody may use the grant.
 */
export function readGrant(
  credential: string,
  answer: Answer,
  {
    asked,
    expected,
    nowMs,
  }: { readonly asked: readonly string[]; readonly expected: readonly string[]; readonly nowMs: number },
): { readonly grant: Grant; readonly excess: readonly string[] } {
  const { access_token: value, refresh_token: refreshToken, expires_in: lifeS } = answer
  const isToken = (text: string): boolean => /^[\x21-\x7e]+$/.test(text) && text.length <= SECRET_LENGTH_MAX
  if (answer.token_type !== 'bearer' || !isToken(value) || (refreshToken !== undefined && !isToken(refreshToken))) {
    throw new RunAgentError('E_CREDENTIAL', `the issuer of the credential ${credential} gave no bearer token`, {
      hint: 'Tokens that are bound to a key (DPoP) are not supported yet.',
    })
  }
  const scopes = answer.scope === undefined ? expected : answer.scope.split(/[ ,]+/).filter((scope) => scope !== '')
  const expiresAtMs = lifeS === undefined ? undefined : nowMs + lifeS * 1000
  return {
    grant: { value, refreshToken, obtainedAtMs: nowMs, expiresAtMs, scopes },
    excess: scopes.filter((scope) => !asked.includes(scope)),
  }
}

export function tooMuch(credential: string): RunAgentError {
  return new RunAgentError(
    'E_CREDENTIAL',
    `the issuer gave the credential ${credential} more scopes than were asked for; its tokens were not used`,
    { hint: 'Write every scope that it may have in `scopes`, or have the client bound at the issuer.' },
  )
}

/** RFC 7009. False where the issuer has no endpoint for it; rejects with E_CREDENTIAL. */
export async function revokeTokens(
  credential: string,
  { configuration }: Issuer,
  tokens: readonly { readonly token: string; readonly hint: 'access_token' | 'refresh_token' }[],
): Promise<boolean> {
  if (configuration.serverMetadata().revocation_endpoint === undefined) return false
  try {
    for (const { token, hint } of tokens) {
      await oauth.tokenRevocation(configuration, token, { token_type_hint: hint })
    }
    return true
  } catch (thrown) {
    throw issuerFailure(credential, thrown)
  }
}

/** RFC 6749 sections 4.1.2.1 and 5.2, RFC 8628 section 3.5; of anything else not a word is repeated. */
const HINTS: ReadonlyMap<string, string> = new Map([
  ['access_denied', 'Somebody said no at the issuer.'],
  ['expired_token', 'The code was not entered in time: log in again.'],
  ['invalid_client', 'The client and its secret must be those that the issuer knows.'],
  ['invalid_grant', 'Log in again.'],
  ['invalid_request', 'The parameters must be those that the issuer expects.'],
  ['invalid_scope', 'The issuer must know every one of `scopes`, and allow them to this client.'],
  ['server_error', 'Try again later.'],
  ['temporarily_unavailable', 'Try again later.'],
  ['unauthorized_client', 'The issuer must allow this flow to the client.'],
  ['unsupported_grant_type', 'The issuer does not have this flow.'],
])

/** The `error` of an answer, if it is one of the standard's. */
export function oauthErrorOf(thrown: unknown): string | undefined {
  const isAnswer =
    thrown instanceof oauth.ResponseBodyError ||
    thrown instanceof oauth.AuthorizationResponseError ||
    thrown instanceof oauth.WWWAuthenticateChallengeError
  if (!isAnswer) return undefined
  const error = 'error' in thrown ? thrown.error : 'invalid_client'
  return HINTS.has(error) ? error : undefined
}

/** One of ours stays; of any other only codes are told: messages and causes can hold what was sent. */
export function issuerFailure(credential: string, thrown: unknown): RunAgentError {
  if (thrown instanceof RunAgentError) return thrown
  const cause = thrown instanceof Error ? thrown.cause : undefined
  if (cause instanceof RunAgentError) return cause
  const error = oauthErrorOf(thrown)
  const what = error ?? codeIn(thrown) ?? 'an answer that is not OAuth'
  return new RunAgentError('E_CREDENTIAL', `the issuer of the credential ${credential} failed: ${what}`, {
    hint: HINTS.get(error ?? '') ?? 'What is written in `oauth` must be what the issuer says of itself.',
  })
}

/** Of openid-client, whose codes are its own words. */
function codeIn(thrown: unknown): string | undefined {
  if (!(thrown instanceof oauth.ClientError)) return undefined
  return thrown.code !== undefined && /^OAUTH_[A-Z_]+$/.test(thrown.code) ? thrown.code : undefined
}
