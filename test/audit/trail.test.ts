import { spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import Database from 'better-sqlite3'
import { describe, expect, test } from 'vitest'

import type { NewEvent, RunRecorder } from '../../runtime/audit/event.ts'
import { openTrail, readTrail, REAL_CLOCK, temporaryTrail } from '../support/trail.ts'

const SUPPORT = join(import.meta.dirname, '..', 'support')

function intent(ordinal: number): NewEvent {
  return { kind: 'host.request', call: 'call', ordinal, data: { request: { op: 'fs.write', path: 'x' } } }
}

function outcome(ordinal: number): NewEvent {
  return { kind: 'host.outcome', call: 'call', ordinal, data: { outcome: { ok: true } } }
}

function durableEvents(path: string): number {
  const database = new Database(path, { readonly: true })
  try {
    return Number(database.prepare('SELECT count(*) FROM event').pluck().get())
  } finally {
    database.close()
  }
}

describe('recording', () => {
  test('what was recorded is read back, bodies and all', async () => {
    using at = temporaryTrail()
    const trail = openTrail(at.path)
    const recorder = trail.beginRun('one')
    const bytes = new Uint8Array(10_000).fill(7)
    const start = await recorder.commit({ kind: 'run.start', data: { agent: 'a', long: 'x'.repeat(5000) } })
    const ts = recorder.append({ kind: 'host.outcome', call: 'c', ordinal: 0, data: { bytes, nothing: undefined } })
    await recorder.commit({ kind: 'run.end', data: { status: 'completed' } })
    await trail.close()
    const events = readTrail(at.path, (reader) => [...reader.events('one')])
    expect(events).toEqual([
      { run: 'one', seq: 0, runSeq: 0, ts: start, kind: 'run.start', data: { agent: 'a', long: 'x'.repeat(5000) } },
      { run: 'one', seq: 1, runSeq: 1, ts, kind: 'host.outcome', call: 'c', ordinal: 0, data: { bytes } },
      expect.objectContaining({ seq: 2, runSeq: 2, data: { status: 'completed' } }),
    ])
  })

  test('the time of a run never decreases', async () => {
    using at = temporaryTrail()
    const times = [100.7, 90, 120]
    const trail = openTrail(at.path, { clock: { ...REAL_CLOCK, now: () => times.shift() ?? 0 } })
    const recorder = trail.beginRun('one', { events: 0, ts: 50 })
    expect([0, 1, 2].map((ordinal) => recorder.append(outcome(ordinal)))).toEqual([100, 100, 120])
    await trail.close()
  })

  test('events that nobody waits for become durable soon, and at once when the trail closes', async () => {
    using at = temporaryTrail()
    const trail = openTrail(at.path)
    const recorder = trail.beginRun('one')
    await recorder.commit({ kind: 'run.start', data: {} })
    recorder.append(outcome(0))
    expect(durableEvents(at.path)).toBe(1)
    await expect.poll(() => durableEvents(at.path), { timeout: 5000 }).toBe(2)
    recorder.append(outcome(1))
    await trail.close()
    expect(durableEvents(at.path)).toBe(3)
    expect(() => recorder.append(outcome(2))).toThrow(expect.objectContaining({ code: 'E_TRAIL' }))
  })

  test('an intent that is durable makes the outcomes before it durable', async () => {
    using at = temporaryTrail()
    // This clock never rings, so only the order of the queue can carry an outcome to the disk.
    const trail = openTrail(at.path, { clock: { now: () => 0, after: () => () => undefined } })
    const recorder = trail.beginRun('one')
    for (let ordinal = 0; ordinal < 20; ordinal++) {
      await recorder.commit(intent(ordinal))
      expect(durableEvents(at.path)).toBe(2 * ordinal + 1)
      recorder.append(outcome(ordinal))
    }
    await recorder.barrier()
    expect(durableEvents(at.path)).toBe(40)
    await trail.close()
  })

  test('a resumed run goes on after its last event, and no run is recorded twice at once', async () => {
    using at = temporaryTrail()
    const first = openTrail(at.path)
    const ts = await first.beginRun('one').commit({ kind: 'run.start', data: {} })
    await first.close()
    const second = openTrail(at.path)
    await second.beginRun('one', { events: 1, ts }).commit({ kind: 'run.end', data: { status: 'completed' } })
    expect(readTrail(at.path, (reader) => reader.verifyRun('one'))).toEqual({ ok: true, events: 2, ended: true })
    const twice = second.beginRun('one', { events: 1, ts })
    await expect(twice.commit(outcome(0))).rejects.toThrow(/event 1 of run one came where 2 was due/)
    await expect(second.close()).rejects.toThrow(expect.objectContaining({ code: 'E_TRAIL' }))
  })

  test('the head covers everything appended, and continues across openings', async () => {
    using at = temporaryTrail()
    const trail = openTrail(at.path)
    const recorder = trail.beginRun('one')
    expect(await trail.head()).toEqual({
      size: 0,
      root: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    })
    for (let ordinal = 0; ordinal < 7; ordinal++) recorder.append(outcome(ordinal))
    const head = await trail.head()
    await trail.close()
    expect(readTrail(at.path, (reader) => reader.verifyAll(head))).toEqual({
      ok: true,
      ...head,
      runs: 1,
      anchored: true,
    })
    const again = openTrail(at.path)
    expect(await again.head()).toEqual(head)
    await again.close()
  })

  test('an event that cannot be recorded is refused and harms no other', async () => {
    using at = temporaryTrail()
    const trail = openTrail(at.path)
    const recorder = trail.beginRun('one')
    expect(() => recorder.append({ ...outcome(0), call: 'c'.repeat(1025) })).toThrow(/the name of a call is longer/)
    await expect(recorder.commit({ kind: 'log', data: { text: (() => 1) as unknown as string } })).rejects.toThrow(
      /function/,
    )
    await recorder.commit(outcome(0))
    await trail.close()
    expect(durableEvents(at.path)).toBe(1)
  })

  test('the file and its triggers refuse to be changed', async () => {
    using at = temporaryTrail()
    const trail = openTrail(at.path)
    await trail.beginRun('one').commit({ kind: 'run.start', data: { long: 'x'.repeat(5000) } })
    await trail.close()
    const database = new Database(at.path)
    for (const sql of [
      "UPDATE event SET kind = 'log'",
      'DELETE FROM event',
      "UPDATE body SET bytes = x''",
      'DELETE FROM body',
    ]) {
      expect(() => database.exec(sql)).toThrow(/only appended to/)
    }
    database.close()
  })
})

describe('failures', () => {
  test('a full disk fails every later commit, and nothing before it is lost', async () => {
    using at = temporaryTrail()
    const trail = openTrail(at.path, { pagesMax: 64 })
    const recorder = trail.beginRun('one')
    let durable = 0
    const fill = async (): Promise<void> => {
      for (let ordinal = 0; ordinal < 1000; ordinal++) {
        await recorder.commit({ kind: 'log', call: 'c', data: { text: String(ordinal).repeat(1000) } })
        durable += 1
      }
    }
    await expect(fill()).rejects.toThrow(
      expect.objectContaining({ code: 'E_TRAIL', message: expect.stringMatching(/disk is full/) }),
    )
    expect(durable).toBeGreaterThan(5)
    expect(recorder.append(outcome(0))).toBeGreaterThan(0)
    const full = expect.objectContaining({ code: 'E_TRAIL', hint: expect.stringMatching(/Free some space/) })
    await expect(recorder.barrier()).rejects.toThrow(full)
    await expect(recorder.commit(outcome(1))).rejects.toThrow(full)
    await expect(trail.head()).rejects.toThrow(full)
    await expect(trail.close()).rejects.toThrow(full)
    expect(durableEvents(at.path)).toBe(durable)
    expect(readTrail(at.path, (reader) => reader.verifyAll().ok)).toBe(true)
  })

  test.each<[string, (path: string) => void, RegExp]>([
    ['a file of something else', (path) => new Database(path).exec('CREATE TABLE t (a)').close(), /is not a trail/],
    ['a file that is no database', (path) => copyFileSync(process.execPath, path), /is not a trail/],
    ['a folder', (path) => mkdirSync(path), /cannot be opened|EISDIR/],
    ['a later format', (path) => later(path), /has format 2, not 1/],
  ])('%s fails at the first commit', async (_, make, message) => {
    using at = temporaryTrail()
    make(at.path)
    const record = async (): Promise<void> => {
      const trail = openTrail(at.path)
      try {
        await trail.beginRun('one').commit({ kind: 'run.start', data: {} })
      } finally {
        await trail.close().catch(() => undefined)
      }
    }
    await expect(record()).rejects.toThrow(message)
  })
})

function later(path: string): void {
  const database = new Database(path)
  database.exec('CREATE TABLE t (a)')
  database.pragma(`application_id = ${0x52414754}`)
  database.pragma('user_version = 2')
  database.close()
}

describe('processes', () => {
  test(
    'a killed process leaves a whole trail and no effect without a durable intent',
    { timeout: 180_000 },
    async () => {
      using at = temporaryTrail()
      const effects = join(at.folder, 'effects')
      mkdirSync(effects)
      let inDoubt = 0
      for (let kill = 0; kill < 32; kill++) {
        const run = `run-${kill}`
        const child = spawn(process.execPath, [join(SUPPORT, 'trail-victim.ts'), at.path, run, effects])
        const dead = new Promise<void>((resolve) => child.once('exit', () => resolve()))
        while (!existsSync(join(effects, `${run}.1`)) && child.exitCode === null) await sleep(2)
        await sleep(Math.random() * 30)
        child.kill('SIGKILL')
        await dead
        readTrail(at.path, (reader) => {
          const seen = [...reader.events(run)].slice(1).map(({ kind, ordinal }) => `${kind} ${ordinal}`)
          // Each intent is followed by its outcome; only the last may lack one.
          const due = seen.map(
            (_, index) => `${index % 2 === 0 ? 'host.request' : 'host.outcome'} ${Math.floor(index / 2)}`,
          )
          expect(seen).toEqual(due)
          const intents = Math.ceil(seen.length / 2)
          inDoubt += seen.length % 2
          const done = readdirSync(effects).filter((name) => name.startsWith(`${run}.`)).length
          expect(done).toBeGreaterThan(1)
          expect(intents).toBeGreaterThanOrEqual(done)
          expect(reader.verifyRun(run)).toMatchObject({ ok: true, ended: false })
        })
      }
      expect(readTrail(at.path, (reader) => reader.verifyAll())).toMatchObject({ ok: true, runs: 32 })
      expect(inDoubt).toBeGreaterThan(0)
    },
  )

  test('several processes write to one file at once', { timeout: 60_000 }, async () => {
    using at = temporaryTrail()
    const codes = await Promise.all(
      ['a', 'b', 'c', 'd'].map((prefix) => {
        const child = spawn(process.execPath, [join(SUPPORT, 'trail-author.ts'), at.path, prefix, '8'], {
          stdio: 'inherit',
        })
        return new Promise((resolve) => child.once('exit', resolve))
      }),
    )
    expect(codes).toEqual([0, 0, 0, 0])
    readTrail(at.path, (reader) => {
      expect(reader.verifyAll()).toMatchObject({ ok: true, size: 4 * 8 * 42, runs: 32 })
      expect(reader.runs({ limit: 100 })).toEqual(
        Array.from({ length: 32 }, () => expect.objectContaining({ status: 'completed', events: 42 })),
      )
    })
  })
})

describe('size', () => {
  /** Records a conversation whose transcript grows by one message a turn; the file's size. */
  async function converse(turns: number): Promise<number> {
    using at = temporaryTrail()
    const trail = openTrail(at.path)
    const recorder = trail.beginRun('one')
    const instructions = 'Be careful. '.repeat(1000)
    for (let turn = 0; turn < turns; turn++) await takeTurn(recorder, turn, instructions)
    await trail.close()
    return statSync(at.path).size
  }

  test('100 model requests over a growing transcript take linear space', async () => {
    const [few, many] = [await converse(50), await converse(100)]
    expect(many / few).toBeLessThan(2.2)
    // 2,000 bytes a message; a transcript copied into each request would take 10 MB.
    expect(many).toBeLessThan(600_000)
  })
})

async function takeTurn(recorder: RunRecorder, turn: number, instructions: string): Promise<void> {
  recorder.append({ kind: 'message', data: { index: turn, item: { role: 'user', content: `${turn} `.repeat(500) } } })
  await recorder.commit({ kind: 'model.request', data: { turn, messages: [0, turn + 1], instructions, tools: [] } })
  recorder.append({ kind: 'model.response', data: { turn, ok: true, items: [] } })
}
