import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'
import { HOST_ADDRESSES_MAX, HOST_LOOKUPS_MAX } from '../runtime/limits.ts'
import { nodeWebHost } from '../runtime/node-web.ts'
import { answered, rawServer } from './support/raw-server.ts'
import { bodyOf, webRequest } from './support/web.ts'

const host = nodeWebHost()

afterAll(() => host.close())

describe('what goes over the wire', () => {
  test.each([
    [
      'GET',
      [['x-b', '1'] as const],
      undefined,
      'GET /a?b=c HTTP/1.1\r\nhost: HOST\r\nconnection: keep-alive\r\nx-b: 1\r\naccept-encoding: gzip, deflate, zstd\r\nuser-agent: run-agent\r\n\r\n',
    ],
    [
      'POST',
      [['user-agent', 'tool'] as const],
      'hello',
      'POST /a?b=c HTTP/1.1\r\nhost: HOST\r\nconnection: keep-alive\r\nuser-agent: tool\r\naccept-encoding: gzip, deflate, zstd\r\ncontent-length: 5\r\n\r\nhello',
    ],
    [
      'GET',
      [['range', 'bytes=0-1'] as const, ['accept-encoding', 'x'] as const],
      undefined,
      'GET /a?b=c HTTP/1.1\r\nhost: HOST\r\nconnection: keep-alive\r\nrange: bytes=0-1\r\naccept-encoding: identity\r\nuser-agent: run-agent\r\n\r\n',
    ],
  ])('%s %j', async (method, headers, body, expected) => {
    await using at = await rawServer((socket) => socket.write(answered('ok')))
    const exchange = await host.open(
      webRequest(`${at.origin}/a?b=c`, { method, headers, body: body === undefined ? undefined : Buffer.from(body) }),
    )
    expect(await bodyOf(exchange)).toBe('ok')
    expect(at.requests).toEqual([expected.replace('HOST', `127.0.0.1:${at.port}`)])
  })
})

test.each([
  ['gzip', gzipSync('hello')],
  ['deflate', deflateSync('hello')],
  ['zstd', zstdCompressSync('hello')],
])('decompresses %s', async (encoding, body) => {
  await using at = await rawServer((socket) =>
    socket.write(answered(body, `content-encoding: ${encoding}\r\nx: 1\r\n`)),
  )
  const exchange = await host.open(webRequest(at.origin))
  expect(exchange.headers).toEqual([['x', '1']])
  expect(await bodyOf(exchange)).toBe('hello')
})

describe('resolve()', () => {
  const never = new AbortController().signal
  const failing = (code: string) =>
    nodeWebHost({ lookup: () => Promise.reject(Object.assign(new Error(code), { code })) })

  test.each(['127.0.0.1', '::1', '::ffff:7f00:1', '2001:db8::1'])(
    'takes the literal %s for itself',
    async (literal) => {
      const own = nodeWebHost({ lookup: () => Promise.reject(new Error('asked')) })
      expect(await own.resolve(literal, never)).toEqual([literal])
    },
  )

  test('asks the system, in its order', async () => {
    const addresses = await host.resolve('localhost', never)
    expect(addresses.length).toBeGreaterThan(0)
    for (const address of addresses) expect(address).toMatch(/^(127\.|::1$)/)
  })

  test.each(['ENOTFOUND', 'ENODATA'])('finds none where the resolver says %s', async (code) => {
    expect(await failing(code).resolve('a.test', never)).toEqual([])
  })

  test.each(['EAI_AGAIN', 'ETIMEOUT', 'ECONNREFUSED', 'ESERVFAIL'])(
    'rejects where nobody answers: %s',
    async (code) => {
      await expect(failing(code).resolve('a.test', never)).rejects.toMatchObject({ code })
    },
  )

  test('asks for few at once, and never for what nobody waits for any more', async () => {
    const asked: string[] = []
    const answers: (() => void)[] = []
    const own = nodeWebHost({
      lookup: (name) => {
        asked.push(name)
        return new Promise((resolve) => answers.push(() => resolve(['192.0.2.1'])))
      },
    })
    const leaving = new AbortController()
    const given = Array.from({ length: 100 }, (_, index) => own.resolve(`a${index}.test`, leaving.signal))
    const last = own.resolve('last.test', never)
    await new Promise((resolve) => setTimeout(resolve, 5))
    leaving.abort(new Error('left'))
    expect(new Set((await Promise.allSettled(given)).map(({ status }) => status))).toEqual(new Set(['rejected']))
    expect(asked).toHaveLength(HOST_LOOKUPS_MAX)
    answers[0]?.()
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(asked.at(-1)).toBe('last.test')
    answers.at(-1)?.()
    expect(await last).toEqual(['192.0.2.1'])
  })

  test('refuses a host with more addresses than any honest one has', async () => {
    const found = Array.from({ length: HOST_ADDRESSES_MAX + 1 }, () => '1.1.1.1')
    const own = nodeWebHost({ lookup: () => Promise.resolve(found) })
    await expect(own.resolve('a.test', never)).rejects.toMatchObject({ code: 'HTTP_ADDRESSES' })
    const less = nodeWebHost({ lookup: () => Promise.resolve(found.slice(1)) })
    expect(await less.resolve('a.test', never)).toHaveLength(HOST_ADDRESSES_MAX)
  })
})

describe('read()', () => {
  test('returns no more than is asked for, and all of it', async () => {
    await using at = await rawServer((socket) => socket.write(answered('hello, world')))
    const exchange = await host.open(webRequest(at.origin))
    const pieces: string[] = []
    for (let piece = await exchange.read(5); piece !== undefined; piece = await exchange.read(5)) {
      pieces.push(Buffer.from(piece).toString())
    }
    expect(pieces).toEqual(['hello', ', wor', 'ld'])
    expect(await exchange.read(5)).toBeUndefined()
  })

  test('may be called before the last one is answered', async () => {
    await using at = await rawServer((socket) => socket.write(answered('hello')))
    const exchange = await host.open(webRequest(at.origin))
    const pieces = await Promise.all([exchange.read(2), exchange.read(2), exchange.read(2), exchange.read(2)])
    expect(pieces.map((piece) => piece && Buffer.from(piece).toString())).toEqual(['he', 'll', 'o', undefined])
  })

  test.each([
    ['HEAD', '200 OK', 'content-length: 9'],
    ['GET', '204 No', 'x: y'],
    ['GET', '304 Not', 'content-length: 9'],
  ])('finds nothing after %s and %s, whatever its headers say', async (method, status, header) => {
    await using at = await rawServer((socket) => {
      socket.write(`HTTP/1.1 ${status}\r\ncontent-encoding: gzip\r\n${header}\r\n\r\n`)
    })
    const exchange = await host.open(webRequest(at.origin, { method }))
    expect(exchange.headers).toEqual([['content-encoding', 'gzip'], header.split(': ')])
    expect(await exchange.read(1)).toBeUndefined()
  })
})

test.each([
  ['PUT', undefined, 'content-length: 0'],
  ['POST', new Uint8Array(), 'content-length: 0'],
  ['DELETE', Buffer.from('x'), 'content-length: 1'],
  ['PATCH', Buffer.alloc(3_000_000, 'x'), 'content-length: 3000000'],
])('sends the whole body of %s, and its length', async (method, body, length) => {
  await using at = await rawServer((socket) => socket.write(answered('ok')))
  expect(await bodyOf(await host.open(webRequest(at.origin, { method, body })))).toBe('ok')
  const [head, ...sent] = at.requests[0]!.split('\r\n\r\n')
  expect(head).toContain(`${method} / HTTP/1.1`)
  expect(head).toContain(length)
  expect(head).not.toContain('transfer-encoding')
  expect(sent.join('\r\n\r\n')).toBe(Buffer.from(body ?? []).toString('latin1'))
})

test('an URL is sent as it is written', async () => {
  await using at = await rawServer((socket) => socket.write(answered('ok')))
  for (const path of ['/?', '/a%2Fb?x=%20&y', '//a', '/a;b?c?d'])
    await bodyOf(await host.open(webRequest(at.origin + path)))
  expect(at.requests.map((request) => request.split(' ')[1])).toEqual(['/?', '/a%2Fb?x=%20&y', '//a', '/a;b?c?d'])
})

test('a request whose signal aborts while it takes up its connection is not sent', async () => {
  await using at = await rawServer((socket, _request, count) => count === 1 && socket.write(answered('ok')))
  expect(await bodyOf(await host.open(webRequest(at.origin)))).toBe('ok')
  const stop = new AbortController()
  const opening = host.open(webRequest(at.origin, { method: 'POST', signal: stop.signal, headersTimeoutMs: 500 }))
  stop.abort(new Error('left'))
  await expect(opening).rejects.toThrow('left')
  expect(at.requests).toHaveLength(1)
})

test('close() ends what is under way', async () => {
  await using silent = await rawServer(() => undefined)
  await using half = await rawServer((socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello'))
  const own = nodeWebHost()
  const opening = own.open(webRequest(silent.origin))
  const exchange = await own.open(webRequest(half.origin))
  expect(await exchange.read(9)).toHaveLength(5)
  const reading = exchange.read(9)
  const closed = { code: 'HTTP_CLOSED' }
  await Promise.all([
    expect(opening).rejects.toMatchObject(closed),
    expect(reading).rejects.toMatchObject(closed),
    own.close(),
  ])
  await expect(own.open(webRequest(half.origin))).rejects.toMatchObject(closed)
  expect([await silent.openSockets(0), await half.openSockets(0)]).toEqual([0, 0])
})
