/** node:events: the package of that name (Node's code of version 10), with what Node added since. */
import { EventEmitter } from 'events/events.js'
import { refusal, wrongType } from './node-refused.ts'

type Listener = (...args: unknown[]) => unknown
type Emitter = InstanceType<typeof EventEmitter>
interface SignalOptions {
  readonly signal?: AbortSignal
}

const errorMonitor = Symbol('events.errorMonitor')
const captureRejectionSymbol = Symbol.for('nodejs.rejection')
/** Listeners of an EventTarget cannot be asked for; only its limit is kept. */
const targetLimits = new WeakMap<object, number>()

const { emit } = EventEmitter.prototype

/** Errors are shown to the monitor first; what is no Error is thrown as Node's error for it. */
function emitMonitored(this: Emitter, event: string | symbol, ...args: unknown[]): boolean {
  if (event !== 'error') return Reflect.apply(emit, this, [event, ...args])
  if (this.listenerCount(errorMonitor) > 0) Reflect.apply(emit, this, [errorMonitor, ...args])
  const [error] = args
  if (this.listenerCount('error') > 0 || error instanceof Error) return Reflect.apply(emit, this, [event, ...args])
  const shown = typeof error === 'string' ? `'${error}'` : String(error)
  throw Object.assign(new Error(`Unhandled error. (${shown})`), { code: 'ERR_UNHANDLED_ERROR', context: error })
}

function aborted(signal: AbortSignal): Error {
  const error = new Error('The operation was aborted', { cause: signal.reason })
  error.name = 'AbortError'
  return Object.assign(error, { code: 'ABORT_ERR' })
}

const isTarget = (value: unknown): value is EventTarget =>
  typeof Object(value).addEventListener === 'function' && typeof Object(value).on !== 'function'

function listen(emitter: unknown, event: string, listener: Listener): () => void {
  if (isTarget(emitter)) {
    emitter.addEventListener(event, listener)
    return () => emitter.removeEventListener(event, listener)
  }
  if (typeof Object(emitter).on !== 'function') throw wrongType('emitter', 'an instance of EventEmitter', emitter)
  const source = emitter as Emitter
  source.on(event, listener)
  return () => source.removeListener(event, listener)
}

function once(emitter: unknown, event: string, { signal }: SignalOptions = {}): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(aborted(signal))
    const stops: (() => void)[] = []
    const settle =
      (then: () => void): (() => void) =>
      () => {
        for (const stop of stops) stop()
        then()
      }
    stops.push(listen(emitter, event, (...args) => settle(() => resolve(args))()))
    if (event !== 'error' && !isTarget(emitter)) {
      stops.push(listen(emitter, 'error', (error) => settle(() => reject(error as Error))()))
    }
    if (signal !== undefined)
      stops.push(
        listen(
          signal,
          'abort',
          settle(() => reject(aborted(signal))),
        ),
      )
  })
}

interface OnOptions extends SignalOptions {
  readonly close?: readonly string[]
}

/** Events wait in a queue until they are asked for, as in Node; so does an error. */
function on(emitter: unknown, event: string, options: OnOptions = {}): AsyncIterableIterator<unknown[]> {
  const { signal, close = [] } = options
  if (signal?.aborted === true) throw aborted(signal)
  const events: unknown[][] = []
  const waiting: PromiseWithResolvers<IteratorResult<unknown[]>>[] = []
  let failure: { readonly error: unknown } | undefined
  let isOver = false
  const stops: (() => void)[] = []
  const finish = (): void => {
    isOver = true
    for (const stop of stops) stop()
    for (const { resolve } of waiting.splice(0)) resolve({ value: undefined, done: true })
  }
  const fail = (error: unknown): void => {
    const first = waiting.shift()
    if (first === undefined) failure = { error }
    else first.reject(error)
    finish()
  }
  stops.push(
    listen(emitter, event, (...args) => {
      const first = waiting.shift()
      if (first === undefined) events.push(args)
      else first.resolve({ value: args, done: false })
    }),
  )
  if (event !== 'error' && !isTarget(emitter)) stops.push(listen(emitter, 'error', fail))
  for (const name of close) stops.push(listen(emitter, name, finish))
  if (signal !== undefined) stops.push(listen(signal, 'abort', () => fail(aborted(signal))))
  return {
    next: () => {
      const value = events.shift()
      if (value !== undefined) return Promise.resolve({ value, done: false })
      if (failure !== undefined) {
        const { error } = failure
        failure = undefined
        return Promise.reject(error)
      }
      if (isOver) return Promise.resolve({ value: undefined, done: true })
      const asked = Promise.withResolvers<IteratorResult<unknown[]>>()
      waiting.push(asked)
      return asked.promise
    },
    return: () => {
      finish()
      return Promise.resolve({ value: undefined, done: true })
    },
    throw: (error: unknown) => {
      fail(error)
      return Promise.resolve({ value: undefined, done: true })
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}

function addAbortListener(signal: AbortSignal, listener: Listener): Disposable {
  let stop = (): void => undefined
  if (signal.aborted) queueMicrotask(() => void listener())
  else {
    const heard = (event: unknown): unknown => listener(event)
    signal.addEventListener('abort', heard, { once: true })
    stop = () => signal.removeEventListener('abort', heard)
  }
  return { [Symbol.dispose]: stop }
}

const listenersOf = (emitter: unknown, event: string): Function[] => {
  if (isTarget(emitter)) throw refusal('events.getEventListeners of an EventTarget', 'it does not tell its listeners')
  return (emitter as Emitter).listeners(event)
}

function setMaxListeners(count = EventEmitter.defaultMaxListeners, ...emitters: unknown[]): void {
  if (emitters.length === 0) EventEmitter.defaultMaxListeners = count
  for (const emitter of emitters) {
    if (isTarget(emitter)) targetLimits.set(emitter, count)
    else (emitter as Emitter).setMaxListeners(count)
  }
}

const getMaxListeners = (emitter: unknown): number =>
  isTarget(emitter)
    ? (targetLimits.get(emitter) ?? EventEmitter.defaultMaxListeners)
    : (emitter as Emitter).getMaxListeners()

Object.assign(EventEmitter.prototype, { emit: emitMonitored })

export const events = Object.assign(EventEmitter, {
  once,
  on,
  addAbortListener,
  getEventListeners: listenersOf,
  setMaxListeners,
  getMaxListeners,
  errorMonitor,
  captureRejectionSymbol,
  captureRejections: false,
  usingDomains: false,
  EventEmitterAsyncResource: class extends EventEmitter {},
})
