import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BASE64, findRun, HEX, type RunSyntax } from '../../runtime/credentials/scrub/run-syntax.ts'

function decoded(
  syntax: RunSyntax,
  text: string,
  skipped = 0,
  hasPlaces = false,
): { text: string; places: number[][] } {
  const bytes = Buffer.from(text)
  const into = {
    bytes: new Uint8Array(bytes.length),
    first: hasPlaces ? new Int32Array(bytes.length) : undefined,
    last: hasPlaces ? new Int32Array(bytes.length) : undefined,
  }
  const length = syntax.decode(bytes, 0, bytes.length, skipped, into)
  return {
    text: Buffer.from(into.bytes.subarray(0, length)).toString('latin1'),
    places: Array.from({ length: hasPlaces ? length : 0 }, (_, index) => [
      into.first?.[index] ?? -1,
      into.last?.[index] ?? -1,
    ]),
  }
}

function runsIn({ kinds }: RunSyntax, digitsMin: number, text: string): string[] {
  const bytes = Buffer.from(text)
  const run = { first: 0, last: 0, digits: 0 }
  const runs: string[] = []
  while (findRun(kinds, digitsMin, bytes, bytes.length, run)) runs.push(text.slice(run.first, run.last))
  return runs
}

describe('decode()', () => {
  test('undoes what Node wrote, with places and without', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.boolean(), (bytes, hasPlaces) => {
        const expected = Buffer.from(bytes).toString('latin1')
        expect(decoded(HEX, Buffer.from(bytes).toString('hex'), 0, hasPlaces).text).toBe(expected)
        expect(decoded(BASE64, Buffer.from(bytes).toString('base64url'), 0, hasPlaces).text).toBe(expected)
        // Behind other digits, in the lane that leaves them out.
        expect(decoded(HEX, `f${Buffer.from(bytes).toString('hex')}`, 1, hasPlaces).text).toBe(expected)
        for (const before of ['Q', 'QU', 'QUI']) {
          const text = before + Buffer.from(bytes).toString('base64url')
          expect(decoded(BASE64, text, before.length, hasPlaces).text).toBe(expected)
        }
      }),
    )
  })

  test.each([
    ['61:62:63', 'abc'],
    ['0x61, 0x62', 'ab'],
    ['6162 6364', 'abcd'],
    ['61\r\n62', 'ab'],
  ])('of hexadecimal leaves out what stands between: %j', (text, expected) => {
    expect(decoded(HEX, text).text).toBe(expected)
  })

  test('of base64 leaves out line breaks', () => {
    expect(decoded(BASE64, 'QUJD\r\nREVG').text).toBe('ABCDEF')
  })

  test('tells the digits that each byte alone decides', () => {
    expect(decoded(HEX, '61:62', 0, true).places).toEqual([
      [0, 1],
      [3, 4],
    ])
    expect(decoded(BASE64, 'QUJD', 0, true).places).toEqual([
      [0, 0],
      [2, 1],
      [3, 3],
    ])
  })
})

describe('findRun()', () => {
  test.each([
    ['short 6162636465 ends!', 10, ['6162636465 e']],
    ['!616263! 61626364 !', 8, ['61626364 ']],
    ['!61626364', 100, ['61626364']],
    ['!6162\n63646566!', 10, ['6162\n63646566']],
    ['!6162\n\n63646566!', 10, []],
    ['!61   6263646566!', 12, []],
    ['', 2, []],
  ])('finds in %j of %i digits %j', (text, digitsMin, expected) => {
    expect(runsIn(HEX, digitsMin, text)).toEqual(expected)
  })

  test('finds what an expression finds', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'B', '+', '/', ' ', '!', '='), maxLength: 60 })
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 8 }), (each, digitsMin) => {
        const expected = Array.from(each.matchAll(/[aB+/]+/g)).filter(
          ([run], index, all) => run.length >= digitsMin || (index === all.length - 1 && each.endsWith(run)),
        )
        expect(runsIn(BASE64, digitsMin, each)).toEqual(expected.map(([run]) => run))
      }),
      { numRuns: 500 },
    )
  })
})
