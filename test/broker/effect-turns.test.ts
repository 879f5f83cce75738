/** Cheap effects share a turn of the event loop, and no more of them than a deadline can wait for. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { openWorkspace } from '../../runtime/broker/workspace.ts'
import { createWorldPerform } from '../../runtime/broker/world.ts'
import { EFFECTS_PER_TURN_MAX } from '../../runtime/limits.ts'
import { nodeFileHost } from '../../runtime/node-files.ts'
import type { Clock } from '../../runtime/ports.ts'
import { grantOf } from '../support/grants.ts'
import { NO_WEB } from '../support/no-web.ts'
import { makeTree } from '../support/tree.ts'

const READS = 3 * EFFECTS_PER_TURN_MAX
const grant = grantOf({ read: ['**'] })
const permit = { kind: 'permit', rule: '**', place: 'probe.yaml:1:1' } as const

/** How many of the reads, asked for at once, were performed after each turn. */
async function progress(now: () => number, ended: AbortSignal, afterTurn: () => void = () => undefined) {
  using tree = makeTree(['f=text'])
  using workspace = openWorkspace(nodeFileHost, tree.path)
  const clock: Clock = { now, after: () => () => undefined }
  const perform = createWorldPerform(workspace, clock, NO_WEB)
  const order: number[] = []
  const settled: number[] = []
  const all = Array.from({ length: READS }, (_, ordinal) =>
    perform({ call: 'call', ordinal, ended }, grant, { op: 'fs.read', path: 'f' }, permit, () => permit)
      .then(
        () => void order.push(ordinal),
        () => undefined,
      )
      .then(() => settled.push(ordinal)),
  )
  const turns: number[] = []
  while (settled.length < all.length) {
    await nextTurn()
    turns.push(order.length)
    afterTurn()
  }
  await Promise.all(all)
  expect(order).toEqual(order.toSorted((one, other) => one - other))
  return { turns, performed: order.length }
}

const lasting = new AbortController().signal

test('many share a turn, in their order, up to a number where the clock stands still', async () => {
  const { turns, performed } = await progress(() => 0, lasting)
  expect(performed).toBe(READS)
  expect(turns.filter((count, index) => count !== turns[index - 1])).toEqual(
    expect.arrayContaining([EFFECTS_PER_TURN_MAX, 2 * EFFECTS_PER_TURN_MAX, READS]),
  )
})

test('where each takes long, each has a turn of its own', async () => {
  let now = 0
  const { turns } = await progress(() => (now += 10), lasting)
  expect(turns.length).toBeGreaterThanOrEqual(READS)
})

test('what a call that has ended still wanted is not done', async () => {
  const controller = new AbortController()
  const { performed } = await progress(
    () => 0,
    controller.signal,
    () => controller.abort(),
  )
  expect(performed).toBeLessThanOrEqual(EFFECTS_PER_TURN_MAX)
})
