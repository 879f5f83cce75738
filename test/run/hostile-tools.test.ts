/** Tools that do their worst: the script hears what happened, the run goes on, and the run can be replayed. */
import { expect, test } from 'vitest'
import { agentFiles, openDesk } from '../support/program.ts'

interface Heard {
  readonly value?: unknown
  readonly name?: string
  readonly code?: string
  readonly message?: string
}

const TOOLS = {
  throws: { body: "throw Object.assign(new TypeError('no such thing'), { code: 'E_MINE' })" },
  throws_nothing: { body: 'throw undefined' },
  throws_trap: { body: 'throw { get message() { throw 1 }, toString() { throw 2 } }' },
  loops: { rights: 'limits: { timeout: 300ms }', body: 'for (;;) {}' },
  loops_later: {
    rights: 'limits: { timeout: 300ms }',
    body: 'await new Promise((r) => setTimeout(r, 5)); for (;;) {}',
  },
  microtasks: { rights: 'limits: { timeout: 300ms }', body: 'for (;;) await null' },
  sleeps: { rights: 'limits: { timeout: 300ms }', body: 'await new Promise((r) => setTimeout(r, 3_600_000))' },
  allocates: { body: 'const all = []; for (;;) all.push(new Array(1000).fill(Math.random()))' },
  allocates_bytes: { body: 'const all = []; for (;;) all.push(new Uint8Array(1_000_000).fill(1))' },
  long_string: { body: "let s = 'x'; for (;;) s = s + s + '!'" },
  prints: {
    body: "const line = 'y'.repeat(1_000_000); for (let i = 0; i < 1000; i++) console.log(line); return 'printed'",
  },
  prints_forms: {
    body: "console.log('%s is %d', 'a', 1, { b: [1] }); console.error(new Error('e')); console.log('\\u001b[2J'); return 1",
  },
  never_settles: { body: 'await new Promise(() => {})' },
  exits: { body: 'process.exit(0)' },
  requires: { body: "return (globalThis as any).require('fs')" },
  gives_undefined: { body: 'return undefined' },
  gives_nan: { body: 'return [NaN, Infinity, -0]' },
  gives_function: { body: 'return () => 1' },
  gives_bigint: { body: 'return 1n' },
  gives_cycle: { body: 'const a: any = {}; a.a = a; return a' },
  gives_deep: { body: 'let a: any = 1; for (let i = 0; i < 300; i++) a = [a]; return a' },
  gives_deepest: { body: 'let a: any = 1; for (let i = 0; i < 200_000; i++) a = [a]; return a' },
  gives_much: { body: "return 'z'.repeat(2 * 1024 * 1024)" },
  gives_most: { body: "return 'z'.repeat(1024 * 1024 - 2)" },
  gives_trap: { body: "return { toJSON() { throw new Error('not me') } }" },
  gives_proto: { body: `return JSON.parse('{"__proto__":{"x":1},"$body":"b","$$":1}')` },
  gives_half: { body: "return 'half \\ud800 of a pair'" },
  keeps_count: { body: 'const g = globalThis as any; g.count = (g.count ?? 0) + 1; return g.count' },
  recurses: { body: 'const f = (): any => [f()]; return f()' },
  asks_much: {
    rights: "read: ['**'], limits: { requests: 5 }",
    imports: "import { stat } from 'node:fs/promises'",
    body: "for (;;) await stat('.')",
  },
  asks_at_once: {
    body: 'await Promise.all(Array.from({ length: 8193 }, () => new Promise((r) => setTimeout(r, 60_000))))',
  },
  asks_late: {
    rights: "write: ['out/**']",
    imports: "import { writeFile } from 'node:fs/promises'",
    body: "void writeFile('out/late.txt', 'late'); setTimeout(() => {}, 3_600_000); return 'gone'",
  },
  races: {
    body: 'return await Promise.race([5, 5, 6, 7].map((ms, i) => new Promise((r) => setTimeout(() => r(i), ms))))',
  },
  rejects_unheard: { body: "void Promise.reject(new Error('nobody hears')); return 'fine'" },
} as const

const NAMES = Object.keys(TOOLS)

test('the script hears of each in clear words, the run completes, and its replay is identical', async () => {
  const script = `
    const heard: any = {}
    for (const name of ${JSON.stringify(NAMES)}) heard[name] = await tried(call(name, {}))
    heard.unknown = await tried(call('no_such_tool', {}))
    heard.arguments = await tried(call('throws', { text: 1, more: true }))
    for (const key in heard) if (heard[key].value?.length > 1000) heard[key] = { value: heard[key].value.length }
    return JSON.stringify(heard)`
  using desk = openDesk(agentFiles({ tools: TOOLS, script, more: 'budget: { turns: 100 }' }))
  const run = await desk.run('agent/agent.yaml')
  expect(run).toMatchObject({ exit: 0 })
  const heard = JSON.parse(run.stdout) as Record<string, Heard>
  expect(heard).toEqual(EXPECTED)
  const events = desk.events()
  expect(events.at(-1)).toMatchObject({ kind: 'run.end', data: { status: 'completed' } })
  const callsOf = (kind: string): unknown => events.filter((event) => event.kind === kind).map(({ call }) => call)
  expect(callsOf('tool.outcome')).toEqual(callsOf('tool.call'))
  expect(await desk.run('replay', 'last')).toMatchObject({ exit: 0, stderr: '' })
}, 60_000)

const limit = (name: string, message: unknown): Heard => ({
  name: 'Killed',
  code: `E_LIMIT_${name.toUpperCase()}`,
  message: message as string,
})
const failed = (message: string, name = 'Error'): Heard => ({ name, message })
const TIMEOUT = limit('timeout', 'limit timeout: the call ran longer than 300 ms')
const MEMORY = limit(
  'memory',
  expect.stringMatching(
    /^limit memory: the call needed more than 64 MB$|^limit memory: the call needed more memory than it may$/,
  ),
)

const EXPECTED: Record<string, unknown> = {
  throws: { name: 'TypeError', code: 'E_MINE', message: 'no such thing' },
  throws_nothing: failed('undefined'),
  throws_trap: failed('the tool threw something that cannot be read'),
  loops: TIMEOUT,
  loops_later: TIMEOUT,
  microtasks: TIMEOUT,
  sleeps: TIMEOUT,
  allocates: MEMORY,
  // V8 counts array buffers and refuses them before the heap is full; when depends on its collector, so none is caught.
  allocates_bytes: MEMORY,
  long_string: expect.anything(),
  prints: { value: 'printed' },
  prints_forms: { value: 1 },
  never_settles: expect.objectContaining({
    code: 'E_NEVER_SETTLES',
    message: expect.stringContaining('can never settle') as string,
  }),
  exits: {
    ...failed('process.exit is not available in the sandbox: a tool ends by returning or throwing'),
    code: 'ERR_SANDBOX',
  },
  requires: failed('globalThis.require is not a function', 'TypeError'),
  gives_undefined: { value: null },
  gives_nan: { value: [null, null, 0] },
  gives_function: { value: null },
  gives_bigint: expect.objectContaining({ message: expect.stringContaining('BigInt') as string }),
  gives_cycle: expect.objectContaining({ message: expect.stringContaining('circular') as string }),
  gives_deep: { name: 'InvalidResult', code: 'E_RESULT', message: 'the result is nested deeper than 200 levels' },
  gives_deepest: expect.objectContaining({ message: expect.any(String) as string }),
  gives_much: limit('result', 'limit result: the result is 2097154 bytes; the limit is 1048576'),
  gives_most: { value: 1024 * 1024 - 2 },
  gives_trap: failed('not me'),
  gives_proto: { value: JSON.parse('{"__proto__":{"x":1},"$body":"b","$$":1}') as unknown },
  gives_half: { value: 'half \ud800 of a pair' },
  keeps_count: { value: 1 },
  recurses: failed('Maximum call stack size exceeded', 'RangeError'),
  asks_much: limit('requests', 'limit requests: the call made more than 5 requests'),
  asks_at_once: {
    name: 'Killed',
    code: 'E_LIMIT_IN_FLIGHT',
    message: 'limit in-flight: the call has more than 8192 requests in flight',
  },
  asks_late: { value: 'gone' },
  races: { value: 0 },
  rejects_unheard: { value: 'fine' },
  unknown: expect.objectContaining({
    name: 'UnknownTool',
    code: 'E_UNKNOWN_TOOL',
    message: expect.stringContaining('the tools are: throws') as string,
  }),
  arguments: expect.objectContaining({ name: 'InvalidArguments', code: 'E_ARGUMENTS' }),
}
