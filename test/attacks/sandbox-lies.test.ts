/** Processes that lie over their pipe: the host keeps its memory and its promises, and ends the call in time. */
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { nodeClock } from '../../runtime/node-processes.ts'
import type { Clock, ProcessHost } from '../../runtime/ports.ts'
import { FRAME_BYTES_MAX, SANDBOX_START_MS } from '../../runtime/limits.ts'
import { callOf, ok, openSandbox, play, processes, toolOf } from '../support/sandbox.ts'

const liar = fileURLToPath(new URL('../support/lying-process.mjs', import.meta.url))
const WALL_MS = 1500
/** The largest frame is held as chunks, as bytes and as text until it is judged. */
const HOST_GROWTH_BYTES = 4 * FRAME_BYTES_MAX
/** What may wait for a process that does not read; see limits.ts. */
const BACKLOG_BYTES = 200 * 1024 * 1024

function lying(plot: string): ProcessHost {
  return {
    ...processes,
    spawnSandbox: () => processes.spawnSandbox({ file: processes.nodePath, args: [liar, 'addon', plot] }),
  }
}

/** Waits no ten seconds for a process that never comes up. */
const hasty: Clock = {
  ...nodeClock,
  after: (delayMs, callback) => nodeClock.after(delayMs === SANDBOX_START_MS ? 500 : delayMs, callback),
}

describe('a sandbox process that lies', () => {
  test.each<[plot: string, end: object]>([
    ['drip', { kind: 'killed', cause: 'timeout' }],
    ['flood of idles', { kind: 'killed', cause: 'timeout' }],
    ['flood of prints', { kind: 'killed', cause: 'crash' }],
    ['flood of empty prints', { kind: 'killed', cause: 'crash' }],
    ['flood for another call', { kind: 'killed', cause: 'crash' }],
    ['flood of requests', { kind: 'killed', cause: 'crash' }],
    ['one large print', { kind: 'killed', cause: 'crash' }],
    ['replay', { kind: 'killed', cause: 'crash' }],
    ['half a frame', { kind: 'killed', cause: 'timeout' }],
    ['a closed pipe', { kind: 'killed' }],
    ['noise', { kind: 'killed', cause: 'crash' }],
    ['a cause of its own', { kind: 'killed', cause: 'crash' }],
    ['a deep result', { kind: 'ok' }],
    ['a result with __proto__', { kind: 'killed', cause: 'crash' }],
    ['a result over its limit', { kind: 'killed', cause: 'crash' }],
    ['the end twice', { kind: 'ok', value: 1 }],
    ['an exit', { kind: 'killed', cause: 'crash' }],
    ['an abort', { kind: 'killed', cause: 'crash' }],
    ['silence', { kind: 'killed', cause: 'sandbox' }],
    ['a call before ready', { kind: 'killed', cause: 'sandbox' }],
    ['no life at all', { kind: 'killed', cause: 'sandbox' }],
  ])('%s', { timeout: 20_000 }, async (plot, expected) => {
    const sandbox = await openSandbox({ outerWall: false, processes: lying(plot), clock: hasty })
    const before = process.memoryUsage.rss()
    const call = callOf(toolOf('return 1'), { limits: { wallMs: WALL_MS, requestsMax: 1000 } })
    const { end, ms, requests, logs } = await play(sandbox, call, () => undefined)
    const grown = process.memoryUsage.rss() - before
    sandbox.close()
    expect(end).toMatchObject(expected)
    expect(ms).toBeLessThan(WALL_MS + 1500)
    expect(grown).toBeLessThan(HOST_GROWTH_BYTES)
    expect(requests.length).toBeLessThanOrEqual(1000)
    expect(logs.length).toBeLessThanOrEqual(4 * call.limits.logBytesMax)
    expect(logs.join('').length).toBeLessThanOrEqual(4 * call.limits.logBytesMax + 2 * logs.length)
  })

  test('one that asks and never reads is ended before its answers fill the host', { timeout: 20_000 }, async () => {
    const sandbox = await openSandbox({ outerWall: false, processes: lying('nothing read'), clock: hasty })
    const answer = ok('x'.repeat(2 * 1024 * 1024))
    const before = process.memoryUsage.rss()
    const call = callOf(toolOf('return 1'), { limits: { wallMs: 8000 } })
    const { end, requests } = await play(sandbox, call, () => answer)
    expect(process.memoryUsage.rss() - before).toBeLessThan(2 * BACKLOG_BYTES)
    sandbox.close()
    expect(end).toMatchObject({
      kind: 'killed',
      cause: 'crash',
      message: expect.stringContaining('not read') as string,
    })
    expect(requests.length).toBeLessThan(400)
  })
})
