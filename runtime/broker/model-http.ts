import { createHash } from 'node:crypto'
import type { Json, NewEvent, RunRecorder } from '../audit/event.ts'
import { codeOf, messageOf } from '../errors.ts'
import {
  ERROR_QUOTE_LENGTH_MAX,
  MODEL_BODY_TIMEOUT_MS,
  MODEL_CONNECT_TIMEOUT_MS,
  MODEL_HEADERS_TIMEOUT_MS,
  MODEL_RESPONSE_BYTES_MAX,
} from '../limits.ts'
import type { HttpHost, HttpHostRequest, HttpHostResponse } from '../ports.ts'
import { ProviderError } from '../provider-error.ts'

/** Everything else that a client sets stays here: credentials, cookies, what its library says of this machine. */
const SENT_HEADERS = ['accept', 'content-type']

/** Everything else that a provider answers stays outside. */
const RETURNED_HEADERS = ['content-type', 'x-request-id', 'retry-after', 'openai-processing-ms']

/** Failures that the same request would meet again. */
const LASTING_FAILURES = /^(HTTP_BODY_TOO_LARGE|HTTP_ENCODING|CERT_|ERR_TLS_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/

export type ModelLimits = Pick<HttpHostRequest, 'connectTimeoutMs' | 'headersTimeoutMs' | 'bodyTimeoutMs' | 'maxBytes'>

const modelLimits: ModelLimits = {
  connectTimeoutMs: MODEL_CONNECT_TIMEOUT_MS,
  headersTimeoutMs: MODEL_HEADERS_TIMEOUT_MS,
  bodyTimeoutMs: MODEL_BODY_TIMEOUT_MS,
  maxBytes: MODEL_RESPONSE_BYTES_MAX,
}

export interface ModelFetchOptions {
  readonly recorder: RunRecorder
  /** Rejects with E_CREDENTIAL where the credential may not be used any longer. */
  readonly dress: (headers: Headers) => Promise<void>
  readonly scrub: (text: string) => string
  /** Nothing outside this URL is reached, whatever the client asks for. */
  readonly baseURL: string
  readonly httpHost: HttpHost
  /** The `call` of the recorded events. */
  readonly call: string
  readonly limits?: ModelLimits
}

type Outcome =
  | {
      readonly ok: true
      readonly value: { readonly status: number; readonly headers: Record<string, string>; readonly body: Uint8Array }
    }
  | {
      readonly ok: false
      readonly error: {
        readonly name: string
        readonly code: string
        readonly message: string
        readonly retryable: boolean
      }
    }

interface Asked {
  readonly method: string
  readonly url: string
  readonly headers: Record<string, string>
  readonly body: Uint8Array
}

/**
 * A `fetch` for a model's client, and nothing else's: POST below the provider's URL. The order is the rule: decide,
 * record the intent, dress, perform, scrub, record the outcome, return. What is sent, recorded and returned has been
 * scrubbed, so that a record is what was sent but for the credential.
 */
export function createModelFetch(options: ModelFetchOptions): typeof globalThis.fetch {
  const base = new URL(options.baseURL)
  let ordinals = 0

  return async (input, init) => {
    const request = new Request(input, init)
    const asked = await askedOf(request, options.scrub)
    const ordinal = ordinals++
    const record = (kind: 'host.request' | 'host.outcome', data: NewEvent['data']): NewEvent => ({
      kind,
      call: options.call,
      ordinal,
      data,
    })
    const decision = decideModelRequest(base, request)
    await options.recorder.commit(record('host.request', { request: recordedRequest(asked), decision }))
    if (decision.kind === 'deny') {
      throw new ProviderError(
        'E_PROVIDER',
        `the model's client asked for ${asked.method} ${asked.url}, which is denied`,
        {
          retryable: false,
        },
      )
    }
    const outcome = await perform(asked, request.signal, options)
    options.recorder.append(record('host.outcome', { outcome: outcome satisfies Json }))
    if (request.signal.aborted) throw request.signal.reason
    return settle(outcome)
  }
}

async function askedOf(request: Request, scrub: ModelFetchOptions['scrub']): Promise<Asked> {
  return {
    method: request.method,
    url: scrub(request.url),
    headers: headersAmong(SENT_HEADERS, request.headers, scrub),
    body: scrubBytes(new Uint8Array(await request.arrayBuffer()), scrub),
  }
}

/**
 * The body is named by its hash: it repeats the whole transcript each turn, which the events of the run hold once,
 * and `model.request` says which range of it this is.
 */
function recordedRequest({ body, ...asked }: Asked): Json {
  const sha256 = createHash('sha256').update(body).digest('hex')
  return { op: 'http', ...asked, body: { sha256, bytes: body.byteLength } }
}

function isBelow(base: URL, request: Pick<Request, 'method' | 'url'>): boolean {
  const url = new URL(request.url)
  const folder = base.pathname.endsWith('/') ? base.pathname : `${base.pathname}/`
  return (
    request.method === 'POST' &&
    url.origin === base.origin &&
    url.username + url.password + url.hash === '' &&
    url.pathname.startsWith(folder) &&
    // A server may decode these after all, and climb out of the folder with them.
    !/%2f|%5c|%2e/i.test(url.pathname)
  )
}

/** What a model's client may ask for: POST below the provider's URL. */
export function decideModelRequest(base: URL, request: Pick<Request, 'method' | 'url'>): ModelDecision {
  const rule = `POST ${base.href.replace(/\/$/, '')}/**`
  if (isBelow(base, request)) return { kind: 'permit', rule, place: 'provider' }
  return { kind: 'deny', reason: 'default-deny', rule: 'default-deny', allowed: `A model's client may only ${rule}.` }
}

type ModelDecision =
  | { readonly kind: 'permit'; readonly rule: string; readonly place: string }
  | { readonly kind: 'deny'; readonly reason: string; readonly rule: string; readonly allowed: string }

async function perform(asked: Asked, signal: AbortSignal, options: ModelFetchOptions): Promise<Outcome> {
  const { scrub, httpHost, limits = modelLimits } = options
  try {
    signal.throwIfAborted()
    const dressed = new Headers(asked.headers)
    await options.dress(dressed)
    signal.throwIfAborted()
    const answer = await httpHost.request({ ...asked, headers: Object.fromEntries(dressed), signal, ...limits })
    return answerOf(asked, answer, scrub)
  } catch (thrown) {
    if (signal.aborted) return failure('E_INTERRUPTED', 'the request was aborted', false)
    const code = codeOf(thrown) ?? 'E_PROVIDER'
    if (code === 'E_CREDENTIAL') return failure(code, scrub(messageOf(thrown)), false)
    const origin = new URL(asked.url).origin
    const reason = scrub(messageOf(thrown)).slice(0, ERROR_QUOTE_LENGTH_MAX)
    const message = `couldn't get an answer from ${origin}: ${reason === '' ? code : reason}`
    return failure(code, message, !LASTING_FAILURES.test(code))
  }
}

function answerOf(asked: Asked, answer: HttpHostResponse, scrub: ModelFetchOptions['scrub']): Outcome {
  const { origin } = new URL(asked.url)
  if (answer.status >= 300 && answer.status < 400) {
    const target = URL.parse(answer.headers['location'] ?? '', asked.url)?.origin ?? 'nowhere'
    return failure(
      'HTTP_REDIRECT',
      `${origin} redirects to ${scrub(target)}, and a model request is never redirected`,
      false,
    )
  }
  if (answer.status < 200 || answer.status > 599)
    return failure('HTTP_STATUS', `${origin} answered ${answer.status}`, false)
  const headers = headersAmong(RETURNED_HEADERS, new Headers(answer.headers), scrub)
  return { ok: true, value: { status: answer.status, headers, body: scrubBytes(answer.body, scrub) } }
}

function settle(outcome: Outcome): Response {
  if (!outcome.ok) {
    const { code } = outcome.error
    throw new ProviderError(code === 'E_CREDENTIAL' ? code : 'E_PROVIDER', outcome.error.message, {
      retryable: outcome.error.retryable,
      ...(code === 'HTTP_REDIRECT' ? { hint: 'Configure the baseURL that it redirects to.' } : {}),
    })
  }
  const { status, headers, body } = outcome.value
  const empty = status === 204 || status === 205
  return new Response(empty ? null : new Uint8Array(body), { status, headers })
}

function failure(code: string, message: string, retryable: boolean): Outcome {
  return { ok: false, error: { name: 'Error', code, message, retryable } }
}

function headersAmong(
  names: readonly string[],
  headers: Headers,
  scrub: (text: string) => string,
): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = headers.get(name)
      return value === null ? [] : [[name, scrub(value)]]
    }),
  )
}

/** Bytes that are not UTF-8 come back with replacement characters; a model's JSON is never anything else. */
function scrubBytes(bytes: Uint8Array, scrub: (text: string) => string): Uint8Array {
  return new TextEncoder().encode(scrub(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)))
}
