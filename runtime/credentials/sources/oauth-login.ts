/** Logging in: the authorization code flow with PKCE (RFC 7636, 8252) or the device flow (RFC 8628). */
import * as oauth from 'openid-client'
import type { OAuthSource } from '../../definition/config-oauth.ts'
import { RunAgentError } from '../../errors.ts'
import { LOGIN_MS } from '../../limits.ts'
import { isProtected } from './issuer-http.ts'
import { issuerFailure, openIssuer, readGrant, revokeTokens, tooMuch } from './oauth-issuer.ts'
import type { Issuer, IssuerParts } from './oauth-issuer.ts'
import { scopeOf } from './source-oauth.ts'
import type { TokenKeeper } from './token-keeper.ts'

/** Waits on 127.0.0.1 for the one request that a browser is sent back with. */
export interface LoopbackHost {
  /** On a port that nobody chose. Nothing but a GET of `path`, addressed to 127.0.0.1 and that port, counts. */
  listen(path: string): Promise<LoopbackListener>
}

export interface LoopbackListener {
  readonly port: number
  /** The path and query of the first request; every later one is refused. Rejects with the signal's reason. */
  next(signal: AbortSignal): Promise<string>
  /** Shows a page in the browser that still waits. */
  answer(page: { readonly status: number; readonly text: string }): Promise<void>
  close(): void
}

/** What a person is shown. */
export interface LoginPrompts {
  /** To be opened in a browser of this machine. */
  showUrl(url: string): void
  /** To be opened anywhere; the code is entered there. */
  showCode(device: DeviceCode): void
}

export interface DeviceCode {
  readonly url: string
  /** With the code in it; undefined where the issuer has none. */
  readonly urlWithCode: string | undefined
  readonly code: string
  readonly expiresAtMs: number
}

export interface LoginParts extends IssuerParts {
  readonly tokens: TokenKeeper
  readonly loopback: LoopbackHost
  readonly prompts: LoginPrompts
}

export interface LoggedIn {
  readonly scopes: readonly string[]
  readonly expiresAtMs: number | undefined
  /** The issuer gave nothing to replace the token with: somebody has to log in again when it ends. */
  readonly mustLogInAgain: boolean
}

type Answer = oauth.TokenEndpointResponse

const CALLBACK = '/callback'

/**
 * Keeps the tokens that the issuer gives to this user, in place of any before. @throws RunAgentError E_CREDENTIAL;
 * rejects with the signal's reason.
 */
export async function logIn(
  credential: string,
  source: OAuthSource,
  user: string,
  parts: LoginParts,
  signal: AbortSignal,
): Promise<LoggedIn> {
  if (source.flow === 'client') {
    throw new RunAgentError('E_CREDENTIAL', `nobody logs in for the credential ${credential}: its flow is \`client\``, {
      hint: 'Its token is asked for when it is needed.',
    })
  }
  const late = AbortSignal.timeout(LOGIN_MS)
  const either = AbortSignal.any([signal, late])
  const issuer = await openIssuer(credential, source, parts, { user, signal: either })
  try {
    const answer = await (source.flow === 'code'
      ? byCode(credential, source, issuer, parts, either)
      : byDevice(credential, source, issuer, parts, either))
    return await keep(credential, source, user, { issuer, parts, answer })
  } catch (thrown) {
    signal.throwIfAborted()
    if (late.aborted) {
      throw new RunAgentError('E_CREDENTIAL', `nobody logged in within ${LOGIN_MS / 60_000} minutes`, {
        hint: 'Start again.',
      })
    }
    throw issuerFailure(credential, thrown)
  }
}

async function byCode(
  credential: string,
  source: OAuthSource,
  { configuration, isDiscovered }: Issuer,
  { loopback, prompts }: LoginParts,
  signal: AbortSignal,
): Promise<Answer> {
  const listener = await loopback.listen(CALLBACK)
  try {
    const redirect = `http://127.0.0.1:${listener.port}${CALLBACK}`
    const pkceCodeVerifier = oauth.randomPKCECodeVerifier()
    const expectedState = oauth.randomState()
    const url = oauth.buildAuthorizationUrl(configuration, {
      ...Object.fromEntries(source.parameters),
      ...scopeOf(source),
      redirect_uri: redirect,
      state: expectedState,
      code_challenge: await oauth.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
    })
    prompts.showUrl(shown(credential, url.href))
    const returned = new URL(await listener.next(signal), redirect)
    // Where the endpoints are written, there is no issuer to compare it with (RFC 9207).
    if (!isDiscovered) returned.searchParams.delete('iss')
    try {
      const answer = await oauth.authorizationCodeGrant(configuration, returned, { pkceCodeVerifier, expectedState })
      await listener.answer({ status: 200, text: 'You are logged in. You can close this page.' })
      return answer
    } catch (thrown) {
      await listener.answer({ status: 400, text: 'You are not logged in. The terminal says why.' })
      throw thrown
    }
  } finally {
    listener.close()
  }
}

async function byDevice(
  credential: string,
  source: OAuthSource,
  { configuration }: Issuer,
  { clock, prompts }: LoginParts,
  signal: AbortSignal,
): Promise<Answer> {
  const asked = { ...Object.fromEntries(source.parameters), ...scopeOf(source) }
  const device = await oauth.initiateDeviceAuthorization(configuration, asked)
  if (!/^[\x20-\x7e]{1,64}$/.test(device.user_code)) {
    throw new RunAgentError('E_CREDENTIAL', `the issuer of the credential ${credential} gave a code nobody can enter`)
  }
  const lifeMs = Math.min(device.expires_in * 1000, LOGIN_MS)
  prompts.showCode({
    url: shown(credential, device.verification_uri),
    urlWithCode:
      device.verification_uri_complete === undefined ? undefined : shown(credential, device.verification_uri_complete),
    code: device.user_code,
    expiresAtMs: clock.now() + lifeMs,
  })
  const polling = AbortSignal.any([signal, AbortSignal.timeout(lifeMs)])
  return await oauth.pollDeviceAuthorizationGrant(configuration, device, undefined, { signal: polling })
}

/** A person opens it: it leads to a server, and not into the browser itself. */
function shown(credential: string, text: string): string {
  const url = URL.parse(text)
  if (url !== null && isProtected(url)) return url.href
  throw new RunAgentError('E_CREDENTIAL', `the issuer of the credential ${credential} sends people to no https page`, {
    hint: 'Nobody should open it.',
  })
}

async function keep(
  credential: string,
  source: OAuthSource,
  user: string,
  { issuer, parts, answer }: { readonly issuer: Issuer; readonly parts: LoginParts; readonly answer: Answer },
): Promise<LoggedIn> {
  const rules = { asked: source.scopes, expected: source.scopes, nowMs: parts.clock.now() }
  const { grant, excess } = readGrant(credential, answer, rules)
  const { refreshToken, scopes, expiresAtMs } = grant
  if (excess.length > 0) {
    const refresh = refreshToken === undefined ? [] : [{ token: refreshToken, hint: 'refresh_token' as const }]
    const access = { token: grant.value, hint: 'access_token' as const }
    await revokeTokens(credential, issuer, [...refresh, access]).catch(() => false)
    throw tooMuch(credential)
  }
  // Somebody has said yes to them: they are kept whoever is still waiting.
  const unhurried = AbortSignal.timeout(LOGIN_MS)
  await parts.tokens.withLease(user, credential, unhurried, (fence) =>
    parts.tokens.write({ ...grant, isDead: false, user, credential }, fence),
  )
  return { scopes, expiresAtMs, mustLogInAgain: refreshToken === undefined && expiresAtMs !== undefined }
}
