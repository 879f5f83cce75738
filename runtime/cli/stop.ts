/**
 * What ends a run from outside: its time, and a person or a program that sends SIGINT (Ctrl-C), SIGTERM or SIGHUP.
 * The first signal stops a run cleanly, so that its trail has an end; the second ends the program at once. Before a
 * run has begun there is nothing to bring to an end, and after it nothing to stop.
 */
import { interrupted, outOfTime } from '../stop-reason.ts'
import { nodeClock } from '../node-processes.ts'
import { EXIT } from './exit-codes.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/**
 * What a program sends comes twice by itself: `timeout` sends to the process and to its group, a closing terminal to
 * the shell, which passes it on, and to the group. Only Ctrl-C is pressed by somebody, and each time is meant.
 */
const ECHO_MS = 1000

type Phase = 'before' | 'during' | 'after'

export interface StopListener {
  /** The run stops cleanly from now on. */
  stopping(): void
  /** The program ends when this returns. */
  leaving(phase: Phase): void
}

export interface StopWatch {
  /** Aborts with a RunAgentError when the run must end. */
  readonly signal: AbortSignal
  /** From here on a run is recorded that may take `timeMs`. */
  begin(timeMs: number): void
  /** The run has its end. */
  end(): void
}

/** Watches until the program ends: a signal at its very end must not turn a finished run into a killed program. */
export function watchStop(listener: StopListener): StopWatch {
  const controller = new AbortController()
  let phase: Phase = 'before'
  let firstMs: number | undefined
  let cancel: () => void = () => undefined
  const hear = (name: (typeof SIGNALS)[number]): void => {
    const isEcho = firstMs !== undefined && name !== 'SIGINT' && nodeClock.now() - firstMs < ECHO_MS
    if (isEcho) return
    if (phase === 'before' || firstMs !== undefined) {
      listener.leaving(phase)
      // Node ends only once its threads have, and the trail's may be waiting for the disk: one more signal is obeyed by
      // the system.
      for (const each of SIGNALS) process.off(each, hear)
      process.exit(EXIT.interrupted)
    }
    firstMs = nodeClock.now()
    if (phase === 'after') return
    listener.stopping()
    controller.abort(interrupted())
  }
  for (const name of SIGNALS) process.on(name, hear)
  return {
    signal: controller.signal,
    begin(timeMs) {
      phase = 'during'
      cancel = nodeClock.after(timeMs, () => {
        controller.abort(outOfTime(timeMs))
      })
    },
    end() {
      phase = 'after'
      cancel()
    },
  }
}
