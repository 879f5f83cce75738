/** Performs the effects of a live run: files through the walker, timers by the clock. */
import type { Clock } from '../ports.ts'
import type { Perform } from './broker.ts'
import { performFile } from './files.ts'
import type { Workspace } from './workspace.ts'

export function createWorldPerform(workspace: Workspace, clock: Clock): Perform {
  return async (_place, grant, request, redecide) => {
    if (request.op !== 'timer') return performFile(workspace, grant, request, redecide)
    await new Promise<void>((resolve) => clock.after(request.delayMs, resolve))
    return { outcome: { ok: true, value: null }, facts: {} }
  }
}
