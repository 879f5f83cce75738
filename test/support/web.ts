/** Requests to a web host, and what comes of them. */

import type { HttpExchange, HttpOpenRequest } from '../../runtime/ports.ts'

/** A GET of what lies on loopback; a short time for everything. */
export function webRequest(url: string, changes: Partial<HttpOpenRequest> = {}): HttpOpenRequest {
  return {
    method: 'GET',
    url: new URL(url).href,
    headers: [],
    body: undefined,
    addresses: ['127.0.0.1'],
    authorities: undefined,
    pool: 'pool',
    signal: new AbortController().signal,
    connectTimeoutMs: 2000,
    headersTimeoutMs: 2000,
    idleTimeoutMs: 2000,
    maxBytes: 1024 * 1024,
    maxRatio: 100,
    ...changes,
  }
}

/** The whole body, as bytes for themselves. */
export async function bodyOf(exchange: HttpExchange): Promise<string> {
  const pieces: Uint8Array[] = []
  for (let piece = await exchange.read(65_536); piece !== undefined; piece = await exchange.read(65_536)) {
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('latin1')
}
