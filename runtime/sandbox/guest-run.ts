/**
 * One guest call as the host sees it. It outlives the process that plays it: everything that was delivered is kept,
 * so that after the death of a process the same guest can be driven again to where it stood. A guest that is driven
 * again must make the same requests in the same order; they are compared and not performed again.
 */
import { hash } from 'node:crypto'
import { REDRIVE_BYTES_MAX } from '../limits.ts'

/** A bundle as it is executed; its hash is that of its code. */
export interface GuestCode {
  readonly hash: string
  /** Shown in stack traces of the guest, e.g. `post_comment.ts`. */
  readonly name: string
  readonly source: string
}

export interface GuestLimits {
  readonly wallMs: number
  readonly cpuMs: number
  readonly memoryBytes: number
  readonly requestsMax: number
  readonly resultBytesMax: number
  readonly logBytesMax: number
}

export interface GuestCall {
  readonly bundle: GuestCode
  /** Set to read a manifest: the code that describes what `bundle` exports. */
  readonly describer?: GuestCode
  readonly entry: 'tool' | 'script' | 'describe'
  /** JSON of a tool's arguments; a script's task. */
  readonly input: string
  /** JSON Schema that a tool's arguments must satisfy. */
  readonly schema?: object
  /** JSON Schema that a definition adds: arguments that only this refuses are denied. */
  readonly narrowing?: object
  /** What a tool sees as its settings. */
  readonly settings?: Readonly<Record<string, string>>
  /** 32 hexadecimal digits. */
  readonly seed: string
  /** The guest's clock at the start, in milliseconds since the Unix epoch. */
  readonly now: number
  readonly limits: GuestLimits
  readonly user?: string
  readonly idempotencyKey?: string
}

export interface GuestCounts {
  readonly requests: number
  readonly deliveries: number
}

export type GuestEnd = GuestCounts &
  (
    | { readonly kind: 'ok'; readonly value: unknown }
    | {
        readonly kind: 'failed'
        readonly error: { readonly name: string; readonly code?: string; readonly message: string }
      }
    /** A limit was reached, the process died under the call, or the host cancelled it. */
    | { readonly kind: 'killed'; readonly cause: string; readonly message: string }
  )

/** What a guest does, told to the host. None of these may throw. */
export interface GuestListener {
  /** A new request; answered by `deliver` with the same ordinal, in any order. */
  onRequest(ordinal: number, payload: string): void
  /** Nothing of the guest runs any more and it waits for answers; `requests` were made so far. */
  onIdle?(requests: number): void
  onLog(level: string, text: string): void
}

export interface GuestRun {
  readonly ended: Promise<GuestEnd>
  /** `payload` is JSON: `{ok, value | bytes | error}`; `now` becomes the guest's clock. */
  deliver(ordinal: number, now: number, payload: string): void
  kill(cause: string, message: string): void
}

export interface Delivery {
  readonly ordinal: number
  readonly now: number
  readonly payload: string
}

/** Kept as it is: cheaper than its digest, and most requests are such. */
const SHORT_CHARS = 256

/** What a call has asked and been told so far. */
export class CallTape {
  readonly #requests: string[] = []
  readonly #deliveries: Delivery[] = []
  #bytes = 0
  #logs = 0

  get requests(): number {
    return this.#requests.length
  }
  get deliveries(): readonly Delivery[] {
    return this.#deliveries
  }
  get logs(): number {
    return this.#logs
  }
  /** False once more was delivered than is kept. */
  get canRedrive(): boolean {
    return this.#bytes <= REDRIVE_BYTES_MAX
  }

  addLog(): void {
    this.#logs += 1
  }

  /** `new` is to be performed; `known` was; `different` means that the guest is not deterministic. */
  request(ordinal: number, payload: string): 'new' | 'known' | 'different' {
    const digest = payload.length <= SHORT_CHARS ? payload : hash('sha256', payload, 'base64')
    if (ordinal < this.#requests.length) return this.#requests[ordinal] === digest ? 'known' : 'different'
    if (ordinal > this.#requests.length) return 'different'
    this.#requests.push(digest)
    return 'new'
  }

  deliver(delivery: Delivery): void {
    this.#bytes += delivery.payload.length
    this.#deliveries.push(delivery)
  }

  /** Once the cap is passed the texts would only cost memory: a call that cannot be driven again needs each once. */
  forget(index: number): void {
    const delivery = this.#deliveries[index]
    if (delivery !== undefined && !this.canRedrive) this.#deliveries[index] = { ...delivery, payload: '' }
  }
}
