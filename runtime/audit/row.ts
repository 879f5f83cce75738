/** The rows of `event` as the file holds them, and which of them the format allows. */

import type { HashedRow } from './hash.ts'

export interface EventRow extends HashedRow {
  readonly leaf: Uint8Array
}

/** What breaks a trail, and where: the first row that is wrong or missing; undefined where no row is to blame. */
export interface Broken {
  readonly ok: false
  readonly seq: number | undefined
  readonly why: string
}

/** A row as SQLite gives it. `seq` is the row's number in the table, which no file can store as anything else. */
export type StoredRow = { readonly [Column in keyof EventRow]: unknown } & {
  readonly seq: number
  readonly types: string
}

/** What `typeof` of SQLite may answer. The tables are STRICT, but rows can be older than the word in the schema. */
const TYPES: Readonly<Record<keyof EventRow, readonly string[]>> = {
  seq: ['integer'],
  run: ['text'],
  run_seq: ['integer'],
  ts: ['integer'],
  kind: ['text'],
  call: ['text', 'null'],
  ordinal: ['integer', 'null'],
  data: ['text'],
  run_prev: ['blob'],
  leaf: ['blob'],
}

const COLUMNS = Object.entries(TYPES)

/** What is selected of a row; makes a StoredRow. */
export const STORED_ROW = [
  ...COLUMNS.map(([name]) => name),
  `${COLUMNS.map(([name]) => `typeof(${name})`).join(" || ' ' || ")} AS types`,
].join(', ')

const ALLOWED = new RegExp(`^${COLUMNS.map(([, types]) => `(${types.join('|')})`).join(' ')}$`, 'u')

/** Comes before any hash of the row is believed: 1 and '1' hash alike. */
export function rowOf(stored: StoredRow): EventRow | Broken {
  if (ALLOWED.test(stored.types)) return stored as EventRow
  const found = stored.types.split(' ')
  const wrong = COLUMNS.flatMap(([name, types], index) => {
    const type = found[index] ?? 'nothing'
    return types.includes(type) ? [] : [`${name} is stored as ${sql([type])} and not as ${sql(types)}`]
  })
  return { ok: false, seq: stored.seq, why: `in run ${String(stored.run)} its ${wrong.join(', its ')}` }
}

/** Selects nothing for a text whose bytes are not those of the text that was read. */
export const SAME_TEXT =
  'SELECT 1 FROM event WHERE seq = @seq AND run = @run AND kind = @kind AND call IS @call AND data = @data'

/** Bytes that are no UTF-8 are read as U+FFFD, so a row without that character was read as it is stored. */
export function mayBeMisread({ run, kind, call, data }: EventRow): boolean {
  return [run, kind, call ?? '', data].some((text) => text.includes('\ufffd'))
}

function sql(types: readonly string[]): string {
  return types.join(' or ').toUpperCase().replace(' OR ', ' or ')
}
