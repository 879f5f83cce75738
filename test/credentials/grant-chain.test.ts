import { createHash, createHmac, createSecretKey } from 'node:crypto'
import Database from 'better-sqlite3'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { writeAuthority } from '../../runtime/credentials/authority-text.ts'
import type { Authority } from '../../runtime/credentials/authority.ts'
import { openGrants, type NewGrant } from '../../runtime/credentials/grant-chain.ts'
import {
  CONTENT_COLUMNS,
  contentText,
  GRANT_TABLES,
  macOf,
  type GrantRow,
} from '../../runtime/credentials/grant-row.ts'
import { tokenOf } from '../support/grant-attacks.ts'
import {
  AGENT,
  idOf,
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

const toolGrant = (parent: string, change: Partial<Authority> = {}): NewGrant => ({
  level: 'tool',
  user: 'alice',
  parent,
  tool: 'post_comment',
  bundle: 'sha256-b1',
  authority: { ...WIDE, childDepth: 1, ...change },
})

describe('ensure', () => {
  test('gives the same content the same row, and another content another', () => {
    using store = makeStore()
    const first = makeChain(store.grants)
    store.clock.at += 1000
    expect(makeChain(store.grants)).toEqual(first)
    const other = makeChain(store.grants, 'alice', { tool: { bundle: 'sha256-b2' } })
    expect(other).toEqual({ ...first, tool: expect.not.stringMatching(first.tool) as string })
    expect(makeChain(store.grants, 'bob').user).not.toBe(first.user)
    expect(store.grants.list('alice')).toHaveLength(4)
  })

  test('refuses what was revoked for good, and says when, by whom and why', () => {
    using store = makeStore()
    const { agent, tool } = makeChain(store.grants)
    store.clock.at = Date.UTC(2026, 0, 2)
    store.grants.revoke('alice', { id: tool }, 'ops', 'the laptop was stolen')
    expect(store.grants.ensure(toolGrant(agent))).toEqual({
      ok: false,
      rule: 'revoked',
      grant: tool,
      level: 'tool',
      why: 'tool: it was revoked at 2026-01-02T00:00:00.000Z by ops: the laptop was stolen',
      revoked: { atMs: store.clock.at, by: 'ops', reason: 'the laptop was stolen' },
    })
    // Negative control: one that says something else is another one.
    expect(store.grants.ensure(toolGrant(agent, { usesMax: 9 }))).toMatchObject({ ok: true })
  })

  test.each<[keyof Authority, Partial<Authority>]>([
    ['rules', { rules: ['GET https://api.example.com/**'] }],
    ['contentTypes', { contentTypes: ['text/plain'] }],
    ['requestBytesMax', { requestBytesMax: 1001 }],
    ['responseBytesMax', { responseBytesMax: 101 }],
    ['notBeforeMs', { notBeforeMs: 99 }],
    ['expiresAtMs', { expiresAtMs: 'never' }],
    ['usesMax', { usesMax: 'unlimited' }],
    ['scopes', { scopes: ['admin'] }],
    ['permissions', { permissions: { issues: 'admin' } }],
    ['repositories', { repositories: ['shop', 'web'] }],
    ['childDepth', { childDepth: 2 }],
  ])('refuses more than the level above has: %s', (dimension, change) => {
    using store = makeStore()
    const bounds = { notBeforeMs: 100, expiresAtMs: NOW + 100, usesMax: 5 }
    const within = { ...WIDE, ...bounds }
    const { agent } = makeChain(store.grants, 'alice', {
      agent: { authority: { ...within, childDepth: 2 } },
      tool: { authority: { ...within, childDepth: 1 } },
    })
    expect(store.grants.ensure(toolGrant(agent, bounds))).toMatchObject({ ok: true })
    expect(store.grants.ensure(toolGrant(agent, { ...bounds, ...change }))).toMatchObject({
      ok: false,
      rule: 'wider',
      dimension,
      level: 'tool',
    })
  })

  test('refuses a level that does not follow, and one below nothing of the user', () => {
    using store = makeStore()
    const chain = makeChain(store.grants)
    expect(store.grants.ensure(toolGrant(chain.user))).toMatchObject({ rule: 'order' })
    expect(store.grants.ensure(toolGrant(chain.tool))).toMatchObject({ rule: 'order' })
    expect(store.grants.ensure(toolGrant('0'.repeat(32)))).toMatchObject({ rule: 'unknown' })
    expect(store.grants.ensure({ ...toolGrant(chain.agent), user: 'bob' })).toMatchObject({ rule: 'unknown' })
    expect(store.grants.ensure(toolGrant(chain.agent))).toMatchObject({ ok: true })
  })

  test.each<[string, Partial<NewGrant>]>([
    ['a rule that cannot be read', { authority: { ...WIDE, rules: ['GET https://*'] } }],
    ['half a use', { authority: { ...WIDE, usesMax: 0.5 } }],
    ['no bound', { authority: { ...WIDE, requestBytesMax: NaN } }],
    ['no name', { credential: '' }],
    ['no text', { user: '\ud800' }],
  ])('throws where there is %s', (_what, change) => {
    using store = makeStore()
    const grant = { level: 'user', user: 'alice', credential: 'github', authority: WIDE, ...change } as NewGrant
    expect(() => store.grants.ensure(grant)).toThrow(E_CREDENTIAL)
    expect(store.grants.list('alice')).toEqual([])
  })

  test.each([{ from: 'reviewer.yaml' }, { from: '' }, { from: '/srv/../reviewer.yaml' }, { lock: 'reviewer' }])(
    'throws for an agent that is no file and no bytes: %j',
    (agent) => {
      using store = makeStore()
      expect(() => makeChain(store.grants, 'alice', { agent: { agent } })).toThrow(E_CREDENTIAL)
      expect(makeChain(store.grants, 'alice', { agent: { agent: { lock: 'sha256-x' } } })).toBeDefined()
    },
  )
})

describe('verify', () => {
  test('answers with the chain, and what it allows in the end', () => {
    using store = makeStore()
    const { tool } = makeChain(store.grants, 'alice', {
      tool: { authority: { ...WIDE, childDepth: 1, scopes: ['repo'] } },
    })
    const chain = store.grants.verify('alice', tool)
    expect(chain).toMatchObject({ ok: true, effective: { scopes: ['repo'] }, usesLeft: Infinity })
    expect(chain.ok && chain.links.map(({ row }) => row.level)).toEqual(['user', 'agent', 'tool'])
    expect(store.grants.verify('bob', tool)).toMatchObject({ rule: 'unknown' })
  })

  test.each(['user', 'agent', 'tool'] as const)('refuses before the time of the %s, and from its end on', (level) => {
    using store = makeStore()
    const at = (from: boolean): Partial<Authority> => (from ? { notBeforeMs: NOW, expiresAtMs: NOW + 10 } : {})
    const levels = ['user', 'agent', 'tool']
    const below = (one: string): Partial<Authority> => at(levels.indexOf(one) >= levels.indexOf(level))
    const { tool } = makeChain(store.grants, 'alice', {
      user: { authority: { ...WIDE, ...below('user') } },
      agent: { authority: { ...WIDE, childDepth: 2, ...below('agent') } },
      tool: { authority: { ...WIDE, childDepth: 1, ...below('tool') } },
    })
    const said = [NOW - 1, NOW, NOW + 9, NOW + 10].map((now) => store.grants.verify('alice', tool, now))
    expect(said.map((answer) => (answer.ok ? 'ok' : `${answer.rule} ${answer.level} ${answer.dimension}`))).toEqual([
      `time ${level} notBeforeMs`,
      'ok',
      'ok',
      `time ${level} expiresAtMs`,
    ])
  })
})

/** A user, an agent, a tool and an action, and the id of the last. */
function deepChain(store: GrantStore): readonly string[] {
  const chain = makeChain(store.grants)
  const minted = store.tokens.mint(chain.tool, tokenAction(), NOW)
  if (!minted.ok) throw new Error(minted.why)
  return [chain.user, chain.agent, chain.tool, minted.grant]
}

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
    const other = openGrants(store.database, { rootKey: new Uint8Array(32).fill(8), clock: { now: () => NOW } })
    expect(other.verify('alice', tool, NOW)).toMatchObject({ rule: 'forged', level: 'user' })
    expect(() => openGrants(store.database, { rootKey: new Uint8Array(31), clock: { now: () => NOW } })).toThrow(
      E_CREDENTIAL,
    )
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
    const options = { rootKey: ROOT_KEY, clock: { now: () => NOW } }
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

describe('revoking', () => {
  const names = ['user', 'agent', 'tool', 'action']

  test.each([0, 1, 2, 3])('at depth %i ends everything below it, and nothing beside or above it', (depth) => {
    using store = makeStore()
    const ids = deepChain(store)
    const beside = [
      ...Object.values(makeChain(store.grants, 'bob')).map((id) => ['bob', id] as const),
      ...Object.values(makeChain(store.grants, 'alice', { user: { credential: 'gitlab' } })).map(
        (id) => ['alice', id] as const,
      ),
    ]
    expect(store.grants.revoke('alice', { id: ids[depth] ?? '' }, 'ops', 'stolen')).toBe(4 - depth)
    expect(ids.map((id) => store.grants.verify('alice', id, NOW).ok)).toEqual(ids.map((_, index) => index < depth))
    expect(store.grants.verify('alice', ids[3] ?? '', NOW)).toMatchObject({ rule: 'revoked', level: names[depth] })
    for (const [user, id] of beside) expect(store.grants.verify(user, id, NOW)).toMatchObject({ ok: true })
  })

  test('of an id of another user ends nothing', () => {
    using store = makeStore()
    const ids = deepChain(store)
    for (const id of ids) expect(store.grants.revoke('bob', { id }, 'bob', 'mine')).toBe(0)
    expect(store.grants.verify('alice', ids[3] ?? '', NOW)).toMatchObject({ ok: true })
  })

  test.each<[Parameters<GrantStore['grants']['revoke']>[1], number, readonly string[]]>([
    [{ agent: `from:${AGENT.from}` }, 4, ['clerk', 'user']],
    [{ tool: 'post_comment' }, 3, ['agent', 'merge', 'user']],
    [{ tool: 'merge' }, 1, ['agent', 'clerk', 'tool', 'user']],
    [{ agent: 'lock:sha256-clerk', tool: 'post_comment' }, 1, ['agent', 'merge', 'tool', 'user']],
    [{ credential: 'github' }, 7, []],
    [{ credential: 'gitlab' }, 0, ['agent', 'clerk', 'merge', 'tool', 'user']],
    [{}, 7, []],
  ])('of what is selected: %j', (selection, count, left) => {
    using store = makeStore()
    const chain = makeChain(store.grants)
    tokenOf(store, chain.tool)
    const clerk = makeChain(store.grants, 'alice', { agent: { agent: { lock: 'sha256-clerk' } } }).tool
    const merge = idOf(store.grants.ensure({ ...toolGrant(chain.agent), tool: 'merge' } as NewGrant))
    makeChain(store.grants, 'bob')
    expect(store.grants.revoke('alice', selection, 'ops', 'stolen')).toBe(count)
    const all = Object.entries({ ...chain, clerk, merge }).filter(([, id]) => store.grants.verify('alice', id, NOW).ok)
    expect(all.map(([name]) => name).toSorted((one, other) => one.localeCompare(other))).toEqual(left)
    expect(store.grants.list('bob').every((grant) => grant.revoked === undefined)).toBe(true)
  })

  test('needs a name and a reason', () => {
    using store = makeStore()
    const { tool } = makeChain(store.grants)
    expect(() => store.grants.revoke('alice', { id: tool }, '', 'x')).toThrow(E_CREDENTIAL)
    expect(() => store.grants.revoke('alice', { id: tool }, 'ops', '')).toThrow(E_CREDENTIAL)
    const nothing = { agent: undefined } as unknown as { agent: string }
    expect(() => store.grants.revoke('alice', nothing, 'ops', 'x')).toThrow(E_CREDENTIAL)
    expect(store.grants.verify('alice', tool, NOW)).toMatchObject({ ok: true })
  })
})

test('the list says what changed between two grants of one agent and one tool', () => {
  using store = makeStore()
  makeChain(store.grants)
  makeChain(store.grants, 'alice', { agent: { agentDigest: 'sha256-a2' }, tool: { bundle: 'sha256-b2' } })
  makeChain(store.grants, 'alice', { agent: { agent: { lock: 'sha256-clerk' } } })
  makeChain(store.grants, 'bob')
  const list = store.grants.list('alice')
  expect(
    list.map(({ level, changed }) => [level, ...changed.map(({ what, before, after }) => [what, before, after])]),
  ).toEqual([
    ['user'],
    ['agent'],
    ['tool'],
    ['agent', ['agentDigest', 'sha256-a1', 'sha256-a2']],
    ['tool', ['agentDigest', 'sha256-a1', 'sha256-a2'], ['bundle', 'sha256-b1', 'sha256-b2']],
    ['agent'],
    ['tool'],
  ])
  makeChain(store.grants, 'alice', { user: { authority: { ...WIDE, scopes: ['admin', 'repo', 'user'] } } })
  expect(store.grants.list('alice')[7]?.changed).toEqual([
    {
      what: 'authority',
      before: writeAuthority(WIDE),
      after: writeAuthority({ ...WIDE, scopes: ['admin', 'repo', 'user'] }),
    },
  ])
  expect(list[1]).toMatchObject({ agent: `from:${AGENT.from}`, credential: 'github', createdAtMs: NOW, uses: 0 })
})
