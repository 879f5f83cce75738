import { join } from 'node:path'

import { expect, test } from 'vitest'

import { TrailReader } from '../../runtime/audit/reader.ts'
import { openTrail, readTrail, tamper, tamperTypes, temporaryTrail } from '../support/trail.ts'

async function record(path: string): Promise<void> {
  const trail = openTrail(path)
  const one = trail.beginRun('01AAAA1111')
  await one.commit({
    kind: 'run.start',
    data: { agent: 'reviewer', user: 'ada', playedBy: 'script', process: { pid: 7, startTime: '99' } },
  })
  for (const kind of ['permit', 'deny']) {
    one.append({ kind: 'tool.call', call: kind, data: { tool: 't', arguments: '"deny"', decision: { kind } } })
    one.append({ kind: 'host.request', call: kind, ordinal: 0, data: { request: {}, decision: { kind } } })
    one.append({
      kind: 'host.outcome',
      call: kind,
      ordinal: 0,
      data: { outcome: { decision: { kind: 'deny' } }, decision: { kind } },
    })
  }
  one.append({ kind: 'log', call: 'permit', data: { decision: { kind: 'deny' } } })
  await one.commit({ kind: 'run.end', data: { status: 'budget_exceeded' } })
  await trail.beginRun('01AAAA2222').commit({ kind: 'run.start', data: { process: { pid: 8, startTime: '99' } } })
  await trail.beginRun('01BBBB3333').commit({ kind: 'run.start', data: {} })
  await trail.close()
}

test('the list of runs', async () => {
  using at = temporaryTrail()
  await record(at.path)
  const reader = TrailReader.open(at.path, { isAlive: (pid, startTime) => pid === 8 && startTime === '99' })
  const runs = reader.runs({ limit: 10 }).flatMap((run) => ('why' in run ? [] : [run]))
  expect(runs.map(({ id, status }) => [id, status])).toEqual([
    ['01BBBB3333', 'crashed'],
    ['01AAAA2222', 'running'],
    ['01AAAA1111', 'budget_exceeded'],
  ])
  expect(runs[2]).toMatchObject({ agent: 'reviewer', user: 'ada', playedBy: 'script', events: 9, calls: 2, denied: 3 })
  expect(runs[2]?.endedMs).toBeGreaterThanOrEqual(runs[2]?.startedMs ?? Infinity)
  expect(reader.runs({ limit: 1 })).toHaveLength(1)
  reader.close()
})

test('a run is found by its id, by the beginning of it, or as the last', async () => {
  using at = temporaryTrail()
  await record(at.path)
  readTrail(at.path, (reader) => {
    expect(['last', '01b', '01aaaa1', '01AAAA2222'].map((text) => reader.findRun(text))).toEqual([
      '01BBBB3333',
      '01BBBB3333',
      '01AAAA1111',
      '01AAAA2222',
    ])
    expect(() => reader.findRun('01aa')).toThrow(
      expect.objectContaining({ code: 'E_USAGE', hint: 'Candidates: 01AAAA2222, 01AAAA1111' }),
    )
    expect(() => reader.findRun('%')).toThrow(
      expect.objectContaining({ code: 'E_USAGE', message: 'no run starts with %' }),
    )
    expect([...reader.events('none')]).toEqual([])
    expect(() => reader.verifyRun('none')).toThrow(/holds no run none/)
  })
})

test.each<[string, (path: string) => void, RegExp]>([
  ['data', (path) => tamper(path, "UPDATE event SET data = '{' WHERE seq = 0"), /no JSON/],
  ['end', (path) => tamper(path, "UPDATE event SET data = 'null' WHERE seq = 8"), /no object/],
  [
    'kind',
    (path) => tamperTypes(path, 'UPDATE event SET kind = CAST(kind AS BLOB) WHERE seq = 0'),
    /event 0.*its kind/,
  ],
  ['id', (path) => tamperTypes(path, 'UPDATE event SET run = CAST(run AS BLOB) WHERE seq = 0'), /event 0.*its run/],
])('a run whose %s is damaged is listed as damaged, and the others as they are', async (_, damage, why) => {
  using at = temporaryTrail()
  await record(at.path)
  damage(at.path)
  readTrail(at.path, (reader) => {
    expect(reader.runs({ limit: 10 })).toEqual([
      expect.objectContaining({ id: '01BBBB3333', status: 'crashed' }),
      expect.objectContaining({ id: '01AAAA2222', status: 'crashed' }),
      { id: '01AAAA1111', status: 'damaged', why: expect.stringMatching(why) },
    ])
  })
})

test('a missing trail and an empty one say so', async () => {
  using at = temporaryTrail()
  for (const missing of ['none.db', 'none/none.db']) {
    expect(() => TrailReader.open(join(at.folder, missing), { isAlive: () => false })).toThrow(
      expect.objectContaining({ code: 'E_TRAIL', hint: expect.stringMatching(/--audit/) }),
    )
  }
  const trail = openTrail(at.path)
  await trail.head()
  readTrail(at.path, (reader) => {
    expect(reader.runs({ limit: 1 })).toEqual([])
    expect(() => reader.findRun('last')).toThrow(/holds no run yet/)
    expect(reader.verifyAll()).toMatchObject({ ok: true, size: 0, runs: 0 })
  })
  await trail.close()
})

test('long runs are read in pages, beside a writer', async () => {
  using at = temporaryTrail()
  const trail = openTrail(at.path)
  const recorder = trail.beginRun('one')
  for (let ordinal = 0; ordinal < 600; ordinal++) recorder.append({ kind: 'log', ordinal, data: {} })
  await recorder.barrier()
  readTrail(at.path, (reader) => {
    expect(Array.from(reader.events('one'), ({ runSeq }) => runSeq)).toEqual(
      Array.from({ length: 600 }, (_, index) => index),
    )
  })
  await trail.close()
})
