import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { logIn } from '../../runtime/credentials/sources/oauth-login.ts'
import { createOAuthSource, type OAuthParts } from '../../runtime/credentials/sources/source-oauth.ts'
import type { KeptTokens } from '../../runtime/credentials/sources/token-keeper.ts'
import type { OAuthSource } from '../../runtime/definition/config-oauth.ts'
import { nodeHttpHost } from '../../runtime/node-http.ts'
import { nodeLoopback } from '../../runtime/node-loopback.ts'
import type { HttpHost } from '../../runtime/ports.ts'
import { oauthSource, secretOfClient } from '../support/oauth-source.ts'
import { browse, CLIENT_SECRET, oidcServer, type OidcServer } from '../support/oidc-server.ts'
import { asked, refusalOf, temporaryFolder, VERSION_KEY } from '../support/secret-parts.ts'
import { sqliteTokenKeeper, type KeeperKind, type TestKeeper } from '../support/sqlite-token-keeper.ts'

const MINUTE = 60_000
const http = nodeHttpHost()
let issuer: OidcServer

beforeAll(async () => {
  issuer = await oidcServer()
})
afterAll(async () => {
  issuer.close()
  await http.close()
})

interface Session {
  readonly path: string
  readonly tokens: TestKeeper
  readonly kept: () => Promise<KeptTokens>
  readonly sourceAt: (nowMs: () => number, more?: Partial<OAuthParts>) => ReturnType<typeof createOAuthSource>
}

/** Alice has logged in. */
async function session(source: Partial<OAuthSource> = {}): Promise<Session> {
  const path = join(temporaryFolder(), 'tokens.db')
  const tokens = sqliteTokenKeeper(path)
  onTestFinished(() => tokens.close())
  const whole = oauthSource(issuer.url, source)
  const secret = whole.secret && secretOfClient
  const parts = { http, clock: { now: Date.now }, secret, tokens, versionKey: VERSION_KEY }
  const visits: Promise<unknown>[] = []
  const prompts = { showUrl: (url: string) => void visits.push(browse(url)), showCode: () => undefined }
  await logIn('github', whole, 'alice', { ...parts, loopback: nodeLoopback, prompts }, AbortSignal.timeout(20_000))
  await Promise.all(visits)
  return {
    path,
    tokens,
    kept: async () => {
      const kept = await tokens.read('alice', 'github')
      if (kept === undefined) throw new Error('nothing is kept')
      return kept
    },
    sourceAt: (now, more = {}) => createOAuthSource('github', whole, { ...parts, clock: { now }, ...more }),
  }
}

/** What the issuer says of a token now (RFC 7662). */
async function isActive(token: string): Promise<boolean> {
  const answer = await fetch(`${issuer.url}/token/introspection`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`app:${CLIENT_SECRET}`).toString('base64')}` },
    body: new URLSearchParams({ token }),
  })
  const reply: { readonly active?: boolean } = JSON.parse(await answer.text())
  return reply.active === true
}

const answering = (status: number, body: object, path = '/token'): HttpHost => ({
  request: async (sent) => {
    if (new URL(sent.url).pathname !== path) return await http.request(sent)
    const headers = { 'content-type': 'application/json' }
    return { status, headers, body: Buffer.from(JSON.stringify(body)) }
  },
})

describe('the tokens of who has logged in', () => {
  test('are used until five minutes before their end, and then replaced, the refresh token too', async () => {
    const { kept, sourceAt } = await session()
    const first = await kept()
    const end = first.expiresAtMs ?? 0
    const secret = await sourceAt(Date.now).fetch(asked())
    expect(secret).toMatchObject({ value: first.value, version: '1', scopes: ['openid', 'repo'], expiresAtMs: end })
    expect(secret.related).toEqual([first.refreshToken])
    expect(await sourceAt(() => end - 5 * MINUTE - 1).fetch(asked())).toMatchObject({ version: '1' })
    const next = await sourceAt(() => end - 5 * MINUTE).fetch(asked())
    expect(next.version).toBe('2')
    expect(next.value).not.toBe(first.value)
    expect((await kept()).refreshToken).not.toBe(first.refreshToken)
    expect(next.related).toEqual([(await kept()).refreshToken, CLIENT_SECRET])
    expect(await isActive(next.value)).toBe(true)
  })

  test('are replaced when a server refused them, once, whoever asks', async () => {
    const { sourceAt } = await session()
    const before = issuer.events.length
    const source = sourceAt(Date.now)
    const all = await Promise.all(Array.from({ length: 8 }, () => source.fetch(asked({ rejected: '1' }))))
    expect(new Set(all.map(({ version }) => version))).toEqual(new Set(['2']))
    expect(await source.fetch(asked({ rejected: '1' }))).toMatchObject({ version: '2' })
    expect(issuer.events.slice(before)).toEqual(['refresh_token'])
  })

  test('of a short life are replaced when a tenth of it is left', async () => {
    const { kept, tokens, sourceAt } = await session()
    const { version: _version, ...first } = await kept()
    const short = { ...first, obtainedAtMs: 0, expiresAtMs: 60_000, user: 'alice', credential: 'github' }
    tokens.put(short)
    expect(await sourceAt(() => 53_999).fetch(asked())).toMatchObject({ version: '2' })
    expect(await sourceAt(() => 54_000).fetch(asked())).toMatchObject({ version: '3' })
  })

  test('are written before they are used', async () => {
    const { kept, tokens, sourceAt } = await session()
    const end = (await kept()).expiresAtMs ?? 0
    const failing = { ...tokens, write: () => Promise.reject(new Error('the disk is full')) }
    await expect(sourceAt(() => end, { tokens: failing }).fetch(asked())).rejects.toThrow('the disk is full')
  })

  test('are replaced to the end, even if nobody waits for them any more', async () => {
    const { kept, sourceAt } = await session()
    const end = (await kept()).expiresAtMs ?? 0
    const abort = new AbortController()
    const slow: HttpHost = {
      request: async (sent) => {
        const answer = await http.request(sent)
        if (new URL(sent.url).pathname === '/token') abort.abort(new Error('left'))
        return answer
      },
    }
    await expect(sourceAt(() => end, { http: slow }).fetch(asked({ signal: abort.signal }))).rejects.toThrow('left')
    await expect.poll(async () => (await kept()).version).toBe('2')
    // The family lives: what was sent was not lost.
    expect(await sourceAt(Date.now).fetch(asked({ rejected: '2' }))).toMatchObject({ version: '3' })
  })

  test('go on while they last when the issuer fails, and not where it is the server that refused them', async () => {
    const { kept, sourceAt } = await session()
    const { expiresAtMs = 0 } = await kept()
    const down = answering(503, { error: 'temporarily_unavailable' })
    expect(await sourceAt(() => expiresAtMs - 1, { http: down }).fetch(asked())).toMatchObject({ version: '1' })
    const away: HttpHost = { request: () => Promise.reject(Object.assign(new Error('away'), { code: 'ECONNREFUSED' })) }
    expect(await sourceAt(() => expiresAtMs - 1, { http: away }).fetch(asked())).toMatchObject({ version: '1' })
    expect(await refusalOf(() => sourceAt(() => expiresAtMs, { http: away }).fetch(asked()))).toContain('ECONNREFUSED')
    // It is left alone for half a minute, so that not every use waits for it.
    let nowMs = expiresAtMs - 4 * MINUTE
    let requests = 0
    const source = sourceAt(() => nowMs, {
      http: {
        request: (sent) => {
          if (new URL(sent.url).pathname === '/token') requests++
          return down.request(sent)
        },
      },
    })
    for (const [passedMs, expected] of [
      [0, 1],
      [29_999, 1],
      [1, 2],
    ] as const) {
      nowMs += passedMs
      expect(await source.fetch(asked())).toMatchObject({ version: '1' })
      expect(requests).toBe(expected)
    }
    for (const [now, rejected] of [
      [expiresAtMs, {}],
      [expiresAtMs - 1, { rejected: '1' }],
    ] as const) {
      const said = await refusalOf(() => sourceAt(() => now, { http: down }).fetch(asked(rejected)))
      expect(said).toMatch(/failed: (?:temporarily_unavailable|OAUTH)/)
    }
    expect((await kept()).isDead).toBe(false)
  })

  test('end with their family when an old refresh token is used: nobody tries again', async () => {
    const { kept, tokens, sourceAt } = await session()
    const old = await kept()
    await sourceAt(Date.now).fetch(asked({ rejected: '1' }))
    const stolen = await kept()
    const { version: _version, ...record } = old
    tokens.put({ ...record, user: 'alice', credential: 'github' })
    const before = issuer.events.length
    const said = await refusalOf(() => sourceAt(Date.now).fetch(asked({ rejected: '3' })))
    expect(said).toMatch(/used twice.*\(run-agent credentials login github --user alice\)/)
    expect(issuer.events.slice(before)).toEqual(['revoked'])
    expect(await isActive(stolen.value)).toBe(false)
    expect(await kept()).toMatchObject({ isDead: true, value: '', refreshToken: undefined })
    const requests = issuer.requests.length
    for (let tries = 0; tries < 3; tries++) {
      expect(await refusalOf(() => sourceAt(Date.now).fetch(asked()))).toContain('no more')
    }
    expect(issuer.requests.slice(requests)).toEqual([])
  })

  test('with more scopes than were asked for are revoked, and the family with them', async () => {
    const { kept, sourceAt } = await session()
    const wider: HttpHost = {
      request: async (sent) => {
        const answer = await http.request(sent)
        if (new URL(sent.url).pathname !== '/token') return answer
        const reply = { ...JSON.parse(Buffer.from(answer.body).toString()), scope: 'openid repo issues' }
        return { ...answer, body: Buffer.from(JSON.stringify(reply)) }
      },
    }
    const said = await refusalOf(() => sourceAt(Date.now, { http: wider }).fetch(asked({ rejected: '1' })))
    expect(said).toContain('more scopes than were asked for')
    expect(await kept()).toMatchObject({ isDead: true, value: '' })
    expect(issuer.requests.slice(-2)).toEqual(['POST /token/revocation', 'POST /token/revocation'])
  })

  test('are of one user, and of who has logged in', async () => {
    const { sourceAt } = await session()
    const said = await refusalOf(() => sourceAt(Date.now).fetch(asked({ user: 'bob' })))
    expect(said).toMatch(
      /of bob cannot be used: nobody has logged in \(run-agent credentials login github --user bob\)/,
    )
  })

  test('are not used for more than the configuration says by now', async () => {
    const { kept, tokens, sourceAt } = await session()
    const { version: _version, ...first } = await kept()
    tokens.put({ ...first, scopes: ['openid', 'repo', 'issues'], user: 'alice', credential: 'github' })
    expect(await refusalOf(() => sourceAt(Date.now).fetch(asked()))).toContain('more scopes than are written now')
    tokens.put({ ...first, scopes: ['openid'], user: 'alice', credential: 'github' })
    expect(await sourceAt(Date.now).fetch(asked())).toMatchObject({ value: first.value })
  })

  test('without a refresh token are used to their end', async () => {
    const { kept, tokens, sourceAt } = await session()
    const { version: _version, ...first } = await kept()
    const end = first.expiresAtMs ?? 0
    tokens.put({ ...first, refreshToken: undefined, user: 'alice', credential: 'github' })
    expect(await sourceAt(() => end - 1).fetch(asked())).toMatchObject({ version: '2' })
    expect(await refusalOf(() => sourceAt(() => end).fetch(asked()))).toContain('none to replace it with')
  })

  test('are revoked at the issuer, the whole family, and are then nobody’s', async () => {
    const { kept, sourceAt } = await session()
    const source = sourceAt(Date.now)
    const secret = await source.fetch(asked())
    expect(await isActive(secret.value)).toBe(true)
    expect(await source.revoke?.(secret, asked().signal)).toBe(true)
    expect(await isActive(secret.value)).toBe(false)
    expect(await isActive(secret.related[0] ?? '')).toBe(false)
    expect((await kept()).isDead).toBe(true)
    expect(await refusalOf(() => source.fetch(asked()))).toContain('no more')
  })

  test('cannot be revoked where the issuer has no endpoint for it', async () => {
    const told = { authorization: `${issuer.url}/auth`, token: `${issuer.url}/token` }
    const { kept, sourceAt } = await session({ issuer: told, scopes: ['repo'], client: 'public', secret: undefined })
    const source = sourceAt(Date.now)
    expect(await source.revoke?.(await source.fetch(asked()), asked().signal)).toBe(false)
    expect((await kept()).isDead).toBe(false)
  })
})

describe('eight processes that need the same token at the same moment', () => {
  const script = fileURLToPath(new URL('../support/racing-refresher.ts', import.meta.url))
  const RACERS = 8

  async function race(kind: KeeperKind) {
    const { path, kept } = await session()
    // It has ended for everybody.
    const { version: _version, ...first } = await kept()
    const tokens = sqliteTokenKeeper(path)
    tokens.put({ ...first, expiresAtMs: Date.now() - 1, user: 'alice', credential: 'github' })
    tokens.close()
    const before = issuer.events.length
    const racers = Array.from({ length: RACERS }, () =>
      fork(script, [path, issuer.url, kind, String(RACERS)], {
        execArgv: ['--conditions=run-agent-checkout'],
        timeout: 60_000,
      }),
    )
    onTestFinished(() => racers.forEach((racer) => void racer.kill('SIGKILL')))
    await Promise.all(racers.map((racer) => once(racer, 'message')))
    const ends = racers.map((racer) => once(racer, 'message'))
    for (const racer of racers) racer.send('go')
    const said = (await Promise.all(ends)).map(([end]): { readonly value?: string; readonly error?: string } =>
      Object(end),
    )
    return { said, events: issuer.events.slice(before), kept: await kept() }
  }

  test('replace it once, and all use the same', { timeout: 90_000 }, async () => {
    const { said, events, kept } = await race('sound')
    expect(said.map(({ error }) => error)).toEqual(Array.from({ length: RACERS }, () => undefined))
    expect(new Set(said.map(({ value }) => value))).toEqual(new Set([kept.value]))
    expect(events).toEqual(['refresh_token'])
    expect(kept.isDead).toBe(false)
    expect(await isActive(kept.value)).toBe(true)
  })

  // The controls: without the lease, or without reading again, the issuer takes the family away.
  test.each(['no-lease', 'stale-read'] as const)(
    'lose the family with a keeper of the kind %s',
    { timeout: 90_000 },
    async (kind) => {
      const { events } = await race(kind)
      expect(events).toContain('revoked')
    },
  )
})

describe('the flow `client`', () => {
  const machine = (more: Partial<OAuthParts> = {}, source: Partial<OAuthSource> = {}) =>
    createOAuthSource(
      'github',
      oauthSource(issuer.url, { client: 'machine', scopes: ['repo'], flow: 'client', ...source }),
      {
        http,
        clock: { now: Date.now },
        secret: secretOfClient,
        tokens: {
          read: () => Promise.reject(new Error('nothing is kept')),
          write: () => Promise.reject(new Error('nothing is kept')),
          withLease: () => Promise.reject(new Error('nothing is kept')),
        },
        versionKey: VERSION_KEY,
        ...more,
      },
    )

  test('asks once for all, until five minutes before the end, and again where it was refused', async () => {
    let nowMs = Date.now()
    const before = issuer.events.length
    const source = machine({ clock: { now: () => nowMs } })
    const all = await Promise.all(Array.from({ length: 8 }, (_, index) => source.fetch(asked({ user: `u${index}` }))))
    const [first] = all
    expect(new Set(all.map(({ value }) => value)).size).toBe(1)
    expect(first).toMatchObject({ scopes: ['repo'], related: [CLIENT_SECRET], user: 'u0' })
    nowMs = (first?.expiresAtMs ?? 0) - 5 * MINUTE - 1
    expect((await source.fetch(asked())).value).toBe(first?.value)
    nowMs += 1
    const second = await source.fetch(asked())
    expect(second.value).not.toBe(first?.value)
    expect((await source.fetch(asked({ rejected: second.version }))).value).not.toBe(second.value)
    expect(issuer.events.slice(before)).toEqual(Array.from({ length: 3 }, () => 'client_credentials'))
    expect(source.isPerUser).toBe(false)
  })

  test('is the same where the endpoint is written, and is revoked where there is one for that', async () => {
    const told = machine({}, { issuer: { authorization: undefined, token: `${issuer.url}/token` } })
    const unrevoked = await told.fetch(asked())
    expect(unrevoked).toMatchObject({ scopes: ['repo'] })
    expect(await told.revoke?.(unrevoked, asked().signal)).toBe(false)
    const source = machine()
    const secret = await source.fetch(asked())
    expect(await source.revoke?.(secret, asked().signal)).toBe(true)
    expect((await source.fetch(asked())).value).not.toBe(secret.value)
  })

  const reply = { access_token: 'token-12345', token_type: 'Bearer', expires_in: 3600, scope: 'repo' }

  test.each<[string, number, object, RegExp]>([
    ['more scopes', 200, { ...reply, scope: 'repo issues' }, /more scopes/],
    [
      'a wrong secret',
      401,
      { error: 'invalid_client', error_description: 'sekret' },
      /failed: invalid_client \(The client/,
    ],
    ['an error of its own', 400, { error: 'sekret' }, /failed: an answer/],
    ['no object', 200, [], /failed: OAUTH/],
    ['a redirect', 302, {}, /failed: /],
    ['too long a token', 200, { ...reply, access_token: 'x'.repeat(20_000) }, /no bearer token/],
  ])('refuses %s', async (_name, status, body, words) => {
    const said = await refusalOf(() => machine({ http: answering(status, body) }).fetch(asked()))
    expect(said).toMatch(words)
    expect(said).not.toContain('sekret')
    // The control.
    expect(await machine({ http: answering(200, reply) }).fetch(asked())).toMatchObject({ value: 'token-12345' })
  })

  test('never asks a server without TLS that is not this machine', async () => {
    const seen: string[] = []
    const spy: HttpHost = {
      request: async (sent) => {
        seen.push(sent.url)
        return await http.request(sent)
      },
    }
    const elsewhere = machine({ http: spy }, { issuer: { url: 'http://id.example' } })
    expect(await refusalOf(() => elsewhere.fetch(asked()))).toMatch(/E_CREDENTIAL/)
    const metadata = { issuer: issuer.url, token_endpoint: 'http://id.example/token' }
    const sly: HttpHost = {
      request: async (sent) => {
        seen.push(new URL(sent.url).hostname)
        return await answering(200, metadata, '/.well-known/openid-configuration').request(sent)
      },
    }
    expect(await refusalOf(() => machine({ http: sly }).fetch(asked()))).toMatch(/E_CREDENTIAL/)
    expect(seen).toEqual(['127.0.0.1'])
  })

  test('says that nobody answered, and not what', async () => {
    const said = await refusalOf(() => machine({}, { issuer: { url: 'http://127.0.0.1:1' } }).fetch(asked()))
    expect(said).toContain('127.0.0.1:1 gave no answer: ECONNREFUSED')
  })
})
