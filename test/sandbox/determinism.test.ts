/** A call that is driven again with the same deliveries asks the same, prints the same and ends the same. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Delivery, GuestEnd } from '../../runtime/sandbox/guest-run.ts'
import type { Sandbox } from '../../runtime/sandbox/sandbox.ts'
import { callOf, fails, ok, openSandbox, play, toolOf, valueOf } from '../support/sandbox.ts'

const CALLS = 300
const AT_ONCE = 10
const NOW = 1_700_000_000_000

let sandbox: Sandbox
beforeAll(async () => {
  sandbox = await openSandbox({ outerWall: false })
})
afterAll(() => sandbox.close())

/** Several tasks race for one list; what each does next hangs on chance, on the clock and on what it was told. */
const racing = toolOf(`
  const fs = require('node:fs/promises')
  const seen = []
  const task = async (name) => {
    for (let step = 0; step < 4; step++) {
      const roll = Math.random()
      try {
        if (roll < 0.4) await new Promise((done) => setTimeout(done, Math.floor(roll * 50)))
        else if (roll < 0.7) seen.push((await fs.readFile(name + step, 'utf8')).length)
        else await Promise.race([fs.stat(name), fs.readdir(name).then((l) => seen.push(l.length))])
      } catch (error) { seen.push(error.code) }
      seen.push([name, step, Date.now() % 1000, Math.floor(roll * 1000)])
      if (seen.length % 5 === 0) console.log(name, seen.length)
    }
  }
  const interval = setInterval(() => seen.push('tick'), 7)
  await Promise.all(['a', 'b', 'c', 'd'].map(task))
  clearInterval(interval)
  return seen`)

interface Recorded {
  readonly end: GuestEnd
  readonly requests: readonly string[]
  readonly logs: readonly string[]
}

/** Answers whatever is open in a random order, and keeps what it said. */
async function record(seed: string): Promise<Recorded & { readonly deliveries: readonly Delivery[] }> {
  const requests: string[] = []
  const logs: string[] = []
  const deliveries: Delivery[] = []
  const open: number[] = []
  const run = sandbox.run(callOf(racing, { seed }), {
    onRequest: (ordinal, payload) => {
      requests.push(payload)
      open.push(ordinal)
      setTimeout(answerOne, Math.random() * 3)
    },
    onLog: (level, text) => void logs.push(level + text),
  })
  const answerOne = (): void => {
    const [ordinal = 0] = open.splice(Math.floor(Math.random() * open.length), 1)
    const payload = answerTo(JSON.parse(requests[ordinal] ?? '') as { readonly op: string })
    const delivery = { ordinal, now: NOW + deliveries.length * 3, payload }
    deliveries.push(delivery)
    run.deliver(ordinal, delivery.now, payload)
  }
  const end = await run.ended
  return { end, requests, logs, deliveries }
}

function answerTo({ op }: { readonly op: string }): string {
  if (op === 'timer') return ok()
  if (Math.random() < 0.3) return fails('EACCES')
  if (op === 'fs.read') return JSON.stringify({ ok: true, bytes: Buffer.alloc(Math.random() * 9).toString('base64') })
  return ok(
    op === 'fs.list'
      ? Array.from({ length: Math.floor(Math.random() * 4) }, () => ({ name: 'n', type: 'file' }))
      : { type: 'file' },
  )
}

async function again(seed: string, deliveries: readonly Delivery[]): Promise<Recorded> {
  const requests: string[] = []
  const logs: string[] = []
  const run = sandbox.run(callOf(racing, { seed }), {
    onRequest: (_ordinal, payload) => void requests.push(payload),
    onLog: (level, text) => void logs.push(level + text),
  })
  for (const { ordinal, now, payload } of deliveries) run.deliver(ordinal, now, payload)
  return { end: await run.ended, requests, logs }
}

test(`${CALLS} racing calls`, { timeout: 60_000 }, async () => {
  let asked = 0
  const results = new Set<string>()
  for (let done = 0; done < CALLS; done += AT_ONCE) {
    const seeds = Array.from({ length: AT_ONCE }, (_, index) => (done + index + 1).toString(16).padStart(32, '5'))
    const pairs = seeds.map(async (seed) => {
      const { deliveries, ...first } = await record(seed)
      expect(first.end.kind).toBe('ok')
      // What was answered after the end was heard by nobody.
      const { end, requests, logs } = await again(seed, deliveries.slice(0, first.end.deliveries))
      expect(logs).toEqual(first.logs)
      expect(requests.slice(0, end.requests)).toEqual(first.requests.slice(0, first.end.requests))
      expect(end.kind === 'ok' ? end.value : end).toEqual(first.end.kind === 'ok' ? first.end.value : first.end)
      asked += requests.length
      results.add(JSON.stringify(end))
    })
    await Promise.all(pairs)
  }
  expect(asked).toBeGreaterThan(CALLS * 10)
  expect(results.size).toBe(CALLS)
})

const CLOCKS = [
  'Date.now()',
  'new Date().getTime()',
  '+new (new Date(0).constructor)()',
  'new Date(0).constructor.now()',
  'Object.getPrototypeOf(new Date(5)).constructor.now()',
  'Date.prototype.constructor.now()',
  'Reflect.construct(Date, []).valueOf()',
  'new (class extends Date {})().getTime()',
  'new (class extends Date { constructor() { super() } })().getTime()',
  'new (Date.bind(null))().getTime()',
  'new Date(Date()).getTime()',
  'new Date(Date.call(new Date(9))).getTime()',
  'new Date(Date.apply(null, [])).getTime()',
  "new Date(new Function('return Date()')()).getTime()",
  '(0, eval)("Date.now()")',
  'new Date(new Date()[Symbol.toPrimitive]("string")).getTime()',
  'new Date()[Symbol.toPrimitive]("number")',
]

const PROBES = [
  'new Date(0).toLocaleString()',
  'new Date(0).toString()',
  'new Date(2024, 5, 1).getTimezoneOffset()',
  "new Date('2024-01-01T00:00').getTime()",
  'new Date(0).toLocaleTimeString(undefined, { timeZoneName: "long" })',
  'attempt(() => new Date(0).toTemporalInstant().constructor.now())',
  'Intl.DateTimeFormat().format()',
  'new Intl.DateTimeFormat("de", { fractionalSecondDigits: 3 }).format()',
  'new Intl.DateTimeFormat("de", { fractionalSecondDigits: 3 }).formatToParts()',
  'new Intl.DateTimeFormat("de", { fractionalSecondDigits: 3 }).formatToParts(undefined)',
  'Intl.DateTimeFormat.prototype.formatToParts.apply(new Intl.DateTimeFormat("en", { second: "numeric" }), [])',
  'Reflect.get(Intl.DateTimeFormat.prototype, "format", new Intl.DateTimeFormat("en", { second: "numeric" }))()',
  'attempt(() => new Intl.DateTimeFormat().formatRange())',
  'attempt(() => new Intl.DateTimeFormat().formatRangeToParts(undefined, undefined))',
  'new Intl.DateTimeFormat().resolvedOptions()',
  'new Intl.NumberFormat().resolvedOptions().locale',
  'new Intl.Collator().resolvedOptions().locale',
  '(1234.5).toLocaleString()',
  "['ä', 'z', 'a'].sort(new Intl.Collator().compare)",
  "'I'.toLocaleLowerCase()",
  'Array.from({ length: 5 }, Math.random)',
  'Object.getOwnPropertyNames(Math)',
  'new Error("x").stack',
  'attempt(() => null.x)',
  '(() => { const o = {}; Error.captureStackTrace(o); return o.stack })()',
  '(() => { Error.prepareStackTrace = (e, s) => s.map((c) => [c.getFileName(), c.getLineNumber()]); return new Error().stack })()',
  'Reflect.ownKeys(globalThis).map(String)',
  'Object.keys(console)',
  'String(require)',
  'String(console.log)',
  'context',
  'attempt(() => new (Object.getPrototypeOf(async () => {}).constructor)("return import.meta"))',
  'await import("node:fs").catch((error) => error.stack)',
]

describe('no clock and no chance but those of the trail', () => {
  const prelude = 'const attempt = (f) => { try { return String(f()) } catch (e) { return e.stack } };'
  const ask = async (expression: string): Promise<unknown> =>
    valueOf(await play(sandbox, callOf(toolOf(`${prelude} return ${expression}`), { now: NOW })))

  test.each(CLOCKS)('%s', async (expression) => {
    expect(await ask(expression)).toBe(NOW)
  })

  test.each(PROBES)('%s', async (expression) => {
    const first = await ask(expression)
    await new Promise((resolve) => setTimeout(resolve, 3))
    expect(await ask(expression)).toEqual(first)
    expect(JSON.stringify(first) ?? '').not.toMatch(/\/work|\/home|\/root|\/tmp|node:internal|runtime\/sandbox/)
  })

  test('the clock moves with deliveries alone', async () => {
    const tool = toolOf(
      'const t = [Date.now()]; for (let i = 0; i < 3; i++) { await new Promise((r) => setTimeout(r, 1e6)); t.push(Date.now()) } return t',
    )
    const value = valueOf(await play(sandbox, callOf(tool, { now: NOW })))
    expect(value).toEqual([NOW, NOW + 1, NOW + 2, NOW + 3])
  })

  test('chance follows the seed', async () => {
    const drawn = async (seed: string): Promise<unknown> =>
      valueOf(await play(sandbox, callOf(toolOf('return Math.random()'), { seed })))
    expect(await drawn('1'.repeat(32))).not.toBe(await drawn('2'.repeat(32)))
  })
})
