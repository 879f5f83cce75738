import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseDefinition } from '../../runtime/definition/parse.ts'
import { freshLetter, samplePaths } from '../../runtime/definition/sample-paths.ts'
import { compileGlob, matches } from '../../runtime/policy/path-rule.ts'
import { problemsOf, summaries } from '../support/problems.ts'

const text = (entry: string): string => `name: a\nscript: ./a.ts\ntools:\n  t: { from: ./t.ts, ${entry} }\n`
const parse = (entry: string) => parseDefinition({ file: 'a.yaml', text: text(entry) })
const mistakes = (entry: string): readonly string[] => summaries(problemsOf(() => parse(entry)))

describe('a permitting rule that can never take effect is refused', () => {
  it.each([
    'read: [".env"]',
    'read: ["config/.env"]',
    'read: ["**/*.pem"]',
    'read: [".ssh/**"]',
    'read: ["**/.git/**"]',
    'write: [".git/hooks/pre-commit"]',
    'delete: ["{.npmrc,.netrc}"]',
    'read: [".ENV"]',
  ])('%s, because it is protected', (entry) => {
    expect(mistakes(entry)).toHaveLength(1)
    expect(mistakes(entry)[0]).toContain('can never take effect: every path it covers is protected')
    expect(mistakes(entry)[0]).toContain('--allow-protected')
  })

  it.each([
    'read: ["src/**"], deny: ["src/**"]',
    'read: ["src/a/*.ts"], deny: ["src/**"]',
    'read: ["src/a.ts"], deny: ["SRC/*.ts"]',
    'read: ["{a,b}/c"], deny: ["*/c"]',
    'write: ["**"], deny: ["**"]',
    'read: ["a?c"], deny: ["x", "a*"]',
    'delete: ["a/**/b"], deny: ["a/**"]',
    'read: ["src/vendor/**"], deny: ["vendor"]',
    'read: ["**"], deny: ["*"]',
  ])('%s, because it is denied', (entry) => {
    expect(mistakes(entry)).toHaveLength(1)
    expect(mistakes(entry)[0]).toMatch(/can never take effect: `.*` in line 4 denies all of it/)
  })

  it('but a protected one does, once the operator took it off the list', () => {
    const allowed = (entry: string, path: string) =>
      parseDefinition({ file: 'a.yaml', text: text(entry), allowProtected: [path] }).tools
    expect(allowed('read: [".env"]', '.env')).toHaveLength(1)
    expect(allowed('read: ["**/*.pem"]', 'certs/a.pem')).toHaveLength(1)
    expect(allowed('read: [".ssh/*.pub"]', '.ssh')).toHaveLength(1)
    expect(() => allowed('read: [".env"]', 'other/.env')).toThrow('every path it covers is protected')
  })

  it('and one whose files other programs execute', () => {
    expect(mistakes('write: ["{package.json,Makefile}"]')).toEqual([
      '4:30 `{package.json,Makefile}` can never take effect: other programs execute every file it covers' +
        ' (write one pattern for each, with the name spelled out)',
    ])
    for (const entry of ['write: ["*.config.ts"]', 'delete: ["{node_modules,.venv}/a"]']) {
      expect(mistakes(entry)[0]).toContain('other programs execute every file it covers')
    }
  })

  it.each([
    'read: ["**"]',
    'read: ["*"]',
    'read: [".env.*"]',
    'read: [".env.example"]',
    'read: [".github/**", "package.json"]',
    'write: [".github/**", "package.json", "**/Makefile"]',
    'read: ["src/**"], deny: ["src/*"]',
    'read: ["src/*"], deny: ["src/?"]',
    'read: ["src/*"], deny: ["src/?*.ts"]',
    'read: ["a*"], deny: ["a?*"]',
    'read: ["**"], deny: ["**/*z*"]',
    'read: ["src/*"], deny: ["src/*z*"]',
    'read: ["{a,b}"], deny: ["a"]',
    'read: ["src/**"], deny: ["src/vendor/**"]',
    'read: ["*.p{em,df}"]',
  ])('but %s takes effect', (entry) => {
    expect(parse(entry).tools).toHaveLength(1)
  })
})

describe('a malformed pattern is refused at its character', () => {
  it.each([
    ['read: ["!src/**"]', '4:30'],
    ['read: ["src/{a"]', '4:34'],
    ["read: ['src/{a']", '4:34'],
    ['read: ["src/a**"]', '4:35'],
    ['read: ["s\\x72c/a**"]', '4:29'],
    ['read: ["/etc"]', '4:30'],
    ['read: ["a/../b"]', '4:32'],
    ['read: ["a"], deny: ["b/{c"]', '4:45'],
  ])('%s at %s', (entry, place) => {
    expect(mistakes(entry).map((line) => line.split(' ')[0])).toEqual([place])
  })
})

describe('samples', () => {
  it('are paths that the pattern covers', () => {
    const piece = fc.constantFrom('a', '*', '?', '**', '/', '/', '{b,c}', '\\*', 'é', '.')
    const pattern = fc.array(piece, { minLength: 1, maxLength: 9 }).map((pieces) => pieces.join(''))
    fc.assert(
      fc.property(pattern, (text) => {
        const compiled = compileGlob(text)
        if (!compiled.ok) return
        for (const path of samplePaths(text, freshLetter(text))) {
          // Wildcards filled with little may spell what no normalised path holds.
          if (path.split('/').some((name) => name === '.' || name === '..')) continue
          expect(matches(compiled.glob, path)).toBe(true)
        }
      }),
      { numRuns: 2000 },
    )
  })
})
