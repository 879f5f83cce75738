/** The network's part of the perimeter: HttpHost over undici. */

import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate } from 'node:zlib'
import { Agent } from 'undici'
import type { Dispatcher } from 'undici'
import { tooLarge } from './node-web-body.ts'
import { webFailure } from './node-web-failure.ts'
import type { HttpHost, HttpHostRequest, HttpHostResponse } from './ports.ts'

const decompressors: ReadonlyMap<string, (data: Uint8Array, options: { maxOutputLength: number }) => Promise<Buffer>> =
  new Map([
    ['gzip', promisify(gunzip)],
    ['x-gzip', promisify(gunzip)],
    ['br', promisify(brotliDecompress)],
    ['deflate', promisify(inflate)],
  ])

/** Connections are pooled as long as the host lives, so one host serves one run and never two users. */
export function nodeHttpHost(): HttpHost & { close(): Promise<void> } {
  const agents = new Map<number, Agent>()

  const agentFor = (connectTimeoutMs: number): Agent => {
    const known = agents.get(connectTimeoutMs)
    if (known !== undefined) return known
    const agent = new Agent({ connect: { timeout: connectTimeoutMs } })
    agents.set(connectTimeoutMs, agent)
    return agent
  }

  return {
    request: (request) => exchange(agentFor(request.connectTimeoutMs), request),
    async close() {
      await Promise.all([...agents.values()].map((agent) => agent.destroy()))
      agents.clear()
    },
  }
}

async function exchange(agent: Agent, request: HttpHostRequest): Promise<HttpHostResponse> {
  request.signal.throwIfAborted()
  const deadline = new AbortController()
  const signal = AbortSignal.any([request.signal, deadline.signal])
  let timer = expireAfter(deadline, request.headersTimeoutMs, 'HTTP_HEADERS_TIMEOUT', 'no answer')
  try {
    const url = new URL(request.url)
    const answer = await agent.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method: request.method as Dispatcher.HttpMethod,
      headers: { ...request.headers, 'accept-encoding': 'gzip, br, deflate' },
      body: request.body ?? null,
      signal,
      headersTimeout: 0,
      bodyTimeout: 0,
    })
    clearTimeout(timer)
    timer = expireAfter(deadline, request.bodyTimeoutMs, 'HTTP_BODY_TIMEOUT', 'an incomplete answer')
    const headers = joined(answer.headers)
    const sent = await bytesOf(answer.body, request.maxBytes)
    return { status: answer.statusCode, headers, body: await decompressed(sent, headers, request.maxBytes) }
  } catch (thrown) {
    if (request.signal.aborted) throw request.signal.reason
    if (deadline.signal.aborted) throw deadline.signal.reason
    throw thrown
  } finally {
    clearTimeout(timer)
  }
}

function expireAfter(deadline: AbortController, delayMs: number, code: string, what: string): NodeJS.Timeout {
  return setTimeout(() => deadline.abort(webFailure(code, `${what} after ${delayMs} ms`)), delayMs)
}

async function bytesOf(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.byteLength
    if (length > maxBytes) throw tooLarge(maxBytes)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

async function decompressed(
  body: Uint8Array,
  headers: Readonly<Record<string, string>>,
  maxBytes: number,
): Promise<Uint8Array> {
  const encoding = (headers['content-encoding'] ?? '').trim().toLowerCase()
  if (encoding === '' || encoding === 'identity' || body.byteLength === 0) return body
  const decompress = decompressors.get(encoding)
  if (decompress === undefined) throw webFailure('HTTP_ENCODING', `content-encoding ${JSON.stringify(encoding)}`)
  try {
    return await decompress(body, { maxOutputLength: maxBytes })
  } catch (thrown) {
    if (thrown instanceof RangeError) throw tooLarge(maxBytes)
    throw webFailure('HTTP_ENCODING', `a body that is not ${encoding}`)
  }
}

function joined(headers: NodeJS.Dict<string | string[]>): Record<string, string> {
  const entries = Object.entries(headers).map(([name, value]) => [
    name.toLowerCase(),
    Array.isArray(value) ? value.join(', ') : (value ?? ''),
  ])
  return Object.fromEntries(entries)
}
