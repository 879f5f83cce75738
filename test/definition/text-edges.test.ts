/** Texts, numbers and Markdown next to those that a definition takes. */
import { describe, expect, it } from 'vitest'
import type { AgentDefinition } from '../../runtime/definition/definition.ts'
import { parseDefinition } from '../../runtime/definition/parse.ts'
import { problemsOf } from '../support/problems.ts'

const parse = (text: string, file = 'a.yaml'): AgentDefinition => parseDefinition({ file, text })
const count = (text: string, file?: string): number => problemsOf(() => parse(text, file)).length
const HEAD = 'name: a\nscript: ./a.ts\n'
const tool = (rest: string): string => `${HEAD}tools: { t: { from: ./t.ts, ${rest} } }\n`

const hex = (code: number): string => code.toString(16).padStart(4, '0')
const CONTROLS = [0, 1, 8, 0xb, 0xc, 0xe, 0x1b, 0x1f, 0x7f, 0x85, 0x9f, 0x2028, 0x2029, 0xd800, 0xdfff]

describe('a text', () => {
  it.each(CONTROLS.map(hex))('holds no U+%s', (code) => {
    expect(count(`${HEAD}instructions: "a\\u${code}b"\n`)).toBe(1)
    expect(count(`${HEAD}description: "a\\u${code}b"\n`)).toBe(1)
    expect(count(tool(`read: ["a\\u${code}b"]`))).toBe(1)
    expect(count(tool(`read: ["**"], deny: ["a\\u${code}b"]`))).toBe(1)
  })

  it.each([0x9, 0xa, 0xd, 0x202a, 0x202e, 0x2066, 0x2069].map(hex))('on one line holds no U+%s', (code) => {
    expect(count(tool(`read: ["a\\u${code}b"]`))).toBe(1)
    expect(count(`name: a\nscript: "./a\\u${code}.ts"\n`)).toBe(1)
  })

  it('of several lines holds tabs and line breaks', () => {
    expect(parse(`${HEAD}instructions: "a\\tb\\nc"\n`).instructions).toBe('a\tb\nc')
  })

  it.each(['""', '" "', '"\\n"', '', '~', '1', 'true', '[a]', '{ a: b }'])('is not %s', (text) => {
    expect(count(`name: a\nscript: ${text}\n`)).toBeGreaterThan(0)
    expect(count(tool(`read: [${text === '' ? '~' : text}]`))).toBeGreaterThan(0)
  })
})

describe('a key', () => {
  it.each(['ax-b', ' x-b', 'X-b', 'x_b', 'x', 'b-x-'])('that is %j is not free', (key) => {
    const pair = `${JSON.stringify(key)}: 1`
    expect(count(`${HEAD}${pair}\n`)).toBe(1)
    expect(count(tool(`read: [a], ${pair}`))).toBe(1)
    expect(count(tool(`read: [a], limits: { calls: 1, ${pair} }`))).toBe(1)
    expect(count(`${HEAD}budget: { turns: 1, ${pair} }\n`)).toBe(1)
  })

  it('that begins with `x-` is free', () => {
    expect(parse(`${HEAD}x-b: 1\nbudget: { turns: 1, x-: 2 }\n`).budget.turns).toBe(1)
  })

  it.each(['__proto__: { type: string, maxLength: 1 }', 'a: 1, a: 2', '1: { type: string }', '&a a: 1', 'a: *b'])(
    'in a schema is not that of { %s }',
    (pairs) => {
      expect(count(tool(`args: { p: { type: object, properties: { ${pairs} } } }`))).toBeGreaterThan(0)
    },
  )
})

describe('limits', () => {
  it.each([
    ['timeout: 500ms', { timeoutMs: 500 }],
    ['timeout: 5s', { timeoutMs: 5000 }],
    ['timeout: 2m', { timeoutMs: 120_000 }],
    ['timeout: 1ms', { timeoutMs: 1 }],
    ['memory: 32MB', { memoryBytes: 32 * 1024 ** 2 }],
    ['result: 512KB', { resultBytes: 512 * 1024 }],
    ['log: 1KB', { logBytes: 1024 }],
    ['calls: 1', { calls: 1 }],
    ['requests: 20', { requests: 20 }],
  ])('{ %s } are what they say', (text, expected) => {
    expect(parse(tool(`read: [a], limits: { ${text} }`)).tools[0]!.limits).toMatchObject(expected)
  })

  it('of a run are what they say', () => {
    const { budget } = parse(`${HEAD}budget: { turns: 1, tokens: 1, usd: 0.5, time: 1h }\n`)
    expect(budget).toEqual({ turns: 1, tokens: 1, usd: 0.5, timeMs: 3_600_000 })
  })

  it.each([
    'timeout: 0ms',
    'timeout: 0s',
    'timeout: 1000h',
    'timeout: 5',
    'timeout: 5S',
    'timeout: 5 s',
    'timeout: 1.5s',
    'timeout: -1s',
    'timeout: s',
    'timeout: 5sx',
    'timeout: 5s!',
    'timeout: 5s5',
    'memory: 32MB!',
    'memory: 32MB0',
    'timeout: x5s',
    'timeout: 5d',
    'timeout: 5MB',
    'memory: 1KB',
    'memory: 1000GB',
    'memory: 32mb',
    'memory: 32s',
    'memory: 9999999999999MB',
    'result: 0KB',
    'result: 1000GB',
    'log: 0KB',
    'log: 1000GB',
    'calls: 0',
    'calls: 1.5',
    'calls: -1',
    'calls: 0x10',
    'calls: 0o17',
    'calls: 1e1',
    'calls: "1"',
    'calls: 01',
    'calls: +1',
    'calls: 99999999999999',
    'calls: .inf',
    'calls: .nan',
    'requests: 0',
    'requests: 99999999999999',
    'x: 1',
    '',
  ])('{ %s } are refused', (text) => {
    expect(count(tool(`read: [a], limits: { ${text} }`))).toBeGreaterThan(0)
  })

  it.each([
    'turns: 0',
    'turns: 1e9',
    'turns: 99999999',
    'tokens: 0',
    'tokens: 1.5',
    'usd: 0',
    'usd: -1',
    'usd: 1e-9',
    'time: 0s',
    'time: 9999h',
  ])('of a run are not { %s }', (text) => {
    expect(count(`${HEAD}budget: { ${text} }\n`)).toBeGreaterThan(0)
  })
})

describe('Markdown', () => {
  const keys = 'name: a\nscript: ./a.ts\n'

  it('ends its keys at the first line that is `---` alone, and no sooner', () => {
    const text = `---\n${keys}tools:\n  read_file:\n    read: ["**"] # ---\n    # ---\n    deny: [secret] #---\n---\nBody\n---\nmore\n`
    const definition = parse(text, 'a.md')
    expect(definition.tools[0]?.deny.map(({ pattern }) => pattern)).toEqual(['secret'])
    expect(definition.instructions).toBe('Body\n---\nmore')
  })

  it.each(['a.md', 'A.MD', 'a.markdown', 'a.yaml.md', 'a.Markdown'])('is %s', (file) => {
    expect(parse(`---\t \n${keys}--- \t\nBody`, file).instructions).toBe('Body')
    expect(count(keys, file)).toBe(1)
  })

  it.each(['a.yaml', 'a.md.yaml', 'md', 'amd', 'a.mdx', 'a.markdown.yml'])('is not %s', (file) => {
    expect(parse(keys, file).instructions).toBeUndefined()
    expect(count(`---\n${keys}---\nBody: a\n`, file)).toBeGreaterThan(0)
  })

  it.each([
    ` ---\n${keys}---\nBody`,
    `----\n${keys}---\nBody`,
    `---\n${keys} ---\nBody`,
    `---\n${keys}----\nBody`,
    `---${keys}---\n`,
  ])('is not begun and ended by anything else: %j', (text) => {
    expect(count(text, 'a.md')).toBeGreaterThan(0)
  })

  it('keeps every place', () => {
    const [problem] = problemsOf(() => parse(`---\nname: a\nscript: ./a.ts\ntols: {}\n---\nBody`, 'a.md'))
    expect([problem?.line, problem?.column]).toEqual([4, 1])
  })
})
