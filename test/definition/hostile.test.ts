import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../runtime/definition/config.ts'
import { parseDefinition } from '../../runtime/definition/parse.ts'
import { ProblemsError } from '../../runtime/errors.ts'
import { problemsOf, summaries } from '../support/problems.ts'

const HEAD = 'name: a\nscript: ./a.ts\n'
const KIB_256 = 256 * 1024

function mistakes(text: string | Uint8Array): readonly string[] {
  return summaries(problemsOf(() => parseDefinition({ file: 'a.yaml', text })))
}

const filled = (text: string, length = KIB_256): string => text.repeat(Math.ceil(length / text.length)).slice(0, length)

describe('forms of YAML that are not accepted', () => {
  it.each([
    ['an alias and its anchor', `${HEAD}x-a: &a b\ndescription: *a\n`, /anchors .*\n4:14 YAML aliases/],
    ['an alias as a key', `${HEAD}x-a: &a b\n*a : c\n`, /anchors .*\n4:1 YAML aliases/],
    ['an alias under an ignored key', `${HEAD}x-a: [&a b, *a]\n`, /3:7 YAML anchors .*\n3:13 YAML aliases/],
    ['a merge key', `${HEAD}<<: { tools: {} }\n`, /^3:1 unknown key `<<`/],
    ['a tag', `${HEAD}description: !!js/function x\n`, /^3:14 YAML tags are not allowed$/],
    ['a known tag', `${HEAD}description: !!str x\n`, /^3:14 YAML tags are not allowed$/],
    ['a directive', `%YAML 1.1\n---\n${HEAD}`, /^1:1 YAML directives/],
    ['two documents', `${HEAD}---\n${HEAD}`, /only one YAML document/],
    ['a repeated key', `${HEAD}tools: {}\ntools: {}\n`, /^4:1 `tools` is written twice, first in line 3$/],
    ['a repeated key in other clothes', `${HEAD}tools: {}\n"tools": {}\n`, /^4:1 `tools` is written twice/],
    ['NUL', `${HEAD}description: a\0b\n`, /^3:15 the character \\x00 is not allowed$/],
    ['an escape sequence', `${HEAD}description: \x1b[31m\n`, /^3:14 the character \\x1b is not allowed$/],
    ['a lone carriage return', `${HEAD}# \rtools: {}\n`, /^3:3 the character \\r is not allowed$/],
    ['text that reorders itself', `${HEAD}# \u202e\n`, /^3:3 the character \\u202e is not allowed$/],
    [
      'an escaped control character',
      `${HEAD}instructions: "a\\0b"\n`,
      /^3:15 `instructions` holds a control character/,
    ],
    ['bad indentation', `${HEAD}tools:\n read_file: {}\n  x: {}\n`, /not valid YAML/],
    ['a bare tab', `${HEAD}tools:\n\tread_file: {}\n`, /not valid YAML/],
    ['UTF-16', Uint8Array.of(0xff, 0xfe, 0x6e, 0), /^1:1 the file is not UTF-8 text$/],
    [
      'bytes that are no text',
      new Uint8Array([...new TextEncoder().encode(HEAD), 0x61, 0xc3, 0x28]),
      /^3:2 the file is not/,
    ],
    ['a lone surrogate', `${HEAD}# \ud800\n`, /^1:1 the file is not valid Unicode$/],
  ])('%s', (_, text, expected) => {
    expect(mistakes(text).join('\n')).toMatch(expected)
  })

  it('`__proto__` changes nothing', () => {
    const text = `${HEAD}__proto__: { fallback: script }\ntools: { __proto__: { read: ["**"] } }\n`
    expect(mistakes(text)).toHaveLength(3)
    expect(Object.hasOwn(Object.prototype, 'fallback')).toBe(false)
  })
})

describe('a bomb ends with a message within a second', () => {
  const billion = Array.from({ length: 20 }, (_, i) => `x-${i}: &a${i} [${filled(`*a${i - 1},`, 60)}]`).join('\n')
  it.each([
    ['100,000 lists in one another', '['.repeat(100_000), /nested deeper than 32/],
    ['100,000 closed lists in one another', `x: ${'['.repeat(100_000)}${']'.repeat(100_000)}`, /nested deeper than 32/],
    ['dashes in one line', filled('- '), /nested deeper than 32/],
    ['question marks in one line', filled('? '), /nested deeper than 32/],
    ['stairs', Array.from({ length: 700 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'), /unknown key/],
    ['a billion laughs', billion, /YAML aliases/],
    [
      '50,000 tools',
      `${HEAD}tools:\n${Array.from({ length: 50_000 }, (_, i) => ` t${i}:\n`).join('')}`,
      /larger than 256 KiB/,
    ],
    [
      'as many tools as fit',
      `${HEAD}tools:\n${Array.from({ length: 29_000 }, (_, i) => ` t${i}:\n`).join('')}`,
      /25000 YAML tokens/,
    ],
    [
      '3,000 tools',
      `${HEAD}tools:\n${Array.from({ length: 3000 }, (_, i) => ` t${i}:\n`).join('')}`,
      /at most 256 tools/,
    ],
    ['a repeated key', filled('a: 1\n'), /25000 YAML tokens/],
    ['keys without values', `{${filled('a,', 16_000)}}`, /unknown key/],
    ['commas', `[${filled(',', 24_000)}]`, /not valid YAML/],
    ['closing brackets', filled(']', 24_000), /not valid YAML/],
    ['bad escapes', `"${filled('\\x', KIB_256 - 2)}"`, /25000 YAML tokens/],
    ['fewer bad escapes', `"${filled('\\x', 48_000)}"`, /not valid YAML/],
    ['documents', filled('---\n'), /25000 YAML tokens|only one/],
    ['forbidden characters', filled('\0'), /\\x00/],
    ['one long key', `${filled('a', KIB_256 - 10)}: 1`, /not valid YAML/],
    [
      'one long pattern',
      `${HEAD}tools: { read_file: { read: ["${filled('*', 200_000)}"] } }`,
      /at most 1024 characters/,
    ],
    ['many patterns', `${HEAD}tools: { read_file: { read: [${filled('"**",', 20_000)}] } }`, /more than 128 patterns/],
    ['many problems', `${HEAD}tools:\n${filled(' "x": {}\n', 24_000)}`, /and \d+ more problems/],
    [
      '257 tools',
      `${HEAD}tools:\n${Array.from({ length: 257 }, (_, i) => ` t${i}: {}\n`).join('')}`,
      /at most 256 tools/,
    ],
  ])('%s', (_, text, expected) => {
    const startedAt = performance.now()
    const found = mistakes(text).join('\n')
    expect(performance.now() - startedAt).toBeLessThan(1000)
    expect(found).toMatch(expected)
  })

  it('the widest rules that fit are compared in time', () => {
    const list = (prefix: string): string =>
      Array.from({ length: 128 }, (_, i) => `"${prefix}${i}/${'**/*a?/'.repeat(8)}*"`).join(', ')
    const rules = ['read', 'write', 'delete'].map((right) => `${right}: [${list(right)}]`).join(', ')
    const tool = `{ from: ./t.ts, ${rules}, deny: [${list('*')}] }`
    const text = `${HEAD}tools: {${[0, 1, 2, 3, 4, 5].map((i) => `t${i}: ${tool}`).join(', ')} }`
    const startedAt = performance.now()
    expect(mistakes(text).join('\n')).toContain('the path rules are too many to compare')
    expect(performance.now() - startedAt).toBeLessThan(1000)
  })
})

describe('whatever the bytes are', () => {
  const PIECES = [
    'name: a\n',
    'script: ./a.ts\n',
    'tools:\n',
    '  read_file: ',
    '{ read: ["**"] }',
    '{',
    '}',
    '[',
    ']',
    ',',
    ': ',
    '\n',
    '  ',
    '- ',
    '"',
    "'",
    '|',
    '>',
    '&a ',
    '*a',
    '!!x ',
    '%',
    '? ',
    '---\n',
    '...\n',
    '#',
    '\t',
    '\r\n',
    `$${'{x}'}`,
    '**',
    '{a,b}',
    '\\',
    '..',
    '/',
    'deny: ',
    'model: a/b\n',
    'instructions:',
    'limits: ',
    'x-y: ',
    '<<: ',
    '__proto__: ',
    '\u{1f600}',
    '\ud800',
    'providers: ',
    'credentials: ',
    'source: { env: A }',
    'inject: ',
    'audit: ',
    'file: ',
    '~',
    'null',
    '1',
    '.nan',
    '0x1',
    'true',
  ]
  const input = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.array(fc.constantFrom(...PIECES), { maxLength: 60 }).map((pieces) => pieces.join('')),
    fc.array(fc.constantFrom(...PIECES), { maxLength: 60 }).map((pieces) => HEAD + pieces.join('')),
  )

  it('nothing but ProblemsError is thrown, with places inside the file', () => {
    fc.assert(
      fc.property(input, (text) => {
        for (const parse of [parseDefinition, parseConfig]) {
          try {
            parse({ file: 'a.yaml', text })
          } catch (thrown) {
            if (!(thrown instanceof ProblemsError)) throw thrown
            expect(thrown.problems.length).toBeGreaterThan(0)
            for (const { line, column, source } of thrown.problems) {
              expect(line).toBeGreaterThan(0)
              expect(column).toBeGreaterThan(0)
              if (source !== undefined) expect(column).toBeLessThanOrEqual(source.length + 2)
            }
          }
        }
      }),
      { numRuns: 3000 },
    )
  })
})
