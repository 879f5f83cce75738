import { inspect } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import { createModelFetch } from '../../runtime/broker/model-http.ts'
import { resolveProvider } from '../../runtime/credentials/provider-credential.ts'
import { nodeHttpHost } from '../../runtime/node-http.ts'
import type { HttpHost } from '../../runtime/ports.ts'
import { deepText, imitateProvider, json, memoryRecorder } from '../support/provider-imitation.ts'
import type { MemoryRecorder } from '../support/provider-imitation.ts'
import { liveSecret } from '../support/secrets.ts'

const SECRET = 'sk-imitation/0123+456789?abc'
const host = nodeHttpHost()
const limits = { connectTimeoutMs: 1000, headersTimeoutMs: 500, bodyTimeoutMs: 500, maxBytes: 100_000 }

afterAll(() => host.close())

const provider = await resolveProvider({
  model: 'local/m',
  config: {
    providers: new Map([
      ['local', { baseUrl: 'http://127.0.0.1:1', api: 'chat', credential: 'key', prices: new Map() }],
    ]),
    credentials: new Map([
      [
        'key',
        {
          source: { kind: 'env', name: 'KEY' },
          inject: undefined,
          for: [],
          users: undefined,
          agents: [],
          sinceMs: 0,
          untilMs: 'never',
          spending: [],
          place: '',
        },
      ],
    ]),
  },
  environment: {},
  assertUsable: async () => undefined,
  secretOf: async (credential) => liveSecret(credential, SECRET),
})

function fetchTo(
  baseURL: string,
  recorder: MemoryRecorder,
  more: { scrubs?: boolean; httpHost?: HttpHost } = {},
): typeof fetch {
  const { dress, scrub } = provider
  const scrubbing = more.scrubs === false ? (text: string): string => text : scrub
  return createModelFetch({
    recorder,
    dress,
    scrub: scrubbing,
    baseURL,
    httpHost: more.httpHost ?? host,
    call: 'model',
    limits,
  })
}

const post = (body = '{}'): RequestInit => ({ method: 'POST', body, headers: { 'content-type': 'application/json' } })

/** Every form in which the secret could be found again in what a server sends back. */
function forms(secret: string): Record<string, string> {
  const bytes = Buffer.from(secret)
  return {
    raw: secret,
    upper: secret.toUpperCase(),
    json: JSON.stringify(secret).slice(1, -1).replaceAll('/', '\\/'),
    url: encodeURIComponent(secret),
    urlLower: encodeURIComponent(secret).toLowerCase(),
    hex: bytes.toString('hex').toUpperCase(),
    base64: bytes.toString('base64'),
    base64url: bytes.toString('base64url'),
    basic: Buffer.from(`u:${secret}`).toString('base64'),
    basicOther: Buffer.from(`:${secret}`).toString('base64'),
    utf16: bytes.toString('utf8').split('').join('\0'),
  }
}

describe('createModelFetch()', () => {
  test('records the intent before the request is made, and dresses after it was recorded', async () => {
    await using at = await imitateProvider(
      json({ ok: true }, 200, { 'x-request-id': 'r1', 'set-cookie': 'a=b', server: 'x' }),
    )
    const recorder = memoryRecorder()
    let recordedWhenSent = 0
    const httpHost: HttpHost = {
      request: (request) => {
        recordedWhenSent = recorder.events.length
        return host.request(request)
      },
    }
    const response = await fetchTo(at.baseURL, recorder, { httpHost })(`${at.baseURL}/chat/completions`, {
      ...post('{"a":1}'),
      headers: {
        authorization: 'Bearer placeholder',
        cookie: 'c=1',
        'x-api-key': 'k',
        'content-type': 'application/json',
      },
    })
    expect(await response.json()).toEqual({ ok: true })
    expect([...response.headers.keys()]).toEqual(['content-type', 'x-request-id'])
    expect(recordedWhenSent).toBe(1)
    expect(at.seen[0]?.headers).toMatchObject({ authorization: `Bearer ${SECRET}` })
    expect(at.seen[0]?.headers).not.toHaveProperty('cookie')
    expect(at.seen[0]?.headers).not.toHaveProperty('x-api-key')
    expect(recorder.events).toEqual([
      {
        kind: 'host.request',
        call: 'model',
        ordinal: 0,
        data: {
          request: {
            op: 'http',
            method: 'POST',
            url: `${at.baseURL}/chat/completions`,
            headers: { 'content-type': 'application/json' },
            body: { sha256: '015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862', bytes: 7 },
          },
          decision: { kind: 'permit', rule: `POST ${at.baseURL}/**`, place: 'provider' },
        },
      },
      {
        kind: 'host.outcome',
        call: 'model',
        ordinal: 0,
        data: {
          outcome: {
            ok: true,
            value: {
              status: 200,
              headers: { 'content-type': 'application/json', 'x-request-id': 'r1' },
              body: new TextEncoder().encode('{"ok":true}'),
            },
          },
        },
      },
    ])
  })

  test('sends nothing when the intent cannot be recorded', async () => {
    await using at = await imitateProvider(json({}))
    const recorder = { ...memoryRecorder(), commit: () => Promise.reject(new Error('disk full')) }
    await expect(fetchTo(at.baseURL, recorder)(`${at.baseURL}/x`, post())).rejects.toThrow('disk full')
    expect(at.seen).toHaveLength(0)
  })

  test.each([
    ['another method', (base: string) => [`${base}/models`, { method: 'GET' }]],
    ['another path', (base: string) => [new URL('/admin', base).href, post()]],
    ['a path that only begins alike', (base: string) => [`${base}x/chat`, post()]],
    ['the base itself', (base: string) => [base, post()]],
    ['a path that climbs', (base: string) => [`${base}/../admin`, post()]],
    ['a path that climbs once decoded', (base: string) => [`${base}/..%2f..%2fadmin`, post()]],
    ['another scheme', (base: string) => [`${base.replace('http:', 'https:')}/chat`, post()]],
    ['another port', () => ['http://127.0.0.1:9/v1/chat', post()]],
    ['traces', () => ['https://api.openai.com/v1/traces/ingest', post()]],
  ] as const)('denies %s and records it', async (_name, target) => {
    await using at = await imitateProvider(json({}))
    const recorder = memoryRecorder()
    const [url, init] = target(at.baseURL)
    await expect(fetchTo(at.baseURL, recorder)(url as string, init as RequestInit)).rejects.toMatchObject({
      code: 'E_PROVIDER',
    })
    expect(at.seen).toHaveLength(0)
    expect(recorder.events).toMatchObject([
      { kind: 'host.request', data: { decision: { kind: 'deny', reason: 'default-deny' } } },
    ])
  })

  test.each([301, 302, 303, 307, 308])(
    'never follows a redirect (%i), so that no other server sees the key',
    async (status) => {
      await using other = await imitateProvider(json({}))
      await using at = await imitateProvider((response) =>
        response.writeHead(status, { location: `${other.origin}/v1/chat?echo=${encodeURIComponent(SECRET)}` }).end(),
      )
      const recorder = memoryRecorder()
      const failure = await fetchTo(at.baseURL, recorder)(`${at.baseURL}/chat`, post()).catch((error: unknown) => error)
      expect(failure).toMatchObject({
        code: 'E_PROVIDER',
        retryable: false,
        message: expect.stringContaining(other.origin),
      })
      expect(other.seen).toHaveLength(0)
      expect(deepText(recorder.events) + deepText(failure)).not.toContain('0123')
    },
  )
})

describe('a server that echoes the secret', () => {
  const echo = (text: string, status: number) =>
    imitateProvider((response) =>
      response
        .writeHead(status, {
          'content-type': 'application/json',
          'x-request-id': encodeURIComponent(text),
          'retry-after': SECRET,
        })
        .end(JSON.stringify({ error: { message: 'before ' }, echo: '@' }).replace('@', () => `<${text}>`)),
    )

  test.each(Object.entries(forms(SECRET)))('finds it withheld everywhere: %s', async (_name, form) => {
    for (const status of [200, 401]) {
      await using at = await echo(form, status)
      const recorder = memoryRecorder()
      const response = await fetchTo(at.baseURL, recorder)(`${at.baseURL}/chat`, post(`{"echo":"${SECRET}"}`))
      const found = [
        deepText(recorder.events),
        inspect(recorder.events, { depth: 20 }),
        deepText(response.headers),
        await response.text(),
      ]
      for (const text of found) {
        const rest = text.toLowerCase()
        for (const known of Object.values(forms(SECRET)))
          expect(rest).not.toContain(known.toLowerCase().replace(/=+$/, ''))
        expect(rest).not.toContain(Buffer.from(SECRET).toString('base64').slice(6, 24).toLowerCase())
      }
      expect(found[0]).toContain('[withheld: credential key]')
      expect(at.seen[0]?.headers.authorization).toBe(`Bearer ${SECRET}`)
      expect(at.seen[0]?.body).toBe('{"echo":"[withheld: credential key]"}')
    }
  })

  test.each(Object.entries(forms(SECRET)))(
    'negative control: without scrubbing it comes back: %s',
    async (_name, form) => {
      await using at = await echo(form, 200)
      const recorder = memoryRecorder()
      const response = await fetchTo(at.baseURL, recorder, { scrubs: false })(`${at.baseURL}/chat`, post())
      expect(await response.text()).toContain(form)
      expect(deepText(recorder.events)).toContain(form)
    },
  )
})
