/** Patterns whose reading goes wrong by one character, one state or one brace when a line of the matcher does. */
import { expect, test } from 'vitest'
import { decide } from '../../runtime/policy/decide.ts'
import { compileGlob, couldMatchBelow, escapeGlob, matches, normalisePath } from '../../runtime/policy/path-rule.ts'
import { grantOf } from '../support/grants.ts'

function covers(pattern: string, path: string): boolean {
  const compiled = compileGlob(pattern)
  return compiled.ok ? matches(compiled.glob, path) : expect.fail(compiled.message)
}

test.for<[pattern: string, covered: string, not: readonly string[]]>([
  ['{a,b}c', 'ac', ['a/c', 'a', 'bc/', 'c', 'abc']],
  ['x{a,b}', 'xb', ['x', 'xab', 'x/a', 'xa/b']],
  ['x{a,b}y', 'xby', ['xy', 'xa', 'xaby', 'xa/y', 'x/by']],
  ['{a,b}', 'b', ['ab', 'a/b', '']],
  ['{a/b,c}/d', 'a/b/d', ['a/d', 'b/d', 'a/c/d', 'a/b', 'ad']],
  ['{a,b}/c', 'b/c', ['a/b/c', 'bc', 'a', 'c']],
  ['a/**/b', 'a/b', ['ab', 'a', 'b', 'a/xb', 'a/b/c']],
  ['a/**/b', 'a/x/y/b', ['a/x/yb', 'x/a/b']],
  ['**/b', 'b', ['ab', 'b/c', '']],
  ['a/**', 'a', ['ab', 'b/a', '']],
  ['?', '\u{10000}', ['', 'ab', '\u{10000}\u{10000}', '/']],
  ['??', 'ab', ['\u{10000}', 'a', 'abc', 'a/']],
  ['?', '\uffff', ['\uffffa']],
  ['a\uffffb', 'a\uffffb', ['a\uffffxb', 'a\uffff/b', 'a\uffff']],
  ['a\uffff', 'a\uffff', ['a\uffff/b', 'a\uffffb', 'a']],
  ['\u{10000}b', '\u{10000}b', ['\u{10000}', '\u{10001}b', '\ud800b']],
  ['\\\u{10000}b', '\u{10000}b', ['\u{10000}', '\u{10000}\u{10000}b', 'b']],
  ['\\\uffffb', '\uffffb', ['\uffff', '\uffffxb']],
  ['*b', 'b', ['a/b', 'bc', '/b']],
  ['a*', 'a', ['a/b', 'ba', 'a/']],
  ['\\*', '*', ['a', '', '**']],
  ['\\?', '?', ['a', '']],
  ['\\{a,b\\}', '{a,b}', ['a', 'b']],
])('%j covers %j and none of what is next to it', ([pattern, covered, not]) => {
  expect(covers(pattern, covered)).toBe(true)
  for (const path of not) expect(covers(pattern, path), path).toBe(false)
})

test.for([
  '{a,b}/../x',
  '{a,b}/./x',
  '**/..',
  'a/../b',
  '..',
  '{..,a}/b',
  '{a,..}/b',
  '{a,b/..}/c',
  '../{a,b}',
  '*/..',
])('%s holds a segment that no path has, and is refused', (pattern) => {
  expect(compileGlob(pattern).ok).toBe(false)
})

test.for<[pattern: string, path: string]>([
  ['{x,package}.json', 'package.json'],
  ['{package,x}.json', 'package.json'],
  ['package{.json,.yaml}', 'package.json'],
  ['package{.yaml,.json}', 'package.json'],
  ['pack{x,age}.json', 'package.json'],
  ['{AGENTS.md,x}', 'AGENTS.md'],
  ['{x,AGENTS.md}', 'AGENTS.md'],
  ['{x/y,AGENTS.md}/a', 'AGENTS.md/a'],
  ['*/{x,AGENTS.md}/a', 'b/AGENTS.md/a'],
  ['AGENT*', 'AGENTS.md'],
  ['*GENTS.md', 'AGENTS.md'],
  ['AGENTS.m?', 'AGENTS.md'],
  ['Makefile/Makefil?', 'Makefile/Makefile'],
  ['Makefile/{x,Makefile}', 'Makefile/Makefile'],
  ['Makefile/*', 'Makefile/Makefile'],
  ['Makefile/**', 'Makefile/Makefile'],
  ['**', 'AGENTS.md'],
  ['**/*', 'AGENTS.md'],
])('%s spells no name, so it does not permit to write %s', ([pattern, path]) => {
  const write = { op: 'fs.write', path, data: new Uint8Array(), how: 'replace' } as const
  const grant = grantOf({ write: [pattern], read: [pattern] })
  expect(decide(grant, write, {})).toMatchObject({ reason: 'executed-by-others' })
  // It is the spelling that is missing: the rule does cover the path.
  expect(decide(grant, { op: 'fs.read', path }, {}).kind).toBe('permit')
})

test.for<[pattern: string, path: string]>([
  ['{a,b}/AGENTS.md', 'a/AGENTS.md'],
  ['*/AGENTS.md', 'a/AGENTS.md'],
  ['**/AGENTS.md', 'a/b/AGENTS.md'],
  ['\\AGENTS.md', 'AGENTS.md'],
])('%s spells it, and permits to write %s', ([pattern, path]) => {
  const write = { op: 'fs.write', path, data: new Uint8Array(), how: 'replace' } as const
  expect(decide(grantOf({ write: [pattern] }), write, {}).kind).toBe('permit')
})

test('what leads below a folder is a longer path, and not the folder itself', () => {
  const leads = (pattern: string, path: string): boolean => {
    const compiled = compileGlob(pattern)
    return compiled.ok && couldMatchBelow(compiled.glob, path)
  }
  for (const path of ['', 'a', 'a/b']) expect(leads('a/b/c', path), path).toBe(true)
  for (const path of ['a/b/c', 'a/c', 'b', 'a/b/c/d', 'ab']) expect(leads('a/b/c', path), path).toBe(false)
  expect(leads('a/*', 'a')).toBe(true)
  expect(leads('a/*', 'a/b')).toBe(false)
  expect(leads('**', 'a/b/c')).toBe(true)
})

test.for(['a\\/b', '\\/a', '\\/', '\\\0', 'a\\\0b', 'a\0b', 'a\\', '***', 'a/***', '{a\\/b,c}'])(
  '%j takes literally what no name holds, and is refused',
  (pattern) => {
    expect(compileGlob(pattern).ok).toBe(false)
  },
)

test('an escaped path covers itself and nothing else', () => {
  for (const character of ['*', '**', '?', '{', '}', '!', '\\', '{a,b}', ',']) {
    const path = `${character}x${character}y${character}`
    const escaped = compileGlob(escapeGlob(path))
    if (!escaped.ok) return expect.fail(`${path}: ${escaped.message}`)
    expect(escaped.glob.literal).toBe(path)
    expect(matches(escaped.glob, path)).toBe(true)
    for (const other of ['x', 'axaya', path.replaceAll(character, 'a'), `${path}z`])
      expect(matches(escaped.glob, other), other).toBe(false)
  }
})

test.for(['a//', '//', 'a/b//', './/', 'a/..//', '//a'])('%j holds an empty name', (text) => {
  expect(normalisePath(text).ok).toBe(false)
})
