/**
 * Where a recorded call was killed, so that a replay kills it there; and which kills a replay plans. Those are few: of
 * any other the guest of a replay must die again by itself, and a kill that somebody made up is found out.
 */
import { REQUESTS_IN_FLIGHT_MAX, REQUESTS_UNDER_WAY_CHARS_MAX } from './limits.ts'
import type { GuestLimits } from './sandbox/guest-run.ts'
import { interrupted, outOfTime } from './stop-reason.ts'

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

/** What the guest said holds a secret: a replay, which has none, cannot find that by itself. */
export const SECRET_CAUSE = 'secret'

export function holdsSecret(credential: string): string {
  return `what the call said holds the credential ${credential}`
}

export interface KilledCall {
  readonly limits: GuestLimits
  /** By the recorded clock. */
  readonly tookMs: number
  /** The run's budget. */
  readonly timeMs: number
  /** Those that a tool of the plan has. */
  readonly credentials: ReadonlySet<string>
}

/** The clock of the process that keeps a deadline, and the one that the trail reads, are not read at once. */
const SLACK_MS = 100

/** An isolate has worked before it is given to a call. */
const CPU_SLACK_MS = 1_000

/** Whether the machine, a clock or a person can have killed the call there, in these words. */
export function isFromOutside(
  { cause, message }: PlannedKill,
  { limits, tookMs, timeMs, credentials }: KilledCall,
): boolean {
  switch (cause) {
    case 'timeout':
      return message === `the call ran longer than ${limits.wallMs} ms` && tookMs >= limits.wallMs - SLACK_MS
    case 'cpu': {
      const { cpuMs } = limits
      return message === `the call used more than ${cpuMs} ms of CPU time` && tookMs >= cpuMs - CPU_SLACK_MS
    }
    case 'memory':
      return (
        message === 'the call needed more memory than it may' ||
        message === `the call needed more than ${Math.round(limits.memoryBytes / 2 ** 20)} MB`
      )
    case 'requests':
      // Of those under way; that there are too many in all is the guest's own doing.
      return message === `the call has requests of more than ${REQUESTS_UNDER_WAY_CHARS_MAX} characters under way`
    case 'in-flight':
      // As the host counts; the guest's own count, in other words, is the guest's own doing.
      return message === `the call has more than ${REQUESTS_IN_FLIGHT_MAX} requests under way`
    case 'crash':
      return /^the call brought its process down \((?:exit \w+|signal \w+|malformed frames|it does not read|without the platform's part [\w-]+)\)$/.test(
        message,
      )
    case 'sandbox':
      return message.startsWith('the sandbox ')
    case 'nondeterminism':
      return message === 'driven again, the call asked for something else'
    case SECRET_CAUSE:
      return [...credentials].some((name) => message === holdsSecret(name))
    case 'E_BUDGET':
      return message === outOfTime(timeMs).message
    case 'E_INTERRUPTED':
      return message === interrupted().message
    default:
      // A mistake of ours, in any words; it ends the run.
      return cause === 'E_INTERNAL'
  }
}
