import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import Database from 'better-sqlite3'

import { TrailReader } from '../../runtime/audit/reader.ts'
import { SqliteTrail } from '../../runtime/audit/trail.ts'
import type { Clock } from '../../runtime/ports.ts'

export const REAL_CLOCK: Clock = {
  now: () => Date.now(),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  },
}

/** The path of a trail in a new folder, which goes away at the end of the `using` block. */
export function temporaryTrail(): Disposable & { readonly folder: string; readonly path: string } {
  const folder = mkdtempSync(join(tmpdir(), 'trail-'))
  return { folder, path: join(folder, 'audit.db'), [Symbol.dispose]: () => rmSync(folder, { recursive: true }) }
}

export function openTrail(
  path: string,
  options: { readonly clock?: Clock; readonly pagesMax?: number } = {},
): SqliteTrail {
  return SqliteTrail.open(path, { clock: REAL_CLOCK, prepareFile: touch, ...options })
}

/** Opens the trail for reading, as if every process that ever wrote to it were dead. */
export function readTrail<T>(path: string, read: (reader: TrailReader) => T): T {
  const reader = TrailReader.open(path, { isAlive: () => false })
  try {
    return read(reader)
  } finally {
    reader.close()
  }
}

/** Changes rows as somebody would who can write to the file and knows SQLite: the triggers stand aside. */
export function tamper(path: string, ...statements: readonly string[]): void {
  const database = new Database(path)
  try {
    const triggers = schemaOf(database).filter(([, sql]) => sql.startsWith('CREATE TRIGGER'))
    for (const [name] of triggers) database.exec(`DROP TRIGGER ${name}`)
    for (const statement of statements) {
      const before = database.prepare('SELECT total_changes()').pluck().get()
      database.exec(statement)
      // A statement that finds nothing to change would prove nothing.
      if (database.prepare('SELECT total_changes()').pluck().get() === before)
        throw new Error(`no change: ${statement}`)
    }
    for (const [, sql] of triggers) database.exec(sql)
  } finally {
    database.close()
  }
}

/** Lets the file say of its tables what they are not; what it said before is put back by the function returned. */
export function rewriteSchema(path: string, rewrite: (sql: string) => string): () => void {
  const rewriteAll = (next: (name: string, sql: string) => string): void => {
    const database = new Database(path)
    try {
      database.unsafeMode(true)
      database.pragma('writable_schema = ON')
      const write = database.prepare('UPDATE sqlite_schema SET sql = ? WHERE name = ?')
      for (const [name, sql] of schemaOf(database)) write.run(next(name, sql), name)
    } finally {
      database.close()
    }
  }
  const original = new Map<string, string>()
  rewriteAll((name, sql) => {
    original.set(name, sql)
    return rewrite(sql)
  })
  return () => rewriteAll((name, sql) => original.get(name) ?? sql)
}

/** Changes rows to values that their columns do not allow, and leaves no trace of it in the schema. */
export function tamperTypes(path: string, ...statements: readonly string[]): void {
  const restore = rewriteSchema(path, (sql) =>
    sql.replace(/\) STRICT$/, ')').replaceAll(/ (?:INTEGER|TEXT)(?! PRIMARY)/g, ' BLOB'),
  )
  tamper(path, ...statements)
  restore()
}

function schemaOf(database: Database.Database): readonly (readonly [name: string, sql: string])[] {
  return database.prepare<[], [string, string]>('SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL').raw().all()
}

function touch(path: string): void {
  closeSync(openSync(path, 'a', 0o600))
}
