/**
 * The trail as its writing side sees it: recorders hand in events, one queue sends them to the writer.
 *
 * Group commit: one batch is on its way at a time and takes all that was queued, so many runs that wait share one
 * sync. Events that nobody waits for ride along with the next one that somebody does, or go after TRAIL_LAZY_MS.
 * The queue is strictly first in, first out: when an event is durable, all that were recorded before it are.
 */

import { Worker } from 'node:worker_threads'

import { messageOf, RunAgentError } from '../errors.ts'
import { TRAIL_LAZY_BYTES_MAX, TRAIL_LAZY_MS, TRAIL_NAME_BYTES_MAX } from '../limits.ts'
import type { Clock } from '../ports.ts'
import { encodeData } from './encode.ts'
import type { NewEvent, RunRecorder } from './event.ts'
import type { FromWriter, SentEvent, ToWriter, WriterEvent, WriterStart } from './writer.ts'

/** The trail's length and Merkle root; kept elsewhere, it shows whether the trail was cut or rewritten. */
export interface Head {
  readonly size: number
  /** Hex. */
  readonly root: string
}

/** Where a resumed run goes on: how many events it has, and the `ts` of the last one. */
export interface RunPlace {
  readonly events: number
  readonly ts: number
}

export interface TrailOptions {
  readonly clock: Clock
  /** Makes an empty private file where there is none, and throws where the file is not ours. */
  prepareFile(path: string): void
  /** The file's largest size in pages of 4 KiB; a full disk in miniature. */
  readonly pagesMax?: number
}

const NEW_RUN: RunPlace = { events: 0, ts: 0 }

export class SqliteTrail {
  readonly #clock: Clock
  readonly #queue: CommitQueue
  #closing: Promise<void> | undefined

  private constructor(path: string, options: TrailOptions) {
    this.#clock = options.clock
    this.#queue = new CommitQueue(options.clock, { path, pagesMax: options.pagesMax })
  }

  /** Throws what `prepareFile` throws; whether SQLite can use the file shows at the first commit. */
  static open(path: string, options: TrailOptions): SqliteTrail {
    options.prepareFile(path)
    return new SqliteTrail(path, options)
  }

  /** One recorder per run: a run that is recorded twice at once makes the trail fail. */
  beginRun(run: string, place: RunPlace = NEW_RUN): RunRecorder {
    assertName('the id of a run', run)
    return new QueueRecorder(run, place, this.#clock, this.#queue)
  }

  /** Of everything appended so far, and of what other processes have written. */
  head(): Promise<Head> {
    return this.#queue.head()
  }

  /** Resolves once everything appended is durable; rejects with E_TRAIL if it cannot be. */
  close(): Promise<void> {
    this.#closing ??= this.#queue.close()
    return this.#closing
  }
}

class QueueRecorder implements RunRecorder {
  readonly run: string
  readonly #clock: Clock
  readonly #queue: CommitQueue
  #events: number
  #ts: number

  constructor(run: string, place: RunPlace, clock: Clock, queue: CommitQueue) {
    this.run = run
    this.#clock = clock
    this.#queue = queue
    this.#events = place.events
    this.#ts = place.ts
  }

  append(event: NewEvent): number {
    if (event.call !== undefined) assertName('the name of a call', event.call)
    const events = this.#events + 1
    const { text, bodies } = encodeData(event.kind === 'run.end' ? { ...event.data, events } : event.data)
    this.#queue.push({
      run: this.run,
      run_seq: this.#events,
      ts: this.#tick(),
      kind: event.kind,
      call: event.call ?? null,
      ordinal: event.ordinal ?? null,
      data: text,
      bodies: bodies.size === 0 ? undefined : bodies,
    })
    this.#events = events
    return this.#ts
  }

  async commit(event: NewEvent): Promise<number> {
    const ts = this.append(event)
    await this.#queue.barrier()
    return ts
  }

  barrier(): Promise<void> {
    return this.#queue.barrier()
  }

  #tick(): number {
    this.#ts = Math.max(this.#ts, Math.trunc(this.#clock.now()))
    return this.#ts
  }
}

interface Waiter<T> {
  resolve(value: T): void
  reject(error: RunAgentError): void
}

class CommitQueue {
  readonly #clock: Clock
  readonly #worker: Worker
  /** Queued events and their size; those on their way are not among them. */
  #queued: WriterEvent[] = []
  #queuedBytes = 0
  #pushed = 0
  #durable = 0
  /** Events on their way to the writer; 0 while it is idle. */
  #sent = 0
  #flushDue = false
  #cancelTimer: (() => void) | undefined
  #failure: RunAgentError | undefined
  #closed = false
  readonly #barriers: (Waiter<void> & { readonly upTo: number })[] = []
  readonly #heads: Waiter<Head>[] = []

  constructor(clock: Clock, start: WriterStart) {
    this.#clock = clock
    // The thread runs the same kind of file as this one: TypeScript in a checkout, JavaScript in the package.
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const url = new URL(`./writer.${extension}`, import.meta.url)
    this.#worker = new Worker(url, { name: 'trail', workerData: start, env: {}, execArgv: [] })
    this.#worker.on('message', (message: FromWriter) => this.#receive(message))
    this.#worker.on('error', (error) => this.#fail(writerDied(error)))
    this.#worker.on('exit', () => this.#fail(this.#closed ? trailClosed() : writerDied(undefined)))
    this.#worker.unref()
  }

  push(event: WriterEvent): void {
    if (this.#closed) throw trailClosed()
    if (this.#failure !== undefined) return
    this.#pushed += 1
    this.#queued.push(event)
    this.#queuedBytes += event.data.length
    for (const bytes of event.bodies?.values() ?? []) this.#queuedBytes += bytes.length
    this.#consider()
  }

  barrier(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (this.#durable === this.#pushed) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#barriers.push({ upTo: this.#pushed, resolve, reject })
      this.#consider()
    })
  }

  async head(): Promise<Head> {
    await this.barrier()
    if (this.#failure !== undefined) throw this.#failure
    return new Promise((resolve, reject) => {
      this.#heads.push({ resolve, reject })
      this.#send({ kind: 'head' })
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    try {
      await this.barrier()
      const exited = new Promise<void>((resolve) => this.#worker.once('exit', () => resolve()))
      this.#send({ kind: 'close' })
      await exited
    } finally {
      await this.#worker.terminate()
    }
  }

  /** Something was queued, or the writer became idle: sends the queue now, soon, or when the writer answers. */
  #consider(): void {
    if (this.#sent > 0 || this.#flushDue || this.#queued.length === 0) return
    if (this.#barriers.length > 0 || this.#queuedBytes >= TRAIL_LAZY_BYTES_MAX) {
      // Not at once, so that all that is committed in this turn of the event loop shares one sync.
      this.#flushDue = true
      queueMicrotask(() => this.#flush())
    } else {
      this.#cancelTimer ??= this.#clock.after(TRAIL_LAZY_MS, () => this.#flush())
    }
  }

  #flush(): void {
    this.#flushDue = false
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    if (this.#failure !== undefined || this.#sent > 0 || this.#queued.length === 0) return
    const events = this.#queued
    this.#queued = []
    this.#queuedBytes = 0
    this.#sent = events.length
    this.#send({ kind: 'batch', events: events.map(sent) }, events)
  }

  #send(message: ToWriter, events: readonly WriterEvent[] = []): void {
    this.#worker.ref()
    this.#worker.postMessage(
      message,
      events.flatMap(({ bodies }) => [...(bodies?.values() ?? [])].map((bytes) => bytes.buffer)),
    )
  }

  #receive(message: FromWriter): void {
    if (message.kind === 'failed') {
      const options = message.hint === undefined ? {} : { hint: message.hint }
      this.#fail(new RunAgentError('E_TRAIL', message.message, options))
      return
    }
    if (message.kind === 'head') {
      this.#heads.shift()?.resolve({ size: message.size, root: message.root })
    } else {
      this.#durable += this.#sent
      this.#sent = 0
      while (this.#barriers[0] !== undefined && this.#barriers[0].upTo <= this.#durable)
        this.#barriers.shift()?.resolve()
      this.#consider()
    }
    // An idle writer does not keep the program alive; the events on their way do.
    if (this.#sent === 0 && !this.#flushDue && this.#heads.length === 0) this.#worker.unref()
  }

  #fail(failure: RunAgentError): void {
    if (this.#failure !== undefined) return
    this.#failure = failure
    this.#cancelTimer?.()
    this.#queued = []
    for (const waiter of [...this.#barriers.splice(0), ...this.#heads.splice(0)]) waiter.reject(failure)
    this.#worker.unref()
  }
}

function sent({ run, run_seq, ts, kind, call, ordinal, data, bodies }: WriterEvent): SentEvent {
  return [run, run_seq, ts, kind, call, ordinal, data, bodies]
}

function assertName(what: string, name: string): void {
  if (Buffer.byteLength(name) <= TRAIL_NAME_BYTES_MAX && name.isWellFormed()) return
  throw new RunAgentError('E_TRAIL', `${what} is longer than ${TRAIL_NAME_BYTES_MAX} bytes or no well-formed Unicode`)
}

function writerDied(cause: unknown): RunAgentError {
  const why = cause === undefined ? '' : `: ${messageOf(cause)}`
  return new RunAgentError('E_TRAIL', `the trail's writer ended${why}`, { cause })
}

function trailClosed(): RunAgentError {
  return new RunAgentError('E_TRAIL', 'the trail is closed')
}
