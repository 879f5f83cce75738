import { describe, expect, it } from 'vitest'
import { parseDefinition } from '../../runtime/definition/parse.ts'
import { problemsOf, summaries } from '../support/problems.ts'

const parse = (list: string, pattern: string) => {
  const text = `name: a\nscript: ./a.ts\ntools:\n  t:\n    from: ./t.ts\n    read: ["**"]\n    ${list}: ['${pattern}']\n`
  return parseDefinition({ file: 'a.yaml', text })
}
const mistakes = (pattern: string): readonly string[] => summaries(problemsOf(() => parse('deny', pattern)))

describe('a deny that would not deny what it seems to', () => {
  it.each([
    [' secret', '7:13 a name in this pattern begins or ends with a space'],
    ['secret ', '7:19 a name in this pattern begins or ends with a space'],
    ['a /b', '7:14 a name in this pattern begins or ends with a space'],
    ['a/ b', '7:14 a name in this pattern begins or ends with a space'],
    ['x{a, b}', '7:14 a name in this pattern begins or ends with a space'],
    ['{a,b }', '7:13 a name in this pattern begins or ends with a space'],
    ['sec\u200bret', '7:16 a pattern that denies holds the invisible character \\u200b'],
    ['a\\\u200c', '7:15 a pattern that denies holds the invisible character \\u200c'],
    ['a\u00adb', '7:14 a pattern that denies holds the invisible character \\xad'],
    ['key[0-9].txt', '7:16 `[0-9]` is no set of characters: in a path rule brackets stand for themselves'],
    ['*.[ch]', '7:15 `[ch]` is no set of characters: in a path rule brackets stand for themselves'],
    ['[!a]', '7:13 `[!a]` is no set of characters: in a path rule brackets stand for themselves'],
    ['k/[a-c]', '7:15 `[a-c]` is no set of characters: in a path rule brackets stand for themselves'],
    ['k/[xa-z_]', '7:15 `[xa-z_]` is no set of characters: in a path rule brackets stand for themselves'],
    ['[ch]/?[ab]', '7:19 `[ab]` is no set of characters: in a path rule brackets stand for themselves'],
    ['[ab]*/x', '7:13 `[ab]` is no set of characters: in a path rule brackets stand for themselves'],
    ['*.@(key|crt)', '7:16 `(key|crt)` is no choice: in a path rule `(` and `|` stand for themselves'],
    ['src\\vendor/**', '7:16 `\\v` is `v` alone: a `\\` takes the character behind it literally'],
    ['\\\\\\d', '7:15 `\\d` is `d` alone: a `\\` takes the character behind it literally'],
    ['secret[12].txt', '7:19 `[12]` is no set of characters'],
    ['[Ss]ecrets/**', '7:13 `[Ss]` is no set of characters'],
    ['[Ss]/x', '7:13 `[Ss]` is no set of characters'],
    ['[12]/x', '7:13 `[12]` is no set of characters'],
    ['[a-cx]/x', '7:13 `[a-cx]` is no set of characters'],
    ['[^/]+.key', '7:13 `[^` is no set of characters'],
    ['a/b]', '7:16 `]` is no set of characters'],
    ['[[:digit:]].txt', '7:13 `[[:digit:]` is no set of characters'],
    ['[[:digit:]]', '7:13 `[[:digit:]` is no set of characters'],
    ['a[id]', '7:14 `[id]` is no set of characters'],
    ['[id].tsx', '7:13 `[id]` is no set of characters'],
    ['{1..3}.txt', '7:13 `{1..3}` is no range: braces list names, with commas between them'],
    ['file{a..c}', '7:17 `{a..c}` is no range'],
    ['@(secret)', '7:13 `@(` repeats no group'],
    ['+(a)/x', '7:13 `+(` repeats no group'],
    ['x!(a)', '7:14 `!(` repeats no group'],
    ['?(*.)txt', '7:13 `?(` repeats no group'],
    ['*(a)', '7:13 `*(` repeats no group'],
    ['secret(s)?', '7:21 `)?` repeats no group'],
    ['a|b', '7:14 `|` is no choice'],
    ['{a|b,c}', '7:15 `|` is no choice'],
    ['^secret', '7:13 `^` stands for itself'],
    ['a/^secret', '7:15 `^` stands for itself'],
    ['secret$', '7:19 `$` stands for itself'],
    ['.+/secret', '7:13 `.+` stands for itself'],
    ['.*\\.txt', '7:15 `\\.` is `.` alone'],
    ['$HOME/secret', '7:13 `$` stands for itself'],
    ['~/secret', '7:13 `~` stands for itself'],
    ['#secret', '7:13 `#` stands for itself'],
    ['C:/secret', '7:13 `C:` stands for itself'],
    ['%secret%', '7:13 `%secret%` stands for itself'],
    ['a%20b', '7:14 `%20` stands for itself'],
    ['"secret"', '7:13 the quote " is a part of this pattern'],
    ["''secret''", "7:12 the quote ' is a part of this pattern"],
    ['`secret`', '7:13 the quote ` is a part of this pattern'],
    ['secret,other', '7:19 `,` separates nothing here: a pattern is one path'],
    ['*.txt;*.md', '7:18 `;` separates nothing here'],
    ['*.txt, *.md', '7:18 `,` separates nothing here'],
    ['{a,b},c', '7:18 `,` separates nothing here'],
  ])('%j', (pattern, expected) => {
    const [found = '', ...more] = mistakes(pattern)
    expect(more).toEqual([])
    expect(found.startsWith(expected), found).toBe(true)
    expect(found).toMatch(/ \([^()]+.*\)$/)
  })

  it.each([
    '\\ secret',
    'secret\\ ',
    'a b/c d',
    '{a b,c}',
    'a, b',
    '\\[0-9\\].txt',
    '(group)/a',
    'app/[id]/**',
    'app/[[...slug]]/page.tsx',
    '[my-app]',
    '[clientId]/x',
    '[[id]]',
    'app/[...slug]',
    '[id=integer]/x',
    '(group)',
    '(auth)/(admin)/x',
    'file (1).txt',
    'app/routes/$id.tsx',
    'a/~b',
    'c#',
    'Smith, John.txt',
    '50%',
    'ab:c',
    'secret\\[12\\].txt',
    '\\[Ss\\]ecrets/**',
    '\\{1..3\\}',
    '\\@(secret)',
    '\\^secret\\$',
    '\\$HOME',
    '\\~',
    '\\#a\\|b',
    'C\\:/secret',
    '\\%secret\\%',
    '\\"a\\"',
    'secret\\,other',
    '\\(a\\|b)',
    'a\\\\/b',
    'می\\-خواهم',
    '{a,b}/**',
    '❤️',
  ])('but %j is what it is', (pattern) => {
    expect(parse('deny', pattern).tools[0]?.deny[0]?.pattern).toBe(pattern)
  })

  it('nor is a setting, which begins with `$` as well', () => {
    const settings = 'settings: { team: { oneOf: [red, blue] } }\n'
    const text = `name: a\n${settings}script: ./a.ts\ntools:\n  t: { from: ./t.ts, read: ["**"], deny: ["\${team}/x"] }\n`
    const values = { user: 'ada', given: new Map([['team', 'red']]), configured: new Map(), matchesWhole: () => true }
    const { tools } = parseDefinition({ file: 'a.yaml', text, values })
    expect(tools[0]?.deny[0]?.pattern).toBe('red/x')
  })

  it.each(['app/[id]/**', 'a\u200cb', 'notes /a'])(
    'nor is %j refused where it permits: too little shows at once',
    (pattern) => {
      expect(parse('write', pattern).tools[0]?.paths[1]?.pattern).toBe(pattern)
    },
  )
})
