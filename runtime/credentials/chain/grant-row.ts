/**
 * The rows of a grant chain as the store's file holds them, and the code (MAC) that links each to the one above it.
 *
 * `mac` is HMAC-SHA256 under the root key over the parent's `mac` and every column that never changes. It is not the
 * parent's `mac` that is the key, as in a macaroon: these lie in the file, and who can write the file would make rows.
 *
 * What it does not cover: `uses` and `revoked_*`, which change. Who can write to the file and takes the triggers away
 * can lower the one and clear the others, or put back an older copy of the whole file; the trail, which records every
 * use and revocation, shows it afterwards. Who has the root key as well can make any row.
 */

import { createHmac, type KeyObject } from 'node:crypto'

import Database from 'better-sqlite3'

import { codeOf, RunAgentError } from '../../errors.ts'

export const LEVELS = ['user', 'agent', 'tool', 'action'] as const

export type Level = (typeof LEVELS)[number]

const TABLE = 'credential_grant'

/** Of a digest in hex, 128 bits: nobody finds two contents, or two tokens, with one id. */
export const ID_LENGTH = 32

/**
 * For an empty place in a store's file. Times are milliseconds since the Unix epoch, digests SHA-256 in hex; NULL in
 * `expires_at` is never, in `max_uses` any number. An action is found by its token alone: its id is the first half of
 * the token's digest. The triggers are for mistakes of ours, not for who can drop them.
 */
export const GRANT_TABLES = `
  CREATE TABLE ${TABLE} (
    id TEXT PRIMARY KEY,
    parent TEXT REFERENCES ${TABLE} (id),
    root TEXT NOT NULL,
    level TEXT NOT NULL,
    depth INTEGER NOT NULL,
    user TEXT NOT NULL,
    credential TEXT NOT NULL,
    agent TEXT,
    agent_digest TEXT,
    tool TEXT,
    bundle TEXT,
    run TEXT,
    call TEXT,
    ordinal INTEGER,
    method TEXT,
    url TEXT,
    body_sha256 TEXT,
    args_sha256 TEXT,
    idempotency_key TEXT,
    token_sha256 TEXT,
    authority TEXT NOT NULL,
    not_before INTEGER NOT NULL,
    expires_at INTEGER,
    max_uses INTEGER,
    created_at INTEGER NOT NULL,
    uses INTEGER NOT NULL DEFAULT 0,
    revoked_at INTEGER,
    revoked_by TEXT,
    revoked_reason TEXT,
    mac BLOB NOT NULL,
    CHECK (level = CASE depth WHEN 0 THEN 'user' WHEN 1 THEN 'agent' WHEN 2 THEN 'tool' WHEN 3 THEN 'action' END),
    CHECK ((depth = 0) = (parent IS NULL)),
    CHECK ((depth >= 1) = (agent IS NOT NULL) AND (depth >= 1) = (agent_digest IS NOT NULL)),
    CHECK ((depth >= 2) = (tool IS NOT NULL) AND (depth >= 2) = (bundle IS NOT NULL)),
    CHECK ((depth = 3) = (token_sha256 IS NOT NULL) AND (depth < 3 OR id = substr(token_sha256, 1, ${ID_LENGTH})))
  ) STRICT;
  CREATE INDEX ${TABLE}_parent ON ${TABLE} (parent);
  CREATE INDEX ${TABLE}_user ON ${TABLE} (user) WHERE level <> 'action';
  CREATE TRIGGER ${TABLE}_insert BEFORE INSERT ON ${TABLE}
    WHEN NEW.uses <> 0 OR NEW.revoked_at IS NOT NULL OR EXISTS (SELECT 1 FROM ${TABLE} WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, 'a grant begins unused, and once'); END;
  CREATE TRIGGER ${TABLE}_fixed BEFORE UPDATE OF
    id, parent, root, level, depth, user, credential, agent, agent_digest, tool, bundle, run, call, ordinal, method, url,
    body_sha256, args_sha256, idempotency_key, token_sha256, authority, not_before, expires_at, max_uses, created_at, mac
    ON ${TABLE} BEGIN SELECT RAISE(ABORT, 'what a grant says is fixed'); END;
  CREATE TRIGGER ${TABLE}_uses BEFORE UPDATE OF uses ON ${TABLE} WHEN NEW.uses <= OLD.uses
    BEGIN SELECT RAISE(ABORT, 'uses are only counted up'); END;
  CREATE TRIGGER ${TABLE}_revoked BEFORE UPDATE OF revoked_at, revoked_by, revoked_reason ON ${TABLE}
    WHEN OLD.revoked_at IS NOT NULL OR NEW.revoked_at IS NULL
    BEGIN SELECT RAISE(ABORT, 'a grant is revoked once, and for good'); END;
  CREATE TRIGGER ${TABLE}_delete BEFORE DELETE ON ${TABLE} WHEN OLD.level <> 'action'
    BEGIN SELECT RAISE(ABORT, 'a grant is revoked, not deleted'); END;
`

/** What of a row never changes and says what it is; the same content is the same row. */
export interface GrantContent {
  readonly parent: string | null
  readonly level: Level
  readonly depth: number
  readonly user: string
  readonly credential: string
  readonly agent: string | null
  readonly agent_digest: string | null
  readonly tool: string | null
  readonly bundle: string | null
  readonly run: string | null
  readonly call: string | null
  readonly ordinal: number | null
  readonly method: string | null
  readonly url: string | null
  readonly body_sha256: string | null
  readonly args_sha256: string | null
  readonly idempotency_key: string | null
  readonly token_sha256: string | null
  readonly authority: string
  readonly not_before: number
  readonly expires_at: number | null
  readonly max_uses: number | null
}

export interface SealedRow extends GrantContent {
  readonly id: string
  readonly root: string
  readonly created_at: number
  readonly mac: Uint8Array
}

export interface GrantRow extends SealedRow {
  readonly uses: number
  readonly revoked_at: number | null
  readonly revoked_by: string | null
  readonly revoked_reason: string | null
}

/** In the order in which they are hashed; a column that is added goes to the end, with another LABEL. */
export const CONTENT_COLUMNS = [
  'parent',
  'level',
  'depth',
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
  'token_sha256',
  'authority',
  'not_before',
  'expires_at',
  'max_uses',
] as const satisfies readonly (keyof GrantContent)[]

const LABEL = 'run-agent grant 1'

/** Each value with its type and length, so that no two rows are one text. Takes well-formed texts and whole numbers. */
export function contentText(content: GrantContent): string {
  let text = ''
  for (const column of CONTENT_COLUMNS) text += valueText(content[column])
  return text
}

export function macOf(
  key: KeyObject,
  parentMac: Uint8Array | undefined,
  row: Pick<SealedRow, 'id' | 'root' | 'created_at'>,
  content: string,
): Buffer {
  const above = parentMac === undefined ? '' : Buffer.from(parentMac).toString('hex')
  const start = [LABEL, above, row.id, row.root, row.created_at].map(valueText).join('')
  return createHmac('sha256', key).update(start).update(content).digest()
}

/** A column may hold a value of another type than its own, in a file that somebody changed: that has a text too. */
function valueText(value: string | number | null): string {
  if (value === null) return 'n'
  if (typeof value === 'string') return `t${value.length}:${value}`
  return typeof value === 'number' ? `i${value};` : 'x'
}

/** @throws RunAgentError E_CREDENTIAL where the file's tables of grants are not exactly those of GRANT_TABLES. */
export function assertGrantTables(database: Database.Database): void {
  expected ??= expectedTables()
  if (tablesOf(database) === expected) return
  throw new RunAgentError('E_CREDENTIAL', 'the grants in the credential store are not kept as they must be', {
    hint: 'Somebody changed the file, or another version of run-agent made it: restore it from a copy.',
  })
}

let expected: string | undefined

function expectedTables(): string {
  const database = new Database(':memory:')
  try {
    database.exec(GRANT_TABLES)
    return tablesOf(database)
  } finally {
    database.close()
  }
}

function tablesOf(database: Database.Database): string {
  const found = `SELECT type, name, sql FROM sqlite_schema WHERE tbl_name = '${TABLE}' ORDER BY type, name`
  return JSON.stringify(database.prepare(found).all())
}

/** Passes on what `act` returns and throws; a failure of SQLite as E_CREDENTIAL, in words that quote nothing. */
export function withGrantStore<T>(act: () => T): T {
  try {
    return act()
  } catch (error) {
    const code = codeOf(error)
    throw code?.startsWith('SQLITE_') === true ? storeError(code) : error
  }
}

function storeError(code: string): RunAgentError {
  if (code.startsWith('SQLITE_BUSY')) {
    return new RunAgentError('E_CREDENTIAL', 'the credential store is locked by another process', {
      hint: 'See which process holds it open.',
    })
  }
  if (code === 'SQLITE_FULL') {
    return new RunAgentError('E_CREDENTIAL', 'the credential store cannot grow: the disk is full', {
      hint: 'Free some space.',
    })
  }
  return new RunAgentError('E_CREDENTIAL', `the grants in the credential store cannot be used (${code})`, {
    hint: 'Check the file, or restore it from a copy.',
  })
}
