/**
 * The trail: one SQLite file that holds every event of every run, only ever appended to.
 *
 * WHAT A ROW IS
 *
 * One row of `event` is one thing that happened: an intent (`tool.call`, `host.request`, `model.request`) or what
 * came of it (`tool.outcome`, `host.outcome`, `model.response`). The two are never one row, because a hashed row
 * cannot be completed later. An intent without an outcome is a call in doubt: it may or may not have happened.
 *
 *   seq       index in the whole trail, from 0
 *   run       the run's id
 *   run_seq   index in the run, from 0
 *   ts        milliseconds since the Unix epoch
 *   kind      one of EventKind
 *   call      the tool call, or null
 *   ordinal   which host call of the tool call, or null
 *   data      the event's data, encoded as below
 *   run_prev  `leaf` of the run's event before this one; 32 zero bytes for its first
 *   leaf      the hash of all of the above
 *
 * Several processes may write to one file. Each transaction takes the write lock first, continues `seq` where the
 * last one ended, and holds the events of one process in the order in which it recorded them. So when an event is
 * durable, every event that the same process recorded before it is durable as well.
 *
 * HOW DATA IS ENCODED
 *
 * As JSON without white space, keys sorted by UTF-16 code units and undefined left out, so that equal data has
 * equal text. What JSON cannot say, or should not repeat, stands as an object with one key that starts with `$`:
 *
 *   {"$bytes":"<base64>"}                bytes
 *   {"$number":"NaN"}                    also Infinity, -Infinity, -0
 *   {"$body":"<hash>","as":"<form>"}     a value kept in `body`, named by the SHA-256 of its bytes in hex
 *
 * Forms of a body: `bytes`; `text`, UTF-8; `utf16`, little endian, for a string with a lone surrogate; `json`, a
 * large array or object, encoded by these same rules. Equal bytes are stored once, whatever their form. A key of
 * the data that itself starts with `$` gets one more `$`, so nothing that a tool returns is mistaken for these.
 *
 * HOW A ROW IS HASHED
 *
 *   leaf = SHA-256(0x00 || f(seq) || f(run) || f(run_seq) || f(ts) || f(kind) || f(call) || f(ordinal) || f(data)
 *                  || f(run_prev))
 *
 * where f is the length of the field in bytes as 32 bits, big endian, then the field: numbers in decimal, text in
 * UTF-8. Null is the length 0xffffffff alone. 1 and '1' hash alike, so the types are a condition of their own, (1).
 * Since this is the leaf hash of RFC 6962 over the joined fields, the leaves are those of a Merkle tree as RFC 6962
 * defines it (node = SHA-256(0x01 || left || right)). Its root and the number of its leaves are the trail's *head*.
 * The row of `tree` keeps the size and the roots of the perfect subtrees, largest first; it is a projection that
 * saves the writer from reading every leaf, and proves nothing.
 *
 * WHEN A TRAIL IS WHOLE
 *
 * A run is whole if and only if
 *   (1) each field of its rows has the type that its column declares, and text is UTF-8,
 *   (2) its id is 1 to 64 letters, digits, `-` and `_`,
 *   (3) its rows have the run_seq 0, 1, 2 … without a gap,
 *   (4) each `run_prev` is the `leaf` of the row before, the first one's 32 zero bytes,
 *   (5) each `leaf` is the hash of its row,
 *   (6) `ts` is from 0 to 8.64e15, and never decreases from one row to the next,
 *   (7) each `kind` is an EventKind, and its row names a call and an ordinal, a whole number from 0, exactly where
 *       events of this kind do (event-place.ts),
 *   (8) each `data` is the one text that the rules above make of its value,
 *   (9) each body that its data names, directly or through a `json` body, exists, has the hash that names it, and is
 *       what those rules make of its value,
 *   (10) nothing follows a `run.end`, and its `events` is the number of rows of the run with that row; the recorder
 *       adds this field to the data that it is given, and the reader takes it out again.
 * A trail is whole if and only if
 *   (11) its file holds the tables, indexes and triggers of schema.ts, word for word, and nothing else,
 *   (12) its rows have the seq 0, 1, 2 … without a gap,
 *   (13) all of its runs are whole,
 *   (14) the row of `tree` has the size and the subtree roots that follow from the leaves, and
 *   (15) SQLite finds no damage in the file: the indexes, by which runs are found, name each row.
 * Whoever opens the file checks (11), which is cheap; without it a view could answer for a table. A row is read only
 * with (1). The rest is checked for one run before it is replayed, and for the whole trail by `audit verify`.
 *
 * A trail that is whole may still be shorter than it was, or rewritten from some row on, by somebody who can write
 * to the file and computes all hashes anew. Only a head that was kept elsewhere shows that: (16) a trail continues
 * a kept head if and only if it has at least as many rows, and its first rows have that root.
 *
 * A run whose last row is no `run.end` has not ended: it is going on, or its process died. A resumed run goes on
 * after its last row.
 */

/** JSON, and bytes. Bytes are stored as bytes, never as text. */
export type Json =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly Json[]
  | { readonly [key: string]: Json | undefined }

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
  /**
   * `call` and `ordinal` set: `data: { outcome, facts, decision? }`; its place in the call is the delivery's place,
   * its `ts` the guest's new clock.
   */
  | 'host.outcome'
  /** What a tool printed, `call` set: `data: { level, text }`. */
  | 'log'
  /** The last event: `data: { status, output?, error? }`. */
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
