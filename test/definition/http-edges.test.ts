/** Paths and HTTP rules of a definition next to those that it takes. */
import { describe, expect, it } from 'vitest'
import { folderPath } from '../../runtime/definition/folder-path.ts'
import { parseDefinition } from '../../runtime/definition/parse.ts'
import { RIGHTS_TESTS_MAX } from '../../runtime/limits.ts'
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

const tool = (rest: string): string => `name: a\nscript: ./a.ts\ntools:\n  t: { ${rest} }\n`
const parse = (text: string) => parseDefinition({ file: 'a.yaml', text })
const count = (text: string): number => problemsOf(() => parse(text)).length

describe('a header', () => {
  const header = (name: string, value: string): string =>
    tool(
      `from: ./t.ts, http: ["GET https://h.example/"], headers: { ${JSON.stringify(name)}: ${JSON.stringify(value)} }`,
    )

  it.each(["x-AZaz09!#$%&'*+.^_`|~", 'x', 'accept'])('is named %s', (name) => {
    expect(parse(header(name, 'v')).tools[0]?.headers).toHaveLength(1)
  })

  it.each(['a', 'ab', 'a b', '~!', 'a\\b'])('has the value %j', (value) => {
    expect(parse(header('x-a', value)).tools[0]?.headers[0]?.value).toBe(value)
  })

  it.each(['x y', 'x:', ':x', '', 'é', 'x\u0000', 'x-a\n', 'Authorization', 'HOST', 'Sec-X', 'Proxy-X'])(
    'is not named %j',
    (name) => {
      expect(count(header(name, 'v'))).toBeGreaterThan(0)
    },
  )

  it.each(['', ' ', ' a', 'a ', 'é', 'aé', 'aéb', 'a\u0000', 'a\nb', 'a\rb', 'a\tb', '\u007f'])(
    'does not have the value %j',
    (value) => {
      expect(count(header('x-a', value))).toBeGreaterThan(0)
    },
  )
})

describe('a request', () => {
  const request = (url: string, args = 'a: { type: string, maxLength: 3 }', method = 'GET'): string =>
    tool(`description: d, request: ${JSON.stringify(`${method} ${url}`)}${args === '' ? '' : `, args: { ${args} }`}`)

  it.each(['a', 'A', '_a', 'aB', 'a_1', 'a1'])('takes the argument {%s}', (name) => {
    for (const url of [`https://h.example/{${name}}`, `https://h.example/?k={${name}}`]) {
      const text = request(url, `${name}: { type: string, maxLength: 3 }`)
      expect(parse(text).tools[0]?.from).toMatchObject({ kind: 'request' })
    }
  })

  it.each([
    'https://h.example/{a',
    'https://h.example/a}',
    'https://h.example/{a}b',
    'https://h.example/b{a}',
    'https://h.example/{1a}',
    'https://h.example/{}',
    'https://h.example/{a b}',
    'https://{a}/',
    'https://{a}.example/',
    'https://h.example:{a}/',
    'https://h.example/?{a}',
    'https://h.example/?{a}=1',
    'https://h.example/?k=x{a}',
    'https://h.example/?k={a}|1',
    'https://h.example/*',
    'https://h.example/**',
    'https://*.h.example/{a}',
    'https://h.example/{a}?*',
    'https://h.example/{a}?k',
    'https://h.example/{a} {query: b}',
    'http://h.example/{a}',
    'https://h.example',
  ])('is not %s', (url) => {
    expect(count(request(url))).toBeGreaterThan(0)
  })

  it.each([
    'from: ./t.ts',
    'from: run-agent/read_file',
    'http: ["GET https://g.example/"]',
    'git: read',
    'deny: [x]',
    'read: [x]',
    'write: [x]',
    'delete: [x]',
  ])('is all of its tool: { %s } beside it is refused', (rest) => {
    expect(
      count(request('https://h.example/{a}').replace('description: d', `description: d, ${rest}`)),
    ).toBeGreaterThan(0)
  })

  it('has a description', () => {
    expect(count(request('https://h.example/{a}').replace('description: d, ', ''))).toBe(1)
  })

  it('has one method, and no argument too many or too few', () => {
    expect(count(request('https://h.example/{a}', 'a: { const: x }', 'GET,POST'))).toBe(1)
    expect(count(request('https://h.example/{a}', ''))).toBe(1)
    expect(count(request('https://h.example/{a}', 'b: { const: x }'))).toBe(2)
    expect(count(request('https://h.example/', 'b: { const: x }'))).toBe(1)
  })
})

describe('tests of rights', () => {
  const source = (tests: string): string => `${tool('from: ./t.ts, read: [a]')}tests: ${tests}\n`
  const one = '{ tool: t, permits: "read a" }'

  it('expect what they say', () => {
    const { tests } = parse(source('[{ tool: t, permits: "read a" }, { tool: t, denies: "delete b" }]'))
    expect(tests.map(({ tool: name, expected, question }) => [name, expected, question])).toEqual([
      ['t', 'permit', 'read a'],
      ['t', 'deny', 'delete b'],
    ])
    expect(tests.map(({ request }) => request.op)).toEqual(['fs.read', 'fs.delete'])
  })

  it('are as many as the limit says', () => {
    const many = (length: number): string => source(`[${Array.from({ length }, () => one).join(', ')}]`)
    expect(parse(many(RIGHTS_TESTS_MAX)).tests).toHaveLength(RIGHTS_TESTS_MAX)
    expect(count(many(RIGHTS_TESTS_MAX + 1))).toBe(1)
  })

  it.each([
    '[]',
    '',
    '{}',
    'a',
    '[{}]',
    '[a]',
    '[{ tool: t }]',
    '[{ permits: "read a" }]',
    '[{ tool: t, permits: "read a", denies: "read b" }]',
    '[{ tool: u, permits: "read a" }]',
    '[{ tool: t, permits: "" }]',
    '[{ tool: t, permits: "reed a" }]',
    '[{ tool: t, permits: read }]',
    '[{ tool: t, permits: "get https://h.example/" }]',
    '[{ tool: t, permits: "GET h.example" }]',
    '[{ tool: t, permits: "read a", more: 1 }]',
  ])('are not %s', (tests) => {
    expect(count(source(tests))).toBeGreaterThan(0)
  })
})
