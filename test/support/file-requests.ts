/** One request of every kind, through decision and performer, as the broker drives them. */
import type { FileRequest } from '../../runtime/policy/grant.ts'
import { openWorkspace } from '../../runtime/broker/workspace.ts'
import { performFile } from '../../runtime/broker/files.ts'
import { deniedOutcome, type Outcome } from '../../runtime/broker/outcome.ts'
import { nodeFileHost } from '../../runtime/node-files.ts'
import { decide } from '../../runtime/policy/decide.ts'
import type { Decision, Facts, Grant } from '../../runtime/policy/grant.ts'
import type { FileHost } from '../../runtime/ports.ts'

export interface Performed {
  readonly outcome: Outcome
  readonly facts: Facts
  readonly decision: Decision
}

export function act(root: string, grant: Grant, request: FileRequest, files: FileHost = nodeFileHost): Performed {
  let decision = decide(grant, request, {})
  if (decision.kind === 'deny') return { outcome: deniedOutcome(decision), facts: {}, decision }
  using workspace = openWorkspace(files, root)
  const performed = performFile(workspace, grant, request, (facts) => (decision = decide(grant, request, facts)))
  return { ...performed, decision }
}

/** `ok`, `Denied` or the code. */
export function resultOf({ outcome }: Performed): string {
  if (outcome.ok) return 'ok'
  return outcome.error.name === 'Denied' ? 'Denied' : outcome.error.code
}

export function textOf({ outcome }: Performed): string {
  if (!outcome.ok || !(outcome.value instanceof Uint8Array)) throw new Error(JSON.stringify(outcome))
  return Buffer.from(outcome.value).toString('utf8')
}
