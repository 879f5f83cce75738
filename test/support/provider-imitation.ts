/**
 * A server on 127.0.0.1 that speaks as much of the Responses and the chat-completions API as a turn needs. It is an
 * imitation, because no real provider can be reached from a test: it proves what we send and how we take what comes
 * back, not that a provider agrees.
 */

import { createServer } from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { NewEvent, RunRecorder } from '../../runtime/audit/event.ts'

export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface Imitation extends AsyncDisposable {
  readonly origin: string
  readonly baseURL: string
  readonly seen: SeenRequest[]
}

/** Answers the nth request with the nth answer, and every later one with the last. */
export async function imitateProvider(
  ...answers: readonly ((response: ServerResponse, request: SeenRequest) => void)[]
): Promise<Imitation> {
  const seen: SeenRequest[] = []
  const answerTo = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    const request = {
      method: incoming.method ?? '',
      path: incoming.url ?? '',
      headers: incoming.headers,
      body: Buffer.concat(chunks).toString(),
    }
    seen.push(request)
    const answer = answers[Math.min(seen.length, answers.length) - 1]
    if (answer === undefined) response.writeHead(500).end()
    else answer(response, request)
  }
  const server = createServer((incoming, response) => void answerTo(incoming, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    origin,
    baseURL: `${origin}/v1`,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export function json(
  value: unknown,
  status = 200,
  headers: Record<string, string> = {},
): (response: ServerResponse) => void {
  return (response) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value))
}

export function chatReply(message: Record<string, unknown>, finishReason = 'stop'): Record<string, unknown> {
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model: 'imitation',
    choices: [
      {
        index: 0,
        finish_reason: finishReason,
        message: { role: 'assistant', content: null, refusal: null, ...message },
      },
    ],
    usage: { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 },
  }
}

export function chatCall(id: string | undefined, name: string, args: string): Record<string, unknown> {
  return { ...(id === undefined ? {} : { id }), type: 'function', function: { name, arguments: args } }
}

export function responsesReply(...output: readonly Record<string, unknown>[]): Record<string, unknown> {
  return {
    id: 'resp_1',
    object: 'response',
    created_at: 1,
    status: 'completed',
    model: 'imitation',
    output,
    usage: { input_tokens: 11, output_tokens: 7, total_tokens: 18 },
  }
}

export function responsesText(text: string): Record<string, unknown> {
  const part = { type: 'output_text', text, annotations: [], logprobs: [] }
  return { id: 'msg_1', type: 'message', role: 'assistant', status: 'completed', content: [part] }
}

export function responsesCall(callId: string, name: string, args: string): Record<string, unknown> {
  return { id: `fc_${callId}`, type: 'function_call', status: 'completed', call_id: callId, name, arguments: args }
}

export interface MemoryRecorder extends RunRecorder {
  readonly events: NewEvent[]
  /** The kinds of the events that were committed. */
  readonly committed: readonly string[]
}

export function memoryRecorder(): MemoryRecorder {
  const events: NewEvent[] = []
  const committed: string[] = []
  const append = (event: NewEvent): number => events.push(structuredClone(event))
  return {
    run: 'run',
    events,
    append,
    committed,
    commit: (event) => {
      committed.push(event.kind)
      return Promise.resolve(append(event))
    },
    barrier: () => Promise.resolve(),
  }
}

/** Everything that a value holds, own symbols and hidden properties included, bytes as text. */
export function deepText(value: unknown, known = new Set<unknown>()): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1')
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return String(value)
  if (known.has(value)) return ''
  known.add(value)
  const entries = value instanceof Headers ? [...value] : []
  const properties = Reflect.ownKeys(value).map((key) => `${String(key)}=${deepText(Reflect.get(value, key), known)}`)
  return [...entries.flat(), ...properties, typeof value === 'function' ? value.toString() : ''].join('\n')
}
