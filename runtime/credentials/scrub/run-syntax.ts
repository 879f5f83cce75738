/** What stands for bytes in long runs: hexadecimal and base64. */

import { HEX_VALUES } from './escapes.ts'

/** What a run stands for. */
export interface Decoded {
  /** Has room for the run. */
  readonly bytes: Uint8Array
  /** The indexes of the first and the last digit that each byte alone decides, where somebody asks. */
  readonly first: Int32Array | undefined
  readonly last: Int32Array | undefined
}

export interface RunSyntax {
  /** By byte: the value of a digit, FILLER or OTHER. */
  readonly kinds: Uint8Array
  /** Digits that a byte takes at least. */
  readonly digitsPerByte: number
  /** In how many ways a run can begin. */
  readonly lanes: number
  /**
   * Undoes the run from index `first` to before `last`, without the `skipped` digits before the lane's first. The
   * number of bytes.
   */
  decode(bytes: Uint8Array, first: number, last: number, skipped: number, into: Decoded): number
}

/** No digit, and not allowed between digits. */
const OTHER = 255
/** No digit, but allowed between digits. */
const FILLER = 254

/** `61, 62`. */
const FILLERS_MAX = 2
const LINE_FEED = 0x0a

/** Hexadecimal, also as `61:62`, `61 62` and `0x61, 0x62`. */
export const HEX: RunSyntax = {
  kinds: kindsOf(HEX_VALUES, ' :,-xX\r\n'),
  digitsPerByte: 2,
  lanes: 2,
  decode(bytes, first, last, skipped, into) {
    const { kinds } = this
    let length = 0
    let skip = skipped
    let high = -1
    let from = 0
    for (let index = first; index < last; index++) {
      const value = kinds[bytes[index] as number] as number
      if (value === FILLER) {
        // Pairs begin anew, but in the lane that began with the second digit.
        if (skipped === 0) high = -1
      } else if (skip > 0) {
        skip--
      } else if (high === -1) {
        high = value
        from = index
      } else {
        length = put(into, length, (high << 4) | value, from, index)
        high = -1
      }
    }
    return length
  },
}

/** Base64 (RFC 4648) of either alphabet, with or without line breaks. */
export const BASE64: RunSyntax = {
  kinds: kindsOf(base64Values(), '\r\n'),
  digitsPerByte: 4 / 3,
  lanes: 4,
  decode(bytes, first, last, skipped, into) {
    const { kinds } = this
    if (into.first === undefined) {
      const quick = decodeGroups(kinds, bytes, first + skipped, last, into.bytes)
      if (quick !== undefined) return quick
    }
    let length = 0
    let skip = skipped
    let phase = 0
    let before = 0
    let place = 0
    for (let index = first; index < last; index++) {
      const value = kinds[bytes[index] as number] as number
      if (value === FILLER) continue
      if (skip > 0) {
        skip--
        continue
      }
      if (phase === 1) length = put(into, length, (before << 2) | (value >> 4), place, place)
      else if (phase === 2) length = put(into, length, (before << 4) | (value >> 2), index, place)
      else if (phase === 3) length = put(into, length, (before << 6) | value, index, index)
      phase = (phase + 1) & 3
      before = value
      place = index
    }
    return length
  },
}

/** Four digits at a time, which is several times as fast; undefined where there is anything between them. */
function decodeGroups(
  kinds: Uint8Array,
  bytes: Uint8Array,
  first: number,
  last: number,
  into: Uint8Array,
): number | undefined {
  let length = 0
  let index = first
  for (; index + 3 < last; index += 4) {
    const one = kinds[bytes[index] as number] as number
    const two = kinds[bytes[index + 1] as number] as number
    const three = kinds[bytes[index + 2] as number] as number
    const four = kinds[bytes[index + 3] as number] as number
    if ((one | two | three | four) >= 64) return undefined
    into[length++] = (one << 2) | (two >> 4)
    into[length++] = (two << 4) | (three >> 2)
    into[length++] = (three << 6) | four
  }
  for (let before = index; index < last; index++) {
    const digit = kinds[bytes[index] as number] as number
    if (digit >= 64) return undefined
    if (index > before) {
      const shift = 2 * (index - before)
      into[length++] = ((kinds[bytes[index - 1] as number] as number) << shift) | (digit >> (6 - shift))
    }
  }
  return length
}

function put(into: Decoded, length: number, byte: number, first: number, last: number): number {
  into.bytes[length] = byte
  if (into.first !== undefined && into.last !== undefined) {
    into.first[length] = first
    into.last[length] = last
  }
  return length + 1
}

/** A run of digits, from index `first` to before `last`. */
export interface Run {
  first: number
  last: number
  digits: number
}

/**
 * Finds the next run that has enough digits, or reaches the end, and says whether there is one. An empty line ends a
 * run: what is delivered line by line must not wait for the next.
 */
export function findRun(kinds: Uint8Array, digitsMin: number, bytes: Uint8Array, end: number, run: Run): boolean {
  let index = run.last
  while (index < end) {
    index = runBeginning(kinds, digitsMin, bytes, index, end)
    while (index < end && (kinds[bytes[index] as number] as number) >= FILLER) index++
    run.first = index
    let digits = 0
    let fillers = 0
    for (; index < end; index++) {
      const kind = kinds[bytes[index] as number] as number
      if (kind < FILLER) {
        fillers = 0
        digits++
      } else {
        const isOver = kind === OTHER || fillers === FILLERS_MAX || (fillers > 0 && bytes[index - 1] === LINE_FEED)
        if (isOver) break
        fillers++
      }
    }
    run.last = index
    run.digits = digits
    if (digits >= digitsMin || (index === end && digits > 0)) return true
  }
  return false
}

/** Where the next run may begin: none does before a byte that belongs to none, unless it is too short. */
function runBeginning(kinds: Uint8Array, digitsMin: number, bytes: Uint8Array, from: number, end: number): number {
  let index = from
  for (;;) {
    let probe = index + digitsMin - 1
    if (probe >= end) return index
    while (probe >= index && kinds[bytes[probe] as number] !== OTHER) probe--
    if (probe < index) return index
    index = probe + 1
  }
}

function base64Values(): Uint8Array {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  return Uint8Array.from({ length: 256 }, (_, byte) => {
    const value = digits.indexOf(String.fromCharCode(byte).replace('-', '+').replace('_', '/'))
    return value === -1 ? OTHER : value
  })
}

function kindsOf(values: Uint8Array, fillers: string): Uint8Array {
  const kinds = Uint8Array.from(values)
  for (const byte of Buffer.from(fillers)) kinds[byte] = FILLER
  return kinds
}
