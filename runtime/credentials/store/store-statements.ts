/** The SQL of the store of secrets (secret-store.ts says what it means). Each statement names tenant and user. */

import type { Database, Statement } from 'better-sqlite3'

export interface SecretOwner {
  readonly tenant: string
  readonly user: string
}

export interface SecretKey extends SecretOwner {
  readonly credential: string
}

export interface SecretRow extends SecretKey {
  readonly version: number
  readonly state: 'next' | 'current' | 'previous' | 'destroyed'
  readonly created_ms: number
  readonly replaced_ms: number | null
  readonly expires_ms: number | null
  readonly exposed_ms: number | null
  readonly used_ms: number | null
  readonly wrapped_key: Buffer
  readonly ciphertext: Buffer
}

/** Of a listing: without what is sealed. */
export type ShownRow = Omit<SecretRow, keyof SecretOwner | 'replaced_ms' | 'wrapped_key' | 'ciphertext'>

type OneVersion = SecretKey & { readonly version: number }
type AtTime = OneVersion & { readonly now: number }
type Lapsed = SecretKey & { readonly lapsed: number }
type NewRow = AtTime & {
  readonly state: 'next' | 'current'
  readonly expires: number | null
  readonly wrappedKey: Uint8Array
  readonly ciphertext: Uint8Array
}

const USER = 'tenant = @tenant AND user = @user'
const CREDENTIAL = `${USER} AND credential = @credential`
const VERSION = `${CREDENTIAL} AND version = @version`

// Of the same length, so that they stand where the old bytes stood; secure_delete sees to any others.
const DESTROY = `UPDATE secret SET state = 'destroyed',
  wrapped_key = zeroblob(length(wrapped_key)), ciphertext = zeroblob(length(ciphertext))`

const SHOWN = `credential, version, state, created_ms, expires_ms, exposed_ms, used_ms`

export interface StoreStatements {
  readonly last: Statement<[SecretKey], number | null>
  readonly insert: Statement<[NewRow]>
  readonly byState: Statement<[SecretKey & { readonly state: 'next' | 'current' }], SecretRow>
  readonly byVersion: Statement<[OneVersion], SecretRow>
  readonly retire: Statement<[SecretKey & { readonly now: number }]>
  readonly makeCurrent: Statement<[OneVersion]>
  readonly destroy: Statement<[OneVersion]>
  readonly destroyNext: Statement<[SecretKey]>
  readonly destroyLapsed: Statement<[Lapsed]>
  readonly list: Statement<[SecretOwner], ShownRow>
  readonly due: Statement<[SecretOwner & { readonly before: number }], ShownRow>
  readonly markExposed: Statement<[AtTime]>
  readonly used: Statement<[OneVersion], number | null>
  readonly markUsed: Statement<[AtTime]>
}

export function storeStatements(database: Database): StoreStatements {
  const prepare = database.prepare.bind(database) as <P, R = unknown>(sql: string) => Statement<[P], R>
  return {
    last: prepare<SecretKey, number | null>(`SELECT max(version) FROM secret WHERE ${CREDENTIAL}`).pluck(),
    insert: prepare(
      `INSERT INTO secret (tenant, user, credential, version, state, created_ms, expires_ms, wrapped_key, ciphertext)
       VALUES (@tenant, @user, @credential, @version, @state, @now, @expires, @wrappedKey, @ciphertext)`,
    ),
    byState: prepare(`SELECT * FROM secret WHERE ${CREDENTIAL} AND state = @state`),
    byVersion: prepare(`SELECT * FROM secret WHERE ${VERSION}`),
    retire: prepare(
      `UPDATE secret SET state = 'previous', replaced_ms = @now WHERE ${CREDENTIAL} AND state = 'current'`,
    ),
    makeCurrent: prepare(`UPDATE secret SET state = 'current' WHERE ${VERSION} AND state = 'next'`),
    destroy: prepare(`${DESTROY} WHERE ${VERSION} AND state <> 'destroyed'`),
    destroyNext: prepare(`${DESTROY} WHERE ${CREDENTIAL} AND state = 'next'`),
    destroyLapsed: prepare(`${DESTROY} WHERE ${CREDENTIAL} AND state = 'previous' AND replaced_ms <= @lapsed`),
    list: prepare(`SELECT ${SHOWN} FROM secret WHERE ${USER} ORDER BY credential, version`),
    due: prepare(
      `SELECT ${SHOWN} FROM secret WHERE ${USER} AND state = 'current'
       AND (created_ms <= @before OR exposed_ms IS NOT NULL) ORDER BY credential`,
    ),
    markExposed: prepare(`UPDATE secret SET exposed_ms = coalesce(exposed_ms, @now) WHERE ${VERSION}`),
    used: prepare<OneVersion, number | null>(`SELECT used_ms FROM secret WHERE ${VERSION}`).pluck(),
    markUsed: prepare(`UPDATE secret SET used_ms = @now WHERE ${VERSION}`),
  }
}
