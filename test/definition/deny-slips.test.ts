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
  ])('%j', (pattern, expected) => {
    const [found = '', ...more] = mistakes(pattern)
    expect(more).toEqual([])
    expect(found.startsWith(`${expected} (`), found).toBe(true)
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
    '\\(a\\|b)',
    'a\\\\/b',
    'می\\-خواهم',
    '{a,b}/**',
    '❤️',
  ])('but %j is what it is', (pattern) => {
    expect(parse('deny', pattern).tools[0]?.deny[0]?.pattern).toBe(pattern)
  })

  it.each(['app/[id]/**', 'a\u200cb', 'notes /a'])(
    'nor is %j refused where it permits: too little shows at once',
    (pattern) => {
      expect(parse('write', pattern).tools[0]?.paths[1]?.pattern).toBe(pattern)
    },
  )
})
