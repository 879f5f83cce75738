/** Values of settings next to those that a part of a rule takes, and how each part writes them. */
import { describe, expect, it } from 'vitest'
import type { ToolEntry } from '../../runtime/definition/definition.ts'
import { parseDefinition } from '../../runtime/definition/parse.ts'
import type { SettingValues } from '../../runtime/definition/settings.ts'
import { SETTING_PATTERN_LENGTH_MAX, SETTING_VALUE_LENGTH_MAX } from '../../runtime/limits.ts'
import { problemsOf } from '../support/problems.ts'

const valuesOf = (one: string): SettingValues => ({
  user: 'al',
  given: new Map([['one', one]]),
  configured: new Map(),
  matchesWhole: () => true,
})
const source = (rest: string, setting = '{ pattern: "x" }'): string =>
  `name: a\nscript: ./a.ts\nsettings: { one: ${setting} }\ntools: { t: { from: ./t.ts, ${rest} } }\n`
const parse = (rest: string, one: string): ToolEntry =>
  parseDefinition({ file: 'a.yaml', text: source(rest), values: valuesOf(one) }).tools[0]!
const count = (rest: string, one: string): number =>
  problemsOf(() => parseDefinition({ file: 'a.yaml', text: source(rest), values: valuesOf(one) })).length

const HOST = 'http: ["GET https://${one}/"]'
const SEGMENT = 'http: ["GET https://h.example/${one}"]'
const QUERY = 'http: ["GET https://h.example/?k=${one}"]'
const HEADER = 'http: ["GET https://h.example/"], headers: { x-a: "${one}" }'

describe('a host', () => {
  it.each(['a.example', '1.example', 'a-b.example1', 'a.b.c.example', 'a1b.x1', 'h9'])('is %s', (value) => {
    expect(parse(HOST, value).http[0]?.rule).toBe(`GET https://${value}/`)
  })

  it.each([
    'A.example',
    '-a.example',
    'a.example-',
    'a.example.',
    '.example',
    'a_b.example',
    'a:80',
    'u@a.example',
    'a b',
    'é.example',
    '*.example',
    'a?b',
    'a#b',
    '[::1]',
    'a%2Fb',
    'a..b',
    '${user}',
  ])('is not %s', (value) => expect(count(HOST, value)).toBeGreaterThan(0))
})

describe('what is no host', () => {
  it.each([
    ['a b', 'a%20b'],
    ['a?b', 'a%3Fb'],
    ['a&b=c', 'a%26b%3Dc'],
    ['a|b', 'a%7Cb'],
    ['a#b', 'a%23b'],
    ['a%b', 'a%25b'],
    ['a{b}', 'a%7Bb%7D'],
    ['é', '%C3%A9'],
  ])('%j is written %s in a query', (value, encoded) => {
    expect(parse(QUERY, value).http[0]?.rule).toBe(`GET https://h.example/?k=${encoded}`)
  })

  it.each([
    ['a b', 'a%20b'],
    ['a&b=c', 'a%26b%3Dc'],
    ['a|b', 'a%7Cb'],
    ['a{b}', 'a%7Bb%7D'],
    ['é', '%C3%A9'],
    ['AB', 'AB'],
  ])('%j is written %s in a path', (value, encoded) => {
    expect(parse(SEGMENT, value).http[0]?.rule).toBe(`GET https://h.example/${encoded}`)
  })

  it.each(['a', 'a b', '~!', 'A?b&c|d'])('%j is written as it is in a header', (value) => {
    expect(parse(HEADER, value).headers[0]?.value).toBe(value)
  })

  it.each(['é', 'aé', 'éa', 'a\u00a0b', '\u{10000}'])('%j is in no header', (value) => {
    expect(count(HEADER, value)).toBeGreaterThan(0)
  })

  it.each(['', '.', '..', 'a/b', '/', '*', 'a*', 'a\\b', ' a', 'a ', 'a\u200bb', 'a\nb', 'a\u2028b', '\ud800'])(
    '%j stands nowhere',
    (value) => {
      for (const rest of [HOST, SEGMENT, QUERY, HEADER, 'read: ["${one}"]', 'args: { p: { const: "${one}" } }'])
        expect(count(rest, value), rest).toBeGreaterThan(0)
    },
  )

  it('is as long as the limit says', () => {
    expect(parse('read: ["${one}"]', 'a'.repeat(SETTING_VALUE_LENGTH_MAX)).paths).toHaveLength(1)
    expect(count('read: ["${one}"]', 'a'.repeat(SETTING_VALUE_LENGTH_MAX + 1))).toBeGreaterThan(0)
  })
})

describe('the user of the run', () => {
  it.each([HOST, 'read: ["${one}"]'])('whose name no rule takes is a problem: %s', (rest) => {
    const values = { ...valuesOf('x'), user: 'a/b' }
    const text = source(rest.replace('${one}', '${user}'))
    expect(problemsOf(() => parseDefinition({ file: 'a.yaml', text, values })).length).toBeGreaterThan(0)
  })
})

describe('a setting', () => {
  const whole = (settings: string): number =>
    problemsOf(() => parseDefinition({ file: 'a.yaml', text: `name: a\nscript: ./a.ts\nsettings: ${settings}\n` }))
      .length

  it.each([
    '{}',
    '[]',
    'a',
    '{ one: a }',
    '{ one: {} }',
    '{ A: { pattern: a } }',
    '{ aB: { pattern: a } }',
    '{ a-b: { pattern: a } }',
    '{ 1a: { pattern: a } }',
    '{ user: { pattern: a } }',
    '{ one: { pattern: "(" } }',
    '{ one: { pattern: 1 } }',
    '{ one: { oneOf: [] } }',
    '{ one: { oneOf: [a, a] } }',
    '{ one: { oneOf: [".."] } }',
    '{ one: { pattern: a, oneOf: [a] } }',
  ])('is not %s', (settings) => expect(whole(settings)).toBeGreaterThan(0))

  it('has a pattern as long as the limit says', () => {
    const setting = (length: number): string => `{ pattern: "${'a'.repeat(length)}" }`
    const text = source('read: ["${one}"]', setting(SETTING_PATTERN_LENGTH_MAX))
    expect(parseDefinition({ file: 'a.yaml', text, values: valuesOf('x') }).settings).toHaveLength(1)
    expect(whole(`{ one: ${setting(SETTING_PATTERN_LENGTH_MAX + 1)} }`)).toBe(1)
  })

  it.each(['a${one}', '${one}b', '${one}.a/b${one}', '${one}.x$y', '${one}${one}', 'a/${one}b/c', '${one}.a.${one}'])(
    'is a whole segment, and not a part as in %s',
    (rule) => expect(count(`read: ["${rule}"]`, 'x')).toBeGreaterThan(0),
  )

  it.each(['${one}', '${one}/a', 'a/${one}.md', '${one}./a', 'a/${one}.b.c/d'])('may stand in %s', (rule) => {
    expect(parse(`read: ["${rule}"]`, 'x').paths[0]?.pattern).toBe(rule.replace('${one}', 'x'))
  })
})
