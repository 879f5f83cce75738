import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  CharacterEscapes,
  QuotedPrintable,
  Utf16Zeros,
  type EscapeSyntax,
} from '../../runtime/credentials/scrub/escapes.ts'
import { undoEscapes, View } from '../../runtime/credentials/scrub/scrub-view.ts'

const viewOf = (bytes: Uint8Array): View => new View(bytes, bytes.length)

/** What it makes of a text that ends; undefined where it has no escape. */
function undone(syntax: EscapeSyntax, text: string | Uint8Array): string | undefined {
  const result = viewOf(new Uint8Array(0))
  const end = undoEscapes(syntax, viewOf(Buffer.from(text as string)), result, false, true)
  return end === undefined ? undefined : result.bytes.subarray(0, result.length).toString()
}

/** Where an escape has begun, of a text that goes on. */
function begunAt(syntax: EscapeSyntax, text: string): number | undefined {
  return undoEscapes(syntax, viewOf(Buffer.from(text)), viewOf(new Uint8Array(0)), true, false)
}

describe('CharacterEscapes', () => {
  test.each([
    ['%41%62%2f', 'Ab/'],
    ['%4', undefined],
    ['%zz%4x', undefined],
    ['%u0041%u20ac', 'A€'],
    ['\\u0041\\u20AC', 'A€'],
    ['\\u{1f600}', '😀'],
    ['\\u{}\\u{110000}', undefined],
    ['\\x41\\n\\t\\/\\"\\\\', 'A\n\t/"\\'],
    ['\\d\\w', undefined],
    ['&#65;&#x41;&#0000065;&#65 &#x41;', 'AAAA A'],
    ['&#;&#x;&#1114112;', undefined],
    ['&amp;&lt;&quot;&eacute;&NewLine;', '&<"é\n'],
    ['&amp &unknown; &;', undefined],
    ['&amp;amp;', '&amp;'],
    ['no escape', undefined],
    ['', undefined],
  ])('makes of %j %j', (text, expected) => {
    expect(undone(new CharacterEscapes(), text)).toBe(expected)
  })

  test('undoes what others wrote', () => {
    const anything = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => text.isWellFormed())
    const plain = anything.filter((text) => !/[%\\&]/.test(text))
    fc.assert(
      fc.property(anything, (text) => {
        const written = encodeURIComponent(text)
        expect(undone(new CharacterEscapes(), written) ?? written).toBe(text)
      }),
    )
    fc.assert(
      fc.property(plain, (text) => {
        const written = JSON.stringify(text).slice(1, -1)
        expect(undone(new CharacterEscapes(), written) ?? written).toBe(text)
      }),
    )
  })

  test.each([
    ['a%', 1],
    ['a%4', 1],
    ['a\\', 1],
    ['a\\u00', 1],
    ['a\\u{1f6', 1],
    ['a&', 1],
    ['a&#', 1],
    ['a&#x4', 1],
    ['a&am', 1],
    ['%41%4', 3],
    ['a%41', 4],
    ['a%x', undefined],
    ['a&xyz', undefined],
  ])('waits in %j at %s', (text, place) => {
    expect(begunAt(new CharacterEscapes(), text)).toBe(place)
  })

  test('knows the place of each byte', () => {
    const result = viewOf(new Uint8Array(0))
    undoEscapes(new CharacterEscapes(), viewOf(Buffer.from('a%41&euml;b')), result, true, true)
    const places = Array.from({ length: result.length }, (_, index) => [result.fromAt(index), result.toAt(index)])
    expect(places).toEqual([
      [0, 1],
      [1, 4],
      [4, 10],
      [4, 10],
      [10, 11],
    ])
  })
})

describe('QuotedPrintable', () => {
  test.each([
    ['=41=c3=A9', 'Aé'],
    ['a=\r\nb=\nc', 'abc'],
    ['=zz=\rx', undefined],
  ])('makes of %j %j', (text, expected) => {
    expect(undone(new QuotedPrintable(), text)).toBe(expected)
  })
})

describe('Utf16Zeros', () => {
  test('leaves out zeros that others stand near', () => {
    expect(undone(new Utf16Zeros(), Buffer.from('abc', 'utf16le'))).toBe('abc')
    expect(undone(new Utf16Zeros(), Buffer.from('abc', 'utf16le').swap16())).toBe('abc')
    expect(undone(new Utf16Zeros(), 'one \0 alone')).toBeUndefined()
  })
})
