/** The tables of the trail's file, and how it is opened. What they mean is in the header of event.ts. */

import Database from 'better-sqlite3'

import { codeOf, messageOf, RunAgentError } from '../errors.ts'
import { TRAIL_BUSY_MS } from '../limits.ts'
import { hardenReading, isEmpty, schemaChange, switchToWal, SYNCHRONOUS_FULL, syncCommits } from '../sqlite-file.ts'

/** `RAGT`. */
const APPLICATION_ID = 0x52414754

/** `PRAGMA user_version`: the format of the header of event.ts. */
const FORMAT = 1

/** The write-ahead log is cut back to this when it has been copied into the file. */
const JOURNAL_BYTES = 16 * 1024 * 1024

/** Every trail holds these, blank for blank: a change here would make each older file one that somebody changed. */
const TABLES = `
  CREATE TABLE event (
    seq INTEGER PRIMARY KEY,
    run TEXT NOT NULL,
    run_seq INTEGER NOT NULL,
    ts INTEGER NOT NULL,
    kind TEXT NOT NULL,
    call TEXT,
    ordinal INTEGER,
    data TEXT NOT NULL,
    run_prev BLOB NOT NULL,
    leaf BLOB NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX event_run ON event (run, run_seq);
  CREATE INDEX event_start ON event (seq, run) WHERE run_seq = 0;
  CREATE TABLE body (hash BLOB PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
  CREATE TABLE tree (id INTEGER PRIMARY KEY CHECK (id = 0), size INTEGER NOT NULL, frontier BLOB NOT NULL) STRICT;
  INSERT INTO tree VALUES (0, 0, x'');
  CREATE TRIGGER event_update BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'the trail is only appended to'); END;
  CREATE TRIGGER event_delete BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'the trail is only appended to'); END;
  CREATE TRIGGER body_update BEFORE UPDATE ON body BEGIN SELECT RAISE(ABORT, 'the trail is only appended to'); END;
  CREATE TRIGGER body_delete BEFORE DELETE ON body BEGIN SELECT RAISE(ABORT, 'the trail is only appended to'); END;
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${FORMAT};
`

/** Opens the file for appending and makes the tables in an empty one. `pagesMax` caps the file's pages of 4 KiB. */
export function openWritable(path: string, pagesMax: number | undefined): Database.Database {
  const database = new Database(path, { timeout: TRAIL_BUSY_MS })
  try {
    if (!switchToWal(database, TRAIL_BUSY_MS)) {
      throw new RunAgentError('E_TRAIL', 'the file system of the trail does not support a write-ahead log', {
        hint: 'Name a file on a local disk with --audit.',
      })
    }
    syncCommits(database)
    database.pragma(`journal_size_limit = ${JOURNAL_BYTES}`)
    hardenReading(database)
    if (pagesMax !== undefined) database.pragma(`max_page_count = ${pagesMax}`)
    database.transaction(() => makeTables(database, path)).immediate()
    // better-sqlite3 is built with a weaker default for the write-ahead log, which the first statement may restore.
    const synchronous = database.pragma('synchronous', { simple: true })
    if (synchronous !== SYNCHRONOUS_FULL) {
      throw new RunAgentError('E_TRAIL', `SQLite would not sync each commit (synchronous is ${String(synchronous)})`)
    }
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/**
 * Opens the file for reading only; a missing file, an empty one and one that holds anything but the tables of a trail
 * are E_TRAIL.
 */
export function openReadable(path: string): Database.Database {
  let database: Database.Database | undefined
  try {
    database = new Database(path, { readonly: true, fileMustExist: true, timeout: TRAIL_BUSY_MS })
    hardenReading(database)
    if (isEmpty(database)) throw new RunAgentError('E_TRAIL', `the trail ${path} holds no events yet`)
    assertFormat(database, path)
    return database
  } catch (error) {
    database?.close()
    throw trailError(error, path)
  }
}

/**
 * What SQLite itself finds wrong with the file, if anything: an index that leaves out a row, a page that two tables
 * share, a value that its column does not allow. Reads the whole file.
 */
export function damageOf(database: Database.Database): string | undefined {
  const found = database.pragma('integrity_check(1)', { simple: true })
  return found === 'ok' ? undefined : `SQLite finds the file damaged: ${String(found)}`
}

/** A failure of SQLite in the words of the person who must mend it. */
export function trailError(error: unknown, path: string): RunAgentError {
  if (error instanceof RunAgentError) return error
  const code = codeOf(error) ?? ''
  const [what, hint] = explain(code, messageOf(error))
  return new RunAgentError('E_TRAIL', `the trail ${path} ${what}`, { ...(hint && { hint }), cause: error })
}

function explain(code: string, message: string): readonly [what: string, hint?: string] {
  if (code === 'SQLITE_FULL')
    return ['cannot grow: the disk is full', 'Free some space, or name another file with --audit.']
  if (code.startsWith('SQLITE_BUSY')) return ['is locked by another process', 'See which process holds it open.']
  if (code === 'SQLITE_NOTADB') return ['is not a trail', 'Name another file with --audit.']
  // For a folder that does not exist better-sqlite3 throws a TypeError without a code.
  if (code.startsWith('SQLITE_CANTOPEN') || message.startsWith('Cannot open database')) {
    return ['cannot be opened', 'Check that the file exists, or name the right one with --audit.']
  }
  if (code.startsWith('SQLITE_CORRUPT')) return ['is damaged', 'Restore it from a copy, or name another with --audit.']
  return [`failed: ${message}`]
}

function makeTables(database: Database.Database, path: string): void {
  if (isEmpty(database)) database.exec(TABLES)
  else assertFormat(database, path)
}

function assertFormat(database: Database.Database, path: string): void {
  if (database.pragma('application_id', { simple: true }) !== APPLICATION_ID) {
    throw new RunAgentError('E_TRAIL', `${path} is not a trail`, { hint: 'Name another file with --audit.' })
  }
  const format = database.pragma('user_version', { simple: true })
  if (format !== FORMAT) {
    throw new RunAgentError('E_TRAIL', `the trail ${path} has format ${String(format)}, not ${FORMAT}`, {
      hint: 'It was written by another version of run-agent; read it with that one.',
    })
  }
  const change = schemaChange(database, TABLES, 'a trail')
  if (change === undefined) return
  throw new RunAgentError('E_TRAIL', `the trail ${path} was changed: ${change}`, {
    hint: change.startsWith('table sqlite_stat')
      ? 'ANALYZE or PRAGMA optimize made it; drop the sqlite_stat tables, and read the trail without such tools.'
      : 'Restore it from a copy, or name another with --audit.',
  })
}
