/** Paths and HTTP rules of a definition next to those that it takes. */
import { describe, expect, it } from 'vitest'
import { folderPath } from '../../runtime/definition/folder-path.ts'
import { parseDefinition } from '../../runtime/definition/parse.ts'
import { problemsOf, summaries } from '../support/problems.ts'

describe('a path in the folder of a definition', () => {
  it.each([
    ['.', '.'],
    ['./', '.'],
    ['', '.'],
    ['./a//b/', 'a/b'],
    ['a:b/c', undefined],
    ['a/b:c', 'a/b:c'],
    ['.a', '.a'],
    ['a~', 'a~'],
    ['...', '...'],
  ])('%j is %j', (text, path) => {
    const found = folderPath(text)
    expect(found.ok ? found.path : undefined).toBe(path)
  })

  it.each([
    '/a',
    '//a',
    '~',
    '~/a',
    '~a',
    '\\\\host',
    '\\a',
    'C:',
    'c:a',
    'C:\\a',
    'file:a',
    'h2:x',
    'a+b:x',
    'a.b:x',
    'a-b:x',
  ])('%s is absolute', (text) => {
    expect(folderPath(text)).toMatchObject({ ok: false, reason: 'absolute' })
  })

  it.each([
    ['..', 'leaves'],
    ['a/..', 'leaves'],
    ['a/../b', 'leaves'],
    ['./..', 'leaves'],
    ['a\\..', 'malformed'],
    ['a\\b', 'malformed'],
  ])('%s: %s', (text, reason) => {
    expect(folderPath(text)).toMatchObject({ ok: false, reason })
  })
})

describe('an HTTP rule', () => {
  const source = (rule: string, settings = ''): string =>
    `name: a\nscript: ./a.ts\n${settings}tools:\n  t: { from: ./t.ts, http: [${rule}] }\n`
  const mistakes = (rule: string, settings?: string): readonly string[] =>
    summaries(problemsOf(() => parseDefinition({ file: 'a.yaml', text: source(rule, settings) })))

  it.each(['1', '{}', '[x]', '', 'true', '""'])('is text, and not %s', (rule) => {
    expect(mistakes(rule).length).toBeGreaterThan(0)
  })

  it.each(['a', 'a1', 'a_b', 'a_1_b'])('takes the setting ${%s} and fills it in', (name) => {
    const given = new Map([[name, 'v']])
    const values = { user: 'al', given, configured: new Map<string, string>(), matchesWhole: () => false }
    const text = source(`"GET https://h.example/\${${name}}/x"`, `settings: { ${name}: { oneOf: [v, w] } }\n`)
    const [tool] = parseDefinition({ file: 'a.yaml', text, values }).tools
    expect(tool?.http.map(({ rule }) => rule)).toEqual(['GET https://h.example/v/x'])
  })

  it.each(['${}', '${', '${A}', '${1a}', '${a b}', '${_a}', '${a-b}', '$${a}{b}', '${a'])(
    'holds no setting %s',
    (setting) => {
      for (const rule of [`https://h.example/${setting}`, `https://h.example/?q=${setting}`, `https://${setting}/`])
        expect(mistakes(`"GET ${rule}"`, 'settings: { a: { oneOf: [v] } }\n').length, rule).toBeGreaterThan(0)
    },
  )

  it.each([
    'https://${a}/x${a}',
    'https://${a}/${a}x',
    'https://h.example/${a}/b${a}c',
    'https://h.example/${a}/b?c${a}',
    'https://h.example/${a}/b?${a}=1',
    'https://h.example/${a}?b=1${a}',
    'https://${a}.example/${a}',
    'https://h.example:${a}/${a}',
    'h.example/${a}',
    'https:/h.example/${a}',
    'https://h.example?q=${a}',
    'http://${a}/${a}',
  ])('has a setting in %s that is no whole part', (rule) => {
    expect(mistakes(`"GET ${rule}"`, 'settings: { a: { oneOf: [v] } }\n').length).toBeGreaterThan(0)
  })
})
