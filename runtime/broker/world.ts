/** Performs the effects of a live run: files through the walker, HTTP through the network, timers by the clock. */
import type { Clock } from '../ports.ts'
import type { Perform } from './broker.ts'
import { performFile } from './files.ts'
import { deniedOutcome } from './outcome.ts'
import { createWebPerformer, type WebOptions } from './web.ts'
import type { Workspace } from './workspace.ts'

export function createWorldPerform(workspace: Workspace, clock: Clock, web: WebOptions): Perform {
  const network = createWebPerformer(web)
  let turn: Promise<void> = Promise.resolve()
  return async (place, grant, request, first, redecide) => {
    if (first.kind === 'deny') return { outcome: deniedOutcome(first), facts: {} }
    const { ended } = place
    if (request.op === 'timer') {
      await wait(clock, request.delayMs, ended)
      return { outcome: { ok: true, value: null }, facts: {} }
    }
    // One effect a turn of the event loop: deadlines, budgets and Ctrl-C are heard between two of them, and what a
    // call that has ended still wanted is not done any more.
    await (turn = turn.then(nextTurn))
    ended.throwIfAborted()
    if (request.op === 'http') return await network.request(place, grant, request, redecide)
    if (request.op === 'http.read' || request.op === 'http.close') return await network.body(place, request)
    return performFile(workspace, grant, request, redecide)
  }
}

/** All immediates that wait are run at once, so effects that came together are chained. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
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
