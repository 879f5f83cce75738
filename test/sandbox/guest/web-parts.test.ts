/** How the parts of the Web platform come, and that nothing of the machine comes with them. */
import { afterAll, expect, test } from 'vitest'
import { PLATFORM_PARTS } from '../../../runtime/sandbox/guest/platform-parts.ts'
import { callOf, openSandbox, play, toolOf, valueOf } from '../../support/sandbox.ts'

const sandbox = await openSandbox({ outerWall: false })
afterAll(() => sandbox.close())

const value = async (body: string, options = {}): Promise<unknown> =>
  valueOf(await play(sandbox, callOf(toolOf(body), options)))

/** The parts that a fresh process asks for while it plays this. */
async function partsOf(body: string): Promise<string[]> {
  const asked: string[] = []
  const fresh = await openSandbox({ outerWall: false, onPart: (part) => void asked.push(part) })
  try {
    valueOf(await play(fresh, callOf(toolOf(body))))
  } finally {
    fresh.close()
  }
  return asked.toSorted()
}

test('a tool that names nothing of it loads nothing', async () => {
  expect(
    await partsOf(`setTimeout(() => 1); queueMicrotask(() => 1); return [self === globalThis, 'URL' in globalThis]`),
  ).toEqual([])
})

test.each([
  [`new URL('https://h/?a=ä').href`, ['encoding', 'url']],
  [`new URL('https://bücher.example/').href`, ['domain-names', 'encoding', 'url']],
  [`new TextDecoder('latin1').decode(new Uint8Array([228]))`, ['encoding']],
  [`new TextDecoder('koi8-r').decode(new Uint8Array([228]))`, ['base64', 'encoding', 'encoding-legacy', 'node-buffer']],
  [`atob('YQ==')`, ['base64']],
  [`new AbortController().signal.aborted`, ['events']],
  [`new Headers({ a: 'b' }).get('a')`, ['fetch']],
  [`await new Response('a').text()`, ['encoding', 'fetch']],
  [`await new Blob(['a']).text()`, ['blob', 'encoding']],
  [`crypto.randomUUID().length`, ['crypto', 'encoding']],
  [`structuredClone([1])[0]`, ['structured-clone']],
  [`console.log({})`, ['console']],
  [`performance.now()`, ['events', 'performance']],
])('%s loads no more than it needs', async (expression, parts) => {
  expect(await partsOf(`return ${expression}`)).toEqual(parts)
})

test('every global that is named is there, by its name', async () => {
  const names = [...PLATFORM_PARTS.values()].flatMap(({ globals }) => globals)
  const body = `return ${JSON.stringify(names)}.filter((name) => {
    const value = globalThis[name]
    return /^[A-Z]/.test(name) ? typeof value !== 'function' || value.name !== name : value === undefined
  })`
  expect(await value(body)).toEqual([])
})

test('a part comes in the middle of a call, and nothing else of the guest runs meanwhile', async () => {
  const body = `const seen = []
    Promise.resolve().then(() => seen.push('microtask'))
    const rejected = Promise.reject(new Error('handled later'))
    seen.push(typeof ReadableStream, typeof fetch, 'after')
    await rejected.catch(() => undefined)
    return seen`
  const { end, logs } = await play(sandbox, callOf(toolOf(body)))
  expect(end).toMatchObject({ kind: 'ok', value: ['function', 'function', 'after', 'microtask'] })
  expect(logs).toEqual([])
})

test('a microtask that loops does not loop in the process that watches it', { timeout: 30_000 }, async () => {
  await value(`return typeof URL`)
  const order: string[] = []
  const source = `Promise.resolve().then(() => { for (;;); })\nnew URL('a:b'); await 1`
  const looping = play(sandbox, callOf(toolOf(source), { limits: { wallMs: 4_000 } })).then(({ end }) => {
    order.push('looping')
    expect(end).toMatchObject({ kind: 'killed', cause: 'timeout' })
  })
  await new Promise((resolve) => setTimeout(resolve, 500))
  // In the same process: it answers as long as its own thread is free.
  expect(await value(`await new Promise((resolve) => setTimeout(resolve)); return 'lives'`)).toBe('lives')
  order.push('the other')
  await looping
  expect(order).toEqual(['the other', 'looping'])
})

test('buffers that are moved count against the memory of the call', { timeout: 30_000 }, async () => {
  const body = `const kept = []
    for (let i = 0; i < 40; i += 1) {
      const buffer = new ArrayBuffer(8 * 1024 * 1024)
      new Uint8Array(buffer).fill(1)
      kept.push(structuredClone(buffer, { transfer: [buffer] }))
    }
    return kept.length`
  const { end } = await play(sandbox, callOf(toolOf(body)))
  expect(end.kind === 'killed' ? end.cause : JSON.stringify(end)).toMatch(/^memory$|Array buffer allocation failed/)
})

test('a guest that took the globals apart breaks its own parts alone', { timeout: 20_000 }, async () => {
  const sabotage = `Object.defineProperty = Reflect.get = Map.prototype.get = () => { throw new Error('mine') }\nreturn typeof fetch`
  await play(sandbox, callOf(toolOf(sabotage)))
  expect(await value(`return typeof fetch`)).toBe('function')
})

test('randomness comes from the seed of the call, apart from that of Math.random', async () => {
  const draw = `const drawn = [crypto.randomUUID(), [...crypto.getRandomValues(new Uint8Array(100))].join()]; return drawn`
  const first = await value(draw)
  expect(await value(draw)).toEqual(first)
  expect(await value(`Math.random(); Math.random(); ${draw}`)).toEqual(first)
  expect(await value(draw, { seed: 'ff112233445566778899aabbccddeeff' })).not.toEqual(first)
  expect(await value(`return crypto.randomUUID()`)).toMatch(
    /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/,
  )
})

test('drawn bytes are as evenly spread as random ones, and no two draws share any', async () => {
  const [counts, distinct] = (await value(`const counts = new Array(256).fill(0), seen = new Set()
    for (let round = 0; round < 64; round += 1) {
      const bytes = crypto.getRandomValues(new Uint8Array(1000 + round))
      seen.add(bytes.subarray(0, 16).join())
      for (const byte of bytes) counts[byte] += 1
    }
    return [counts, seen.size]`)) as [number[], number]
  const total = counts.reduce((sum, count) => sum + count, 0)
  const chi = counts.reduce((sum, count) => sum + (count - total / 256) ** 2 / (total / 256), 0)
  // 255 degrees of freedom: above this one time in a million.
  expect(chi).toBeLessThan(371)
  expect(distinct).toBe(64)
})

test('the clock of performance is that of the call', async () => {
  expect(await value(`return [performance.timeOrigin, performance.now(), new Event('a').timeStamp]`)).toEqual([
    1_700_000_000_000, 0, 0,
  ])
  expect(
    await value(`performance.mark('a', { detail: { x: 1 } })
      await new Promise((resolve) => setTimeout(resolve, 5))
      const measure = performance.measure('m', 'a')
      return [measure.duration === performance.now(), performance.getEntriesByName('a')[0].detail, performance.getEntries().length]`),
  ).toEqual([true, { x: 1 }, 2])
})

test("the context's signal is an AbortSignal", async () => {
  expect(
    await value(`const { signal } = context
      const either = AbortSignal.any([signal, AbortSignal.abort('x')])
      return [signal instanceof AbortSignal, signal instanceof EventTarget, signal.aborted, signal === context.signal, either.reason]`),
  ).toEqual([true, true, false, true, 'x'])
})

test('no stack of a part names anything of the machine', async () => {
  const stacks = await value(`const stacks = []
    for (const act of [() => new URL('x'), () => atob('*'), () => new TextDecoder('x'), () => crypto.getRandomValues(1),
      () => fetch('x'), () => structuredClone(() => 1), () => new ReadableStream({ type: 'x' }), () => AbortSignal.abort().throwIfAborted()]) {
      try { await act() } catch (error) { stacks.push(error.stack) }
    }
    return stacks`)
  expect(stacks).toHaveLength(8)
  expect(String(stacks)).not.toMatch(/node:|node_modules|\/home|\/tmp|\/root|process\.ts/)
})
