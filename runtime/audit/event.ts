/**
 * The trail's events. (The header essay on the stored format belongs here: what a row is, how it is hashed, when
 * a trail is whole.)
 */

/** JSON, and bytes. Bytes are stored as bytes, never as text. */
export type Json = null | boolean | number | string | Uint8Array | readonly Json[] | { readonly [key: string]: Json | undefined }

export type EventKind =
  /** Who, which definition, bundles, versions, walls, limits, seed, task. The first event of a run. */
  | 'run.start'
  /** One item of the transcript, `data: { index, item }`; the pool that model requests name ranges of. */
  | 'message'
  /** `data: { turn, messages: [from, to), instructions, tools, settings }`. */
  | 'model.request'
  /** `data: { turn, ok: true, items, usage } | { turn, ok: false, error }`. */
  | 'model.response'
  /** Intent of a tool call, `call` set: `data: { tool, arguments, decision, seed, bundle }`. */
  | 'tool.call'
  /** `call` set: `data: { end: … }`. */
  | 'tool.outcome'
  /** Intent of one host call of a tool; `call` and `ordinal` set: `data: { request, decision }`. */
  | 'host.request'
  /** `call` and `ordinal` set: `data: { outcome, facts, decision? }`; its place in the call is the delivery's place, its `ts` the guest's new clock. */
  | 'host.outcome'
  /** What a tool printed, `call` set: `data: { level, text }`. */
  | 'log'
  /** The last event: `data: { status, output?, error?, events }`. */
  | 'run.end'

export interface NewEvent {
  readonly kind: EventKind
  /** The tool call, unique in its run; `script` for the script that plays the model. */
  readonly call?: string
  /** Counts the host calls of one tool call from 0. */
  readonly ordinal?: number
  readonly data: { readonly [key: string]: Json | undefined }
}

export interface StoredEvent extends NewEvent {
  readonly run: string
  /** Index in the whole trail, from 0, dense. */
  readonly seq: number
  /** Index in its run, from 0, dense. */
  readonly runSeq: number
  /** Milliseconds since the Unix epoch; never decreases within a run. */
  readonly ts: number
}

/**
 * Writes the events of one run, in the order of the calls. Both methods answer with the event's `ts`.
 * A failure to write (disk full) is kept: every later `commit` and `barrier` rejects with E_TRAIL, so that no new
 * side effect happens unrecorded.
 */
export interface RunRecorder {
  readonly run: string
  /** Rides the next commit. */
  append(event: NewEvent): number
  /** Resolves once this event, and so every earlier one, is durable. */
  commit(event: NewEvent): Promise<number>
  /** Resolves once everything appended so far is durable. */
  barrier(): Promise<void>
}
