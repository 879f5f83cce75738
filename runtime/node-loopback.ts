/** The perimeter's part for logging in: a listener on this machine for one request of a browser. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { LoopbackHost, LoopbackListener } from './credentials/sources/oauth-login.ts'
import { LOOPBACK_ANSWER_MS, URL_LENGTH_MAX } from './limits.ts'

const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  connection: 'close',
} as const

export const nodeLoopback: LoopbackHost = {
  async listen(path) {
    const arrived = Promise.withResolvers<string>()
    let waiting: ServerResponse | undefined
    const take = (request: IncomingMessage, response: ServerResponse): void => {
      request.resume()
      const refused = whyRefused(request, path, (server.address() as AddressInfo).port)
      // Only the first one counts: a second could be anybody's.
      if (refused !== undefined || waiting !== undefined) {
        response.writeHead(refused ?? 409, HEADERS).end()
        return
      }
      waiting = response
      arrived.resolve(request.url ?? '')
    }
    const server = createServer({ maxHeaderSize: URL_LENGTH_MAX }, take)
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(0, '127.0.0.1', resolve)
    })
    const { port } = server.address() as AddressInfo
    return {
      port,
      next: (signal) => firstOf(arrived.promise, signal),
      answer: async ({ status, text }) => {
        const response = waiting
        if (response === undefined || response.destroyed) return
        await new Promise<void>((resolve) => {
          const late = setTimeout(resolve, LOOPBACK_ANSWER_MS)
          response.once('close', () => {
            clearTimeout(late)
            resolve()
          })
          response.writeHead(status, HEADERS).end(`<!doctype html><title>run-agent</title><p>${text}</p>`)
        })
      },
      close: () => {
        server.close()
        server.closeAllConnections()
      },
    } satisfies LoopbackListener
  },
}

/** By its name another page could reach it (DNS rebinding). */
function whyRefused(request: IncomingMessage, path: string, port: number): number | undefined {
  if (request.headers.host !== `127.0.0.1:${port}`) return 421
  if (request.method !== 'GET') return 405
  return URL.parse(request.url ?? '', 'http://127.0.0.1')?.pathname === path ? undefined : 404
}

async function firstOf(arrived: Promise<string>, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted()
  let leave = (): void => undefined
  const left = new Promise<never>((_resolve, reject) => {
    // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- the reason is the caller's own
    leave = () => reject(signal.reason)
  })
  signal.addEventListener('abort', leave, { once: true })
  try {
    return await Promise.race([arrived, left])
  } finally {
    signal.removeEventListener('abort', leave)
  }
}
