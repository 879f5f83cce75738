import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import Database from 'better-sqlite3'
import { describe, expect, test } from 'vitest'

import { emptyLog, snapshot, transact } from '../../runtime/credentials/store/credentials-file.ts'
import { RunAgentError } from '../../runtime/errors.ts'
import { bytesOf, openFile, temporaryPlace } from '../support/store.ts'

const GRANTS = 'CREATE TABLE grant_row (id TEXT PRIMARY KEY, user TEXT NOT NULL) STRICT;'
const SCHEMA = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"

function refusal(message: RegExp | string): unknown {
  const text: unknown = typeof message === 'string' ? expect.stringContaining(message) : expect.stringMatching(message)
  return expect.objectContaining({ code: 'E_CREDENTIAL', message: text })
}

function change(path: string, sql: string): void {
  const database = new Database(path)
  try {
    database.unsafeMode(true)
    database.exec(sql)
  } finally {
    database.close()
  }
}

describe('openCredentialsFile()', () => {
  test('makes the tables of the store and those of the caller, and opens them again', () => {
    using place = temporaryPlace()
    const tables = ['grant_row', 'lease', 'secret', 'store_key', 'user_key']
    expect(place.open([GRANTS]).database.prepare(SCHEMA).pluck().all()).toEqual(tables)
    expect(place.open([GRANTS]).database.prepare(SCHEMA).pluck().all()).toEqual(tables)
  })

  test('syncs each commit, overwrites what is deleted, and keeps what it holds private', () => {
    using place = temporaryPlace()
    const { database } = place.open()
    const settings = ['journal_mode', 'synchronous', 'secure_delete', 'foreign_keys', 'trusted_schema', 'temp_store']
    expect(settings.map((name) => database.pragma(name, { simple: true }) as unknown)).toEqual(['wal', 2, 1, 1, 0, 2])
    database.exec("INSERT INTO user_key VALUES ('t', 'u', x'00')")
    const modes = ['', '-wal', '-shm'].map((suffix) => statSync(place.path + suffix).mode & 0o777)
    expect(modes).toEqual([0o600, 0o600, 0o600])
    expect(statSync(place.folder).mode & 0o777).toBe(0o700)
  })

  test.each<[string, (path: string) => void, RegExp]>([
    ['a file that is no database', (path) => writeFileSync(path, 'x'.repeat(5000)), /is no store of secrets/],
    ['the database of another program', (path) => change(path, 'CREATE TABLE a (b)'), /is no store of secrets/],
    ['another format', (path) => made(path, 'PRAGMA user_version = 2'), /has format 2, not 1/],
    ['a view', (path) => made(path, 'CREATE VIEW other AS SELECT * FROM secret'), /view other is not what/],
    [
      'a trigger that copies',
      (path) => made(path, 'CREATE TRIGGER t AFTER INSERT ON secret BEGIN DELETE FROM lease; END'),
      /trigger t is not what/,
    ],
    ['a table too many', (path) => made(path, 'CREATE TABLE other (a)'), /table other is not what/],
    ['a table too few', (path) => made(path, 'DROP TABLE lease'), /table lease is missing/],
    ['an index too few', (path) => made(path, 'DROP INDEX secret_one'), /index secret_one is missing/],
    ['another column', (path) => made(path, 'ALTER TABLE secret ADD COLUMN more TEXT'), /table secret is not what/],
    ['the tables of the caller', (path) => openFile(path, [GRANTS]).close(), /table grant_row is not what/],
  ])('refuses %s', (_, make, message) => {
    using place = temporaryPlace()
    make(place.path)
    const before = readFileSync(place.path)
    expect(() => place.open()).toThrow(refusal(message))
    expect(readFileSync(place.path).subarray(100)).toEqual(before.subarray(100))
  })

  test('opens a file that was only closed and opened', () => {
    using place = temporaryPlace()
    made(place.path, 'SELECT 1')
    expect(() => place.open()).not.toThrow()
  })

  test('asks first whether the file is ours', () => {
    using place = temporaryPlace()
    chmodSync(place.folder, 0o750)
    expect(() => place.open()).toThrow(refusal('is a folder that others can look into'))
  })

  test('many processes that open a new file at once all get the same tables', async () => {
    using place = temporaryPlace()
    const script = fileURLToPath(new URL('../support/store-opener.ts', import.meta.url))
    const children = Array.from({ length: 6 }, () => spawn(process.execPath, [script, place.path], { timeout: 30_000 }))
    const codes = await Promise.all(children.map(async (child) => (await once(child, 'exit'))[0] as unknown))
    expect(codes).toEqual([0, 0, 0, 0, 0, 0])
    expect(place.open().database.prepare('SELECT count(*) FROM user_key').pluck().get()).toBe(6)
  })
})

describe('transact()', () => {
  test('keeps nothing of what failed, and hands on what its work throws', () => {
    using place = temporaryPlace()
    const file = place.open()
    const insert = (user: string): unknown =>
      file.database.prepare("INSERT INTO user_key VALUES ('t', ?, x'00')").run(user)
    const own = new RunAgentError('E_CREDENTIAL', 'own')
    expect(() =>
      transact(file, () => {
        insert('one')
        throw own
      }),
    ).toThrow(own)
    expect(() =>
      transact(file, () => {
        insert('one')
        insert('one')
      }),
    ).toThrow(refusal(/failed \(SQLITE_CONSTRAINT/))
    expect(file.database.prepare('SELECT count(*) FROM user_key').pluck().get()).toBe(0)
  })

  test('a snapshot sees one state of the file', () => {
    using place = temporaryPlace()
    const [reader, writer] = [place.open(), place.open()]
    const count = (): unknown => reader.database.prepare('SELECT count(*) FROM user_key').pluck().get()
    const seen = snapshot(reader, () => {
      const before = count()
      writer.database.exec("INSERT INTO user_key VALUES ('t', 'u', x'00')")
      return [before, count()]
    })
    expect([seen, count()]).toEqual([[0, 0], 1])
  })
})

describe('emptyLog()', () => {
  test('leaves of what was overwritten neither the file nor the log a byte', () => {
    using place = temporaryPlace()
    const file = place.open()
    const mark = Buffer.from('a mark of twenty-eight bytes')
    file.database.prepare("INSERT INTO user_key VALUES ('t', 'u', ?)").run(mark)
    file.database.exec('UPDATE user_key SET wrapped = zeroblob(length(wrapped))')
    expect(bytesOf(place.path).includes(mark)).toBe(true)
    expect(emptyLog(file)).toBe(true)
    expect(bytesOf(place.path).includes(mark)).toBe(false)
  })

  test('says so where another process reads', () => {
    using place = temporaryPlace()
    const [file, reader] = [place.open(), place.open()]
    file.database.pragma('busy_timeout = 50')
    reader.database.exec('BEGIN; SELECT * FROM user_key')
    file.database.exec("INSERT INTO user_key VALUES ('t', 'u', x'00')")
    expect(emptyLog(file)).toBe(false)
    reader.database.exec('COMMIT')
    expect(emptyLog(file)).toBe(true)
  })
})

function made(path: string, sql: string): void {
  openFile(path).close()
  change(path, sql)
}
