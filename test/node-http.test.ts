import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { afterAll, expect, test } from 'vitest'
import { nodeHttpHost } from '../runtime/node-http.ts'
import type { HttpHostResponse } from '../runtime/ports.ts'
import { imitateProvider } from './support/provider-imitation.ts'

const host = nodeHttpHost()

afterAll(() => host.close())

function get(url: string): Promise<HttpHostResponse> {
  return host.request({
    method: 'GET',
    url,
    headers: {},
    body: undefined,
    signal: new AbortController().signal,
    connectTimeoutMs: 1000,
    headersTimeoutMs: 1000,
    bodyTimeoutMs: 1000,
    maxBytes: 10_000,
  })
}

const encoded = (encoding: string, body: Uint8Array) =>
  imitateProvider((response) =>
    response.writeHead(200, { 'content-encoding': encoding, 'X-Two': ['a', 'b'] }).end(body),
  )

test.each([
  ['gzip', gzipSync('hello')],
  ['br', brotliCompressSync('hello')],
  ['deflate', deflateSync('hello')],
  ['identity', Buffer.from('hello')],
])('request() decompresses %s', async (encoding, body) => {
  await using at = await encoded(encoding, body)
  const answer = await get(`${at.origin}/a?b=c`)
  expect(Buffer.from(answer.body).toString()).toBe('hello')
  expect(answer.headers).toMatchObject({ 'x-two': 'a, b' })
  expect(at.seen[0]).toMatchObject({ method: 'GET', path: '/a?b=c' })
})

test.each([
  ['gzip', gzipSync(Buffer.alloc(1_000_000))],
  ['br', brotliCompressSync(Buffer.alloc(1_000_000))],
  ['deflate', deflateSync(Buffer.alloc(1_000_000))],
])('request() counts the decompressed bytes of %s', async (encoding, body) => {
  expect(body.byteLength).toBeLessThan(10_000)
  await using at = await encoded(encoding, body)
  await expect(get(at.origin)).rejects.toMatchObject({ code: 'HTTP_BODY_TOO_LARGE' })
})

test.each([
  ['zstd', Buffer.from('hello')],
  ['gzip, gzip', gzipSync(gzipSync('hello'))],
  ['gzip', Buffer.from('hello')],
])('request() refuses what is not really %s', async (encoding, body) => {
  await using at = await encoded(encoding, body)
  await expect(get(at.origin)).rejects.toMatchObject({ code: 'HTTP_ENCODING' })
})

test('request() returns a redirect as it is', async () => {
  await using at = await imitateProvider((response) => response.writeHead(302, { location: '/elsewhere' }).end())
  expect(await get(at.origin)).toMatchObject({ status: 302, headers: { location: '/elsewhere' } })
  expect(at.seen).toHaveLength(1)
})
