/**
 * `{ oauth: … }`. With `flow: client` the token is asked for when it is needed, and kept in memory; else somebody logs
 * in (oauth-login.ts), and the tokens are kept and replaced here: by one process at a time, which reads again once it
 * may, and writes the new refresh token before anybody uses the new access token (RFC 9700 section 4.14).
 */
import * as oauth from 'openid-client'
import type { OAuthSource } from '../../definition/config-oauth.ts'
import { RunAgentError } from '../../errors.ts'
import { TOKEN_RETRY_MS } from '../../limits.ts'
import { isDue } from './issuer-http.ts'
import { issuerFailure, oauthErrorOf, openIssuer, readGrant, revokeTokens, tooMuch } from './oauth-issuer.ts'
import type { Grant, Issuer, IssuerParts } from './oauth-issuer.ts'
import { versionOf } from './secret-value.ts'
import type { LiveSecret, SecretQuestion, SecretSource } from '../secret.ts'
import { createSharedWork } from './shared-work.ts'
import type { KeptTokens, TokenKeeper } from './token-keeper.ts'

export interface OAuthParts extends IssuerParts {
  readonly versionKey: Uint8Array
  readonly tokens: TokenKeeper
}

export function createOAuthSource(credential: string, source: OAuthSource, parts: OAuthParts): SecretSource {
  return source.flow === 'client'
    ? createClientSource(credential, source, parts)
    : createLoginSource(credential, source, parts)
}

/** One for all users unless the client's secret is per user: what it may do is the client's, not theirs. */
function createClientSource(credential: string, source: OAuthSource, parts: OAuthParts): SecretSource {
  const { clock, versionKey } = parts
  const isPerUser = parts.secret?.isPerUser ?? false
  const kept = new Map<string, { readonly secret: LiveSecret; readonly grant: Grant }>()
  const share = createSharedWork<LiveSecret>()

  const ask = async (question: SecretQuestion): Promise<{ readonly secret: LiveSecret; readonly grant: Grant }> => {
    const issuer = await openIssuer(credential, source, parts, question)
    const answer = await oauth
      .clientCredentialsGrant(issuer.configuration, { ...scopeOf(source), ...Object.fromEntries(source.parameters) })
      .catch((thrown: unknown) => Promise.reject(issuerFailure(credential, thrown)))
    const rules = { asked: source.scopes, expected: source.scopes, nowMs: clock.now() }
    const { grant, excess } = readGrant(credential, answer, rules)
    if (excess.length > 0) {
      await revokeTokens(credential, issuer, [{ token: grant.value, hint: 'access_token' }]).catch(() => false)
      throw tooMuch(credential)
    }
    const { value, expiresAtMs, scopes } = grant
    const related = issuer.clientSecret === undefined ? [] : [issuer.clientSecret]
    const version = versionOf(versionKey, credential, value)
    return { grant, secret: { credential, user: question.user, version, value, related, expiresAtMs, scopes } }
  }

  return {
    origin: originOf(source),
    isPerUser,
    fetch: async (question) => {
      const { user, rejected } = question
      const key = isPerUser ? user : ''
      const had = kept.get(key)
      if (had !== undefined && had.secret.version !== rejected && !isDue(had.grant, clock.now())) {
        return { ...had.secret, user }
      }
      const secret = await share(JSON.stringify([key, rejected ?? null]), question.signal, async (signal) => {
        const asked = await ask({ ...question, signal })
        kept.set(key, asked)
        return asked.secret
      })
      return { ...secret, user }
    },
    revoke: async (secret, signal) => {
      for (const [key, { secret: had }] of kept) if (had.version === secret.version) kept.delete(key)
      const issuer = await openIssuer(credential, source, parts, { user: secret.user, signal })
      return await revokeTokens(credential, issuer, [{ token: secret.value, hint: 'access_token' }])
    },
  }
}

function createLoginSource(credential: string, source: OAuthSource, parts: OAuthParts): SecretSource {
  const { clock, tokens } = parts
  const share = createSharedWork<LiveSecret>()
  /** By user: until when an issuer that failed is left alone while the token lasts. */
  const restUntilMs = new Map<string, number>()
  return {
    origin: originOf(source),
    isPerUser: true,
    fetch: async ({ user, rejected, signal }) => {
      const nowMs = clock.now()
      const kept = requireLogin(await tokens.read(user, credential), credential, user, source)
      const isLeftAlone = nowMs < (restUntilMs.get(user) ?? 0)
      if (isUsable(kept, rejected, nowMs, isLeftAlone)) return liveFrom(kept, credential, user, undefined)
      const whileItLasts = (last: KeptTokens, thrown: unknown): LiveSecret => {
        if (last.version === rejected || hasEnded(last, clock.now())) throw issuerFailure(credential, thrown)
        restUntilMs.set(user, clock.now() + TOKEN_RETRY_MS)
        return liveFrom(last, credential, user, undefined)
      }
      return await share(JSON.stringify([user, rejected ?? null]), signal, async (shared) => {
        let issuer: Issuer
        try {
          issuer = await openIssuer(credential, source, parts, { user, signal: shared })
        } catch (thrown) {
          return whileItLasts(kept, thrown)
        }
        return await tokens.withLease(user, credential, shared, (fence) =>
          renew({ credential, source, parts, issuer, fence, user, rejected, whileItLasts }),
        )
      })
    },
    revoke: async (secret, signal) => {
      const { user } = secret
      const issuer = await openIssuer(credential, source, parts, { user, signal })
      return await tokens.withLease(user, credential, signal, async (fence) => {
        const kept = await tokens.read(user, credential)
        const known = [secret.value, kept?.value ?? ''].filter((token) => token !== '')
        const refresh = kept?.refreshToken === undefined ? [] : [kept.refreshToken]
        const isRevoked = await revokeTokens(credential, issuer, [
          ...refresh.map((token) => ({ token, hint: 'refresh_token' as const })),
          ...[...new Set(known)].map((token) => ({ token, hint: 'access_token' as const })),
        ])
        if (isRevoked && kept !== undefined) await markDead(kept, { credential, user, parts, fence })
        return isRevoked
      })
    },
  }
}

interface Renewal {
  readonly credential: string
  readonly source: OAuthSource
  readonly parts: OAuthParts
  readonly issuer: Issuer
  readonly fence: number
  readonly user: string
  readonly rejected: string | undefined
  /** What to do when the issuer failed: use the token that is not over yet, only soon, or throw. */
  readonly whileItLasts: (last: KeptTokens, thrown: unknown) => LiveSecret
}

/** With the lease held. Nothing aborts it: a refresh token is spent when it is sent, whoever still waits. */
async function renew(renewal: Renewal): Promise<LiveSecret> {
  const { credential, source, parts, issuer, user, rejected } = renewal
  const { clock, tokens } = parts
  const kept = requireLogin(await tokens.read(user, credential), credential, user, source)
  if (isUsable(kept, rejected, clock.now())) return liveFrom(kept, credential, user, issuer)
  if (kept.refreshToken === undefined) {
    throw logIn(credential, user, 'the token has ended, and there is none to replace it with')
  }
  let answer: oauth.TokenEndpointResponse
  try {
    answer = await oauth.refreshTokenGrant(issuer.configuration, kept.refreshToken)
  } catch (thrown) {
    if (oauthErrorOf(thrown) === 'invalid_grant') {
      await markDead(kept, renewal)
      throw logIn(
        credential,
        user,
        'the issuer takes the refresh token no more: it was revoked, has ended or was used twice',
      )
    }
    return renewal.whileItLasts(kept, thrown)
  }
  const expected = kept.scopes ?? source.scopes
  const rules = { asked: source.scopes, expected, nowMs: clock.now() }
  const { grant, excess } = readGrant(credential, answer, rules)
  const refreshToken = grant.refreshToken ?? kept.refreshToken
  if (excess.length > 0) {
    // First, because an issuer may take longer than the lease.
    await markDead(kept, renewal)
    const revoked = [
      { token: refreshToken, hint: 'refresh_token' as const },
      { token: grant.value, hint: 'access_token' as const },
    ]
    await revokeTokens(credential, issuer, revoked).catch(() => false)
    throw tooMuch(credential)
  }
  await tokens.write({ ...grant, refreshToken, isDead: false, user, credential }, renewal.fence)
  return liveFrom(requireLogin(await tokens.read(user, credential), credential, user, source), credential, user, issuer)
}

async function markDead(
  kept: KeptTokens,
  { credential, user, parts, fence }: Pick<Renewal, 'credential' | 'user' | 'parts' | 'fence'>,
): Promise<void> {
  const { obtainedAtMs, expiresAtMs, scopes } = kept
  const nothing = { value: '', refreshToken: undefined, isDead: true }
  await parts.tokens.write({ ...nothing, obtainedAtMs, expiresAtMs, scopes, user, credential }, fence)
}

function isUsable(kept: KeptTokens, rejected: string | undefined, nowMs: number, isLeftAlone = false): boolean {
  if (kept.isDead || kept.version === rejected || hasEnded(kept, nowMs)) return false
  return kept.refreshToken === undefined || isLeftAlone || !isDue(kept, nowMs)
}

function hasEnded({ expiresAtMs }: KeptTokens, nowMs: number): boolean {
  return expiresAtMs !== undefined && nowMs >= expiresAtMs
}

/** @throws RunAgentError E_CREDENTIAL where nobody is logged in, or for more than the configuration says by now. */
function requireLogin(
  kept: KeptTokens | undefined,
  credential: string,
  user: string,
  { scopes }: OAuthSource,
): KeptTokens {
  if (kept === undefined) throw logIn(credential, user, 'nobody has logged in')
  if (kept.isDead) throw logIn(credential, user, 'the issuer takes the tokens of the last login no more')
  const isMore = kept.scopes?.some((scope) => !scopes.includes(scope)) ?? false
  if (isMore) throw logIn(credential, user, 'the last login was for more scopes than are written now')
  return kept
}

function logIn(credential: string, user: string, why: string): RunAgentError {
  return new RunAgentError('E_CREDENTIAL', `the credential ${credential} of ${user} cannot be used: ${why}`, {
    hint: `run-agent credentials login ${credential} --user ${user}`,
  })
}

function liveFrom(kept: KeptTokens, credential: string, user: string, issuer: Issuer | undefined): LiveSecret {
  const { version, value, expiresAtMs, scopes } = kept
  const related = [kept.refreshToken, issuer?.clientSecret].filter((text) => text !== undefined)
  return { credential, user, version, value, related, expiresAtMs, scopes }
}

/** What a request for authority says of scopes. */
export function scopeOf(source: OAuthSource): { readonly scope?: string } {
  return source.scopes.length === 0 ? {} : { scope: source.scopes.join(' ') }
}

function originOf({ issuer, flow, client }: OAuthSource): string {
  const where = 'url' in issuer ? issuer.url : new URL(issuer.token).host
  return flow === 'client' ? `${where}, for the client ${client}` : `a login at ${where}, by the client ${client}`
}
