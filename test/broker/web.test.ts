import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { createBroker } from '../../runtime/broker/broker.ts'
import type { Outcome } from '../../runtime/broker/outcome.ts'
import { createWebPerformer } from '../../runtime/broker/web.ts'
import {
  HTTP_CALL_BYTES_MAX,
  HTTP_CALL_EXCHANGES_MAX,
  HTTP_READ_BYTES_MAX,
  HTTP_REDIRECTS_MAX,
} from '../../runtime/limits.ts'
import type { CapabilityRequest, Grant, HttpRequest } from '../../runtime/policy/grant.ts'
import type { HttpExchange, HttpOpenRequest, WebHost } from '../../runtime/ports.ts'
import { grantOf } from '../support/grants.ts'
import { memoryRecorder } from '../support/provider-imitation.ts'

const PUBLIC = '93.184.215.14'

type Answer = Partial<Pick<HttpExchange, 'status' | 'headers'>> & { readonly body?: string; readonly fails?: string }

/** What `open` returned last, and nobody else holds. */
let lastExchange: WeakRef<HttpExchange> | undefined

interface WebDesk {
  readonly opened: HttpOpenRequest[]
  readonly closed: string[]
  readonly events: ReturnType<typeof memoryRecorder>
  ask(request: CapabilityRequest, ordinal: number): Promise<Outcome>
  get(url: string, ordinal: number, more?: Partial<HttpRequest>): Promise<Outcome>
  end(): void
}

/** One call over a network whose servers answer by URL; what has no answer waits until it is aborted. */
function webDesk(
  rules: Partial<Record<'http' | 'redirects', readonly string[]>> & { readonly headers?: Grant['headers'] },
  answers: Readonly<Record<string, Answer>>,
  addresses: Readonly<Record<string, readonly string[]>> = {},
): WebDesk {
  const opened: HttpOpenRequest[] = []
  const closed: string[] = []
  const host: WebHost = {
    resolve: async (name) => addresses[name] ?? [PUBLIC],
    open: (request) => {
      opened.push(request)
      const answer = answers[request.url]
      if (answer?.fails !== undefined) return Promise.reject(Object.assign(new Error('x'), { code: answer.fails }))
      if (answer !== undefined) return Promise.resolve(exchangeOf(answer, () => closed.push(request.url)))
      return new Promise((_, reject) => {
        request.signal.addEventListener('abort', () => reject(request.signal.reason))
      })
    },
  }
  const placed = (texts: readonly string[] = []) => texts.map((rule) => ({ rule, place: 'a.yaml:1:1' }))
  const grant: Grant = {
    ...grantOf({}),
    http: placed(rules.http),
    redirects: placed(rules.redirects),
    headers: rules.headers ?? [],
  }
  const events = memoryRecorder()
  const web = createWebPerformer({ host, authoritiesOf: () => undefined })
  const broker = createBroker(events, async (place, given, request, first, redecide) => {
    if (first.kind === 'deny')
      return { outcome: { ok: false, error: { name: 'Denied', code: 'E', message: '' } }, facts: {} }
    if (request.op === 'http') return await web.request(place, given, request, first, redecide)
    if (request.op === 'http.read' || request.op === 'http.close') return await web.body(place, request, redecide)
    throw new Error(`nobody performs ${request.op} here`)
  })
  const call = new AbortController()
  const ask: WebDesk['ask'] = async (request, ordinal) => {
    let outcome: Outcome | undefined
    await broker.serve({ call: 'c', ordinal, ended: call.signal }, grant, request, (served) => {
      outcome = served.outcome
    })
    if (outcome === undefined) throw new Error('nothing was delivered')
    return outcome
  }
  return {
    opened,
    closed,
    events,
    ask,
    get: (url, ordinal, more = {}) => ask({ op: 'http', method: 'GET', url, ...more }, ordinal),
    end: () => call.abort(new Error('the call has ended')),
  }
}

/** A piece `hang` never comes, and fails by the close. */
function exchangeOf({ status = 200, headers = [], body = '' }: Answer, onClose: () => void): HttpExchange {
  const pieces = body === '' ? [] : body.split('|')
  const closed = Promise.withResolvers<never>()
  closed.promise.catch(() => undefined)
  const exchange: HttpExchange = {
    status,
    statusText: 'OK',
    headers,
    address: PUBLIC,
    read: async () => {
      const piece = pieces.shift()
      if (piece === 'hang') return await closed.promise
      return piece === undefined ? undefined : new TextEncoder().encode(piece)
    },
    close: () => {
      closed.reject(new Error('the exchange was closed'))
      onClose()
    },
  }
  lastExchange = new WeakRef(exchange)
  return exchange
}

function codeOf(outcome: Outcome): string {
  return outcome.ok ? 'ok' : outcome.error.code
}

const A = 'https://a.example/a'

describe('one exchange', () => {
  test('is the status and the headers that a tool may see, then the body piece by piece', async () => {
    const headers = [
      ['content-type', 'text/plain'],
      ['set-cookie', 'session=1'],
      ['x-ratelimit-remaining', '7'],
      ['x-auth-token', 'secret'],
      ['x-auth_token', 'secret'],
    ] as const
    const desk = webDesk({ http: [`GET ${A}`] }, { [A]: { headers, body: 'one|two' } })
    expect(await desk.get(A, 0)).toEqual({
      ok: true,
      value: {
        status: 200,
        statusText: 'OK',
        headers: [
          ['content-type', 'text/plain'],
          ['x-ratelimit-remaining', '7'],
        ],
      },
    })
    const read = (ordinal: number) => desk.ask({ op: 'http.read', exchange: 0 }, ordinal)
    expect(await read(1)).toEqual({ ok: true, value: new TextEncoder().encode('one') })
    expect(await read(2)).toEqual({ ok: true, value: new TextEncoder().encode('two') })
    expect(await read(3)).toEqual({ ok: true, value: null })
    expect(await read(4)).toEqual({ ok: true, value: null })
    expect(codeOf(await desk.ask({ op: 'http.read', exchange: 9 }, 5))).toBe('E_HTTP_EXCHANGE')
  })

  test('dials what was decided, at the addresses that were decided, with the headers that go out', async () => {
    const headers = [
      ['accept', 'text/plain'],
      ['authorization', 'Bearer x'],
      ['x-stainless-lang', 'js'],
      ['x-tenant', 'other'],
    ] as const
    const fixed = [{ name: 'x-tenant', value: 'alice', place: 'a.yaml:2:1' }]
    const desk = webDesk({ http: [`GET ${A}`], headers: fixed }, { [A]: {} }, { 'a.example': [PUBLIC, '2606:4700::1'] })
    await desk.get('HTTPS://a.example:443/a', 0, { headers })
    expect(desk.opened).toMatchObject([
      {
        url: A,
        pool: grantOf({}).tool,
        addresses: [PUBLIC, '2606:4700::1'],
        headers: [
          ['accept', 'text/plain'],
          ['x-tenant', 'alice'],
        ],
      },
    ])
    const [, outcome] = desk.events.events
    expect(outcome?.data['facts']).toEqual({
      addresses: [PUBLIC, '2606:4700::1'],
      dropped: ['authorization', 'x-stainless-lang', 'x-tenant'],
    })
  })

  test.for([
    ['a private address', ['10.0.0.1']],
    ['one private address among public ones', [PUBLIC, '169.254.169.254']],
  ] as const)('sends nothing to %s', async ([, addresses]) => {
    const desk = webDesk({ http: [`GET ${A}`] }, { [A]: {} }, { 'a.example': addresses })
    expect(codeOf(await desk.get(A, 0))).toBe('E_DENIED')
    expect(desk.opened).toEqual([])
    expect(desk.events.events[1]?.data['decision']).toMatchObject({ kind: 'deny', reason: 'address' })
  })

  test('of a name without an address fails, and denies nothing', async () => {
    const desk = webDesk({ http: [`GET ${A}`] }, { [A]: {} }, { 'a.example': [] })
    expect(codeOf(await desk.get(A, 0))).toBe('ENOTFOUND')
    expect(desk.opened).toEqual([])
  })

  test('has an intent that is durable before it is sent, by whatever method', async () => {
    const desk = webDesk({ http: [`GET ${A}`] }, { [A]: {} })
    await desk.get(A, 0)
    expect(desk.events.committed).toEqual(['host.request'])
  })

  test('is closed by the guest, and by the end of its call', async () => {
    const desk = webDesk(
      { http: [`GET ${A}`, 'GET https://b.example/'] },
      { [A]: { body: 'x' }, 'https://b.example/': {} },
    )
    await desk.get(A, 0)
    await desk.get('https://b.example/', 1)
    expect(codeOf(await desk.ask({ op: 'http.close', exchange: 0 }, 2))).toBe('ok')
    expect(desk.closed).toEqual([A])
    expect(await desk.ask({ op: 'http.read', exchange: 0 }, 3)).toEqual({ ok: true, value: null })
    desk.end()
    expect(desk.closed).toContain('https://b.example/')
  })

  test('that is aborted before its answer is aborted; one that may have changed something is in doubt', async () => {
    const desk = webDesk({ http: [`GET,POST ${A}`] }, {})
    const asking = desk.get(A, 0)
    const posting = desk.ask({ op: 'http', method: 'POST', url: A }, 1)
    await new Promise((resolve) => setTimeout(resolve, 5))
    await desk.ask({ op: 'http.close', exchange: 0 }, 2)
    expect(codeOf(await asking)).toBe('E_ABORTED')
    desk.end()
    expect(codeOf(await posting)).toBe('E_INDETERMINATE')
  })

  test('that is closed while its body is read is aborted, and nothing else ends by it', async () => {
    const desk = webDesk({ http: [`GET ${A}`] }, { [A]: { body: 'hang' } })
    await desk.get(A, 0)
    const reading = desk.ask({ op: 'http.read', exchange: 0 }, 1)
    await desk.ask({ op: 'http.close', exchange: 0 }, 2)
    expect(codeOf(await reading)).toBe('E_ABORTED')
    expect(await desk.ask({ op: 'http.read', exchange: 0 }, 3)).toEqual({ ok: true, value: null })
  })

  test.each([
    ['closed', { op: 'http.close', exchange: 0 }],
    ['read to its end', { op: 'http.read', exchange: 0 }],
  ] as const)('that was %s is not kept', async (_, over) => {
    const desk = webDesk({ http: [`GET ${A}`] }, { [A]: {} })
    await desk.get(A, 0)
    await desk.ask(over, 1)
    await new Promise((resolve) => setTimeout(resolve, 5))
    setFlagsFromString('--expose-gc')
    ;(runInNewContext('gc') as () => void)()
    expect(lastExchange?.deref()).toBeUndefined()
    // It is known all the same.
    expect(await desk.ask({ op: 'http.read', exchange: 0 }, 2)).toEqual({ ok: true, value: null })
  })

  test('there are so many bytes in one call, and one more ends that answer', async () => {
    const body = `${'x'.repeat(HTTP_READ_BYTES_MAX)}|`.repeat(HTTP_CALL_BYTES_MAX / HTTP_READ_BYTES_MAX)
    const desk = webDesk({ http: [`GET ${A}`] }, { [A]: { body: `${body}y` } })
    await desk.get(A, 0)
    let ordinal = 1
    for (let left = HTTP_CALL_BYTES_MAX; left > 0; left -= HTTP_READ_BYTES_MAX) {
      expect(codeOf(await desk.ask({ op: 'http.read', exchange: 0 }, ordinal++))).toBe('ok')
      desk.events.events.length = 0
    }
    expect(await desk.ask({ op: 'http.read', exchange: 0 }, ordinal++)).toMatchObject({
      error: { code: 'E_LIMIT', message: expect.stringContaining('limit received') },
    })
    expect(desk.closed).toEqual([A])
  })

  test.each([
    ['ECONNRESET', 'E_INDETERMINATE'],
    ['UND_ERR_SOCKET', 'E_INDETERMINATE'],
    ['HTTP_HEADERS_TIMEOUT', 'E_INDETERMINATE'],
    ['ECONNREFUSED', 'ECONNREFUSED'],
    ['HTTP_CONNECT_TIMEOUT', 'HTTP_CONNECT_TIMEOUT'],
  ])('that changes something and ends with %s ends with %s', async (code, expected) => {
    const desk = webDesk({ http: [`GET,POST ${A}`] }, { [A]: { fails: code } })
    expect(codeOf(await desk.ask({ op: 'http', method: 'POST', url: A }, 0))).toBe(expected)
    expect(codeOf(await desk.get(A, 1))).toBe(code === 'UND_ERR_SOCKET' ? 'ECONNRESET' : code)
  })

  test(`there are ${HTTP_CALL_EXCHANGES_MAX} at once, and one more where one is over`, async () => {
    const desk = webDesk({ http: [`GET ${A}`] }, { [A]: { body: 'x' } })
    for (let ordinal = 0; ordinal < HTTP_CALL_EXCHANGES_MAX; ordinal += 1)
      expect(codeOf(await desk.get(A, ordinal))).toBe('ok')
    const refused = await desk.get(A, 1000)
    expect(refused).toMatchObject({ error: { code: 'E_LIMIT', message: expect.stringContaining('limit exchanges') } })
    await desk.ask({ op: 'http.close', exchange: 3 }, 1001)
    expect(codeOf(await desk.get(A, 1002))).toBe('ok')
  })
})

describe('a redirect', () => {
  const B = 'https://b.example/b?sig=1'
  const to = (location: string, status = 302): Answer => ({ status, headers: [['location', location]] })

  test('is a new request, which a rule for redirects permits where the answer named it', async () => {
    const desk = webDesk({ http: [`GET ${A}`], redirects: ['GET https://b.example/**?*'] }, { [A]: to(B), [B]: {} })
    expect(codeOf(await desk.get(B, 0))).toBe('E')
    await desk.get(A, 1)
    expect(codeOf(await desk.get('https://b.example/b?sig=2', 2, { redirectOf: 1 }))).toBe('E_DENIED')
    expect(codeOf(await desk.get(B, 3, { redirectOf: 7 }))).toBe('E_DENIED')
    expect(codeOf(await desk.get(B, 4, { redirectOf: 1 }))).toBe('ok')
    expect(desk.opened.map(({ url }) => url)).toEqual([A, B])
  })

  test.for([
    ['a relative one', '../b?x#y', 'https://a.example/b?x', 302],
    ['with another status', B, undefined, 200],
    ['not modified', B, undefined, 304],
    ['of a bad URL', 'https://[', undefined, 301],
  ] as const)('%s leads to where it says', async ([, location, target, status]) => {
    const desk = webDesk(
      { http: [`GET ${A}`], redirects: ['GET https://a.example/b?x', 'GET https://b.example/b?sig'] },
      { [A]: to(location, status), [target ?? B]: {} },
    )
    await desk.get(A, 0)
    expect(codeOf(await desk.get(target ?? B, 1, { redirectOf: 0 }))).toBe(target === undefined ? 'E_DENIED' : 'ok')
  })

  test('takes along to another origin what is meant for every server, and nothing of the definition', async () => {
    const headers = [
      { name: 'x-tenant', value: 'alice', place: 'a.yaml:2:1' },
      { name: 'x-own', value: undefined, place: 'a.yaml:2:2' },
    ]
    const given = [
      ['accept', 'text/plain'],
      ['x-own', '1'],
    ] as const
    const own = 'https://a.example/own'
    const desk = webDesk(
      {
        http: [`GET ${A}`, 'GET https://a.example/a2'],
        redirects: ['GET https://b.example/b?sig', `GET ${own}`],
        headers,
      },
      { [A]: to(B), 'https://a.example/a2': to(own), [B]: {}, [own]: {} },
    )
    await desk.get(A, 0, { headers: given })
    expect(codeOf(await desk.get(B, 1, { headers: given, redirectOf: 0 }))).toBe('ok')
    await desk.get('https://a.example/a2', 2)
    expect(codeOf(await desk.get(own, 3, { headers: given, redirectOf: 2 }))).toBe('ok')
    const all = [...given, ['x-tenant', 'alice']]
    expect(desk.opened.map((request) => request.headers)).toEqual([all, [given[0]], [['x-tenant', 'alice']], all])
    const outcome = desk.events.events.find(({ kind, ordinal }) => kind === 'host.outcome' && ordinal === 1)
    expect(outcome?.data['facts']).toMatchObject({ dropped: ['x-own', 'x-tenant'] })
  })

  test('is read in UTF-8, as the tool follows it', async () => {
    const location = Buffer.from('https://b.example/é?sig=1', 'utf8').toString('latin1')
    const target = 'https://b.example/%C3%A9?sig=1'
    const desk = webDesk(
      { http: [`GET ${A}`], redirects: ['GET https://b.example/*?sig'] },
      { [A]: to(location), [target]: {} },
    )
    await desk.get(A, 0)
    expect(codeOf(await desk.get(target, 1, { redirectOf: 0 }))).toBe('ok')
  })

  test('with two locations leads nowhere', async () => {
    const headers = [
      ['location', B],
      ['location', 'https://c.example/'],
    ] as const
    const desk = webDesk(
      { http: [`GET ${A}`], redirects: ['GET https://b.example/b?sig'] },
      { [A]: { status: 302, headers } },
    )
    await desk.get(A, 0)
    expect(codeOf(await desk.get(B, 1, { redirectOf: 0 }))).toBe('E_DENIED')
  })

  test('from https to http is not followed, whatever the rules say', async () => {
    const plain = 'http://127.0.0.1:8080/'
    const desk = webDesk(
      { http: [`GET ${A}`, `GET ${plain}`] },
      { [A]: to(plain), [plain]: {} },
      { '127.0.0.1': ['127.0.0.1'] },
    )
    await desk.get(A, 0)
    expect(codeOf(await desk.get(plain, 1, { redirectOf: 0 }))).toBe('E_DENIED')
    expect(codeOf(await desk.get(plain, 2))).toBe('ok')
  })

  test(`may be followed ${HTTP_REDIRECTS_MAX} times`, async () => {
    const desk = webDesk({ http: [`GET ${A}`] }, { [A]: { ...to(A), body: '' } })
    await desk.get(A, 0)
    for (let hop = 1; hop <= HTTP_REDIRECTS_MAX; hop += 1) {
      expect(codeOf(await desk.get(A, hop, { redirectOf: hop - 1 }))).toBe('ok')
      await desk.ask({ op: 'http.close', exchange: hop - 1 }, 100 + hop)
    }
    expect(await desk.get(A, 99, { redirectOf: HTTP_REDIRECTS_MAX })).toMatchObject({
      error: { code: 'E_LIMIT', message: expect.stringContaining('limit redirects') },
    })
  })
})
