/** Path rules that are malformed, or that could never permit anything. */

import { isScalar, Scalar } from 'yaml'
import { PATTERN_LENGTH_MAX, RULE_COMPARISON_STEPS_MAX } from '../limits.ts'
import type { PathRight } from '../policy/grant.ts'
import { compileDeny, spelledNames, spells } from '../policy/compiled-grant.ts'
import { compileGlob, couldMatchBelow, matches, matchesFolded, type Glob } from '../policy/path-rule.ts'
import { executedByOthers, isGitInternal, protectedBy } from '../policy/protected-paths.ts'
import { denySlip } from './deny-slips.ts'
import { quoted, type Field, type NodeReader } from './node-reader.ts'
import type { ProblemList } from './problem-list.ts'
import { freshLetter, samplePaths } from './sample-paths.ts'
import { isWholeSegment, type Settings } from './settings.ts'

export interface PatternAt {
  readonly pattern: string
  readonly glob: Glob
  /** Offset of the pattern in its source. */
  readonly at: number
}

export interface PermittingPattern extends PatternAt {
  readonly right: PathRight
}

/** Whether no definition can grant the path or have it read. */
export function isProtectedPath(path: string): boolean {
  return protectedBy(path) !== undefined || isGitInternal(path)
}

/** A pattern that is well formed, its settings in place; otherwise the problem is noted at its character. */
export function readPattern(reader: NodeReader, item: Field, settings: Settings): PatternAt | undefined {
  const written = reader.text(item)
  if (written === undefined) return undefined
  const pattern = settings.expand(
    written,
    'name',
    (index) => offsetWithin(reader, item, written, index),
    isWholeSegment,
  )
  if (pattern === undefined) return undefined
  if (pattern.length > PATTERN_LENGTH_MAX) {
    reader.problems.add(item.valueAt, `a pattern has at most ${PATTERN_LENGTH_MAX} characters`)
    return undefined
  }
  const compiled = compileGlob(pattern)
  if (compiled.ok) return { pattern, glob: compiled.glob, at: item.at }
  // With a setting in place, the offset is none of the source's.
  const at = pattern === written ? offsetWithin(reader, item, written, compiled.offset) : item.valueAt
  reader.problems.add(at, compiled.message)
  return undefined
}

/** As `readPattern`, of a pattern that denies. */
export function readDeny(reader: NodeReader, item: Field, settings: Settings): PatternAt | undefined {
  const read = readPattern(reader, item, settings)
  const written = textOf(item)
  const slip = read && written !== undefined ? denySlip(written) : undefined
  if (read === undefined || slip === undefined) return read
  reader.problems.add(offsetWithin(reader, item, written ?? '', slip.index), slip.message, slip.hint)
  return undefined
}

function textOf({ value }: Field): string | undefined {
  return isScalar(value) && typeof value.value === 'string' ? value.value : undefined
}

/** Where a character of a value stands in the source; the start of the value if it was written with escapes. */
export function offsetWithin(reader: NodeReader, item: Field, value: string, index: number): number {
  const type = isScalar(item.value) ? item.value.type : undefined
  const start = item.valueAt + (type === Scalar.QUOTE_DOUBLE || type === Scalar.QUOTE_SINGLE ? 1 : 0)
  return reader.problems.text.startsWith(value, start) ? start + index : item.valueAt
}

/** One for each definition: what its rules may cost to compare is bounded together. */
export class RuleCheck {
  readonly #problems: ProblemList
  readonly #allowProtected: readonly string[]
  #stepsLeft = RULE_COMPARISON_STEPS_MAX

  /** `allowProtected`: workspace-relative paths that the operator took off the list, with all below them. */
  constructor(problems: ProblemList, allowProtected: readonly string[]) {
    this.#problems = problems
    this.#allowProtected = allowProtected
  }

  /** Notes every permitting pattern of one tool that its denials or the protected paths cover wholly. */
  tool(permitting: readonly PermittingPattern[], denying: readonly PatternAt[]): void {
    const denials = denying.map((deny) => {
      return { ...deny, glob: compileDeny(deny.pattern), letter: freshLetter(deny.pattern) }
    })
    for (const rule of permitting) {
      const mistake = this.#mistake(rule, denials)
      if (this.#stepsLeft < 0) return
      if (mistake === undefined) continue
      this.#problems.add(rule.at, `${quoted(rule.pattern)} can never take effect: ${mistake.why}`, mistake.hint)
    }
  }

  #mistake(
    rule: PermittingPattern,
    denials: readonly (PatternAt & { readonly letter: string })[],
  ): { readonly why: string; readonly hint?: string } | undefined {
    const samples = new Map<string, readonly string[]>()
    const coversAll = (letter: string, length: number, covers: (path: string) => boolean): boolean => {
      const paths = samples.get(letter) ?? samplePaths(rule.pattern, letter)
      if (!samples.has(letter)) this.#spend(rule, SAMPLE_STEPS * (paths.length + 1))
      samples.set(letter, paths)
      return paths.length > 0 && paths.every((path) => this.#spend(rule, length * (path.length + 1)) && covers(path))
    }
    if (!this.#isUnlocked(rule) && coversAll('z', LIST_STEPS, isProtectedPath)) {
      const hint = 'only the operator grants them, or --allow-protected'
      return { why: 'every path it covers is protected', hint }
    }
    const spelled = spelledNames(rule.glob)
    const isUnspelled = (path: string): boolean => executedByOthers(path).some((name) => !spells(spelled, name))
    if (rule.right !== 'read' && coversAll('z', LIST_STEPS, isUnspelled)) {
      const hint = 'write one pattern for each, with the name spelled out'
      return { why: 'other programs execute every file it covers', hint }
    }
    const winner = denials.find(({ pattern, glob, letter }) =>
      coversAll(letter, pattern.length + DENY_STEPS, (path) => matchesFolded(glob, path)),
    )
    if (winner === undefined) return undefined
    const line = this.#problems.lineOf(winner.at)
    return { why: `${quoted(winner.pattern)} in line ${line} denies all of it` }
  }

  #isUnlocked(rule: PermittingPattern): boolean {
    return this.#allowProtected.some((path) => matches(rule.glob, path) || couldMatchBelow(rule.glob, path))
  }

  /** False once the bound is reached, which is a problem itself: what was not compared is not accepted. */
  #spend(rule: PermittingPattern, steps: number): boolean {
    if (this.#stepsLeft < 0) return false
    this.#stepsLeft -= steps
    if (this.#stepsLeft >= 0) return true
    this.#problems.add(rule.at, 'the path rules are too many to compare; write fewer or shorter ones')
    return false
  }
}

/** What making one sample costs, and reading one character against the lists and against the ends of a deny. */
const SAMPLE_STEPS = 100
const LIST_STEPS = 20
const DENY_STEPS = 20
