import { createHash, createHmac, createSecretKey } from 'node:crypto'
import Database from 'better-sqlite3'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { writeAuthority } from '../../runtime/credentials/chain/authority-text.ts'
import type { Authority } from '../../runtime/credentials/chain/authority.ts'
import { openGrants } from '../../runtime/credentials/chain/grant-chain.ts'
import {
  CONTENT_COLUMNS,
  contentText,
  GRANT_TABLES,
  macOf,
  type GrantRow,
} from '../../runtime/credentials/chain/grant-row.ts'
import {
  deepChain,
  makeChain,
  makeStore,
  NOW,
  openFile,
  ROOT_KEY,
  tamper,
  tokenAction,
  WIDE,
  type GrantStore,
} from '../support/grant-store.ts'

const E_CREDENTIAL: unknown = expect.objectContaining({ code: 'E_CREDENTIAL' })

const COLUMNS = ((): readonly { readonly name: string; readonly type: string }[] => {
  const database = new Database(':memory:')
  database.exec(GRANT_TABLES)
  return database.prepare('SELECT name, type FROM pragma_table_info(?)').all('credential_grant') as never
})()
const MUTABLE = new Set(['uses', 'revoked_at', 'revoked_by', 'revoked_reason'])
const FIXED = COLUMNS.filter(({ name }) => !MUTABLE.has(name))

describe('a row that was changed in the file is refused', () => {
  test.each(FIXED.flatMap((column) => [0, 1, 2, 3].map((depth) => ({ ...column, depth }))))(
    '$name at depth $depth',
    ({ name, type, depth }) => {
      using store = makeStore()
      const ids = deepChain(store)
      const [, , , last = ''] = ids
      expect(store.grants.verify('alice', last, NOW)).toMatchObject({ ok: true })
      const values = { TEXT: `coalesce(${name}, '') || 'x'`, INTEGER: `coalesce(${name}, 0) + 1`, BLOB: `zeroblob(32)` }
      tamper(store.database, `UPDATE credential_grant SET ${name} = ${values[type as 'TEXT']} WHERE id = ?`, ids[depth])
      // What cannot be found under its name has gone the same way.
      const rule = ['id', 'user'].includes(name) && depth === 3 ? 'unknown' : 'forged'
      expect(store.grants.verify('alice', last, NOW)).toMatchObject({ ok: false, rule })
    },
  )

  /** The tool's row with changes, and the code that the root key makes of it. */
  function resealed(store: GrantStore, changes: Partial<GrantRow>): string {
    const [, agent, tool] = store.grants.chainOf('alice', makeChain(store.grants).tool) as [
      GrantRow,
      GrantRow,
      GrantRow,
    ]
    const row = { ...tool, ...changes }
    const mac = macOf(createSecretKey(ROOT_KEY), agent.mac, row, contentText(row))
    const names = [...Object.keys(changes), 'mac']
    const set = names.map((name) => `${name} = ?`).join(', ')
    tamper(store.database, `UPDATE credential_grant SET ${set} WHERE id = ?`, ...Object.values(changes), mac, tool.id)
    const found = store.grants.verify('alice', tool.id, NOW)
    return found.ok ? 'ok' : `${found.rule} ${found.dimension ?? ''}`.trim()
  }

  const authority = (change: Partial<Authority>): { readonly authority: string } => ({
    authority: writeAuthority({ ...WIDE, childDepth: 1, ...change }),
  })

  test.each<[string, Partial<GrantRow>]>([
    ['ok', authority({ scopes: ['repo'] })],
    ['ok', { tool: 'merge' }],
    ['wider scopes', authority({ scopes: ['admin'] })],
    ['wider childDepth', authority({ childDepth: 2 })],
    ['order', { level: 'agent' }],
    ['order', { depth: 3 }],
    ['order', { root: '0'.repeat(32) }],
    ['order', { credential: 'gitlab' }],
    ['order', { agent: 'lock:sha256-clerk' }],
    ['order', { agent_digest: 'sha256-a2' }],
  ])('negative control: %s, where the root key was at hand for %j', (expected, changes) => {
    using store = makeStore()
    expect(resealed(store, changes)).toBe(expected)
  })

  test('a row that was made with the code of its parent for a key', () => {
    using store = makeStore()
    const [user, agent, tool] = store.grants.chainOf('alice', makeChain(store.grants).tool) as [
      GrantRow,
      GrantRow,
      GrantRow,
    ]
    const forge = (key: Uint8Array, above: Uint8Array | undefined): string => {
      const row = { ...tool, tool: 'merge' }
      const id = createHash('sha256').update(contentText(row)).digest('hex').slice(0, 32)
      const mac = macOf(createSecretKey(key), above, { ...row, id }, contentText(row))
      const columns = COLUMNS.map(({ name }) => name)
      const values = { ...row, id, mac }
      tamper(store.database, 'DELETE FROM credential_grant')
      for (const one of [user, agent, tool, values]) {
        const insert = `INSERT INTO credential_grant (${columns.join(', ')}) VALUES (@${columns.join(', @')})`
        store.database.prepare(insert).run(one)
      }
      const found = store.grants.verify('alice', id, NOW)
      return found.ok ? 'ok' : found.rule
    }
    expect(forge(agent.mac, undefined)).toBe('forged')
    expect(forge(agent.mac, agent.mac)).toBe('forged')
    expect(forge(createHmac('sha256', agent.mac).digest(), agent.mac)).toBe('forged')
    // Negative control: with the root key it is a good one.
    expect(forge(ROOT_KEY, agent.mac)).toBe('ok')
  })

  test('every row, to who has another root key', () => {
    using store = makeStore()
    const { tool } = makeChain(store.grants)
    const other = openGrants(store.database, {
      rootKey: new Uint8Array(32).fill(8),
      clock: { now: () => NOW },
      networks: [],
    })
    expect(other.verify('alice', tool, NOW)).toMatchObject({ rule: 'forged', level: 'user' })
    expect(() =>
      openGrants(store.database, { rootKey: new Uint8Array(31), clock: { now: () => NOW }, networks: [] }),
    ).toThrow(E_CREDENTIAL)
  })

  // These are the limits that the header of grant-row.ts names.
  test('but not where uses were lowered or a revocation was cleared: only the trail knows', () => {
    using store = makeStore()
    const once = { ...WIDE, usesMax: 1, childDepth: 1 }
    const { tool } = makeChain(store.grants, 'alice', { tool: { authority: once } })
    store.tokens.authorise(tool, tokenAction(), NOW)
    store.grants.revoke('alice', { id: tool }, 'ops', 'stolen')
    expect(store.grants.verify('alice', tool, NOW)).toMatchObject({ rule: 'revoked' })
    tamper(store.database, 'UPDATE credential_grant SET revoked_at = NULL WHERE id = ?', tool)
    expect(store.grants.verify('alice', tool, NOW)).toMatchObject({ rule: 'exhausted' })
    tamper(store.database, 'UPDATE credential_grant SET uses = 0 WHERE id = ?', tool)
    expect(store.grants.verify('alice', tool, NOW)).toMatchObject({ ok: true })
  })

  test('a revocation at no time is one', () => {
    using store = makeStore()
    const { tool } = makeChain(store.grants)
    tamper(store.database, 'UPDATE credential_grant SET revoked_at = 9e18 WHERE id = ?', tool)
    expect(store.grants.verify('alice', tool, NOW)).toMatchObject({ rule: 'revoked' })
  })
})

test('no two contents have one text', () => {
  const text = fc.option(
    fc.string({ unit: fc.constantFrom('a', 't', 'n', 'i', '1', ':', ';', '\u{1f600}'), maxLength: 4 }),
  )
  const number = fc.option(fc.nat(12))
  const content = fc.record(
    Object.fromEntries(
      CONTENT_COLUMNS.map((name) => [name, FIXED.find((one) => one.name === name)?.type === 'INTEGER' ? number : text]),
    ),
  ) as unknown as fc.Arbitrary<GrantRow>
  const column = fc.constantFrom(...CONTENT_COLUMNS.keys())
  fc.assert(
    fc.property(content, content, column, column, (one, other, from, to) => {
      // Along one or two columns at a time; and what stands in them exchanged.
      const names = [CONTENT_COLUMNS[from] ?? 'user', CONTENT_COLUMNS[to] ?? 'user'] as const
      const changed = { ...one, [names[0]]: other[names[0]], [names[1]]: other[names[1]] }
      const exchanged = { ...one, [names[0]]: one[names[1]], [names[1]]: one[names[0]] }
      for (const second of [changed, exchanged, other]) {
        const isSame = CONTENT_COLUMNS.every((name) => one[name] === second[name])
        expect(contentText(one) === contentText(second)).toBe(isSame)
      }
    }),
    { numRuns: 2000, seed: 1 },
  )
})

describe('the file itself refuses', () => {
  test.each([
    ...FIXED.map(({ name }) => `UPDATE credential_grant SET ${name} = ${name}`),
    'UPDATE credential_grant SET uses = uses',
    'UPDATE credential_grant SET uses = uses - 1',
    'UPDATE credential_grant SET revoked_at = NULL',
    'UPDATE credential_grant SET revoked_reason = NULL',
    "UPDATE credential_grant SET revoked_by = 'me' WHERE revoked_at IS NOT NULL",
    "DELETE FROM credential_grant WHERE level = 'tool'",
    'INSERT INTO credential_grant SELECT * FROM credential_grant LIMIT 1',
    'INSERT OR REPLACE INTO credential_grant SELECT * FROM credential_grant WHERE revoked_at IS NULL LIMIT 1',
  ])('%s', (statement) => {
    using store = makeStore()
    const [, , tool = ''] = deepChain(store)
    store.grants.revoke('alice', { id: tool }, 'ops', 'stolen')
    expect(() => store.database.exec(statement)).toThrow(/SQLITE_CONSTRAINT|a grant|what a grant says|uses are/)
    // Negative control: it is the trigger that refuses.
    if (statement.startsWith('INSERT')) return
    expect(() => tamper(store.database, statement)).not.toThrow(/a grant|what a grant says|uses are/)
  })

  test.each([
    'DROP TRIGGER credential_grant_uses',
    'DROP INDEX credential_grant_user',
    'CREATE TRIGGER again AFTER UPDATE OF uses ON credential_grant BEGIN UPDATE credential_grant SET uses = 0; END',
    'ALTER TABLE credential_grant ADD COLUMN more TEXT',
    'DROP TABLE credential_grant',
  ])('to be opened after: %s', (statement) => {
    using store = makeStore()
    const options = { rootKey: ROOT_KEY, clock: { now: () => NOW }, networks: [] }
    expect(openGrants(store.database, options)).toBeDefined()
    store.database.exec(statement)
    expect(() => openGrants(store.database, options)).toThrow(E_CREDENTIAL)
  })

  test('to wait for ever for another process', () => {
    using store = makeStore()
    const other = openFile(store.path)
    try {
      store.database.pragma('busy_timeout = 50')
      other.exec('BEGIN IMMEDIATE')
      expect(() => makeChain(store.grants)).toThrow(/is locked by another process/)
      other.exec('ROLLBACK')
      expect(makeChain(store.grants)).toBeDefined()
    } finally {
      other.close()
    }
  })
})
