/** A store of grants in a real file, with one chain in it, for tests. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { openActionTokens, type ActionTokens, type TokenAction } from '../../runtime/credentials/chain/action-token.ts'
import type { Authority } from '../../runtime/credentials/chain/authority.ts'
import { openGrants, type Ensured, type Grants, type NewGrant } from '../../runtime/credentials/chain/grant-chain.ts'
import { GRANT_TABLES } from '../../runtime/credentials/chain/grant-row.ts'
import { actionOf, BASE } from './authority-oracle.ts'

export const ROOT_KEY: Uint8Array = new Uint8Array(32).fill(7)

/** The time of a test, unless it says another one. */
export const NOW = 1_000_000

export const WIDE: Authority = {
  ...BASE,
  requestBytesMax: 1000,
  notBeforeMs: 0,
  expiresAtMs: 'never',
  usesMax: 'unlimited',
  childDepth: 3,
}

export interface GrantStore extends Disposable {
  readonly path: string
  readonly database: Database.Database
  readonly grants: Grants
  readonly tokens: ActionTokens
  /** Of grants that are made and revoked. */
  readonly clock: { at: number }
}

/** No test pulls the plug, so none waits for the disk unless it measures. */
export function openFile(path: string, synchronous: 'FULL' | 'OFF' = 'OFF'): Database.Database {
  const database = new Database(path, { timeout: 60_000 })
  database.pragma('journal_mode = WAL')
  database.pragma(`synchronous = ${synchronous}`)
  database.pragma('foreign_keys = ON')
  return database
}

/** What opens a store: ours, or one with a guard taken out. */
export interface GrantModules {
  readonly openGrants: typeof openGrants
  readonly openActionTokens: typeof openActionTokens
}

export function makeStore(
  modules: GrantModules = { openGrants, openActionTokens },
  synchronous: 'FULL' | 'OFF' = 'OFF',
): GrantStore {
  const folder = mkdtempSync(join(tmpdir(), 'run-agent-grants-'))
  const path = join(folder, 'store.db')
  const database = openFile(path, synchronous)
  database.exec(GRANT_TABLES)
  const clock = { at: NOW }
  const options = { rootKey: ROOT_KEY, clock: { now: () => clock.at }, networks: [] }
  return {
    path,
    database,
    clock,
    grants: modules.openGrants(database, options),
    tokens: modules.openActionTokens(database, options),
    [Symbol.dispose]: () => {
      database.close()
      rmSync(folder, { recursive: true })
    },
  }
}

export function idOf(ensured: Ensured): string {
  if (!ensured.ok) throw new Error(ensured.why)
  return ensured.id
}

export interface Chain {
  readonly user: string
  readonly agent: string
  readonly tool: string
}

type Changes = {
  readonly [Level in NewGrant['level']]?: Partial<Omit<NewGrant & { level: Level }, 'level' | 'parent'>>
}

export const AGENT = { from: '/srv/agents/reviewer.yaml' }

/** Ids of the three levels, each with as much as it can have, but for the changes. */
export function makeChain(grants: Grants, user = 'alice', changes: Changes = {}): Chain {
  const top = idOf(grants.ensure({ level: 'user', user, credential: 'github', authority: WIDE, ...changes.user }))
  const below = (parent: string): { readonly user: string; readonly parent: string } => ({ user, parent })
  const agent = idOf(
    grants.ensure({
      level: 'agent',
      ...below(top),
      agent: AGENT,
      agentDigest: 'sha256-a1',
      authority: { ...WIDE, childDepth: 2 },
      ...changes.agent,
    }),
  )
  const tool = idOf(
    grants.ensure({
      level: 'tool',
      ...below(agent),
      tool: 'post_comment',
      bundle: 'sha256-b1',
      authority: { ...WIDE, childDepth: 1 },
      ...changes.tool,
    }),
  )
  return { user: top, agent, tool }
}

export function tokenAction(change: Partial<TokenAction> = {}): TokenAction {
  return {
    ...actionOf({ body: Buffer.from('{"body":"hello"}'), contentType: 'application/json', responseBytesMax: 100 }),
    user: 'alice',
    credential: 'github',
    agent: AGENT,
    agentDigest: 'sha256-a1',
    tool: 'post_comment',
    bundle: 'sha256-b1',
    run: '01JRUN',
    call: 'call_1',
    ordinal: 0,
    argumentsSha256: 'c0ffee',
    idempotencyKey: 'key-1',
    ...change,
  }
}

/** A user, an agent, a tool and an action, and the id of the last. */
export function deepChain(store: GrantStore): readonly string[] {
  const chain = makeChain(store.grants)
  const minted = store.tokens.mint(chain.tool, tokenAction(), NOW)
  if (!minted.ok) throw new Error(minted.why)
  return [chain.user, chain.agent, chain.tool, minted.grant]
}

/** Changes rows as somebody would who can write to the file and knows SQLite: the triggers stand aside. */
export function tamper(database: Database.Database, statement: string, ...values: readonly unknown[]): void {
  const triggers = database.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").all() as {
    readonly name: string
    readonly sql: string
  }[]
  database.pragma('foreign_keys = OFF')
  database.pragma('ignore_check_constraints = ON')
  for (const { name } of triggers) database.exec(`DROP TRIGGER ${name}`)
  // A statement that finds nothing to change would prove nothing.
  if (database.prepare(statement).run(...values).changes === 0) throw new Error(`no change: ${statement}`)
  for (const { sql } of triggers) database.exec(sql)
  database.pragma('ignore_check_constraints = OFF')
  database.pragma('foreign_keys = ON')
}
