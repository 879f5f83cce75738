/** Where a recorded call was killed, so that a replay kills it there. */

export interface Heard {
  readonly requests: number
  readonly deliveries: number
  readonly logs: number
}

export interface PlannedKill extends Heard {
  readonly cause: string
  readonly message: string
}

/** Not `===`: which of two frames that crossed on the pipe comes first is not the same in a replay. */
export function isDue(kill: PlannedKill, heard: Heard): boolean {
  return heard.requests >= kill.requests && heard.deliveries >= kill.deliveries && heard.logs >= kill.logs
}
