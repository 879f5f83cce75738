/** Requests that would be read as something else, and requests that are given up: at each stage, with nothing left open. */
import { randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'
import { nodeWebHost } from '../../runtime/node-web.ts'
import type { HttpOpenRequest } from '../../runtime/ports.ts'
import { answered, rawServer } from '../support/raw-server.ts'
import type { Answer } from '../support/raw-server.ts'
import { bodyOf, webRequest } from '../support/web.ts'

const host = nodeWebHost()

afterAll(() => host.close())

describe('what is sent', () => {
  const NAMES = ['a b', 'a:b', 'a\r\nb', '', 'X-Upper', 'a\0', 'é', 'host', 'connection', 'content-length', 'te']
  test.each<readonly [string, Partial<HttpOpenRequest>]>([
    ...['a\r\nb: c', 'a\nb', 'a\rb', 'a\0b', 'a\x7f', 'a\u0100', '\u010d\u010a'].map(
      (value) => [`the value ${JSON.stringify(value)}`, { headers: [['x', value]] }] as const,
    ),
    ...NAMES.map((name) => [`the name ${JSON.stringify(name)}`, { headers: [[name, 'x']] }] as const),
    [
      'a header twice',
      {
        headers: [
          ['x', '1'],
          ['x', '2'],
        ],
      },
    ],
    ...['GET /x HTTP/1.1\r\n', 'G T', '', 'CONNECT'].map((method) => [`the method ${method}`, { method }] as const),
    ['another URL than is written', { url: 'http://127.0.0.1:1/a b' }],
    ['a URL with a fragment', { url: 'http://127.0.0.1:1/#a' }],
    ['a URL with a password', { url: 'http://a:b@127.0.0.1:1/' }],
    ['another scheme', { url: 'ftp://127.0.0.1:1/' }],
  ])('never holds %s, and nobody is dialled', async (_what, changes) => {
    await using at = await rawServer((socket) => socket.write(answered('ok')))
    const request = { ...webRequest(at.origin), ...changes }
    await expect(host.open({ ...request, url: request.url.replace(':1/', `:${at.port}/`) })).rejects.toMatchObject({
      code: 'HTTP_REQUEST',
    })
    expect(at.accepted).toEqual([])
  })

  test('is sent once, whatever the server does with it', async () => {
    let connections = 0
    await using at = await rawServer((socket, _request, count) => {
      connections++
      if (count === 1) socket.write(answered('ok'))
      else socket.resetAndDestroy()
    })
    expect(await bodyOf(await host.open(webRequest(at.origin)))).toBe('ok')
    for (const method of ['GET', 'PUT', 'POST']) {
      const body = method === 'GET' ? undefined : randomBytes(10)
      await expect(host.open(webRequest(at.origin, { method, body }))).rejects.toMatchObject({ code: 'ECONNRESET' })
    }
    expect(connections).toBe(4)
  })

  test('does not follow a redirect, keep a cookie or cache', async () => {
    const headers = 'location: /b\r\nset-cookie: a=b\r\ncache-control: max-age=9999\r\n'
    await using at = await rawServer((socket) => socket.write(answered('x', headers, '301 Moved')))
    for (let count = 0; count < 2; count++) expect((await host.open(webRequest(at.origin))).status).toBe(301)
    expect(at.requests).toHaveLength(2)
    expect(at.requests.join('')).not.toMatch(/cookie|if-none-match|\/b/)
  })
})

describe('an end by the caller', () => {
  const stopped = new Error('stopped')

  test.each<readonly [string, Answer, number]>([
    ['while nothing comes', () => undefined, 1],
    ['while headers come', (socket) => socket.write('HTTP/1.1 200 OK\r\nx:'), 1],
  ])('%s ends the socket', async (_what, answer, sockets) => {
    await using at = await rawServer(answer)
    const abort = new AbortController()
    const open = host.open(webRequest(at.origin, { signal: abort.signal }))
    setTimeout(() => abort.abort(stopped), 50)
    await expect(open).rejects.toBe(stopped)
    expect(at.accepted).toHaveLength(sockets)
    expect(await at.openSockets(0)).toBe(0)
  })

  test('before anything dials nobody', async () => {
    await using at = await rawServer(() => undefined)
    await expect(host.open(webRequest(at.origin, { signal: AbortSignal.abort(stopped) }))).rejects.toBe(stopped)
    await expect(host.resolve('a.test', AbortSignal.abort(stopped))).rejects.toBe(stopped)
    expect(at.accepted).toEqual([])
  })

  test('while a name is looked up', async () => {
    const own = nodeWebHost({ lookup: () => new Promise(() => undefined) })
    const abort = new AbortController()
    const resolving = own.resolve('a.test', abort.signal)
    abort.abort(stopped)
    await expect(resolving).rejects.toBe(stopped)
    await own.close()
  })

  test('during a TLS handshake ends the socket', async () => {
    await using at = await rawServer(() => undefined)
    const abort = new AbortController()
    const open = host.open(webRequest(at.origin.replace('http', 'https'), { signal: abort.signal }))
    setTimeout(() => abort.abort(stopped), 50)
    await expect(open).rejects.toBe(stopped)
    expect(await at.openSockets(0)).toBe(0)
  })

  const half: Answer = (socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello')
  const halfPacked: Answer = (socket) => {
    const packed = gzipSync(randomBytes(100_000))
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${packed.byteLength}\r\ncontent-encoding: gzip\r\n\r\n`)
    socket.write(packed.subarray(0, 90_000))
  }

  test.each([
    ['plain', half],
    ['gzip', halfPacked],
  ])('in a body (%s), by signal or close(), ends it and the socket', async (_what, answer) => {
    await using at = await rawServer(answer)
    for (const how of ['signal', 'close', 'signal while nobody reads'] as const) {
      const abort = new AbortController()
      const exchange = await host.open(webRequest(at.origin, { signal: abort.signal }))
      expect((await exchange.read(5))?.byteLength).toBe(5)
      const rest = how === 'signal while nobody reads' ? undefined : bodyOf(exchange)
      setTimeout(() => (how === 'close' ? exchange.close() : abort.abort(stopped)), 30)
      const expected = how === 'close' ? { code: 'HTTP_CLOSED' } : { message: 'stopped' }
      if (rest === undefined) await new Promise((resolve) => setTimeout(resolve, 60))
      await expect(rest ?? exchange.read(1)).rejects.toMatchObject(expected)
      await expect(exchange.read(1)).rejects.toMatchObject(expected)
      expect(await at.openSockets(0)).toBe(0)
    }
  })

  test('after the last byte keeps the connection', async () => {
    await using at = await rawServer((socket) => socket.write(answered('ok')))
    const abort = new AbortController()
    const exchange = await host.open(webRequest(at.origin, { signal: abort.signal }))
    expect(await bodyOf(exchange)).toBe('ok')
    exchange.close()
    abort.abort()
    expect(await bodyOf(await host.open(webRequest(at.origin)))).toBe('ok')
    expect(at.accepted).toHaveLength(1)
  })

  test('gives back its place', async () => {
    await using at = await rawServer(half)
    for (let count = 0; count < 70; count++) {
      const abort = new AbortController()
      const exchange = await host.open(webRequest(at.origin, { signal: abort.signal }))
      if (count % 2 === 0) exchange.close()
      else abort.abort(stopped)
    }
    expect(await at.openSockets(0)).toBe(0)
  })
})
