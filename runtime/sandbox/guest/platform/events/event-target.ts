/** EventTarget (DOM section 2.7), without a tree: an event meets the listeners of its target and no others. */
import { domString } from '../dom-string.ts'
import { asInterface } from '../interface.ts'
import { dictionaryOf, stateOf, type EventState } from './event.ts'

interface Listener {
  readonly type: string
  readonly callback: object
  readonly capture: boolean
  readonly once: boolean
  readonly passive: boolean
  removed: boolean
}

const AT_TARGET = 2
const listenersOf = new WeakMap<object, Listener[]>()

export class EventTarget {
  constructor() {
    listenersOf.set(this, [])
  }

  addEventListener(...given: [type?: unknown, callback?: unknown, options?: unknown]): void {
    if (given.length < 2) throw new TypeError('addEventListener needs a type and a callback')
    const [type, callback, options] = given
    const listeners = ofTarget(this)
    const { capture, once, passive, signal } = optionsOf(options)
    if (signal?.aborted === true || !isCallback(callback)) return
    const listener = { type: domString(type), callback, capture, once, passive, removed: false }
    if (listeners.some((other) => isSame(other, listener))) return
    listeners.push(listener)
    signal?.addEventListener('abort', () => removeFrom(listeners, listener), { once: true })
  }

  removeEventListener(...given: [type?: unknown, callback?: unknown, options?: unknown]): void {
    if (given.length < 2) throw new TypeError('removeEventListener needs a type and a callback')
    const [type, callback, options] = given
    const listeners = ofTarget(this)
    const wanted = { type: domString(type), callback: callback as object, capture: captureOf(options) }
    if (!isCallback(callback)) return
    const found = listeners.find((other) => isSame(other, wanted))
    if (found !== undefined) removeFrom(listeners, found)
  }

  dispatchEvent(...given: [event?: unknown]): boolean {
    const [event] = given
    const state = stateOf(event)
    if (state !== undefined && !state.dispatching) state.isTrusted = false
    return dispatch(this, event, state)
  }
}

asInterface(EventTarget, 'EventTarget')

/** An event of the platform's own. */
export function dispatchTrusted(target: EventTarget, event: Event): void {
  const state = stateOf(event)
  if (state !== undefined) state.isTrusted = true
  dispatch(target, event, state)
}

function dispatch(target: object, event: unknown, state: EventState | undefined): boolean {
  const listeners = ofTarget(target)
  if (state === undefined) throw new TypeError('dispatchEvent needs an Event')
  if (state.dispatching || !state.initialized) {
    throw new DOMException('the event is being dispatched already', 'InvalidStateError')
  }
  state.dispatching = true
  state.target = target
  state.currentTarget = target
  state.phase = AT_TARGET
  for (const capture of [true, false]) {
    if (!state.stopped) invoke(target, event as Event, state, listeners, capture)
  }
  state.phase = 0
  state.currentTarget = null
  state.dispatching = state.stopped = state.stoppedImmediately = false
  return !state.canceled
}

/** Web IDL: without `this` it is the global object, which here is no target. */
function ofTarget(target: unknown): Listener[] {
  const listeners = typeof target === 'object' && target !== null ? listenersOf.get(target) : undefined
  if (listeners === undefined) throw new TypeError('Illegal invocation: this is no EventTarget')
  return listeners
}

function isCallback(value: unknown): value is object {
  if (value === null || value === undefined) return false
  if (typeof value !== 'object' && typeof value !== 'function') throw new TypeError('a listener must be a function')
  return true
}

type Key = Pick<Listener, 'type' | 'callback' | 'capture'>

function isSame(left: Key, right: Key): boolean {
  return left.type === right.type && left.callback === right.callback && left.capture === right.capture
}

function removeFrom(listeners: Listener[], listener: Listener): void {
  listener.removed = true
  const at = listeners.indexOf(listener)
  if (at !== -1) listeners.splice(at, 1)
}

function captureOf(options: unknown): boolean {
  return typeof options === 'object' || typeof options === 'function'
    ? Boolean(dictionaryOf(options)['capture'])
    : Boolean(options)
}

function optionsOf(options: unknown): Pick<Listener, 'capture' | 'once' | 'passive'> & { signal?: AbortSignal } {
  const capture = captureOf(options)
  if (typeof options !== 'object' && typeof options !== 'function') return { capture, once: false, passive: false }
  const given = dictionaryOf(options)
  const once = Boolean(given['once'])
  const passive = Boolean(given['passive'])
  const signal = given['signal']
  if (signal === undefined) return { capture, once, passive }
  if (!(signal instanceof AbortSignal)) throw new TypeError('the signal must be an AbortSignal')
  return { capture, once, passive, signal }
}

function invoke(target: object, event: Event, state: EventState, listeners: Listener[], capture: boolean): void {
  for (const listener of listeners.slice()) {
    if (listener.removed || listener.type !== event.type || listener.capture !== capture) continue
    if (listener.once) removeFrom(listeners, listener)
    state.inPassiveListener = listener.passive
    try {
      call(target, event, listener.callback)
    } catch (error) {
      // What a listener throws stops nobody.
      reportError(error)
    }
    state.inPassiveListener = false
    if (state.stoppedImmediately) return
  }
}

function call(target: object, event: Event, callback: object): void {
  if (typeof callback === 'function') return void Reflect.apply(callback, target, [event])
  const handle: unknown = Reflect.get(callback, 'handleEvent')
  if (typeof handle !== 'function') throw new TypeError('a listener has no function handleEvent')
  Reflect.apply(handle, callback, [event])
}

declare function reportError(error: unknown): void
