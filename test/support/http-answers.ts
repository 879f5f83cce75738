/** Answers a guest's `http` ops by asking real servers: what the broker does, without its rules. */
import { request, type IncomingMessage } from 'node:http'
import type { Answer } from './sandbox.ts'

interface SentRequest {
  readonly method: string
  readonly url: string
  readonly headers?: readonly (readonly [string, string])[]
  readonly body?: string
}

export interface HttpAnswers {
  readonly answer: Answer
  /** Exchanges that were closed by the guest. */
  readonly closed: ReadonlySet<number>
  /** Reads of each exchange. */
  readonly reads: ReadonlyMap<number, number>
}

const failed = (name: string, code: string, message: string): string =>
  JSON.stringify({ ok: false, error: { name, code, message } })
const bytes = (piece: Uint8Array): string => JSON.stringify({ ok: true, bytes: Buffer.from(piece).toString('base64') })

/** `denied` says of a URL whether it is. */
export function answersOverHttp(denied: (url: string) => boolean = () => false): HttpAnswers {
  const bodies = new Map<number, AsyncIterator<Buffer>>()
  const closed = new Set<number>()
  const reads = new Map<number, number>()
  const answer: Answer = async (asked, ordinal) => {
    const exchange = Number(asked['exchange'])
    switch (asked.op) {
      case 'timer':
        await new Promise((resolve) => setTimeout(resolve, Number(asked['delayMs'])))
        return '{"ok":true}'
      case 'http.close':
        closed.add(exchange)
        await bodies.get(exchange)?.return?.()
        return '{"ok":true}'
      case 'http.read': {
        reads.set(exchange, (reads.get(exchange) ?? 0) + 1)
        try {
          const next = await bodies.get(exchange)?.next()
          return next === undefined || next.done === true ? '{"ok":true,"value":null}' : bytes(next.value)
        } catch (error) {
          return failed('Error', String(Reflect.get(Object(error), 'code')), String(error))
        }
      }
      case 'http': {
        const sent = asked as unknown as SentRequest
        if (denied(sent.url)) return failed('Denied', 'E_DENIED', `no rule permits ${sent.method} ${sent.url}`)
        try {
          const response = await send(sent)
          bodies.set(ordinal, response[Symbol.asyncIterator]())
          const headers: [string, string][] = []
          for (let at = 0; at < response.rawHeaders.length; at += 2) {
            headers.push([(response.rawHeaders[at] ?? '').toLowerCase(), response.rawHeaders[at + 1] ?? ''])
          }
          const value = { status: response.statusCode, statusText: response.statusMessage, headers }
          return JSON.stringify({ ok: true, value })
        } catch (error) {
          return failed('Error', String(Reflect.get(Object(error), 'code')), String(error))
        }
      }
      default:
        return failed('Error', 'ENOENT', asked.op)
    }
  }
  return { answer, closed, reads }
}

function send({ method, url, headers = [], body }: SentRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method, headers: Object.fromEntries(headers), agent: false }, resolve)
    outgoing.on('error', reject)
    outgoing.end(body === undefined ? undefined : Buffer.from(body, 'base64'))
  })
}
