/** The Web Platform Tests that apply to a guest (`npm run wpt` prints the whole of it). */
import { afterAll, describe, expect, test } from 'vitest'
import { openSandbox } from '../support/sandbox.ts'
import { findTests } from './archive.ts'
import { playSuite, SUITES } from './suites.ts'

/** What is less than this is a mistake of ours; the rest is what the standards have changed since the archive. */
const SHARE_MIN = 0.97

// apt asks for a user who may; on such a machine, often one of CI, they are fetched once.
const root = findTests(process.getuid?.() === 0)
const why = "the tests are not here, nor to be had from Debian: 'npm run wpt' fetches them, or RUN_AGENT_WPT names them"

describe.skipIf(root === undefined)(`Web Platform Tests${root === undefined ? ` (${why})` : ''}`, () => {
  const opened = root === undefined ? undefined : openSandbox({ outerWall: false })
  afterAll(async () => (await opened)?.close())

  test.each(SUITES)('%s', { timeout: 120_000 }, async (folder) => {
    if (opened === undefined || root === undefined) throw new Error(why)
    const { subtests, passed, failures } = await playSuite(await opened, root, folder)
    expect(subtests).toBeGreaterThan(4)
    expect(passed / subtests, failures.join('\n').slice(0, 4_000)).toBeGreaterThan(SHARE_MIN)
  })
})
