/** AbortController and AbortSignal (DOM section 3). */
import { asInterface } from '../interface.ts'
import { Event } from './event.ts'
import { dispatchTrusted, EventTarget } from './event-target.ts'

/** Only what stands here makes signals. */
const MINE = Symbol('AbortSignal')

export class AbortSignal extends EventTarget {
  #aborted = false
  #reason: unknown
  #onabort: unknown = null
  #isHeard = false
  #isDependent = false
  /** Signals that this one follows, none of which follows another. */
  readonly #sources = new Set<AbortSignal>()
  readonly #dependents = new Set<AbortSignal>()

  constructor(mine?: unknown) {
    if (mine !== MINE) throw new TypeError('Illegal constructor')
    super()
  }

  static abort(reason?: unknown): AbortSignal {
    const signal = new AbortSignal(MINE)
    signal.#set(reason)
    return signal
  }

  static timeout(...given: [delayMs?: unknown]): AbortSignal {
    const delayMs = Math.trunc(Number(given[0]))
    // Web IDL: [EnforceRange] unsigned long long.
    if (given.length === 0 || !(delayMs >= 0 && delayMs <= Number.MAX_SAFE_INTEGER)) {
      throw new TypeError('AbortSignal.timeout needs a number of milliseconds')
    }
    const signal = new AbortSignal(MINE)
    setTimeout(() => signal.#abort(new DOMException('the time is up', 'TimeoutError')), delayMs)
    return signal
  }

  static any(...given: [signals?: Iterable<unknown>]): AbortSignal {
    if (given.length === 0) throw new TypeError('AbortSignal.any needs signals')
    const signals = [...(given[0] as Iterable<unknown>)].map((each) => {
      if (!(each instanceof AbortSignal)) throw new TypeError('AbortSignal.any needs signals')
      return each
    })
    const made = new AbortSignal(MINE)
    const aborted = signals.find((signal) => signal.#aborted)
    if (aborted !== undefined) {
      made.#set(aborted.#reason)
      return made
    }
    made.#isDependent = true
    for (const signal of signals) {
      for (const source of signal.#isDependent ? signal.#sources : [signal]) {
        made.#sources.add(source)
        source.#dependents.add(made)
      }
    }
    return made
  }

  get aborted(): boolean {
    return this.#aborted
  }

  get reason(): unknown {
    return this.#reason
  }

  throwIfAborted(): void {
    // oxlint-disable-next-line typescript/only-throw-error -- a reason may be anything
    if (this.#aborted) throw this.#reason
  }

  get onabort(): unknown {
    return this.#onabort
  }

  set onabort(value: unknown) {
    this.#onabort = typeof value === 'function' || (typeof value === 'object' && value !== null) ? value : null
    if (this.#isHeard || this.#onabort === null) return
    this.#isHeard = true
    this.addEventListener('abort', (event: unknown) => {
      if (typeof this.#onabort === 'function') Reflect.apply(this.#onabort, this, [event])
    })
  }

  /** For the controller alone. */
  static make(mine: unknown): { readonly signal: AbortSignal; readonly abort: (reason: unknown) => void } {
    const signal = new AbortSignal(mine)
    return { signal, abort: (reason) => signal.#abort(reason) }
  }

  #set(reason: unknown): void {
    this.#aborted = true
    this.#reason = reason === undefined ? new DOMException('this operation was aborted', 'AbortError') : reason
  }

  #abort(reason: unknown): void {
    if (this.#aborted) return
    this.#set(reason)
    const following = [...this.#dependents].filter((dependent) => !dependent.#aborted)
    for (const dependent of following) dependent.#set(this.#reason)
    for (const signal of [this, ...following]) dispatchTrusted(signal, new Event('abort') as never)
    this.#dependents.clear()
  }
}

const { make } = AbortSignal
Reflect.deleteProperty(AbortSignal, 'make')

export class AbortController {
  readonly #made = make(MINE)

  get signal(): AbortSignal {
    return this.#made.signal
  }

  abort(reason?: unknown): void {
    this.#made.abort(reason)
  }
}

asInterface(AbortSignal, 'AbortSignal')
asInterface(AbortController, 'AbortController')
