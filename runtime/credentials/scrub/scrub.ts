/**
 * Keeps secrets out of what is delivered, recorded or shown. Nothing here knows where a text comes from: whoever
 * delivers something calls it, before it is delivered and recorded, so that a replay sees the same bytes.
 *
 * A secret is found as it is, in the forms of needles.ts, and below up to SCRUB_NESTING_MAX encodings that are undone
 * (secret-search.ts). What stands for it is cut out where its place is known; in base64 below another encoding there
 * is no place whose removal leaves the rest whole, so all is withheld. SECURITY.md lists what cannot be found.
 */

import { RunAgentError } from '../../errors.ts'
import { SCRUB_HOLD_BYTES, SECRET_BYTES_MAX, SECRET_LENGTH_MIN } from '../../limits.ts'
import type { Needle } from './automaton.ts'
import { cutOut, isCutOut, joined, type Stretch } from './cuts.ts'
import { needlesOf } from './needles.ts'
import { prepareNeedles, SecretSearch, type Needles } from './secret-search.ts'

export interface Hit {
  readonly credential: string
  readonly version: string
  /** `withheld`: it shows only in a decoded view, and so the whole was replaced. */
  readonly how: 'cut' | 'withheld'
}

export interface ScrubbedSecret {
  readonly credential: string
  readonly version: string
  readonly value: string
  readonly related: readonly string[]
}

export interface ScrubStream {
  /**
   * What may be delivered by now. Throws Withheld, now and for ever after, where a secret shows that cannot be cut
   * out; what was held back must then be dropped, as after any error.
   */
  push(piece: Uint8Array): Uint8Array
  /** What was held back; call it only where the stream came to its own end. */
  end(): Uint8Array
  readonly hits: readonly Hit[]
}

export interface Scrubber {
  /**
   * From here on the value must not show, nor what was sent of it (`derived`: `Basic …`). Adding the same twice is
   * free. Throws E_CREDENTIAL for what is shorter than SECRET_LENGTH_MIN or longer than SECRET_BYTES_MAX.
   */
  add(secret: ScrubbedSecret, derived?: readonly string[]): void
  /** Every form is replaced by `[withheld: credential NAME]`. Without hits the text is the same. */
  text(text: string): { readonly text: string; readonly hits: readonly Hit[] }
  /** Of any encoding, whole. Without hits the bytes are the same object. */
  bytes(bytes: Uint8Array): { readonly bytes: Uint8Array; readonly hits: readonly Hit[] }
  /** A body that comes in pieces: however it is split, what is delivered is the same. */
  stream(): ScrubStream
  /** Nothing was added: everything passes through, the same object. */
  readonly isEmpty: boolean
}

/** A secret showed that cannot be cut out, or more was held back than may be. */
export class Withheld extends RunAgentError {
  readonly hits: readonly Hit[]

  constructor(hits: readonly Hit[]) {
    const names = [...new Set(hits.map(({ credential }) => credential))].join(', ')
    super('E_CREDENTIAL', `the answer was withheld: it shows the credential ${names} where it cannot be cut out`, {
      hint: 'The server returns what it was sent. Replace the secret, and ask the server for less.',
    })
    this.name = 'Withheld'
    this.hits = hits
  }
}

/** Cutting brings nothing new together, so one more look should find nothing. */
const LOOKS_MAX = 3

const NO_HITS: readonly Hit[] = []

/** `without`: kinds of needles and views to leave out, for proving that each is needed. */
export function createScrubber(without: ReadonlySet<string> = new Set()): Scrubber {
  return new SecretScrubber(without)
}

/** The text with every form of one secret replaced; the secret lives in the returned function alone. */
export function createScrub(credential: string, secret: string): (text: string) => string {
  const scrubber = createScrubber()
  scrubber.add({ credential, version: '', value: secret, related: [] })
  return (text) => scrubber.text(text).text
}

interface Owner {
  readonly credential: string
  readonly version: string
}

class SecretScrubber implements Scrubber {
  readonly #without: ReadonlySet<string>
  readonly #needles: Needle[] = []
  readonly #owners: Owner[] = []
  readonly #added = new Set<string>()
  #prepared: Needles | undefined
  #search: SecretSearch | undefined

  constructor(without: ReadonlySet<string>) {
    this.#without = without
  }

  get isEmpty(): boolean {
    return this.#needles.length === 0
  }

  add({ credential, version, value, related }: ScrubbedSecret, derived: readonly string[] = []): void {
    const values = [value, ...related, ...derived]
    for (const each of values) assertSize(credential, each)
    const added = values.filter((each) => !this.#added.has(JSON.stringify([credential, version, each])))
    if (added.length === 0) return
    const owner = this.#ownerOf(credential, version)
    for (const each of added) {
      this.#added.add(JSON.stringify([credential, version, each]))
      for (const bytes of needlesOf(each, this.#without)) this.#needles.push({ bytes, owner })
    }
    this.#prepared = undefined
    this.#search = undefined
  }

  text(text: string): { readonly text: string; readonly hits: readonly Hit[] } {
    if (this.isEmpty || text === '') return { text, hits: NO_HITS }
    const { bytes, hits } = this.bytes(encoder.encode(text))
    return hits.length === 0 ? { text, hits } : { text: Buffer.from(bytes).toString('utf8'), hits }
  }

  bytes(bytes: Uint8Array): { readonly bytes: Uint8Array; readonly hits: readonly Hit[] } {
    if (this.isEmpty) return { bytes, hits: NO_HITS }
    this.#search ??= this.#newSearch()
    const search = this.#search
    let rest = bytes
    let hits = NO_HITS
    for (let look = 0; look < LOOKS_MAX; look++) {
      search.reset(0)
      search.read(rest, true)
      const cuts = joined(search.cuts)
      const kept = search.coded.filter((stretch) => !isCutOut(stretch, cuts))
      if (cuts.length === 0 && kept.length === 0) return { bytes: rest, hits }
      hits = this.#withHits(hits, kept.length > 0 ? [...cuts, ...kept] : cuts, kept.length > 0 ? 'withheld' : 'cut')
      if (kept.length > 0) break
      rest = cutOut(rest, 0, rest.length, cuts, this.#placeholder)
    }
    const [first] = hits
    return { bytes: encoder.encode(`[withheld: credential ${first?.credential}]`), hits }
  }

  stream(): ScrubStream {
    return new SecretStream({
      search: () => (this.isEmpty ? undefined : this.#newSearch()),
      edition: () => this.#needles.length,
      hitsWith: this.#withHits,
      placeholder: this.#placeholder,
    })
  }

  #newSearch(): SecretSearch {
    this.#prepared ??= prepareNeedles(this.#needles)
    return new SecretSearch(this.#prepared, this.#without)
  }

  #ownerOf(credential: string, version: string): number {
    const known = this.#owners.findIndex((owner) => owner.credential === credential && owner.version === version)
    return known === -1 ? this.#owners.push({ credential, version }) - 1 : known
  }

  readonly #placeholder = ({ owners }: Stretch): Uint8Array => {
    const owner = this.#owners[owners[0] ?? 0]
    return encoder.encode(`[withheld: credential ${owner?.credential}]`)
  }

  /** None twice. */
  readonly #withHits = (hits: readonly Hit[], stretches: readonly Stretch[], how: Hit['how']): readonly Hit[] => {
    const owners = new Set(stretches.flatMap((stretch) => stretch.owners))
    const found = [...owners].flatMap((owner) => {
      const known = this.#owners[owner]
      return known === undefined ? [] : [{ ...known, how }]
    })
    const isNew = (hit: Hit): boolean =>
      !hits.some(
        (known) => known.credential === hit.credential && known.version === hit.version && known.how === hit.how,
      )
    return [...hits, ...found.filter(isNew)]
  }
}

interface StreamParts {
  /** Undefined while nothing was added. */
  readonly search: () => SecretSearch | undefined
  /** Changes with each secret that is added. */
  readonly edition: () => number
  readonly hitsWith: (hits: readonly Hit[], stretches: readonly Stretch[], how: Hit['how']) => readonly Hit[]
  readonly placeholder: (stretch: Stretch) => Uint8Array
}

class SecretStream implements ScrubStream {
  hits: readonly Hit[] = NO_HITS
  readonly #parts: StreamParts
  #search: SecretSearch | undefined
  #edition = 0
  #held: Uint8Array = new Uint8Array(0)
  /** The place in the stream of the first byte that is held. */
  #delivered = 0
  #cuts: readonly Stretch[] = []
  #state: 'open' | 'over' | 'withheld' = 'open'

  constructor(parts: StreamParts) {
    this.#parts = parts
  }

  push(piece: Uint8Array): Uint8Array {
    return this.#deliver(piece, false)
  }

  end(): Uint8Array {
    const rest = this.#deliver(new Uint8Array(0), true)
    this.#state = 'over'
    return rest
  }

  #deliver(piece: Uint8Array, isFinal: boolean): Uint8Array {
    if (this.#state === 'withheld') throw new Withheld(this.hits)
    if (this.#state === 'over') throw new Error('A stream that has ended takes no more.')
    // Whatever goes wrong from here on: nothing more is delivered.
    this.#state = 'withheld'
    const search = this.#current()
    if (search === undefined) {
      this.#delivered += piece.length
      this.#state = 'open'
      return piece
    }
    search.read(piece, isFinal)
    this.#held = this.#held.length === 0 ? piece : Buffer.concat([this.#held, piece])
    const cuts = joined([...this.#cuts, ...search.cuts.filter(({ to }) => to > this.#delivered)])
    const coded = search.coded.filter((stretch) => stretch.to > this.#delivered && !isCutOut(stretch, cuts))
    search.cuts = []
    search.coded = []
    const settled = isFinal ? search.position : search.settled
    if (coded.length > 0) {
      this.hits = this.#parts.hitsWith(this.hits, coded, 'withheld')
      throw new Withheld(this.hits)
    }
    const delivered = this.#take(cuts, settled)
    // A secret may overlap itself without end.
    if (this.#held.length > SCRUB_HOLD_BYTES) {
      this.hits = this.#parts.hitsWith(this.hits, this.#cuts, 'withheld')
      throw new Withheld(this.hits)
    }
    this.#state = 'open'
    return delivered
  }

  /** What is settled and no part of a cut that may still grow. */
  #take(cuts: readonly Stretch[], settled: number): Uint8Array {
    const open = cuts.findIndex(({ to }) => to > settled)
    const until = Math.max(this.#delivered, Math.min(settled, cuts[open]?.from ?? settled))
    const done = open === -1 ? cuts : cuts.slice(0, open)
    if (done.length > 0) this.hits = this.#parts.hitsWith(this.hits, done, 'cut')
    const delivered = cutOut(this.#held, this.#delivered, until, done, this.#parts.placeholder)
    // A copy, so that a large piece does not live on for its last bytes.
    this.#held = this.#held.slice(until - this.#delivered)
    this.#delivered = until
    this.#cuts = open === -1 ? [] : cuts.slice(open)
    return delivered
  }

  /** What was held back is looked through again for secrets that were added since. */
  #current(): SecretSearch | undefined {
    if (this.#edition === this.#parts.edition()) return this.#search
    this.#edition = this.#parts.edition()
    this.#search = this.#parts.search()
    this.#search?.reset(this.#delivered)
    this.#search?.read(this.#held, false)
    this.#cuts = []
    return this.#search
  }
}

const encoder = new TextEncoder()

function assertSize(credential: string, value: string): void {
  if (value.length < SECRET_LENGTH_MIN) {
    throw new RunAgentError(
      'E_CREDENTIAL',
      `the credential ${credential} is shorter than ${SECRET_LENGTH_MIN} characters`,
      {
        hint: 'So short a secret cannot be kept out of the trail. A server that wants none needs no credential at all.',
      },
    )
  }
  if (Buffer.byteLength(value) > SECRET_BYTES_MAX) {
    throw new RunAgentError('E_CREDENTIAL', `the credential ${credential} is longer than ${SECRET_BYTES_MAX} bytes`, {
      hint: 'Look whether it names the right file.',
    })
  }
}
