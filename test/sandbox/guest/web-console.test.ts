/** console: what it prints, with which level, and how values look. */
import { afterAll, expect, test } from 'vitest'
import { callOf, openSandbox, play, toolOf, valueOf } from '../../support/sandbox.ts'

const sandbox = await openSandbox({ outerWall: false })
afterAll(() => sandbox.close())

async function printed(body: string): Promise<readonly string[]> {
  const played = await play(sandbox, callOf(toolOf(body)))
  valueOf(played)
  return played.logs
}

test('levels, groups, counts, times', async () => {
  expect(
    await printed(`console.log('a'); console.info('b'); console.warn('c'); console.error('d'); console.debug('e')
      console.group('g'); console.log('one\\ntwo'); console.group(); console.log('in'); console.groupEnd(); console.groupEnd()
      console.log('out'); console.count(); console.count('x'); console.count(); console.countReset(); console.count()
      console.time('t'); await new Promise((resolve) => setTimeout(resolve, 3)); console.timeLog('t', 1); console.timeEnd('t'); console.timeEnd('t')
      console.assert(true, 'no'); console.assert(false, '%s!', 'yes'); console.assert()`),
  ).toEqual([
    'log: a',
    'info: b',
    'warn: c',
    'error: d',
    'debug: e',
    'log: g',
    'log:   one\n  two',
    'log:     in',
    'log: out',
    'info: default: 1',
    'info: x: 1',
    'info: default: 2',
    'info: default: 1',
    'info: t: 1ms 1',
    'info: t: 1ms',
    "warn: Timer 't' does not exist",
    'error: Assertion failed: yes!',
    'error: Assertion failed',
  ])
})

test.each([
  [`'%s is %d, %i and %f of %j%%', 'x', '4.5', 4.9, '1.5', { a: 1 }, 'more'`, `x is 4.5, 4 and 1.5 of {"a":1}% more`],
  [
    `{ a: 'it\\'s', 'b-c': [1, , undefined], d: null, e: -0 }`,
    `{ a: "it's", 'b-c': [ 1, <1 empty item>, undefined ], d: null, e: -0 }`,
  ],
  [`{ a: { b: { c: { d: 1 } } } }`, `{ a: { b: { c: [Object] } } }`],
  [`new Map([['a', { b: 1 }]]), new Set([1])`, `Map(1) { 'a' => { b: 1 } } Set(1) { 1 }`],
  [`(() => { const a = {}; a.a = a; return a })()`, `{ a: [Circular *1] }`],
  [
    `new Date(0), /x/g, Symbol('s'), class A {}, () => 1`,
    `1970-01-01T00:00:00.000Z /x/g Symbol(s) [class A] [Function: (anonymous)]`,
  ],
  [
    `new Uint8Array(2), Object.create(null), new (class B { c = 1 })()`,
    `Uint8Array(2) [ 0, 0 ] [Object: null prototype] {} B { c: 1 }`,
  ],
  [`{ get a() { throw new Error() } }`, `{ a: [Getter] }`],
  [`new Proxy({}, { get() { throw 1 } })`, `[a value that cannot be shown]`],
])('console.log(%s)', async (args, text) => {
  expect(await printed(`console.log(${args})`)).toEqual([`log: ${text}`])
})

test('an error has its stack, and its cause', async () => {
  const [text = ''] = await printed(`console.error(new TypeError('outer', { cause: new Error('inner') }))`)
  expect(text).toMatch(/^error: TypeError: outer\n {4}at .*tool\.ts[^]*\[cause\]: Error: inner\n/)
})

test('a table', async () => {
  expect(await printed(`console.table([{ a: 1, b: 'x' }, { a: 2 }])`)).toEqual([
    'log: ┌─────────┬───┬─────┐\n' +
      '│ (index) │ a │ b   │\n' +
      '├─────────┼───┼─────┤\n' +
      "│ 0       │ 1 │ 'x' │\n" +
      '│ 1       │ 2 │     │\n' +
      '└─────────┴───┴─────┘',
  ])
})

test('what a listener or a microtask throws is printed, and the call goes on', async () => {
  const [text = ''] = await printed(`const target = new EventTarget()
    target.addEventListener('a', () => { throw new RangeError('mine') })
    target.dispatchEvent(new Event('a'))`)
  expect(text).toMatch(/^error: Uncaught RangeError: mine/)
})

test('a flood stops at the limit', async () => {
  const logs = await printed(`for (let i = 0; i < 1e5; i += 1) console.log('x'.repeat(100), i)`)
  expect(logs.at(-1)).toContain('limit log reached')
  expect(logs.join('').length).toBeLessThan(80 * 1024)
})
