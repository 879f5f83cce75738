/**
 * One refresher for each user and credential, over all processes: where the provider takes back the old token with the
 * new one, two that refresh at once would end each other's. A lease has a fence, a number that grows with each holder:
 * who slept through the end of a lease may go on, but the store takes nothing from a fence that is not the last.
 */

import { randomInt } from 'node:crypto'

import { RunAgentError } from '../../errors.ts'
import { LEASE_MS, LEASE_POLL_MS_MAX, LEASE_POLL_MS_MIN } from '../../limits.ts'
import type { Clock } from '../../ports.ts'
import { snapshot, transact } from './credentials-file.ts'
import type { CredentialsFile } from './credentials-file.ts'

export interface LeaseKey {
  readonly tenant: string
  readonly user: string
  readonly credential: string
}

export interface LeaseOptions {
  readonly clock: Clock
  /** For whoever reads the file: nothing rests on it. */
  readonly owner: string
}

type LeaseRow = LeaseKey & { readonly now: number; readonly length: number; readonly owner: string }

const KEY = 'tenant = @tenant AND user = @user AND credential = @credential'

// An end that lies further ahead than a lease is long was written by a clock that was set back since.
const FREE = 'expires_ms <= @now OR expires_ms > @now + @length'

export class Leases {
  readonly #file: CredentialsFile
  readonly #clock: Clock
  readonly #owner: string

  constructor(file: CredentialsFile, { clock, owner }: LeaseOptions) {
    this.#file = file
    this.#clock = clock
    this.#owner = owner
  }

  /**
   * Waits until nobody else holds the lease, and holds it while `act` runs. `act` first reads again what it means to
   * refresh: who held the lease before may have done it. Its signal also ends when the lease was lost; its fence goes
   * with what it writes. Rejects with the reason of `signal`, with what `act` rejects with, and with E_CREDENTIAL.
   */
  async withLease<T>(
    key: LeaseKey,
    signal: AbortSignal,
    act: (fence: number, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const fence = await this.#acquire(key, signal)
    const lost = new AbortController()
    const stopRenewing = this.#keepRenewing(key, fence, lost)
    try {
      return await act(fence, AbortSignal.any([signal, lost.signal]))
    } finally {
      stopRenewing()
      this.#release(key, fence)
    }
  }

  async #acquire(key: LeaseKey, signal: AbortSignal): Promise<number> {
    for (let wait = LEASE_POLL_MS_MIN; ; wait = Math.min(wait * 2, LEASE_POLL_MS_MAX)) {
      signal.throwIfAborted()
      const fence = this.#tryAcquire(key)
      if (fence !== undefined) return fence
      // Not all that wait come back at once.
      await pause(this.#clock, randomInt(Math.ceil(wait / 2), wait + 1), signal)
    }
  }

  #tryAcquire({ tenant, user, credential }: LeaseKey): number | undefined {
    const values = (): LeaseRow => {
      return { tenant, user, credential, now: this.#clock.now(), length: LEASE_MS, owner: this.#owner }
    }
    const { database } = this.#file
    const isHeld = snapshot(this.#file, () =>
      database.prepare(`SELECT 1 FROM lease WHERE ${KEY} AND NOT (${FREE})`).get(values()),
    )
    // Looking does not wait for writers. Taking does, and asks for the time only then: the lease may have been renewed.
    if (isHeld !== undefined) return undefined
    return transact(this.#file, () =>
      database
        .prepare<LeaseRow, number>(
          `INSERT INTO lease VALUES (@tenant, @user, @credential, @owner, 1, @now + @length)
           ON CONFLICT (tenant, user, credential) DO UPDATE
           SET owner = @owner, fence = fence + 1, expires_ms = @now + @length WHERE ${FREE} RETURNING fence`,
        )
        .pluck()
        .get(values()),
    )
  }

  #keepRenewing({ tenant, user, credential }: LeaseKey, fence: number, lost: AbortController): () => void {
    const renew = (): void => {
      try {
        const changed = this.#file.database
          .prepare(`UPDATE lease SET expires_ms = @end WHERE ${KEY} AND fence = @fence`)
          .run({ tenant, user, credential, fence, end: this.#clock.now() + LEASE_MS })
        if (changed.changes === 0) {
          lost.abort(staleFence(credential, user))
          return
        }
      } catch {
        // The next one may succeed; if none does, the lease ends and the fence holds.
      }
      cancel = this.#clock.after(LEASE_MS / 3, renew)
    }
    let cancel = this.#clock.after(LEASE_MS / 3, renew)
    return () => cancel()
  }

  #release({ tenant, user, credential }: LeaseKey, fence: number): void {
    try {
      this.#file.database
        .prepare(`UPDATE lease SET expires_ms = 0 WHERE ${KEY} AND fence = @fence`)
        .run({ tenant, user, credential, fence })
    } catch {
      // It ends by itself, and what was done under it stands.
    }
  }
}

/** Within the transaction that writes. Throws E_CREDENTIAL where somebody took the lease over. */
function assertFence(file: CredentialsFile, { tenant, user, credential }: LeaseKey, fence: number): void {
  const last = file.database
    .prepare<LeaseKey, number>(`SELECT fence FROM lease WHERE ${KEY}`)
    .pluck()
    .get({ tenant, user, credential })
  if (last !== fence) throw staleFence(credential, user)
}

/** As `transact`, for who holds a lease; a fence of undefined is for who needs none. */
export function transactFenced<T>(file: CredentialsFile, key: LeaseKey, fence: number | undefined, act: () => T): T {
  return transact(file, () => {
    if (fence !== undefined) assertFence(file, key, fence)
    return act()
  })
}

function staleFence(credential: string, user: string): RunAgentError {
  return new RunAgentError(
    'E_CREDENTIAL',
    `the lease for refreshing the credential ${credential} of ${user} was taken over by another process`,
    { hint: 'Nothing was written. This process slept, or its refresh took too long; run it again.' },
  )
}

function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      cancel()
      reject(signal.reason as Error)
    }
    const cancel = clock.after(ms, () => {
      signal.removeEventListener('abort', stop)
      resolve()
    })
    signal.addEventListener('abort', stop, { once: true })
  })
}
