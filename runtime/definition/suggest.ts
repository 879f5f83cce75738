/** "Did you mean": the nearest of the known words, at most two edits away. */

const DISTANCE_MAX = 2

/** Longer words are no slips of the pen; the distance costs the product of two lengths. */
const WORD_LENGTH_MAX = 64

/** The candidate nearest to `word`; undefined if none is near or the word is too short to tell. */
function nearest(word: string, candidates: readonly string[]): string | undefined {
  if (word.length > WORD_LENGTH_MAX) return undefined
  const wanted = simplified(word)
  let best: string | undefined
  let bestDistance = DISTANCE_MAX + 1
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) > DISTANCE_MAX) continue
    const distance = editDistance(wanted, simplified(candidate))
    if (distance < bestDistance && distance < Math.min(candidate.length, word.length)) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** The hint for an unknown word, or nothing. */
export function didYouMean(word: string, candidates: readonly string[]): string | undefined {
  const suggestion = nearest(word, candidates)
  return suggestion === undefined ? undefined : `did you mean \`${suggestion}\`?`
}

function simplified(word: string): string {
  return word.toLowerCase().replaceAll('-', '_')
}

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(last, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)
      let distance = Math.min(replaced, at(last, j) + 1, at(row, j - 1) + 1)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) distance = Math.min(distance, at(beforeLast, j - 2) + 1)
      row.push(distance)
    }
    beforeLast = last
    last = row
  }
  return at(last, b.length)
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY
}
