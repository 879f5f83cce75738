/** Performs the effects of a live run: files through the walker, timers by the clock. */
import type { Clock } from '../ports.ts'
import type { Perform } from './broker.ts'
import { performFile } from './files.ts'
import { deniedOutcome } from './outcome.ts'
import type { Workspace } from './workspace.ts'

export function createWorldPerform(workspace: Workspace, clock: Clock): Perform {
  return async ({ ended }, grant, request, first, redecide) => {
    if (first.kind === 'deny') return { outcome: deniedOutcome(first), facts: {} }
    if (request.op !== 'timer') return performFile(workspace, grant, request, redecide)
    await wait(clock, request.delayMs, ended)
    return { outcome: { ok: true, value: null }, facts: {} }
  }
}

/** A timer must not outlive its call: it would keep the program alive, and be recorded after the run's end. */
function wait(clock: Clock, delayMs: number, ended: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const stop = (): void => {
    cancel()
    reject(ended.reason)
  }
  const cancel = clock.after(delayMs, () => {
    ended.removeEventListener('abort', stop)
    resolve()
  })
  if (ended.aborted) stop()
  else ended.addEventListener('abort', stop)
  return promise
}
