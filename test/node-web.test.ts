import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'
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
      'GET /a?b=c HTTP/1.1\r\nhost: HOST\r\nconnection: keep-alive\r\nx-b: 1\r\naccept-encoding: gzip, deflate, br, zstd\r\nuser-agent: run-agent\r\n\r\n',
    ],
    [
      'POST',
      [['user-agent', 'tool'] as const],
      'hello',
      'POST /a?b=c HTTP/1.1\r\nhost: HOST\r\nconnection: keep-alive\r\nuser-agent: tool\r\naccept-encoding: gzip, deflate, br, zstd\r\ncontent-length: 5\r\n\r\nhello',
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
  ['br', brotliCompressSync('hello')],
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
