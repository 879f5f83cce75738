/** A guest call as the sandbox drives it: what it has done in the process that it runs in now. */
import { CallTape, type GuestCall, type GuestEnd, type GuestListener } from './guest-run.ts'
import type { SandboxProcess } from './sandbox-process.ts'

export interface LiveCall {
  readonly id: number
  readonly call: GuestCall
  readonly listener: GuestListener
  readonly tape: CallTape
  readonly resolve: (end: GuestEnd) => void
  /** Moved on while the call waits for a process of its own, so that the wait does not count. */
  startedMs: number
  process: SandboxProcess | undefined
  /** Ordinals that the process it runs in now has made, and deliveries that it was given. */
  seen: number
  given: number
  logsSeen: number
  logBytes: number
  /** Length of each request that waits for its answer, by ordinal, and their sum. */
  readonly underWay: Map<number, number>
  underWayChars: number
  stopBackstop: () => void
  alone: boolean
}

export function newLiveCall(
  id: number,
  call: GuestCall,
  listener: GuestListener,
  resolve: (end: GuestEnd) => void,
  startedMs: number,
): LiveCall {
  return {
    id,
    call,
    listener,
    tape: new CallTape(),
    resolve,
    startedMs,
    process: undefined,
    seen: 0,
    given: 0,
    logsSeen: 0,
    logBytes: 0,
    underWay: new Map(),
    underWayChars: 0,
    stopBackstop: () => undefined,
    alone: false,
  }
}
