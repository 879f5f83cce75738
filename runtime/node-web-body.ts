/** The body of an answer as it comes from the wire: a bounded queue between the connection and whoever reads. */

import { HTTP_BLOCK_BYTES, HTTP_BUFFER_BYTES_MAX } from './limits.ts'
import { webFailure } from './node-web-failure.ts'

export interface WireBodyLimits {
  /** The longest silence while somebody waits. */
  readonly idleTimeoutMs: number
  readonly maxBytes: number
  /** Stops and starts what pushes. */
  readonly flow: { hold(): void; release(): void }
  /** Called at most once, where the body ended before its end: the connection is of no further use. */
  readonly onFailure: (cause: Error) => void
  /** Called once, when it was read to its end, failed and was read so far, or is read no more. */
  readonly onDone: () => void
}

/** Ends with `HTTP_BODY_TOO_LARGE`, `HTTP_IDLE_TIMEOUT`, or what it was ended with. */
export class WireBody {
  readonly #limits: WireBodyLimits
  #queue: Buffer[] = []
  /** Behind the queue: chunks that are smaller than a block. */
  #block: Buffer | undefined
  #blockBytes = 0
  #queuedBytes = 0
  #totalBytes = 0
  #isHeld = false
  #isEnded = false
  #isFinished = false
  #isDone = false
  #failure: Error | undefined
  #abandoned: Error | undefined
  #wake: (() => void) | undefined

  constructor(limits: WireBodyLimits) {
    this.#limits = limits
  }

  /** Why it ended before its end; what came before is still read. */
  get failure(): Error | undefined {
    return this.#failure
  }

  /** Why nobody reads it any more. */
  get abandoned(): Error | undefined {
    return this.#abandoned
  }

  /** The next bytes as they came; undefined at the end. One call at a time. */
  async next(): Promise<Buffer | undefined> {
    if (this.#queuedBytes === 0 && !this.#isEnded) await this.#something()
    if (this.#queue.length === 0) this.#endBlock()
    const chunk = this.#queue.shift()
    if (chunk === undefined) {
      if (this.#failure !== undefined) throw this.#failure
      return undefined
    }
    this.#queuedBytes -= chunk.byteLength
    if (this.#isHeld && this.#queuedBytes <= HTTP_BUFFER_BYTES_MAX / 2) {
      this.#isHeld = false
      this.#limits.flow.release()
    }
    this.#settle()
    return chunk
  }

  push(chunk: Buffer): void {
    const { maxBytes, flow } = this.#limits
    if (this.#isEnded) return
    this.#totalBytes += chunk.byteLength
    if (this.#totalBytes > maxBytes) return this.end(tooLarge(maxBytes))
    this.#enqueue(chunk)
    this.#queuedBytes += chunk.byteLength
    if (!this.#isHeld && this.#queuedBytes > HTTP_BUFFER_BYTES_MAX) {
      this.#isHeld = true
      flow.hold()
    }
    this.#settle()
  }

  /** Whoever reads has all of it. */
  finish(): void {
    this.#isFinished = true
    this.#settle()
  }

  /** Nothing more comes. */
  end(failure?: Error): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#failure = failure
    if (failure !== undefined) this.#limits.onFailure(failure)
    this.#settle()
  }

  /** What waits is dropped, and whoever reads gets the cause. */
  abandon(cause: Error): void {
    if (this.#abandoned !== undefined) return
    this.#abandoned = cause
    this.#queue = []
    this.#block = undefined
    this.#blockBytes = 0
    this.#queuedBytes = 0
    this.end(cause)
    this.#failure = cause
    this.#settle()
  }

  #enqueue(chunk: Buffer): void {
    if (chunk.byteLength >= HTTP_BLOCK_BYTES) {
      this.#endBlock()
      this.#queue.push(chunk)
      return
    }
    if (this.#blockBytes + chunk.byteLength > HTTP_BLOCK_BYTES) this.#endBlock()
    this.#block ??= Buffer.allocUnsafeSlow(HTTP_BLOCK_BYTES)
    this.#blockBytes += chunk.copy(this.#block, this.#blockBytes)
  }

  #endBlock(): void {
    if (this.#block !== undefined) this.#queue.push(this.#block.subarray(0, this.#blockBytes))
    this.#block = undefined
    this.#blockBytes = 0
  }

  #settle(): void {
    this.#wake?.()
    if (this.#isDone || !this.#isEnded || this.#queuedBytes > 0) return
    // Nobody need read what is empty.
    if (!this.#isFinished && this.#totalBytes > 0 && this.#failure === undefined) return
    this.#isDone = true
    this.#limits.onDone()
  }

  async #something(): Promise<void> {
    const { idleTimeoutMs } = this.#limits
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(() => {
      this.end(webFailure('HTTP_IDLE_TIMEOUT', `the body was silent for ${idleTimeoutMs} ms`))
    }, idleTimeoutMs)
    this.#wake = resolve
    await promise
    this.#wake = undefined
    clearTimeout(timer)
  }
}

export function tooLarge(maxBytes: number): Error {
  return webFailure('HTTP_BODY_TOO_LARGE', `the body holds more than ${maxBytes} bytes`)
}
