/**
 * What an operator has taken back, by its words and not by its rows: an edited tool or definition, or another rule in
 * the configuration, makes new grants, and a revocation holds for those as well.
 */
import type Database from 'better-sqlite3'
import { RunAgentError } from '../../errors.ts'
import type { Revocation } from './grant-links.ts'

export const REVOCATION_TABLES = `
  CREATE TABLE revocation (
    user TEXT NOT NULL,
    credential TEXT,
    agent TEXT,
    tool TEXT,
    at_ms INTEGER NOT NULL,
    by TEXT NOT NULL,
    reason TEXT NOT NULL
  ) STRICT;
`

/** `agent` as agentText makes it. What is left out stands for all. */
export interface RevokedSelection {
  readonly credential?: string
  readonly agent?: string
  readonly tool?: string
}

export interface RevocableUse {
  readonly credential: string
  /** The agent by all that it is known by: an operator may have named it by another than the grant does. */
  readonly agents: readonly string[]
  readonly tool: string
}

export interface Revocations {
  add(user: string, selection: RevokedSelection, revocation: Revocation): void
  /** The last one that covers the use, unless the use was granted after it. */
  find(user: string, use: RevocableUse, grantedAtMs: number): Revocation | undefined
}

export function openRevocations(database: Database.Database): Revocations {
  const insert = database.prepare(
    'INSERT INTO revocation VALUES (@user, @credential, @agent, @tool, @atMs, @by, @reason)',
  )
  const find = database.prepare<Record<string, string | number>, Revocation>(
    `SELECT at_ms AS atMs, by, reason FROM revocation
     WHERE user = @user AND (credential IS NULL OR credential = @credential) AND (agent IS NULL OR agent IN (SELECT value FROM json_each(@agents)))
       AND (tool IS NULL OR tool = @tool) AND at_ms >= @grantedAtMs
     ORDER BY at_ms DESC LIMIT 1`,
  )
  return {
    add(user, selection, revocation) {
      const all = { credential: null, agent: null, tool: null }
      insert.run({ user, ...all, ...selection, ...revocation, atMs: Math.trunc(revocation.atMs) })
    },
    find: (user, { credential, agents, tool }, grantedAtMs) =>
      find.get({ user, credential, agents: JSON.stringify(agents), tool, grantedAtMs }),
  }
}

/** In the operator's words; the hint says how it is given again. */
export function revokedError(what: string, { atMs, by, reason }: Revocation): RunAgentError {
  const when = new Date(atMs).toISOString()
  // A whole second, after it.
  const again = new Date(Math.floor(atMs / 1000) * 1000 + 1000).toISOString().replace('.000', '')
  return new RunAgentError('E_CREDENTIAL', `${what}: it was revoked at ${when} by ${by}: ${reason}`, {
    hint: `To give it again, write since: ${again} for it in the configuration.`,
  })
}
