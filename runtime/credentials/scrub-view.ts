/**
 * One way to read a stream of bytes: as it is, or with an encoding undone. A view keeps, for each of its bytes, the
 * place in the stream that it was read from, looks for the needles in what it reads, and feeds the views of itself.
 */

import type { Automaton } from './automaton.ts'
import { mayHoldNeedle, type Screen } from './screen.ts'

/** A stretch of the stream, in bytes from its start. */
export interface Stretch {
  readonly from: number
  readonly to: number
  readonly owners: readonly number[]
}

export interface Finds {
  /** `isCoded`: seen in a run of base64, out of which nothing can be cut. */
  found(stretch: Stretch, isCoded: boolean): void
}

/** Undoes one encoding of a view, for further views. */
export interface Reader {
  /** Reads the view's bytes up to index `end`, and all of them where nothing follows. */
  read(view: View, end: number, isFinal: boolean): void
  /** The lowest place in the stream that something unfinished begins at; Infinity where nothing is. */
  heldFrom(view: View): number
  reset(): void
}

/** What all views of one search share. */
export interface Search {
  readonly automaton: Automaton
  readonly screen: Screen
  readonly finds: Finds
  /** Bytes of a view that stay at hand before the next: as many as the longest needle can have, hexadecimal and spaced. */
  readonly context: number
  /** The readers of a view, by how many encodings were undone to get there. */
  readersAt(depth: number, isCoded: boolean): readonly Reader[]
}

/** Bytes that a view takes at a time. */
const BLOCK_BYTES = 4096

/** Fewer are copied one by one, which is faster then. */
const BULK_BYTES_MIN = 64

export class View {
  /** The context, then the block. */
  readonly bytes: Uint8Array
  /** Where in the stream each byte begins and ends; empty for the stream itself, whose byte `index` is `index + place`. */
  readonly #from: Float64Array
  readonly #to: Float64Array
  #place = 0
  /** Where the block begins. */
  readonly start: number
  /** Where the block ends so far. */
  end: number
  /** How many bytes of the context there are. */
  known = 0
  readonly #search: Search
  readonly #isCoded: boolean
  readonly #isPlain: boolean
  readonly #readers: readonly Reader[]
  #state = 0

  constructor(search: Search, depth: number, isCoded: boolean) {
    this.#search = search
    this.#isCoded = isCoded
    this.#readers = search.readersAt(depth, isCoded)
    this.start = search.context
    this.end = this.start
    const size = this.start + BLOCK_BYTES
    this.bytes = new Uint8Array(size)
    this.#from = new Float64Array(depth === 0 ? 0 : size)
    this.#to = new Float64Array(depth === 0 ? 0 : size)
    this.#isPlain = depth === 0
  }

  /** Where in the stream the byte at `index` begins. */
  fromAt(index: number): number {
    return this.#isPlain ? index + this.#place : (this.#from[index] ?? 0)
  }

  /** Where in the stream the byte at `index` ends. */
  toAt(index: number): number {
    return this.#isPlain ? index + this.#place + 1 : (this.#to[index] ?? 0)
  }

  put(byte: number, from: number, to: number): void {
    if (this.end === this.bytes.length) this.flush(false)
    const { end } = this
    this.bytes[end] = byte
    this.#from[end] = from
    this.#to[end] = to
    this.end = end + 1
  }

  /** Those of another view from index `first` to before `last`, which stand for themselves. */
  copy(view: View, first: number, last: number): void {
    for (let taken = first; taken < last;) {
      if (this.end === this.bytes.length) this.flush(false)
      const { end } = this
      const size = Math.min(this.bytes.length - end, last - taken)
      if (size >= BULK_BYTES_MIN && !view.#isPlain) {
        this.bytes.set(view.bytes.subarray(taken, taken + size), end)
        this.#from.set(view.#from.subarray(taken, taken + size), end)
        this.#to.set(view.#to.subarray(taken, taken + size), end)
      } else {
        for (let index = 0; index < size; index++) {
          this.bytes[end + index] = view.bytes[taken + index] as number
          this.#from[end + index] = view.fromAt(taken + index)
          this.#to[end + index] = view.toAt(taken + index)
        }
      }
      this.end = end + size
      taken += size
    }
  }

  /** Of the stream itself: each byte stands for itself. */
  take(piece: Uint8Array, position: number): void {
    for (let taken = 0; taken < piece.length;) {
      if (this.end === this.bytes.length) this.flush(false)
      const { end } = this
      const size = Math.min(this.bytes.length - end, piece.length - taken)
      this.bytes.set(piece.subarray(taken, taken + size), end)
      this.#place = position + taken - end
      taken += size
      this.end = end + size
    }
  }

  /** Looks through the block, has it read, and keeps its end as the context of the next. */
  flush(isFinal: boolean): void {
    const { bytes, start, end } = this
    if (end > start) this.#look()
    for (const reader of this.#readers) reader.read(this, end, isFinal)
    const size = end - start
    this.end = start
    if (size === 0 || isFinal) return
    this.known = Math.min(start, this.known + size)
    const first = start - this.known
    bytes.copyWithin(first, first + size, end)
    this.#place += size
    if (this.#isPlain) return
    this.#from.copyWithin(first, first + size, end)
    this.#to.copyWithin(first, first + size, end)
  }

  /** Once flushed. */
  heldFrom(): number {
    const { automaton } = this.#search
    const depth = automaton.depths[this.#state >> automaton.shift] ?? 0
    let held = depth === 0 ? Infinity : this.fromAt(this.start - depth)
    for (const reader of this.#readers) held = Math.min(held, reader.heldFrom(this))
    return held
  }

  reset(): void {
    this.#state = 0
    this.known = 0
    this.end = this.start
    for (const reader of this.#readers) reader.reset()
  }

  /** Goes through what a needle begins in, and through the ends of the block. */
  #look(): void {
    const { bytes, start, end } = this
    const { automaton, screen } = this.#search
    const { columns, next, firstFound, shift, depths } = automaton
    let state = this.#state
    let index = start
    // What began in an earlier block.
    while (index < end && (depths[state >> shift] as number) > index - start) {
      state = next[state + (columns[bytes[index] as number] as number)] as number
      if (state >= firstFound) this.#found(state, index)
      index++
    }
    if (!mayHoldNeedle(automaton, screen, bytes, start, end) && end - index > screen.window) {
      state = 0
      index = end - screen.window + 1
    }
    for (; index < end; index++) {
      state = next[state + (columns[bytes[index] as number] as number)] as number
      if (state >= firstFound) this.#found(state, index)
    }
    this.#state = state
  }

  #found(state: number, index: number): void {
    const { automaton, finds } = this.#search
    const row = state >> automaton.shift
    const from = this.fromAt(index + 1 - (automaton.lengths[row] ?? 0))
    const to = this.toAt(index)
    finds.found({ from, to, owners: automaton.owners[row] ?? [] }, this.#isCoded)
  }
}
