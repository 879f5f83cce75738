/**
 * The one SQLite file that holds the secrets, the grants that use them and the leases of their refreshers. It holds
 * no value in the clear (sealing.ts); names of tenants, users and credentials, states and times are not sealed.
 */

import Database from 'better-sqlite3'

import { codeOf, RunAgentError } from '../../errors.ts'
import { STORE_BUSY_MS } from '../../limits.ts'
import { hardenReading, isEmpty, schemaChange, switchToWal, SYNCHRONOUS_FULL, syncCommits } from '../../sqlite-file.ts'

/** `RAGC`. */
const APPLICATION_ID = 0x52414743

/** `PRAGMA user_version`: the format of the tables here, of sealing.ts and of store-key.ts. */
const FORMAT = 1

/**
 * `store_key`: how the key of the store is made (store-key.ts). `user_key`: a random key for each user, wrapped.
 * `secret`: each version that there ever was; a destroyed one is a row without its secret, so that no number comes
 * twice. `lease`: who may refresh (lease.ts). No primary key and no index leaves out tenant and user.
 */
const STORE_TABLES = `
  CREATE TABLE store_key (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    kind TEXT NOT NULL CHECK (kind IN ('key-file', 'age-identity', 'passphrase')),
    salt BLOB NOT NULL,
    master BLOB,
    key_check BLOB NOT NULL,
    root BLOB NOT NULL
  ) STRICT;
  CREATE TABLE user_key (
    tenant TEXT NOT NULL,
    user TEXT NOT NULL,
    wrapped BLOB NOT NULL,
    PRIMARY KEY (tenant, user)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE secret (
    tenant TEXT NOT NULL,
    user TEXT NOT NULL,
    credential TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0),
    state TEXT NOT NULL CHECK (state IN ('next', 'current', 'previous', 'destroyed')),
    created_ms INTEGER NOT NULL,
    replaced_ms INTEGER,
    expires_ms INTEGER,
    exposed_ms INTEGER,
    used_ms INTEGER,
    wrapped_key BLOB NOT NULL,
    ciphertext BLOB NOT NULL,
    PRIMARY KEY (tenant, user, credential, version),
    FOREIGN KEY (tenant, user) REFERENCES user_key (tenant, user)
  ) STRICT;
  CREATE UNIQUE INDEX secret_one ON secret (tenant, user, credential, state) WHERE state IN ('next', 'current');
  CREATE TABLE lease (
    tenant TEXT NOT NULL,
    user TEXT NOT NULL,
    credential TEXT NOT NULL,
    owner TEXT NOT NULL,
    fence INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    PRIMARY KEY (tenant, user, credential)
  ) STRICT, WITHOUT ROWID;
`

export interface CredentialsFile {
  readonly path: string
  readonly database: Database.Database
  close(): void
}

export interface CredentialsFileOptions {
  /** Makes an empty private file where there is none, and throws where the file or its folder is not ours. */
  prepareFile(path: string): void
  /** DDL of further tables; the same ones each time, or the file is refused. */
  readonly tables: readonly string[]
}

/**
 * Opens the file and makes the tables in an empty one. Throws what `prepareFile` throws, and E_CREDENTIAL where the
 * file holds anything but these very tables. Several processes may have it open.
 */
export function openCredentialsFile(path: string, options: CredentialsFileOptions): CredentialsFile {
  options.prepareFile(path)
  let database: Database.Database | undefined
  try {
    // A folder that is missing would be a TypeError; `prepareFile` has made it.
    database = new Database(path, { timeout: STORE_BUSY_MS })
    harden(database)
    if (!switchToWal(database, STORE_BUSY_MS)) {
      throw new RunAgentError('E_CREDENTIAL', `the file system of ${path} does not support a write-ahead log`, {
        hint: 'Keep the store of secrets on a local disk.',
      })
    }
    syncCommits(database)
    makeTables(database, path, [STORE_TABLES, ...options.tables].join('\n'))
    assertSettings(database, path)
  } catch (thrown) {
    database?.close()
    throw storeError(thrown, path)
  }
  const opened = database
  return { path, database: opened, close: () => opened.close() }
}

/** A failure of SQLite in the words of who must mend it, without its own message; anything else as it is. */
function storeError(thrown: unknown, path: string): unknown {
  const code = codeOf(thrown)
  if (thrown instanceof RunAgentError || code?.startsWith('SQLITE_') !== true) return thrown
  const [what, hint] = explain(code)
  return new RunAgentError('E_CREDENTIAL', `the store of secrets ${path} ${what}`, hint === undefined ? {} : { hint })
}

/**
 * Runs `act` in one transaction that no other writer comes between. Throws E_CREDENTIAL where SQLite fails, and what
 * `act` throws; in both cases nothing was changed.
 */
export function transact<T>(file: CredentialsFile, act: () => T): T {
  try {
    return file.database.transaction(act).immediate()
  } catch (thrown) {
    throw storeError(thrown, file.path)
  }
}

/** Runs `act` over one state of the file, whatever others write meanwhile. Throws as `transact`. */
export function snapshot<T>(file: CredentialsFile, act: () => T): T {
  try {
    return file.database.transaction(act).deferred()
  } catch (thrown) {
    throw storeError(thrown, file.path)
  }
}

/**
 * Copies the write-ahead log into the file and empties it, so that what was overwritten is gone from both. False where
 * another process was reading: then the log keeps it until it is next emptied, or until the last process closes the
 * file. What a disk keeps of bytes that no file holds any longer is out of reach.
 */
export function emptyLog(file: CredentialsFile): boolean {
  try {
    const [result] = file.database.pragma('wal_checkpoint(TRUNCATE)') as readonly { readonly busy: number }[]
    return result?.busy === 0
  } catch (thrown) {
    if (codeOf(thrown)?.startsWith('SQLITE_BUSY') === true) return false
    throw storeError(thrown, file.path)
  }
}

function explain(code: string): readonly [what: string, hint?: string] {
  if (code === 'SQLITE_FULL') return ['cannot grow: the disk is full', 'Free some space.']
  if (code.startsWith('SQLITE_BUSY')) return ['is locked by another process', 'See which process holds it open.']
  if (code === 'SQLITE_NOTADB') return ['is no store of secrets', 'Name another file.']
  if (code.startsWith('SQLITE_CORRUPT')) return ['is damaged', 'Restore it from a copy.']
  if (code.startsWith('SQLITE_READONLY')) return ['cannot be written to', 'It must be a file of your own.']
  if (code.startsWith('SQLITE_CANTOPEN')) return ['cannot be opened', 'Check that its folder is yours.']
  return [`failed (${code})`]
}

/** What is overwritten or deleted leaves no bytes behind. */
function harden(database: Database.Database): void {
  hardenReading(database)
  database.pragma('secure_delete = ON')
  database.pragma('temp_store = MEMORY')
}

function makeTables(database: Database.Database, path: string, tables: string): void {
  const make = `${tables}\nPRAGMA application_id = ${APPLICATION_ID};\nPRAGMA user_version = ${FORMAT};`
  database
    .transaction(() => {
      if (isEmpty(database)) database.exec(make)
      else assertFormat(database, path, make)
    })
    .immediate()
}

/** better-sqlite3 is built with a weaker default for the write-ahead log, which the first statement may restore. */
function assertSettings(database: Database.Database, path: string): void {
  const due = { synchronous: SYNCHRONOUS_FULL, secure_delete: 1, foreign_keys: 1 }
  for (const [name, value] of Object.entries(due)) {
    if (database.pragma(name, { simple: true }) === value) continue
    throw new RunAgentError('E_CREDENTIAL', `SQLite would not take the setting ${name} for ${path}`)
  }
}

function assertFormat(database: Database.Database, path: string, make: string): void {
  if (database.pragma('application_id', { simple: true }) !== APPLICATION_ID) {
    throw new RunAgentError('E_CREDENTIAL', `${path} is no store of secrets`, { hint: 'Name another file.' })
  }
  const format = database.pragma('user_version', { simple: true })
  if (format !== FORMAT) {
    throw new RunAgentError(
      'E_CREDENTIAL',
      `the store of secrets ${path} has format ${String(format)}, not ${FORMAT}`,
      {
        hint: 'It was written by another version of run-agent; use that one.',
      },
    )
  }
  const change = schemaChange(database, make, 'it')
  if (change === undefined) return
  throw new RunAgentError('E_CREDENTIAL', `the store of secrets ${path} was changed: ${change}`, {
    hint: 'Restore it from a copy.',
  })
}
