/** Entries under `tools` next to those that a definition takes. */
import { describe, expect, it } from 'vitest'
import type { ToolEntry } from '../../runtime/definition/definition.ts'
import { parseDefinition } from '../../runtime/definition/parse.ts'
import { PATTERN_LENGTH_MAX, PATTERNS_PER_LIST_MAX, TOOL_PATTERN_CHARACTERS_MAX } from '../../runtime/limits.ts'
import { problemsOf } from '../support/problems.ts'

const source = (name: string, rest: string): string =>
  `name: a\nscript: ./a.ts\ntools: { ${JSON.stringify(name)}: { ${rest} } }\n`
const parse = (name: string, rest: string): ToolEntry =>
  parseDefinition({ file: 'a.yaml', text: source(name, rest) }).tools[0]!
const count = (name: string, rest: string): number =>
  problemsOf(() => parseDefinition({ file: 'a.yaml', text: source(name, rest) })).length

describe('a name', () => {
  it.each(['a', 'a1', 'a_b', 'a_1'])('is %s', (name) => {
    expect(parse(name, 'from: ./t.ts').name).toBe(name)
  })

  it.each(['A', '1a', '_a', 'a-b', 'a b', 'aB', 'a.b', '', 'é', 'x-a', '-', 'a/b'])('is not %j', (name) => {
    expect(count(name, 'from: ./t.ts')).toBeGreaterThan(0)
  })
})

describe('a file', () => {
  it.each(['./t.ts', './t.js', './t.mts', './t.mjs', './a/b.ts', './a.b.ts', './.a/b.ts'])('is %s', (from) => {
    expect(parse('t', `from: ${from}`).from).toEqual({ kind: 'file', path: from.slice(2) })
  })

  it.each([
    't.ts',
    'a/./t.ts',
    'x./t.ts',
    '../t.ts',
    './../t.ts',
    './a/../../t.ts',
    './a/../t.ts',
    '/t.ts',
    '~/t.ts',
    './t.tsx',
    './t.cts',
    './t.ts.txt',
    './ts',
    './t.json',
    './t',
    './.env/t.ts',
    './.git/t.ts',
    './.ssh/t.ts',
    './a/.GIT/t.ts',
    './key.pem/t.ts',
    'file:./t.ts',
    'https://h.example/t.ts',
    'package',
    '@scope/package',
    'run-agent',
    'run-agent/',
    'run-agent/no_such_tool',
    'run-agent/../t.ts',
    'x/run-agent/read_file',
    './run-agent\\\\t.ts',
    '',
  ])('is not %j', (from) => {
    expect(count('t', `from: "${from}", read: [a]`)).toBeGreaterThan(0)
  })
})

it('has the words that are written, and the place of what is required', () => {
  const entry = parse('t', 'from: ./t.ts, description: "a\\nb", required: true')
  expect(entry).toMatchObject({ description: 'a\nb', required: 'a.yaml:3:52', place: 'a.yaml:3:10' })
  expect(parse('t', 'from: ./t.ts')).toMatchObject({ description: undefined, required: undefined })
})

describe('rights', () => {
  it('are those that are written, and no others', () => {
    const entry = parse('t', 'from: ./t.ts, read: [a, b], write: [c], delete: [d], deny: [e], git: read')
    expect(entry.paths.map(({ right, pattern }) => `${right} ${pattern}`)).toEqual([
      'read a',
      'read b',
      'write c',
      'delete d',
    ])
    expect(entry.deny.map(({ pattern }) => pattern)).toEqual(['e'])
    expect(entry.git?.access).toBe('read')
    expect([entry.http, entry.redirects, entry.headers]).toEqual([[], [], []])
    expect(parse('t', 'from: ./t.ts')).toMatchObject({ paths: [], deny: [], git: undefined, http: [], args: [] })
  })

  it.each([
    'read: []',
    'read: ~',
    'read: a',
    'read: [a, a]',
    'read: [""]',
    'read: [1]',
    'read: [.env]',
    'read: [".git/**"]',
    'read: [a], deny: ["**"]',
    'read: [a], deny: [a]',
    'read: [a/b], deny: [A]',
    'deny: [a]',
    'git: read, deny: [a]',
    'git: write',
    'git: [read]',
    'git: true',
    'write: ["{package.json,yarn.lock}"]',
    'read: [a], approval: always',
    'read: [a], approval: ask',
    'read: [a], required: false',
    'read: [a], required: 1',
    'read: [a], repeat: never',
    'reads: [a]',
    'read: [a], redirects: ["GET https://h.example/"]',
    'read: [a], headers: { x-a: b }',
    'http: ["GET https://h.example/"], redirects: ["POST https://g.example/"]',
    'http: ["GET https://h.example/"], redirects: ["GET,HEAD https://g.example/"]',
    'http: ["GET https://h.example/"], redirects: ["GET https://h.example/"]',
    'http: ["GET https://h.example/", "GET https://h.example/"]',
    'http: ["GET https://h.example/**", "GET https://h.example/a"]',
    'http: []',
    // Whoever brings no list of public suffixes has no wildcard hosts.
    'http: ["GET https://*.h.example/"]',
  ])('are not { %s }', (rest) => {
    expect(count('t', `from: ./t.ts, ${rest}`)).toBeGreaterThan(0)
  })

  it.each([
    'write: [a]',
    'read: [a], delete: [a]',
    'read: [a], git: read',
    'read: [a], http: ["GET https://h.example/"]',
    '',
    'deny: [a]',
  ])('that a tool which comes with run-agent does not need, or lacks, are refused: { %s }', (rest) => {
    expect(count('read_file', rest)).toBeGreaterThan(0)
  })

  it.each([
    ['read: [a]', 'safe'],
    ['git: read', 'safe'],
    ['http: ["GET https://h.example/"]', 'safe'],
    ['write: [a]', 'ask'],
    ['read: [a], delete: [b]', 'ask'],
    ['http: ["GET https://h.example/", "POST https://h.example/a"]', 'ask'],
    ['http: ["GET,HEAD https://h.example/"]', 'ask'],
    ['http: ["HEAD https://h.example/"]', 'ask'],
    ['http: ["POST,GET https://h.example/"]', 'ask'],
    ['write: [a], repeat: keyed', 'keyed'],
    ['read: [a], repeat: ask', 'ask'],
  ])('{ %s } are repeated after a crash: %s', (rest, repeat) => {
    expect(parse('t', `from: ./t.ts, ${rest}`).repeat).toBe(repeat)
  })
})

describe('how much', () => {
  const list = (length: number, start: string): string =>
    Array.from({ length }, (_, index) => `"${start}${index}"`).join(', ')

  it('one list holds', () => {
    for (const right of ['read', 'write', 'delete']) {
      expect(parse('t', `from: ./t.ts, ${right}: [${list(PATTERNS_PER_LIST_MAX, 'a')}]`).paths).toHaveLength(
        PATTERNS_PER_LIST_MAX,
      )
      expect(count('t', `from: ./t.ts, ${right}: [${list(PATTERNS_PER_LIST_MAX + 1, 'a')}]`)).toBe(1)
    }
    expect(count('t', `from: ./t.ts, read: [x], deny: [${list(PATTERNS_PER_LIST_MAX + 1, 'a')}]`)).toBe(1)
  })

  it('one pattern holds', () => {
    expect(parse('t', `from: ./t.ts, read: ["${'a'.repeat(PATTERN_LENGTH_MAX)}"]`).paths).toHaveLength(1)
    expect(count('t', `from: ./t.ts, read: ["${'a'.repeat(PATTERN_LENGTH_MAX + 1)}"]`)).toBe(1)
  })

  it('all patterns of a tool hold', () => {
    const length = Math.ceil((TOOL_PATTERN_CHARACTERS_MAX + 1) / PATTERN_LENGTH_MAX)
    const long = (start: string): string =>
      Array.from({ length }, (_, index) => `"${start}${index}${'a'.repeat(PATTERN_LENGTH_MAX - 4)}"`).join(', ')
    expect(length).toBeLessThan(PATTERNS_PER_LIST_MAX)
    const message = /characters together/
    const said = (rest: string): string =>
      problemsOf(() => parse('t', `from: ./t.ts, ${rest}`))
        .map((problem) => problem.message)
        .join()
    expect(said(`read: [${long('b')}]`)).toMatch(message)
    expect(said(`read: [x], deny: [${long('b')}]`)).toMatch(message)
  })
})
