/** Offsets into a source text become places, and mistakes are collected until all of them are known. */

import { ProblemsError, type Problem } from '../errors.ts'
import { PROBLEMS_MAX } from '../limits.ts'
import type { RulePlace } from '../policy/grant.ts'

export type FileKind = 'definition' | 'configuration'

interface Mistake {
  readonly offset: number
  readonly message: string
  readonly hint: string | undefined
}

export class ProblemList {
  readonly file: string
  readonly kind: FileKind
  readonly text: string
  readonly #lineStarts: readonly number[]
  readonly #mistakes: Mistake[] = []

  /** A configuration is never quoted: its lines may hold a secret in the wrong place. */
  constructor(kind: FileKind, file: string, text: string) {
    this.kind = kind
    this.file = file
    this.text = text
    this.#lineStarts = lineStartsOf(text)
  }

  get isEmpty(): boolean {
    return this.#mistakes.length === 0
  }

  add(offset: number, message: string, hint?: string): void {
    this.#mistakes.push({ offset, message, hint })
  }

  placeOf(offset: number): RulePlace {
    const { line, column } = this.#position(offset)
    return `${this.file}:${line}:${column}`
  }

  lineOf(offset: number): number {
    return this.#position(offset).line
  }

  /** Throws every problem found so far, in the order of their places; returns if there is none. */
  throwIfAny(): void {
    if (!this.isEmpty) throw this.error()
  }

  error(): ProblemsError {
    const sorted = this.#mistakes.toSorted((a, b) => a.offset - b.offset)
    const distinct = sorted.filter((mistake, index) => {
      const previous = sorted[index - 1]
      return previous?.offset !== mistake.offset || previous.message !== mistake.message
    })
    const problems = distinct.slice(0, PROBLEMS_MAX).map((mistake) => this.#problem(mistake))
    const omitted = distinct[PROBLEMS_MAX]
    if (omitted !== undefined) {
      const { line, column } = this.#position(omitted.offset)
      problems.push({ file: this.file, line, column, message: `and ${distinct.length - PROBLEMS_MAX} more problems` })
    }
    return new ProblemsError(this.kind === 'definition' ? 'E_DEFINITION' : 'E_CONFIG', problems)
  }

  #problem({ offset, message, hint }: Mistake): Problem {
    const { line, column } = this.#position(offset)
    return {
      file: this.file,
      line,
      column,
      message,
      ...(hint === undefined ? {} : { hint }),
      ...(this.kind === 'definition' ? { source: this.#sourceLine(line) } : {}),
    }
  }

  #position(offset: number): { readonly line: number; readonly column: number } {
    let low = 0
    let high = this.#lineStarts.length - 1
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if ((this.#lineStarts[middle] ?? 0) <= offset) low = middle
      else high = middle - 1
    }
    return { line: low + 1, column: offset - (this.#lineStarts[low] ?? 0) + 1 }
  }

  #sourceLine(line: number): string {
    const end = this.#lineStarts[line]
    const text = this.text.slice(this.#lineStarts[line - 1], end === undefined ? undefined : end - 1)
    return text.endsWith('\r') ? text.slice(0, -1) : text
  }
}

function lineStartsOf(text: string): readonly number[] {
  const starts = [0]
  for (let index = text.indexOf('\n'); index !== -1; index = text.indexOf('\n', index + 1)) starts.push(index + 1)
  return starts
}
