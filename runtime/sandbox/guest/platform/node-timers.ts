/** node:timers and node:timers/promises over the guest's own timers, each of which is a recorded request. */
import { refusal, wrongType } from './node-refused.ts'

type Callback = (...args: unknown[]) => unknown

interface Options {
  readonly signal?: AbortSignal
  readonly ref?: boolean
}

/** Code that only gives way to others must let deliveries come in between, so it waits for one. */
export const setImmediate = (callback: Callback, ...args: unknown[]): unknown => setTimeout(callback, 0, ...args)
export const clearImmediate = (id: unknown): void => clearTimeout(id as NodeJS.Timeout)

function aborted(signal: AbortSignal): Error {
  const error = new Error('The operation was aborted', { cause: signal.reason })
  error.name = 'AbortError'
  return Object.assign(error, { code: 'ABORT_ERR' })
}

function wait<Value>(delayMs: number | undefined, value: Value, { signal }: Options = {}): Promise<Value> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(aborted(signal))
    const stop = (): void => {
      clearTimeout(timer)
      if (signal !== undefined) reject(aborted(signal))
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve(value)
    }, delayMs)
    signal?.addEventListener('abort', stop, { once: true })
  })
}

async function* every<Value>(delayMs?: number, value?: Value, options?: Options): AsyncGenerator<Value | undefined> {
  for (;;) yield await wait(delayMs, value, options)
}

const promisesOf = {
  setTimeout: wait,
  setImmediate: <Value>(value: Value, options?: Options): Promise<Value> => wait(0, value, options),
  setInterval: every,
  scheduler: {
    wait: (delayMs: number, options?: Options): Promise<void> => wait(delayMs, undefined, options),
    yield: (): Promise<void> => wait(0, undefined),
  },
}

export const timersPromises = promisesOf

// util.promisify() of a timer is the one that returns a promise (Node's own contract).
const promisified = Symbol.for('nodejs.util.promisify.custom')
const withPromise = (timer: Function, promising: Function): Function =>
  Object.hasOwn(timer, promisified) ? timer : Object.defineProperty(timer, promisified, { value: promising })

withPromise(setImmediate, promisesOf.setImmediate)
withPromise(setTimeout, promisesOf.setTimeout)

/** The guest's globals, looked up when they are called: a tool may have replaced them, as it may in Node. */
const current = (name: string): Callback => {
  const call: Callback = (...args) => {
    const found: unknown = Reflect.get(globalThis, name)
    if (typeof found !== 'function') throw wrongType(name, 'of type function', found)
    return Reflect.apply(found, undefined, args)
  }
  return call
}

export const timers = {
  setTimeout: withPromise(current('setTimeout'), promisesOf.setTimeout),
  clearTimeout: current('clearTimeout'),
  setInterval: current('setInterval'),
  clearInterval: current('clearInterval'),
  setImmediate,
  clearImmediate,
  promises: promisesOf,
  enroll: (): never => {
    throw refusal('timers.enroll', 'Node has removed it; use setTimeout')
  },
}
