/** What each end of the program is called, in numbers. */
import type { ErrorCode } from '../errors.ts'

export const EXIT = {
  completed: 0,
  failed: 1,
  usage: 2,
  invalid: 3,
  missing: 4,
  budget: 5,
  denied: 6,
  waiting: 7,
  output: 8,
  diverged: 9,
  brokenTrail: 10,
  interrupted: 130,
} as const

const BY_ERROR: Readonly<Record<ErrorCode, number>> = {
  E_USAGE: EXIT.usage,
  E_DEFINITION: EXIT.invalid,
  E_CONFIG: EXIT.invalid,
  E_NOT_SUPPORTED: EXIT.usage,
  E_TOOL_LOAD: EXIT.invalid,
  E_PROVIDER: EXIT.missing,
  E_CREDENTIAL: EXIT.missing,
  E_WALL: EXIT.missing,
  E_MODEL: EXIT.failed,
  E_SANDBOX: EXIT.failed,
  E_INTERNAL: EXIT.failed,
  E_VERSION: EXIT.failed,
  E_BUDGET: EXIT.budget,
  E_CEILING: EXIT.budget,
  E_REQUIRED: EXIT.output,
  E_DIVERGED: EXIT.diverged,
  E_TRAIL: EXIT.brokenTrail,
  E_INTERRUPTED: EXIT.interrupted,
}

export function exitCodeOf(code: ErrorCode): number {
  return BY_ERROR[code]
}
