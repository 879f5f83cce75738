/** A disk, or somebody, changes bytes of the file: no question is answered wrongly, and none fails as a bug would. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'

import fc from 'fast-check'
import { expect, test } from 'vitest'

import type { TrailReader } from '../../runtime/audit/reader.ts'
import { RunAgentError } from '../../runtime/errors.ts'
import { openTrail, readTrail, temporaryTrail } from '../support/trail.ts'

const RUNS = ['01A', '01B']
const PAGE_BYTES = 4096

async function record(path: string): Promise<Buffer> {
  const trail = openTrail(path)
  for (const run of RUNS) {
    const recorder = trail.beginRun(run)
    await recorder.commit({ kind: 'run.start', data: { agent: '\ufffd', task: `${run} task `.repeat(1500) } })
    for (let ordinal = 0; ordinal < 8; ordinal++)
      recorder.append({
        kind: 'host.request',
        call: '\ufffd',
        ordinal,
        data: { request: {}, text: '\ufffd'.repeat(30) },
      })
    await recorder.commit({ kind: 'run.end', data: { status: 'completed' } })
  }
  await trail.close()
  return readFileSync(path)
}

/** What the reader tells of everything; undefined where it refuses. */
function askAll(reader: TrailReader): readonly unknown[] {
  const questions: readonly (() => unknown)[] = [
    () => reader.runs({ limit: 10 }),
    () => reader.findRun('last'),
    ...RUNS.flatMap((run) => [() => [...reader.events(run)], () => reader.verifyRun(run)]),
    () => [...reader.eventsFrom(0)],
  ]
  return questions.map(unlessRefused)
}

function unlessRefused<T>(ask: () => T): T | undefined {
  try {
    return ask()
  } catch (error) {
    if (error instanceof RunAgentError && ['E_TRAIL', 'E_USAGE'].includes(error.code)) return undefined
    throw error
  }
}

test('whatever bytes are changed, what is whole reads as it was recorded', { timeout: 120_000 }, async () => {
  using at = temporaryTrail()
  const whole = await record(at.path)
  const recorded = readTrail(at.path, askAll)
  // Most damage that SQLite itself meets lies at the head of a page.
  const offset = fc.oneof(fc.nat(120), fc.nat(PAGE_BYTES - 1))
  const change = fc.record({ page: fc.nat(whole.length / PAGE_BYTES - 1), offset, byte: fc.nat(255) })
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
      const damaged = Buffer.from(whole)
      for (const { page, offset, byte } of changes) damaged[page * PAGE_BYTES + offset] = byte
      for (const companion of ['-wal', '-shm']) rmSync(at.path + companion, { force: true })
      writeFileSync(at.path, damaged)
      unlessRefused(() =>
        readTrail(at.path, (reader) => {
          const answers = askAll(reader)
          if (unlessRefused(() => reader.verifyAll())?.ok === true) expect(answers).toEqual(recorded)
        }),
      )
    }),
    { numRuns: 1500 },
  )
})
