/** The network's part of the perimeter as tools reach it: WebHost over the system's resolver, dialled sockets and undici. */

import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { HOST_ADDRESSES_MAX, HOST_LOOKUPS_MAX, HTTP_EXCHANGES_MAX, HTTP_POOL_EXCHANGES_MAX } from './limits.ts'
import { connectionOver, idleConnections } from './node-web-connection.ts'
import { dial, normalAddress } from './node-web-dial.ts'
import { exchangeOf } from './node-web-exchange.ts'
import { codeOf, plainFailure, webFailure } from './node-web-failure.ts'
import { places } from './node-web-places.ts'
import { writtenRequest } from './node-web-request.ts'
import type { WrittenRequest } from './node-web-request.ts'
import type { HttpExchange, HttpOpenRequest, WebHost } from './ports.ts'

export interface NodeWebOptions {
  /** Every address of a name, in place of the system's resolver; rejects with Node's codes of DNS. */
  readonly lookup?: (host: string) => Promise<readonly string[]>
}

export interface NodeWebHost extends WebHost {
  /** Ends every exchange and closes every connection. */
  close(): Promise<void>
}

/** Connections are kept as long as the host lives, so one host serves one run and never two users. */
export function nodeWebHost(options: NodeWebOptions = {}): NodeWebHost {
  const closing = new AbortController()
  const connections = idleConnections()
  const room = places(HTTP_EXCHANGES_MAX, HTTP_POOL_EXCHANGES_MAX)
  const lookups = places(HOST_LOOKUPS_MAX, HOST_LOOKUPS_MAX)
  const ask = options.lookup ?? systemLookup

  const attempt = async (request: HttpOpenRequest, written: WrittenRequest): Promise<HttpExchange | 'stale'> => {
    const { pool, signal } = request
    const key = poolKey(request, written.origin)
    const leave = await room.take(pool, signal)
    const kept = connections.take(key)
    try {
      const connection = kept ?? connectionOver(await dial(request), written.origin)
      const answer = await connection.send({
        ...request,
        ...written,
        onReusable: () => connections.keep(key, connection),
        onDone: leave,
      })
      return exchangeOf(request, answer, connection.address)
    } catch (thrown) {
      leave()
      if (codeOf(thrown) !== 'HTTP_STALE') throw thrown
      if (kept !== undefined) return 'stale'
      // A server that closes whatever is dialled would be dialled for ever.
      throw webFailure('ECONNRESET', 'the connection was reset')
    }
  }

  return {
    async resolve(host, signal) {
      signal.throwIfAborted()
      if (isIP(host) !== 0) return [host]
      const leave = await lookups.take('', signal)
      if (signal.aborted) leave()
      signal.throwIfAborted()
      const addresses = await beforeAbort(addressesOf(ask, host).finally(leave), signal)
      if (addresses.length <= HOST_ADDRESSES_MAX) return addresses
      throw webFailure('HTTP_ADDRESSES', `the host has more than ${HOST_ADDRESSES_MAX} addresses`)
    },
    async open(given) {
      given.signal.throwIfAborted()
      closing.signal.throwIfAborted()
      const written = writtenRequest(given)
      const request = { ...given, signal: AbortSignal.any([given.signal, closing.signal]) }
      // A connection that was kept may have been closed meanwhile; then nothing was sent, and the next one is taken.
      for (;;) {
        const exchange = await attempt(request, written)
        if (exchange !== 'stale') return exchange
      }
    },
    async close() {
      closing.abort(webFailure('HTTP_CLOSED', 'the run has ended'))
      await connections.close()
    },
  }
}

/**
 * A connection serves those requests alone for which the same addresses were admitted, under the same authorities, in
 * the same pool.
 */
function poolKey({ pool, addresses, authorities }: HttpOpenRequest, origin: string): string {
  const admitted = [...new Set(addresses.map(normalAddress))].toSorted()
  return JSON.stringify([pool, origin, admitted, authorities])
}

async function systemLookup(host: string): Promise<readonly string[]> {
  const found = await lookup(host, { all: true, order: 'verbatim' })
  return found.map(({ address }) => address)
}

/** Empty where the resolver says that there are none. */
async function addressesOf(
  ask: (host: string) => Promise<readonly string[]>,
  host: string,
): Promise<readonly string[]> {
  try {
    return await ask(host)
  } catch (thrown) {
    const code = codeOf(thrown)
    if (code === 'ENOTFOUND' || code === 'ENODATA') return []
    throw plainFailure(thrown)
  }
}

/** A lookup cannot be ended: it is left alone, and its outcome is of no interest any more. */
async function beforeAbort<T>(outcome: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => reject(signal.reason as Error)
  signal.addEventListener('abort', onAbort, { once: true })
  return Promise.race([outcome, promise]).finally(() => signal.removeEventListener('abort', onAbort))
}
