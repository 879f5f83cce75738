/** One request and its answer over the wall (policy/grant.ts: HttpRequest). */
import { runtime } from '../runtime.ts'
import type { Source } from './body.ts'

export interface Outgoing {
  readonly method: string
  readonly url: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Uint8Array | undefined
  readonly credential: string | undefined
  /** The exchange whose answer named this URL. */
  readonly redirectOf: number | undefined
}

export interface Exchange {
  readonly ordinal: number
  readonly status: number
  readonly statusText: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly source: Source
  /** Gives up what has not been read. */
  readonly close: () => void
}

interface Answer {
  readonly status: number
  readonly statusText: string
  readonly headers: readonly (readonly [name: string, value: string])[]
}

/**
 * Rejects with the reason of the signal, with a Denied as the host says it, or as Node does with a TypeError whose
 * `cause` says what happened.
 */
export async function exchange(outgoing: Outgoing, signal: AbortSignal): Promise<Exchange> {
  signal.throwIfAborted()
  const { method, url, headers, body, credential, redirectOf } = outgoing
  const { ordinal, answer } = runtime.ask({
    op: 'http',
    method,
    url,
    headers,
    ...(body === undefined ? {} : { body: runtime.base64Of(body) }),
    ...(credential === undefined ? {} : { credential }),
    ...(redirectOf === undefined ? {} : { redirectOf }),
  })
  let isOver = false
  const end = (): void => {
    isOver = true
    signal.removeEventListener('abort', close)
  }
  const close = (): void => {
    if (isOver) return
    end()
    runtime.ask({ op: 'http.close', exchange: ordinal }).answer.catch(() => undefined)
  }
  const ending = (error: unknown): never => {
    end()
    // oxlint-disable-next-line typescript/only-throw-error -- the reason of a signal may be anything
    throw error
  }
  signal.addEventListener('abort', close)
  const { status, statusText, headers: received } = (await abortable(answer, signal).catch(ending)) as Answer
  const pull = async (): Promise<Uint8Array | null> => {
    signal.throwIfAborted()
    const piece = await abortable(runtime.ask({ op: 'http.read', exchange: ordinal }).answer, signal).catch(ending)
    if (piece === null) end()
    return piece as Uint8Array | null
  }
  return { ordinal, status, statusText, headers: received, source: { pull, cancel: close }, close }
}

async function abortable(answer: Promise<unknown>, signal: AbortSignal): Promise<unknown> {
  const aborted = Promise.withResolvers<never>()
  const abort = (): void => aborted.reject(signal.reason)
  signal.addEventListener('abort', abort)
  try {
    return await Promise.race([answer.catch(fail), aborted.promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

function fail(error: Error): never {
  if (error.name === 'Denied') throw error
  throw new TypeError('fetch failed', { cause: error })
}
