import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compileDeny } from '../../runtime/policy/compiled-grant.ts'
import {
  compileGlob,
  couldMatchBelow,
  escapeGlob,
  matches,
  matchesFolded,
  normalisePath,
  type Glob,
} from '../../runtime/policy/path-rule.ts'

function glob(pattern: string): Glob {
  const compiled = compileGlob(pattern)
  if (!compiled.ok) throw new Error(`${pattern}: ${compiled.message} at ${compiled.offset}`)
  return compiled.glob
}

describe('normalisePath', () => {
  test.for([
    ['', ''],
    ['.', ''],
    ['./', ''],
    ['a', 'a'],
    ['./a/./b', 'a/b'],
    ['a/', 'a'],
    ['a/../b', 'b'],
    ['a/b/../..', ''],
    ['a\\b', 'a\\b'],
    [' "a" ', ' "a" '],
    ['...', '...'],
  ] as const)('%j is %j', ([text, path]) => {
    expect(normalisePath(text)).toEqual({ ok: true, path })
  })

  test.for(['/', '/a', '//a', 'a//b', '..', '../a', 'a/../..', 'a\0b', '\0', './/a', 'a/../../b', '\ud800'])(
    '%j is refused',
    (text) => {
      expect(normalisePath(text).ok).toBe(false)
    },
  )

  test('a normalised path is its own normal form', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', '.', '..', 'b', '', '/')), (parts) => {
        const once = normalisePath(parts.join('/'))
        if (once.ok) expect(normalisePath(once.path)).toEqual(once)
      }),
    )
  })
})

describe('compileGlob', () => {
  test.for([
    ['', 0],
    ['!a', 0],
    ['/a', 0],
    ['a/', 1],
    ['a//b', 2],
    ['a/../b', 2],
    ['..', 0],
    ['./a', 0],
    ['a**', 1],
    ['**a', 0],
    ['a/**b/c', 2],
    ['***', 0],
    ['{a', 0],
    ['a}', 1],
    ['{a,}', 3],
    ['{,a}', 1],
    ['{}', 1],
    ['{a,{b}}', 3],
    ['{**,a}b', 1],
    ['a\\', 1],
    ['a\0', 1],
    ['{a,b}/', 5],
    ['{a,b/}', 4],
    ['**/', 2],
  ] as const)('%j is refused at %d', ([pattern, offset]) => {
    const compiled = compileGlob(pattern)
    expect(compiled).toMatchObject({ ok: false, offset })
  })

  test('a literal pattern is its one path', () => {
    expect(glob('a/b.ts').literal).toBe('a/b.ts')
    expect(glob('a/\\*').literal).toBe('a/*')
    expect(glob('a/*').literal).toBeUndefined()
    expect(glob('{a}').literal).toBeUndefined()
    expect(glob('.github/*/a').spelled).toEqual(['.github', 'a'])
  })
})

describe('matches', () => {
  test.for<[string, readonly string[], readonly string[]]>([
    ['src/**', ['src', 'src/a', 'src/a/b', 'src/.x'], ['', 'srcs', 'a/src', 'Src/a']],
    ['**', ['', 'a', 'a/b', '.x/y'], []],
    ['**/*.ts', ['a.ts', 'a/b.ts', '.ts', 'a/.b/.ts'], ['a.tsx', 'ts', 'a.ts/b']],
    ['a/**/b', ['a/b', 'a/x/b', 'a/x/y/b'], ['a', 'b', 'a/bb', 'ab']],
    ['*', ['a', '.a', 'a.b'], ['', 'a/b']],
    ['a?c', ['abc', 'a💩c', 'a.c'], ['ac', 'abbc', 'a/c', 'ae\u0301c']],
    ['{src,test}/*.{ts,js}', ['src/a.ts', 'test/b.js'], ['lib/a.ts', 'src/a.tsx', 'src/a/b.ts']],
    ['{src/**,README.md}', ['src', 'src/a/b', 'README.md'], ['README', 'x/README.md']],
    ['{a/b,c}/d', ['a/b/d', 'c/d'], ['a/d', 'b/d']],
    ['a{/b,.ts}', ['a/b', 'a.ts'], ['a', 'ab']],
    ['a\\*b', ['a*b'], ['axb', 'ab']],
    ['[ab]', ['[ab]'], ['a', 'b']],
    ['a,b', ['a,b'], ['a']],
    ['(a|b)+', ['(a|b)+'], ['a']],
    ['\\!a', ['!a'], ['a']],
    ['\\{a\\}', ['{a}'], ['a']],
    ['é', ['é'], ['e\u0301']],
  ])('%s', ([pattern, covered, others]) => {
    for (const path of covered) expect(matches(glob(pattern), path), path).toBe(true)
    for (const path of others) expect(matches(glob(pattern), path), path).toBe(false)
  })

  test('an escaped path covers itself alone', () => {
    fc.assert(
      fc.property(paths(), paths(), (path, other) => {
        fc.pre(path !== '')
        expect(matches(glob(escapeGlob(path)), path)).toBe(true)
        expect(matches(glob(escapeGlob(path)), other)).toBe(path === other)
      }),
    )
  })

  test.for<[string, string]>([
    ['*a'.repeat(400), `${'a'.repeat(4000)}b`],
    [`${'**/'.repeat(300)}x`, 'a/'.repeat(1500) + 'b'],
    [`${'{a,b,*}'.repeat(140)}/x`, 'a'.repeat(4000)],
    [`${'**/*/'.repeat(200)}x`, 'a/'.repeat(1500) + 'b'],
  ])('takes linear time, case %#', ([pattern, path]) => {
    const compiled = glob(pattern)
    const start = performance.now()
    expect(matches(compiled, path)).toBe(false)
    expect(performance.now() - start).toBeLessThan(2000)
  })
})

describe('matchesFolded', () => {
  test.for([
    ['.env', '.ENV'],
    ['Straße', 'STRASSE'],
    ['kelvin', '\u212aelvin'],
    ['secret', '\u017fecret'],
    ['caf\u00e9', 'cafe\u0301'],
    ['CAFE\u0301', 'caf\u00e9'],
    ['.git', '.g\u200cit'],
    ['stra?e', 'STRAßE'],
  ] as const)('%j covers %j', ([pattern, path]) => {
    expect(matchesFolded(glob(pattern), path)).toBe(true)
  })

  test('covers what matches, and every change of case of it', () => {
    fc.assert(
      fc.property(patterns(), paths(), (pattern, path) => {
        const compiled = glob(pattern)
        fc.pre(matches(compiled, path))
        expect(matchesFolded(compiled, path)).toBe(true)
        expect(matchesFolded(compiled, path.toUpperCase())).toBe(true)
        expect(matchesFolded({ ...compiled, isAscii: false }, path.toUpperCase())).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  // What is folded away stands where it would change the grammar, were the text of a pattern folded and not its names.
  test.for([
    ['a\\\u200cb', 'A\u200cB'],
    ['a\\\u200c', 'A'],
    ['a\\\u200c*', 'ABC'],
    ['a*\u200c*', 'ABC'],
    ['\u200c!a', '!A'],
    ['{\u200c,a}', 'A'],
    ['a/.\u200c.', 'A/.\u200c.'],
    ['a/\u200c/b', 'A/\u200c/B'],
    ['\\e\u0301', '\u00c9'],
    ['\u1e9e', 'SS'],
    ['*\u03a3\u00df', 'x\u03c3SS'],
  ] as const)('%j covers %j', ([pattern, path]) => {
    expect(matchesFolded(glob(pattern), path)).toBe(true)
  })

  test('a deny covers the path that it spells in every form of it', () => {
    const characters = 'aZß\u1e9eİıΣςŉǰΐé\u0301\u0323K가ﬀ\u200c\u200d\ufeff .!,\\*?{}/'
    const unit = fc.oneof(
      { weight: 9, arbitrary: fc.constantFrom(...Array.from(characters)) },
      { weight: 1, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }) },
    )
    const escaped = fc
      .tuple(fc.boolean(), unit)
      .map(([isEscaped, character]) => (isEscaped ? `\\${character}` : character))
    const text = fc.array(escaped, { minLength: 1, maxLength: 8 }).map((parts) => parts.join(''))
    let accepted = 0
    fc.assert(
      fc.property(text, fc.nat(), fc.constantFrom('\u200c', '\u202e', '\ufeff'), (pattern, at, ignored) => {
        const compiled = compileGlob(pattern)
        if (!compiled.ok || compiled.glob.literal === undefined) return
        accepted += 1
        const deny = compileDeny(pattern)
        const path = compiled.glob.literal
        // An iota below becomes a letter of its own, in upper case: before or behind other marks, which no fold evens out.
        if (path.normalize('NFD').includes('\u0345')) return
        const cut = at % (path.length + 1)
        const [composed, decomposed] = [path.normalize('NFC'), path.normalize('NFD')]
        const forms = [path, composed, decomposed, `${path.slice(0, cut)}${ignored}${path.slice(cut)}`]
        for (const form of [composed, decomposed]) forms.push(form.toUpperCase(), form.toLowerCase())
        for (const form of forms) {
          for (const found of [form, `Deep/er/${form}`, `${form}/Below`]) {
            expect(matchesFolded(deny, found), JSON.stringify([pattern, found])).toBe(true)
          }
        }
      }),
      { numRuns: 20_000 },
    )
    expect(accepted).toBeGreaterThan(5000)
  })
})

describe('against a slow reference', () => {
  test('matches agrees', () => {
    fc.assert(
      fc.property(patterns(), paths(), (pattern, path) => {
        expect(matches(glob(pattern), path)).toBe(referenceMatches(pattern, path))
      }),
      { numRuns: 20_000 },
    )
  })

  test('matches agrees one step away from a path that is covered', () => {
    let covered = 0
    fc.assert(
      fc.property(
        patterns(),
        paths(),
        fc.nat(),
        fc.constantFrom('a', 'b', '/', '.', 'A', ''),
        (pattern, path, at, text) => {
          if (!referenceMatches(pattern, path)) return
          covered += 1
          const index = at % (path.length + 1)
          for (const length of [0, 1]) {
            const changed = normalisePath(path.slice(0, index) + text + path.slice(index + length))
            if (changed.ok) expect(matches(glob(pattern), changed.path)).toBe(referenceMatches(pattern, changed.path))
          }
        },
      ),
      { numRuns: 20_000 },
    )
    expect(covered).toBeGreaterThan(1000)
  })

  test('couldMatchBelow is true for every folder above a covered path, and false where none is', () => {
    const names = ['a', 'b', 'ab', 'A', '.a']
    const all = names.flatMap((one) => [
      one,
      ...names.flatMap((two) => [`${one}/${two}`, ...names.map((three) => `${one}/${two}/${three}`)]),
    ])
    fc.assert(
      fc.property(patterns(), fc.constantFrom('', ...all), (pattern, directory) => {
        const prefix = directory === '' ? '' : `${directory}/`
        const isAbove = all.some(
          (path) => path.startsWith(prefix) && path !== directory && referenceMatches(pattern, path),
        )
        if (isAbove) expect(couldMatchBelow(glob(pattern), directory)).toBe(true)
      }),
      { numRuns: 3000 },
    )
    expect(couldMatchBelow(glob('src/*.ts'), 'src')).toBe(true)
    expect(couldMatchBelow(glob('src/*.ts'), 'src/a')).toBe(false)
    expect(couldMatchBelow(glob('src/a'), 'src/a')).toBe(false)
    expect(couldMatchBelow(glob('src/a'), 'lib')).toBe(false)
    expect(couldMatchBelow(glob('**/x'), 'any/where')).toBe(true)
    expect(couldMatchBelow(glob('README.md'), '')).toBe(true)
  })
})

function paths(): fc.Arbitrary<string> {
  const name = fc.array(fc.constantFrom('a', 'b', 'A', '.', '*', '💩'), { minLength: 1, maxLength: 3 })
  const safe = name.map((parts) => parts.join('')).filter((text) => text !== '.' && text !== '..')
  return fc.array(safe, { maxLength: 4 }).map((names) => names.join('/'))
}

/** Patterns that compile; braces of every kind among them. */
function patterns(): fc.Arbitrary<string> {
  const atom = fc.constantFrom('a', 'b', 'A', '.', '*', '?', '/', '**', '/**/', '\\*', '💩', '**/', '/**', '*')
  const text = fc.array(atom, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(''))
  const braces = fc.array(text, { minLength: 1, maxLength: 3 }).map((parts) => `{${parts.join(',')}}`)
  return fc
    .array(fc.oneof({ weight: 4, arbitrary: text }, { weight: 1, arbitrary: braces }), { minLength: 1, maxLength: 3 })
    .map((parts) => parts.join(''))
    .filter((pattern) => compileGlob(pattern).ok)
}

/** Expands braces first, then matches segments by plain recursion; shares no code and no idea with the automaton. */
function referenceMatches(pattern: string, path: string): boolean {
  const names = path === '' ? [] : path.split('/')
  const marked = pattern.replace(/\\.|\*\*/gsu, (text) => (text === '**' ? DEEP : text))
  return expand(marked).some((flat) => matchSegments(flat.split('/'), names))
}

/** Stands for `**`, so that two stars which meet once braces are expanded are still two stars. */
const DEEP = '\u0001'

function expand(pattern: string): string[] {
  const open = /(?<!\\)(?:\\\\)*\{/.exec(pattern)
  if (open === null) return [pattern]
  const start = open.index + open[0].length - 1
  const end = pattern.indexOf('}', start)
  const tails = expand(pattern.slice(end + 1))
  const alternatives = pattern.slice(start + 1, end).split(',')
  return alternatives.flatMap((text) => tails.map((tail) => pattern.slice(0, start) + text + tail))
}

function matchSegments(segments: readonly string[], names: readonly string[]): boolean {
  const [segment, ...rest] = segments
  if (segment === undefined) return names.length === 0
  if (segment === DEEP)
    return names.some((_, index) => matchSegments(rest, names.slice(index))) || matchSegments(rest, [])
  const [name, ...others] = names
  return name !== undefined && matchName(Array.from(segment), Array.from(name)) && matchSegments(rest, others)
}

function matchName(pattern: readonly string[], name: readonly string[]): boolean {
  const [first, ...rest] = pattern
  if (first === undefined) return name.length === 0
  if (first === '*') return matchName(rest, name) || (name.length > 0 && matchName(pattern, name.slice(1)))
  const isEscape = first === '\\'
  const wanted = isEscape ? rest[0] : first
  const after = isEscape ? rest.slice(1) : rest
  if (name.length === 0) return false
  return ((first === '?' && !isEscape) || wanted === name[0]) && matchName(after, name.slice(1))
}
