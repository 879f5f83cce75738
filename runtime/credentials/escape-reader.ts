/** Undoes what stands for single characters (escapes.ts), in a view that sleeps where there is nothing to undo. */

import type { EscapeSyntax } from './escapes.ts'
import type { Reader, View } from './scrub-view.ts'

/**
 * Far from any escape the view of this reader would show what the view that it reads shows already. So it begins with
 * an escape and as much before it as a needle can have, and ends with as much behind the last one.
 */
export class EscapeReader implements Reader {
  readonly #syntax: EscapeSyntax
  readonly #open: () => View
  /** Where reading goes on; may lie in the context, where an escape has begun. Undefined: at the start of the block. */
  #next: number | undefined
  #view: View | undefined
  #isAwake = false
  /** Bytes read since the last escape. */
  #quiet = 0

  constructor(syntax: EscapeSyntax, open: () => View) {
    this.#syntax = syntax
    this.#open = open
  }

  read(view: View, end: number, isFinal: boolean): void {
    let index = this.#next ?? view.start
    while (index < end) {
      const stopped = this.#isAwake ? this.#copy(view, index, end, isFinal) : this.#wake(view, index, end, isFinal)
      // An escape that is not whole yet.
      if (stopped === index) break
      index = stopped
    }
    this.#next = index - (end - view.start)
    if (this.#isAwake) this.#view?.flush(isFinal)
  }

  heldFrom(view: View): number {
    const next = this.#next ?? view.start
    const begun = next < view.start ? view.fromAt(next) : Infinity
    return this.#isAwake && this.#view !== undefined ? Math.min(begun, this.#view.heldFrom()) : begun
  }

  reset(): void {
    this.#next = undefined
    this.#isAwake = false
    this.#view?.reset()
  }

  /** Finds the next escape and begins before it. The index at which reading goes on. */
  #wake(view: View, from: number, end: number, isFinal: boolean): number {
    const { bytes } = view
    const places = this.#syntax.starts.map((start) => bytes.indexOf(start, from))
    let index = from
    for (;;) {
      index = end
      for (const place of places) if (place !== -1 && place < index) index = place
      if (index === end) return end
      const size = this.#syntax.read(bytes, index, end, isFinal)
      if (size < 0) return index
      if (size > 0) break
      for (const [at, start] of this.#syntax.starts.entries()) {
        if (places[at] === index) places[at] = bytes.indexOf(start, index + 1)
      }
    }
    this.#view ??= this.#open()
    this.#view.reset()
    const earliest = Math.max(view.start - view.known, index - view.start)
    this.#view.copy(view, earliest, index)
    this.#isAwake = true
    this.#quiet = 0
    return this.#copy(view, index, end, isFinal)
  }

  #copy(view: View, from: number, end: number, isFinal: boolean): number {
    const { bytes } = view
    const { isStart, decoded } = this.#syntax
    const own = this.#view
    if (own === undefined) return from
    let index = from
    while (index < end) {
      const limit = Math.min(end, index + view.start + 1 - this.#quiet)
      let next = index
      while (next < limit && isStart[bytes[next] as number] === 0) next++
      own.copy(view, index, next)
      this.#quiet += next - index
      index = next
      if (this.#quiet > view.start) {
        own.flush(false)
        own.reset()
        this.#isAwake = false
        return index
      }
      if (index === end) return index
      const size = this.#syntax.read(bytes, index, end, isFinal)
      if (size < 0) return index
      if (size === 0) {
        own.copy(view, index, ++index)
        this.#quiet++
        continue
      }
      const place = view.fromAt(index)
      const behind = view.toAt(index + size - 1)
      for (let at = 0; at < this.#syntax.decodedLength; at++) own.put(decoded[at] ?? 0, place, behind)
      index += size
      this.#quiet = 0
    }
    return index
  }
}
