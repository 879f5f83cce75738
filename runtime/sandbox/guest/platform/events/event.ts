/** Event and those that run-agent's guests may make (DOM section 2, HTML). */
import { domString } from '../dom-string.ts'
import { asInterface, withConstants } from '../interface.ts'
import { runtime } from '../runtime.ts'

/** What dispatch knows of an event. */
export interface EventState {
  target: object | null
  currentTarget: object | null
  phase: number
  dispatching: boolean
  initialized: boolean
  stopped: boolean
  stoppedImmediately: boolean
  canceled: boolean
  inPassiveListener: boolean
  /** Whether the platform dispatches it, and not the guest. */
  isTrusted: boolean
}

const states = new WeakMap<object, EventState>()

/** Undefined for what is no Event. */
export function stateOf(event: unknown): EventState | undefined {
  return typeof event === 'object' && event !== null ? states.get(event) : undefined
}

function known(event: object): EventState {
  const state = states.get(event)
  if (state === undefined) throw new TypeError('Illegal invocation: this is no Event')
  return state
}

/** A dictionary of Web IDL; throws TypeError for what cannot be one. */
export function dictionaryOf(value: unknown): Record<string, unknown> {
  if (value === undefined || value === null) return {}
  if (typeof value !== 'object' && typeof value !== 'function') throw new TypeError('the options must be an object')
  return value as Record<string, unknown>
}

interface EventInit {
  readonly bubbles?: unknown
  readonly cancelable?: unknown
  readonly composed?: unknown
}

export class Event {
  #type: string
  #bubbles: boolean
  #cancelable: boolean
  readonly #composed: boolean
  readonly #timeStamp: number

  constructor(...given: [type?: unknown, init?: EventInit | null]) {
    if (given.length === 0) throw new TypeError('an Event needs a type')
    const init = dictionaryOf(given[1])
    this.#type = domString(given[0])
    this.#bubbles = Boolean(init['bubbles'])
    this.#cancelable = Boolean(init['cancelable'])
    this.#composed = Boolean(init['composed'])
    this.#timeStamp = Date.now() - runtime.call.now
    states.set(this, {
      target: null,
      currentTarget: null,
      phase: 0,
      dispatching: false,
      initialized: true,
      stopped: false,
      stoppedImmediately: false,
      canceled: false,
      inPassiveListener: false,
      isTrusted: false,
    })
    Object.defineProperty(this, 'isTrusted', { get: isTrusted, enumerable: true, configurable: false })
  }

  get type(): string {
    return this.#type
  }

  get target(): object | null {
    return known(this).target
  }

  get srcElement(): object | null {
    return known(this).target
  }

  get currentTarget(): object | null {
    return known(this).currentTarget
  }

  composedPath(): object[] {
    const { currentTarget } = known(this)
    return currentTarget === null ? [] : [currentTarget]
  }

  get eventPhase(): number {
    return known(this).phase
  }

  stopPropagation(): void {
    known(this).stopped = true
  }

  get cancelBubble(): boolean {
    return known(this).stopped
  }

  set cancelBubble(value: unknown) {
    if (value) known(this).stopped = true
  }

  stopImmediatePropagation(): void {
    const state = known(this)
    state.stopped = state.stoppedImmediately = true
  }

  get bubbles(): boolean {
    return this.#bubbles
  }

  get cancelable(): boolean {
    return this.#cancelable
  }

  get returnValue(): boolean {
    return !known(this).canceled
  }

  set returnValue(value: unknown) {
    if (!value) this.preventDefault()
  }

  preventDefault(): void {
    const state = known(this)
    if (this.#cancelable && !state.inPassiveListener) state.canceled = true
  }

  get defaultPrevented(): boolean {
    return known(this).canceled
  }

  get composed(): boolean {
    return this.#composed
  }

  get timeStamp(): number {
    return this.#timeStamp
  }

  initEvent(...given: [type?: unknown, bubbles?: unknown, cancelable?: unknown]): void {
    if (given.length === 0) throw new TypeError('initEvent needs a type')
    const state = known(this)
    if (state.dispatching) return
    const [type, bubbles = false, cancelable = false] = given
    Object.assign(state, {
      isTrusted: false,
      initialized: true,
      stopped: false,
      stoppedImmediately: false,
      canceled: false,
      target: null,
    })
    this.#type = domString(type)
    this.#bubbles = Boolean(bubbles)
    this.#cancelable = Boolean(cancelable)
  }
}

function isTrusted(this: object): boolean {
  return known(this).isTrusted
}

asInterface(Event, 'Event')
withConstants(Event, { NONE: 0, CAPTURING_PHASE: 1, AT_TARGET: 2, BUBBLING_PHASE: 3 })

export class CustomEvent extends Event {
  #detail: unknown

  constructor(...given: [type?: unknown, init?: (EventInit & { readonly detail?: unknown }) | null]) {
    super(...given)
    this.#detail = dictionaryOf(given[1])['detail'] ?? null
  }

  get detail(): unknown {
    return this.#detail
  }

  initCustomEvent(...given: [type?: unknown, bubbles?: unknown, cancelable?: unknown, detail?: unknown]): void {
    if (given.length === 0) throw new TypeError('initCustomEvent needs a type')
    if (known(this).dispatching) return
    this.initEvent(given[0], given[1], given[2])
    this.#detail = given[3] ?? null
  }
}

export class ErrorEvent extends Event {
  readonly #init: Record<string, unknown>

  constructor(...given: [type?: unknown, init?: EventInit | null]) {
    super(...given)
    this.#init = { ...dictionaryOf(given[1]) }
  }

  get message(): string {
    return String(this.#init['message'] ?? '')
  }

  get filename(): string {
    return String(this.#init['filename'] ?? '')
  }

  get lineno(): number {
    return Number(this.#init['lineno'] ?? 0) >>> 0
  }

  get colno(): number {
    return Number(this.#init['colno'] ?? 0) >>> 0
  }

  get error(): unknown {
    return this.#init['error']
  }
}

export class MessageEvent extends Event {
  readonly #init: Record<string, unknown>

  constructor(...given: [type?: unknown, init?: EventInit | null]) {
    super(...given)
    this.#init = { ...dictionaryOf(given[1]) }
  }

  get data(): unknown {
    return this.#init['data'] ?? null
  }

  get origin(): string {
    return String(this.#init['origin'] ?? '')
  }

  get lastEventId(): string {
    return String(this.#init['lastEventId'] ?? '')
  }

  get source(): unknown {
    return this.#init['source'] ?? null
  }

  get ports(): readonly unknown[] {
    return Object.freeze([...((this.#init['ports'] as Iterable<unknown> | undefined) ?? [])])
  }
}

export class PromiseRejectionEvent extends Event {
  readonly #init: Record<string, unknown>

  constructor(...given: [type?: unknown, init?: EventInit | null]) {
    super(...given)
    this.#init = { ...dictionaryOf(given[1]) }
    if (!('promise' in this.#init)) throw new TypeError('a PromiseRejectionEvent needs a promise')
  }

  get promise(): unknown {
    return this.#init['promise']
  }

  get reason(): unknown {
    return this.#init['reason']
  }
}

asInterface(CustomEvent, 'CustomEvent')
asInterface(ErrorEvent, 'ErrorEvent')
asInterface(MessageEvent, 'MessageEvent')
asInterface(PromiseRejectionEvent, 'PromiseRejectionEvent')
