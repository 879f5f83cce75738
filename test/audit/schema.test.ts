import { hash } from 'node:crypto'

import Database from 'better-sqlite3'
import { expect, test } from 'vitest'

import { openTrail, readTrail, rewriteSchema, temporaryTrail } from '../support/trail.ts'

const SCHEMA = 'SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid'

async function record(path: string): Promise<void> {
  const trail = openTrail(path)
  try {
    await trail.beginRun('one').commit({ kind: 'run.start', data: {} })
  } finally {
    await trail.close().catch(() => undefined)
  }
}

function exec(path: string, sql: string): void {
  const database = new Database(path)
  try {
    database.exec(sql)
  } finally {
    database.close()
  }
}

test.each<[string, string, string]>([
  ['a view', 'CREATE VIEW other AS SELECT * FROM event', 'view other is not what a trail holds'],
  [
    'a view in place of a table',
    "ALTER TABLE event RENAME TO kept; CREATE VIEW event AS SELECT * FROM kept WHERE run <> 'one'",
    'table kept is not what a trail holds',
  ],
  [
    'a view in place of a table that was dropped',
    "DROP TABLE tree; CREATE VIEW tree AS SELECT 0 AS id, 0 AS size, x'' AS frontier",
    'view tree is not what a trail holds',
  ],
  ['a table', 'CREATE TABLE other (a)', 'table other is not what a trail holds'],
  ['a virtual table', 'CREATE VIRTUAL TABLE other USING fts5(a)', 'table other is not what a trail holds'],
  [
    'a generated column',
    "ALTER TABLE event ADD COLUMN other TEXT AS ('x') VIRTUAL",
    'table event is not what a trail holds',
  ],
  [
    'a trigger',
    'CREATE TRIGGER other AFTER INSERT ON event BEGIN DELETE FROM tree; END',
    'trigger other is not what a trail holds',
  ],
  [
    'another trigger of the same name',
    'DROP TRIGGER event_update; CREATE TRIGGER event_update BEFORE UPDATE ON event BEGIN SELECT 1; END',
    'trigger event_update is not what a trail holds',
  ],
  ['no trigger', 'DROP TRIGGER event_delete', 'trigger event_delete is missing'],
  ['an index', 'CREATE INDEX other ON event (kind)', 'index other is not what a trail holds'],
  [
    'an index that leaves out a run',
    "DROP INDEX event_start; CREATE INDEX event_start ON event (seq, run) WHERE run_seq = 0 AND run <> 'one'",
    'index event_start is not what a trail holds',
  ],
  ['the statistics of ANALYZE', 'ANALYZE', 'table sqlite_stat1 is not what a trail holds'],
])('a file with %s is no trail, neither to read nor to write', async (_, sql, why) => {
  using at = temporaryTrail()
  await record(at.path)
  exec(at.path, sql)
  const changed = expect.objectContaining({ code: 'E_TRAIL', message: `the trail ${at.path} was changed: ${why}` })
  expect(() => readTrail(at.path, () => undefined)).toThrow(changed)
  await expect(record(at.path)).rejects.toThrow(changed)
})

test('a trail that was analyzed is one again without the statistics', async () => {
  using at = temporaryTrail()
  await record(at.path)
  exec(at.path, 'ANALYZE')
  expect(() => readTrail(at.path, () => undefined)).toThrow(
    expect.objectContaining({ hint: expect.stringMatching(/drop the sqlite_stat tables/) }),
  )
  exec(at.path, 'DROP TABLE sqlite_stat1; DROP TABLE sqlite_stat4')
  expect(readTrail(at.path, (reader) => reader.verifyAll())).toMatchObject({ ok: true, size: 1 })
})

test.each<[string, (sql: string) => string]>([
  ['a column of another type', (sql) => sql.replace('ordinal INTEGER', 'ordinal TEXT')],
  ['tables that take every type', (sql) => sql.replace(') STRICT', ')')],
  ['one blank more', (sql) => sql.replace('call TEXT', 'call  TEXT')],
])('a file with %s is no trail', async (_, rewrite) => {
  using at = temporaryTrail()
  await record(at.path)
  const restore = rewriteSchema(at.path, rewrite)
  expect(() => readTrail(at.path, () => undefined)).toThrow(/was changed: table event is not what a trail holds/)
  restore()
  expect(readTrail(at.path, (reader) => reader.verifyAll())).toMatchObject({ ok: true, size: 1 })
})

test('a file in another encoding is no trail', async () => {
  using at = temporaryTrail()
  await record(at.path)
  const trail = new Database(at.path)
  const statements = trail.prepare<[], string>(SCHEMA).pluck().all()
  const applicationId = Number(trail.pragma('application_id', { simple: true }))
  trail.close()
  const path = `${at.path}.utf16`
  exec(
    path,
    `PRAGMA encoding = 'UTF-16le'; ${statements.join(';')}; PRAGMA application_id = ${applicationId}; PRAGMA user_version = 1`,
  )
  expect(() => readTrail(path, () => undefined)).toThrow(/was changed: encoding is not what a trail holds/)
})

// Files that were written before must stay readable: another schema is another format, with a number of its own.
test('the schema of format 1 is what it was, blank for blank', async () => {
  using at = temporaryTrail()
  await record(at.path)
  const database = new Database(at.path)
  const schema = database.prepare<[], string>(SCHEMA).pluck().all()
  database.close()
  expect(hash('sha256', schema.join('\n'), 'hex')).toBe(
    '80ca51d1c08bd967f782f0179da8d76d4685d689f0c92e09b03d586d70856b50',
  )
})
