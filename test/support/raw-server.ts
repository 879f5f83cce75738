/** A server on loopback that answers with whatever bytes a test writes, and keeps what it was sent. */

import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import type { TlsOptions, TLSSocket } from 'node:tls'

export interface RawServer extends AsyncDisposable {
  readonly port: number
  readonly origin: string
  /** Each request as it came, with its body. */
  readonly requests: string[]
  /** Connections that came, TLS done or not. */
  readonly accepted: Socket[]
  /** The server name that each handshake asked for; false: none. */
  readonly serverNames: (string | false | null)[]
  /** Those still open, once what is under way has been done; waits up to a second for there to be so few. */
  openSockets(expected: number): Promise<number>
}

export type Answer = (socket: Socket, request: string, count: number) => void

/** Calls `answer` for each request that is whole; `count` begins with 1. */
export async function rawServer(
  answer: Answer,
  { address = '127.0.0.1', port = 0, tls }: { address?: string; port?: number; tls?: TlsOptions } = {},
): Promise<RawServer> {
  const requests: string[] = []
  const accepted: Socket[] = []
  const serverNames: (string | false | null)[] = []
  const serve = (socket: Socket): void => {
    let text = ''
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      for (let end = requestEnd(text); end !== undefined; end = requestEnd(text)) {
        const request = text.slice(0, end)
        text = text.slice(end)
        answer(socket, request, requests.push(request))
      }
    })
  }
  const server = tls === undefined ? createServer({ noDelay: true }, serve) : createTlsServer(tls, serve)
  server.on('connection', (socket: Socket) => {
    socket.on('error', () => undefined)
    accepted.push(socket)
  })
  server.on('secureConnection', (socket: TLSSocket) => serverNames.push(socket.servername))
  await new Promise<void>((resolve) => server.listen(port, address, resolve))
  const bound = server.address() as AddressInfo
  const host = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address
  const open = (): number => accepted.filter((socket) => !socket.destroyed).length
  return {
    port: bound.port,
    origin: `${tls === undefined ? 'http' : 'https'}://${host}:${bound.port}`,
    requests,
    accepted,
    serverNames,
    async openSockets(expected) {
      for (let round = 0; round < 100 && open() > expected; round++) {
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      return open()
    },
    async [Symbol.asyncDispose]() {
      for (const socket of accepted) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Where the first request ends; undefined where it is not whole. */
function requestEnd(text: string): number | undefined {
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) return undefined
  const [, length = '0'] = /\r\ncontent-length: (\d+)\r\n/i.exec(text.slice(0, end + 2)) ?? []
  const whole = end + 4 + Number(length)
  return text.length < whole ? undefined : whole
}

/** An answer with a body and the length that it has. */
export function answered(body: string | Uint8Array, headers = '', status = '200 OK'): Buffer {
  const bytes = Buffer.from(body)
  return Buffer.concat([Buffer.from(`HTTP/1.1 ${status}\r\n${headers}content-length: ${bytes.length}\r\n\r\n`), bytes])
}
