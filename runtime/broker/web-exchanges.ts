/** The exchanges of a call: what is known of each, and their bodies, piece by piece. */
import { HTTP_CALL_BYTES_MAX, HTTP_READ_BYTES_MAX } from '../limits.ts'
import type { Facts } from '../policy/grant.ts'
import type { HttpExchange } from '../ports.ts'
import type { EffectPlace } from './broker.ts'
import type { BodyFilter } from './dressing.ts'
import { failedOutcome, type Outcome } from './outcome.ts'
import { networkFailure } from './web-failure.ts'

/** What an effect came to. */
export interface Performed {
  readonly outcome: Outcome
  readonly facts: Facts
}

/** One request and its answer. A call may make many: nothing but this is kept of those that are over. */
export interface Exchange {
  /** What answered, and where it sends; undefined: nowhere that may be followed. */
  redirect: { readonly from: string; readonly to: string } | undefined
  /** How many redirects led to it. */
  hops: number
  isAnswered: boolean
}

/** As long as its body may be asked for. */
export interface LiveExchange {
  readonly origin: string
  readonly stop: AbortController
  answer: HttpExchange | undefined
  /** What keeps secrets out of its body; undefined where none was used when it was answered. */
  body: BodyFilter | undefined
  /** All of its body has come, and what was held of it was given. */
  isOver: boolean
}

/** Of one call, by the ordinals of their requests. */
export interface CallExchanges {
  readonly made: Map<number, Exchange>
  readonly open: Map<number, LiveExchange>
  /** Of all its answers so far. */
  bytes: number
}

export function close({ open }: CallExchanges, ordinal: number): void {
  const exchange = open.get(ordinal)
  open.delete(ordinal)
  exchange?.stop.abort(new Error('the exchange was closed'))
  exchange?.answer?.close()
}

export async function readBody(exchanges: CallExchanges, ordinal: number, { ended }: EffectPlace): Promise<Performed> {
  const { made, open } = exchanges
  const without = (outcome: Outcome): Performed => ({ outcome, facts: {} })
  if (made.get(ordinal)?.isAnswered !== true) {
    return without(failedOutcome('E_HTTP_EXCHANGE', 'the call has no such exchange'))
  }
  const exchange = open.get(ordinal)
  // Read to its end, or closed: there is nothing more.
  if (exchange?.answer === undefined) return without({ ok: true, value: null })
  try {
    const { bytes, found } = await nextBytes(exchange, exchange.answer)
    const facts: Facts = found.length === 0 ? {} : { withheld: found }
    if (bytes === 'withheld') {
      close(exchanges, ordinal)
      return { outcome: withheldOutcome(found), facts }
    }
    if (bytes === undefined) open.delete(ordinal)
    exchanges.bytes += bytes?.length ?? 0
    if (exchanges.bytes <= HTTP_CALL_BYTES_MAX) return { outcome: { ok: true, value: bytes ?? null }, facts }
    close(exchanges, ordinal)
    const message = `limit received: the call has received more than ${HTTP_CALL_BYTES_MAX} bytes`
    return { outcome: failedOutcome('E_LIMIT', message), facts }
  } catch (error) {
    open.delete(ordinal)
    if (ended.aborted) throw ended.reason
    if (exchange.stop.signal.aborted) return without(failedOutcome('E_ABORTED', 'the exchange was closed'))
    return without(networkFailure(error, exchange.origin))
  }
}

/** The next bytes that may be shown: what could still become a secret is held until it cannot. */
async function nextBytes(
  exchange: LiveExchange,
  answer: HttpExchange,
): Promise<{ readonly bytes: Uint8Array | 'withheld' | undefined; readonly found: readonly string[] }> {
  const found = new Set<string>()
  for (;;) {
    const { body } = exchange
    const piece = exchange.isOver ? undefined : await answer.read(HTTP_READ_BYTES_MAX)
    if (body === undefined || exchange.isOver) return { bytes: piece, found: [] }
    exchange.isOver = piece === undefined
    const { value, found: names } = piece === undefined ? body.end() : body.push(piece)
    for (const name of names) found.add(name)
    if (value === undefined) return { bytes: 'withheld', found: [...found] }
    if (value.length > 0) return { bytes: value, found: [...found] }
    if (piece === undefined) return { bytes: undefined, found: [...found] }
  }
}

function withheldOutcome(names: readonly string[]): Outcome {
  const whose = names.map((name) => `the credential ${name}`).join(' and ')
  return failedOutcome('E_WITHHELD', `the answer holds ${whose} in a form that cannot be cut out, and is withheld`)
}
