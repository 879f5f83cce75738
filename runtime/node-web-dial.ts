/** A connection to one of the addresses that were admitted for a request, and to nothing else. */

import { connect, isIP } from 'node:net'
import type { Socket } from 'node:net'
import { checkServerIdentity, connect as connectTls } from 'node:tls'
import { CONNECT_SHARE_MS_MIN } from './limits.ts'
import { codeOf, plainFailure, webFailure } from './node-web-failure.ts'
import { parsedAddress } from './policy/address.ts'
import type { HttpOpenRequest } from './ports.ts'

export interface Dialled {
  /** Over TLS where the URL says so. */
  readonly socket: Socket
  readonly address: string
}

type DialRequest = Pick<HttpOpenRequest, 'url' | 'addresses' | 'authorities' | 'signal' | 'connectTimeoutMs'>

/**
 * Tries the addresses in their order; each has an equal share of the time that is left. The remote address is compared
 * with them before a byte is sent. Nothing is asked of a resolver or of a proxy. Rejects with the signal's reason, or
 * with Node's code, `HTTP_CONNECT_TIMEOUT` or `HTTP_ADDRESS`.
 */
export async function dial(request: DialRequest): Promise<Dialled> {
  const { addresses, connectTimeoutMs, signal } = request
  const url = new URL(request.url)
  const end = performance.now() + connectTimeoutMs
  const admitted = new Set(addresses.map(normalAddress))
  let failure: Error = webFailure('HTTP_ADDRESS', 'no address was admitted for the host')
  for (const [index, address] of addresses.entries()) {
    signal.throwIfAborted()
    const leftMs = end - performance.now()
    if (leftMs <= 0) throw timedOut()
    const shareMs = Math.min(leftMs, Math.max(leftMs / (addresses.length - index), CONNECT_SHARE_MS_MIN))
    try {
      const wire = await connected(address, portOf(url), shareMs, signal)
      if (!isAmong(admitted, wire.remoteAddress)) {
        wire.destroy()
        throw webFailure('HTTP_ADDRESS', 'the connection leads to an address that was not admitted')
      }
      const socket = url.protocol === 'https:' ? await secured(wire, url, request, end) : wire
      return { socket, address }
    } catch (thrown) {
      signal.throwIfAborted()
      failure = plainFailure(thrown)
      if (!TRY_NEXT.has(codeOf(failure) ?? '')) throw failure
    }
  }
  throw failure
}

/** Where another address may do: nobody was reached. */
const TRY_NEXT: ReadonlySet<string> = new Set([
  'EADDRNOTAVAIL',
  'EAFNOSUPPORT',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'ETIMEDOUT',
  'HTTP_CONNECT_TIMEOUT',
])

/** One spelling for one address, whatever the family of the socket. Throws `HTTP_ADDRESS` where it is none. */
export function normalAddress(text: string): string {
  const address = parsedAddress(text)
  if (address === undefined) throw webFailure('HTTP_ADDRESS', 'what was admitted is no address')
  return address.toString()
}

function isAmong(admitted: ReadonlySet<string>, remote: string | undefined): boolean {
  const address = remote === undefined ? undefined : parsedAddress(remote)
  return address !== undefined && admitted.has(address.toString())
}

async function connected(address: string, port: number, timeoutMs: number, signal: AbortSignal): Promise<Socket> {
  // A literal is never looked up.
  const socket = connect({ host: normalAddress(address), port, noDelay: true })
  return whenReady(socket, 'connect', timeoutMs, signal)
}

/** TLS for the host of the URL; no variable of the environment makes it accept what does not verify. */
async function secured(wire: Socket, url: URL, request: DialRequest, end: number): Promise<Socket> {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const socket = connectTls({
    socket: wire,
    host,
    // RFC 6066 section 3: an address is no server name.
    servername: isIP(host) === 0 ? host : '',
    checkServerIdentity: (_name, certificate) => checkServerIdentity(host, certificate),
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['http/1.1'],
    ...(request.authorities === undefined ? {} : { ca: request.authorities }),
  })
  try {
    return await whenReady(socket, 'secureConnect', end - performance.now(), request.signal)
  } catch (thrown) {
    wire.destroy()
    throw thrown
  }
}

/** The socket once it emitted the event; destroyed where it does not, in time or before the signal. */
function whenReady<S extends Socket>(socket: S, event: string, timeoutMs: number, signal: AbortSignal): Promise<S> {
  const { promise, resolve, reject } = Promise.withResolvers<S>()
  const onError = (cause: Error): void => reject(cause)
  // A close without an error: the other side ended it in the middle of a handshake.
  const onClose = (): void => reject(webFailure('ECONNRESET', 'the connection was reset'))
  const onAbort = (): void => reject(signal.reason as Error)
  const timer = setTimeout(() => reject(timedOut()), Math.max(timeoutMs, 1))
  socket.once(event, () => resolve(socket))
  // Stays: between two owners nobody else listens, and an error that nobody hears ends the process.
  socket.on('error', onError)
  socket.once('close', onClose)
  signal.addEventListener('abort', onAbort, { once: true })
  return promise
    .catch((cause: unknown) => {
      socket.destroy()
      throw cause
    })
    .finally(() => {
      clearTimeout(timer)
      socket.off('close', onClose)
      signal.removeEventListener('abort', onAbort)
    })
}

function timedOut(): Error {
  return webFailure('HTTP_CONNECT_TIMEOUT', 'no connection came about in time')
}

function portOf({ port, protocol }: URL): number {
  if (port !== '') return Number(port)
  return protocol === 'https:' ? 443 : 80
}
