/** The perimeter's part for expressions that a definition writes: a deadline holds while they are compared. */
import { runInNewContext } from 'node:vm'
import { codeOf } from './errors.ts'
import { SETTING_MATCH_MS } from './limits.ts'

/** Whether the whole value matches; undefined if that was not known in time. V8 ends an expression at its backtracks. */
export function matchesWhole(pattern: string, value: string): boolean | undefined {
  try {
    return runInNewContext(
      'new RegExp(pattern, "u").test(value)',
      { pattern: `^(?:${pattern})$`, value },
      {
        timeout: SETTING_MATCH_MS,
      },
    ) as boolean
  } catch (error) {
    if (codeOf(error) === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return undefined
    throw error
  }
}
