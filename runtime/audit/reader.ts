/** The trail as its reading side sees it. Reading needs no writer and may go on beside one. */

import { hash } from 'node:crypto'
import { isUint8Array } from 'node:util/types'

import type Database from 'better-sqlite3'

import { RunAgentError } from '../errors.ts'
import { decodeData } from './encode.ts'
import type { EventKind, Json, StoredEvent } from './event.ts'
import { fieldsOf, textOf } from './fields.ts'
import { type Broken, type EventRow, mayBeMisread, rowOf, SAME_TEXT, STORED_ROW, type StoredRow } from './row.ts'
import { damageOf, openReadable, trailError } from './schema.ts'
import type { Head } from './trail.ts'
import { type RunVerdict, type TrailVerdict, verifyRunRows, verifyTrailRows } from './verify.ts'

export interface ReaderOptions {
  /** Whether the process that recorded itself in `process` of its run.start still lives on this machine. */
  isAlive(pid: number, startTime: string): boolean
}

export interface RunSummary {
  readonly id: string
  readonly agent: string | undefined
  readonly user: string | undefined
  /** The model, script or recording that chose the tool calls. */
  readonly playedBy: string | undefined
  /** That of run.end; `running` if there is none and the process lives, `crashed` if it does not. */
  readonly status: string
  readonly startedMs: number
  /** Undefined for a run that has not ended. */
  readonly endedMs: number | undefined
  readonly events: number
  readonly calls: number
  readonly denied: number
}

/** A run that cannot be read. */
export interface DamagedRun {
  readonly id: string
  readonly status: 'damaged'
  readonly why: string
}

interface RunCounts {
  readonly events: number
  readonly calls: number | null
  readonly denied: number | null
}

/** Events that are in memory at a time. */
const PAGE_EVENTS = 256

/** A prefix of more runs than this is answered with the newest of them. */
const CANDIDATES_MAX = 5

// A decision is small, so it always stands in the row itself. The guard keeps a damaged row from hiding the others.
// A tool that may be called no more often is the one refusal that is policy's.
const COUNTS = `
  SELECT count(*) AS events, sum(kind = 'tool.call') AS calls,
    sum(kind IN ('tool.call', 'host.request', 'host.outcome') AND
      CASE WHEN json_valid(data)
        THEN json_extract(data, '$.decision.kind') IS 'deny'
        ELSE 0 END) AS denied
  FROM event WHERE run = ?`

export class TrailReader {
  readonly #path: string
  readonly #options: ReaderOptions
  readonly #database: Database.Database
  readonly #readBody: Database.Statement<[Buffer]>
  readonly #sameText: Database.Statement<[EventRow]>

  private constructor(path: string, options: ReaderOptions) {
    this.#path = path
    this.#options = options
    this.#database = openReadable(path)
    this.#readBody = this.#database.prepare<[Buffer]>('SELECT bytes FROM body WHERE hash = ?').pluck()
    this.#sameText = this.#database.prepare(SAME_TEXT)
  }

  /** Throws E_TRAIL for a file that is missing or empty, and for one that holds anything but a trail. */
  static open(path: string, options: ReaderOptions): TrailReader {
    return new TrailReader(path, options)
  }

  /** The newest runs, newest first; a damaged one takes no other with it. */
  runs({ limit }: { readonly limit: number }): readonly (RunSummary | DamagedRun)[] {
    const started = this.#guard(() =>
      this.#database
        .prepare<[number], Pick<StoredRow, 'seq' | 'run'>>(
          'SELECT seq, run FROM event WHERE run_seq = 0 ORDER BY seq DESC LIMIT ?',
        )
        .all(limit),
    )
    return started.map(({ seq, run }) => {
      try {
        return this.#summary(seq)
      } catch (error) {
        return { id: String(run), status: 'damaged', why: trailError(error, this.#path).message }
      }
    })
  }

  /**
   * The run with this id or unique beginning of an id, in either case, or the newest for `last`; throws E_USAGE
   * where there is none, or more than one.
   */
  findRun(text: string): string {
    const candidates = this.#guard(() =>
      text === 'last'
        ? this.#startedRuns(`SELECT run FROM event WHERE run_seq = 0 ORDER BY seq DESC LIMIT 1`)
        : this.#startedRuns(
            `SELECT run FROM event WHERE run_seq = 0 AND upper(substr(run, 1, length(@text))) = upper(@text)
             ORDER BY length(run) = length(@text) DESC, seq DESC LIMIT ${CANDIDATES_MAX + 1}`,
            { text },
          ),
    )
    const [found] = candidates
    if (found === undefined) {
      throw new RunAgentError(
        'E_USAGE',
        text === 'last' ? 'the trail holds no run yet' : `no run starts with ${text}`,
        {
          hint: '`run-agent audit list` shows the runs.',
        },
      )
    }
    if (candidates.length === 1 || found.length === text.length) return found
    const more = candidates.length > CANDIDATES_MAX ? ', …' : ''
    throw new RunAgentError('E_USAGE', `more than one run starts with ${text}`, {
      hint: `Candidates: ${candidates.slice(0, CANDIDATES_MAX).join(', ')}${more}`,
    })
  }

  /** The events of a run in order, read in pages; none for an unknown run. A damaged row or body throws E_TRAIL. */
  *events(run: string): Iterable<StoredEvent> {
    for (const row of this.#rows(run)) yield this.#event(readable(row))
  }

  /** Throws E_TRAIL for an unknown run. */
  verifyRun(run: string): RunVerdict {
    const verdict = this.#guard(() => verifyRunRows(this.#rows(run), (name) => this.#body(name)))
    if (verdict.ok && verdict.events === 0) throw new RunAgentError('E_TRAIL', `the trail holds no run ${run}`)
    return verdict
  }

  /** Throws E_TRAIL where SQLite finds the file damaged: an index that leaves out rows makes a run look shorter. */
  assertUndamaged(): void {
    const damage = this.#guard(() => damageOf(this.#database))
    if (damage !== undefined) throw broken(damage)
  }

  /** `kept`: a head that was kept elsewhere, which the trail must continue. */
  verifyAll(kept?: Head): TrailVerdict {
    // One transaction, so that rows and tree are of the same moment.
    return this.#guard(() => this.#database.transaction(() => this.#verifyAll(kept))())
  }

  /** Every event of the trail from an index on, of whichever run; none where the trail is shorter. */
  *eventsFrom(seq: number): Iterable<StoredEvent> {
    const page = this.#database.prepare<[number], StoredRow>(
      `SELECT ${STORED_ROW} FROM event WHERE seq >= ? ORDER BY seq LIMIT ${PAGE_EVENTS}`,
    )
    for (let from = seq; ;) {
      const rows = this.#guard(() => page.all(from))
      for (const row of rows) yield this.#event(readable(this.#checked(row)))
      const last = rows.at(-1)
      if (last === undefined || rows.length < PAGE_EVENTS) return
      from = last.seq + 1
    }
  }

  [Symbol.dispose](): void {
    this.close()
  }

  close(): void {
    this.#database.close()
  }

  #verifyAll(kept: Head | undefined): TrailVerdict {
    const tree = this.#database
      .prepare<[], { size: number; frontier: Buffer }>(
        "SELECT size, frontier FROM tree WHERE typeof(size) = 'integer' AND typeof(frontier) = 'blob'",
      )
      .get()
    const verdict = verifyTrailRows(this.#allRows(), (name) => this.#body(name), tree, kept)
    // Last, because the rows themselves say better what is wrong with them.
    const damage = verdict.ok ? damageOf(this.#database) : undefined
    return damage === undefined ? verdict : { ok: false, seq: undefined, why: damage }
  }

  #startedRuns(sql: string, parameters: { readonly text?: string } = {}): readonly string[] {
    const runs = this.#database.prepare<[object]>(sql).pluck().all(parameters)
    return runs.map((run) => {
      if (typeof run === 'string') return run
      throw broken(`the id of run ${String(run)} is not stored as TEXT`)
    })
  }

  *#allRows(): Iterable<EventRow | Broken> {
    const rows = this.#database.prepare<[], StoredRow>(`SELECT ${STORED_ROW} FROM event ORDER BY seq`).iterate()
    for (const row of rows) yield this.#checked(row)
  }

  *#rows(run: string): Iterable<EventRow | Broken> {
    const page = this.#database.prepare<[string, number], StoredRow>(
      `SELECT ${STORED_ROW} FROM event WHERE run = ? AND run_seq >= ? ORDER BY run_seq LIMIT ${PAGE_EVENTS}`,
    )
    for (let from = 0; ;) {
      const rows = this.#guard(() => page.all(run, from))
      for (const row of rows) yield this.#checked(row)
      const last = rows.at(-1)
      if (last === undefined || rows.length < PAGE_EVENTS) return
      from = Number(last.run_seq) + 1
    }
  }

  /** The one row that a condition names, if there is one. */
  #row(condition: string, value: number | string): EventRow | undefined {
    const stored = this.#database
      .prepare<[number | string], StoredRow>(`SELECT ${STORED_ROW} FROM event WHERE ${condition}`)
      .get(value)
    return stored && readable(this.#checked(stored))
  }

  #checked(stored: StoredRow): EventRow | Broken {
    const row = rowOf(stored)
    if ('ok' in row || !mayBeMisread(row) || this.#hasText(row)) return row
    return { ok: false, seq: row.seq, why: 'the event was changed: its text is no UTF-8' }
  }

  /** Whether the texts of a row stand in the file in just these bytes. */
  #hasText(row: EventRow): boolean {
    return this.#guard(() => this.#sameText.get(row)) !== undefined
  }

  #event(row: EventRow): StoredEvent {
    const data = decodeData(row.data, (name) => this.#wholeBody(name))
    return {
      run: row.run,
      seq: row.seq,
      runSeq: row.run_seq,
      ts: row.ts,
      // The format's version vouches for the kind.
      kind: row.kind as EventKind,
      ...(row.call !== null && { call: row.call }),
      ...(row.ordinal !== null && { ordinal: row.ordinal }),
      data: row.kind === 'run.end' ? withoutCount(data) : data,
    }
  }

  #summary(seq: number): RunSummary {
    const start = this.#row('seq = ?', seq)
    if (start === undefined) throw broken(`event ${seq} is missing`)
    const { data } = this.#event(start)
    const counts = this.#database.prepare<[string], RunCounts>(COUNTS).get(start.run)
    const last = this.#row('run = ? ORDER BY run_seq DESC LIMIT 1', start.run)
    const end = last?.kind === 'run.end' ? this.#event(last) : undefined
    return {
      id: start.run,
      agent: textOf(data['agent']),
      user: textOf(data['user']),
      playedBy: textOf(data['playedBy']),
      status: end === undefined ? this.#openStatus(data['process']) : (textOf(end.data['status']) ?? 'ended'),
      startedMs: start.ts,
      endedMs: end?.ts,
      events: counts?.events ?? 0,
      calls: counts?.calls ?? 0,
      denied: counts?.denied ?? 0,
    }
  }

  #openStatus(process: Json | undefined): 'running' | 'crashed' {
    const { pid, startTime } = fieldsOf(process)
    if (typeof pid !== 'number' || typeof startTime !== 'string') return 'crashed'
    return this.#options.isAlive(pid, startTime) ? 'running' : 'crashed'
  }

  #body(name: string): Uint8Array | undefined {
    const bytes = this.#guard(() => this.#readBody.get(Buffer.from(name, 'hex')))
    if (bytes === undefined || isUint8Array(bytes)) return bytes
    throw broken(`body ${name} is not stored as BLOB`)
  }

  #wholeBody(name: string): Uint8Array {
    const bytes = this.#body(name)
    if (bytes !== undefined && hash('sha256', bytes, 'hex') === name) return bytes
    throw broken(`body ${name} ${bytes ? 'was changed' : 'is missing'}`)
  }

  #guard<T>(read: () => T): T {
    try {
      return read()
    } catch (error) {
      throw trailError(error, this.#path)
    }
  }
}

/** What the recorder was given, without the count that it added. */
function withoutCount({ events: _count, ...data }: StoredEvent['data']): StoredEvent['data'] {
  return data
}

function readable(row: EventRow | Broken): EventRow {
  if ('ok' in row) throw broken(`event ${row.seq}: ${row.why}`)
  return row
}

function broken(what: string): RunAgentError {
  return new RunAgentError('E_TRAIL', `the trail is broken: ${what}`, { hint: 'Run `run-agent audit verify`.' })
}
