/**
 * The secrets of the users, each in versions that are numbered from 1 and never twice:
 *
 *     next → current → previous → destroyed
 *
 * At most one is next and one current, and next > current > each previous. A previous one can be read for a grace, by
 * who pinned it; a destroyed one is a row without its secret. There is no query without tenant and user.
 *
 * Limit: states and times are not sealed. Who can write to the file can make an older version the current one again,
 * and can put back an older copy of the file, but can neither read nor make a secret, nor give one to another user.
 */

import { RunAgentError } from '../../errors.ts'
import { SECRET_GRACE_MS, SECRET_USED_STEP_MS, STORE_NAME_BYTES_MAX } from '../../limits.ts'
import type { Clock } from '../../ports.ts'
import { emptyLog, snapshot, transact } from './credentials-file.ts'
import type { CredentialsFile } from './credentials-file.ts'
import { transactFenced } from './lease.ts'
import { open, seal } from './sealing.ts'
import type { SealContext } from './sealing.ts'
import { decodePayload, encodePayload } from './secret-payload.ts'
import type { NewSecret, SecretPayload } from './secret-payload.ts'
import { storeStatements } from './store-statements.ts'
import type { SecretKey, SecretRow, ShownRow } from './store-statements.ts'
import type { StoreKey } from './store-key.ts'

export type SecretState = SecretRow['state']

export interface StoredSecret extends SecretPayload {
  readonly user: string
  readonly credential: string
  readonly version: number
  readonly state: SecretState
}

/** What can be shown of a version. Times are milliseconds since the Unix epoch. */
export interface SecretEntry {
  readonly user: string
  readonly credential: string
  readonly version: number
  readonly state: SecretState
  readonly createdAtMs: number
  readonly expiresAtMs: number | undefined
  /** When it was first seen where it must not be. */
  readonly exposedAtMs: number | undefined
  /** As exact as SECRET_USED_STEP_MS. */
  readonly lastUsedAtMs: number | undefined
}

export interface SecretStoreOptions {
  readonly key: StoreKey
  readonly clock: Pick<Clock, 'now'>
  /** Keeps apart what shares a file; `local` where one organisation uses it. */
  readonly tenant?: string
  /** How long a previous version can be read. */
  readonly graceMs?: number
}

const PURPOSE = 'credential'
const DAY_MS = 24 * 60 * 60_000

/** Every method throws E_CREDENTIAL where SQLite fails or the key of the store was changed by another process. */
export class SecretStore {
  readonly #file: CredentialsFile
  readonly #key: StoreKey
  readonly #clock: Pick<Clock, 'now'>
  readonly #tenant: string
  readonly #graceMs: number
  readonly #sql: ReturnType<typeof storeStatements>

  constructor(file: CredentialsFile, { key, clock, tenant = 'local', graceMs = SECRET_GRACE_MS }: SecretStoreOptions) {
    assertName('tenant', tenant)
    this.#file = file
    this.#key = key
    this.#clock = clock
    this.#tenant = tenant
    this.#graceMs = graceMs
    this.#sql = storeStatements(file.database)
  }

  /** In words, for messages. */
  get path(): string {
    return this.#file.path
  }

  /**
   * Adds a version and returns its number. As `current` it takes the place of the one that was, which becomes
   * previous, and of one that waited as next, which is destroyed; as `next` it takes the place of one that waited.
   * With the fence of a lease, throws E_CREDENTIAL where that was taken over, and writes nothing.
   */
  put(user: string, credential: string, secret: NewSecret, state: 'next' | 'current', fence?: number): number {
    const at = this.#at(user, credential)
    const payload = encodePayload(secret, credential)
    const now = this.#clock.now()
    const [version, destroyed] = transactFenced(this.#file, at, fence, () => {
      const version = (this.#sql.last.get(at) ?? 0) + 1
      const sealed = seal(this.#key.ensureUserKey(this.#file, at), payload, this.#contextOf(at, version))
      let destroyed = this.#sql.destroyNext.run(at).changes
      if (state === 'current') destroyed += this.#retire(at, now)
      this.#sql.insert.run({ ...at, ...sealed, version, state, now, expires: secret.expiresAtMs ?? null })
      return [version, destroyed] as const
    })
    payload.fill(0)
    if (destroyed > 0) emptyLog(this.#file)
    return version
  }

  /**
   * The current version, the next one, or the one of that number if it is current or previous in its grace; undefined
   * where there is no such one. Throws E_CREDENTIAL where its row was changed or moved.
   */
  read(user: string, credential: string, which: 'current' | 'next' | number = 'current'): StoredSecret | undefined {
    const at = this.#at(user, credential)
    const found = snapshot(this.#file, () => {
      const row = typeof which === 'number' ? this.#pinned(at, which) : this.#sql.byState.get({ ...at, state: which })
      const userKey = row && this.#key.openUserKey(this.#file, at)
      return row && userKey && { row, userKey }
    })
    if (found === undefined) return undefined
    const { row, userKey } = found
    const { version, state } = row
    const sealed = { wrappedKey: row.wrapped_key, ciphertext: row.ciphertext }
    return {
      user,
      credential,
      version,
      state,
      ...decodePayload(open(userKey, sealed, this.#contextOf(at, version)), credential),
    }
  }

  /** The next version becomes current. Saying it again of the one that is current changes nothing. */
  promote(user: string, credential: string, version: number): void {
    const at = this.#at(user, credential)
    const now = this.#clock.now()
    const destroyed = transact(this.#file, () => {
      const row = this.#sql.byVersion.get({ ...at, version })
      if (row?.state === 'current') return 0
      if (row?.state !== 'next') {
        throw new RunAgentError(
          'E_CREDENTIAL',
          `version ${version} of the credential ${credential} of ${user} is ${row?.state ?? 'missing'}, not next`,
          { hint: 'Only a version that waits as next can become current.' },
        )
      }
      const retired = this.#retire(at, now)
      this.#sql.makeCurrent.run({ ...at, version })
      return retired
    })
    if (destroyed > 0) emptyLog(this.#file)
  }

  /** Overwrites a version, whatever its state; false where there is none, or it was destroyed before. */
  destroy(user: string, credential: string, version: number): boolean {
    const at = this.#at(user, credential)
    const { changes } = transact(this.#file, () => this.#sql.destroy.run({ ...at, version }))
    if (changes > 0) emptyLog(this.#file)
    return changes > 0
  }

  /** Destroys the previous versions whose grace is over, and returns how many; `put` and `promote` do so as well. */
  destroyLapsed(user: string, credential: string): number {
    const at = this.#at(user, credential)
    const { changes } = transact(this.#file, () => this.#sql.destroyLapsed.run({ ...at, ...this.#lapsed() }))
    if (changes > 0) emptyLog(this.#file)
    return changes
  }

  /** Every version of this user's, destroyed ones too, by credential and number. */
  list(user: string): readonly SecretEntry[] {
    return this.#entries(user, () => this.#sql.list.all(this.#at(user)))
  }

  /** The current ones that are `days` days old or older, or were exposed: after they were rotated they are due no more. */
  due(user: string, nowMs: number, days: number): readonly SecretEntry[] {
    if (!(days >= 0)) throw new RunAgentError('E_USAGE', 'a number of days is zero or more')
    const before = nowMs - days * DAY_MS
    return this.#entries(user, () => this.#sql.due.all({ ...this.#at(user), before }))
  }

  /** Keeps the time of the first call; false where there is no such version. */
  markExposed(user: string, credential: string, version: number): boolean {
    const at = this.#at(user, credential)
    const now = this.#clock.now()
    return transact(this.#file, () => this.#sql.markExposed.run({ ...at, version, now })).changes > 0
  }

  /** Writes only where the time that is kept is older than SECRET_USED_STEP_MS. */
  markUsed(user: string, credential: string, version: number): void {
    const row = { ...this.#at(user, credential), version }
    const now = this.#clock.now()
    const used = snapshot(this.#file, () => this.#sql.used.get(row))
    if (used !== undefined && used !== null && used <= now && used > now - SECRET_USED_STEP_MS) return
    transact(this.#file, () => this.#sql.markUsed.run({ ...row, now }))
  }

  #retire(at: SecretKey, now: number): number {
    const destroyed = this.#sql.destroyLapsed.run({ ...at, ...this.#lapsed() }).changes
    this.#sql.retire.run({ ...at, now })
    return destroyed
  }

  #pinned(at: SecretKey, version: number): SecretRow | undefined {
    const row = this.#sql.byVersion.get({ ...at, version })
    if (row?.state === 'current') return row
    if (row?.state !== 'previous' || row.replaced_ms === null) return undefined
    return row.replaced_ms > this.#lapsed().lapsed ? row : undefined
  }

  #lapsed(): { readonly lapsed: number } {
    return { lapsed: this.#clock.now() - this.#graceMs }
  }

  #entries(user: string, read: () => readonly ShownRow[]): readonly SecretEntry[] {
    return snapshot(this.#file, read).map((row) => ({
      user,
      credential: row.credential,
      version: row.version,
      state: row.state,
      createdAtMs: row.created_ms,
      expiresAtMs: row.expires_ms ?? undefined,
      exposedAtMs: row.exposed_ms ?? undefined,
      lastUsedAtMs: row.used_ms ?? undefined,
    }))
  }

  #at(user: string): { readonly tenant: string; readonly user: string }
  #at(user: string, credential: string): SecretKey
  #at(user: string, credential?: string): { readonly tenant: string; readonly user: string } {
    assertName('user', user)
    if (credential === undefined) return { tenant: this.#tenant, user }
    assertName('credential', credential)
    return { tenant: this.#tenant, user, credential } as SecretKey
  }

  #contextOf({ tenant, user, credential }: SecretKey, version: number): SealContext {
    return { tenant, user, credential, version, purpose: PURPOSE }
  }
}

function assertName(what: 'tenant' | 'user' | 'credential', name: string): void {
  const isPlain = name !== '' && name.isWellFormed() && !/\p{Cc}/u.test(name)
  if (isPlain && Buffer.byteLength(name) <= STORE_NAME_BYTES_MAX) return
  throw new RunAgentError('E_CREDENTIAL', `the name of a ${what} is empty, too long, or holds a control character`, {
    hint: `It has up to ${STORE_NAME_BYTES_MAX} bytes of well-formed Unicode.`,
  })
}
