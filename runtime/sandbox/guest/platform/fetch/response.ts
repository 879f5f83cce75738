/** Response (Fetch section 5.5). */
import { domString } from '../dom-string.ts'
import { asInterface } from '../interface.ts'
import { Body, extractBody } from './body.ts'
import { mixBody, type Bodied } from './body-mixin.ts'
import { fill, Headers, setGuard } from './headers.ts'

export interface ResponseState {
  readonly type: 'default' | 'basic' | 'error' | 'opaqueredirect'
  /** Where it came from in the end; '' for one that a tool made. */
  readonly url: string
  readonly redirected: boolean
  readonly status: number
  readonly statusText: string
  readonly headers: Headers
  readonly body: Body | null
}

const NULL_BODY: ReadonlySet<number> = new Set([101, 103, 204, 205, 304])
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
// RFC 9112 section 4: reason-phrase.
const STATUS_TEXT = /^[\t\x20-\x7e\x80-\xff]*$/
const EMPTY = Symbol('Response')

let stateOf: (response: Response) => ResponseState
let withState: (state: ResponseState) => Response

// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- the mixin below gives them
export interface Response extends Bodied {}
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging
export class Response {
  #state: ResponseState

  constructor(body?: unknown, init: unknown = {}) {
    this.#state = body === EMPTY ? (init as ResponseState) : made(body, init)
  }

  static {
    stateOf = (response) => response.#state
    withState = (state) => new Response(EMPTY, state)
  }

  static error(): Response {
    const headers = new Headers()
    setGuard(headers, 'immutable')
    return withState({ type: 'error', url: '', redirected: false, status: 0, statusText: '', headers, body: null })
  }

  static redirect(...given: [url?: unknown, status?: unknown]): Response {
    if (given.length === 0) throw new TypeError('Response.redirect needs a URL')
    const [url, status = 302] = given
    if (!URL.canParse(domString(url))) throw new TypeError(`'${String(url)}' is no absolute URL`)
    if (!REDIRECTS.has(Number(status))) throw new RangeError(`${Number(status)} is no status of a redirect`)
    const headers = new Headers({ location: new URL(domString(url)).href })
    setGuard(headers, 'immutable')
    return withState({
      type: 'default',
      url: '',
      redirected: false,
      status: Number(status),
      statusText: '',
      headers,
      body: null,
    })
  }

  static json(...given: [data?: unknown, init?: unknown]): Response {
    if (given.length === 0) throw new TypeError('Response.json needs data')
    const text = JSON.stringify(given[0])
    if (text === undefined) throw new TypeError('the data is no JSON')
    const response = new Response(new TextEncoder().encode(text), given[1])
    if (!response.headers.has('content-type')) response.headers.set('content-type', 'application/json')
    return response
  }

  get type(): string {
    return this.#state.type
  }

  get url(): string {
    return this.#state.url
  }

  get redirected(): boolean {
    return this.#state.redirected
  }

  get status(): number {
    return this.#state.status
  }

  get ok(): boolean {
    return this.#state.status >= 200 && this.#state.status <= 299
  }

  get statusText(): string {
    return this.#state.statusText
  }

  get headers(): Headers {
    return this.#state.headers
  }

  clone(): Response {
    const state = this.#state
    if (state.body?.isUnusable === true) throw new TypeError('the body has been used already')
    return withState({ ...state, headers: new Headers(state.headers), body: state.body?.clone() ?? null })
  }
}

mixBody(Response.prototype, (response) => stateOf(response as Response).body)
asInterface(Response, 'Response')

/** A response that came from somewhere: its headers stay as they are. */
export function responseOf(state: ResponseState): Response {
  setGuard(state.headers, 'immutable')
  return withState(state)
}

export function isNullBody(status: number): boolean {
  return NULL_BODY.has(status)
}

export function isRedirect(status: number): boolean {
  return REDIRECTS.has(status)
}

function made(given: unknown, init: unknown): ResponseState {
  if (init !== null && typeof init !== 'object' && typeof init !== 'function' && init !== undefined) {
    throw new TypeError('Response: the options must be an object')
  }
  const { status = 200, statusText = '', headers: wanted } = (init ?? {}) as Readonly<Record<string, unknown>>
  const code = Math.trunc(Number(status)) & 0xffff
  if (code < 200 || code > 599) throw new RangeError(`${code} is no status that a response may have: 200 to 599`)
  const text = domString(statusText)
  if (!STATUS_TEXT.test(text)) throw new TypeError('the statusText holds a character that it must not')
  const headers = new Headers()
  if (wanted !== undefined) fill(headers, wanted)
  const state = { type: 'default', url: '', redirected: false, status: code, statusText: text, headers } as const
  if (given === undefined || given === null) return { ...state, body: null }
  if (NULL_BODY.has(code)) throw new TypeError(`a response with status ${code} has no body`)
  const { body, type } = extractBody(given)
  if (type !== undefined && !headers.has('content-type')) headers.set('content-type', type)
  return { ...state, body }
}
