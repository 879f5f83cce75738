/**
 * Where the secrets are in a stream of bytes, in every view of it: as it is, with each encoding undone, and so on up to
 * SCRUB_NESTING_MAX. A first pass only asks whether anything may be there, without places; a second one, with places,
 * goes through what the first could not rule out, and through the end, where something may have begun.
 */

import { SCRUB_NESTING_MAX } from '../../limits.ts'
import { buildAutomaton, type Automaton, type Needle } from './automaton.ts'
import { CharacterEscapes, QuotedPrintable, Utf16Zeros, type EscapeSyntax } from './escapes.ts'
import { BASE64, findRun, HEX, type Run, type RunSyntax } from './run-syntax.ts'
import { buildScreen, mayHoldNeedle, type Screen } from './screen.ts'
import { undoEscapes, View } from './scrub-view.ts'
import type { Stretch } from './cuts.ts'

type ViewKind = 'characters' | 'utf-16-zeros' | 'quoted-printable' | 'hex' | 'base64'

const ESCAPES: readonly (readonly [ViewKind, EscapeSyntax])[] = [
  ['characters', new CharacterEscapes()],
  ['utf-16-zeros', new Utf16Zeros()],
  ['quoted-printable', new QuotedPrintable()],
]

const RUNS: readonly (readonly [ViewKind, RunSyntax])[] = [
  ['hex', HEX],
  ['base64', BASE64],
]

/** By byte: whether any escape begins with it. */
const IS_START = new Uint8Array(256)
for (const [, { starts }] of ESCAPES) for (const start of starts) IS_START[start] = 1

const SHORT_BYTES = 256

/** Bytes that are gone through at once. */
const BLOCK_BYTES = 16 * 1024

/**
 * How far the end of a secret may be from its beginning, in bytes for each byte of the longest needle: escaped wholly
 * twice, as `\\u005c\\u0075…`, a character has 36. Long secrets have less: they would be gone through again and again.
 */
const CONTEXT_RATIO = 32
const CONTEXT_RATIO_MIN = 8
const CONTEXT_BYTES_MAX = 16 * 1024
/** Of what is long however short the needle is. */
const CONTEXT_BYTES_MIN = 64

/** What searches for the same needles share: it holds them, and so the secrets. */
export interface Needles {
  readonly automaton: Automaton
  readonly screen: Screen
}

export function prepareNeedles(needles: readonly Needle[]): Needles {
  return { automaton: buildAutomaton(needles), screen: buildScreen(needles) }
}

export class SecretSearch {
  /** What can be cut out, by the places of its bytes; some may be there twice. */
  cuts: Stretch[] = []
  /** What was seen in base64; the same may be among the cuts. */
  coded: Stretch[] = []
  /** Bytes that were read. */
  position = 0
  /** The place behind which a secret may have begun. */
  settled = 0
  readonly #automaton: Automaton
  readonly #screen: Screen
  readonly #escapes: readonly EscapeSyntax[]
  readonly #runs: readonly RunSyntax[]
  /** Bytes before a block that are gone through again with it: an encoded secret is no longer. */
  readonly #context: number
  #history: Uint8Array = NOTHING
  /** The view of each depth; the first is never filled. */
  readonly #views = Array.from({ length: SCRUB_NESTING_MAX + 1 }, () => new View(NOTHING, 0))
  #pass: 'screen' | 'places' = 'screen'
  #maySecret = false
  /** The place of the first byte that is gone through. */
  #base = 0

  /** `without`: kinds of views to leave out, for proving that each is needed. */
  constructor({ automaton, screen }: Needles, without: ReadonlySet<string>) {
    this.#automaton = automaton
    this.#screen = screen
    const { longest } = automaton
    this.#context =
      Math.max(CONTEXT_RATIO_MIN * longest, Math.min(CONTEXT_RATIO * longest, CONTEXT_BYTES_MAX)) + CONTEXT_BYTES_MIN
    this.#escapes = ESCAPES.filter(([kind]) => !without.has(kind)).map(([, syntax]) => syntax)
    this.#runs = RUNS.filter(([kind]) => !without.has(kind)).map(([, syntax]) => syntax)
  }

  /** Begins another stream, whose first byte has the place `position`. */
  reset(position: number): void {
    this.position = this.settled = position
    this.#history = NOTHING
    this.cuts = []
    this.coded = []
  }

  /** The next bytes of the stream; its last where `isFinal`. */
  read(piece: Uint8Array, isFinal: boolean): void {
    const bytes = this.#history.length === 0 ? piece : Buffer.concat([this.#history, piece])
    const base = this.position - this.#history.length
    this.position += piece.length
    let start = this.#history.length
    let wasPlaced = false
    do {
      const end = Math.min(start + BLOCK_BYTES, bytes.length)
      const first = Math.max(0, start - this.#context)
      wasPlaced = this.#maySecretIn(bytes, first, end)
      if (wasPlaced) this.#place(bytes, first, end, base, isFinal && end === bytes.length)
      start = end
    } while (start < bytes.length)
    const tail = Math.max(0, bytes.length - this.#context)
    if (!isFinal && !wasPlaced) this.#place(bytes, tail, bytes.length, base, false)
    // A copy, so that a large piece does not live on for its last bytes.
    this.#history = isFinal ? NOTHING : bytes.slice(tail)
  }

  #maySecretIn(bytes: Uint8Array, first: number, end: number): boolean {
    this.#pass = 'screen'
    this.#maySecret = false
    this.#visit(new View(bytes.subarray(first, end), end - first), 0, false, true)
    return this.#maySecret
  }

  #place(bytes: Uint8Array, first: number, end: number, base: number, isFinal: boolean): void {
    this.#pass = 'places'
    this.#maySecret = false
    this.#base = base + first
    this.settled = base + end
    this.#visit(new View(bytes.subarray(first, end), end - first), 0, false, isFinal)
  }

  /** Looks through a view and all views of it. `isCoded`: nothing can be cut out. `isFinal`: nothing follows. */
  #visit(view: View, depth: number, isCoded: boolean, isFinal: boolean): void {
    if (this.#pass === 'places') this.#look(view, isCoded, isFinal)
    else this.#maySecret ||= mayHoldNeedle(this.#automaton, this.#screen, view.bytes, 0, view.length)
    const below = this.#views[depth + 1]
    if (below === undefined || this.#maySecret) return
    const hasPlaces = this.#pass === 'places'
    const escapes = this.#mayEscape(view) ? this.#escapes : NO_ESCAPES
    for (const syntax of escapes) {
      const unfinished = undoEscapes(syntax, view, below, hasPlaces, isFinal)
      if (unfinished === undefined) continue
      if (unfinished < view.length) this.#hold(view, unfinished)
      this.#visit(below, depth + 1, isCoded, isFinal)
    }
    for (const syntax of this.#runs) this.#visitRuns(syntax, view, below, depth, isCoded, isFinal)
  }

  #visitRuns(syntax: RunSyntax, view: View, below: View, depth: number, isCoded: boolean, isFinal: boolean): void {
    const digitsMin = Math.ceil(syntax.digitsPerByte * this.#automaton.shortest)
    if (isFinal && view.length < digitsMin) return
    const { undone } = view
    let seen = 0
    const run: Run = { first: 0, last: 0, digits: 0 }
    while (findRun(syntax.kinds, digitsMin, view.bytes, view.length, run)) {
      if (run.digits < digitsMin) {
        if (!isFinal) this.#hold(view, run.first)
        continue
      }
      while ((undone?.[seen] ?? Infinity) < run.first) seen++
      // Without an escape in it, it was there to be seen before they were undone.
      if (undone !== undefined && (undone[seen] ?? Infinity) > run.last) continue
      for (let skipped = 0; skipped < syntax.lanes; skipped++) {
        below.begin(view, this.#pass === 'places')
        below.undo(syntax, view, run.first, run.last, skipped)
        this.#visit(below, depth + 1, isCoded || syntax === BASE64, isFinal || run.last < view.length)
      }
      if (this.#maySecret) return
    }
  }

  /** Asked of short views alone: where many runs are undone, they are the most. */
  #mayEscape({ bytes, length }: View): boolean {
    if (length > SHORT_BYTES) return true
    for (let index = 0; index < length; index++) if (IS_START[bytes[index] as number] !== 0) return true
    return false
  }

  #look(view: View, isCoded: boolean, isFinal: boolean): void {
    const { columns, next, shift, firstFound } = this.#automaton
    const { bytes, length } = view
    let state = 0
    for (let index = 0; index < length; index++) {
      state = next[state + (columns[bytes[index] as number] as number)] as number
      if (state >= firstFound) this.#found(view, state >> shift, index, isCoded)
    }
    const begun = this.#automaton.begun[state >> shift] ?? 0
    if (begun > 0 && !isFinal) this.#hold(view, length - begun)
  }

  #found(view: View, row: number, index: number, isCoded: boolean): void {
    const { lengths, owners } = this.#automaton
    const stretch = {
      from: this.#base + view.fromAt(index + 1 - (lengths[row] ?? 0)),
      to: this.#base + view.toAt(index),
      owners: owners[row] ?? [],
    }
    if (isCoded) this.coded.push(stretch)
    else this.cuts.push(stretch)
  }

  #hold(view: View, index: number): void {
    if (this.#pass === 'places') this.settled = Math.min(this.settled, this.#base + view.fromAt(index))
  }
}

const NO_ESCAPES: readonly EscapeSyntax[] = []
const NOTHING = new Uint8Array(0)
