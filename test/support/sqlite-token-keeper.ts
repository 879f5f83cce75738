/** A small keeper of tokens over SQLite, for the tests of what uses one. */
import { setTimeout as sleep } from 'node:timers/promises'
import Database from 'better-sqlite3'
import type { KeptTokens, TokenKeeper, TokenSet } from '../../runtime/credentials/sources/token-keeper.ts'

/** `sound`, or with one part missing: nobody waits for the lease, or what was read first is read again. */
export type KeeperKind = 'sound' | 'no-lease' | 'stale-read'

export type TestKeeper = TokenKeeper & { close(): void; put(set: TokenSet): void }

const LEASE_MS = 60_000

/** `racers`: with `no-lease`, nobody writes before so many have read what they are about to replace. */
export function sqliteTokenKeeper(path: string, kind: KeeperKind = 'sound', racers = 1): TestKeeper {
  const database = new Database(path, { timeout: 20_000 })
  database.exec(`
    PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS tokens (user TEXT, credential TEXT, version INTEGER, record TEXT, PRIMARY KEY (user, credential));
    CREATE TABLE IF NOT EXISTS leases (user TEXT, credential TEXT, fence INTEGER, until INTEGER, PRIMARY KEY (user, credential));
    CREATE TABLE IF NOT EXISTS arrivals (process INTEGER PRIMARY KEY);
  `)
  let mayWork = false
  const remembered = new Map<string, KeptTokens | undefined>()

  const read = (user: string, credential: string): KeptTokens | undefined => {
    const row = database
      .prepare<string[], { version: number; record: string }>(
        'SELECT version, record FROM tokens WHERE user = ? AND credential = ?',
      )
      .get(user, credential)
    if (row === undefined) return undefined
    const record: Omit<KeptTokens, 'version'> = JSON.parse(row.record)
    return {
      ...record,
      refreshToken: record.refreshToken,
      expiresAtMs: record.expiresAtMs,
      version: String(row.version),
    }
  }
  const put = ({ user, credential, ...record }: TokenSet): void => {
    database
      .prepare(
        `INSERT INTO tokens VALUES (?, ?, 1, ?)
         ON CONFLICT DO UPDATE SET version = version + 1, record = excluded.record`,
      )
      .run(user, credential, JSON.stringify(record))
  }

  return {
    put,
    close: () => void database.close(),
    read: async (user, credential) => {
      const key = `${user}\0${credential}`
      if (kind !== 'stale-read') {
        const kept = read(user, credential)
        if (mayWork) database.prepare('INSERT OR IGNORE INTO arrivals VALUES (?)').run(process.pid)
        return kept
      }
      if (!remembered.has(key)) remembered.set(key, read(user, credential))
      return remembered.get(key)
    },
    write: async (set, fence) => {
      const arrived = database.prepare<[], { count: number }>('SELECT count(*) AS count FROM arrivals')
      const due = kind === 'no-lease' ? racers : 0
      while ((arrived.get()?.count ?? 0) < due) await sleep(10)
      database
        .transaction(() => {
          const lease = database
            .prepare<string[], { fence: number }>('SELECT fence FROM leases WHERE user = ? AND credential = ?')
            .get(set.user, set.credential)
          if (kind === 'sound' && lease?.fence !== fence) throw new Error('the lease is another’s')
          put(set)
        })
        .immediate()
    },
    withLease: async (user, credential, signal, work) => {
      if (kind === 'no-lease') {
        mayWork = true
        return await work(0)
      }
      for (;;) {
        signal.throwIfAborted()
        const now = Date.now()
        const taken = database
          .prepare<(string | number)[], { fence: number }>(
            `INSERT INTO leases VALUES (?, ?, 1, ?)
             ON CONFLICT DO UPDATE SET fence = fence + 1, until = excluded.until WHERE until <= ? RETURNING fence`,
          )
          .get(user, credential, now + LEASE_MS, now)
        if (taken === undefined) {
          await sleep(10)
          continue
        }
        try {
          return await work(taken.fence)
        } finally {
          database
            .prepare('UPDATE leases SET until = 0 WHERE user = ? AND credential = ? AND fence = ?')
            .run(user, credential, taken.fence)
        }
      }
    },
  }
}
