/**
 * `npm run wpt [-- FOLDER…] [-- --failures]`: plays the Web Platform Tests that apply to a guest and prints a table.
 * Downloads them (30 MB) where they are not here yet.
 */
import { openSandbox } from '../support/sandbox.ts'
import { findTests } from './archive.ts'
import { playSuite, SUITES, tableOf, type PlayedSuite } from './suites.ts'

const words = process.argv.slice(2)
const showsFailures = words.includes('--failures')
const asked = words.filter((word) => !word.startsWith('--'))
const root = findTests(true)
if (root === undefined)
  throw new Error("the tests are not here, and Debian's source package of nodejs was not to be had")

const sandbox = await openSandbox({ outerWall: false })
const suites: PlayedSuite[] = []
for (const folder of asked.length === 0 ? SUITES : asked) {
  const suite = await playSuite(sandbox, root, folder)
  suites.push(suite)
  if (showsFailures) for (const failure of suite.failures) console.log(failure.slice(0, 300))
}
sandbox.close()
console.log(tableOf(suites))
