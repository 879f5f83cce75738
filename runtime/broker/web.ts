/**
 * Performs what policy permitted of HTTP: one request, one answer, its body piece by piece. What only the network
 * knows (where a redirect came from, which addresses a name has) is asked for first and decided before a byte is sent.
 */
import type { Json } from '../audit/event.ts'
import { codeOf, messageOf } from '../errors.ts'
import {
  HTTP_CONNECT_MS,
  HTTP_DECOMPRESSION_RATIO_MAX,
  HTTP_CALL_BYTES_MAX,
  HTTP_CALL_EXCHANGES_MAX,
  HTTP_HEADERS_MS,
  HTTP_SILENCE_MS,
  HTTP_READ_BYTES_MAX,
  HTTP_REDIRECTS_MAX,
  HTTP_RESPONSE_BYTES_MAX,
} from '../limits.ts'
import type { Decision, Facts, Grant, HttpRequest } from '../policy/grant.ts'
import { isSentElsewhere, isShownHeader, sentHeaders } from '../policy/http-header.ts'
import { canonicalUrl, type CanonicalUrl } from '../policy/http-url.ts'
import type { HttpExchange, WebHost } from '../ports.ts'
import type { EffectPlace, Redecide } from './broker.ts'
import { deniedOutcome, failedOutcome, type Outcome } from './outcome.ts'

/** What an effect came to. */
export interface Performed {
  readonly outcome: Outcome
  readonly facts: Facts
}

export interface WebOptions {
  readonly host: WebHost
  /** PEM of the authorities that the operator names for a host; undefined: those of Node. */
  readonly authoritiesOf: (host: string) => string | undefined
}

export type WebBodyRequest = { readonly op: 'http.read' | 'http.close'; readonly exchange: number }

/** One request and its answer. A call may make many: nothing but this is kept of those that are over. */
interface Exchange {
  /** What answered, and where it sends; undefined: nowhere that may be followed. */
  redirect: { readonly from: string; readonly to: string } | undefined
  /** How many redirects led to it. */
  hops: number
  isAnswered: boolean
}

/** As long as its body may be asked for. */
interface LiveExchange {
  readonly origin: string
  readonly stop: AbortController
  answer: HttpExchange | undefined
}

/** Of one call, by the ordinals of their requests. */
interface CallExchanges {
  readonly made: Map<number, Exchange>
  readonly open: Map<number, LiveExchange>
  /** Of all its answers so far. */
  bytes: number
}

export interface WebPerformer {
  request(place: EffectPlace, grant: Grant, request: HttpRequest, redecide: Redecide): Promise<Performed>
  body(place: EffectPlace, request: WebBodyRequest): Promise<Performed>
}

export function createWebPerformer({ host, authoritiesOf }: WebOptions): WebPerformer {
  const calls = new WeakMap<AbortSignal, CallExchanges>()
  const exchangesOf = ({ ended }: EffectPlace): CallExchanges => {
    const known = calls.get(ended)
    if (known !== undefined) return known
    const exchanges: CallExchanges = { made: new Map(), open: new Map(), bytes: 0 }
    calls.set(ended, exchanges)
    ended.addEventListener('abort', () => {
      for (const ordinal of exchanges.open.keys()) close(exchanges, ordinal)
    })
    return exchanges
  }
  return {
    async request(place, grant, request, redecide) {
      const exchanges = exchangesOf(place)
      const dialling = new Dialling(host, place, grant, request, redecide, exchanges)
      try {
        await dialling.dial(authoritiesOf)
        return { outcome: { ok: true, value: dialling.answer() }, facts: dialling.facts }
      } catch (error) {
        return { outcome: dialling.failure(error), facts: dialling.facts }
      }
    },
    async body(place, { op, exchange: ordinal }) {
      const exchanges = exchangesOf(place)
      if (op === 'http.read') return { outcome: await readBody(exchanges, ordinal, place), facts: {} }
      close(exchanges, ordinal)
      return { outcome: { ok: true, value: null }, facts: {} }
    },
  }
}

function close({ open }: CallExchanges, ordinal: number): void {
  const exchange = open.get(ordinal)
  open.delete(ordinal)
  exchange?.stop.abort(new Error('the exchange was closed'))
  exchange?.answer?.close()
}

async function readBody(exchanges: CallExchanges, ordinal: number, { ended }: EffectPlace): Promise<Outcome> {
  const { made, open } = exchanges
  if (made.get(ordinal)?.isAnswered !== true) return failedOutcome('E_HTTP_EXCHANGE', 'the call has no such exchange')
  const exchange = open.get(ordinal)
  // Read to its end, or closed: there is nothing more.
  if (exchange?.answer === undefined) return { ok: true, value: null }
  try {
    const bytes = await exchange.answer.read(HTTP_READ_BYTES_MAX)
    if (bytes === undefined) open.delete(ordinal)
    exchanges.bytes += bytes?.length ?? 0
    if (exchanges.bytes <= HTTP_CALL_BYTES_MAX) return { ok: true, value: bytes ?? null }
    close(exchanges, ordinal)
    return failedOutcome('E_LIMIT', `limit received: the call has received more than ${HTTP_CALL_BYTES_MAX} bytes`)
  } catch (error) {
    open.delete(ordinal)
    if (ended.aborted) throw ended.reason
    if (exchange.stop.signal.aborted) return failedOutcome('E_ABORTED', 'the exchange was closed')
    return networkFailure(error, exchange.origin)
  }
}

/** Ends a request that policy does not let go on; becomes an outcome. */
class Refusal extends Error {
  readonly outcome: Outcome

  constructor(outcome: Outcome) {
    super('refused')
    this.outcome = outcome
  }
}

/** One request on its way: the facts are asked for one after the other, and each is decided. */
class Dialling {
  facts: Facts = {}
  readonly #host: WebHost
  readonly #place: EffectPlace
  readonly #grant: Grant
  readonly #request: HttpRequest
  readonly #redecide: Redecide
  readonly #exchanges: CallExchanges
  readonly #stop = new AbortController()
  readonly #url: CanonicalUrl
  #isSent = false
  #answer: HttpExchange | undefined

  constructor(
    host: WebHost,
    place: EffectPlace,
    grant: Grant,
    request: HttpRequest,
    redecide: Redecide,
    exchanges: CallExchanges,
  ) {
    const canonical = canonicalUrl(request.url)
    if (!canonical.ok) throw new Error('a request for what is no URL was permitted')
    this.#url = canonical.url
    this.#host = host
    this.#place = place
    this.#grant = grant
    this.#request = request
    this.#redecide = redecide
    this.#exchanges = exchanges
  }

  async dial(authoritiesOf: WebOptions['authoritiesOf']): Promise<void> {
    const { method, body, redirectOf } = this.#request
    const { ordinal, ended } = this.#place
    this.#assertRoom()
    const made: Exchange = { redirect: undefined, hops: 0, isAnswered: false }
    const live: LiveExchange = { origin: new URL(this.#url.href).origin, stop: this.#stop, answer: undefined }
    // Known before it is answered, so that it can be closed.
    this.#exchanges.made.set(ordinal, made)
    this.#exchanges.open.set(ordinal, live)
    const decided = redirectOf === undefined ? undefined : this.#learnRedirect(redirectOf)
    made.hops = decided?.hops ?? 0
    const sent = sentHeaders(this.#grant.headers, this.#request.headers ?? [])
    if (!sent.ok) throw new Error('a request with headers that are refused was permitted')
    const isElsewhere =
      decided?.isByRedirect === true && URL.parse(this.facts.redirect?.from ?? '')?.origin !== live.origin
    const headers = sent.headers.filter(([name]) => !isElsewhere || isSentElsewhere(name))
    const kept = new Set(headers.map(([name]) => name))
    const dropped = [...sent.dropped, ...sent.headers.map(([name]) => name).filter((name) => !kept.has(name))]
    if (dropped.length > 0) this.#learn({ dropped })
    const signal = AbortSignal.any([ended, this.#stop.signal])
    const name = this.#url.host.replace(/^\[|\]$/g, '')
    const addresses = await this.#host.resolve(name, signal)
    // There is nothing to decide, and nothing that could be dialled.
    if (addresses.length === 0) throw Object.assign(new Error('no address'), { code: 'ENOTFOUND' })
    this.#learn({ addresses })
    signal.throwIfAborted()
    this.#isSent = true
    this.#answer = await this.#host.open({
      method,
      url: this.#url.href,
      headers,
      body,
      addresses,
      authorities: authoritiesOf(this.#url.host),
      // What one tool leaves unread holds up no other one.
      pool: this.#grant.tool,
      signal,
      connectTimeoutMs: HTTP_CONNECT_MS,
      headersTimeoutMs: HTTP_HEADERS_MS,
      idleTimeoutMs: HTTP_SILENCE_MS,
      maxBytes: HTTP_RESPONSE_BYTES_MAX,
      maxRatio: HTTP_DECOMPRESSION_RATIO_MAX,
    })
    if (signal.aborted) this.#answer.close()
    signal.throwIfAborted()
    live.answer = this.#answer
    made.isAnswered = true
    const to = redirectTarget(this.#answer.status, this.#answer.headers, this.#url.href)
    made.redirect = to === undefined ? undefined : { from: this.#url.href, to }
  }

  /** What the guest is told of the answer. */
  answer(): Json {
    if (this.#answer === undefined) throw new Error('there is no answer')
    const { status, statusText, headers } = this.#answer
    return { status, statusText, headers: headers.filter(([name]) => isShownHeader(name)).map((pair) => [...pair]) }
  }

  failure(error: unknown): Outcome {
    const { ordinal, ended } = this.#place
    this.#exchanges.open.delete(ordinal)
    if (error instanceof Refusal) return error.outcome
    const isStopped = ended.aborted || this.#stop.signal.aborted
    const lost = LOST.get(knownCode(error) ?? '')
    if (this.#isSent && !SAFE.has(this.#request.method) && (isStopped || lost !== undefined)) {
      const why = isStopped ? 'nobody waited for its answer' : lost
      return failedOutcome('E_INDETERMINATE', `${this.#request.method} was sent, and ${why}: it may have been done`)
    }
    if (ended.aborted) throw ended.reason
    if (isStopped) return failedOutcome('E_ABORTED', 'the request was aborted')
    return networkFailure(error, new URL(this.#url.href).origin)
  }

  #assertRoom(): void {
    if (this.#exchanges.open.size < HTTP_CALL_EXCHANGES_MAX) return
    throw new Refusal(
      failedOutcome('E_LIMIT', `limit exchanges: ${HTTP_CALL_EXCHANGES_MAX} exchanges of the call are open`),
    )
  }

  /** How many redirects led to this request, and whether it is permitted as the target of one alone. */
  #learnRedirect(redirectOf: number): { readonly hops: number; readonly isByRedirect: boolean } {
    const before = this.#exchanges.made.get(redirectOf)
    const isByRedirect = this.#learn({ redirect: before?.redirect ?? null }).byRedirect === true
    const hops = (before?.hops ?? 0) + 1
    if (hops <= HTTP_REDIRECTS_MAX) return { hops, isByRedirect }
    throw new Refusal(failedOutcome('E_LIMIT', `limit redirects: more than ${HTTP_REDIRECTS_MAX}, one after the other`))
  }

  #learn(more: Facts): Extract<Decision, { kind: 'permit' }> {
    this.facts = { ...this.facts, ...more }
    const decision: Decision = this.#redecide(this.facts)
    if (decision.kind === 'deny') throw new Refusal(deniedOutcome(decision))
    return decision
  }
}

/** RFC 9110 section 9.2.1. */
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** RFC 9110 section 15.4; a fragment is the client's own. */
const REDIRECTING: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/** Where an answer sends; undefined: nowhere that may be followed. */
export function redirectTarget(status: number, headers: HttpExchange['headers'], base: string): string | undefined {
  const locations = headers.filter(([name]) => name === 'location')
  const [location] = locations
  // Two that differ would be read differently by two readers.
  if (!REDIRECTING.has(status) || location === undefined || locations.length > 1) return undefined
  // A header is bytes, one a character; many servers write UTF-8, and so it is followed.
  const url = URL.parse(Buffer.from(location[1], 'latin1').toString('utf8'), base)
  if (url === null) return undefined
  url.hash = ''
  return url.href
}

/** Codes of Node's and undici's whose names say nothing of a server. */
const CODES: ReadonlyMap<string, string> = new Map([
  ['UND_ERR_CONNECT_TIMEOUT', 'HTTP_CONNECT_TIMEOUT'],
  ['UND_ERR_SOCKET', 'ECONNRESET'],
])

const WORDS: ReadonlyMap<string, string> = new Map([
  ['ENOTFOUND', 'its host has no address'],
  ['EAI_AGAIN', 'nobody could be asked for the address of its host'],
  ['ECONNREFUSED', 'nothing listens there'],
  ['ECONNRESET', 'the connection ended before the answer did'],
  ['HTTP_CONNECT_TIMEOUT', `no connection within ${HTTP_CONNECT_MS} ms`],
  ['HTTP_HEADERS_TIMEOUT', `limit headers: no answer within ${HTTP_HEADERS_MS} ms`],
  ['HTTP_IDLE_TIMEOUT', `limit idle: the answer was silent for ${HTTP_SILENCE_MS} ms`],
  ['HTTP_BODY_TOO_LARGE', `limit response: the answer is larger than ${HTTP_RESPONSE_BYTES_MAX} bytes`],
  ['HTTP_BODY_RATIO', `limit ratio: the answer becomes more than ${HTTP_DECOMPRESSION_RATIO_MAX} times its size`],
])

/** What can come after a request was sent, so that nobody knows what became of it. */
const LOST: ReadonlyMap<string, string> = new Map([
  ['ECONNRESET', 'the connection ended before the answer came'],
  ['EPIPE', 'the connection ended before the answer came'],
  ['HTTP_HEADERS_TIMEOUT', `no answer came within ${HTTP_HEADERS_MS} ms`],
  ['HTTP_MALFORMED', 'the answer is no HTTP'],
])

function knownCode(error: unknown): string | undefined {
  const given = codeOf(error)
  return given === undefined ? undefined : (CODES.get(given) ?? given)
}

function networkFailure(error: unknown, origin: string): Outcome {
  const code = knownCode(error)
  // Without a code it is a mistake of ours.
  if (code === undefined) throw error
  return failedOutcome(code, `${code}: ${WORDS.get(code) ?? messageOf(error)}, ${origin}`)
}
