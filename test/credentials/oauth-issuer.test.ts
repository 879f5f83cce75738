import fc from 'fast-check'
import * as oauth from 'openid-client'
import { describe, expect, test } from 'vitest'
import { issuerFailure, openIssuer, readGrant, revokeTokens } from '../../runtime/credentials/sources/oauth-issuer.ts'
import type { OAuthSource } from '../../runtime/definition/config-oauth.ts'
import type { HttpHost, HttpHostRequest } from '../../runtime/ports.ts'
import { oauthSource, secretOfClient } from '../support/oauth-source.ts'
import { deepText } from '../support/provider-imitation.ts'
import { asked, refusalOf } from '../support/secret-parts.ts'

const ISSUER = 'https://id.example'
const METADATA = { issuer: ISSUER, token_endpoint: `${ISSUER}/token`, authorization_endpoint: `${ISSUER}/auth` }

/** An imitation of a host: an object by path, and 404 for the rest. */
function host(answers: Readonly<Record<string, object>>): HttpHost & { readonly requests: HttpHostRequest[] } {
  const requests: HttpHostRequest[] = []
  return {
    requests,
    request: async (request) => {
      requests.push(request)
      const answer = answers[new URL(request.url).pathname]
      const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip', 'content-length': '1' }
      return answer === undefined
        ? { status: 404, headers: {}, body: new Uint8Array() }
        : { status: 200, headers, body: Buffer.from(JSON.stringify(answer)) }
    },
  }
}

const open = (http: HttpHost, more: Partial<OAuthSource> = {}) =>
  openIssuer('github', oauthSource(ISSUER, more), { http, clock: { now: Date.now }, secret: secretOfClient }, asked())

describe('openIssuer()', () => {
  test('finds what OpenID Connect publishes, or else what RFC 8414 does', async () => {
    for (const path of ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server']) {
      const http = host({ [path]: METADATA })
      const { configuration, clientSecret, isDiscovered } = await open(http)
      expect(configuration.serverMetadata()).toMatchObject(METADATA)
      expect(isDiscovered).toBe(true)
      expect(clientSecret).toBe('the-secret-of-the-client')
    }
    expect(await refusalOf(() => open(host({})))).toContain('failed: OAUTH_RESPONSE_IS_NOT_CONFORM')
  })

  test('takes nothing that another issuer says of itself', async () => {
    const other = { ...METADATA, issuer: 'https://evil.example' }
    for (const path of ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server']) {
      expect(await refusalOf(() => open(host({ [path]: other })))).toContain('failed: OAUTH_')
    }
  })

  test.each<[string, Partial<OAuthSource>, readonly string[] | undefined, boolean]>([
    ['in a header, where nothing is said', {}, undefined, true],
    ['in a header, where both are taken', {}, ['client_secret_post', 'client_secret_basic'], true],
    ['in the body, where only that is taken', {}, ['client_secret_post'], false],
    [
      'in the body, where the endpoints are written',
      { issuer: { authorization: undefined, token: `${ISSUER}/token` } },
      undefined,
      false,
    ],
  ])('sends the secret %s', async (_name, source, methods, isInHeader) => {
    const http = host({
      '/.well-known/openid-configuration': { ...METADATA, token_endpoint_auth_methods_supported: methods },
      '/token': { access_token: 'token-12345', token_type: 'bearer' },
    })
    const { configuration } = await open(http, source)
    await oauth.clientCredentialsGrant(configuration)
    const sent = http.requests.at(-1)
    expect(sent?.headers['authorization']?.startsWith('Basic ') ?? false).toBe(isInHeader)
    expect(
      Buffer.from(sent?.body ?? [])
        .toString()
        .includes('client_secret='),
    ).toBe(!isInHeader)
  })

  test('has nothing revoked by an issuer that cannot', async () => {
    const http = host({ '/.well-known/openid-configuration': METADATA })
    expect(await revokeTokens('github', await open(http), [{ token: 'a', hint: 'access_token' }])).toBe(false)
  })
})

describe('readGrant()', () => {
  const token = { access_token: 'token-12345', token_type: 'bearer' as Lowercase<string> }
  const rules = { asked: ['repo'], expected: ['repo'], nowMs: 1000 }

  test('finds every scope that was not asked for, whatever stands between them', () => {
    const scopes = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'a:b', 'A', 'ab'), { maxLength: 6 })
    fc.assert(
      fc.property(scopes, scopes, fc.constantFrom(' ', ',', ', ', '  '), (wanted, given, between) => {
        const answer = { ...token, scope: given.join(between) }
        const { grant, excess } = readGrant('github', answer, { ...rules, asked: wanted })
        expect(grant.scopes).toEqual(given)
        expect(new Set(excess)).toEqual(new Set(given).difference(new Set(wanted)))
      }),
    )
  })

  test('holds what was expected where nothing is said', () => {
    expect(readGrant('github', token, rules)).toMatchObject({
      grant: { scopes: ['repo'], expiresAtMs: undefined },
      excess: [],
    })
    // Even so, what was kept from before may not be more than what is written now.
    expect(readGrant('github', token, { ...rules, expected: ['repo', 'admin'] }).excess).toEqual(['admin'])
    expect(readGrant('github', { ...token, expires_in: 60 }, rules).grant.expiresAtMs).toBe(61_000)
  })

  test.each([
    { token_type: 'dpop' as Lowercase<string> },
    { access_token: 'a b' },
    { access_token: 'a\nb' },
    { refresh_token: 'a\u0000' },
    { access_token: 'x'.repeat(16 * 1024 + 1) },
  ])('refuses %j', async (wrong) => {
    expect(await refusalOf(() => readGrant('github', { ...token, ...wrong }, rules))).toContain('no bearer token')
  })
})

test('issuerFailure() tells nothing of what was sent or came back', () => {
  const secret = 'sekret-0123456789'
  const thrown = [
    new Error(secret),
    new TypeError(secret, { cause: { body: secret } }),
    Object.assign(new oauth.ClientError(secret), { code: secret, cause: { secret } }),
    Object.assign(new oauth.ClientError(secret), { code: 'OAUTH_PARSE_ERROR' }),
    new oauth.ResponseBodyError(secret, { cause: { error: secret }, response: new Response(null, { status: 400 }) }),
    secret,
    undefined,
  ]
  for (const one of thrown) {
    const failure = issuerFailure('github', one)
    expect(failure.message).toMatch(/^the issuer of the credential github failed: (?:OAUTH_PARSE_ERROR|an answer)/)
    expect(deepText(failure)).not.toContain(secret)
  }
  expect(deepText(thrown[1])).toContain(secret)
})
