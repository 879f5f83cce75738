/**
 * Chains of grants over one database: read, verified, made longer. A chain is judged as it is at that moment, whole,
 * from the user down; nothing is remembered between two calls but compiled rules.
 */

import { createSecretKey, hash, timingSafeEqual } from 'node:crypto'

import type Database from 'better-sqlite3'

import { RunAgentError } from '../../errors.ts'
import type { Clock } from '../../ports.ts'
import type { Network } from '../../policy/grant.ts'
import { writeAuthority } from './authority-text.ts'
import {
  isWithin,
  ruleCompiler,
  timeBeyond,
  timeText,
  type Authority,
  type Dimension,
  type RuleCompiler,
} from './authority.ts'
import {
  assertGrantTables,
  CONTENT_COLUMNS,
  contentText,
  ID_LENGTH,
  withGrantStore,
  LEVELS,
  macOf,
  type GrantContent,
  type GrantRow,
  type Level,
  type SealedRow,
} from './grant-row.ts'

export interface GrantOptions {
  /** 32 bytes that the file does not hold. */
  readonly rootKey: Uint8Array
  readonly clock: Pick<Clock, 'now'>
  /** Of the operator's, for rules with `http:`. */
  readonly networks: readonly Network[]
}

/**
 * What refused. `unknown`: this user has no such grant or token; `forged`: a row is not the one that was made; `order`:
 * the levels do not follow one another; `time`: before or after that of a level; `exhausted`: a level has no use left;
 * `wider`: more than the level above allows; `holder`: it is for another agent, tool or credential, or for other bytes
 * of them; `denied`: the authority does not permit the request; `bound`: the token is for another request; `spent`: it
 * was used.
 */
export type GrantRule =
  | 'unknown'
  | 'forged'
  | 'order'
  | 'revoked'
  | 'time'
  | 'exhausted'
  | 'wider'
  | 'holder'
  | 'denied'
  | 'bound'
  | 'spent'

export interface GrantRefusal {
  readonly ok: false
  readonly rule: GrantRule
  readonly why: string
  readonly grant?: string
  readonly level?: Level
  /** Of an authority, with `time`, `wider` and `denied`. */
  readonly dimension?: Dimension
  readonly revoked?: Revocation
}

export interface Revocation {
  /** Milliseconds since the Unix epoch. */
  readonly atMs: number
  readonly by: string
  readonly reason: string
}

export interface GrantLink {
  readonly row: GrantRow
  readonly authority: Authority
}

export interface VerifiedChain {
  readonly ok: true
  /** From the user down. */
  readonly links: readonly GrantLink[]
  /** Of the last link: as each is within the one above it, the intersection of all. */
  readonly effective: Authority
  /** The least that any level has left; Infinity where none counts. */
  readonly usesLeft: number
}

/** The columns that a new link sets itself; it has all others from the one above it. */
export type OwnColumns = Partial<Omit<GrantContent, 'parent' | 'level' | 'depth' | 'authority'>>

export interface GrantLinks {
  readonly compile: RuleCompiler
  readonly clock: Pick<Clock, 'now'>
  /** Root first; empty where this user has no such row. */
  chainOf(user: string, id: string): readonly GrantRow[]
  verify(user: string, id: string, now: number): VerifiedChain | GrantRefusal
  /** Makes a row that is not in the file yet. @throws RunAgentError E_CREDENTIAL for what is no authority. */
  seal(parent: VerifiedChain | undefined, own: OwnColumns, authority: Authority): SealedRow | GrantRefusal
  insert(row: SealedRow): void
  /** Runs in one transaction that holds the file's write lock from its start, or throws E_CREDENTIAL. */
  atomically<T>(act: () => T): T
}

const ROOT_KEY_BYTES = 32

/** Set by a level for all that follow. */
const INHERITED = ['user', 'credential', 'agent', 'agent_digest', 'tool', 'bundle'] as const

const SEALED_COLUMNS = ['id', 'root', 'created_at', 'mac', ...CONTENT_COLUMNS]

/** @throws RunAgentError E_CREDENTIAL where the key is not 32 bytes or the database does not hold GRANT_TABLES. */
export function openGrantLinks(database: Database.Database, options: GrantOptions): GrantLinks {
  if (options.rootKey.length !== ROOT_KEY_BYTES) {
    throw new RunAgentError('E_CREDENTIAL', `the root key of the grants has not ${ROOT_KEY_BYTES} bytes`)
  }
  const key = createSecretKey(options.rootKey)
  const compile = ruleCompiler(options.networks)
  assertGrantTables(database)
  const chainOf = chainReader(database)
  const insert = database.prepare<SealedRow>(
    `INSERT INTO credential_grant (${SEALED_COLUMNS.join(', ')}) VALUES (@${SEALED_COLUMNS.join(', @')})`,
  )
  const transaction = database.transaction((act: () => unknown) => act())

  function verify(user: string, id: string, now: number): VerifiedChain | GrantRefusal {
    const rows = chainOf(user, id)
    const links: GrantLink[] = []
    let usesLeft = Infinity
    for (const row of rows) {
      const parent = links.at(-1)
      const isOurs =
        row.mac instanceof Uint8Array &&
        row.mac.length === ROOT_KEY_BYTES &&
        timingSafeEqual(macOf(key, parent?.row.mac, row, contentText(row)), row.mac)
      if (!isOurs) return refused('forged', row, 'the row is not the one that was made')
      // Of what writeAuthority made; reading it as if anybody had would take longer than the code did.
      const link = { row, authority: JSON.parse(row.authority) as Authority }
      const refusal = linkTrouble(link, parent, rows, now, compile)
      if (refusal !== undefined) return refusal
      links.push(link)
      if (row.max_uses !== null) usesLeft = Math.min(usesLeft, row.max_uses - row.uses)
    }
    const last = links.at(-1)
    if (last === undefined) return { ok: false, rule: 'unknown', why: 'the user has no such grant' }
    return { ok: true, links, effective: last.authority, usesLeft }
  }

  return {
    compile,
    clock: options.clock,
    verify,
    chainOf,
    seal(parent, own, authority) {
      const content = contentOf(parent, own, authority)
      const above = parent?.links.at(-1)
      const within = above === undefined ? undefined : isWithin(authority, above.authority, compile)
      if (within?.ok === false) return { rule: 'wider', level: content.level, ...within }
      const text = contentText(content)
      const id = (content.token_sha256 ?? hash('sha256', text, 'hex')).slice(0, ID_LENGTH)
      const sealed = {
        ...content,
        id,
        root: parent?.links[0]?.row.id ?? id,
        created_at: Math.trunc(options.clock.now()),
      }
      return { ...sealed, mac: macOf(key, above?.row.mac, sealed, text) }
    },
    insert: (row) => void insert.run(row),
    atomically: <T>(act: () => T) => withGrantStore(() => transaction.immediate(act) as T),
  }
}

/** Reads the rows of a chain as they are at one moment, root first. */
function chainReader(database: Database.Database): GrantLinks['chainOf'] {
  const select = database.prepare<[string, string], GrantRow>(
    'SELECT * FROM credential_grant WHERE id = ? AND user = ?',
  )

  /** One row after the other, which is far faster than one recursive query. */
  function rowsUpFrom(user: string, id: string): readonly GrantRow[] {
    const rows: GrantRow[] = []
    let next: string | null = id
    // One more than there can be: such a chain is found to be none.
    while (next !== null && rows.length <= LEVELS.length) {
      const row: GrantRow | undefined = select.get(next, user)
      if (row === undefined) break
      rows.unshift(row)
      next = row.parent
    }
    return rows
  }

  const reading = database.transaction(rowsUpFrom)
  return (user, id) => withGrantStore(() => (database.inTransaction ? rowsUpFrom(user, id) : reading(user, id)))
}

function contentOf(parent: VerifiedChain | undefined, own: OwnColumns, authority: Authority): GrantContent {
  const above = parent?.links.at(-1)?.row
  const depth = parent?.links.length ?? 0
  const level = LEVELS[depth]
  if (level === undefined) throw new Error('nothing is granted below an action')
  const inherited = Object.fromEntries(INHERITED.map((column) => [column, above?.[column] ?? null]))
  const unset = Object.fromEntries(CONTENT_COLUMNS.map((column) => [column, null]))
  return {
    ...(unset as unknown as GrantContent),
    ...inherited,
    ...own,
    parent: above?.id ?? null,
    level,
    depth,
    authority: writeAuthority(authority),
    not_before: authority.notBeforeMs,
    expires_at: authority.expiresAtMs === 'never' ? null : authority.expiresAtMs,
    max_uses: authority.usesMax === 'unlimited' ? null : authority.usesMax,
  }
}

/** What refuses one link, whose row is ours, below those that were found in order. */
function linkTrouble(
  { row, authority }: GrantLink,
  parent: GrantLink | undefined,
  rows: readonly GrantRow[],
  now: number,
  compile: RuleCompiler,
): GrantRefusal | undefined {
  const depth = parent === undefined ? 0 : parent.row.depth + 1
  const isNext = row.depth === depth && row.level === LEVELS[depth] && row.root === rows[0]?.id
  if (!isNext || row.parent !== (parent?.row.id ?? null)) {
    return refused('order', row, 'the levels do not follow one another')
  }
  if (
    parent !== undefined &&
    INHERITED.some((column) => parent.row[column] !== null && row[column] !== parent.row[column])
  ) {
    return refused('order', row, 'it is for somebody else than the level above it')
  }
  if (row.revoked_at !== null) return revokedRefusal(row)
  const time = timeBeyond(authority, now)
  if (time !== undefined) return { ...refused('time', row, time.why), dimension: time.dimension }
  // A count of another type than a number is no less than anything.
  if (row.max_uses !== null && !(typeof row.uses === 'number' && row.uses < row.max_uses)) {
    return refused(row.level === 'action' ? 'spent' : 'exhausted', row, `it was used ${String(row.uses)} times already`)
  }
  const within = parent === undefined ? undefined : isWithin(authority, parent.authority, compile)
  return within?.ok === false ? { ...refused('wider', row, within.why), dimension: within.dimension } : undefined
}

function revokedRefusal(row: GrantRow): GrantRefusal {
  const revoked = { atMs: row.revoked_at ?? 0, by: String(row.revoked_by), reason: String(row.revoked_reason) }
  const why = `it was revoked at ${timeText(revoked.atMs)} by ${revoked.by}: ${revoked.reason}`
  return { ...refused('revoked', row, why), revoked }
}

/** A refusal that names the level in its words. */
export function refused(rule: GrantRule, row: Pick<GrantRow, 'id' | 'level'>, why: string): GrantRefusal {
  return { ok: false, rule, grant: row.id, level: row.level, why: `${row.level}: ${why}` }
}
