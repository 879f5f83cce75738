/**
 * Checks the conditions (2) to (7), (9) to (11) and (13) of the header of event.ts; row.ts checks (1), schema.ts (8)
 * and (12). Nothing that the file says of itself is believed.
 */

import { hash } from 'node:crypto'

import { messageOf } from '../errors.ts'
import { type BodyReference, bodyReferences, decodeData } from './encode.ts'
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

const NULL_BODY = new TextEncoder().encode('null')

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
    this.#events += 1
    this.#leaf = row.leaf
    this.#ts = row.ts
    this.#ended = row.kind === 'run.end'
    try {
      return this.#bodies.check(row.data) ?? (this.#ended ? this.#checkEnd(row) : undefined)
    } catch (error) {
      return messageOf(error)
    }
  }

  #checkEnd(row: EventRow): string | undefined {
    // The other values are of no interest here, so each body stands as null, which every form can be read from.
    const { events } = decodeData(row.data, () => NULL_BODY)
    return events === this.#events
      ? undefined
      : `the end of run ${row.run} counts ${String(events)} events, not ${this.#events}`
  }
}

/** Checks each body once, however many events name it. */
class BodyCheck {
  readonly #readBody: ReadBody
  readonly #whole = new Set<string>()

  constructor(readBody: ReadBody) {
    this.#readBody = readBody
  }

  check(text: string): string | undefined {
    for (const reference of bodyReferences(text)) {
      const why = this.#checkBody(reference)
      if (why !== undefined) return why
    }
    return undefined
  }

  #checkBody({ hash: name, as }: BodyReference): string | undefined {
    const key = `${as === 'json' ? 'json' : 'plain'} ${name}`
    if (this.#whole.has(key)) return undefined
    const bytes = this.#readBody(name)
    if (bytes === undefined) return `body ${name} is missing`
    if (hash('sha256', bytes, 'hex') !== name) return `body ${name} was changed`
    const why = as === 'json' ? this.check(Buffer.from(bytes).toString()) : undefined
    if (why === undefined) this.#whole.add(key)
    return why
  }
}
