/**
 * Guests that use up whatever there is, in ways that sandbox-guest.test.ts has not: each is contained in time and in
 * memory, the runner keeps its own, and the next call works.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SANDBOX_BASE_BYTES } from '../../runtime/limits.ts'
import type { ProcessHost, SandboxChild } from '../../runtime/ports.ts'
import type { Sandbox } from '../../runtime/sandbox/sandbox.ts'
import {
  bubblewrapStands,
  callOf,
  fails,
  ok,
  openSandbox,
  play,
  processes,
  toolOf,
  valueOf,
} from '../support/sandbox.ts'

const MB = 1024 * 1024
const LIMITS = { wallMs: 800, cpuMs: 800, memoryBytes: 64 * MB }
const OVERRUN_MS = 100
const HOST_GROWTH_BYTES = 50 * MB
/** What is watched is read every 25 ms, and a process allocates on until it is read. */
const SANDBOX_OVER_BYTES = 64 * MB
const POLL_MS = 5

const ANY = 'timeout cpu memory crash failed result requests in-flight ok'
const TIME = 'timeout cpu'
const SPACE = 'memory crash timeout cpu failed'

const HOSTILE: readonly (readonly [name: string, body: string, causes: string])[] = [
  // Time that V8 does not interrupt by itself, or only late.
  ['a backreference', String.raw`return /^(a+)+\1b/.test('a'.repeat(45))`, TIME],
  ['a lookbehind', String.raw`return /(?<=^x(?:a+)+)b/.test('y' + 'a'.repeat(45) + 'b')`, TIME],
  ['a set of properties', String.raw`return /^(\p{L}|\p{Lu})+$/v.test('A'.repeat(40) + '1')`, TIME],
  ['a regular expression that quantifies itself', "return new RegExp('(?:a{1000}){1000}'.repeat(20)).test('a')", ANY],
  [
    'a regular expression of names',
    "return new RegExp(Array.from({ length: 20000 }, (_, n) => '(?<n' + n + '>a)').join('|')).test('b')",
    ANY,
  ],
  ['replace with a function that loops', "return 'a'.replaceAll('a', () => { for (;;); })", TIME],
  ['indexOf over what is not there', 'return Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)', TIME],
  ['reverse of what is not there', 'return Array.prototype.reverse.call({ length: 2 ** 53 - 1 })', TIME],
  ['join of what is not there', "return Array.prototype.join.call({ length: 2 ** 40 }, '')", SPACE],
  ['copyWithin of what is not there', 'return Array.prototype.copyWithin.call({ length: 2 ** 53 - 1 }, 0, 1)', TIME],
  ['from a length', 'return Array.from({ length: 2 ** 32 - 1 }).length', SPACE],
  ['a sort of what is not there', 'return Array.prototype.sort.call({ length: 2 ** 32 - 2 })', SPACE],
  ['a big integer times itself', 'let n = 3n; for (;;) n *= n', SPACE],
  ['a big integer in base 3', 'return (2n ** 20000000n).toString(3).length', ANY],
  ['a date of ten million characters', "return Date.parse('1'.repeat(1e7) + '-')", ANY],
  ['a normalisation', String.raw`return 'e\u0301'.repeat(2e7).normalize('NFC').length`, ANY],
  ['a comparison by language', "const a = 'ä'.repeat(1e7); for (;;) a.localeCompare(a + 'b')", SPACE],
  ['a segmentation', "return [...new Intl.Segmenter('th').segment('ก'.repeat(1e7))].length", SPACE],
  ['a thenable that never tires', 'const t = { then(done) { done(t) } }; await t', TIME],
  ['microtasks that queue one another', 'const f = () => queueMicrotask(f); f(); await new Promise(() => {})', SPACE],
  ['promises that settle one another', 'const f = () => Promise.resolve().then(f).then(f); await f()', SPACE],
  ['an iterator of itself', 'for await (const x of (async function* () { for (;;) yield 1 })()) void x', TIME],
  [
    'yields of yields',
    'const g = function* (n) { yield* n ? g(n - 1) : [] }; return [...g(1e6)]',
    'failed memory crash timeout cpu ok',
  ],
  ['a getter of getters', 'const o = { get x() { return this.x } }; return o.x', 'failed'],
  [
    'proxies of proxies',
    'let p = {}; for (let n = 0; n < 2e5; n++) p = new Proxy(p, {}); return p.x ?? 1',
    'failed memory crash ok',
  ],
  ['prototypes of prototypes', 'let o = {}; for (let n = 0; n < 3e6; n++) o = Object.create(o); return o.x ?? 1', ANY],
  ['functions bound to functions', 'let f = () => 1; for (let n = 0; n < 3e5; n++) f = f.bind(null); return f()', ANY],
  ['code of ten million characters', "return new Function('return ' + '1+'.repeat(5e6) + '1')()", ANY],
  ['code without end', "for (let n = 0; ; n++) eval('(function f' + n + '() { return ' + n + ' })()')", SPACE],
  ['parentheses', "return eval('('.repeat(1e6) + '1' + ')'.repeat(1e6))", ANY],
  ['classes in classes', "return eval('class A {static x = '.repeat(20000) + '1' + '}'.repeat(20000))", ANY],
  [
    'a stack trace of all',
    'Error.stackTraceLimit = Infinity; const f = (n) => { if (n === 0) { for (;;) new Error().stack } else f(n - 1) }; f(5000)',
    SPACE,
  ],
  // Space, on the heap and beside it.
  ['a graph that unfolds', 'let a = [1]; for (let n = 0; n < 40; n++) a = [a, a]; return a', SPACE],
  ['a print that unfolds', 'let a = [1]; for (let n = 0; n < 40; n++) a = [a, a]; console.log(a); return 1', ANY],
  [
    'an indented result',
    "let a = []; for (let n = 0; n < 5000; n++) a = [a]; for (;;) JSON.stringify(a, null, '          ')",
    SPACE,
  ],
  ['a map', 'const m = new Map(); for (let n = 0; ; n++) m.set(n, n)', SPACE],
  [
    'a weak map of chains',
    'const m = new WeakMap(); let k = {}; const first = k; for (;;) { const n = {}; m.set(k, n); k = n }',
    SPACE,
  ],
  ['symbols of the registry', 'for (let n = 0; ; n++) Symbol.for("s" + n)', SPACE],
  ['names of properties', 'const o = {}; for (let n = 0; ; n++) o["p" + n] = 1', SPACE],
  [
    'formatters of dates',
    "const a = []; for (;;) a.push(new Intl.DateTimeFormat('de', { dateStyle: 'full', timeZone: 'Asia/Tokyo' }))",
    SPACE,
  ],
  [
    'formatters of numbers',
    "const a = []; for (;;) a.push(new Intl.NumberFormat('ar', { style: 'currency', currency: 'USD' }))",
    SPACE,
  ],
  ['collators', "const a = []; for (;;) a.push(new Intl.Collator('zh-u-co-pinyin'))", SPACE],
  [
    'regular expressions',
    'const a = []; for (let n = 0; ; n++) { const r = new RegExp("(a|b|c){1,500}" + n); r.test("abc"); a.push(r) }',
    SPACE,
  ],
  ['typed arrays', 'const a = []; for (;;) a.push(new Uint8Array(1000))', SPACE],
  ['buffers', "const a = []; for (;;) a.push(Buffer.from('x'.repeat(1e5)))", SPACE],
  ['base64', "return atob('A'.repeat(2 ** 28)).length", SPACE],
  [
    'ropes that are flattened',
    "const a = []; for (;;) { const s = 'x'.repeat(1e7) + a.length; s.charCodeAt(5); a.push(s) }",
    SPACE,
  ],
  ['a padded text', "return 'x'.padEnd(2 ** 29 - 25, 'ab').split('a').length", SPACE],
  ['a flat of nests', 'let a = [1]; for (let n = 0; n < 30; n++) a = [a, a]; return a.flat(Infinity).length', SPACE],
  ['spread arguments', 'return Math.max(...Array(1e7).fill(1))', 'failed memory crash'],
  ['a disposable stack', 'const s = new DisposableStack(); for (;;) s.defer(() => 0)', SPACE],
  [
    'closures over everything',
    'let f = () => 0; for (;;) { const g = f; const b = new Array(100).fill(0); f = () => [g, b] }',
    SPACE,
  ],
  ['errors that cause errors', 'let e = new Error("x"); for (;;) e = new Error("y", { cause: e })', SPACE],
  ['a write of everything', "return await require('fs/promises').writeFile('x', 'y'.repeat(5e8))", SPACE],
  ['a path of everything', "return await require('fs/promises').stat('y'.repeat(2e7)).catch(() => 1)", ANY],
  [
    'writes without an answer',
    "const fs = require('fs/promises'); const d = 'y'.repeat(1e6); for (;;) void fs.appendFile('x', d).catch(() => 0)",
    SPACE,
  ],
  ['timers with arguments', "for (;;) setTimeout(() => 0, 1, 'x'.repeat(100))", `${SPACE} requests in-flight`],
  ['prints of little', 'for (;;) console.log()', ANY],
  ['rejections that nobody handles', 'for (;;) Promise.reject(new Error("x"))', SPACE],
  [
    'a part of the platform again and again',
    "for (;;) try { new URL('https://h.example/' + Math.random()) } catch {}",
    ANY,
  ],
]

const children = new Set<SandboxChild>()
/** How long processes took to come up, since this was last set to 0. */
let launchedMs = 0
const watched: ProcessHost = {
  ...processes,
  spawnSandbox: (command) => {
    const child = processes.spawnSandbox(command)
    const spawned = performance.now()
    let isUp = false
    children.add(child)
    child.onExit(() => children.delete(child))
    child.onData(() => {
      if (!isUp) launchedMs += performance.now() - spawned
      isUp = true
    })
    return child
  },
}

/** Reads the resident memory of every sandbox process, and how late this process itself comes to do so. */
function watch(): { readonly stop: () => { readonly sandboxBytes: number; readonly lateMs: number } } {
  let sandboxBytes = 0
  let lateMs = 0
  let last = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    lateMs = Math.max(lateMs, now - last - POLL_MS)
    last = now
    for (const child of children) sandboxBytes = Math.max(sandboxBytes, child.residentBytes() ?? 0)
  }, POLL_MS)
  return {
    stop: () => {
      clearInterval(timer)
      return { sandboxBytes, lateMs }
    },
  }
}

let sandbox: Sandbox
beforeAll(async () => {
  sandbox = await openSandbox({ outerWall: bubblewrapStands(), processes: watched })
  // To bundle a part takes its time once, which is no guest's.
  await play(sandbox, callOf(toolOf(`new URL('https://a.example/'); console.log(1)`)))
})
afterAll(() => sandbox.close())

test.each(HOSTILE)('%s', { timeout: 30_000 }, async (_name, body, causes) => {
  // A process that the last guest left behind is gone, and a new one is up: this measures the guest alone.
  expect(valueOf(await play(sandbox, callOf(toolOf('return 0'))))).toBe(0)
  globalThis.gc?.()
  const before = process.memoryUsage.rss()
  launchedMs = 0
  const watching = watch()
  const { end, ms } = await play(sandbox, callOf(toolOf(body), { limits: LIMITS }), ({ op }) =>
    op === 'timer' ? ok() : fails('EACCES'),
  )
  const { sandboxBytes, lateMs } = watching.stop()
  expect(causes.split(' ')).toContain(end.kind === 'killed' ? end.cause : end.kind)
  const isLate = end.kind === 'killed' && ['timeout', 'cpu'].includes(end.cause)
  // What this process was late itself (its machine is shared), and the start of the process in which a suspect is
  // driven again, is no overrun of the guest's.
  if (isLate) expect(ms).toBeLessThan(LIMITS.wallMs + OVERRUN_MS + 2 * lateMs + launchedMs)
  expect(process.memoryUsage.rss() - before).toBeLessThan(HOST_GROWTH_BYTES)
  expect(sandboxBytes).toBeLessThan(SANDBOX_BASE_BYTES + LIMITS.memoryBytes + SANDBOX_OVER_BYTES)
  expect(valueOf(await play(sandbox, callOf(toolOf('return 1'))))).toBe(1)
})

test('negative control: the watch sees what a guest holds', async () => {
  const watching = watch()
  const body =
    'const a = []; for (let n = 0; n < 40; n++) a.push(new Uint8Array(1e6).fill(1)); await new Promise((r) => setTimeout(r, 1)); return a.length'
  const played = await play(sandbox, callOf(toolOf(body)), async () => {
    await new Promise((resolve) => setTimeout(resolve, 100))
    return ok()
  })
  expect(valueOf(played)).toBe(40)
  expect(watching.stop().sandboxBytes).toBeGreaterThan(80 * MB)
})
