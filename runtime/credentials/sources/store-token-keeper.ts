/** Tokens of those who logged in, as versions in the store of secrets: one process at a time replaces them. */
import type { Leases } from '../store/lease.ts'
import type { SecretStore } from '../store/secret-store.ts'
import type { TokenKeeper, TokenSet } from './token-keeper.ts'

const TENANT = 'local'
/** In place of a token that is of no use any more: the store takes no empty value. */
const DEAD = 'no token: log in again'

export function createStoreTokenKeeper(open: () => Promise<{ secrets: SecretStore; leases: Leases }>): TokenKeeper {
  return {
    async read(user, credential) {
      const { secrets } = await open()
      const found = secrets.read(user, credential)
      if (found === undefined) return undefined
      const { value, related, meta, expiresAtMs, scopes, version } = found
      const isDead = meta['isDead'] === 'true'
      return {
        value: isDead ? '' : value,
        refreshToken: related['refreshToken'],
        obtainedAtMs: Number(meta['obtainedAtMs']),
        expiresAtMs,
        scopes,
        isDead,
        version: String(version),
      }
    },
    async write({ user, credential, value, refreshToken, obtainedAtMs, expiresAtMs, scopes, isDead }: TokenSet, fence) {
      const { secrets } = await open()
      const secret = {
        value: isDead ? DEAD : value,
        related: refreshToken === undefined ? {} : { refreshToken },
        meta: { obtainedAtMs: String(obtainedAtMs), isDead: String(isDead) },
        expiresAtMs,
        scopes,
      }
      secrets.put(user, credential, secret, 'current', fence)
    },
    async withLease(user, credential, signal, work) {
      const { leases } = await open()
      // The lease's own end stops nothing: a refresh token that was spent and not replaced is lost.
      return await leases.withLease({ tenant: TENANT, user, credential }, signal, (fence) => work(fence))
    },
  }
}
