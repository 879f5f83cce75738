/**
 * Every limit of a call: at it the call goes on, over it the outcome has the limit's name. What counts exactly is
 * tested exactly; what the machine measures (heap, time) well below and well above.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  BUNDLE_BYTES_MAX,
  BUNDLE_FILE_BYTES_MAX,
  FILE_READ_BYTES_MAX,
  FILE_WRITE_BYTES_MAX,
  LIST_ENTRIES_MAX,
  REQUESTS_IN_FLIGHT_MAX,
  REQUESTS_UNDER_WAY_CHARS_MAX,
  SANDBOX_BASE_BYTES,
  SANDBOX_WATCH_MS,
  SANDBOX_YOUNG_BYTES,
  TOOL_ARGUMENTS_BYTES_MAX,
  TOOL_LOG_LINES_MAX,
} from '../../runtime/limits.ts'
import { nodeFileHost } from '../../runtime/node-files.ts'
import type { ProcessHost } from '../../runtime/ports.ts'
import { encodeFrame, FRAME } from '../../runtime/sandbox/frames.ts'
import type { GuestLimits } from '../../runtime/sandbox/guest-run.ts'
import type { Sandbox } from '../../runtime/sandbox/sandbox.ts'
import { bundleFolder } from '../support/bundling.ts'
import { act } from '../support/file-requests.ts'
import { grantOf } from '../support/grants.ts'
import { liar } from '../support/lying-child.ts'
import {
  callOf,
  ok,
  openSandbox,
  play,
  processes,
  toolOf,
  valueOf,
  type Answer,
  type Played,
} from '../support/sandbox.ts'
import { callTool } from '../support/tool-call.ts'
import { makeTree } from '../support/tree.ts'

const MEGABYTE = 1024 * 1024
const MARKER = 'limit log reached; nothing more is recorded'

let sandbox: Sandbox
beforeAll(async () => {
  sandbox = await openSandbox({ outerWall: false })
})
afterAll(() => sandbox.close())

const run = (body: string, limits: Partial<GuestLimits> = {}, answer?: Answer): Promise<Played> =>
  play(sandbox, callOf(toolOf(body), { limits: { wallMs: 20_000, cpuMs: 20_000, ...limits } }), answer)

const killed = (cause: string, message: string): object => ({ kind: 'killed', cause, message })

describe('what the machine measures', () => {
  test('memory: the heap', { timeout: 30_000 }, async () => {
    const fill = (count: number): string =>
      `const held = []; for (let i = 0; i < ${count}; i++) held.push(new Array(1e6).fill(i)); return held.length`
    // Eight megabytes each.
    expect(valueOf(await run(fill(4)))).toBe(4)
    expect((await run(fill(20))).end).toMatchObject({ kind: 'killed', cause: 'memory' })
  })

  test.each([
    ['at', 0, { kind: 'ok', value: null }],
    ['over', 1, killed('memory', 'the call needed more memory than it may')],
  ])('memory: the resident memory of the process, %s the limit', { timeout: 30_000 }, async (_name, above, end) => {
    const memoryBytes = 64 * MEGABYTE
    let resident = 0
    const host: ProcessHost = {
      ...processes,
      spawnSandbox: (command) => ({ ...processes.spawnSandbox(command), residentBytes: () => resident }),
    }
    const watched = await openSandbox({ outerWall: false, processes: host })
    const call = callOf(toolOf("await require('fs/promises').stat('a').catch(() => 0); return null"), {
      limits: { memoryBytes },
    })
    const played = await play(watched, call, async () => {
      resident = SANDBOX_BASE_BYTES + memoryBytes + SANDBOX_YOUNG_BYTES + above
      await new Promise((resolve) => setTimeout(resolve, 8 * SANDBOX_WATCH_MS))
      return ok(null)
    })
    expect(played.end).toMatchObject(end)
    watched.close()
  })

  test('cpu: the time that the processor works for it', { timeout: 30_000 }, async () => {
    expect(valueOf(await run('let sum = 0; for (let i = 0; i < 1e6; i++) sum += i; return 1', { cpuMs: 3_000 }))).toBe(
      1,
    )
    expect((await run('for (;;);', { cpuMs: 300 })).end).toMatchObject(
      killed('cpu', 'the call used more than 300 ms of CPU time'),
    )
  })

  test('timeout: the time by the clock, waiting included', { timeout: 30_000 }, async () => {
    const body = "await require('fs/promises').readlink('a').catch(() => 0); return 1"
    const late: Answer = async () => {
      await new Promise((resolve) => setTimeout(resolve, 300))
      return ok('x')
    }
    expect(valueOf(await run(body, { wallMs: 10_000 }, late))).toBe(1)
    expect((await run(body, { wallMs: 150 }, late)).end).toMatchObject(
      killed('timeout', 'the call ran longer than 150 ms'),
    )
  })

  test('the stack: a RangeError within the tool, and the call goes on', async () => {
    const { end } = await run(
      'const deep = (n) => (n === 0 ? 0 : 1 + deep(n - 1)); const shallow = deep(1000);' +
        ' try { deep(1e7) } catch (e) { await new Promise((r) => setTimeout(r)); return [shallow, e.name] }',
    )
    expect(end).toMatchObject({ kind: 'ok', value: [1000, 'RangeError'] })
  })
})

describe('what a call gives', () => {
  test('result: its JSON', async () => {
    // Two quotes are part of it.
    expect(valueOf(await run("return 'x'.repeat(998)", { resultBytesMax: 1000 }))).toHaveLength(998)
    expect((await run("return 'x'.repeat(999)", { resultBytesMax: 1000 })).end).toMatchObject(
      killed('result', 'the result is 1001 bytes; the limit is 1000'),
    )
  })

  test('log: bytes', async () => {
    const print = (length: number): string => `console.log('x'.repeat(${length})); console.log('more'); return 1`
    const whole = await run(print(99), { logBytesMax: 100 })
    expect(whole.logs[0]).toBe(`log: ${'x'.repeat(99)}`)
    const cut = await run(print(101), { logBytesMax: 100 })
    expect(cut.logs).toEqual([`log: ${'x'.repeat(100)} … (${MARKER})`])
    expect(valueOf(cut)).toBe(1)
  })

  test('log: lines', { timeout: 30_000 }, async () => {
    const print = (count: number): string => `for (let i = 0; i < ${count}; i++) console.log(''); return 1`
    const whole = await run(print(TOOL_LOG_LINES_MAX))
    expect(whole.logs).toHaveLength(TOOL_LOG_LINES_MAX)
    expect(whole.logs.join('')).not.toContain(MARKER)
    const cut = await run(print(TOOL_LOG_LINES_MAX + 50))
    expect(cut.logs).toHaveLength(TOOL_LOG_LINES_MAX + 1)
    expect(cut.logs.at(-1)).toBe(`log: … (${MARKER})`)
    expect(valueOf(cut)).toBe(1)
  })

  test('log: lines of a process that lies', { timeout: 30_000 }, async () => {
    const printed = (count: number): Promise<Played> =>
      playLie((call) => [
        ...Array.from({ length: count }, () => encodeFrame(FRAME.log, call, 0, 'log\n')),
        encodeFrame(FRAME.end, call, 0, '{"kind":"ok","value":1}'),
      ])
    expect(valueOf(await printed(4 * TOOL_LOG_LINES_MAX))).toBe(1)
    expect((await printed(4 * TOOL_LOG_LINES_MAX + 1)).end).toMatchObject({ kind: 'killed', cause: 'crash' })
  })
})

describe('what a call asks', () => {
  test('requests: all of them', async () => {
    const ask = (count: number): string =>
      `for (let i = 0; i < ${count}; i++) await new Promise((r) => setTimeout(r)); return 1`
    expect(valueOf(await run(ask(3), { requestsMax: 3 }))).toBe(1)
    expect((await run(ask(4), { requestsMax: 3 })).end).toMatchObject({
      ...killed('requests', 'the call made more than 3 requests'),
      requests: 3,
    })
  })

  test('in-flight: those that wait for their answer', { timeout: 60_000 }, async () => {
    const ask = (count: number): string =>
      `await Promise.all(Array.from({ length: ${count} }, () => new Promise((r) => setTimeout(r)))); return 1`
    const limits = { requestsMax: 2 * REQUESTS_IN_FLIGHT_MAX + 10 }
    const all = Promise.withResolvers<void>()
    const whenAllCame: Answer = async (_request, ordinal) => {
      if (ordinal === REQUESTS_IN_FLIGHT_MAX - 1) all.resolve()
      await all.promise
      return ok()
    }
    expect(valueOf(await run(ask(REQUESTS_IN_FLIGHT_MAX), limits, whenAllCame))).toBe(1)
    const { end, requests } = await run(ask(REQUESTS_IN_FLIGHT_MAX + 1), limits, () => undefined)
    expect(end).toMatchObject(
      killed('in-flight', `the call has more than ${REQUESTS_IN_FLIGHT_MAX} requests in flight`),
    )
    expect(requests).toHaveLength(REQUESTS_IN_FLIGHT_MAX)
    // Those that were answered do not count.
    const turns = `for (let i = 0; i < 2; i++) await (async () => { ${ask(REQUESTS_IN_FLIGHT_MAX).replace('return 1', '')} })(); return 1`
    expect(valueOf(await run(turns, limits))).toBe(1)
  })

  test('in-flight: of a process that lies', { timeout: 30_000 }, async () => {
    const asked = (count: number): Promise<Played> =>
      playLie((call) => [
        ...Array.from({ length: count }, (_, ordinal) =>
          encodeFrame(FRAME.request, call, ordinal, '{"op":"timer","delayMs":1}'),
        ),
        encodeFrame(FRAME.end, call, 0, '{"kind":"ok","value":1}'),
      ])
    expect(valueOf(await asked(REQUESTS_IN_FLIGHT_MAX))).toBe(1)
    expect((await asked(REQUESTS_IN_FLIGHT_MAX + 1)).end).toMatchObject(
      killed('in-flight', `the call has more than ${REQUESTS_IN_FLIGHT_MAX} requests under way`),
    )
  })

  test('requests: the characters of those that wait for their answer', { timeout: 30_000 }, async () => {
    const size = REQUESTS_UNDER_WAY_CHARS_MAX / 6
    const asked = (extra: string): Promise<Played> =>
      playLie((call) => [
        ...Array.from({ length: 6 }, (_, ordinal) =>
          encodeFrame(FRAME.request, call, ordinal, 'x'.repeat(size) + (ordinal === 5 ? extra : '')),
        ),
        encodeFrame(FRAME.end, call, 0, '{"kind":"ok","value":1}'),
      ])
    expect(valueOf(await asked(''))).toBe(1)
    expect((await asked('x')).end).toMatchObject(
      killed('requests', `the call has requests of more than ${REQUESTS_UNDER_WAY_CHARS_MAX} characters under way`),
    )
  })

  test('a file read, a file written, a folder listed', () => {
    using tree = makeTree(['f=', 'd/'])
    const grant = grantOf({ read: ['**'], write: ['**'] })
    const codeOf = (performed: ReturnType<typeof act>): string =>
      performed.outcome.ok ? 'ok' : `${performed.outcome.error.code} ${performed.outcome.error.message}`
    const write = (bytes: number) =>
      act(tree.path, grant, { op: 'fs.write', path: 'f', data: new Uint8Array(bytes), how: 'append' })
    expect(codeOf(write(FILE_WRITE_BYTES_MAX))).toBe('ok')
    expect(codeOf(act(tree.path, grant, { op: 'fs.read', path: 'f' }))).toBe('ok')
    expect(codeOf(write(1))).toBe('ok')
    expect(FILE_READ_BYTES_MAX).toBe(FILE_WRITE_BYTES_MAX)
    expect(codeOf(act(tree.path, grant, { op: 'fs.read', path: 'f' }))).toContain(
      'E_LIMIT E_LIMIT: FILE_READ_BYTES_MAX',
    )
    const list = (count: number) => {
      const entries = Array.from({ length: count }, (_, index) => ({ name: `f${index}`, type: 'file' as const }))
      return act(tree.path, grant, { op: 'fs.list', path: 'd' }, { ...nodeFileHost, list: () => entries })
    }
    expect(codeOf(list(LIST_ENTRIES_MAX))).toBe('ok')
    expect(codeOf(list(LIST_ENTRIES_MAX + 1))).toContain('E_LIMIT E_LIMIT: LIST_ENTRIES_MAX')
  })
})

describe('what a call is given', () => {
  test('arguments: refused before there is a sandbox', async () => {
    const argumentsOf = (bytes: number): string => JSON.stringify('é'.repeat((bytes - 2) / 2))
    const at = await callTool(argumentsOf(TOOL_ARGUMENTS_BYTES_MAX))
    expect(at).toMatchObject({ played: 1, item: { status: 'completed', output: 1 }, denied: [] })
    const over = await callTool(argumentsOf(TOOL_ARGUMENTS_BYTES_MAX + 2))
    const message = `limit arguments: the arguments are ${TOOL_ARGUMENTS_BYTES_MAX + 2} bytes; the limit is ${TOOL_ARGUMENTS_BYTES_MAX}`
    expect(over).toMatchObject({
      played: 0,
      item: {
        status: 'incomplete',
        output: { error: { name: 'InvalidArguments', code: 'E_LIMIT_ARGUMENTS', message } },
      },
      denied: [],
      events: [
        { kind: 'tool.call', data: { decision: { kind: 'permit' } } },
        { kind: 'tool.outcome', data: { end: { kind: 'failed', requests: 0 } } },
      ],
    })
  })

  test('its bundle', { timeout: 60_000 }, async () => {
    const parts = Math.ceil(BUNDLE_BYTES_MAX / BUNDLE_FILE_BYTES_MAX) + 1
    const bundled = (bytes: number) => {
      const tree = makeTree([])
      const names = Array.from({ length: parts }, (_, index) => `part${index}`)
      for (const name of names)
        writeFileSync(join(tree.path, `${name}.ts`), `export const ${name} = '${'x'.repeat(bytes / parts)}'`)
      const imports = names.map((name) => `import { ${name} } from './${name}.ts'`).join('\n')
      writeFileSync(join(tree.path, 'tool.ts'), `${imports}\nexport default [${names.join(', ')}].join('').length`)
      return tree
    }
    using fits = bundled(BUNDLE_BYTES_MAX - 10_000)
    expect((await bundleFolder(fits.path)).code.length).toBeGreaterThan(BUNDLE_BYTES_MAX - 10_000)
    using tooLarge = bundled(BUNDLE_BYTES_MAX)
    await expect(bundleFolder(tooLarge.path)).rejects.toThrow(`its bundle is larger than ${BUNDLE_BYTES_MAX} bytes`)
  })
})

/** A call in a process that answers its start with these frames; its requests are never answered. */
async function playLie(frames: (call: number) => readonly Uint8Array[]): Promise<Played> {
  const lying = await openSandbox({ outerWall: false, processes: { ...processes, spawnSandbox: () => liar(frames) } })
  const logs: string[] = []
  const { ended } = lying.run(callOf(toolOf('return 1')), {
    onRequest: () => undefined,
    onLog: (level, text) => void logs.push(`${level}: ${text}`),
  })
  const end = await ended
  lying.close()
  return { end, logs, requests: [], ms: 0 }
}
