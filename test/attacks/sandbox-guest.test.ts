/** Guests that do their worst: each is contained, its cause is named, and the next call works. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ProcessHost } from '../../runtime/ports.ts'
import { encodeFrame, FRAME } from '../../runtime/sandbox/frames.ts'
import type { Sandbox } from '../../runtime/sandbox/sandbox.ts'
import { liar } from '../support/lying-child.ts'
import { callOf, fails, ok, openSandbox, play, processes, toolOf, valueOf, WALLS } from '../support/sandbox.ts'

const LIMITS = { wallMs: 1000, cpuMs: 1000 }
const OVERRUN_MS = 800
const HOST_GROWTH_BYTES = 50 * 1024 * 1024

/** What the end must say: killed with one of these causes, or failed. */
const HOSTILE: readonly (readonly [name: string, body: string, causes: string])[] = [
  ['a loop', 'for (;;);', 'timeout cpu'],
  ['a loop of microtasks', 'for (;;) await null', 'timeout cpu'],
  ['a loop after an await', 'await new Promise((r) => setTimeout(r, 5)); for (;;);', 'timeout cpu'],
  ['a regular expression', "/(a+)+$/.test('a'.repeat(40) + 'b')", 'timeout cpu'],
  ['a comparator that loops', '[1, 2, 3].sort(() => { for (;;); })', 'timeout cpu'],
  ['a proxy that loops', 'new Proxy({}, { get() { for (;;); } }).x', 'timeout cpu'],
  ['a result that loops', 'return { toJSON() { for (;;); } }', 'timeout cpu'],
  ['an error that loops', 'throw Object.create(Error.prototype, { message: { get() { for (;;); } } })', 'timeout cpu'],
  [
    'a rejection that loops',
    'Promise.reject(Object.create(Error.prototype, { message: { get() { for (;;); } } })); await new Promise((r) => setTimeout(r, 9))',
    // Nobody reads what was rejected.
    'ok',
  ],
  ['finally for ever', 'for (;;) try { continue } finally { continue }', 'timeout cpu'],
  ['an array without end', 'const a = []; for (;;) a.push(new Array(1000).fill(1))', 'memory crash timeout cpu'],
  ['a spread string', "return [...'.'.repeat(5e8)].length", 'memory crash timeout cpu'],
  ['a filled array', 'return Array(1e9).fill(0).length', 'memory crash timeout cpu'],
  ['a split string', "return '1'.repeat(0x7ffffff).split('').length", 'memory crash timeout cpu'],
  ['a JSON bomb', "return JSON.parse('[' + '1,'.repeat(67e6) + '1]').length", 'memory crash failed timeout cpu'],
  ['a deep JSON', "return JSON.parse('['.repeat(5e6))", 'memory crash failed timeout cpu'],
  ['a big integer', "return String(BigInt('1'.repeat(1e7))).length", 'timeout cpu memory crash failed'],
  [
    'a replace bomb',
    "return 'a'.repeat(1e6).replace(/a/g, '$&'.repeat(1000)).length",
    'memory crash failed timeout cpu',
  ],
  [
    'a regular expression of groups',
    "return new RegExp('(a)'.repeat(20000)).test('a')",
    'timeout cpu memory crash failed ok',
  ],
  ['array buffers', 'const a = []; for (;;) a.push(new ArrayBuffer(16e6))', 'failed memory timeout cpu'],
  ['resizable buffers', 'const b = new ArrayBuffer(8, { maxByteLength: 1e9 }); b.resize(1e9)', 'failed'],
  ['no WebAssembly', 'new WebAssembly.Memory({ initial: 256 })', 'failed'],
  ['no SharedArrayBuffer', 'new SharedArrayBuffer(8)', 'failed'],
  ['no Atomics', 'Atomics.wait(new Int32Array(8), 0, 0, 1e9)', 'failed'],
  ['a promise that never settles', 'await new Promise(() => {})', 'failed'],
  ['a stack without end', 'const f = () => f() + 1; return f()', 'failed'],
  ['a flood of requests', 'for (;;) setTimeout(() => {}, 0)', 'memory crash requests in-flight timeout cpu'],
  ['a flood of prints', "for (;;) console.log('x'.repeat(1e5))", 'timeout cpu'],
  [
    'a chain of promises',
    'let p = Promise.resolve(); for (;;) p = p.then(() => new Array(1000))',
    'memory crash timeout cpu',
  ],
  ['promises without end', 'const f = () => Promise.all([f(), f()]); await f()', 'failed memory crash timeout cpu'],
  [
    'a flood of large requests',
    "const s = 'x'.repeat(400); for (;;) require('fs/promises').stat(s).catch(() => 0)",
    'memory crash requests in-flight timeout cpu',
  ],
  ['a power', 'return (7n ** 99999999n) % 2n === 1n', 'timeout cpu memory crash failed'],
  ['a wide string', "let s = 'é'; for (;;) s += s", 'failed memory crash timeout cpu'],
  [
    'a deep result',
    'let a = []; for (let i = 0; i < 1e6; i++) a = [a]; return a',
    'failed memory crash timeout cpu result',
  ],
  ['a padded result', "return { toJSON: () => 'x'.repeat(5e8) }", 'failed memory crash result timeout cpu'],
  ['an error with a huge message', "throw new Error('x'.repeat(5e8))", 'failed memory crash timeout cpu'],
  ['an import that loops', "new Function('for (;;);')()", 'timeout cpu'],
  ['a generator without end', 'return [...(function* () { for (;;) yield {} })()]', 'memory crash timeout cpu'],
  ['an interval without end', 'setInterval(() => 0, 0); await new Promise(() => {})', 'requests timeout cpu'],
  ['a constructor that loops', 'return new (class extends Array { constructor() { for (;;); } })()', 'timeout cpu'],
  ['await using in the head of a loop', 'for (await using x = null; ; ) { x = 1 }', 'failed'],
  ['a result that is too large', "return 'x'.repeat(2e6)", 'result'],
]

describe.each(WALLS)('$name', ({ outerWall, skip }) => {
  let sandbox: Sandbox
  beforeAll(async () => {
    if (!skip) sandbox = await openSandbox({ outerWall })
  })
  afterAll(() => sandbox?.close())

  test.skipIf(skip).each(HOSTILE)('%s', { timeout: 20_000 }, async (_name, body, causes) => {
    const before = process.memoryUsage.rss()
    const { end, ms } = await play(sandbox, callOf(toolOf(body), { limits: LIMITS }))
    expect(causes.split(' ')).toContain(end.kind === 'killed' ? end.cause : end.kind)
    expect(ms).toBeLessThan(3 * LIMITS.wallMs + OVERRUN_MS)
    if (end.kind === 'killed' && ['timeout', 'cpu'].includes(end.cause))
      expect(ms).toBeLessThan(LIMITS.wallMs + OVERRUN_MS)
    expect(process.memoryUsage.rss() - before).toBeLessThan(HOST_GROWTH_BYTES)
    expect(valueOf(await play(sandbox, callOf(toolOf('return 1'))))).toBe(1)
  })

  test.skipIf(skip)(
    'drives the siblings of a crash again, and asks for nothing twice',
    { timeout: 20_000 },
    async () => {
      const slow = (body: string): Promise<Awaited<ReturnType<typeof play>>> =>
        play(sandbox, callOf(toolOf(body)), async (request) => {
          await new Promise((resolve) => setTimeout(resolve, Number(request['delayMs'])))
          return ok()
        })
      const sibling = "for (let i = 0; i < 10; i++) await new Promise((r) => setTimeout(r, 30 + i)); return 'done'"
      const crash = 'await new Promise((r) => setTimeout(r, 120)); return Array(1e9).fill(0)'
      const [one, bad, two] = await Promise.all([slow(sibling), slow(crash), slow(sibling)])
      expect(bad.end.kind).toBe('killed')
      for (const { end, requests } of [one, two]) {
        expect(end).toMatchObject({ kind: 'ok', value: 'done', requests: 10, deliveries: 10 })
        expect(requests).toHaveLength(10)
      }
    },
  )

  test.skipIf(skip)('shows nothing of the host, and no real clock', async () => {
    const probes = toolOf(`return {
      clocks: [Date.now(), +new Date(), new Date(0).constructor.now(), Object.getPrototypeOf(new Date()).constructor.now(),
        +new (class extends Date {})(), Reflect.construct(Date, []).getTime(), new Date(Date()).getTime(),
        Date.parse(new Intl.DateTimeFormat('en-US', { dateStyle: 'short', timeStyle: 'long', timeZone: 'UTC' }).format())],
      parts: new Intl.DateTimeFormat('en-US', { year: 'numeric' }).formatToParts()[0].value,
      zone: Intl.DateTimeFormat().resolvedOptions().timeZone, locale: Intl.NumberFormat().resolvedOptions().locale,
       gone: ['WeakRef', 'FinalizationRegistry', 'require', 'WebAssembly'].filter((n) => n in globalThis),
      random: [Math.random(), Math.random()], stack: new Error('x').stack,
    }`)
    const now = 1_700_000_000_000
    const first = valueOf(await play(sandbox, callOf(probes))) as {
      [key: string]: unknown
      clocks: number[]
      stack: string
    }
    const second = valueOf(await play(sandbox, callOf(probes)))
    expect(second).toEqual(first)
    for (const clock of first.clocks) expect(Math.abs(clock - now)).toBeLessThan(1000)
    expect(first).toMatchObject({ parts: '2023', zone: 'UTC', locale: 'en-US', gone: [] })
    expect(first.stack).not.toMatch(/\/work|\/home|\/tmp|node:|runtime\//)
  })
})

describe('a process that lies', () => {
  const forged: readonly (readonly [string, (call: number) => readonly Uint8Array[]])[] = [
    ['an unknown kind', (call) => [encodeFrame(99 as 1, call, 0, '')]],
    ['a length of 4 GB', () => [Buffer.from([255, 255, 255, 255, 2])]],
    ['a length of 0', () => [Buffer.from([0, 0, 0, 0])]],
    ['a request out of turn', (call) => [encodeFrame(FRAME.request, call, 7, '{"op":"timer","delayMs":1}')]],
    ['an end that is no JSON', (call) => [encodeFrame(FRAME.end, call, 0, '{')]],
    ['an end with another key', (call) => [encodeFrame(FRAME.end, call, 0, '{"kind":"ok","value":1,"more":2}')]],
    ['an end of an unknown kind', (call) => [encodeFrame(FRAME.end, call, 0, '{"kind":"permitted"}')]],
    [
      'an error of a megabyte',
      (call) => [
        encodeFrame(
          FRAME.end,
          call,
          0,
          JSON.stringify({ kind: 'failed', error: { name: 'E', message: 'x'.repeat(2 ** 20) } }),
        ),
      ],
    ],
    ['a second ready', () => [encodeFrame(FRAME.ready, 0, 0, '{}')]],
    ['bytes', () => [Buffer.alloc(5000, 7)]],
  ]

  test.each(forged)('%s ends the call and nothing else', { timeout: 10_000 }, async (_name, frames) => {
    const fake: ProcessHost = { ...processes, spawnSandbox: () => liar(frames) }
    const sandbox = await openSandbox({ outerWall: false, processes: fake })
    const { end } = await play(sandbox, callOf(toolOf('return 1')))
    expect(end).toMatchObject({ kind: 'killed', cause: 'crash' })
    sandbox.close()
  })

  test('ends of other calls, late frames and a flood of them change nothing', { timeout: 10_000 }, async () => {
    const fake: ProcessHost = {
      ...processes,
      spawnSandbox: () =>
        liar((call) => [
          encodeFrame(FRAME.end, call + 1, 0, '{"kind":"ok","value":"forged"}'),
          encodeFrame(FRAME.request, 4_000_000, 0, '{}'),
          ...Array.from({ length: 1000 }, () => encodeFrame(FRAME.idle, call, 0, '0')),
          encodeFrame(FRAME.end, call, 0, '{"kind":"ok","value":"mine"}'),
          encodeFrame(FRAME.end, call, 0, '{"kind":"ok","value":"again"}'),
        ]),
    }
    const sandbox = await openSandbox({ outerWall: false, processes: fake })
    expect(valueOf(await play(sandbox, callOf(toolOf('return 1'))))).toBe('mine')
    sandbox.close()
  })

  test('a guest that answers ENOENT to itself hears it with its code', async () => {
    const sandbox = await openSandbox({ outerWall: false })
    const tool = toolOf(
      "const { readFile } = require('node:fs/promises'); return await readFile('x').catch((e) => [e.code, e.message])",
    )
    expect(valueOf(await play(sandbox, callOf(tool), () => fails('ENOENT', 'ENOENT: no such file')))).toEqual([
      'ENOENT',
      'ENOENT: no such file',
    ])
    sandbox.close()
  })
})
