/** Where the secrets are in a stream of bytes, in every view of it. */

import { SCRUB_NESTING_MAX } from '../limits.ts'
import type { Automaton } from './automaton.ts'
import { EscapeReader } from './escape-reader.ts'
import { CharacterEscapes, QuotedPrintable, Utf16Zeros } from './escapes.ts'
import { Base64Reader, HexReader } from './run-reader.ts'
import type { Screen } from './screen.ts'
import { View, type Finds, type Reader, type Search, type Stretch } from './scrub-view.ts'

export type ViewKind = 'characters' | 'utf-16-zeros' | 'quoted-printable' | 'hex' | 'base64'

/** In the order in which they read: what is coded comes last. */
const READERS: { readonly [kind in ViewKind]: (open: (isCoded: boolean) => View, bytesMin: number) => Reader } = {
  characters: (open) => new EscapeReader(new CharacterEscapes(), () => open(false)),
  'utf-16-zeros': (open) => new EscapeReader(new Utf16Zeros(), () => open(false)),
  'quoted-printable': (open) => new EscapeReader(new QuotedPrintable(), () => open(false)),
  hex: (open, bytesMin) => new HexReader(bytesMin, () => open(false)),
  base64: (open, bytesMin) => new Base64Reader(bytesMin, () => open(true)),
}

/** Bytes for each byte of a needle, and for what needs some however short it is: escapes, the beginning of a run. */
const CONTEXT_RATIO = 8
const CONTEXT_BYTES_MIN = 64

export class SecretSearch implements Search, Finds {
  readonly automaton: Automaton
  readonly screen: Screen
  readonly finds: Finds = this
  readonly context: number
  /** What can be cut out, in the order in which it ends; some may be there twice. */
  cuts: Stretch[] = []
  /** What was seen in base64; the same may be among the cuts. */
  coded: Stretch[] = []
  readonly #without: ReadonlySet<string>
  readonly #stream: View
  #position = 0

  /** `without` is for proving that a view is needed. */
  constructor(automaton: Automaton, screen: Screen, without: ReadonlySet<string> = new Set()) {
    this.automaton = automaton
    this.screen = screen
    this.context = CONTEXT_RATIO * automaton.longest + CONTEXT_BYTES_MIN
    this.#without = without
    this.#stream = new View(this, 0, false)
  }

  /** Bytes that were read. */
  get position(): number {
    return this.#position
  }

  read(piece: Uint8Array, isFinal: boolean): void {
    this.#stream.take(piece, this.#position)
    this.#position += piece.length
    this.#stream.flush(isFinal)
  }

  /** The place behind which a secret may have begun. */
  settled(): number {
    return Math.min(this.#position, this.#stream.heldFrom())
  }

  /** Begins another stream, at a place that may have a number of its own. */
  reset(position: number): void {
    this.#position = position
    this.#stream.reset()
    this.cuts = []
    this.coded = []
  }

  found(stretch: Stretch, isCoded: boolean): void {
    if (isCoded) this.coded.push(stretch)
    else this.cuts.push(stretch)
  }

  readersAt(depth: number, isCoded: boolean): readonly Reader[] {
    if (depth === SCRUB_NESTING_MAX) return []
    return Object.entries(READERS)
      .filter(([kind]) => !this.#without.has(kind))
      .map(([, make]) => make((codes) => new View(this, depth + 1, isCoded || codes), this.automaton.shortest))
  }
}
