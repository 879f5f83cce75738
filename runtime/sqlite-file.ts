/** What the trail and the store of secrets ask alike of SQLite; which file is refused with which words is theirs. */

import Database from 'better-sqlite3'

import { codeOf } from './errors.ts'

/** Switching to the write-ahead log does not wait for other processes by itself. */
const JOURNAL_RETRY_MS = 20

/** What `PRAGMA synchronous` answers for FULL. */
export const SYNCHRONOUS_FULL = 2

/** The file may come from somebody else: nothing in its schema is trusted to do more than store. */
export function hardenReading(database: Database.Database): void {
  database.pragma('trusted_schema = OFF')
  database.pragma('cell_size_check = ON')
  database.pragma('foreign_keys = ON')
}

/** Each commit is on the disk before it is answered for. */
export function syncCommits(database: Database.Database): void {
  database.pragma('synchronous = FULL')
  // On macOS a plain fsync leaves the data in the drive's own cache.
  database.pragma('fullfsync = ON')
}

/** Waits up to `busyMs` for other processes. False: the file system does not support a write-ahead log. */
export function switchToWal(database: Database.Database, busyMs: number): boolean {
  const sleep = new Int32Array(new SharedArrayBuffer(4))
  for (let waited = 0; ; waited += JOURNAL_RETRY_MS) {
    try {
      return database.pragma('journal_mode = WAL', { simple: true }) === 'wal'
    } catch (thrown) {
      if (codeOf(thrown)?.startsWith('SQLITE_BUSY') !== true || waited >= busyMs) throw thrown
      Atomics.wait(sleep, 0, 0, JOURNAL_RETRY_MS)
    }
  }
}

export function isEmpty(database: Database.Database): boolean {
  return database.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined
}

/** What a file is made of: `encoding`, and `table event` and the like with all that SQLite keeps of it, as JSON. */
type Schema = readonly (readonly [part: string, definition: string])[]

const expected = new Map<string, Schema>()

/**
 * What the file holds beside, or instead of, that which the DDL `tables` makes: it could answer for a table, or act on
 * a write. `what` the file should be is a word of the answer.
 */
export function schemaChange(database: Database.Database, tables: string, what: string): string | undefined {
  const made = expected.get(tables) ?? schemaMadeBy(tables)
  expected.set(tables, made)
  const due = new Map(made)
  for (const [part, definition] of schemaOf(database)) {
    if (due.get(part) === definition) due.delete(part)
    else return `${part} is not what ${what} holds`
  }
  const [missing] = due.keys()
  return missing && `${missing} is missing`
}

function schemaMadeBy(tables: string): Schema {
  const database = new Database(':memory:')
  try {
    database.exec(tables)
    return schemaOf(database)
  } finally {
    database.close()
  }
}

function schemaOf(database: Database.Database): Schema {
  const objects = database
    .prepare<[], { type: unknown; name: unknown }>('SELECT type, name, tbl_name, sql FROM sqlite_schema')
    .all()
    .map((object) => [`${String(object.type)} ${String(object.name)}`, JSON.stringify(object)] as const)
  // A text has other bytes in another encoding, and SQLite hands out the same text.
  return [['encoding', String(database.pragma('encoding', { simple: true }))], ...objects]
}
