/** Performs the effects of a live run: files through the walker, HTTP through the network, timers by the clock. */
import { EFFECTS_PER_TURN_MAX, EFFECTS_TURN_MS } from '../limits.ts'
import type { Clock } from '../ports.ts'
import type { Perform } from './broker.ts'
import type { SecretFilter } from './dressing.ts'
import { performFile } from './files.ts'
import { deniedOutcome } from './outcome.ts'
import { createWebPerformer, type WebOptions } from './web.ts'
import type { Performed } from './web-exchanges.ts'
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
    const turn = nextEffect()
    if (turn !== undefined) await turn
    ended.throwIfAborted()
    if (request.op === 'http') return await network.request(place, grant, request, first, redecide)
    if (request.op === 'http.read' || request.op === 'http.close') return await network.body(place, request, redecide)
    return filtered(performFile(workspace, grant, request, redecide), web.filter)
  }
}

/** A file may hold what a credential is made of, and a guest is to see it nowhere. */
function filtered(performed: Performed, filter: SecretFilter | undefined): Performed {
  const { outcome } = performed
  if (filter === undefined || filter.isEmpty || !outcome.ok || !(outcome.value instanceof Uint8Array)) return performed
  const { value, found } = filter.bytes(outcome.value)
  if (found.length === 0) return performed
  return { outcome: { ok: true, value }, facts: { ...performed.facts, withheld: found } }
}

/**
 * Effects share turns of the event loop: as many as take no longer than EFFECTS_TURN_MS together happen at once, the
 * next ones in the next turn, so that deadlines, budgets and Ctrl-C are heard between two turns, and what a call that
 * has ended still wanted is not done any more. In the order in which they came, each after the one before has acted.
 * Undefined: at once.
 */
function createEffectTurns(clock: Clock): () => Promise<void> | undefined {
  let last: Promise<void> | undefined
  let left = 0
  let endsMs = 0
  let isCounting = false
  const begin = (): void => {
    left = EFFECTS_PER_TURN_MAX
    endsMs = clock.now() + EFFECTS_TURN_MS
    isCounting = true
    // Comes once all that can be done in this turn has been.
    setImmediate(() => (isCounting = false))
  }
  const isOver = (): boolean => isCounting && (left <= 0 || clock.now() >= endsMs)
  const next = async (): Promise<void> => {
    while (isOver()) await new Promise((resolve) => setImmediate(resolve))
    if (!isCounting) begin()
    left -= 1
  }
  return () => {
    if (last === undefined && !isOver()) {
      if (!isCounting) begin()
      left -= 1
      return undefined
    }
    const own = (last ?? Promise.resolve()).then(next)
    last = own
    void own.then(() => {
      if (last === own) last = undefined
    })
    return own
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
