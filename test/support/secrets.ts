/** Secrets as sources give them. */
import type { LiveSecret } from '../../runtime/credentials/secret.ts'

export function liveSecret(credential: string, value: string, more: Partial<LiveSecret> = {}): LiveSecret {
  return {
    credential,
    user: 'alice',
    version: '1',
    value,
    related: [],
    expiresAtMs: undefined,
    scopes: undefined,
    ...more,
  }
}
