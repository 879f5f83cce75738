import { join } from 'node:path'

import Database from 'better-sqlite3'
import { expect, test } from 'vitest'

import type { TrailReader } from '../../runtime/audit/reader.ts'
import type { Head } from '../../runtime/audit/trail.ts'
import { openTrail, readTrail, rewriteSchema, tamper, tamperTypes, temporaryTrail } from '../support/trail.ts'

/** Two runs, one beside the other, with bodies of every form; the head that they leave. */
async function record(path: string): Promise<Head> {
  const trail = openTrail(path)
  const [one, two] = [trail.beginRun('one'), trail.beginRun('two')]
  await one.commit({ kind: 'run.start', data: { agent: 'a', task: 'text '.repeat(1000) } })
  await two.commit({ kind: 'run.start', data: { agent: 'a', task: '\ud800'.repeat(5000) } })
  one.append({ kind: 'tool.call', call: 'c', data: { tool: 't', arguments: '{}', decision: { kind: 'permit' } } })
  one.append({ kind: 'host.request', call: 'c', ordinal: 0, data: { request: {}, decision: { kind: 'deny' } } })
  const entries = Array.from({ length: 5000 }, (_, index) => `file-${index}.ts`)
  two.append({ kind: 'host.outcome', call: 'c', ordinal: 0, data: { outcome: { entries, big: new Uint8Array(9000) } } })
  two.append({ kind: 'log', call: 'c', data: { nested: [...entries, 'nested '.repeat(1000)] } })
  await one.commit({ kind: 'run.end', data: { status: 'completed' } })
  await two.commit({ kind: 'run.end', data: { status: 'completed' } })
  const head = await trail.head()
  await trail.close()
  return head
}

const BODY_OF_TASK = "(SELECT hash FROM body WHERE CAST(bytes AS TEXT) LIKE 'text %')"

/** A body that only a `json` body names. */
const NESTED_BODY = "(SELECT hash FROM body WHERE CAST(bytes AS TEXT) LIKE 'nested nested%')"

const SHIFT_SEQ = 'UPDATE event SET seq = -1 WHERE seq = 2; UPDATE event SET seq = 2 WHERE seq = 3'

test.each<[string, string, RegExp]>([
  ['edited data', `UPDATE event SET data = replace(data, '"agent":"a"', '"agent":"b"') WHERE seq = 0`, /was changed/],
  ['a flipped verdict', `UPDATE event SET data = replace(data, 'deny', 'permit') WHERE seq = 3`, /was changed/],
  ['another time', 'UPDATE event SET ts = ts + 1 WHERE seq = 2', /was changed/],
  ['another call', "UPDATE event SET call = 'd' WHERE seq = 2", /was changed/],
  ['no ordinal', 'UPDATE event SET ordinal = NULL WHERE seq = 3', /was changed/],
  ['another kind', "UPDATE event SET kind = 'log' WHERE seq = 6", /was changed/],
  ['an event moved to another run', "UPDATE event SET run = 'one', run_seq = 4 WHERE seq = 7", /was changed/],
  ['the last event gone', 'DELETE FROM event WHERE seq = 7', /ends at 7 events and once had 8/],
  ['the last event of a run gone', 'DELETE FROM event WHERE seq = 6', /event 6 is missing/],
  ['the first event gone', 'DELETE FROM event WHERE seq = 0', /event 0 is missing/],
  ['all events gone', 'DELETE FROM event', /ends at 0 events and once had 8/],
  ['two events in another order', `${SHIFT_SEQ}; UPDATE event SET seq = 3 WHERE seq = -1`, /is missing|was changed/],
  ['a changed body', `UPDATE body SET bytes = CAST('x' AS BLOB) WHERE hash = ${BODY_OF_TASK}`, /body \w+ was changed/],
  ['a missing body', `DELETE FROM body WHERE hash = ${BODY_OF_TASK}`, /body \w+ is missing/],
  ['a missing body of a body', `DELETE FROM body WHERE hash = ${NESTED_BODY}`, /body \w+ is missing/],
  ['another tree', 'UPDATE tree SET frontier = randomblob(32)', /the tree row is not that of these events/],
  ['no tree', 'DELETE FROM tree', /the tree row is missing/],
  ['another leaf', 'UPDATE event SET leaf = randomblob(32) WHERE seq = 4', /was changed/],
])('%s is noticed', async (_, sql, why) => {
  using at = temporaryTrail()
  await record(at.path)
  const before = readTrail(at.path, (reader) => [
    reader.verifyAll().ok,
    reader.verifyRun('one').ok,
    reader.verifyRun('two').ok,
  ])
  expect(before).toEqual([true, true, true])
  tamper(at.path, sql)
  expect(readTrail(at.path, (reader) => reader.verifyAll())).toEqual({
    ok: false,
    seq: expect.any(Number),
    why: expect.stringMatching(why),
  })
})

test.each<[string, string, string]>([
  ['edited data', 'one', `UPDATE event SET data = replace(data, 'deny', 'permit') WHERE seq = 3`],
  ['another time', 'one', 'UPDATE event SET ts = ts + 1 WHERE seq = 2'],
  ['a missing event', 'one', 'DELETE FROM event WHERE seq = 2'],
  ['a changed body', 'one', `UPDATE body SET bytes = CAST('x' AS BLOB) WHERE hash = ${BODY_OF_TASK}`],
  ['a missing body of a body', 'two', `DELETE FROM body WHERE hash = ${NESTED_BODY}`],
])('%s is noticed in its run alone', async (_, run, sql) => {
  using at = temporaryTrail()
  await record(at.path)
  tamper(at.path, sql)
  const other = run === 'one' ? 'two' : 'one'
  readTrail(at.path, (reader) => {
    expect(reader.verifyRun(run)).toMatchObject({ ok: false })
    expect(reader.verifyRun(other)).toMatchObject({ ok: true, ended: true })
  })
})

test.each([
  ['seq = 3', 'ordinal', 'ordinal = CAST(ordinal AS TEXT)', 'TEXT and not as INTEGER or NULL'],
  ['seq = 3', 'ordinal', 'ordinal = CAST(ordinal AS REAL)', 'REAL and not as INTEGER or NULL'],
  ['seq = 0', 'run_seq', 'run_seq = CAST(run_seq AS REAL)', 'REAL and not as INTEGER'],
  ['seq = 2', 'ts', 'ts = CAST(ts AS REAL)', 'REAL and not as INTEGER'],
  ['seq = 6', 'kind', 'kind = CAST(kind AS BLOB)', 'BLOB and not as TEXT'],
  ['seq = 2', 'call', 'call = CAST(call AS BLOB)', 'BLOB and not as TEXT or NULL'],
  ['seq = 0', 'data', 'data = CAST(data AS BLOB)', 'BLOB and not as TEXT'],
  ['seq = 3', 'run_prev', 'run_prev = hex(run_prev)', 'TEXT and not as BLOB'],
  ['seq = 6', 'leaf', 'leaf = NULL', 'NULL and not as BLOB'],
])('at %s, a %s that was changed to another type is named: %s', async (where, field, change, types) => {
  using at = temporaryTrail()
  await record(at.path)
  const seq = Number(where.slice('seq = '.length))
  // A null is refused by the index alone if the column keeps its NOT NULL.
  const restore = rewriteSchema(at.path, (sql) => sql.replaceAll(' NOT NULL', ''))
  tamperTypes(at.path, `UPDATE event SET ${change} WHERE ${where}`)
  restore()
  const broken = { ok: false, seq, why: `in run one its ${field} is stored as ${types}` }
  readTrail(at.path, (reader) => {
    expect(reader.verifyAll()).toEqual(broken)
    expect(reader.verifyRun('one')).toEqual(broken)
    expect(reader.verifyRun('two')).toMatchObject({ ok: true })
    expect(() => [...reader.events('one')]).toThrow(
      expect.objectContaining({ code: 'E_TRAIL', message: `the trail is broken: event ${seq}: ${broken.why}` }),
    )
  })
})

test('the id of a run that was changed to another type is noticed, and hides its event', async () => {
  using at = temporaryTrail()
  await record(at.path)
  tamperTypes(at.path, 'UPDATE event SET run = CAST(run AS BLOB) WHERE seq = 7')
  readTrail(at.path, (reader) => {
    const why = 'in run two its run is stored as BLOB and not as TEXT'
    expect(reader.verifyAll()).toEqual({ ok: false, seq: 7, why })
    expect(reader.verifyRun('two')).toMatchObject({ ok: true, ended: false })
  })
  tamperTypes(at.path, 'UPDATE event SET run = CAST(run AS BLOB) WHERE seq = 1')
  expect(() => readTrail(at.path, (reader) => reader.findRun('last'))).toThrow(/run two is not stored as TEXT/)
})

test('bytes that read like the recorded text are noticed', async () => {
  using at = temporaryTrail()
  const trail = openTrail(at.path)
  await trail.beginRun('one').commit({ kind: 'run.start', data: { text: 'a \ufffd, recorded' } })
  await trail.close()
  expect(readTrail(at.path, (reader) => reader.verifyAll().ok)).toBe(true)
  tamper(at.path, "UPDATE event SET data = CAST(unhex(replace(hex(data), 'EFBFBD', 'F09080')) AS TEXT)")
  readTrail(at.path, (reader) => {
    expect(reader.verifyAll()).toMatchObject({ ok: false, seq: 0, why: expect.stringMatching(/no UTF-8/) })
    expect(reader.verifyRun('one')).toMatchObject({ ok: false, seq: 0 })
  })
})

test.each<[string, string, RegExp]>([
  [
    'a body',
    `UPDATE body SET bytes = CAST(bytes AS TEXT) WHERE hash = ${BODY_OF_TASK}`,
    /body \w+ is not stored as BLOB/,
  ],
  ['the size of the tree', 'UPDATE tree SET size = CAST(size AS REAL)', /the tree row is missing or of other types/],
  ['the tree', 'UPDATE tree SET frontier = hex(frontier)', /the tree row is missing or of other types/],
])('%s that was changed to another type is noticed', async (_, sql, why) => {
  using at = temporaryTrail()
  await record(at.path)
  tamperTypes(at.path, sql)
  readTrail(at.path, (reader) => {
    expect(reader.verifyAll()).toMatchObject({ ok: false, why: expect.stringMatching(why) })
    if (!sql.includes('body')) return
    expect(reader.verifyRun('one')).toMatchObject({ ok: false, seq: 0 })
    expect(() => [...reader.events('one')]).toThrow(expect.objectContaining({ code: 'E_TRAIL' }))
  })
})

test('an index that leaves out a run is noticed', async () => {
  using at = temporaryTrail()
  await record(at.path)
  const restore = rewriteSchema(at.path, (sql) => sql.replace('run_seq = 0', "run_seq = 0 AND run <> 'one'"))
  new Database(at.path).exec('REINDEX event_start').close()
  restore()
  readTrail(at.path, (reader) => {
    expect(reader.runs({ limit: 10 }).map(({ id }) => id)).toEqual(['two'])
    expect(reader.verifyAll()).toEqual({
      ok: false,
      seq: undefined,
      why: expect.stringMatching(/damaged: row 1 missing from index event_start/),
    })
  })
})

test('the end of a run is whole, however large its output', async () => {
  using at = temporaryTrail()
  const trail = openTrail(at.path)
  const output = { list: Array.from({ length: 20_000 }, (_, index) => `item ${index}`), text: 'text '.repeat(1000) }
  await trail.beginRun('one').commit({ kind: 'run.end', data: { status: 'completed', ...output, output } })
  await trail.close()
  expect(readTrail(at.path, (reader) => reader.verifyRun('one'))).toEqual({ ok: true, events: 1, ended: true })
})

test('a run whose end was cut off does not count as ended', async () => {
  using at = temporaryTrail()
  await record(at.path)
  tamper(at.path, 'DELETE FROM event WHERE seq = 6')
  expect(readTrail(at.path, (reader) => reader.verifyRun('one'))).toEqual({ ok: true, events: 3, ended: false })
})

test('a trail that was cut and rewritten as a whole is noticed by a kept head alone', async () => {
  using at = temporaryTrail()
  using forged = temporaryTrail()
  const head = await record(at.path)
  await record(forged.path)
  const verify = (path: string, kept?: Head): ReturnType<TrailReader['verifyAll']> =>
    readTrail(path, (reader) => reader.verifyAll(kept))
  expect(verify(at.path, head)).toMatchObject({ ok: true, anchored: true })
  expect(verify(at.path)).toMatchObject({ ok: true, anchored: false })
  tamper(forged.path, "UPDATE event SET data = '{}' WHERE seq = 2")
  expect(verify(forged.path, head)).toMatchObject({ ok: false })

  // Whole in itself, but with fewer events than the kept head, or with others.
  const short = openTrail(join(forged.folder, 'short.db'))
  await short.beginRun('one').commit({ kind: 'run.start', data: {} })
  const shortHead = await short.head()
  await short.close()
  expect(verify(join(forged.folder, 'short.db'), head)).toMatchObject({
    ok: false,
    why: expect.stringMatching(/kept head has 8/),
  })
  expect(verify(at.path, shortHead)).toMatchObject({
    ok: false,
    seq: 1,
    why: expect.stringMatching(/not those of the kept head/),
  })
})

test('a longer trail continues a head kept earlier', async () => {
  using at = temporaryTrail()
  const head = await record(at.path)
  const trail = openTrail(at.path)
  await trail.beginRun('three').commit({ kind: 'run.start', data: {} })
  await trail.close()
  expect(readTrail(at.path, (reader) => reader.verifyAll(head))).toMatchObject({ ok: true, size: 9, anchored: true })
})

test('damage shows where the damaged value is read', async () => {
  using at = temporaryTrail()
  await record(at.path)
  tamper(at.path, `UPDATE body SET bytes = CAST('x' AS BLOB) WHERE hash = ${BODY_OF_TASK}`)
  readTrail(at.path, (reader) => {
    expect(() => [...reader.events('one')]).toThrow(/body \w+ was changed/)
    expect([...reader.events('two')]).toHaveLength(4)
  })
})
