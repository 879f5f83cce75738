/** Request (Fetch section 5.4). */
import { domString } from '../dom-string.ts'
import { asInterface } from '../interface.ts'
import { extractBody, type Body } from './body.ts'
import { mixBody, type Bodied } from './body-mixin.ts'
import { fill, Headers } from './headers.ts'
import { DEFAULTS, optionsOf, type FetchOptions } from './options.ts'

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const FORBIDDEN = /^(?:CONNECT|TRACE|TRACK)$/i
const NORMALIZED = /^(?:DELETE|GET|HEAD|OPTIONS|POST|PUT)$/i

/** What fetch() sends. */
export interface RequestState {
  readonly method: string
  readonly url: URL
  readonly headers: Headers
  readonly body: Body | null
  readonly options: FetchOptions
  readonly signal: AbortSignal
}

let stateOf: (request: Request) => RequestState

// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- the mixin below gives them
export interface Request extends Bodied {}
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging
export class Request {
  readonly #state: RequestState

  constructor(...given: [input?: unknown, init?: unknown]) {
    if (given.length === 0) throw new TypeError('a Request needs a URL')
    const [input, init = {}] = given
    if (init !== null && typeof init !== 'object' && typeof init !== 'function') {
      throw new TypeError('Request: the options must be an object')
    }
    this.#state = made(input, (init ?? {}) as Readonly<Record<string, unknown>>)
  }

  static {
    stateOf = (request) => request.#state
  }

  get method(): string {
    return this.#state.method
  }

  get url(): string {
    return this.#state.url.href
  }

  get headers(): Headers {
    return this.#state.headers
  }

  get destination(): string {
    return ''
  }

  get referrer(): string {
    return this.#state.options.referrer
  }

  get referrerPolicy(): string {
    return this.#state.options.referrerPolicy
  }

  get mode(): string {
    return this.#state.options.mode
  }

  get credentials(): string {
    return this.#state.options.credentials
  }

  get cache(): string {
    return this.#state.options.cache
  }

  get redirect(): string {
    return this.#state.options.redirect
  }

  get integrity(): string {
    return this.#state.options.integrity
  }

  get keepalive(): boolean {
    return this.#state.options.keepalive
  }

  get isReloadNavigation(): boolean {
    return false
  }

  get isHistoryNavigation(): boolean {
    return false
  }

  get signal(): AbortSignal {
    return this.#state.signal
  }

  get duplex(): string {
    return 'half'
  }

  clone(): Request {
    const state = this.#state
    if (state.body?.isUnusable === true) throw new TypeError('the body has been used already')
    const copy = new Request(state.url.href)
    const headers = new Headers(state.headers)
    copy.#replace({ ...state, headers, body: state.body?.clone() ?? null, signal: AbortSignal.any([state.signal]) })
    return copy
  }

  #replace(state: RequestState): void {
    Object.assign(this.#state, state)
  }
}

mixBody(Request.prototype, (request) => stateOf(request as Request).body)
asInterface(Request, 'Request')

/** Throws TypeError for what is no Request. */
export function requestState(request: Request): RequestState {
  return stateOf(request)
}

function made(input: unknown, init: Readonly<Record<string, unknown>>): RequestState {
  const from = input instanceof Request ? stateOf(input) : undefined
  const url = from?.url ?? urlOf(domString(input))
  const options = optionsOf(init, from?.options ?? DEFAULTS)
  const method = init['method'] === undefined ? (from?.method ?? 'GET') : methodOf(domString(init['method']))
  const headers = new Headers(from?.headers)
  if (init['headers'] !== undefined) {
    for (const name of Array.from(headers.keys())) headers.delete(name)
    fill(headers, init['headers'])
  }
  const given = init['body'] === undefined || init['body'] === null ? undefined : init['body']
  const body = bodyOf(given, from, init)
  if (body !== null && (method === 'GET' || method === 'HEAD')) throw new TypeError(`a ${method} request has no body`)
  if (body?.type !== undefined && !headers.has('content-type')) headers.set('content-type', body.type)
  return { method, url, headers, body: body?.body ?? null, options, signal: signalOf(init['signal'], from) }
}

function bodyOf(
  given: unknown,
  from: RequestState | undefined,
  init: Readonly<Record<string, unknown>>,
): { readonly body: Body; readonly type: string | undefined } | null {
  if (given !== undefined) {
    const extracted = extractBody(given)
    if (!extracted.body.isWhole && init['duplex'] !== 'half') {
      throw new TypeError("a body that is a stream needs the option duplex: 'half'")
    }
    return extracted
  }
  if (from === undefined || from.body === null) return null
  if (from.body.isUnusable) throw new TypeError('the body of the Request has been used already')
  // The one it is made of is used by that.
  return { body: from.body.moved(), type: undefined }
}

function signalOf(given: unknown, from: RequestState | undefined): AbortSignal {
  const signal = given === undefined ? from?.signal : given
  if (signal === undefined || signal === null) return new AbortController().signal
  if (!(signal instanceof AbortSignal)) throw new TypeError('the signal must be an AbortSignal')
  return AbortSignal.any([signal])
}

function methodOf(method: string): string {
  if (!TOKEN.test(method) || FORBIDDEN.test(method)) throw new TypeError(`'${method}' is no method of a request`)
  return NORMALIZED.test(method) ? method.toUpperCase() : method
}

function urlOf(text: string): URL {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw new TypeError(`'${text}' is no absolute URL; a tool has no address that it could be relative to`)
  }
  if (url.username !== '' || url.password !== '') {
    throw new TypeError('a URL with a user name or password in it is no URL of a request')
  }
  return url
}
