/** A call that is driven again with the same deliveries asks the same, prints the same and ends the same. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createProcessHost } from '../../runtime/node-processes.ts'
import type { Delivery, GuestEnd } from '../../runtime/sandbox/guest-run.ts'
import type { Sandbox } from '../../runtime/sandbox/sandbox.ts'
import { NODES } from '../support/node-24.ts'
import { chanceFrom, racingProgram } from '../support/racing-program.ts'
import { callOf, fails, ok, openSandbox, play, toolOf, valueOf, WALLS } from '../support/sandbox.ts'

/** On the Node that the tests run on, and on the other one. */
const CALLS = 1000
const CALLS_ELSEWHERE = 100
const AT_ONCE = 10
const NOW = 1_700_000_000_000
const LIMITS = { wallMs: 30_000, cpuMs: 30_000 }

interface Recorded {
  readonly end: GuestEnd
  readonly requests: readonly string[]
  readonly logs: readonly string[]
}

/** Answers whatever is open in a random order, and keeps what it said. */
async function record(
  sandbox: Sandbox,
  body: string,
  seed: string,
  chance: () => number,
): Promise<Recorded & { readonly deliveries: readonly Delivery[] }> {
  const requests: string[] = []
  const logs: string[] = []
  const deliveries: Delivery[] = []
  const open: number[] = []
  let now = NOW
  const run = sandbox.run(callOf(toolOf(body), { seed, limits: LIMITS }), {
    onRequest: (ordinal, payload) => {
      requests.push(payload)
      open.push(ordinal)
      if (chance() < 0.7) setImmediate(answerOne)
      else setTimeout(answerOne, chance() * 3)
    },
    onLog: (level, text) => void logs.push(level + text),
  })
  const answerOne = (): void => {
    const [ordinal = 0] = open.splice(Math.floor(chance() * open.length), 1)
    const payload = answerTo(JSON.parse(requests[ordinal] ?? '') as { readonly op: string }, chance)
    now += Math.floor(chance() * 1000)
    deliveries.push({ ordinal, now, payload })
    run.deliver(ordinal, now, payload)
  }
  const end = await run.ended
  return { end, requests, logs, deliveries }
}

function answerTo({ op }: { readonly op: string }, chance: () => number): string {
  if (op === 'timer') return ok()
  if (chance() < 0.3) return fails(chance() < 0.5 ? 'EACCES' : 'ENOENT')
  if (op === 'fs.read') return JSON.stringify({ ok: true, bytes: Buffer.alloc(chance() * 9).toString('base64') })
  return ok(
    op === 'fs.list'
      ? Array.from({ length: Math.floor(chance() * 4) }, () => ({ name: 'n', type: 'file' }))
      : { type: 'file', size: 1, mode: 0o644, modifiedMs: Math.floor(chance() * 1e9) },
  )
}

async function again(sandbox: Sandbox, body: string, seed: string, deliveries: readonly Delivery[]): Promise<Recorded> {
  const requests: string[] = []
  const logs: string[] = []
  const run = sandbox.run(callOf(toolOf(body), { seed, limits: LIMITS }), {
    onRequest: (_ordinal, payload) => void requests.push(payload),
    onLog: (level, text) => void logs.push(level + text),
  })
  for (const { ordinal, now, payload } of deliveries) run.deliver(ordinal, now, payload)
  return { end: await run.ended, requests, logs }
}

const CLOCKS = [
  'Date.now()',
  'new Date().getTime()',
  '+new (new Date(0).constructor)()',
  'new Date(0).constructor.now()',
  'Object.getPrototypeOf(new Date(5)).constructor.now()',
  'Date.prototype.constructor.now()',
  'Reflect.construct(Date, []).valueOf()',
  'Reflect.construct(Date, [], class extends Date {}).valueOf()',
  'Date.prototype.getTime.call(Reflect.construct(Date, [], Array))',
  'Date.prototype.getTime.call(Reflect.construct(Date, [], new Proxy(function () {}, {})))',
  'Date.prototype.getTime.call(Reflect.construct(Date, [], Object.assign(function () {}.bind(), { prototype: null })))',
  'new (class extends Date {})().getTime()',
  'new (class extends Date { constructor() { super() } })().getTime()',
  'new (Date.bind(null))().getTime()',
  'new (new Proxy(Date, {}))().getTime()',
  'new Date(Date()).getTime()',
  'new Date(Date.call(new Date(9))).getTime()',
  'new Date(Date.apply(null, [])).getTime()',
  "new Date(new Function('return Date()')()).getTime()",
  '(0, eval)("Date.now()")',
  'new Date(new Date()[Symbol.toPrimitive]("string")).getTime()',
  'new Date()[Symbol.toPrimitive]("number")',
  'Date.parse(new Intl.DateTimeFormat("en-US", { dateStyle: "short", timeStyle: "long", timeZone: "UTC" }).format())',
  'Date.parse(new Intl.DateTimeFormat("en-US", { dateStyle: "short", timeStyle: "long" }).formatToParts().map((p) => p.value).join(""))',
]

/** Temporal comes with Node 26. */
const TEMPORAL_CLOCKS = [
  'Temporal.Now.instant().epochMilliseconds',
  'Temporal.Now.zonedDateTimeISO().epochMilliseconds',
  'Temporal.Now.zonedDateTimeISO("Pacific/Chatham").epochMilliseconds',
  'Date.parse(String(Temporal.Now.plainDateTimeISO()) + "Z")',
  'Date.parse([Temporal.Now.plainDateISO(), Temporal.Now.plainTimeISO()].map(String).join("T") + "Z")',
  'Date.parse(Temporal.Now.instant().toString())',
  'new Date().toTemporalInstant().epochMilliseconds',
  'new Date().toTemporalInstant().toZonedDateTimeISO(Temporal.Now.timeZoneId()).epochMilliseconds',
]

/** What hangs on the machine if anything does: zone, language, order, tiers of the compiler, the stack's depth. */
const PROBES: readonly (readonly [expression: string, value?: unknown])[] = [
  ['new Date(undefined).getTime()', null],
  ['new Date(0).toLocaleString()', '1/1/1970, 12:00:00 AM'],
  ['new Date(0).toLocaleDateString(undefined, { dateStyle: "full" })', 'Thursday, January 1, 1970'],
  ['new Date(0).toString()', 'Thu Jan 01 1970 00:00:00 GMT+0000 (Coordinated Universal Time)'],
  ['new Date(2024, 5, 1).getTimezoneOffset()', 0],
  ["new Date('2024-01-01T00:00').getTime()", 1_704_067_200_000],
  [
    "['2024-01-01 00:00', 'Jan 1 2024', '1/1/2024', 'Mon, 01 Jan 2024'].map((text) => Date.parse(text))",
    Array(4).fill(1_704_067_200_000),
  ],
  ["['10:00', 'Jan 1', 'today', ''].map((text) => Date.parse(text))", [null, 978_307_200_000, null, null]],
  ['new Date(0).toLocaleTimeString(undefined, { timeZoneName: "long" })', '12:00:00 AM Coordinated Universal Time'],
  ['Intl.DateTimeFormat().resolvedOptions().timeZone', 'UTC'],
  [
    '[Intl.DateTimeFormat, Intl.NumberFormat, Intl.Collator, Intl.PluralRules, Intl.ListFormat, Intl.Segmenter, Intl.RelativeTimeFormat, Intl.DurationFormat].map((of) => new of().resolvedOptions().locale)',
    Array(8).fill('en-US'),
  ],
  ['[(1234.5).toLocaleString(), (12n).toLocaleString(), [1.5, 2].toLocaleString()]', ['1,234.5', '12', '1.5,2']],
  ["['I'.toLocaleLowerCase(), 'i'.toLocaleUpperCase(), 'ä'.localeCompare('z')]", ['i', 'I', -1]],
  ['attempt(() => new Date(0).toTemporalInstant().constructor.now())'],
  ['Intl.DateTimeFormat().format()', '11/14/2023'],
  ['new Intl.DateTimeFormat("de", { fractionalSecondDigits: 3 }).format()', '000'],
  ['new Intl.DateTimeFormat("de", { fractionalSecondDigits: 3 }).formatToParts()'],
  ['new Intl.DateTimeFormat("de", { fractionalSecondDigits: 3 }).formatToParts(undefined)'],
  ['Intl.DateTimeFormat.prototype.formatToParts.apply(new Intl.DateTimeFormat("en", { second: "numeric" }), [])'],
  [
    'Reflect.get(Intl.DateTimeFormat.prototype, "format", new Intl.DateTimeFormat("en", { second: "numeric" }))()',
    '20',
  ],
  [
    'Reflect.getOwnPropertyDescriptor(Intl.DateTimeFormat.prototype, "format").get.call(new Intl.DateTimeFormat("en", { second: "numeric" }))()',
    '20',
  ],
  ['attempt(() => new Intl.DateTimeFormat().formatRange())'],
  ['attempt(() => new Intl.DateTimeFormat().formatRangeToParts(undefined, undefined))'],
  [
    '[new Intl.DateTimeFormat().resolvedOptions(), Intl.supportedValuesOf("timeZone").length, Intl.supportedValuesOf("calendar")]',
  ],
  ["['ä', 'z', 'a'].sort(new Intl.Collator().compare)", ['a', 'ä', 'z']],
  ['Array.from({ length: 5 }, Math.random)'],
  ['Object.getOwnPropertyNames(Math)'],
  [
    '[Math.sin(1e300), Math.pow(2.5, 3.7), Math.expm1(1e-9), Math.cbrt(7), Math.tan(1e10), Math.hypot(3.1, 4.7, 1e-9), Math.exp(99.9)]',
  ],
  [
    '(() => { let sum = 0; for (let n = 0; n < 3e5; n++) sum += Math.sin(n) * Math.pow(1.0001, n % 99) / Math.exp(n % 7); return sum })()',
  ],
  ['new Error("x").stack'],
  ['attempt(() => null.x)'],
  ['(() => { const o = {}; Error.captureStackTrace(o); return o.stack })()'],
  [
    '(() => { Error.prepareStackTrace = (e, s) => s.map((c) => [c.getFileName(), c.getLineNumber(), c.getColumnNumber(), c.getFunctionName(), c.getTypeName(), c.getPosition(), c.isEval(), c.getScriptHash?.()]); return new Error().stack })()',
  ],
  [
    '(() => { Error.stackTraceLimit = 200; const f = (n) => (n === 0 ? new Error("deep").stack : f(n - 1)); for (let n = 0; n < 3e4; n++) f(1); return f(150) })()',
  ],
  [
    '(() => { let depth = 0; const f = () => { depth++; f() }; try { f() } catch (error) { return [depth, error.message] } })()',
  ],
  [
    '(() => { let depth = 0; const g = (n) => (n <= 0 ? 0 : 1 + g(n - 1)); for (let n = 0; n < 2e5; n++) g(5); const f = (n) => { depth = n; return 1 + f(n + 1) }; try { f(1) } catch { return depth } })()',
  ],
  [
    '(() => { let size = 100; try { for (;; size += 100) eval("(".repeat(size) + "1" + ")".repeat(size)) } catch (error) { return [size, error.name] } })()',
  ],
  ['Reflect.ownKeys(globalThis).map(String)'],
  ['Object.keys({ z: 1, 10: 1, 9: 1, a: 1, [-1]: 1, "01": 1 })', ['9', '10', 'z', 'a', '-1', '01']],
  [
    'Array.from({ length: 600 }, (_, i) => ({ k: i % 7, i })).sort((a, b) => a.k - b.k).every((x, i, all) => i === 0 || all[i - 1].k < x.k || all[i - 1].i < x.i)',
    true,
  ],
  ['[...new Set(["b", "a", {}, "c"].map(String))]', ['b', 'a', '[object Object]', 'c']],
  ['await Array.fromAsync([Promise.resolve(1), 2, { then: (f) => f(3) }])', [1, 2, 3]],
  [
    '[Symbol("x").description, String(Symbol.iterator), Symbol.keyFor(Symbol.for("y"))]',
    ['x', 'Symbol(Symbol.iterator)', 'y'],
  ],
  [
    '[() => x, () => null.y, () => ({}).z(), () => new (class { #p; static f(o) { return o.#p } }).constructor.f({}), () => [].reduce((a) => a), () => BigInt(1.5), () => "x".repeat(-1), () => JSON.parse("{x")].map((f) => attempt(f).split("\\n")[0])',
  ],
  ['Object.keys(console)'],
  ['String(require)'],
  ['String(console.log)'],
  ['context'],
  ['attempt(() => new (Object.getPrototypeOf(async () => {}).constructor)("return import.meta"))'],
  ['await import("node:fs").catch((error) => error.stack)'],
  [
    '["Atomics", "SharedArrayBuffer", "WeakRef", "FinalizationRegistry", "performance", "ShadowRealm", "WebAssembly", "gc"].filter((name) => name in globalThis).length',
  ],
]

describe.each(NODES)('$name', ({ major, skip, processes, files }) => {
  let sandbox: Sandbox
  /** Another process, and behind another wall where one stands. */
  let other: Sandbox
  const own = !skip && processes.nodePath === NODES[0]?.processes.nodePath
  beforeAll(async () => {
    if (skip) return
    sandbox = await openSandbox({ outerWall: false, processes, files })
    other = await openSandbox({ outerWall: WALLS.some((wall) => wall.outerWall && !wall.skip), processes, files })
  })
  afterAll(() => {
    sandbox?.close()
    other?.close()
  })

  const calls = own ? CALLS : CALLS_ELSEWHERE
  test.skipIf(skip)(`${calls} random racing calls`, { timeout: 240_000 }, async () => {
    let asked = 0
    const results = new Set<string>()
    for (let done = 0; done < calls; done += AT_ONCE) {
      const numbers = Array.from({ length: AT_ONCE }, (_, index) => done + index + 1)
      const pairs = numbers.map(async (number) => {
        const chance = chanceFrom(number)
        const body = racingProgram(chance)
        const seed = number.toString(16).padStart(32, '5')
        const { deliveries, ...first } = await record(sandbox, body, seed, chance)
        expect(first.end, body).toMatchObject({ kind: 'ok' })
        // What was answered after the end was heard by nobody.
        const { end, requests, logs } = await again(other, body, seed, deliveries.slice(0, first.end.deliveries))
        expect(logs, body).toEqual(first.logs)
        expect(requests.slice(0, end.requests), body).toEqual(first.requests.slice(0, first.end.requests))
        expect({ ...end, requests: 0 }, body).toEqual({ ...first.end, requests: 0 })
        asked += requests.length
        results.add(JSON.stringify(end))
      })
      await Promise.all(pairs)
    }
    expect(asked).toBeGreaterThan(calls * 4)
    expect(results.size).toBeGreaterThan(calls * 0.95)
  })

  const prelude = 'const attempt = (f) => { try { return String(f()) } catch (e) { return e.stack } };'
  const ask = async (where: Sandbox, expression: string): Promise<unknown> =>
    valueOf(await play(where, callOf(toolOf(`${prelude} return ${expression}`), { now: NOW })))

  test.skipIf(skip).each(CLOCKS)('%s', async (expression) => {
    expect(await ask(sandbox, expression)).toBe(NOW)
  })

  test.skipIf(skip || major < 26).each(TEMPORAL_CLOCKS)('%s', async (expression) => {
    expect(await ask(sandbox, expression)).toBe(NOW)
  })

  const probes = PROBES.map(([expression, value]) => ({ expression, value }))
  test.skipIf(skip).each(probes)('$expression', async ({ expression, value }) => {
    const first = await ask(sandbox, expression)
    expect(await ask(other, expression)).toEqual(first)
    expect(await ask(sandbox, expression)).toEqual(first)
    if (value !== undefined) expect(first).toEqual(value)
    expect(JSON.stringify(first) ?? '').not.toMatch(/\/work|\/home|\/root|\/tmp|node:internal|runtime\/sandbox/)
  })

  test.skipIf(skip)('the clock moves with deliveries alone', async () => {
    const tool = toolOf(
      'const t = [Date.now()]; for (let i = 0; i < 3; i++) { await new Promise((r) => setTimeout(r, 1e6)); t.push(Date.now()) } return t',
    )
    const value = valueOf(await play(sandbox, callOf(tool, { now: NOW })))
    expect(value).toEqual([NOW, NOW + 1, NOW + 2, NOW + 3])
  })

  test.skipIf(skip)('chance follows the seed', async () => {
    const drawn = async (seed: string): Promise<unknown> =>
      valueOf(await play(sandbox, callOf(toolOf('return Math.random()'), { seed })))
    expect(await drawn('1'.repeat(32))).not.toBe(await drawn('2'.repeat(32)))
  })

  describe('a buffer that is refused is the limit `memory`, and no number that a guest could count', () => {
    test
      .skipIf(skip)
      .each([
        'new ArrayBuffer(1e6)',
        'new Uint8Array(1e6)',
        'new Float64Array(1e5)',
        'new (new Int8Array(1).constructor)(1e6)',
        'new (class extends Uint8Array {})(1e6)',
        'new Uint8Array(5e5).slice()',
        'new Uint8Array(5e5).map((x) => x)',
        'new Uint8Array(5e5).toSorted()',
        'new ArrayBuffer(5e5).slice(0)',
        'Buffer.alloc(1e6)',
        '(globalThis.one ??= without(new Uint8Array(5e5))).slice()',
        '(globalThis.one ??= without(new Float64Array(1e5))).map((x) => x)',
        '(globalThis.one ??= without(new Float64Array(1e5))).filter(() => true)',
        '(globalThis.one ??= without(new ArrayBuffer(5e5))).slice(0)',
        '(Object.getOwnPropertyDescriptor = () => undefined, new ArrayBuffer(1e6))',
        '(globalThis.Object = () => 0, new ArrayBuffer(1e6))',
      ])('%s', async (expression) => {
      const body = `const without = (buffer) => Reflect.defineProperty(buffer, 'constructor', { value: undefined }) && buffer
        const held = []; try { for (;;) held.push(${expression}) } catch {} return held.length`
      expect((await play(sandbox, callOf(toolOf(body)))).end).toMatchObject({ kind: 'killed', cause: 'memory' })
    })
  })

  test.skipIf(skip)('whether the collector took a rejection that nobody handles shows nowhere', async () => {
    const after = async (garbage: number): Promise<unknown> => {
      const body = `let read = 0
        void Promise.reject(Object.create(Error.prototype, { message: { get() { read += 1; return 'lost' } } }))
        let made
        for (let i = 0; i < ${garbage}; i++) made = { i, more: [i] }
        await new Promise((resolve) => setTimeout(resolve, 1))
        return [read, typeof made]`
      const played = await play(sandbox, callOf(toolOf(body)))
      return [valueOf(played), played.logs]
    }
    expect(await after(1)).toEqual([[0, 'object'], []])
    expect(await after(300_000)).toEqual([[0, 'object'], []])
  })

  test.skipIf(skip)(
    'what makes buffers of its own is not handed to a guest that replaces how it is called',
    async () => {
      const body = `const seen = []
      const { apply } = Reflect
      const { call } = Function.prototype
      Reflect.apply = (what, ...rest) => { seen.push(what.name); return apply(what, ...rest) }
      Function.prototype.call = function (...all) { seen.push(this.name); return apply(call, this, all) }
      structuredClone(new ArrayBuffer(8), { transfer: [] })
      const buffer = new ArrayBuffer(8)
      structuredClone(buffer, { transfer: [buffer] })
      await require('fs/promises').readFile('a')
      await require('fs/promises').writeFile('a', 'b')
      return seen.filter((name) => /^(transfer|fromBase64|toBase64)$/.test(name))`
      const answer = ({ op }: { op: string }): string => (op === 'fs.read' ? '{"ok":true,"bytes":"YQ=="}' : ok())
      expect(valueOf(await play(sandbox, callOf(toolOf(body)), answer))).toEqual([])
    },
  )

  test.skipIf(skip)('a host in another zone and language shows nothing of it', async () => {
    const places =
      '[new Date(0).getHours(), Intl.DateTimeFormat().resolvedOptions().timeZone, Intl.NumberFormat().resolvedOptions().locale, (1234.5).toLocaleString()]'
    const { TZ, LC_ALL, LANG } = process.env
    Object.assign(process.env, { TZ: 'Asia/Tokyo', LC_ALL: 'de_DE.UTF-8', LANG: 'de_DE.UTF-8' })
    try {
      expect(new Date(0).getHours()).toBe(9)
      for (const { outerWall } of WALLS.filter((wall) => !wall.skip)) {
        const away = await openSandbox({ outerWall, processes, files })
        expect(await ask(away, places)).toEqual([0, 'UTC', 'en-US', '1,234.5'])
        away.close()
      }
    } finally {
      for (const [name, value] of Object.entries({ TZ, LC_ALL, LANG })) {
        if (value === undefined) delete process.env[name]
        else process.env[name] = value
      }
    }
    // Negative control: it is the environment of the process that holds, and nothing else.
    const { spawnSandbox } = createProcessHost({ TZ: 'Asia/Tokyo', LC_ALL: 'de_DE.UTF-8' })
    const open = await openSandbox({ outerWall: false, processes: { ...processes, spawnSandbox }, files })
    expect(await ask(open, places)).toEqual([9, 'Asia/Tokyo', 'de-DE', '1.234,5'])
    open.close()
  })
})
