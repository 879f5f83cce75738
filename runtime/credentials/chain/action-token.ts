/**
 * The token for one request: the only thing that makes the broker dress it. 256 random bits that the host alone holds,
 * for seconds; the store keeps their SHA-256. It is bound to the request it was made for and is consumed, by one
 * statement, before that is sent: what is lost after that needs another token.
 */

import { hash, randomBytes } from 'node:crypto'

import type Database from 'better-sqlite3'

import { ACTION_TOKEN_MS } from '../../limits.ts'
import { mediaType, permits, type Action, type Authority } from './authority.ts'
import { agentText, assertName, type AgentIdentity } from './grant-chain.ts'
import {
  openGrantLinks,
  refused,
  type GrantLink,
  type GrantLinks,
  type GrantOptions,
  type GrantRefusal,
  type VerifiedChain,
} from './grant-links.ts'
import { ID_LENGTH, withGrantStore, type GrantContent, type SealedRow } from './grant-row.ts'

/** One request, by whom, with what. All of it is bound. */
export interface TokenAction extends Action {
  readonly user: string
  readonly credential: string
  readonly agent: AgentIdentity
  /** Of the definition and the bundle as they are loaded now: edited ones have no grant. */
  readonly agentDigest: string
  readonly tool: string
  readonly bundle: string
  readonly run: string
  readonly call: string
  /** Of the request within its call. */
  readonly ordinal: number
  /** SHA-256 of the arguments of the call, hex. */
  readonly argumentsSha256: string
  readonly idempotencyKey: string
}

export type Minted = { readonly ok: true; readonly token: string; readonly grant: string } | GrantRefusal

export interface Spent {
  readonly ok: true
  /** The ids of the chain, from the user down to the action. */
  readonly chain: readonly string[]
  /** What the action may do: its bounds are what the broker holds it to. */
  readonly authority: Authority
}

export interface ActionTokens {
  /** Verifies the chain of the tool's grant and makes a token for one action. */
  mint(toolGrant: string, action: TokenAction, now: number): Minted
  /** Verifies the chain as it is now and uses the token up, and one use of each level that counts, or does neither. */
  consume(token: string, action: TokenAction, now: number): Spent | GrantRefusal
  /** Both, with one durable write: for a request that is sent at once. */
  authorise(toolGrant: string, action: TokenAction, now: number): Spent | GrantRefusal
  /** Forgets the user's actions that had expired by then, for whose tokens it makes no difference. Returns how many. */
  prune(user: string, beforeMs: number): number
}

const TOKEN_BYTES = 32

/** What binds a token: a column, and what it must hold. */
const BOUND = [
  'user',
  'credential',
  'agent',
  'agent_digest',
  'tool',
  'bundle',
  'run',
  'call',
  'ordinal',
  'method',
  'url',
  'body_sha256',
  'args_sha256',
  'idempotency_key',
] as const satisfies readonly (keyof GrantContent)[]

type Bound = { readonly [Column in (typeof BOUND)[number]]: NonNullable<GrantContent[Column]> }

const CONSUME = `
  UPDATE credential_grant SET uses = uses + 1
  WHERE id = @id AND token_sha256 = @token AND level = 'action' AND uses < max_uses AND revoked_at IS NULL
    AND not_before <= @now AND expires_at > @now
    AND ${BOUND.map((column) => `${column} = @${column}`).join(' AND ')}
  RETURNING id`

/** A refusal after something was written: takes the transaction back. */
class TakenBack extends Error {
  readonly refusal: GrantRefusal

  constructor(refusal: GrantRefusal) {
    super(refusal.why)
    this.refusal = refusal
  }
}

/**
 * The database writes ahead and syncs each commit, or uses could be uncounted by a loss of power.
 * @throws RunAgentError E_CREDENTIAL where the key is not 32 bytes or the database does not hold GRANT_TABLES.
 */
export function openActionTokens(database: Database.Database, options: GrantOptions): ActionTokens {
  const links = openGrantLinks(database, options)
  const use = database.prepare<Bound & { id: string; token: string; now: number }, string>(CONSUME).pluck()
  const count = database.prepare<[string]>(
    'UPDATE credential_grant SET uses = uses + 1 WHERE id = ? AND uses < max_uses AND revoked_at IS NULL',
  )
  const prune = database.prepare<[string, number]>(
    `DELETE FROM credential_grant WHERE user = ? AND level = 'action' AND expires_at < ?`,
  )

  /** In a transaction, with the chain above the action verified in it. */
  function spend({ row, above, authority, bound, token }: Use, now: number): Spent {
    const used = use.get({ ...bound, id: row.id, token: hashOf(token), now })
    if (used !== row.id) throw new TakenBack(boundRefusal(row, bound))
    for (const link of above) {
      if (link.row.max_uses === null || count.run(link.row.id).changes === 1) continue
      throw new TakenBack(refused('exhausted', link.row, 'it has no use left'))
    }
    return { ok: true, chain: [...above.map((link) => link.row.id), row.id], authority }
  }

  function atomically<T>(act: () => T): T | GrantRefusal {
    try {
      return links.atomically(act)
    } catch (error) {
      if (error instanceof TakenBack) return error.refusal
      throw error
    }
  }

  return {
    mint: (toolGrant, action, now) =>
      atomically(() => {
        const made = makeAction(links, toolGrant, action, now)
        if (!made.ok) return made
        return { ok: true, token: made.token, grant: made.row.id }
      }),
    consume: (token, action, now) =>
      atomically(() => {
        const chain = links.verify(action.user, hashOf(token).slice(0, ID_LENGTH), now)
        if (!chain.ok) return chain
        const last = chain.links.at(-1)
        if (last?.row.token_sha256 !== hashOf(token)) return noToken()
        const denied = deniedBy(links, chain, action, now)
        if (denied !== undefined) return denied
        return spend({ ...last, above: chain.links.slice(0, -1), bound: boundOf(action), token }, now)
      }),
    authorise: (toolGrant, action, now) =>
      atomically(() => {
        const made = makeAction(links, toolGrant, action, now)
        if (!made.ok) return made
        return spend(made, now)
      }),
    prune: (user, beforeMs) => withGrantStore(() => prune.run(user, beforeMs).changes),
  }
}

/** A token that is used for an action, and the row that was made for one. */
interface Use {
  readonly token: string
  readonly bound: Bound
  readonly row: SealedRow
  readonly authority: Authority
  /** The levels above the action. */
  readonly above: readonly GrantLink[]
}

interface MadeAction extends Use {
  readonly ok: true
}

function makeAction(links: GrantLinks, toolGrant: string, action: TokenAction, now: number): MadeAction | GrantRefusal {
  const chain = links.verify(action.user, toolGrant, now)
  if (!chain.ok) return chain
  const tool = chain.links.at(-1)?.row
  if (tool?.level !== 'tool') return { ok: false, rule: 'order', why: 'a token is for a tool alone', grant: toolGrant }
  const bound = boundOf(action)
  for (const [what, name] of Object.entries(bound)) if (what !== 'url') assertName(what, name)
  const other = BOUND.slice(0, BOUND.indexOf('run')).find((column) => tool[column] !== bound[column])
  if (other !== undefined) return refused('holder', tool, `it is for another ${other.replaceAll('_', ' ')}`)
  const denied = deniedBy(links, chain, action, now)
  if (denied !== undefined) return denied
  const authority = authorityOf(links, chain, action, now)
  const token = randomBytes(TOKEN_BYTES).toString('base64url')
  const row = links.seal(chain, { ...bound, token_sha256: hashOf(token) }, authority)
  if ('ok' in row) return row
  links.insert(row)
  return { ok: true, token, row, authority, bound, above: chain.links }
}

/** Every level is asked, though the last one permits no more than those above it. */
function deniedBy(links: GrantLinks, chain: VerifiedChain, action: Action, now: number): GrantRefusal | undefined {
  for (const { row, authority } of chain.links) {
    const asked = permits(authority, action, now, links.compile)
    if (!asked.ok) return { ...refused('denied', row, asked.why), dimension: asked.dimension }
  }
  return undefined
}

/** No more than this action takes; the URL itself is bound by its column. */
function authorityOf(links: GrantLinks, chain: VerifiedChain, action: Action, now: number): Authority {
  const { effective } = chain
  const permitted = permits(effective, action, now, links.compile)
  const type = action.body === undefined || action.body.length === 0 ? undefined : mediaType(action.contentType)
  const end = effective.expiresAtMs === 'never' ? Infinity : effective.expiresAtMs
  return {
    rules: permitted.ok ? [permitted.rule] : [],
    contentTypes: type === undefined ? [] : [type],
    requestBytesMax: action.body?.length ?? 0,
    responseBytesMax: action.responseBytesMax,
    notBeforeMs: now,
    expiresAtMs: Math.min(now + ACTION_TOKEN_MS, end),
    usesMax: 1,
    scopes: action.scopes,
    permissions: action.permissions,
    repositories: action.repositories,
    childDepth: 0,
  }
}

function boundOf(action: TokenAction): Bound {
  return {
    user: action.user,
    credential: action.credential,
    agent: agentText(action.agent),
    agent_digest: action.agentDigest,
    tool: action.tool,
    bundle: action.bundle,
    run: action.run,
    call: action.call,
    ordinal: action.ordinal,
    method: action.method,
    url: action.url.href,
    body_sha256: hashOf(action.body ?? ''),
    args_sha256: action.argumentsSha256,
    idempotency_key: action.idempotencyKey,
  }
}

/** Why the statement found nothing, of a row whose chain was verified in the same transaction. */
function boundRefusal(row: SealedRow, bound: Bound): GrantRefusal {
  const other = BOUND.find((column) => row[column] !== bound[column])
  if (other === undefined) return refused('spent', row, 'the token was used already')
  return refused('bound', row, `the token is for another ${other.replaceAll('_', ' ')}`)
}

function noToken(): GrantRefusal {
  return { ok: false, rule: 'unknown', why: 'the user has no such token' }
}

function hashOf(data: string | Uint8Array): string {
  return hash('sha256', data, 'hex')
}
