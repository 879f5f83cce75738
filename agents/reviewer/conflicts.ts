/** Markers that an unfinished merge left behind. */
import type { Finding, ReviewedFile } from './finding.ts'
import { code } from './markdown.ts'

const START = /^<{7}(?: |$)/
const BASE = /^\|{7}(?: |$)/
const MIDDLE = /^={7}$/
const END = /^>{7}(?: |$)/

export function findConflicts({ path, added }: ReviewedFile): Finding[] {
  const marked = added.filter(({ text }) => START.test(text) || BASE.test(text) || END.test(text))
  // A line of seven equals signs alone is a heading in several markup languages.
  const isMiddle = (line: number): boolean =>
    marked.some((marker) => START.test(marker.text) && marker.line < line) ||
    marked.some((marker) => END.test(marker.text) && marker.line > line)
  const middles = added.filter(({ line, text }) => MIDDLE.test(text) && isMiddle(line))
  return [...marked, ...middles]
    .toSorted((left, right) => left.line - right.line)
    .map(({ line, text }) => ({
      severity: 'Blocking',
      path,
      line,
      message: `merge-conflict marker ${code(text.slice(0, 7))}`,
    }))
}
