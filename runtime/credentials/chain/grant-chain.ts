/**
 * Who may use a credential for what: the chain user, agent, tool, each level within the one above it; the fourth,
 * the action, is in action-token.ts. Every function takes the user and sees nothing of another one.
 */

import { isAbsolute, normalize } from 'node:path/posix'

import type Database from 'better-sqlite3'

import { RunAgentError } from '../../errors.ts'
import { GRANT_NAME_LENGTH_MAX } from '../../limits.ts'
import { readAuthority } from './authority-text.ts'
import type { Authority } from './authority.ts'
import {
  openGrantLinks,
  refused,
  type GrantLinks,
  type GrantOptions,
  type GrantRefusal,
  type OwnColumns,
  type Revocation,
  type VerifiedChain,
} from './grant-links.ts'
import { LEVELS, withGrantStore, type GrantRow, type Level } from './grant-row.ts'

/** Which agent, as the operator's configuration says it: this file, or these bytes. */
export type AgentIdentity = { readonly from: string } | { readonly lock: string }

export type NewGrant =
  | {
      readonly level: 'user'
      readonly user: string
      readonly credential: string
      readonly authority: Authority
    }
  | {
      readonly level: 'agent'
      readonly user: string
      /** The id of the level above. */
      readonly parent: string
      readonly agent: AgentIdentity
      /** Of the definition as it was loaded. */
      readonly agentDigest: string
      readonly authority: Authority
    }
  | {
      readonly level: 'tool'
      readonly user: string
      readonly parent: string
      readonly tool: string
      /** Digest of the tool's bundle. */
      readonly bundle: string
      readonly authority: Authority
    }

export type Ensured = { readonly ok: true; readonly id: string } | GrantRefusal

/** `agent` is the text that agentText makes. All that are given must fit; none: all of the user's. */
export type GrantSelection =
  | { readonly id: string }
  | { readonly credential?: string; readonly agent?: string; readonly tool?: string }

/** One grant of a list; its code is not verified. */
export interface ListedGrant {
  readonly id: string
  readonly parent: string | undefined
  readonly level: Level
  readonly credential: string
  readonly agent: string | undefined
  readonly tool: string | undefined
  readonly agentDigest: string | undefined
  readonly bundle: string | undefined
  /** Undefined where the file holds none that can be read. */
  readonly authority: Authority | undefined
  readonly createdAtMs: number
  readonly uses: number
  readonly revoked: Revocation | undefined
  /** Against the grant made last before it for the same credential, agent and tool. */
  readonly changed: readonly GrantChange[]
}

export interface GrantChange {
  readonly what: 'agentDigest' | 'bundle' | 'authority'
  readonly before: string
  readonly after: string
}

export interface Grants {
  /**
   * The id of the grant with exactly this content, which is made where there is none. One that was revoked stays so and
   * is refused; so is one that is expired, used up, or not within the level above.
   * @throws RunAgentError E_CREDENTIAL for names and authorities that cannot be granted.
   */
  ensure(grant: NewGrant): Ensured
  /** The rows from the user down, as they are stored; empty where the user has no such grant. */
  chainOf(user: string, id: string): readonly GrantRow[]
  /** The whole chain as it is at `now`; default: the clock's. */
  verify(user: string, id: string, now?: number): VerifiedChain | GrantRefusal
  /** Ends what is selected and everything below it, at once and for good. Returns how many were ended. */
  revoke(user: string, selection: GrantSelection, by: string, reason: string): number
  /** Users, agents and tools of chains in the order in which they were made; no actions. */
  list(user: string): readonly ListedGrant[]
}

const REVOKE = `
  UPDATE credential_grant SET revoked_at = @now, revoked_by = @by, revoked_reason = @reason
  WHERE revoked_at IS NULL AND user = @user AND id IN (
    WITH RECURSIVE below (id) AS (
      SELECT id FROM credential_grant
      WHERE user = @user AND level <> 'action'
        AND (@id IS NULL OR id = @id) AND (@credential IS NULL OR credential = @credential)
        AND (@agent IS NULL OR agent = @agent) AND (@tool IS NULL OR tool = @tool)
      UNION
      SELECT id FROM credential_grant WHERE user = @user AND id = @id
      UNION
      SELECT child.id FROM credential_grant AS child JOIN below ON child.parent = below.id
    )
    SELECT id FROM below
  )`

const LIST = `SELECT * FROM credential_grant WHERE user = ? AND level <> 'action' ORDER BY rowid`

/** @throws RunAgentError E_CREDENTIAL where the key is not 32 bytes or the database does not hold GRANT_TABLES. */
export function openGrants(database: Database.Database, options: GrantOptions): Grants {
  const links = openGrantLinks(database, options)
  const revoke = database.prepare<Record<string, string | number | null>>(REVOKE)
  const list = database.prepare<[string], GrantRow>(LIST)
  return {
    ensure: (grant) => links.atomically(() => ensure(links, grant)),
    chainOf: links.chainOf,
    verify: (user, id, now = options.clock.now()) => links.verify(user, id, now),
    revoke(user, selection, by, reason) {
      for (const [what, name] of Object.entries({ user, by, reason, ...selection })) assertName(what, name)
      const selected = { id: null, credential: null, agent: null, tool: null, ...selection }
      return links.atomically(
        () => revoke.run({ ...selected, user, by, reason, now: Math.trunc(options.clock.now()) }).changes,
      )
    },
    list: (user) => listed(withGrantStore(() => list.all(user))),
  }
}

/** An agent's identity as it is kept and selected. */
/** By both: `file`, where it can be resolved, and the digest of its lock. */
export function agentTexts(file: string | undefined, digest: string): readonly string[] {
  return [agentText({ lock: digest }), ...(file === undefined ? [] : [agentText({ from: file })])]
}

export function agentText(agent: AgentIdentity): string {
  return 'from' in agent ? `from:${agent.from}` : `lock:${agent.lock}`
}

function ensure(links: GrantLinks, grant: NewGrant): Ensured {
  const now = links.clock.now()
  assertRules(links, grant.authority)
  const parent = grant.level === 'user' ? undefined : links.verify(grant.user, grant.parent, now)
  if (parent?.ok === false) return parent
  const above = parent?.links.at(-1)?.row
  if (above !== undefined && LEVELS[above.depth + 1] !== grant.level) {
    return refused('order', above, `below it stands no ${grant.level}`)
  }
  const row = links.seal(parent, columnsOf(grant), grant.authority)
  if ('ok' in row) return row
  if (links.chainOf(grant.user, row.id).length === 0) links.insert(row)
  const chain = links.verify(grant.user, row.id, now)
  return chain.ok ? { ok: true, id: row.id } : chain
}

function columnsOf(grant: NewGrant): OwnColumns {
  const { level, user } = grant
  let own: OwnColumns
  switch (level) {
    case 'user':
      own = { user, credential: grant.credential }
      break
    case 'agent':
      assertAgent(grant.agent)
      own = { user, agent: agentText(grant.agent), agent_digest: grant.agentDigest }
      break
    case 'tool':
      own = { user, tool: grant.tool, bundle: grant.bundle }
      break
  }
  for (const [what, name] of Object.entries(own)) assertName(what, name)
  return own
}

function assertAgent(agent: AgentIdentity): void {
  if ('lock' in agent ? /^sha256-./.test(agent.lock) : isAbsolute(agent.from) && normalize(agent.from) === agent.from)
    return
  throw new RunAgentError('E_CREDENTIAL', `${agentText(agent)} names no agent`, {
    hint: 'Name the absolute path of its definition, or the digest that `run-agent lock` prints.',
  })
}

/** @throws RunAgentError E_CREDENTIAL: such a text could be taken for another one, or never be shown. */
export function assertName(what: string, name: unknown): void {
  if (typeof name === 'number' && Number.isSafeInteger(name)) return
  if (typeof name === 'string' && name !== '' && name.length <= GRANT_NAME_LENGTH_MAX && name.isWellFormed()) return
  throw new RunAgentError('E_CREDENTIAL', `the ${what} of a grant is empty, too long or no text`, {
    hint: `It has 1 to ${GRANT_NAME_LENGTH_MAX} characters of well-formed Unicode.`,
  })
}

/** A rule that cannot be read covers nothing, which nobody means. */
function assertRules(links: GrantLinks, { rules }: Authority): void {
  for (const rule of rules) {
    const compiled = links.compile(rule)
    if (compiled.ok) continue
    const { message, hint } = compiled.mistake
    const options = hint === undefined ? {} : { hint }
    throw new RunAgentError('E_CREDENTIAL', `the rule ${rule} cannot be granted: ${message}`, options)
  }
}

function listed(rows: readonly GrantRow[]): readonly ListedGrant[] {
  const latest = new Map<string, GrantRow>()
  return rows.map((row) => {
    const place = JSON.stringify([row.credential, row.agent, row.tool])
    const before = latest.get(place)
    latest.set(place, row)
    const { revoked_at: atMs, revoked_by: by, revoked_reason: reason } = row
    return {
      id: row.id,
      parent: row.parent ?? undefined,
      level: row.level,
      credential: row.credential,
      agent: row.agent ?? undefined,
      tool: row.tool ?? undefined,
      agentDigest: row.agent_digest ?? undefined,
      bundle: row.bundle ?? undefined,
      authority: readAuthority(row.authority),
      createdAtMs: row.created_at,
      uses: row.uses,
      revoked: atMs === null ? undefined : { atMs, by: String(by), reason: String(reason) },
      changed: before === undefined ? [] : changesBetween(before, row),
    }
  })
}

function changesBetween(before: GrantRow, after: GrantRow): readonly GrantChange[] {
  const columns = [
    ['agentDigest', 'agent_digest'],
    ['bundle', 'bundle'],
    ['authority', 'authority'],
  ] as const
  return columns.flatMap(([what, column]) =>
    before[column] === after[column] ? [] : [{ what, before: String(before[column]), after: String(after[column]) }],
  )
}
