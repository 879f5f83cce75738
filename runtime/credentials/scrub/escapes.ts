/** What stands for one character or byte, and for which: the syntax that a view undoes. */

import { ENTITIES, type EntityName } from './entities.ts'

/** Reads one escape. It keeps what it read in `decoded`, so that none is allocated for each. */
export interface EscapeSyntax {
  /** Bytes that an escape may begin with; and by byte, 1 for them. */
  readonly starts: readonly number[]
  readonly isStart: Uint8Array
  /** The first `decodedLength` bytes are what the last escape stood for. */
  readonly decoded: Uint8Array
  readonly decodedLength: number
  /**
   * Bytes that the escape at `index` takes; 0: none stands there; -1: more is needed to tell, never where `isFinal`.
   */
  read(bytes: Uint8Array, index: number, end: number, isFinal: boolean): number
}

/** More digits than a code point needs, and no more. */
const DIGITS_MAX = 9

const PERCENT = 0x25
const AMPERSAND = 0x26
const BACKSLASH = 0x5c
const EQUALS = 0x3d
const SEMICOLON = 0x3b
const HASH = 0x23
const OPEN = 0x7b
const CLOSE = 0x7d
const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
const LOWER_U = 0x75
const LOWER_X = 0x78

/** By the letter behind a backslash (RFC 8259 section 7). */
const CONTROLS: ReadonlyMap<number, number> = new Map([
  [0x62, 8],
  [0x66, 12],
  [0x6e, 10],
  [0x72, 13],
  [0x74, 9],
])

/** `"`, `'`, `/` and the backslash itself. */
const QUOTED: ReadonlySet<number> = new Set([0x22, 0x27, 0x2f, 0x5c])

/** The value of each hexadecimal digit; 255 for other bytes. */
export const HEX_VALUES: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => {
  const value = Number.parseInt(String.fromCharCode(byte), 16)
  return Number.isNaN(value) ? 255 : value
})

abstract class Syntax implements EscapeSyntax {
  readonly starts: readonly number[]
  readonly isStart = new Uint8Array(256)
  readonly decoded = new Uint8Array(8)
  decodedLength = 0

  constructor(starts: readonly number[]) {
    this.starts = starts
    for (const byte of starts) this.isStart[byte] = 1
  }

  abstract read(bytes: Uint8Array, index: number, end: number, isFinal: boolean): number

  /** Two hexadecimal digits at `index` stand for one byte; the escape has `size` bytes with them. */
  protected hexByte(bytes: Uint8Array, index: number, end: number, size: number): number {
    const value = hexNumber(bytes, index, Math.min(index + 2, end))
    if (value === undefined) return 0
    if (index + 2 > end) return -1
    return this.byte(value, size)
  }

  /** Four hexadecimal digits at `index` stand for one code unit. */
  protected hexUnit(bytes: Uint8Array, index: number, end: number, size: number): number {
    const value = hexNumber(bytes, index, Math.min(index + 4, end))
    if (value === undefined) return 0
    if (index + 4 > end) return -1
    return this.codePoint(value, size)
  }

  protected byte(value: number, size: number): number {
    this.decoded[0] = value
    this.decodedLength = 1
    return size
  }

  /** As UTF-8; a lone surrogate by the same rule. */
  protected codePoint(value: number, size: number): number {
    const { decoded } = this
    if (value < 0x80) return this.byte(value, size)
    const tail = value < 0x800 ? 1 : value < 0x10000 ? 2 : 3
    decoded[0] = ((0xff00 >> (tail + 1)) & 0xff) | (value >> (6 * tail))
    for (let index = 1; index <= tail; index++) decoded[index] = 0x80 | ((value >> (6 * (tail - index))) & 0x3f)
    this.decodedLength = tail + 1
    return size
  }
}

/**
 * All escapes that stand for single characters at once: `%41` and `%u0041`; `\u0041`, `\u{41}`, `\x41`, `\n` and `\/`;
 * `&#65;`, `&#x41;` and `&amp;`.
 */
export class CharacterEscapes extends Syntax {
  /** `starts`: only the escapes that begin with these. */
  constructor(starts: readonly number[] = [PERCENT, BACKSLASH, AMPERSAND]) {
    super(starts)
  }

  read(bytes: Uint8Array, index: number, end: number, isFinal: boolean): number {
    const size = this.#read(bytes, index, end)
    return size === -1 && isFinal ? 0 : size
  }

  #read(bytes: Uint8Array, index: number, end: number): number {
    const start = bytes[index]
    if (index + 1 >= end) return -1
    const second = bytes[index + 1] ?? 0
    if (start === AMPERSAND) {
      return second === HASH ? this.#numeric(bytes, index, end) : this.#named(bytes, index, end)
    }
    if ((second | 0x20) === LOWER_U) {
      if (start === BACKSLASH && bytes[index + 2] === OPEN && index + 2 < end) return this.#braced(bytes, index, end)
      return this.hexUnit(bytes, index + 2, end, 6)
    }
    if (start === PERCENT) return this.hexByte(bytes, index + 1, end, 3)
    if (second === LOWER_X) return this.hexByte(bytes, index + 2, end, 4)
    const control = CONTROLS.get(second)
    if (control !== undefined) return this.byte(control, 2)
    // Others stand for themselves behind a backslash in no format of data, and may be part of a secret there.
    return QUOTED.has(second) ? this.byte(second, 2) : 0
  }

  /** `&#65;`, and without the semicolon, as browsers read it. */
  #numeric(bytes: Uint8Array, index: number, end: number): number {
    const isHex = index + 2 < end && ((bytes[index + 2] ?? 0) | 0x20) === LOWER_X
    const first = index + (isHex ? 3 : 2)
    const last = digitsEnd(bytes, first, end, isHex ? 16 : 10)
    if (last === end && last - first < DIGITS_MAX) return -1
    if (last === first) return 0
    const value = numberOf(bytes, first, last, isHex ? 16 : 10)
    if (value > 0x10ffff) return 0
    return this.codePoint(value, last - index + (last < end && bytes[last] === SEMICOLON ? 1 : 0))
  }

  #named(bytes: Uint8Array, index: number, end: number): number {
    let last = index + 1
    let name: EntityName | undefined = ENTITIES
    for (; last < end; last++) {
      const byte = bytes[last] ?? 0
      if (byte === SEMICOLON) return name.value === undefined ? 0 : this.codePoint(name.value, last + 1 - index)
      name = name.longer.get(byte)
      if (name === undefined) return 0
    }
    return -1
  }

  #braced(bytes: Uint8Array, index: number, end: number): number {
    const first = index + 3
    const last = digitsEnd(bytes, first, end, 16)
    if (last === end && last - first < DIGITS_MAX) return -1
    const value = numberOf(bytes, first, last, 16)
    if (last === first || value > 0x10ffff || bytes[last] !== CLOSE) return 0
    return this.codePoint(value, last + 1 - index)
  }
}

/** `=41`, and line breaks that are none (RFC 2045 section 6.7). For itself, because `token=41…` is no escape at all. */
export class QuotedPrintable extends Syntax {
  constructor() {
    super([EQUALS])
  }

  read(bytes: Uint8Array, index: number, end: number, isFinal: boolean): number {
    const size = this.#read(bytes, index, end)
    return size === -1 && isFinal ? 0 : size
  }

  #read(bytes: Uint8Array, index: number, end: number): number {
    if (index + 1 >= end) return -1
    const second = bytes[index + 1]
    this.decodedLength = 0
    if (second === LINE_FEED) return 2
    if (second !== CARRIAGE_RETURN) return this.hexByte(bytes, index + 1, end, 3)
    if (index + 2 >= end) return -1
    return bytes[index + 2] === LINE_FEED ? 3 : 0
  }
}

/** The zeros that UTF-16 has beside each character of Latin-1: one that has another two bytes before or behind it. */
export class Utf16Zeros extends Syntax {
  constructor() {
    super([0])
  }

  read(bytes: Uint8Array, index: number, end: number, isFinal: boolean): number {
    this.decodedLength = 0
    if (index >= 2 && bytes[index - 2] === 0) return 1
    if (index + 2 < end) return bytes[index + 2] === 0 ? 1 : 0
    return isFinal ? 0 : -1
  }
}

/** Undefined where one of the bytes is no digit. */
function hexNumber(bytes: Uint8Array, first: number, last: number): number | undefined {
  let value = 0
  for (let index = first; index < last; index++) {
    const digit = HEX_VALUES[bytes[index] ?? 0] ?? 255
    if (digit === 255) return undefined
    value = value * 16 + digit
  }
  return value
}

/** Where the digits from `first` on end, of which no more than DIGITS_MAX are read. */
function digitsEnd(bytes: Uint8Array, first: number, end: number, base: number): number {
  const limit = Math.min(end, first + DIGITS_MAX)
  let index = first
  while (index < limit && (HEX_VALUES[bytes[index] ?? 0] ?? 255) < base) index++
  return index
}

function numberOf(bytes: Uint8Array, first: number, last: number, base: number): number {
  let value = 0
  for (let index = first; index < last; index++) value = value * base + (HEX_VALUES[bytes[index] ?? 0] ?? 0)
  return value
}
