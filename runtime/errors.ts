/**
 * Every error class and code, one closed union.
 *
 * Three kinds of failure, three mechanisms: what is expected is a value (a Decision, an Outcome); what the
 * caller or the machine got wrong is a RunAgentError with a code; what can only be our own bug is a thrown
 * assertion.
 */

export type ErrorCode =
  | 'E_USAGE'
  | 'E_DEFINITION'
  | 'E_CONFIG'
  | 'E_NOT_SUPPORTED'
  | 'E_PROVIDER'
  | 'E_CREDENTIAL'
  | 'E_WALL'
  | 'E_MODEL'
  | 'E_TOOL_LOAD'
  | 'E_SANDBOX'
  | 'E_BUDGET'
  | 'E_CEILING'
  | 'E_REQUIRED'
  | 'E_DIVERGED'
  | 'E_VERSION'
  | 'E_TRAIL'
  | 'E_INTERRUPTED'
  | 'E_INTERNAL'

/** A mistake at a place in a file that a person wrote; line and column count from 1. */
export interface Problem {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly message: string
  readonly hint?: string
  /** The source line that the problem stands in, without its line break; absent where it may not be quoted. */
  readonly source?: string
}

export class RunAgentError extends Error {
  readonly code: ErrorCode
  /** What the person can do about it; printed on a line of its own. */
  readonly hint: string | undefined

  constructor(code: ErrorCode, message: string, options: { readonly hint?: string; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'RunAgentError'
    this.code = code
    this.hint = options.hint
  }
}

/** A file that a person wrote is wrong; carries every problem found in it, in the order of their places. */
export class ProblemsError extends RunAgentError {
  readonly problems: readonly Problem[]

  constructor(code: 'E_DEFINITION' | 'E_CONFIG', problems: readonly Problem[]) {
    super(
      code,
      problems.map((problem) => `${problem.file}:${problem.line}:${problem.column} ${problem.message}`).join('\n'),
    )
    this.name = 'ProblemsError'
    this.problems = problems
  }
}

/** The text of anything thrown; never its stack. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}

/** The `code` of a system or coded error, if it has one. */
export function codeOf(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return undefined
  return typeof thrown.code === 'string' ? thrown.code : undefined
}
