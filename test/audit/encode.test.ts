import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { checkData, decodeData, encodeData, encodeInline } from '../../runtime/audit/encode.ts'
import type { Json } from '../../runtime/audit/event.ts'
import { printableJson } from '../../runtime/printable.ts'

const KEY = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 5 }),
  fc.constantFrom('$', '$$', '$body', '$bytes', '$number', '$$body', 'as', '__proto__', 'constructor', '1', '01'),
)

/** Strings and bytes around the size from which they are stored apart. */
const LARGE = fc.oneof(
  fc
    .tuple(
      fc.constantFrom('a', 'é', '漢', '😀', '\ud800', '\ufeff', '\0'),
      fc.constantFrom(1024, 1365, 1366, 4095, 4096),
    )
    .map(([unit, count]) => unit.repeat(count)),
  fc.constantFrom(4095, 4096, 5000).map((length) => new Uint8Array(length).fill(97)),
)

const VALUE = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string({ unit: 'binary' }),
    fc.string().map((text) => text + '\ud800'),
    fc.double(),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array(),
    LARGE,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(KEY, tie('value')), { maxLength: 4 }).map((entries) => Object.fromEntries(entries)),
  ),
})).value

function roundTrip(data: { readonly [key: string]: Json | undefined }): Json {
  const { text, bodies } = encodeData(data)
  return decodeData(text, (name) => bodies.get(name) ?? expect.fail(`no body ${name}`))
}

/** The format's rules, with nothing done to be fast. */
function plainly(value: Json | undefined): string {
  if (value === undefined || value === null) return 'null'
  if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))) {
    return `{"$number":"${Object.is(value, -0) ? '-0' : String(value)}"}`
  }
  if (typeof value !== 'object') return JSON.stringify(value)
  if (value instanceof Uint8Array) return `{"$bytes":"${Buffer.from(value).toString('base64')}"}`
  if (Array.isArray(value)) return `[${value.map(plainly).join(',')}]`
  const entries = Object.entries(value).filter(([, item]) => item !== undefined)
  const named = entries.map(([key, item]) => [key.startsWith('$') ? `$${key}` : key, item] as const)
  // By UTF-16 code units, which is how < compares.
  const sorted = named.toSorted(([one], [other]) => (one < other ? -1 : 1))
  return `{${sorted.map(([key, item]) => `${JSON.stringify(key)}:${plainly(item)}`).join(',')}}`
}

describe('encode', () => {
  test('is what the rules of the format make of it, for rows with the same and with other keys alike', () => {
    const SMALL = fc.oneof(VALUE, fc.constant(undefined), fc.string({ unit: 'binary', maxLength: 300 }))
    const rows = fc.array(
      fc.record({ on: SMALL, id: SMALL, $body: SMALL, 'a\u2028"': SMALL }, { requiredKeys: [], noNullPrototype: true }),
      { maxLength: 4 },
    )
    fc.assert(
      fc.property(rows, VALUE, (many, one) => {
        const value = [...many, one] as unknown as Json
        expect(encodeInline(value)).toBe(printableJson(plainly(value)))
      }),
      { numRuns: 1000 },
    )
  })

  test('is that for rows of plain values in each other as well, whatever their keys', () => {
    const key = fc.oneof(fc.constantFrom('b', 'a', 'é', '10', '9', '', '$a', '__proto__', 'toJSON'), KEY)
    const plain = fc.letrec<{ value: Json }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 6 },
        fc.string({ maxLength: 6 }),
        fc.constantFrom(0, 1, -0, 1e21, 5e-324, Number.NaN),
        fc.constantFrom(true, false, null),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.array(fc.tuple(key, tie('value')), { maxLength: 3 }).map((entries) => Object.fromEntries(entries)),
      ),
    })).value
    fc.assert(
      fc.property(fc.array(plain, { minLength: 2, maxLength: 4 }), (rows) => {
        expect(encodeData({ rows }).text).toBe(`{"rows":${plainly(rows)}}`)
        expect(roundTrip({ rows })).toEqual({ rows })
      }),
      { numRuns: 2000 },
    )
  })

  test.each([
    ['a row', { a: Array.from({ length: 700 }, () => 'x'.repeat(100)) }],
    ['a list in a row', { a: { b: Array.from({ length: 40_000 }, () => 1) } }],
    ['a text in a row', { a: 'x'.repeat(4096) }],
  ])('takes %s out of plain rows as out of others', (_what, large) => {
    const [plain, other] = [
      [{ id: 1 }, large],
      [{ id: -0 }, large],
    ].map((value) => encodeData({ value }))
    const names = [...(plain?.bodies.keys() ?? [])]
    expect(names).toHaveLength(1)
    expect([...(other?.bodies.keys() ?? [])]).toEqual(names)
    expect(plain?.text).toBe(other?.text.replace('{"$number":"-0"}', '1'))
  })

  test('decoding is the inverse of encoding', () => {
    fc.assert(
      fc.property(VALUE, (value) => {
        expect(roundTrip({ value })).toEqual({ value })
      }),
      { numRuns: 1000 },
    )
  })

  test('the order of keys makes no difference', () => {
    const entries = fc.uniqueArray(fc.tuple(KEY, VALUE), { selector: ([key]) => key, maxLength: 6 })
    const both = entries.chain((list) =>
      fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length, maxLength: list.length })),
    )
    fc.assert(
      fc.property(both, ([one, other]) => {
        expect(encodeData(Object.fromEntries(one)).text).toBe(encodeData(Object.fromEntries(other)).text)
      }),
    )
  })

  test('what JSON cannot say is written in words', () => {
    expect(encodeData({ b: Number.NaN, a: [-0, -Infinity, undefined as unknown as Json], c: undefined }).text).toBe(
      '{"a":[{"$number":"-0"},{"$number":"-Infinity"},null],"b":{"$number":"NaN"}}',
    )
    expect(encodeData({ x: Buffer.from('hi') }).text).toBe('{"x":{"$bytes":"aGk="}}')
  })

  test('a value of a tool that imitates a placeholder stays a value', () => {
    const data = { value: { $body: '0'.repeat(64), as: 'text' } }
    expect(encodeData(data).text).toBe(`{"value":{"$$body":"${'0'.repeat(64)}","as":"text"}}`)
    expect(checkData(encodeData(data).text).references).toEqual([])
    expect(roundTrip(data)).toEqual(data)
  })

  test('equal bytes share one body, whatever they are', () => {
    const text = 'same '.repeat(1000)
    const { text: encoded, bodies } = encodeData({ text, bytes: Buffer.from(text), again: [text] })
    expect(bodies.size).toBe(1)
    expect(checkData(encoded).references.map(({ as }) => as)).toEqual(['text', 'bytes', 'text'])
  })

  test('a long listing becomes a body of its own', () => {
    const entries = Array.from({ length: 100_000 }, (_, index) => ({ name: `file-${index}.ts`, type: 'file' }))
    const { text, bodies } = encodeData({ outcome: { ok: true, entries } })
    expect(text.length).toBeLessThan(200)
    expect(bodies.size).toBe(1)
    expect(roundTrip({ outcome: { entries } })).toEqual({ outcome: { entries } })
  })

  test('encoding copies: what is changed later was recorded as it was', () => {
    const bytes = new Uint8Array(5000)
    const { bodies } = encodeData({ bytes })
    bytes.fill(1)
    expect([...bodies.values()][0]?.every((byte) => byte === 0)).toBe(true)
  })

  test.each<[string, Json, RegExp]>([
    ['too deep', deep(501), /nested deeper than 500/],
    ['too large a value', new Uint8Array(64 * 1024 * 1024 + 1), /one value of an event has 67108865 bytes/],
    ['a function', (() => 1) as unknown as Json, /a function cannot be recorded/],
    ['a bigint', 1n as unknown as Json, /a bigint cannot be recorded/],
  ])('%s is refused', (_, value, message) => {
    expect(() => encodeData({ value })).toThrow(
      expect.objectContaining({ code: 'E_TRAIL', message: expect.stringMatching(message) }),
    )
  })

  test('too many values are refused', () => {
    const data = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`key${index}`, 'x'.repeat(4000)]))
    expect(() => encodeData(data)).toThrow(/the text of an event has \d+ bytes/)
    expect(roundTrip({ data })).toEqual({ data })
  })

  test('a loop is refused', () => {
    const loop: { [key: string]: Json } = {}
    loop['self'] = loop
    expect(() => encodeData(loop)).toThrow(/nested deeper/)
  })

  test.each([
    '[]',
    '{"a":{"$bytes":1}}',
    '{"a":{"$what":"x"}}',
    '{"a":{"b":1,"$c":2}}',
    '{"a":{"$body":"00","as":"html"}}',
    '{',
  ])('malformed text is refused: %s', (text) =>
    expect(() => decodeData(text, () => new Uint8Array())).toThrow(/the trail is broken/),
  )

  test('inline text cannot drive a terminal', () => {
    const value = { text: '\u001b[2J\u009b\u202e', bytes: new Uint8Array([1]) }
    expect(encodeInline(value)).toBe('{"bytes":{"$bytes":"AQ=="},"text":"\\u001b[2J\\u009b\\u202e"}')
  })
})

function deep(levels: number): Json {
  let value: Json = []
  for (let level = 1; level < levels; level++) value = [value]
  return value
}
