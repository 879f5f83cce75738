/** Undoes what stands for bytes in long runs: hexadecimal and base64. Where such a run began is tried in every way. */

import { HEX_VALUES } from './escapes.ts'
import type { Reader, View } from './scrub-view.ts'

/** Reads one run from one of its first digits on. */
interface Lane {
  readonly view: View
  begin(): void
  digit(value: number, from: number, to: number): void
  filler(): void
  /** Of a digit that no byte was made of yet. */
  heldFrom(): number
}

/** By byte: the value of a digit, or one of these. */
const OTHER = 255
const FILLER = 254

/** `61, 62`. An empty line ends a run: what is delivered line by line must not wait for the next. */
const FILLERS_MAX = 2
const LINE_FEED = 0x0a

const BASE64_VALUES = Uint8Array.from({ length: 256 }, (_, byte) => {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  const value = digits.indexOf(String.fromCharCode(byte).replace('-', '+').replace('_', '/'))
  return value === -1 ? OTHER : value
})

function kindsOf(values: Uint8Array, fillers: string): Uint8Array {
  const kinds = Uint8Array.from(values)
  for (const byte of Buffer.from(fillers)) kinds[byte] = FILLER
  return kinds
}

const HEX_KINDS = kindsOf(HEX_VALUES, ' :,-xX\r\n')
const BASE64_KINDS = kindsOf(BASE64_VALUES, '\r\n')

class RunReader implements Reader {
  readonly #kinds: Uint8Array
  readonly #digitsMin: number
  readonly #open: () => readonly Lane[]
  #lanes: readonly Lane[] | undefined
  #digits = 0
  #fillers = 0
  /** Index of the first digit; in the context where the run began in an earlier block. */
  #first = 0

  constructor(kinds: Uint8Array, digitsMin: number, open: () => readonly Lane[]) {
    this.#kinds = kinds
    this.#digitsMin = digitsMin
    this.#open = open
  }

  read(view: View, end: number, isFinal: boolean): void {
    const { bytes } = view
    const kinds = this.#kinds
    for (let index = view.start; index < end; index++) {
      if (this.#digits === 0) index = this.#skip(bytes, index, end)
      const kind = kinds[bytes[index] as number] as number
      if (kind < FILLER) this.#digit(view, index)
      else if (this.#digits > 0) this.#pause(view, index, kind)
    }
    this.#first -= end - view.start
    if (this.#isRun()) for (const lane of this.#lanes ?? []) lane.view.flush(isFinal)
  }

  heldFrom(view: View): number {
    if (this.#digits === 0) return Infinity
    if (!this.#isRun()) return view.fromAt(this.#first)
    return (this.#lanes ?? []).reduce((held, lane) => Math.min(held, lane.heldFrom(), lane.view.heldFrom()), Infinity)
  }

  reset(): void {
    this.#digits = 0
    for (const lane of this.#lanes ?? []) lane.view.reset()
  }

  #isRun(): boolean {
    return this.#digits >= this.#digitsMin
  }

  /** Where the next run may begin: none does before a byte that belongs to none, nor fits behind it. */
  #skip(bytes: Uint8Array, from: number, end: number): number {
    const kinds = this.#kinds
    let index = from
    for (;;) {
      let probe = index + this.#digitsMin - 1
      if (probe >= end) return index
      while (probe >= index && kinds[bytes[probe] as number] !== OTHER) probe--
      if (probe < index) return index
      index = probe + 1
    }
  }

  #digit(view: View, index: number): void {
    if (this.#digits === 0) this.#first = index
    this.#fillers = 0
    this.#digits++
    if (this.#digits > this.#digitsMin) {
      this.#feed(view, index)
    } else if (this.#digits === this.#digitsMin) {
      this.#lanes ??= this.#open()
      for (const lane of this.#lanes) {
        lane.view.reset()
        lane.begin()
      }
      for (let earlier = this.#first; earlier <= index; earlier++) this.#feed(view, earlier)
    }
  }

  #pause(view: View, index: number, kind: number): void {
    const isOver =
      kind === OTHER || this.#fillers === FILLERS_MAX || (this.#fillers > 0 && view.bytes[index - 1] === LINE_FEED)
    if (!isOver) {
      this.#fillers++
      if (this.#isRun()) this.#feed(view, index)
      return
    }
    if (this.#isRun()) for (const lane of this.#lanes ?? []) lane.view.flush(true)
    this.#digits = 0
  }

  #feed(view: View, index: number): void {
    const kind = this.#kinds[view.bytes[index] ?? 0] ?? OTHER
    for (const lane of this.#lanes ?? []) {
      if (kind === FILLER) lane.filler()
      else lane.digit(kind, view.fromAt(index), view.toAt(index))
    }
  }
}

/** Hexadecimal, also as `61:62`, `61 62` and `0x61, 0x62`; in lower or upper case. */
export class HexReader extends RunReader {
  /** `bytesMin`: no needle is shorter, so that no shorter run is of interest. */
  constructor(bytesMin: number, open: () => View) {
    super(HEX_KINDS, 2 * bytesMin, () => [0, 1].map((skipped) => new HexLane(open(), skipped)))
  }
}

/** Base64 (RFC 4648) of either alphabet, with or without line breaks. */
export class Base64Reader extends RunReader {
  constructor(bytesMin: number, open: () => View) {
    super(BASE64_KINDS, Math.ceil((4 * bytesMin) / 3), () =>
      [0, 1, 2, 3].map((skipped) => new Base64Lane(open(), skipped)),
    )
  }
}

class HexLane implements Lane {
  readonly view: View
  readonly #skipped: number
  #skip = 0
  #high = -1
  #from = 0

  constructor(view: View, skipped: number) {
    this.view = view
    this.#skipped = skipped
  }

  begin(): void {
    this.#skip = this.#skipped
    this.#high = -1
  }

  digit(value: number, from: number, to: number): void {
    if (this.#skip > 0) {
      this.#skip--
    } else if (this.#high === -1) {
      this.#high = value
      this.#from = from
    } else {
      this.view.put((this.#high << 4) | value, this.#from, to)
      this.#high = -1
    }
  }

  /** Pairs begin anew, but in the lane that began with the second digit. */
  filler(): void {
    if (this.#skipped === 0) this.#high = -1
  }

  heldFrom(): number {
    return this.#high === -1 ? Infinity : this.#from
  }
}

/** A byte is said to begin and end with the digits that it alone decides: what is cut are those. */
class Base64Lane implements Lane {
  readonly view: View
  readonly #skipped: number
  #skip = 0
  #phase = 0
  #last = 0
  #from = 0
  #to = 0

  constructor(view: View, skipped: number) {
    this.view = view
    this.#skipped = skipped
  }

  begin(): void {
    this.#skip = this.#skipped
    this.#phase = 0
  }

  digit(value: number, from: number, to: number): void {
    if (this.#skip > 0) {
      this.#skip--
      return
    }
    const last = this.#last
    if (this.#phase === 1) this.view.put(((last << 2) | (value >> 4)) & 0xff, this.#from, this.#to)
    else if (this.#phase === 2) this.view.put(((last << 4) | (value >> 2)) & 0xff, from, this.#to)
    else if (this.#phase === 3) this.view.put(((last << 6) | value) & 0xff, from, to)
    this.#phase = (this.#phase + 1) & 3
    this.#last = value
    this.#from = from
    this.#to = to
  }

  filler(): void {
    // It stands for nothing.
  }

  heldFrom(): number {
    return this.#phase === 1 ? this.#from : Infinity
  }
}
