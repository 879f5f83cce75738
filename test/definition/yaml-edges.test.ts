/** YAML that this project does not accept, at every edge of the bounds and of the list of characters. */
import { describe, expect, it } from 'vitest'
import { parseDefinition } from '../../runtime/definition/parse.ts'
import { DEFINITION_BYTES_MAX, DEFINITION_DEPTH_MAX, DEFINITION_TOKENS_MAX } from '../../runtime/limits.ts'
import { problemsOf } from '../support/problems.ts'

const HEAD = 'name: a\nscript: ./a.ts\n'
const parse = (text: string | Uint8Array) => parseDefinition({ file: 'a.yaml', text })
const messages = (text: string | Uint8Array): string =>
  problemsOf(() => parse(text))
    .map(({ message }) => message)
    .join('\n')
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

describe('a character', () => {
  const codes = [
    0, 1, 8, 0xb, 0xc, 0xe, 0x1f, 0x7f, 0x80, 0x85, 0x9f, 0x2028, 0x2029, 0x202a, 0x202e, 0x2066, 0x2069, 0xfeff,
  ]

  it.each(codes.map((code) => code.toString(16)))('U+%s is not allowed, not even in a comment', (hex) => {
    const character = String.fromCodePoint(Number.parseInt(hex, 16))
    expect(messages(`${HEAD}# a${character}b\n`)).toContain('is not allowed')
    expect(messages(`${HEAD}x-a: "a${character}b"\n`)).toContain('is not allowed')
    expect(problemsOf(() => parse(`${HEAD}# ${character}${character}\n`))).toHaveLength(2)
  })

  it.each(['\t', '\u00a0', '\u200b', '\u2027', '\u2030', '\u2065', '\u{1f600}', '\r\n'])('%j is', (character) => {
    expect(parse(`${HEAD}# a${character}#b\n`).name).toBe('a')
  })

  it('at the start alone may be a byte order mark, and a carriage return stands before a line feed', () => {
    expect(parse(`\ufeff${HEAD}`).name).toBe('a')
    expect(parse(bytes(`\ufeff${HEAD}`)).name).toBe('a')
    expect(messages(`\ufeff\ufeff${HEAD}`)).toContain('is not allowed')
    expect(messages(`${HEAD}# a\rtools: {}\n`)).toContain('is not allowed')
  })

  it('is of UTF-8', () => {
    expect(messages(new Uint8Array([...bytes(HEAD), 0x23, 0xff]))).toContain('not UTF-8')
    expect(messages(`${HEAD}# \ud800`)).toContain('not valid Unicode')
  })
})

describe('a file', () => {
  it('is as large as the limit says, in bytes', () => {
    const filled = (length: number, character = 'a'): string => `${HEAD}# ${character.repeat(length - HEAD.length - 2)}`
    expect(parse(filled(DEFINITION_BYTES_MAX)).name).toBe('a')
    expect(parse(bytes(filled(DEFINITION_BYTES_MAX))).name).toBe('a')
    expect(messages(filled(DEFINITION_BYTES_MAX + 1))).toContain('larger')
    expect(messages(bytes(filled(DEFINITION_BYTES_MAX + 1)))).toContain('larger')
    expect(messages(filled(DEFINITION_BYTES_MAX - 1, 'é'))).toContain('larger')
  })

  it('holds as many tokens as the limit says', () => {
    expect(messages(`${HEAD}x-a: [${'1,'.repeat(DEFINITION_TOKENS_MAX)}]\n`)).toContain('YAML tokens')
    expect(messages(`${HEAD}x-a: "${'\\x41'.repeat(DEFINITION_TOKENS_MAX)}"\n`)).toContain('YAML tokens')
    expect(parse(`${HEAD}x-a: '${'\\x41'.repeat(DEFINITION_TOKENS_MAX)}'\n`).name).toBe('a')
  })

  const nested = (open: string, close: string, depth: number): string =>
    `${HEAD}x-a: ${open.repeat(depth)}${close.repeat(depth)}\n`

  it.each([
    ['[', ']'],
    ['{a: ', '}'],
    ['[{a: ', '}]'],
  ])('is no deeper than the limit says, in %s', (open, close) => {
    expect(messages(nested(open, close, DEFINITION_DEPTH_MAX + 1))).toContain('nested deeper')
    expect(parse(nested(open, close, Math.floor(DEFINITION_DEPTH_MAX / 2))).name).toBe('a')
    // What is closed does not count.
    expect(parse(`${HEAD}x-a: [${`${open}${close}, `.repeat(DEFINITION_DEPTH_MAX + 1)}]\n`).name).toBe('a')
  })

  it.each(['- ', '? '])('is no deeper than the limit says, in %j', (mark) => {
    expect(messages(`${HEAD}x-a:\n  ${mark.repeat(DEFINITION_DEPTH_MAX + 1)}a\n`)).toContain('nested deeper')
  })

  it('is as deep as what stands open, whatever was closed in between', () => {
    for (const open of ['[[], ', '[{}, ', '{a: [], b: ', '{a: {}, b: ']) {
      expect(messages(`${HEAD}x-a: ${open.repeat(DEFINITION_DEPTH_MAX + 1)}`), open).toBe(
        `the file is nested deeper than ${DEFINITION_DEPTH_MAX} levels`,
      )
    }
    expect(messages(`${HEAD}x-a: ${'['.repeat(20_000)}`)).toBe(
      `the file is nested deeper than ${DEFINITION_DEPTH_MAX} levels`,
    )
  })

  it('may have many items below one another', () => {
    expect(parse(`${HEAD}x-a:\n${'  - a\n'.repeat(DEFINITION_DEPTH_MAX + 1)}`).name).toBe('a')
  })

  it.each([
    ['x-a: &a b\n', 'anchors'],
    ['x-a: *a\n', 'aliases'],
    ['x-a: !!str b\n', 'tags'],
    ['x-a: !t b\n', 'tags'],
    ['---\nname: b\n', 'one YAML document'],
    ['x-a: [\n', 'not valid YAML'],
    ['x-a: "\\q"\n', 'not valid YAML'],
    ['x-a: b: c\n', 'not valid YAML'],
    ['\tx-a: b\n', 'not valid YAML'],
    ['name: b\n', 'written twice'],
    ['? name\n: b\n', 'written twice'],
    ['<<: { name: b }\n', 'unknown key'],
  ])('holds no %j', (text, message) => {
    expect(messages(`${HEAD}${text}`)).toContain(message)
  })

  it('has no directives', () => {
    expect(messages(`%YAML 1.1\n---\n${HEAD}`)).toContain('directives')
    expect(messages(`%X y\n---\n${HEAD}`)).toContain('directives')
  })

  it.each(['a&b', 'a*b', 'a!b', 'a%b', '"&a"', "'*a'", '|\n  &a *b !c\n  %d'])('may hold %j as a text', (text) => {
    expect(parse(`${HEAD}x-a: ${text}\n`).name).toBe('a')
  })
})
