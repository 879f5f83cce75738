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

/** Changes the file as somebody would who can write to it and knows SQLite: the triggers go first. */
export function tamper(path: string, ...statements: readonly string[]): void {
  const database = new Database(path)
  try {
    for (const trigger of ['event_update', 'event_delete', 'body_update', 'body_delete']) {
      database.exec(`DROP TRIGGER ${trigger}`)
    }
    for (const statement of statements) {
      const before = database.prepare('SELECT total_changes()').pluck().get()
      database.exec(statement)
      // A statement that finds nothing to change would prove nothing.
      if (database.prepare('SELECT total_changes()').pluck().get() === before)
        throw new Error(`no change: ${statement}`)
    }
  } finally {
    database.close()
  }
}

function touch(path: string): void {
  closeSync(openSync(path, 'a', 0o600))
}
