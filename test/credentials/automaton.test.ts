import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { buildAutomaton, type Needle } from '../../runtime/credentials/scrub/automaton.ts'
import { buildScreen, mayHoldNeedle } from '../../runtime/credentials/scrub/screen.ts'

interface Find {
  readonly from: number
  readonly to: number
  readonly owners: readonly number[]
}

const needle = (text: string, owner: number): Needle => ({ bytes: Buffer.from(text), owner })

const ascending = (owners: Iterable<number>): readonly number[] =>
  Array.from(owners).toSorted((one, other) => one - other)

/** The longest needle that ends at each place, and the owners of all that do. */
function findsOf(needles: readonly Needle[], text: string): { finds: Find[]; begun: number } {
  const { columns, next, shift, firstFound, lengths, owners, begun } = buildAutomaton(needles)
  const finds: Find[] = []
  let state = 0
  for (const [index, byte] of Buffer.from(text).entries()) {
    state = next[state + (columns[byte] ?? 0)] ?? 0
    const row = state >> shift
    if (state >= firstFound) {
      finds.push({ from: index + 1 - (lengths[row] ?? 0), to: index + 1, owners: ascending(owners[row] ?? []) })
    }
  }
  return { finds, begun: begun[state >> shift] ?? 0 }
}

function slowly(needles: readonly Needle[], text: string): { finds: Find[]; begun: number } {
  const folded = text.toLowerCase()
  const texts = needles.map(({ bytes, owner }) => ({ text: Buffer.from(bytes).toString().toLowerCase(), owner }))
  const finds: Find[] = []
  for (let to = 1; to <= folded.length; to++) {
    const ending = texts.filter((each) => folded.slice(0, to).endsWith(each.text))
    if (ending.length === 0) continue
    const longest = Math.max(...ending.map((each) => each.text.length))
    finds.push({ from: to - longest, to, owners: ascending(new Set(ending.map(({ owner }) => owner))) })
  }
  const begun = Array.from(folded, (_, index) => folded.length - index).find((length) =>
    texts.some((each) => each.text.length > length && each.text.startsWith(folded.slice(-length))),
  )
  return { finds, begun: begun ?? 0 }
}

const letters = (lengths: { minLength: number; maxLength: number }): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom('a', 'b', 'A', '%'), ...lengths })

describe('buildAutomaton()', () => {
  test('finds what a slow search finds, and what has begun', () => {
    fc.assert(
      fc.property(
        fc.array(letters({ minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 6 }),
        letters({ minLength: 0, maxLength: 40 }),
        (texts, text) => {
          const needles = texts.map((each, index) => needle(each, index % 3))
          expect(findsOf(needles, text)).toEqual(slowly(needles, text))
        },
      ),
      { numRuns: 500 },
    )
  })

  test('takes bytes of every value', () => {
    const all = Uint8Array.from({ length: 256 }, (_, byte) => byte)
    const { columns, next, firstFound } = buildAutomaton([{ bytes: all, owner: 0 }])
    const state = all.reduce((at, byte) => next[at + (columns[byte] ?? 0)] ?? 0, 0)
    expect(state).toBeGreaterThanOrEqual(firstFound)
  })
})

describe('mayHoldNeedle()', () => {
  test('never rules out what holds the beginning of a needle', () => {
    fc.assert(
      fc.property(
        fc.array(letters({ minLength: 3, maxLength: 8 }), { minLength: 1, maxLength: 4 }),
        letters({ minLength: 0, maxLength: 40 }),
        (texts, text) => {
          const needles = texts.map((each) => needle(each, 0))
          const screen = buildScreen(needles)
          const may = mayHoldNeedle(buildAutomaton(needles), screen, Buffer.from(text), 0, text.length)
          const folded = text.toLowerCase()
          expect(may).toBe(texts.some((each) => folded.includes(each.toLowerCase().slice(0, screen.window))))
        },
      ),
      { numRuns: 500 },
    )
  })

  test('looks between its ends alone', () => {
    const needles = [needle('abcdef', 0)]
    const may = (start: number, end: number): boolean =>
      mayHoldNeedle(buildAutomaton(needles), buildScreen(needles), Buffer.from('--abcdef--'), start, end)
    expect([may(0, 10), may(2, 8), may(3, 10), may(0, 7)]).toEqual([true, true, false, false])
  })
})
