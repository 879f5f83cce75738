/**
 * Checks the conditions (2) to (10), (12) to (14) and (16) of the header of event.ts; row.ts checks (1), schema.ts (11)
 * and (15). Nothing that the file says of itself is believed.
 */

import { hash } from 'node:crypto'

import { messageOf } from '../errors.ts'
import { type BodyReference, checkBody, checkData } from './encode.ts'
import { misplaced } from './event-place.ts'
import { Frontier, leafOf, NO_LEAF } from './hash.ts'
import type { Broken, EventRow } from './row.ts'

export type RunVerdict = { readonly ok: true; readonly events: number; readonly ended: boolean } | Broken

export type TrailVerdict =
  | {
      readonly ok: true
      readonly size: number
      /** Hex. */
      readonly root: string
      readonly runs: number
      /** Whether the trail continues a head kept elsewhere; if none was given, it agrees with itself only. */
      readonly anchored: boolean
    }
  | Broken

/** Undefined for a body that is missing. */
export type ReadBody = (hash: string) => Uint8Array | undefined

interface Tree {
  readonly size: number
  readonly frontier: Uint8Array
}

interface KeptHead {
  readonly size: number
  readonly root: string
}

const RUN_ID = /^[\w-]{1,64}$/

/** The last moment that a Date can name. */
const TS_MAX = 8.64e15

export function verifyRunRows(rows: Iterable<EventRow | Broken>, readBody: ReadBody): RunVerdict {
  const check = new RunCheck(new BodyCheck(readBody))
  for (const row of rows) {
    if ('ok' in row) return row
    const why = check.next(row)
    if (why !== undefined) return { ok: false, seq: row.seq, why }
  }
  return { ok: true, events: check.events, ended: check.ended }
}

/** `rows` in the order of `seq`. */
export function verifyTrailRows(
  rows: Iterable<EventRow | Broken>,
  readBody: ReadBody,
  tree: Tree | undefined,
  kept: KeptHead | undefined,
): TrailVerdict {
  const bodies = new BodyCheck(readBody)
  const runs = new Map<string, RunCheck>()
  const grown = Frontier.empty()
  const differs = (): Broken | undefined => {
    if (kept === undefined || grown.size !== kept.size || grown.root() === kept.root.toLowerCase()) return undefined
    return { ok: false, seq: kept.size, why: `the first ${kept.size} events are not those of the kept head` }
  }
  let problem = differs()
  if (problem !== undefined) return problem
  for (const row of rows) {
    if (row.seq !== grown.size) return { ok: false, seq: grown.size, why: `event ${grown.size} is missing` }
    if ('ok' in row) return row
    let run = runs.get(row.run)
    if (run === undefined) runs.set(row.run, (run = new RunCheck(bodies)))
    const why = run.next(row)
    if (why !== undefined) return { ok: false, seq: row.seq, why }
    grown.append(row.leaf)
    problem = differs()
    if (problem !== undefined) return problem
  }
  const { size } = grown
  if (tree === undefined) return { ok: false, seq: size, why: 'the tree row is missing or of other types' }
  if (tree.size > size)
    return { ok: false, seq: size, why: `the trail ends at ${size} events and once had ${tree.size}` }
  if (tree.size !== size || !grown.bytes().equals(tree.frontier)) {
    return { ok: false, seq: size, why: 'the tree row is not that of these events' }
  }
  if (kept !== undefined && kept.size > size) {
    return { ok: false, seq: size, why: `the trail ends at ${size} events and the kept head has ${kept.size}` }
  }
  return { ok: true, size, root: grown.root(), runs: runs.size, anchored: kept !== undefined }
}

class RunCheck {
  readonly #bodies: BodyCheck
  #events = 0
  #ended = false
  #leaf: Uint8Array = NO_LEAF
  #ts = 0

  constructor(bodies: BodyCheck) {
    this.#bodies = bodies
  }

  get events(): number {
    return this.#events
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Why the row breaks the run; undefined if it does not. */
  next(row: EventRow): string | undefined {
    if (row.run_seq !== this.#events) return `event ${this.#events} of run ${row.run} is missing`
    if (!leafOf(row).equals(row.leaf)) return 'the event was changed: its hash is not that of its content'
    if (Buffer.compare(row.run_prev, this.#leaf) !== 0) return `the chain of run ${row.run} does not lead to this event`
    if (row.ts < this.#ts) return 'the event is older than the one before it'
    if (row.ts > TS_MAX) return 'the time of the event is none'
    if (!RUN_ID.test(row.run)) return `${row.run} is no id of a run`
    if (this.#ended) return `run ${row.run} has ended before this event`
    this.#events += 1
    this.#leaf = row.leaf
    this.#ts = row.ts
    this.#ended = row.kind === 'run.end'
    return misplaced(row) ?? this.#checkContent(row)
  }

  #checkContent(row: EventRow): string | undefined {
    try {
      const { data, references } = checkData(row.data)
      const why = this.#bodies.check(references)
      if (why !== undefined || !this.#ended || data['events'] === this.#events) return why
      return `the end of run ${row.run} counts ${String(data['events'])} events, not ${this.#events}`
    } catch (error) {
      return messageOf(error)
    }
  }
}

/** Checks each body once, however many events name it; again only where it lies deeper, for the limit of nesting. */
class BodyCheck {
  readonly #readBody: ReadBody
  readonly #whole = new Map<string, number>()

  constructor(readBody: ReadBody) {
    this.#readBody = readBody
  }

  check(references: readonly BodyReference[]): string | undefined {
    for (const reference of references) {
      const why = this.#checkBody(reference)
      if (why !== undefined) return why
    }
    return undefined
  }

  #checkBody(reference: BodyReference): string | undefined {
    const { hash: name, as, depth } = reference
    const key = `${as} ${name}`
    if (depth <= (this.#whole.get(key) ?? -1)) return undefined
    const bytes = this.#readBody(name)
    if (bytes === undefined) return `body ${name} is missing`
    if (hash('sha256', bytes, 'hex') !== name) return `body ${name} was changed`
    const why = this.check(checkBody(reference, bytes))
    if (why === undefined) this.#whole.set(key, depth)
    return why
  }
}
