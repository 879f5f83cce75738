import { request } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { logIn, type DeviceCode, type LoginParts } from '../../runtime/credentials/sources/oauth-login.ts'
import type { OAuthSource } from '../../runtime/definition/config-oauth.ts'
import { nodeHttpHost } from '../../runtime/node-http.ts'
import { nodeLoopback } from '../../runtime/node-loopback.ts'
import { oauthSource, secretOfClient } from '../support/oauth-source.ts'
import { browse, oidcServer, type OidcServer } from '../support/oidc-server.ts'
import { refusalOf, temporaryFolder } from '../support/secret-parts.ts'
import { sqliteTokenKeeper } from '../support/sqlite-token-keeper.ts'

const http = nodeHttpHost()
let issuer: OidcServer

beforeAll(async () => {
  issuer = await oidcServer()
})
afterAll(async () => {
  issuer.close()
  await http.close()
})

type Page = Awaited<ReturnType<typeof browse>>

interface Visit {
  readonly url?: (url: string) => Promise<Page>
  readonly code?: (device: DeviceCode) => Promise<Page>
  readonly source?: Partial<OAuthSource>
  readonly parts?: Partial<LoginParts>
  readonly signal?: AbortSignal
}

/** Logs in with a browser that does as it is told, and returns the page that it shows in the end. */
async function visit({
  url = browse,
  code,
  source = {},
  parts = {},
  signal = AbortSignal.timeout(30_000),
}: Visit = {}) {
  const tokens = sqliteTokenKeeper(join(temporaryFolder(), 'tokens.db'))
  onTestFinished(() => tokens.close())
  const shown: string[] = []
  const visits: Promise<Page>[] = []
  const attempt = logIn(
    'github',
    oauthSource(issuer.url, source),
    'alice',
    {
      http,
      clock: { now: Date.now },
      secret: secretOfClient,
      tokens,
      loopback: nodeLoopback,
      prompts: {
        showUrl: (address) => {
          shown.push(address)
          visits.push(url(address))
        },
        showCode: (device) => {
          shown.push(device.code)
          if (code !== undefined) visits.push(code(device))
        },
      },
      ...parts,
    },
    signal,
  )
  const [result] = await Promise.allSettled([attempt])
  const pages = await Promise.all(visits)
  const kept = await tokens.read('alice', 'github')
  if (result.status === 'rejected')
    return { refusal: await refusalOf(() => Promise.reject(result.reason)), pages, kept, shown }
  return { loggedIn: result.value, pages, kept, shown }
}

describe('the authorization code flow', () => {
  test('keeps what the issuer gives, after one request with the state that was made for it', async () => {
    const { loggedIn, pages, kept, shown } = await visit()
    expect(loggedIn).toMatchObject({ scopes: ['openid', 'repo'], mustLogInAgain: false })
    expect(pages).toEqual([
      expect.objectContaining({ status: 200, text: expect.stringContaining('You are logged in') }),
    ])
    expect(kept).toMatchObject({ isDead: false, scopes: ['openid', 'repo'], version: '1' })
    expect((kept?.expiresAtMs ?? 0) - Date.now()).toBeGreaterThan(3_500_000)
    expect(kept?.refreshToken).toMatch(/^[\w-]{20,}$/)
    const asked = new URL(shown[0] ?? '').searchParams
    expect(asked.get('code_challenge_method')).toBe('S256')
    expect(asked.get('state')).toMatch(/^[\w-]{43}$/)
    expect(asked.get('redirect_uri')).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/callback$/)
    const again = new URL((await visit()).shown[0] ?? '').searchParams
    for (const name of ['state', 'code_challenge']) expect(again.get(name)).not.toBe(asked.get(name))
    // The listener is gone.
    await expect(fetch(asked.get('redirect_uri') ?? '')).rejects.toThrow()
  })

  test('works for a public client, and where the endpoints are written', async () => {
    const none = { client: 'public', secret: undefined }
    expect(await visit({ source: none, parts: { secret: undefined } })).toMatchObject({
      loggedIn: { mustLogInAgain: false },
    })
    const endpoints = { authorization: `${issuer.url}/auth`, token: `${issuer.url}/token` }
    // An identity token would name an issuer that nobody wrote.
    const told = await visit({ source: { ...none, issuer: endpoints, scopes: ['repo'] }, parts: { secret: undefined } })
    expect(told).toMatchObject({ loggedIn: { mustLogInAgain: false } })
  })

  const tampered =
    (change: (callback: URL) => void) =>
    async (url: string): Promise<Page> => {
      const redirect = new URL(new URL(url).searchParams.get('redirect_uri') ?? '')
      redirect.search = String(
        new URLSearchParams({ code: 'a', state: new URL(url).searchParams.get('state') ?? '', iss: issuer.url }),
      )
      change(redirect)
      const answer = await fetch(redirect)
      return { url: redirect.href, status: answer.status, text: await answer.text() }
    }

  test.each<[string, (callback: URL) => void, RegExp]>([
    ['another state', (to) => to.searchParams.set('state', 'x'), /failed: OAUTH_/],
    ['no state', (to) => to.searchParams.delete('state'), /failed: OAUTH_/],
    ['two states', (to) => to.searchParams.append('state', 'x'), /failed: OAUTH_/],
    ['another issuer', (to) => to.searchParams.set('iss', 'https://evil.example'), /failed: OAUTH_/],
    ['no issuer', (to) => to.searchParams.delete('iss'), /failed: OAUTH_/],
    ['no code', (to) => to.searchParams.delete('code'), /failed: OAUTH_/],
    ['a code that was not given', () => undefined, /failed: invalid_grant/],
    ['a no', (to) => to.searchParams.set('error', 'access_denied'), /failed: access_denied \(Somebody said no/],
    ['words of its own', (to) => to.searchParams.set('error', '<sekret>'), /failed: /],
  ])('refuses %s, and says so in the browser', async (_name, change, words) => {
    const before = issuer.events.length
    const { refusal, pages, kept } = await visit({ url: tampered(change) })
    expect(refusal).toMatch(words)
    expect(refusal).not.toContain('sekret')
    expect(pages[0]).toMatchObject({ status: 400, text: expect.stringContaining('You are not logged in') })
    expect(kept).toBe(undefined)
    expect(issuer.events.slice(before)).not.toContain('authorization_code')
  })

  test('takes one request alone, and only what is addressed to it', async () => {
    const statuses: number[] = []
    const { loggedIn } = await visit({
      url: async (url) => {
        const redirect = new URL(new URL(url).searchParams.get('redirect_uri') ?? '')
        const send = async (method: string, path: string, host: string): Promise<number> =>
          await new Promise((resolve, reject) => {
            const sent = request(
              { port: redirect.port, host: '127.0.0.1', method, path, headers: { host } },
              (answer) => {
                answer.resume()
                resolve(answer.statusCode ?? 0)
              },
            )
            sent.once('error', reject).end()
          })
        statuses.push(await send('GET', '/callback?state=x', `localhost:${redirect.port}`))
        statuses.push(await send('GET', '/callback?state=x', 'evil.example'))
        statuses.push(await send('POST', '/callback?state=x', redirect.host))
        statuses.push(await send('GET', '/favicon.ico', redirect.host))
        statuses.push(await send('GET', '/callback/../x', redirect.host))
        return await browse(url)
      },
    })
    expect(statuses).toEqual([421, 421, 405, 404, 404])
    expect(loggedIn).toBeDefined()
    const listener = await nodeLoopback.listen('/callback')
    onTestFinished(() => listener.close())
    const first = fetch(`http://127.0.0.1:${listener.port}/callback?a=1`)
    expect(await listener.next(AbortSignal.timeout(5000))).toBe('/callback?a=1')
    expect((await fetch(`http://127.0.0.1:${listener.port}/callback?a=2`)).status).toBe(409)
    expect(await listener.next(AbortSignal.timeout(5000))).toBe('/callback?a=1')
    await listener.answer({ status: 200, text: 'done' })
    const page = await first
    expect(await page.text()).toContain('done')
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(page.headers.get('cache-control')).toBe('no-store')
  })

  test('ends when it is aborted, and leaves no listener', async () => {
    const abort = new AbortController()
    let port = 0
    await expect(
      visit({
        signal: abort.signal,
        url: async (url) => {
          port = Number(new URL(new URL(url).searchParams.get('redirect_uri') ?? '').port)
          setTimeout(() => abort.abort(new Error('enough')), 50)
          return { url, status: 0, text: '' }
        },
      }),
    ).rejects.toThrow('enough')
    await expect(fetch(`http://127.0.0.1:${port}/callback`)).rejects.toThrow()
  })
})

describe('what an issuer may not do', () => {
  const answering = (change: (reply: Record<string, unknown>) => void, path: string): Partial<LoginParts> => ({
    http: {
      request: async (sent) => {
        const answer = await http.request(sent)
        if (new URL(sent.url).pathname !== path) return answer
        const reply: Record<string, unknown> = JSON.parse(Buffer.from(answer.body).toString())
        change(reply)
        return { ...answer, body: Buffer.from(JSON.stringify(reply)) }
      },
    },
  })

  test('give more scopes than were asked for: the tokens are revoked, and kept nowhere', async () => {
    const before = issuer.requests.length
    const parts = answering((reply) => (reply['scope'] = 'openid repo issues'), '/token')
    const { refusal, kept, pages } = await visit({ parts })
    expect(refusal).toContain('more scopes than were asked for')
    expect(kept).toBe(undefined)
    expect(issuer.requests.slice(before).filter((line) => line === 'POST /token/revocation')).toHaveLength(2)
    expect(pages).toHaveLength(1)
    // Fewer are what the person granted.
    const fewer = await visit({ parts: answering((reply) => (reply['scope'] = 'openid'), '/token') })
    expect(fewer.loggedIn).toMatchObject({ scopes: ['openid'] })
  })

  test.each<[string, (reply: Record<string, unknown>) => void, RegExp]>([
    ['a token of another type', (reply) => (reply['token_type'] = 'DPoP'), /failed|no bearer/],
    ['a token with a line break', (reply) => (reply['access_token'] = 'a\r\nb'), /no bearer token/],
    ['no token', (reply) => delete reply['access_token'], /failed: OAUTH_/],
    ['a life that is none', (reply) => (reply['expires_in'] = 'sekret'), /failed: OAUTH_/],
    ['an error that holds what was sent', (reply) => (reply['error'] = 'sekret'), /failed|logged/],
  ])('give %s', async (_name, change, words) => {
    const { refusal, loggedIn } = await visit({ parts: answering(change, '/token') })
    expect(refusal ?? (loggedIn === undefined ? '' : 'logged in')).toMatch(words)
    expect(refusal ?? '').not.toContain('sekret')
  })

  test.each([
    ['authorization_endpoint', 'javascript:alert(1)'],
    ['authorization_endpoint', 'http://elsewhere.example/auth'],
    ['token_endpoint', 'http://elsewhere.example/token'],
    ['issuer', 'https://elsewhere.example'],
  ])('name as its %s: %s', async (name, value) => {
    const parts = answering((reply) => (reply[name] = value), '/.well-known/openid-configuration')
    const { refusal, shown } = await visit({ parts })
    expect(refusal).toMatch(/E_CREDENTIAL/)
    if (name !== 'token_endpoint') expect(shown).toEqual([])
  })
})

describe('the device flow', () => {
  test('shows a code, and keeps what the issuer gives when it was entered', async () => {
    let seen: DeviceCode | undefined
    const { loggedIn, kept, pages } = await visit({
      source: { flow: 'device' },
      code: async (device) => {
        seen = device
        return await browse(device.urlWithCode ?? '')
      },
    })
    expect(pages[0]?.text).toContain('Sign-in Success')
    expect(loggedIn).toMatchObject({ scopes: ['openid', 'repo'], mustLogInAgain: false })
    expect(kept?.refreshToken).toBeDefined()
    expect(seen).toMatchObject({ url: `${issuer.url}/device`, code: expect.stringMatching(/^[A-Z]{4}-[A-Z]{4}$/) })
    expect((seen?.expiresAtMs ?? 0) - Date.now()).toBeLessThan(60_000)
  })

  test('sends nobody to what is no https page, and shows no code that does not print', async () => {
    const reply = (change: object): Partial<LoginParts> => ({
      http: {
        request: async (sent) => {
          const answer = await http.request(sent)
          if (new URL(sent.url).pathname !== '/device/auth') return answer
          const body = { ...JSON.parse(Buffer.from(answer.body).toString()), ...change }
          return { ...answer, body: Buffer.from(JSON.stringify(body)) }
        },
      },
    })
    const source = { flow: 'device' } as const
    const wrong = await visit({ source, parts: reply({ verification_uri: 'file:///etc/passwd' }) })
    expect(wrong.refusal).toContain('no https page')
    const escape = await visit({ source, parts: reply({ user_code: '\u001b[2J' }) })
    expect(escape.refusal).toContain('a code nobody can enter')
    expect([...wrong.shown, ...escape.shown]).toEqual([])
  })
})

test('nobody logs in where the flow is `client`', async () => {
  expect((await visit({ source: { flow: 'client' } })).refusal).toContain('its flow is `client`')
})
