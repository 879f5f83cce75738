import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseDefinition } from '../../runtime/definition/parse.ts'
import type { SettingValues } from '../../runtime/definition/settings.ts'
import { matchesWhole } from '../../runtime/node-regexp.ts'
import { decide } from '../../runtime/policy/decide.ts'
import { problemsOf, summaries } from '../support/problems.ts'

const valuesOf = (given: Readonly<Record<string, string>>, more: Partial<SettingValues> = {}): SettingValues => ({
  user: 'alice',
  given: new Map(Object.entries(given)),
  configured: new Map(),
  matchesWhole,
  ...more,
})
const text = (rule: string, settings = 'one: { pattern: ".+" }'): string =>
  `name: a\nscript: ./a.ts\nsettings:\n  ${settings}\ntools:\n  t: { from: ./t.ts, read: ['**'], write: ['${rule}'] }\n`
const parse = (source: string, values?: SettingValues) =>
  parseDefinition({ file: 'a.yaml', text: source, ...(values === undefined ? {} : { values }) })
const mistakes = (source: string, values?: SettingValues): readonly string[] =>
  summaries(problemsOf(() => parse(source, values)))
const ruleOf = (source: string, values?: SettingValues): string | undefined =>
  parse(source, values).tools[0]?.paths[1]?.pattern

describe('a setting', () => {
  it.each([
    ['out/${one}/x', { one: '42' }, 'out/42/x'],
    ['${one}.md', { one: 'a b' }, 'a b.md'],
    ['a/${one}.*', { one: 'x' }, 'a/x.*'],
    ['a/${user}/**', { one: 'x' }, 'a/alice/**'],
    ['${one}/${one}', { one: 'ä' }, 'ä/ä'],
    ['a/${one}', { one: '{b,c}?' }, 'a/\\{b,c\\}\\?'],
    ['a/${one}', { one: '!x' }, 'a/\\!x'],
    ['a/\\${one}', { one: 'x' }, 'a/\\${one}'],
  ])('%s with %j is %s', (rule, given, expected) => {
    expect(ruleOf(text(rule), valuesOf(given))).toBe(expected)
  })

  it('has the value of the command line before that of the configuration', () => {
    const configured = new Map([['one', 'theirs']])
    expect(ruleOf(text('${one}'), valuesOf({ one: 'mine' }, { configured }))).toBe('mine')
    expect(ruleOf(text('${one}'), valuesOf({}, { configured }))).toBe('theirs')
    expect(parse(text('${one}'), valuesOf({}, { configured })).settings).toEqual([
      { name: 'one', value: 'theirs', place: 'a.yaml:4:3' },
    ])
  })

  it('stands as its name where a definition is read without values', () => {
    expect(ruleOf(text('a/${one}.md'))).toBe('a/$one.md')
  })

  it.each([
    ['', 'is empty'],
    ['.', 'is `.` or `..`, which names another folder'],
    ['..', 'is `.` or `..`, which names another folder'],
    ['a/b', 'holds `/`, `\\` or `*`'],
    ['*', 'holds `/`, `\\` or `*`'],
    ['**', 'holds `/`, `\\` or `*`'],
    ['a\\b', 'holds `/`, `\\` or `*`'],
    ['a\nb', 'holds an invisible character'],
    ['a\u200bb', 'holds an invisible character'],
    [' a', 'begins or ends with a space'],
    ['x'.repeat(257), 'has more than 256 characters'],
  ])('is never %j', (value, why) => {
    expect(mistakes(text('out/${one}'), valuesOf({ one: value }))).toEqual([`4:3 --set one ${why}`])
    const configured = new Map([['one', value]])
    expect(mistakes(text('out/${one}'), valuesOf({}, { configured }))).toEqual([
      `4:3 the operator's setting \`one\` ${why}`,
    ])
  })

  it('matches its pattern whole, whatever alternatives the pattern has', () => {
    for (const pattern of ['[0-9]+', '1|2', '(?:1)|x']) {
      const source = text('out/${one}', `one: { pattern: '${pattern}' }`)
      expect(ruleOf(source, valuesOf({ one: '1' }))).toBe('out/1')
      for (const value of ['1a', 'a1', '11x', 'x1'])
        expect(mistakes(source, valuesOf({ one: value }))).toEqual(['4:3 --set one does not match the whole pattern'])
    }
  })

  it('is one of its values', () => {
    const source = text('out/${one}', 'one: { oneOf: [a.b, c] }')
    expect(ruleOf(source, valuesOf({ one: 'c' }))).toBe('out/c')
    expect(mistakes(source, valuesOf({ one: 'axb' }))).toEqual(['4:3 --set one must be one of `a.b`, `c`'])
  })

  it('whose pattern is built to take for ever is refused in time', () => {
    const source = text('out/${one}', "one: { pattern: '(a+)+b' }")
    const before = performance.now()
    expect(mistakes(source, valuesOf({ one: 'a'.repeat(60) }))).toEqual([
      '4:3 --set one could not be compared with the pattern in time',
    ])
    expect(performance.now() - before).toBeLessThan(2000)
    // Without a deadline it would go on.
    expect(matchesWhole('(a+)+b', 'a'.repeat(20))).toBe(false)
  })

  it.each<[string, string, string]>([
    [
      'without a value',
      '4:3 the setting `one` has no value',
      "give one with --set one=…, or in the operator's `settings`",
    ],
  ])('%s is a problem', (_what, message, hint) => {
    expect(mistakes(text('out/${one}'), valuesOf({}))).toEqual([`${message} (${hint})`])
  })

  it('that the definition does not have is a problem, and so is one that is misspelt in a rule', () => {
    expect(mistakes(text('out/${one}'), valuesOf({ one: 'x', onee: 'y' }))).toEqual([
      '3:1 --set names `onee`, which is no setting of this definition (did you mean `one`?)',
    ])
    expect(mistakes(text('out/${on}'), valuesOf({ one: 'x' }))).toEqual([
      '6:49 there is no setting `on` (did you mean `one`?)',
    ])
    expect(mistakes(text('out/${zzzzz}'), valuesOf({ one: 'x' }))).toEqual([
      '6:49 there is no setting `zzzzz` (list it under `settings`)',
    ])
    expect(mistakes(text('x'), valuesOf({ one: 'x', user: 'bob' }))).toEqual([
      '3:1 --set names `user`, which is no setting of this definition (--user names the user)',
    ])
  })

  it.each(['a${one}', '${one}b/c', 'a/${one}b', '{x,${one}}', '${one}${one}', '*${one}', '${one}*', 'a/${one}.${one}'])(
    'in %s is no whole segment',
    (rule) => {
      const found = mistakes(text(rule), valuesOf({ one: 'x' }))
      expect(found.length).toBeGreaterThan(0)
      for (const line of found) expect(line).toContain('must be a whole segment, or one up to its extension')
    },
  )

  it.each(['${', '${}', '${One}', '${one', '${one.two}', '${ one }'])('is not written %s', (rule) => {
    expect(mistakes(text(rule), valuesOf({ one: 'x' }))[0]).toContain('names no setting')
  })

  it.each([
    ['one: {}', '4:3 `one` is empty'],
    ['one:', '4:3 `one` is empty'],
    ['one: { pattern: a, oneOf: [a] }', '4:3 `one` must have exactly one of `pattern` and `oneOf`'],
    ['one: { patern: a }', '4:10 unknown key `patern` in a setting (did you mean `pattern`?)'],
    ['one: { pattern: "(" }', '4:19 `pattern` is no regular expression (with the flag u)'],
    ['one: { oneOf: [] }', '4:10 `oneOf` is empty'],
    ['one: { oneOf: [a, a] }', '4:10 `oneOf` names a value twice'],
    ['one: { oneOf: [a/b] }', '4:18 this value holds `/`, `\\` or `*`'],
    ['One: { pattern: a }', '4:3 the setting name `One` must be lower-case letters, digits and `_`'],
    [
      'user: { pattern: a }',
      '4:3 the setting name `user` must be lower-case letters, digits and `_` (${user} is the user of the run)',
    ],
  ])('%s is a mistake', (settings, expected) => {
    expect(mistakes(text('x', settings), valuesOf({ one: 'a' }))).toContain(expected)
  })
})

it('widens no rule, whatever its value', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' }), fc.array(fc.string()), (value, parts) => {
      const source = text('out/${one}/x')
      let grant
      try {
        const { tools } = parse(source, valuesOf({ one: value }))
        grant = { ...tools[0]!, tool: 't', ownFiles: [], credentials: [] }
      } catch {
        return
      }
      const permitted = (path: string): boolean =>
        decide(grant, { op: 'fs.write', path, data: new Uint8Array(), how: 'replace' }, {}).kind === 'permit'
      expect(permitted(`out/${value}/x`)).toBe(true)
      for (const part of ['a', 'x', value + value, ...parts]) {
        if (part !== value) expect(permitted(`out/${part}/x`)).toBe(false)
      }
      expect(permitted(`${value}/x`)).toBe(false)
    }),
    { numRuns: 2000 },
  )
})
