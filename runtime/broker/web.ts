/**
 * Performs what policy permitted of HTTP: one request, one answer, its body piece by piece. What only the network
 * knows (where a redirect came from, which addresses a name has) is asked for first and decided before a byte is sent.
 */
import type { Json } from '../audit/event.ts'
import {
  HTTP_CONNECT_MS,
  HTTP_DECOMPRESSION_RATIO_MAX,
  HTTP_CALL_EXCHANGES_MAX,
  HTTP_HEADERS_MS,
  HTTP_SILENCE_MS,
  HTTP_REDIRECTS_MAX,
  HTTP_RESPONSE_BYTES_MAX,
} from '../limits.ts'
import type { CredentialRule, Decision, Facts, Grant, HttpRequest, UsedCredential } from '../policy/grant.ts'
import { isSentElsewhere, isShownHeader, sentHeaders } from '../policy/http-header.ts'
import { canonicalUrl, type CanonicalUrl } from '../policy/http-url.ts'
import type { HttpExchange, HttpOpenRequest, WebHost } from '../ports.ts'
import { slotHeader } from '../policy/credential-choice.ts'
import type { EffectPlace, Redecide } from './broker.ts'
import type { Dressed, Dresser, SecretFilter } from './dressing.ts'
import { deniedOutcome, failedOutcome, type Outcome } from './outcome.ts'
import {
  close,
  readBody,
  type CallExchanges,
  type Exchange,
  type LiveExchange,
  type Performed,
} from './web-exchanges.ts'
import { knownCode, LOST, networkFailure } from './web-failure.ts'

export interface WebOptions {
  readonly host: WebHost
  /** PEM of the authorities that the operator names for a host; undefined: those of Node. */
  readonly authoritiesOf: (host: string) => string | undefined
  /** Undefined: no request is dressed, and none that should be is sent. */
  readonly dresser?: Dresser | undefined
  readonly filter?: SecretFilter | undefined
}

export type WebBodyRequest = { readonly op: 'http.read' | 'http.close'; readonly exchange: number }

export interface WebPerformer {
  /** `first`: what was decided without facts. */
  request(place: EffectPlace, grant: Grant, request: HttpRequest, first: Permit, redecide: Redecide): Promise<Performed>
  body(place: EffectPlace, request: WebBodyRequest, redecide: Redecide): Promise<Performed>
}

export function createWebPerformer(options: WebOptions): WebPerformer {
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
    async request(place, grant, request, first, redecide) {
      const exchanges = exchangesOf(place)
      const dialling = new Dialling(options, place, grant, request, first, redecide, exchanges)
      try {
        await dialling.dial()
        const value = dialling.answer()
        return { outcome: { ok: true, value }, facts: dialling.facts }
      } catch (error) {
        const outcome = dialling.failure(error)
        return { outcome, facts: dialling.facts }
      }
    },
    async body(place, { op, exchange: ordinal }, redecide) {
      const exchanges = exchangesOf(place)
      if (op === 'http.read') {
        const performed = await readBody(exchanges, ordinal, place)
        // As a replay does with every fact.
        if (performed.facts.withheld !== undefined) redecide(performed.facts)
        return performed
      }
      close(exchanges, ordinal)
      return { outcome: { ok: true, value: null }, facts: {} }
    },
  }
}

type Permit = Extract<Decision, { kind: 'permit' }>

const UNAUTHORIZED = 401

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
  readonly #options: WebOptions
  readonly #place: EffectPlace
  readonly #grant: Grant
  readonly #request: HttpRequest
  readonly #redecide: Redecide
  readonly #exchanges: CallExchanges
  /** As far as facts were learned. */
  #decision: Permit
  readonly #stop = new AbortController()
  readonly #url: CanonicalUrl
  #isSent = false
  #answer: HttpExchange | undefined
  /** Those of the answer that a tool sees. */
  #headers: HttpExchange['headers'] = []

  constructor(
    options: WebOptions,
    place: EffectPlace,
    grant: Grant,
    request: HttpRequest,
    first: Permit,
    redecide: Redecide,
    exchanges: CallExchanges,
  ) {
    const canonical = canonicalUrl(request.url)
    if (!canonical.ok) throw new Error('a request for what is no URL was permitted')
    this.#decision = first
    this.#url = canonical.url
    this.#options = options
    this.#place = place
    this.#grant = grant
    this.#request = request
    this.#redecide = redecide
    this.#exchanges = exchanges
  }

  async dial(): Promise<void> {
    const { redirectOf } = this.#request
    const { host, filter } = this.#options
    const { ordinal, ended } = this.#place
    this.#assertRoom()
    const made: Exchange = { redirect: undefined, hops: 0, isAnswered: false }
    const live: LiveExchange = {
      origin: new URL(this.#url.href).origin,
      stop: this.#stop,
      answer: undefined,
      body: undefined,
      isOver: false,
    }
    // Known before it is answered, so that it can be closed.
    this.#exchanges.made.set(ordinal, made)
    this.#exchanges.open.set(ordinal, live)
    const decided = redirectOf === undefined ? undefined : this.#learnRedirect(redirectOf)
    made.hops = decided?.hops ?? 0
    const sent = sentHeaders(this.#grant.headers, this.#request.headers ?? [])
    if (!sent.ok) throw new Error('a request with headers that are refused was permitted')
    const isElsewhere =
      decided?.isByRedirect === true && URL.parse(this.facts.redirect?.from ?? '')?.origin !== live.origin
    const slot = this.#credential && slotHeader(this.#credential.slot)
    const headers = sent.headers.filter(
      // CGI and what descends from it read `_` and `-` as one.
      ([name]) => (!isElsewhere || isSentElsewhere(name)) && name.replaceAll('_', '-') !== slot?.replaceAll('_', '-'),
    )
    const kept = new Set(headers.map(([name]) => name))
    const dropped = [...sent.dropped, ...sent.headers.map(([name]) => name).filter((name) => !kept.has(name))]
    if (dropped.length > 0) this.#learn({ dropped })
    const signal = AbortSignal.any([ended, this.#stop.signal])
    const addresses = await host.resolve(this.#url.host.replace(/^\[|\]$/g, ''), signal)
    // There is nothing to decide, and nothing that could be dialled.
    if (addresses.length === 0) throw Object.assign(new Error('no address'), { code: 'ENOTFOUND' })
    this.#learn({ addresses })
    signal.throwIfAborted()
    this.#answer = await this.#send(headers, addresses, signal)
    if (signal.aborted) this.#answer.close()
    signal.throwIfAborted()
    live.answer = this.#answer
    // Also where no secret was used yet: one that is used while it comes must not show in it.
    live.body = filter?.body()
    made.isAnswered = true
    this.#headers = this.#shownHeaders(this.#answer.headers)
    const to = redirectTarget(this.#answer.status, this.#headers, this.#url.href)
    made.redirect = to === undefined ? undefined : { from: this.#url.href, to }
  }

  /** What the guest is told of the answer. */
  answer(): Json {
    if (this.#answer === undefined) throw new Error('there is no answer')
    const { status, statusText } = this.#answer
    return {
      status,
      statusText: this.#shown(statusText),
      headers: this.#headers.map((pair) => [...pair]),
    }
  }

  /** The credential that the request is to be dressed with, if any. */
  get #credential(): CredentialRule | undefined {
    const { credential } = this.#decision
    return credential === undefined ? undefined : this.#grant.credentials?.find(({ name }) => name === credential)
  }

  /** Once; and once more with the next version of its credential, where the server refuses the one that it had. */
  async #send(
    headers: HttpOpenRequest['headers'],
    addresses: readonly string[],
    signal: AbortSignal,
  ): Promise<HttpExchange> {
    const dressed = await this.#dress(headers, undefined, signal)
    const answer = await this.#open(headers, addresses, signal, dressed)
    if (answer.status !== UNAUTHORIZED || dressed === undefined) return answer
    const again = await this.#dress(headers, dressed.used, signal)
    if (again === undefined) return answer
    answer.close()
    return await this.#open(headers, addresses, signal, again)
  }

  /** Undefined where there is no credential, or none but the one that was rejected. */
  async #dress(
    headers: HttpOpenRequest['headers'],
    rejected: UsedCredential | undefined,
    signal: AbortSignal,
  ): Promise<Extract<Dressed, { kind: 'dressed' }> | undefined> {
    const credential = this.#credential
    if (credential === undefined) return undefined
    const { dresser } = this.#options
    const { call, ordinal, binding } = this.#place
    if (binding === undefined) throw new Error('a request of no tool was to be dressed')
    const { method, body } = this.#request
    const contentType = headers.find(([name]) => name === 'content-type')?.[1]
    const about = {
      call,
      ordinal,
      tool: this.#grant.tool,
      credential,
      method,
      url: this.#url.href,
      body,
      contentType,
      binding,
    }
    const dressed: Dressed = (await dresser?.dress({
      ...about,
      signal,
      ...(rejected && { rejected: rejected.version }),
    })) ?? {
      kind: 'refused',
      why: `nobody has the credential ${credential.name} here`,
    }
    signal.throwIfAborted()
    if (dressed.kind === 'dressed') {
      const before = rejected && { rejected: { version: rejected.version, chain: rejected.chain } }
      this.#learn({ credential: { ...dressed.used, ...before } })
      return dressed
    }
    const { why, reason } = dressed
    if (rejected === undefined) this.#learn({ refused: why, ...(reason !== undefined && { reason }) })
    return undefined
  }

  async #open(
    headers: HttpOpenRequest['headers'],
    addresses: readonly string[],
    signal: AbortSignal,
    dressed: Extract<Dressed, { kind: 'dressed' }> | undefined,
  ): Promise<HttpExchange> {
    const { host, authoritiesOf } = this.#options
    this.#isSent = true
    return await host.open({
      method: this.#request.method,
      url: dressed?.url ?? this.#url.href,
      headers: dressed?.header === undefined ? headers : [...headers, dressed.header],
      body: this.#request.body,
      addresses,
      authorities: authoritiesOf(this.#url.host),
      // What one tool leaves unread holds up no other one.
      pool: dressed?.pool ?? this.#grant.tool,
      signal,
      connectTimeoutMs: HTTP_CONNECT_MS,
      headersTimeoutMs: HTTP_HEADERS_MS,
      idleTimeoutMs: HTTP_SILENCE_MS,
      maxBytes: HTTP_RESPONSE_BYTES_MAX,
      maxRatio: HTTP_DECOMPRESSION_RATIO_MAX,
    })
  }

  /** Without those that no tool sees, nor one whose name a server made of a secret. */
  #shownHeaders(headers: HttpExchange['headers']): HttpExchange['headers'] {
    return headers
      .filter(([name]) => isShownHeader(name) && this.#shown(name) === name)
      .map(([name, value]) => [name, this.#shown(value)] as const)
  }

  #shown(text: string): string {
    const { filter } = this.#options
    if (filter === undefined || filter.isEmpty) return text
    const { value, found } = filter.text(text)
    if (found.length > 0)
      this.facts = { ...this.facts, withheld: [...new Set([...(this.facts.withheld ?? []), ...found])] }
    return value
  }

  failure(error: unknown): Outcome {
    const outcome = this.#failure(error)
    return outcome.ok
      ? outcome
      : { ok: false, error: { ...outcome.error, message: this.#shown(outcome.error.message) } }
  }

  #failure(error: unknown): Outcome {
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

  #learn(more: Facts): Permit {
    this.facts = { ...this.facts, ...more }
    const decision: Decision = this.#redecide(this.facts)
    if (decision.kind === 'deny') throw new Refusal(deniedOutcome(decision))
    this.#decision = decision
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
