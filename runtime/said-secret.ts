/**
 * A guest can put a secret together that no look at its parts could find. To cut it out of what it says would make
 * another thing of it than a replay computes, so the call ends there, where a replay ends it too.
 */
import type { SecretFilter } from './broker/dressing.ts'
import { holdsSecret, SECRET_CAUSE } from './planned-kill.ts'
import type { GuestEnd } from './sandbox/guest-run.ts'

/** The name of a credential of which something is found. */
export function secretIn(filter: SecretFilter | undefined, said: string | Uint8Array): string | undefined {
  if (filter === undefined || filter.isEmpty) return undefined
  return (typeof said === 'string' ? filter.text(said) : filter.bytes(said)).found[0]
}

/** The end of a call, or that it was killed for what it said. */
export function withoutSecret(end: GuestEnd, filter: SecretFilter | undefined): GuestEnd {
  if (end.kind === 'killed' || filter === undefined || filter.isEmpty) return end
  const name = secretIn(filter, JSON.stringify(end.kind === 'ok' ? (end.value ?? null) : end.error))
  if (name === undefined) return end
  const { requests, deliveries } = end
  return { kind: 'killed', cause: SECRET_CAUSE, message: holdsSecret(name), requests, deliveries }
}
