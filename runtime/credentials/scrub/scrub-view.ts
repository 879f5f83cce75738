/** One way to read some bytes: as they are, or with an encoding undone. */

import type { EscapeSyntax } from './escapes.ts'
import type { RunSyntax } from './run-syntax.ts'

/**
 * Bytes, and where each begins and ends in what they were read from; places are kept only where somebody will ask.
 * The arrays are used again and again, so a view is good until the next one of its depth is made.
 */
export class View {
  /** A Buffer, because that looks for a byte much faster. */
  bytes: Buffer
  length = 0
  /** The indexes that escapes were undone at, in order; undefined: everywhere. */
  undone: number[] | undefined
  /** Undefined: byte `index` has the place `index`. */
  #from: Int32Array | undefined
  #to: Int32Array | undefined
  /** The view that digits are read from. */
  #source: View | undefined

  constructor(bytes: Uint8Array, length: number) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.length = length
  }

  fromAt(index: number): number {
    return this.#from === undefined ? index : (this.#from[index] ?? 0)
  }

  toAt(index: number): number {
    return this.#to === undefined ? index + 1 : (this.#to[index] ?? 0)
  }

  /** Empties it, with room for what is made of another view: no encoding becomes longer when it is undone. */
  begin(source: View, hasPlaces: boolean): void {
    this.length = 0
    this.#source = source
    if (this.bytes.length < source.length) this.bytes = Buffer.allocUnsafeSlow(source.length)
    if (!hasPlaces) {
      this.#from = this.#to = undefined
    } else if (this.#from === undefined || this.#from.length < source.length) {
      this.#from = new Int32Array(this.bytes.length)
      this.#to = new Int32Array(this.bytes.length)
    }
  }

  /** A byte that stands for those of the source from index `first` to `last`. */
  put(byte: number, first: number, last: number): void {
    const { length } = this
    this.bytes[length] = byte
    if (this.#from !== undefined && this.#to !== undefined && this.#source !== undefined) {
      this.#from[length] = this.#source.fromAt(first)
      this.#to[length] = this.#source.toAt(last)
    }
    this.length = length + 1
  }

  /** What a run of the source from index `first` to before `last` stands for. */
  undo(syntax: RunSyntax, source: View, first: number, last: number, skipped: number): void {
    this.undone = undefined
    const places = { bytes: this.bytes, first: this.#from, last: this.#to }
    const length = syntax.decode(source.bytes, first, last, skipped, places)
    this.length = length
    if (this.#from === undefined || this.#to === undefined) return
    for (let index = 0; index < length; index++) {
      this.#from[index] = source.fromAt(this.#from[index] as number)
      this.#to[index] = source.toAt(this.#to[index] as number)
    }
  }

  /** Those of the source from index `first` to before `last`, which stand for themselves. */
  copy(source: View, first: number, last: number): void {
    if (this.#from !== undefined) {
      for (let index = first; index < last; index++) this.put(source.bytes[index] as number, index, index)
      return
    }
    const { bytes, length } = this
    if (last - first >= BULK_BYTES_MIN) bytes.set(source.bytes.subarray(first, last), length)
    else for (let index = first; index < last; index++) bytes[length + index - first] = source.bytes[index] as number
    this.length = length + last - first
  }
}

/** Fewer are copied one by one, which is faster then. */
const BULK_BYTES_MIN = 64

/** The array of a view goes on behind its end with what is old; a shorter view is looked through byte by byte. */
const SHORT_RATIO = 8

/**
 * Undoes the escapes of a view. Undefined where it has none, else the index at which one has begun that may go on
 * behind the end: the length where none has, and always where nothing follows (`isFinal`).
 */
export function undoEscapes(
  syntax: EscapeSyntax,
  view: View,
  result: View,
  hasPlaces: boolean,
  isFinal: boolean,
): number | undefined {
  const { bytes, length } = view
  const { isStart, decoded } = syntax
  let index = firstStart(syntax, view)
  if (index === length) return undefined
  let copied = 0
  let isBegun = false
  while (index < length) {
    if (isStart[bytes[index] as number] === 0) {
      index++
      continue
    }
    const size = syntax.read(bytes, index, length, isFinal)
    if (size < 0) break
    if (size === 0) {
      index++
      continue
    }
    if (!isBegun) result.begin(view, hasPlaces)
    if (!isBegun) result.undone = []
    isBegun = true
    result.copy(view, copied, index)
    result.undone?.push(result.length)
    for (let at = 0; at < syntax.decodedLength; at++) result.put(decoded[at] as number, index, index + size - 1)
    index += size
    copied = index
  }
  if (!isBegun) {
    if (index === length) return undefined
    result.begin(view, hasPlaces)
    result.undone = []
  }
  result.copy(view, copied, index)
  return index
}

function firstStart({ starts, isStart }: EscapeSyntax, { bytes, length }: View): number {
  if (length * SHORT_RATIO >= bytes.length) {
    let first = length
    for (const start of starts) {
      const place = bytes.indexOf(start)
      if (place !== -1 && place < first) first = place
    }
    return first
  }
  let index = 0
  while (index < length && isStart[bytes[index] as number] === 0) index++
  return index
}
