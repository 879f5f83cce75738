import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cutOut, isCutOut, joined, type Stretch } from '../../runtime/credentials/scrub/cuts.ts'

const stretch = (from: number, to: number, ...owners: readonly number[]): Stretch => ({ from, to, owners })

const stretches = fc.array(
  fc
    .tuple(fc.nat(30), fc.integer({ min: 1, max: 9 }), fc.nat(2))
    .map(([from, size, owner]) => stretch(from, from + size, owner)),
  { maxLength: 8 },
)

/** Which bytes are in a stretch, one by one. */
const covered = (all: readonly Stretch[]): readonly number[] =>
  Array.from({ length: 50 }, (_, place) => place).filter((place) =>
    all.some(({ from, to }) => from <= place && place < to),
  )

describe('joined()', () => {
  test('makes one of those that overlap, and leaves those that touch', () => {
    expect(joined([stretch(5, 8, 1), stretch(0, 3, 0), stretch(2, 5, 2)])).toEqual([
      stretch(0, 5, 0, 2),
      stretch(5, 8, 1),
    ])
  })

  test('names the owner of the longest first', () => {
    expect(joined([stretch(0, 3, 0), stretch(0, 5, 1)])).toEqual([stretch(0, 5, 1, 0)])
  })

  test('covers the same bytes, in order, once', () => {
    fc.assert(
      fc.property(stretches, (all) => {
        const result = joined(all)
        expect(covered(result)).toEqual(covered(all))
        expect(result.every(({ from }, index) => from >= (result[index - 1]?.to ?? 0))).toBe(true)
      }),
    )
  })
})

describe('isCutOut()', () => {
  test('says whether one cut takes all of a stretch', () => {
    fc.assert(
      fc.property(stretches, fc.nat(30), fc.integer({ min: 1, max: 9 }), (all, from, size) => {
        const cuts = joined(all)
        const expected = cuts.some((cut) => cut.from <= from && from + size <= cut.to)
        expect(isCutOut(stretch(from, from + size), cuts)).toBe(expected)
      }),
      { numRuns: 500 },
    )
  })
})

describe('cutOut()', () => {
  const placeholder = ({ owners }: Stretch): Uint8Array => Buffer.from(`<${owners.join()}>`)
  const cut = (position: number, until: number, ...cuts: readonly Stretch[]): string =>
    Buffer.from(cutOut(Buffer.from('abcdefgh'), position, until, cuts, placeholder)).toString()

  test('replaces each cut, and nothing behind the end', () => {
    expect(cut(0, 8, stretch(0, 2, 1), stretch(4, 5, 2))).toBe('<1>cd<2>fgh')
    expect(cut(100, 106, stretch(102, 106, 1))).toBe('ab<1>')
    expect(cut(100, 103)).toBe('abc')
  })

  test('hands on the same bytes where nothing is cut', () => {
    const bytes = Buffer.from('abc')
    expect(cutOut(bytes, 10, 13, [], placeholder)).toBe(bytes)
  })
})
