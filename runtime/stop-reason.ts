/** With what a run is stopped from outside, whatever its model and its calls do. */
import { RunAgentError } from './errors.ts'

export function outOfTime(timeMs: number): RunAgentError {
  return new RunAgentError('E_BUDGET', `the run used all ${timeMs} ms of its budget`)
}

export function interrupted(): RunAgentError {
  return new RunAgentError('E_INTERRUPTED', 'the run was interrupted')
}
