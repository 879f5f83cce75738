import { logUnhandled, request } from './wire.ts'

/**
 * As Node's: libraries call `unref()` unasked. Nothing here keeps a call alive but what it awaits, so `ref` and `unref`
 * have nothing to do. As a number it is its id.
 */
class Timer {
  readonly #id: number
  readonly #live: Set<number>

  constructor(id: number, live: Set<number>) {
    this.#id = id
    this.#live = live
  }

  ref(): this {
    return this
  }
  unref(): this {
    return this
  }
  hasRef(): boolean {
    return this.#live.has(this.#id)
  }
  close(): this {
    this.#live.delete(this.#id)
    return this
  }
  [Symbol.toPrimitive](): number {
    return this.#id
  }
  [Symbol.dispose](): void {
    this.close()
  }
}

/** Timers are requests like any other: the host waits, and the recorded delivery moves the guest's clock. */
export function installTimers(): void {
  const live = new Set<number>()
  let ids = 0
  const start = (callback: unknown, delay: unknown, args: readonly unknown[], again: boolean): Timer => {
    if (typeof callback !== 'function') throw new TypeError('the callback of a timer must be a function')
    // HTML: a `long`, so that what is longer wraps around.
    const delayMs = Math.max(Number(delay) | 0, 0)
    const id = ++ids
    live.add(id)
    const wait = (): void => {
      void request({ op: 'timer', delayMs }).then(
        () => {
          if (!live.has(id)) return
          if (again) wait()
          else live.delete(id)
          try {
            Reflect.apply(callback, undefined, args)
          } catch (error) {
            logUnhandled(error)
          }
        },
        () => undefined,
      )
    }
    wait()
    return new Timer(id, live)
  }
  const stop = (id: unknown): void => void live.delete(Number(id))
  const define = (name: string, value: unknown): void => {
    Object.defineProperty(globalThis, name, { value, writable: true, enumerable: false, configurable: true })
  }
  define('setTimeout', (callback: unknown, delay?: unknown, ...args: unknown[]) => start(callback, delay, args, false))
  define('setInterval', (callback: unknown, delay?: unknown, ...args: unknown[]) => start(callback, delay, args, true))
  define('clearTimeout', stop)
  define('clearInterval', stop)
  define('queueMicrotask', (callback: unknown) => {
    if (typeof callback !== 'function') throw new TypeError('queueMicrotask needs a function')
    void Promise.resolve()
      .then(() => Reflect.apply(callback, undefined, []))
      .catch(logUnhandled)
  })
}
