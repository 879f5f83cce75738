/** What the reviewer says, and of what. */
import type { AddedLine } from '../../tools/git/changes.ts'

export type Severity = 'Blocking' | 'Warning' | 'Note'

export interface Finding {
  readonly severity: Severity
  readonly path: string
  /** Absent where the finding is about the whole file. */
  readonly line?: number
  /** Markdown; whatever comes from the repository stands in it as `code()`. */
  readonly message: string
}

/** A text file that the commit added or changed. */
export interface ReviewedFile {
  readonly path: string
  readonly added: readonly AddedLine[]
  /** The whole new text; absent where it was too large for a page. */
  readonly content: string | undefined
}
