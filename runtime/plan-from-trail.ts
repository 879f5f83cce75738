/** A recorded plan, read back. The trail is checked before it is replayed; this only turns its JSON into types. */
import { createHash } from 'node:crypto'
import type { StoredEvent } from './audit/event.ts'
import { RunAgentError } from './errors.ts'
import type { RunPlan } from './plan.ts'

export function planOf(start: StoredEvent): RunPlan {
  const plan = start.data as unknown as RunPlan
  const codes = [...plan.tools.map((tool) => tool.bundle), ...(plan.script === undefined ? [] : [plan.script])]
  for (const code of codes) {
    if (createHash('sha256').update(code.source).digest('hex') !== code.hash) {
      throw new RunAgentError('E_TRAIL', `the recorded bundle ${code.name} is not the one that was recorded`)
    }
  }
  // What JSON leaves out is undefined again.
  const tools = plan.tools.map((tool) => ({
    ...tool,
    callsMax: tool.callsMax,
    narrowing: tool.narrowing,
    grant: { ...tool.grant, git: tool.grant.git },
  }))
  const { tokens, usd } = plan.budget
  return { ...plan, script: plan.script, price: plan.price, budget: { ...plan.budget, tokens, usd }, tools }
}
