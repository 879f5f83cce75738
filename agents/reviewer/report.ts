/** The review as Markdown. */
import type { Finding, Severity } from './finding.ts'
import { missingTests } from './look.ts'
import type { Looked } from './look.ts'
import { code, plural } from './markdown.ts'
import type { Change } from './pages.ts'

const SEVERITIES: readonly Severity[] = ['Blocking', 'Warning', 'Note']

/** A review that no one reads to its end helps no one. */
const FINDINGS_MAX = 200

function order(left: Finding, right: Finding): number {
  if (left.path !== right.path) return left.path < right.path ? -1 : 1
  return (left.line ?? 0) - (right.line ?? 0)
}

function section(title: Severity, findings: readonly string[]): string[] {
  if (findings.length === 0) return []
  const shown = findings.slice(0, FINDINGS_MAX)
  const rest = findings.length > shown.length ? [`- … and ${findings.length - shown.length} more`] : []
  return [`## ${title}`, '', ...shown, ...rest, '']
}

function lookedAt(change: Change, looked: Looked): string {
  const skipped = Array.from(looked.skipped, ([reason, count]) => `${count} ${reason}`)
  if (change.hidden > 0) skipped.push(`${change.hidden} not permitted by the read rules`)
  if (change.unread > 0) skipped.push(`${change.unread} past the last page`)
  const compared = change.range.from === null ? '' : `, compared with ${code(change.range.from.slice(0, 10))}`
  const note = change.note === undefined ? '' : ` (${change.note})`
  const what = `Looked at ${plural(looked.files, 'file')}, ${plural(looked.addedLines, 'added line')}${compared}${note}`
  return `${what}; ${skipped.length === 0 ? 'nothing was skipped' : `skipped: ${skipped.join(', ')}`}.`
}

export function report(change: Change, looked: Looked): string {
  const heading =
    `# Review of ${change.commit.slice(0, 10)} ${change.subject === '' ? '' : code(change.subject)}`.trimEnd()
  const sorted = looked.findings.toSorted(order)
  const untested = missingTests(looked)
  const sections = SEVERITIES.flatMap((severity) => {
    const lines = sorted
      .filter((finding) => finding.severity === severity)
      .map(({ path, line, message }) => `- ${code(line === undefined ? path : `${path}:${line}`)} — ${message}`)
    return section(severity, severity === 'Note' && untested !== undefined ? [...lines, `- ${untested}`] : lines)
  })
  const body = sections.length === 0 ? ['No findings.', ''] : sections
  return [heading, '', ...body, lookedAt(change, looked), ''].join('\n')
}
