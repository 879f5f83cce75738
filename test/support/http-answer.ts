/** Answers a guest's `http` requests by really asking: what a broker does, without its policy. */
import { request as ask, type IncomingMessage } from 'node:http'
import { fails, ok, type Answer } from './sandbox.ts'

const payloadOf = (bytes: Uint8Array): string =>
  JSON.stringify({ ok: true, bytes: Buffer.from(bytes).toString('base64') })

export function httpAnswer(): Answer {
  const exchanges = new Map<unknown, AsyncIterator<Buffer>>()
  return async (request, ordinal) => {
    if (request.op === 'timer') return await later(Number(request['delayMs']))
    if (request.op === 'http.close') return ok()
    if (request.op === 'http.read') {
      const next = await exchanges.get(request['exchange'])?.next()
      return next === undefined || next.done === true ? ok(null) : payloadOf(next.value)
    }
    if (request.op !== 'http') return fails('ENOENT')
    const response = await answerOf(request)
    exchanges.set(ordinal, response[Symbol.asyncIterator]())
    const headers = Object.entries(response.headers).map(([name, value]) => [name, String(value)])
    return ok({ status: response.statusCode, statusText: response.statusMessage, headers })
  }
}

function answerOf(request: Readonly<Record<string, unknown>>): Promise<IncomingMessage> {
  const { method, url, headers, body } = request
  const asked = ask(String(url), {
    method: String(method),
    headers: Object.fromEntries((headers ?? []) as [string, string][]),
  })
  const answer = Promise.withResolvers<IncomingMessage>()
  asked.on('response', answer.resolve).on('error', answer.reject)
  asked.end(typeof body === 'string' ? Buffer.from(body, 'base64') : undefined)
  return answer.promise
}

/** Clients bound their requests in time: a timer that came at once would end each of them. */
function later(delayMs: number): Promise<string> {
  return new Promise((resolve) => void setTimeout(() => resolve(ok()), delayMs).unref())
}
