/** Performs the effects of a live run: files through the walker, HTTP through the network, timers by the clock. */
import { EFFECTS_PER_TURN_MAX, EFFECTS_TURN_MS } from '../limits.ts'
import type { Clock } from '../ports.ts'
import type { Perform } from './broker.ts'
import { performFile } from './files.ts'
import { deniedOutcome } from './outcome.ts'
import { createWebPerformer, type WebOptions } from './web.ts'
import type { Workspace } from './workspace.ts'

export function createWorldPerform(workspace: Workspace, clock: Clock, web: WebOptions): Perform {
  const network = createWebPerformer(web)
  const nextEffect = createEffectTurns(clock)
  return async (place, grant, request, first, redecide) => {
    if (first.kind === 'deny') return { outcome: deniedOutcome(first), facts: {} }
    const { ended } = place
    if (request.op === 'timer') {
      await wait(clock, request.delayMs, ended)
      return { outcome: { ok: true, value: null }, facts: {} }
    }
    await nextEffect()
    ended.throwIfAborted()
    if (request.op === 'http') return await network.request(place, grant, request, redecide)
    if (request.op === 'http.read' || request.op === 'http.close') return await network.body(place, request)
    return performFile(workspace, grant, request, redecide)
  }
}

/**
 * Effects wait for a turn of the event loop, so that deadlines, budgets and Ctrl-C are heard between two turns, and
 * what a call that has ended still wanted is not done any more. As many as take no longer than EFFECTS_TURN_MS
 * together share a turn. They are chained: in the order in which they came, each after the one before has acted.
 */
function createEffectTurns(clock: Clock): () => Promise<void> {
  let last: Promise<void> = Promise.resolve()
  let left = 0
  let endsMs = 0
  const nextTurn = (): Promise<void> =>
    new Promise((resolve) => {
      setImmediate(() => {
        left = EFFECTS_PER_TURN_MAX
        endsMs = clock.now() + EFFECTS_TURN_MS
        resolve()
        // Runs when nothing is left to do in this turn: an effect that comes later waits for one of its own.
        queueMicrotask(() => process.nextTick(() => (left = 0)))
      })
    })
  const next = async (): Promise<void> => {
    if (left <= 0 || clock.now() >= endsMs) await nextTurn()
    left -= 1
  }
  return () => (last = last.then(next))
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
