/** Which lines of a text are new, numbered as in the new text. */
import { diffArrays } from 'diff'

export interface LineDiff {
  /** Indexes into the new lines, from 0, in order. */
  readonly added: readonly number[]
  /** How many lines of the old text are gone. */
  readonly removed: number
  /** True where finding the shortest difference would have taken too long; `added` may then name lines that moved. */
  readonly approximate: boolean
}

/** The search is quadratic in this; it takes some tenths of a second at most. */
const EDITS_MAX = 2_000

/** Lines with their ends, as git compares them: a last line without its end differs from one with it. */
export function splitLines(text: string): string[] {
  const lines = text.split('\n')
  const last = lines.pop()
  const ended = lines.map((line) => `${line}\n`)
  return last === undefined || last === '' ? ended : [...ended, last]
}

interface Numbered {
  readonly line: string
  readonly at: number
}

export function diffLines(before: readonly string[], after: readonly string[]): LineDiff {
  let start = 0
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1
  let oldEnd = before.length
  let newEnd = after.length
  while (oldEnd > start && newEnd > start && before[oldEnd - 1] === after[newEnd - 1]) {
    oldEnd -= 1
    newEnd -= 1
  }
  const old = before.slice(start, oldEnd)
  const now = after.slice(start, newEnd).map((line, at): Numbered => ({ line, at: start + at }))
  // A line that only one side has is certainly added or removed, so that only the others need the search.
  const inOld = new Set(old)
  const inNow = new Set(now.map(({ line }) => line))
  const added = now.filter(({ line }) => !inOld.has(line)).map(({ at }) => at)
  const oldShared = old.filter((line) => inNow.has(line))
  const nowShared = now.filter(({ line }) => inOld.has(line))
  const removed = old.length - oldShared.length
  const shared = diffShared(oldShared, nowShared)
  return {
    added: [...added, ...shared.added].toSorted((left, right) => left - right),
    removed: removed + shared.removed,
    approximate: shared.approximate,
  }
}

function diffShared(old: readonly string[], now: readonly Numbered[]): LineDiff {
  const numbers = new Map<string, number>()
  const numberOf = (line: string): number => {
    const number = numbers.get(line) ?? numbers.size
    numbers.set(line, number)
    return number
  }
  const oldNumbers = old.map(numberOf)
  const nowNumbers = now.map(({ line }) => numberOf(line))
  const parts = diffArrays(oldNumbers, nowNumbers, { maxEditLength: EDITS_MAX })
  if (parts === undefined) return { added: now.map(({ at }) => at), removed: old.length, approximate: true }
  const added: number[] = []
  let removed = 0
  let position = 0
  for (const part of parts) {
    if (part.removed) {
      removed += part.value.length
      continue
    }
    if (part.added) for (const { at } of now.slice(position, position + part.value.length)) added.push(at)
    position += part.value.length
  }
  return { added, removed, approximate: false }
}

/** How much two texts have in common, from 0 to 1: the share of the larger one's lines that the other has too. */
export function similarity(before: readonly string[], after: readonly string[]): number {
  const counts = new Map<string, number>()
  for (const line of before) counts.set(line, (counts.get(line) ?? 0) + 1)
  let common = 0
  let larger = 0
  for (const line of before) larger += line.length
  let newer = 0
  for (const line of after) {
    newer += line.length
    const left = counts.get(line) ?? 0
    if (left === 0) continue
    counts.set(line, left - 1)
    common += line.length
  }
  return Math.max(larger, newer) === 0 ? 0 : common / Math.max(larger, newer)
}
