/**
 * The trail's writer: a worker thread, so that waiting for the disk never holds up the program. It is sent one
 * batch at a time and answers once the batch is durable. After its first failure it writes nothing more, because
 * events that are missing in the middle would be worse than a trail that ends.
 */

import { parentPort, workerData } from 'node:worker_threads'

import type Database from 'better-sqlite3'

import { RunAgentError } from '../errors.ts'
import { Frontier, leafOf, NO_LEAF } from './hash.ts'
import { openWritable, trailError } from './schema.ts'

/** `workerData` of this thread. */
export interface WriterStart {
  readonly path: string
  readonly pagesMax: number | undefined
}

/** An encoded event, named as the columns are; it lacks what only the writer knows. */
export interface WriterEvent {
  readonly run: string
  readonly run_seq: number
  readonly ts: number
  readonly kind: string
  readonly call: string | null
  readonly ordinal: number | null
  readonly data: string
  /** Undefined where there is none. */
  readonly bodies: ReadonlyMap<string, Uint8Array<ArrayBuffer>> | undefined
}

/** An event as it crosses to the thread: without its names, which would cross once for each event. */
export type SentEvent = readonly [
  run: string,
  run_seq: number,
  ts: number,
  kind: string,
  call: string | null,
  ordinal: number | null,
  data: string,
  bodies: WriterEvent['bodies'],
]

export type ToWriter =
  | { readonly kind: 'batch'; readonly events: readonly SentEvent[] }
  | { readonly kind: 'head' }
  | { readonly kind: 'close' }

export type FromWriter =
  | { readonly kind: 'written' }
  | { readonly kind: 'head'; readonly size: number; readonly root: string }
  | { readonly kind: 'failed'; readonly message: string; readonly hint: string | undefined }

interface RunEnd {
  readonly run_seq: number
  readonly ts: number
  readonly leaf: Uint8Array
}

class Writer {
  readonly #database: Database.Database
  readonly #runs = new Map<string, RunEnd>()
  readonly #readTree: Database.Statement<[], { size: number; frontier: Buffer }>
  readonly #writeTree: Database.Statement<[number, Buffer]>
  readonly #readRunEnd: Database.Statement<[string], RunEnd>
  readonly #insertBody: Database.Statement<[Buffer, Uint8Array]>
  readonly #insertEvent: Database.Statement
  readonly #writeAll: Database.Transaction<(events: readonly SentEvent[]) => void>

  constructor(start: WriterStart) {
    const database = openWritable(start.path, start.pagesMax)
    this.#database = database
    this.#readTree = database.prepare('SELECT size, frontier FROM tree')
    this.#writeTree = database.prepare('UPDATE tree SET size = ?, frontier = ?')
    this.#readRunEnd = database.prepare(
      'SELECT run_seq, ts, leaf FROM event WHERE run = ? ORDER BY run_seq DESC LIMIT 1',
    )
    this.#insertBody = database.prepare('INSERT INTO body VALUES (?, ?) ON CONFLICT DO NOTHING')
    this.#insertEvent = database.prepare('INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
    this.#writeAll = database.transaction((events) => {
      const tree = this.#tree()
      for (const event of events) this.#write(event, tree)
      this.#writeTree.run(tree.size, tree.bytes())
    })
  }

  write(events: readonly SentEvent[]): void {
    this.#writeAll.immediate(events)
  }

  head(): { readonly size: number; readonly root: string } {
    const tree = this.#tree()
    return { size: tree.size, root: tree.root() }
  }

  close(): void {
    this.#database.close()
  }

  #tree(): Frontier {
    const row = this.#readTree.get()
    const tree = row && Frontier.from(row.size, row.frontier)
    if (tree === undefined) throw broken('its tree row is missing or damaged')
    return tree
  }

  #write([run, run_seq, ts, kind, call, ordinal, data, bodies]: SentEvent, tree: Frontier): void {
    for (const [hash, bytes] of bodies ?? []) this.#insertBody.run(Buffer.from(hash, 'hex'), bytes)
    const last = this.#runs.get(run) ?? this.#readRunEnd.get(run)
    const due = last === undefined ? 0 : last.run_seq + 1
    if (run_seq !== due) throw broken(`event ${run_seq} of run ${run} came where ${due} was due`)
    if (last !== undefined && ts < last.ts) throw broken(`run ${run} went back in time`)
    const seq = tree.size
    const run_prev = last?.leaf ?? NO_LEAF
    const leaf = leafOf({ seq, run, run_seq, ts, kind, call, ordinal, data, run_prev })
    this.#insertEvent.run(seq, run, run_seq, ts, kind, call, ordinal, data, run_prev, leaf)
    tree.append(leaf)
    if (kind === 'run.end') this.#runs.delete(run)
    else this.#runs.set(run, { run_seq, ts, leaf })
  }
}

function broken(what: string): RunAgentError {
  return new RunAgentError('E_TRAIL', `the trail cannot go on: ${what}`, { hint: 'Run `run-agent audit verify`.' })
}

function serve(start: WriterStart, answer: (message: FromWriter) => void): (message: ToWriter) => void {
  let writer: Writer | undefined
  const fail = (error: unknown): void => {
    writer?.close()
    writer = undefined
    const { message, hint } = trailError(error, start.path)
    answer({ kind: 'failed', message, hint })
  }
  try {
    writer = new Writer(start)
  } catch (error) {
    fail(error)
  }
  return (message) => {
    if (writer === undefined) return
    try {
      if (message.kind === 'batch') {
        writer.write(message.events)
        answer({ kind: 'written' })
      } else if (message.kind === 'head') {
        answer({ kind: 'head', ...writer.head() })
      } else {
        writer.close()
      }
    } catch (error) {
      fail(error)
    }
  }
}

const port = parentPort
if (port === null) throw new Error('the writer runs in a worker thread')
const receive = serve(workerData as WriterStart, (message) => port.postMessage(message))
port.on('message', (message: ToWriter) => {
  receive(message)
  if (message.kind === 'close') port.close()
})
