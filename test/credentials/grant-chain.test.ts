import { describe, expect, test } from 'vitest'
import { writeAuthority } from '../../runtime/credentials/chain/authority-text.ts'
import type { Authority } from '../../runtime/credentials/chain/authority.ts'
import { openGrants, type NewGrant } from '../../runtime/credentials/chain/grant-chain.ts'
import { tokenOf } from '../support/grant-attacks.ts'
import {
  AGENT,
  deepChain,
  idOf,
  makeChain,
  makeStore,
  NOW,
  ROOT_KEY,
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

test('plain http is granted where a network of the operator permits it', () => {
  using store = makeStore()
  const rules = ['GET http://billing.corp.example/invoices/*']
  const grant: NewGrant = { level: 'user', user: 'alice', credential: 'billing', authority: { ...WIDE, rules } }
  expect(() => store.grants.ensure(grant)).toThrow(E_CREDENTIAL)
  const networks = [{ hosts: ['billing.corp.example'], addresses: ['10.20.0.0/16'], http: true }]
  const grants = openGrants(store.database, { rootKey: ROOT_KEY, clock: { now: () => NOW }, networks })
  expect(grants.ensure(grant)).toMatchObject({ ok: true })
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
