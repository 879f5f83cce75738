/** HTTP/1.1 over one connection that was dialled before: undici frames and parses, and never connects by itself. */

import type { Socket } from 'node:net'
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
import { codeOf, plainFailure, webFailure } from './node-web-failure.ts'
import { Gate } from './node-web-gate.ts'
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
  /** The whole answer was read, and the connection is good for another one. */
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

export function connectionOver({ socket, address }: Dialled, origin: string): Connection {
  const gate = new Gate(socket)
  let isTaken = false
  const connect = (callback: buildConnector.Callback): void => {
    if (isTaken) return callback(webFailure('HTTP_STALE', 'the connection was closed before it was used'), null)
    isTaken = true
    // What undici asks of a socket, every stream has.
    callback(null, gate as unknown as Socket)
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
  // Without a cause undici would go on parsing.
  const destroy = async (): Promise<void> => {
    gate.destroy(webFailure('HTTP_CLOSED', 'the connection was closed'))
    await client.destroy()
  }
  const isOpen = (): boolean => !gate.destroyed && !gate.readableEnded
  gate.once('close', () => {
    if (!isBusy) onIdleClose()
  })
  // Between two owners nobody else listens, and an error that nobody hears ends the process.
  gate.on('error', () => undefined)
  return {
    address,
    isOpen,
    onIdleClose(listener) {
      onIdleClose = listener
    },
    async send(request) {
      isBusy = true
      return answerTo(client, gate, request, (isWhole) => {
        if (!isBusy) return
        isBusy = false
        // What the server did not wait for would stand before the next request.
        if (isWhole && isOpen() && gate.bytesUnsent === 0) request.onReusable()
        else void destroy()
      })
    },
    destroy,
  }
}

/** `release` is called where the exchange failed, and when it is over; the first time counts. */
async function answerTo(
  client: Client,
  gate: Gate,
  request: WireRequest,
  release: (isWhole: boolean) => void,
): Promise<WireAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<WireAnswer>()
  const bytesBefore = gate.bytesReceived
  let bodyBytes = 0

  const body = new WireBody({
    idleTimeoutMs: request.idleTimeoutMs,
    maxBytes: request.maxBytes,
    flow: gate,
    onFailure: (cause) => {
      clearTimeout(timer)
      reject(cause)
      release(false)
    },
    onDone: () => {
      request.signal.removeEventListener('abort', onAbort)
      release(body.failure === undefined)
      request.onDone()
    },
  })
  const onAbort = (): void => body.abandon(request.signal.reason as Error)
  gate.onReceived = () => {
    const framing = gate.bytesReceived - bytesBefore - bodyBytes
    if (framing > HTTP_FRAMING_BYTES_MAX + HTTP_FRAMING_RATIO_MAX * bodyBytes) {
      body.end(webFailure('HTTP_FRAMING', 'its answer is framed by far more bytes than it holds'))
    }
  }
  const timer = setTimeout(() => {
    body.end(webFailure('HTTP_HEADERS_TIMEOUT', `no answer came within ${request.headersTimeoutMs} ms`))
  }, request.headersTimeoutMs)
  request.signal.addEventListener('abort', onAbort, { once: true })
  // Between the place and the connection nobody listened.
  if (request.signal.aborted) {
    onAbort()
    return promise
  }
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
      failureOf: (error) => gate.failure ?? plainFailure(error),
    }),
  )
  return promise
}

interface Listening {
  readonly body: WireBody
  readonly onAnswer: (answer: WireAnswer) => void
  readonly onData: (length: number) => void
  readonly failureOf: (error: Error) => Error
}

const LENGTH_MISMATCH = 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH'

/** Takes what undici says of one exchange. */
function listener({ body, onAnswer, onData, failureOf }: Listening): Dispatcher.DispatchHandler {
  let informational = 0
  let status = 0
  return {
    onRequestStart(controller) {
      if (body.failure !== undefined) controller.abort(body.failure)
    },
    onResponseStart(controller, statusCode, _headers, statusText = '') {
      status = statusCode
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
    onResponseData(_controller, chunk) {
      onData(chunk.byteLength)
      body.push(chunk)
    },
    onResponseEnd() {
      body.end()
    },
    onResponseError(_controller, error) {
      const failure = failureOf(error)
      // The length of a 304 is that of what it has not sent (RFC 9110 section 8.6), which undici does not know.
      body.end(status === 304 && codeOf(failure) === LENGTH_MISMATCH ? undefined : failure)
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
