/** Looks at one changed file after another and remembers what is worth saying, not the files. */
import type { ChangedFile } from '../../tools/git/changes.ts'
import { findConflicts } from './conflicts.ts'
import type { Finding } from './finding.ts'
import { findInProgram } from './javascript.ts'
import { code, plural } from './markdown.ts'
import { parseFile } from './parse.ts'
import { isGenerated, isSource, isTest } from './paths.ts'
import { findSecrets } from './secrets.ts'
import { findShellCommands } from './shell.ts'

/** How many names a sentence lists. */
const NAMES_MAX = 3

/** Of how many files it is said one by one that they were not looked at; the last line counts them all. */
const SKIPPED_MAX = 20

export interface Looked {
  readonly findings: Finding[]
  files: number
  addedLines: number
  /** Why files were not looked at, and how many. */
  readonly skipped: Map<string, number>
  readonly sources: string[]
  tests: number
}

export function nothingYet(): Looked {
  return { findings: [], files: 0, addedLines: 0, skipped: new Map(), sources: [], tests: 0 }
}

function skip(looked: Looked, file: ChangedFile, reason: string): void {
  const count = (looked.skipped.get(reason) ?? 0) + 1
  looked.skipped.set(reason, count)
  if (count > SKIPPED_MAX) return
  const size = file.bytes > 0 ? `, ${plural(file.bytes, 'byte')}` : ''
  looked.findings.push({ severity: 'Note', path: file.path, message: `not looked at: ${reason}${size}` })
}

export function look(looked: Looked, file: ChangedFile): void {
  looked.files += 1
  if (file.status === 'deleted') {
    if (isTest(file.path)) looked.tests += 1
    return
  }
  if (file.kind === 'submodule') return skip(looked, file, 'a submodule')
  if (file.invalidName === true) return skip(looked, file, 'a name that is no valid path')
  if (file.tooLarge === true) return skip(looked, file, 'too large')
  if (file.binary) return skip(looked, file, 'binary')
  if (file.missing === true) return skip(looked, file, 'missing in this clone')
  if (file.truncated === true) {
    const message = 'large: only its first added lines were looked at, and it was not parsed'
    looked.findings.push({ severity: 'Note', path: file.path, message })
  }
  looked.addedLines += file.added.length
  if (isTest(file.path)) looked.tests += 1
  else if (isSource(file.path) && (file.added.length > 0 || file.removed > 0)) looked.sources.push(file.path)
  if (file.kind === 'file') for (const finding of findingsOf(file)) looked.findings.push(finding)
}

function findingsOf(file: ChangedFile): Finding[] {
  const reviewed = { path: file.path, added: file.added, content: file.content }
  const conflicts = findConflicts(reviewed)
  const findings = [...conflicts, ...findSecrets(reviewed)]
  // Nothing was written: a file that was only moved or made executable is as it was.
  if (file.added.length === 0 && file.removed === 0) return findings
  const parsed = parseFile(reviewed)
  // A conflict is why the file does not parse; saying both would say it twice.
  if (parsed.kind === 'broken') return conflicts.length > 0 ? findings : [...findings, parsed.finding]
  if (parsed.kind !== 'program' || isGenerated(file.path)) return findings
  const lines = new Set(file.added.map(({ line }) => line))
  return [
    ...findings,
    ...findInProgram(file.path, parsed.program, lines),
    ...findShellCommands(file.path, parsed.program, lines),
  ]
}

/** One note for the whole change; it names no line, since what is missing stands nowhere. */
export function missingTests({ sources, tests }: Looked): string | undefined {
  if (sources.length === 0 || tests > 0) return undefined
  const names = sources.slice(0, NAMES_MAX).map(code).join(', ')
  const more = sources.length > NAMES_MAX ? ` and ${sources.length - NAMES_MAX} more` : ''
  return `source changed without a change of any test: ${names}${more}`
}
