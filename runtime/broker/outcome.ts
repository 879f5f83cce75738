/** What came of one request. Crosses into the sandbox, so it names nothing that the guest did not name itself. */
import type { Json } from '../audit/event.ts'
import type { Decision } from '../policy/grant.ts'

export type Outcome = { readonly ok: true; readonly value: Json } | { readonly ok: false; readonly error: OutcomeError }

export interface OutcomeError {
  /** `Denied` for what policy refused, else `Error`. */
  readonly name: 'Denied' | 'Error'
  /** `E_DENIED`, `E_LIMIT`, a code of POSIX, or one that the performer documents. */
  readonly code: string
  readonly message: string
}

export function deniedOutcome(decision: Extract<Decision, { kind: 'deny' }>): Outcome {
  return { ok: false, error: { name: 'Denied', code: 'E_DENIED', message: `${decision.rule}. ${decision.allowed}` } }
}

export function failedOutcome(code: string, message: string): Outcome {
  return { ok: false, error: { name: 'Error', code, message } }
}
