/** The fetch of a guest against real servers: what it sends, what it follows, what it refuses. */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, expect, test } from 'vitest'
import { answersOverHttp, type HttpAnswers } from '../../support/http-answers.ts'
import { callOf, openSandbox, play, toolOf, valueOf, type Played } from '../../support/sandbox.ts'

const sandbox = await openSandbox({ outerWall: false })
const home = await serve()
const abroad = await serve()
afterAll(() => {
  sandbox.close()
  home.server.close()
  abroad.server.close()
})

async function serve(): Promise<{ readonly server: ReturnType<typeof createServer>; readonly origin: string }> {
  const server = createServer((request, response) => void respond(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://h')
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  if (pathname === '/echo') {
    const { method, headers } = request
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ method, headers, body: Buffer.concat(chunks).toString('latin1') }))
  } else if (pathname === '/to') {
    response
      .writeHead(Number(searchParams.get('status') ?? 302), { location: searchParams.get('url') ?? '' })
      .end('gone')
  } else if (pathname === '/loop') {
    response.writeHead(302, { location: '/loop' }).end()
  } else if (pathname === '/pieces') {
    for (let piece = 0; piece < 50 && !response.destroyed; piece += 1) {
      response.write(Buffer.alloc(1000, piece))
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    response.end()
  } else if (pathname === '/cut') {
    response.writeHead(200, { 'content-length': '100' }).write('half')
    setTimeout(() => response.destroy(), 20)
  } else if (pathname === '/slow') {
    setTimeout(() => response.end('late'), 3_000).unref()
  } else if (pathname === '/cookies') {
    response.setHeader('set-cookie', ['a=1', 'b=2']).end('text')
  } else response.writeHead(404, 'Not Here').end('nothing')
}

async function run(body: string, answers: HttpAnswers = answersOverHttp()): Promise<Played> {
  const source = `const home = ${JSON.stringify(home.origin)}, abroad = ${JSON.stringify(abroad.origin)}\n${body}`
  return await play(sandbox, callOf(toolOf(source)), answers.answer)
}

const value = async (body: string, answers?: HttpAnswers): Promise<unknown> => valueOf(await run(body, answers))

/** How a rejected fetch looks to the tool. */
const CAUGHT =
  '.then(() => "no error", (error) => [error.name, error.message, error.cause?.code ?? error.cause?.message ?? error.code])'

test('a request and its answer', async () => {
  const [status, text, type, url, used] = (await value(`
    const response = await fetch(home + '/echo#part', { method: 'post', headers: { 'X-A': ' b ' }, body: 'ä' })
    const text = await response.text()
    return [response.status, text, response.headers.get('Content-Type'), response.url, response.bodyUsed]`)) as string[]
  expect([status, type, url, used]).toEqual([200, 'application/json', `${home.origin}/echo`, true])
  expect(JSON.parse(text ?? '')).toMatchObject({
    method: 'POST',
    body: 'Ã¤',
    headers: { 'x-a': 'b', accept: '*/*', 'content-type': 'text/plain;charset=UTF-8' },
  })
})

test('each name goes over the wall once, in lower case', async () => {
  const { requests } = await run(`
    const headers = new Headers([['B', '1'], ['a', '2'], ['b', '3']])
    await fetch(home + '/echo', { headers, credential: 'github' })`)
  expect(requests[0]).toEqual({
    op: 'http',
    method: 'GET',
    url: `${home.origin}/echo`,
    headers: [
      ['a', '2'],
      ['accept', '*/*'],
      ['b', '1, 3'],
    ],
    credential: 'github',
  })
})

test('a request without a body reads nothing that it does not ask for', async () => {
  const answers = answersOverHttp()
  expect(await value(`return (await fetch(home + '/pieces')).status`, answers)).toBe(200)
  expect(answers.reads.size).toBe(0)
})

test('a body comes piece by piece, and one that is cancelled is closed', async () => {
  const answers = answersOverHttp()
  const read = `
    const reader = (await fetch(home + '/pieces')).body.getReader()
    const { value } = await reader.read()
    await reader.cancel()
    return value.length > 0`
  expect(await value(read, answers)).toBe(true)
  expect([...answers.closed]).toEqual([0])
  expect(answers.reads.get(0)).toBeLessThan(5)
})

test('every form of a body', async () => {
  const body = async (init: string): Promise<unknown> =>
    await value(`const sent = await (await fetch(home + '/echo', { method: 'POST', duplex: 'half', body: ${init} })).json()
      return [sent.body, sent.headers['content-type']?.split(';')[0]]`)
  expect(await body(`new Uint8Array([1, 2]).subarray(1)`)).toEqual(['\u0002', null])
  expect(await body(`new URLSearchParams({ a: 'b c' })`)).toEqual(['a=b+c', 'application/x-www-form-urlencoded'])
  expect(await body(`new Blob(['x'], { type: 'a/b' })`)).toEqual(['x', 'a/b'])
  expect(await body(`ReadableStream.from([new Uint8Array([97]), new Uint8Array([98])])`)).toEqual(['ab', null])
  const [text, type] = (await body(`(() => { const form = new FormData()
    form.append('n', 'v'); form.append('f', new File(['data'], 'a"b.txt', { type: 'text/x' })); return form })()`)) as string[]
  expect(type).toBe('multipart/form-data')
  expect(text).toContain('name="f"; filename="a%22b.txt"\r\nContent-Type: text/x\r\n\r\ndata\r\n')
})

test('a body that is too long is refused before anything is sent', async () => {
  const { requests, end } = await run(`
    const body = new Uint8Array(16 * 1024 * 1024 + 1)
    return await fetch(home + '/echo', { method: 'POST', body })${CAUGHT}`)
  expect(JSON.stringify(end)).toContain('longer than 16777216 bytes')
  expect(requests).toEqual([])
})

test.each([
  [301, 'POST', 'GET', ''],
  [302, 'POST', 'GET', ''],
  [303, 'PUT', 'GET', ''],
  [302, 'PUT', 'PUT', 'data'],
  [307, 'POST', 'POST', 'data'],
  [308, 'POST', 'POST', 'data'],
])('a redirect with %i turns %s into %s', async (status, method, becomes, body) => {
  const { end, requests } = await run(`
    const response = await fetch(home + '/to?status=${status}&url=/echo', { method: '${method}', body: 'data',
      headers: { 'x-own': '1' }, credential: 'github' })
    const { method, body, headers } = await response.json()
    return [method, body, response.redirected, response.url, headers['x-own'], headers['content-type'] ?? null]`)
  const type = body === '' ? null : 'text/plain;charset=UTF-8'
  expect(end).toMatchObject({ value: [becomes, body, true, `${home.origin}/echo`, '1', type] })
  const followed = requests.filter((request) => Reflect.get(Object(request), 'op') === 'http')
  expect(followed[1]).toMatchObject({ redirectOf: 0, credential: 'github' })
})

test('a redirect to another origin takes no header of the tool along, no credential and no body', async () => {
  const { end, requests } = await run(`
    const url = home + '/to?url=' + encodeURIComponent(abroad + '/echo')
    const { headers } = await (await fetch(url, { headers: { 'x-own': '1', 'accept-language': 'de' }, credential: 'github' })).json()
    return [headers['x-own'] ?? null, headers['accept-language']]`)
  expect(end).toMatchObject({ value: [null, 'de'] })
  const [, second] = requests.filter((request) => Reflect.get(Object(request), 'op') === 'http')
  expect(second).not.toHaveProperty('credential')
  const body = await value(`return await fetch(home + '/to?status=307&url=' + encodeURIComponent(abroad + '/echo'),
    { method: 'POST', body: 'secret' })${CAUGHT}`)
  expect(body).toEqual(['TypeError', 'fetch failed', expect.stringContaining('the body is not sent again')])
})

test('redirects have an end, and can be refused or seen', async () => {
  const looped = await run(`return await fetch(home + '/loop')${CAUGHT}`)
  expect(looped.end).toMatchObject({ value: ['TypeError', 'fetch failed', 'more than 20 redirects'] })
  expect(looped.requests.filter((request) => Reflect.get(Object(request), 'op') === 'http')).toHaveLength(21)
  expect(await value(`return await fetch(home + '/loop', { redirect: 'error' })${CAUGHT}`)).toEqual([
    'TypeError',
    'fetch failed',
    `${home.origin}/loop redirects to /loop`,
  ])
  expect(
    await value(
      `const r = await fetch(home + '/loop', { redirect: 'manual' }); return [r.status, r.headers.get('location')]`,
    ),
  ).toEqual([302, '/loop'])
})

test('a signal ends a request before it, while it waits, and within its body', async () => {
  const answers = answersOverHttp()
  const before = await run(`return await fetch(home + '/echo', { signal: AbortSignal.abort() })${CAUGHT}`, answers)
  expect(before.end).toMatchObject({ value: ['AbortError', expect.any(String), 20] })
  expect(before.requests).toEqual([])
  expect(
    await value(`return await fetch(home + '/slow', { signal: AbortSignal.timeout(30) })${CAUGHT}`, answers),
  ).toEqual(['TimeoutError', expect.any(String), 23])
  const within = `
    const controller = new AbortController()
    const reader = (await fetch(home + '/pieces', { signal: controller.signal })).body.getReader()
    await reader.read()
    controller.abort(new Error('enough'))
    return await (async () => { for (;;) if ((await reader.read()).done) return 'the end' })().catch((error) => error.message)`
  const late = answersOverHttp()
  expect(await value(within, late)).toBe('enough')
  expect([...late.closed]).toEqual([0])
})

test('what a rule denies is the error of the host; what fails is a TypeError as in Node', async () => {
  const denying = answersOverHttp((url) => url.includes('abroad'))
  expect(await value(`return await fetch('https://abroad.example/')${CAUGHT}`, denying)).toEqual([
    'Denied',
    'no rule permits GET https://abroad.example/',
    'E_DENIED',
  ])
  expect(await value(`return await fetch('http://127.0.0.1:1/')${CAUGHT}`)).toEqual([
    'TypeError',
    'fetch failed',
    'ECONNREFUSED',
  ])
  expect(await value(`return await (await fetch(home + '/cut')).text()${CAUGHT}`)).toEqual([
    'TypeError',
    'fetch failed',
    'ECONNRESET',
  ])
})

test.each([
  [`'/relative'`, /no absolute URL/],
  [`'https://user:word@h.example/'`, /password/],
  [`'ftp://h.example/'`, /fetch failed/],
  [`'blob:https://h.example/1'`, /fetch failed/],
  [`home, { credentials: 'github' }`, /did you mean \{ credential: 'github' \}/],
  [`home, { credentials: 'omit' }`, /cannot be kept/],
  [`home, { credential: '' }`, /name of a credential/],
  [`home, { mode: 'no-cors' }`, /cannot be kept/],
  [`home, { mode: 'same-origin' }`, /cannot be kept/],
  [`home, { cache: 'only-if-cached' }`, /no cache/],
  [`home, { dispatcher: {} }`, /broker/],
  [`home, { redirect: 'never' }`, /one of follow, error, manual/],
  [`home, { integrity: 'md5-abc' }`, /names no digest/],
  [`home, { body: 'x' }`, /GET request has no body/],
  [`home, { method: 'TRACE' }`, /no method/],
  [`home, { method: 'POST', body: new ReadableStream() }`, /duplex/],
  [`home, { headers: { 'a b': '1' } }`, /no name of a header/],
  [`home, { headers: { a: '1\\n2' } }`, /line break/],
])('fetch(%s) is a TypeError', async (args, message) => {
  const [name, text] = (await value(`return await fetch(${args})${CAUGHT}`)) as string[]
  expect([name, text]).toEqual(['TypeError', expect.stringMatching(message)])
})

test('integrity is verified', async () => {
  const digest = createHash('sha384').update('nothing').digest('base64')
  const get = (integrity: string): Promise<unknown> =>
    value(
      `return await fetch(home + '/none', { integrity: '${integrity}' }).then((response) => response.text())${CAUGHT}
      .then((got) => got)`.replace('"no error"', '"as it should be"'),
    )
  expect(await get(`sha256-AAAA sha384-${digest}`)).toBe('as it should be')
  expect(await get('sha384-AAAA')).toEqual(['TypeError', 'fetch failed', expect.stringContaining('integrity')])
})

test('cookies of an answer stay apart', async () => {
  expect(await value(`const { headers } = await fetch(home + '/cookies'); return headers.getSetCookie()`)).toEqual([
    'a=1',
    'b=2',
  ])
  expect(
    await value(`const { headers } = await fetch(home + '/cookies')
      try { headers.set('a', 'b') } catch (error) { return error.name }`),
  ).toBe('TypeError')
})

test('data: is fetched without a request', async () => {
  const { end, requests } = await run(`
    const one = await fetch('data:text/html;charset=utf-8;base64,w6Q=')
    const two = await fetch('data:,a%20b#c')
    return [await one.text(), one.headers.get('content-type'), await two.text(), two.headers.get('content-type')]`)
  expect(end).toMatchObject({ value: ['ä', 'text/html;charset=utf-8', 'a b', 'text/plain;charset=US-ASCII'] })
  expect(requests).toEqual([])
})

test('the same requests in the same order, each time', async () => {
  const body = `
    const form = new FormData()
    form.append('a', new Blob(['b']))
    const sent = await (await fetch(home + '/echo', { method: 'POST', body: form })).json()
    return [sent.headers['content-type'], crypto.randomUUID(), Math.random()]`
  const [first, second] = [await run(body), await run(body)]
  expect(second.requests).toEqual(first.requests)
  expect(valueOf(second)).toEqual(valueOf(first))
})
