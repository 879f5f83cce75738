/** HTTP/1.1 over one connection that was dialled before: undici frames and parses, and never connects by itself. */

import { Client } from 'undici'
import type { buildConnector, Dispatcher } from 'undici'
import {
  HTTP_FRAMING_BYTES_MAX,
  HTTP_FRAMING_RATIO_MAX,
  HTTP_HEADERS_BYTES_MAX,
  HTTP_HEADERS_MAX,
  HTTP_IDLE_CONNECTIONS_MAX,
  HTTP_IDLE_MS,
  HTTP_INFORMATIONAL_MAX,
} from './limits.ts'
import { WireBody } from './node-web-body.ts'
import type { Dialled } from './node-web-dial.ts'
import { plainFailure, webFailure } from './node-web-failure.ts'
import type { HttpOpenRequest } from './ports.ts'

export interface Connection {
  readonly address: string
  /** False once either side closed it. */
  isOpen(): boolean
  /** Called when it is closed while no exchange has it. */
  onIdleClose(listener: () => void): void
  /** One at a time. Rejects with `HTTP_STALE`, having sent nothing, where it was closed before. */
  send(request: WireRequest): Promise<WireAnswer>
  /** Resolves once it is closed. */
  destroy(): Promise<void>
}

export interface WireRequest extends Pick<HttpOpenRequest, 'method' | 'body' | 'signal' | 'maxBytes'> {
  readonly path: string
  /** Names and values in turn. */
  readonly headers: string[]
  readonly headersTimeoutMs: number
  readonly idleTimeoutMs: number
  /** The whole answer came, and the connection is good for another one. */
  readonly onReusable: () => void
  /** Nothing of the body waits to be read any more. */
  readonly onDone: () => void
}

export interface WireAnswer {
  readonly status: number
  readonly statusText: string
  /** As they came. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: WireBody
}

export function connectionOver(dialled: Dialled, origin: string): Connection {
  const { socket, address } = dialled
  let isTaken = false
  const connect = (callback: buildConnector.Callback): void => {
    if (isTaken) return callback(webFailure('HTTP_STALE', 'the connection was closed before it was used'), null)
    isTaken = true
    callback(null, socket)
  }
  const client = new Client(origin, {
    // Later, for undici does not look whether it was called at once.
    connect: (_options, callback) => queueMicrotask(() => connect(callback)),
    pipelining: 1,
    maxHeaderSize: HTTP_HEADERS_BYTES_MAX,
    keepAliveTimeout: HTTP_IDLE_MS,
    keepAliveMaxTimeout: HTTP_IDLE_MS,
    // Ours are counted from other moments.
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  let isBusy = false
  let onIdleClose = (): void => undefined
  const destroy = async (): Promise<void> => {
    socket.destroy()
    await client.destroy()
  }
  socket.once('close', () => {
    if (!isBusy) onIdleClose()
  })
  return {
    address,
    isOpen: () => !socket.destroyed && !socket.readableEnded,
    onIdleClose(listener) {
      onIdleClose = listener
    },
    async send(request) {
      isBusy = true
      const release = (isReusable: boolean): void => {
        isBusy = false
        // What the server did not wait for would stand before the next request.
        if (isReusable && !socket.destroyed && socket.writableLength === 0) request.onReusable()
        else void destroy()
      }
      return answerTo(client, dialled, request, release)
    },
    destroy,
  }
}

/** `release` is called once, when the connection has no more to do with the request. */
async function answerTo(
  client: Client,
  { socket, wire }: Dialled,
  request: WireRequest,
  release: (isReusable: boolean) => void,
): Promise<WireAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<WireAnswer>()
  const bytesBefore = wire.bytesRead
  let bodyBytes = 0
  let isOver = false

  const over = (isReusable: boolean): void => {
    if (isOver) return
    isOver = true
    clearTimeout(timer)
    socket.off('readable', onReadable)
    release(isReusable)
  }
  const body = new WireBody({
    idleTimeoutMs: request.idleTimeoutMs,
    maxBytes: request.maxBytes,
    onFailure: (cause) => {
      reject(cause)
      over(false)
    },
    onDone: () => {
      request.signal.removeEventListener('abort', onAbort)
      request.onDone()
    },
  })
  const onAbort = (): void => body.abandon(request.signal.reason as Error)
  // Nothing tells of what frames a body but the count of all that came.
  const onReadable = (): void => {
    const framing = wire.bytesRead - bytesBefore - bodyBytes
    if (framing > HTTP_FRAMING_BYTES_MAX + HTTP_HEADERS_BYTES_MAX + HTTP_FRAMING_RATIO_MAX * bodyBytes) {
      body.end(webFailure('HTTP_FRAMING', 'its answer is framed by far more bytes than it holds'))
    }
  }
  const timer = setTimeout(() => {
    body.end(webFailure('HTTP_HEADERS_TIMEOUT', `no answer came within ${request.headersTimeoutMs} ms`))
  }, request.headersTimeoutMs)
  request.signal.addEventListener('abort', onAbort, { once: true })
  socket.on('readable', onReadable)
  client.dispatch(
    {
      path: request.path,
      method: request.method as Dispatcher.HttpMethod,
      headers: request.headers,
      body: request.body ?? null,
    },
    listener({
      body,
      onAnswer: (answer) => {
        clearTimeout(timer)
        resolve(answer)
      },
      onData: (length) => {
        bodyBytes += length
      },
      onEnd: () => over(true),
    }),
  )
  return promise
}

interface Listening {
  readonly body: WireBody
  readonly onAnswer: (answer: WireAnswer) => void
  readonly onData: (length: number) => void
  readonly onEnd: () => void
}

/** Takes what undici says of one exchange. */
function listener({ body, onAnswer, onData, onEnd }: Listening): Dispatcher.DispatchHandler {
  let informational = 0
  return {
    onRequestStart(controller) {
      if (body.failure !== undefined) controller.abort(body.failure)
    },
    onResponseStart(controller, status, _headers, statusText = '') {
      if (status < 200) {
        informational++
        if (informational > HTTP_INFORMATIONAL_MAX) {
          body.end(webFailure('HTTP_HEADERS', `more than ${HTTP_INFORMATIONAL_MAX} answers came before the answer`))
        }
        return
      }
      const headers = pairsOf(controller.rawHeaders as readonly Buffer[])
      if (headers.length > HTTP_HEADERS_MAX) {
        return body.end(webFailure('HTTP_HEADERS', `its answer has more than ${HTTP_HEADERS_MAX} headers`))
      }
      onAnswer({ status, statusText, headers, body })
    },
    onResponseData(controller, chunk) {
      onData(chunk.byteLength)
      body.push(chunk, controller)
    },
    onResponseEnd() {
      onEnd()
      body.end()
    },
    onResponseError(_controller, error) {
      body.end(plainFailure(error))
    },
  }
}

/** Bytes that are not ASCII stand for themselves (RFC 9110 section 5.5). */
function pairsOf(raw: readonly Buffer[]): readonly (readonly [string, string])[] {
  return Array.from({ length: raw.length / 2 }, (_, index) => [
    raw[2 * index]!.toString('latin1').toLowerCase(),
    raw[2 * index + 1]!.toString('latin1'),
  ])
}

export interface IdleConnections {
  take(key: string): Connection | undefined
  /** For the next one with the same key; beyond HTTP_IDLE_CONNECTIONS_MAX the oldest is closed. */
  keep(key: string, connection: Connection): void
  close(): Promise<void>
}

export function idleConnections(): IdleConnections {
  let idle: { readonly key: string; readonly connection: Connection }[] = []
  let isClosed = false
  const drop = async (gone: Connection): Promise<void> => {
    idle = idle.filter(({ connection }) => connection !== gone)
    await gone.destroy()
  }
  return {
    take(key) {
      const found = idle.findLast((one) => one.key === key && one.connection.isOpen())
      idle = idle.filter((one) => one !== found)
      return found?.connection
    },
    keep(key, connection) {
      connection.onIdleClose(() => void drop(connection))
      idle.push({ key, connection })
      const oldest = isClosed || idle.length > HTTP_IDLE_CONNECTIONS_MAX ? idle[0] : undefined
      if (oldest !== undefined) void drop(oldest.connection)
    },
    async close() {
      isClosed = true
      await Promise.all(idle.map(({ connection }) => drop(connection)))
    },
  }
}
