import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { ATTACKS, outcomeOf, tokenOf } from '../support/grant-attacks.ts'
import { makeChain, makeStore, NOW, tokenAction, WIDE, type GrantModules } from '../support/grant-store.ts'

describe('a token', () => {
  test('is 256 random bits, of which the file holds only the hash', () => {
    using store = makeStore()
    const { tool } = makeChain(store.grants)
    const tokens = Array.from({ length: 100 }, () => tokenOf(store, tool))
    expect(new Set(tokens).size).toBe(100)
    expect(tokens.every((token) => /^[\w-]{43}$/.test(token))).toBe(true)
    store.database.pragma('wal_checkpoint(TRUNCATE)')
    const bytes = readFileSync(store.path)
    for (const token of tokens) {
      expect(bytes.includes(token)).toBe(false)
      expect(bytes.includes(Buffer.from(token, 'base64url'))).toBe(false)
    }
    // Negative control: what is stored is found in this way.
    expect(bytes.includes('post_comment')).toBe(true)
  })

  test('lives until just before its end, and no longer than what it is from', () => {
    using store = makeStore()
    const { tool } = makeChain(store.grants)
    const last = tokenOf(store, tool)
    expect(store.tokens.consume(last, tokenAction(), NOW + 29_999)).toMatchObject({ ok: true })
    const brief = { ...WIDE, expiresAtMs: NOW + 5 }
    const below = makeChain(store.grants, 'alice', {
      user: { authority: brief },
      agent: { authority: { ...brief, childDepth: 2 } },
      tool: { authority: { ...brief, childDepth: 1 } },
    })
    const spent = store.tokens.consume(tokenOf(store, below.tool), tokenAction(), NOW + 4)
    expect(spent).toMatchObject({ ok: true, authority: { expiresAtMs: NOW + 5, usesMax: 1 } })
  })

  test('says what it is good for: no more than the action takes', () => {
    using store = makeStore()
    const chain = makeChain(store.grants)
    const spent = store.tokens.authorise(chain.tool, tokenAction({ scopes: ['repo'] }), NOW)
    expect(spent).toMatchObject({
      ok: true,
      chain: [chain.user, chain.agent, chain.tool, expect.any(String) as string],
      authority: { scopes: ['repo'], repositories: [], requestBytesMax: 16, responseBytesMax: 100, childDepth: 0 },
    })
  })

  test('that was refused for another request is good for its own', () => {
    using store = makeStore()
    const token = tokenOf(store, makeChain(store.grants).tool)
    expect(store.tokens.consume(token, tokenAction({ run: '01JOTHER' }), NOW)).toMatchObject({
      rule: 'bound',
      level: 'action',
      why: 'action: the token is for another run',
    })
    expect(store.tokens.consume(token, tokenAction(), NOW)).toMatchObject({ ok: true })
  })
})

describe('uses', () => {
  test('are counted at every level that has a bound, and only when a token is consumed', () => {
    using store = makeStore()
    const chain = makeChain(store.grants, 'alice', {
      agent: { authority: { ...WIDE, childDepth: 2, usesMax: 5 } },
      tool: { authority: { ...WIDE, childDepth: 1, usesMax: 3 } },
    })
    const left = (): unknown => {
      const verified = store.grants.verify('alice', chain.tool, NOW)
      return verified.ok ? verified.usesLeft : verified.rule
    }
    const tokens = Array.from({ length: 4 }, () => tokenOf(store, chain.tool))
    expect(left()).toBe(3)
    const rules = tokens.map((token) => {
      const answer = store.tokens.consume(token, tokenAction(), NOW)
      return answer.ok ? left() : `${answer.rule} ${answer.level}`
    })
    expect(rules).toEqual([2, 1, 'exhausted', 'exhausted tool'])
    const uses = store.database
      .prepare('SELECT level, uses FROM credential_grant WHERE depth < 3 ORDER BY depth')
      .raw()
      .all()
    expect(uses).toEqual([
      ['user', 0],
      ['agent', 3],
      ['tool', 3],
    ])
    expect(store.tokens.authorise(chain.tool, tokenAction(), NOW)).toMatchObject({ rule: 'exhausted', level: 'tool' })
  })

  test('of a level shared by two tools are shared', () => {
    using store = makeStore()
    const once = { ...WIDE, childDepth: 2, usesMax: 1 }
    const first = makeChain(store.grants, 'alice', {
      agent: { authority: once },
      tool: { authority: { ...once, childDepth: 1 } },
    })
    const authority = { ...once, childDepth: 1 }
    const other = store.grants.ensure({
      level: 'tool',
      user: 'alice',
      parent: first.agent,
      tool: 'merge',
      bundle: 'b',
      authority,
    })
    expect(store.tokens.authorise(first.tool, tokenAction(), NOW)).toMatchObject({ ok: true })
    const action = tokenAction({ tool: 'merge', bundle: 'b' })
    const id = other.ok ? other.id : ''
    expect(store.tokens.authorise(id, action, NOW)).toMatchObject({ rule: 'exhausted', level: 'agent' })
  })
})

test('what is refused leaves nothing behind', () => {
  using store = makeStore()
  const { tool } = makeChain(store.grants)
  const count = (): unknown => store.database.prepare('SELECT count(*), sum(uses) FROM credential_grant').raw().get()
  expect(store.tokens.authorise(tool, tokenAction({ scopes: ['admin'] }), NOW).ok).toBe(false)
  expect(store.tokens.mint(tool, tokenAction({ tool: 'merge' }), NOW).ok).toBe(false)
  expect(count()).toEqual([3, 0])
  expect(store.tokens.authorise(tool, tokenAction(), NOW).ok).toBe(true)
  expect(count()).toEqual([4, 1])
})

test('names that are no names are refused', () => {
  using store = makeStore()
  const { tool } = makeChain(store.grants)
  for (const change of [{ run: '' }, { call: 'x'.repeat(5000) }, { idempotencyKey: '\ud800' }, { ordinal: 0.5 }]) {
    expect(() => store.tokens.mint(tool, tokenAction(change), NOW)).toThrow(
      expect.objectContaining({ code: 'E_CREDENTIAL' }),
    )
  }
})

test('actions that are over are forgotten, and only those of the user', () => {
  using store = makeStore()
  const token = tokenOf(store, makeChain(store.grants).tool)
  tokenOf(store, makeChain(store.grants, 'bob').tool, tokenAction({ user: 'bob' }))
  expect(store.tokens.prune('alice', NOW + 30_000)).toBe(0)
  expect(store.tokens.prune('alice', NOW + 30_001)).toBe(1)
  expect(store.tokens.consume(token, tokenAction(), NOW)).toMatchObject({ rule: 'unknown' })
  expect(store.database.prepare('SELECT count(*) FROM credential_grant').pluck().get()).toBe(7)
})

test.each(Object.entries(ATTACKS).map(([name, [rule, attack]]) => ({ name, rule, attack })))(
  '$name: $rule',
  ({ rule, attack }) => {
    expect(outcomeOf(attack)).toBe(rule)
  },
)

describe('with a guard taken out, the attack that it is for succeeds', () => {
  const folder = mkdtempSync(join(tmpdir(), 'run-agent-guards-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  const root = join(import.meta.dirname, '../..')
  let made = 0

  type Patch = readonly [file: string, from: string, to: string]

  async function without(patches: readonly Patch[]): Promise<GrantModules> {
    const copy = join(folder, String((made += 1)))
    cpSync(join(root, 'runtime/credentials'), join(copy, 'runtime/credentials'), { recursive: true })
    for (const shared of [
      'node_modules',
      'runtime/policy',
      'runtime/errors.ts',
      'runtime/limits.ts',
      'runtime/ports.ts',
    ]) {
      symlinkSync(join(root, shared), join(copy, shared))
    }
    for (const [file, from, to] of patches) {
      const path = join(copy, 'runtime/credentials/chain', file)
      const source = readFileSync(path, 'utf8')
      const patched = source.replaceAll(from, () => to)
      if (patched === source) throw new Error(`nothing to change: ${from}`)
      writeFileSync(path, patched)
    }
    const module = (name: string): Promise<unknown> =>
      import(/* @vite-ignore */ join(copy, `runtime/credentials/chain/${name}.ts`))
    return {
      ...((await module('grant-chain')) as object),
      ...((await module('action-token')) as object),
    } as GrantModules
  }

  const bound = (column: string): Patch => [
    'action-token.ts',
    'BOUND.map((column) =>',
    `BOUND.filter((one) => one !== '${column}').map((column) =>`,
  ]
  const holder: Patch = [
    'action-token.ts',
    'if (other !== undefined) return refused',
    'if (other === "") return refused',
  ]
  const denied: Patch = ['action-token.ts', 'if (!asked.ok) return', 'if (asked.ok === undefined) return']
  const links = (from: string, to: string): Patch => ['grant-links.ts', from, to]
  const mac = links('timingSafeEqual(macOf(key, parent?.row.mac, row, contentText(row)), row.mac)', 'true')
  const spent = links("'number' && row.uses < row.max_uses", "'number'")

  test.each<[attack: string, ...patches: Patch[]]>([
    ['a token used twice', spent, ['action-token.ts', 'AND uses < max_uses AND revoked_at', 'AND revoked_at']],
    [
      'a token at the end of its time',
      links('const time = timeBeyond(authority, now)', 'const time = timeBeyond(authority, authority.notBeforeMs)'),
      denied,
      ['action-token.ts', 'AND not_before <= @now AND expires_at > @now', 'AND @now = @now'],
    ],
    [
      'a token of another user',
      bound('user'),
      ['action-token.ts', 'links.verify(action.user, hashOf(token)', "links.verify('alice', hashOf(token)"],
    ],
    ['for another credential', bound('credential')],
    ['for another agent', bound('agent')],
    ['for another definition', bound('agent_digest')],
    ['for another tool', bound('tool')],
    ['for another bundle', bound('bundle')],
    ['in another run', bound('run')],
    ['in another call', bound('call')],
    ['for another request of the call', bound('ordinal')],
    ['with another method', bound('method')],
    ['for another URL', bound('url')],
    ['for another query', bound('url')],
    ['with another body', bound('body_sha256')],
    ['without the body', bound('body_sha256')],
    ['with other arguments', bound('args_sha256')],
    ['with another idempotency key', bound('idempotency_key')],
    ['with a longer answer', denied],
    ['with more scopes than the token is for', denied],
    ['with more permissions', denied],
    ['with a body of another type', denied],
    ...['user', 'agent', 'tool'].map((level): [string, ...Patch[]] => [
      `the ${level} revoked in between`,
      links('row.revoked_at !== null', 'row.revoked_at === 0'),
      [
        'grant-chain.ts',
        'UPDATE credential_grant SET revoked_at = @now, revoked_by = @by, revoked_reason = @reason\n  WHERE',
        "UPDATE credential_grant SET revoked_at = @now, revoked_by = @by, revoked_reason = @reason\n  WHERE level <> 'action' AND",
      ],
    ]),
    [
      'the action revoked in between',
      links('row.revoked_at !== null', 'row.revoked_at === 0'),
      ['action-token.ts', 'AND revoked_at IS NULL\n    AND not_before', 'AND not_before'],
    ],
    [
      'the last use of the agent taken in between',
      links("'number' && row.uses < row.max_uses", "'number' && (row.depth < 3 || row.uses < row.max_uses)"),
      ['action-token.ts', 'WHERE id = ? AND uses < max_uses AND', 'WHERE id = ? AND'],
    ],
    [
      'the agent expired in between',
      links('if (time !== undefined) return', 'if (time !== undefined && row.depth === 4) return'),
      denied,
      ['action-token.ts', 'Math.min(now + ACTION_TOKEN_MS, end)', 'now + ACTION_TOKEN_MS'],
      links('within?.ok === false ?', 'within === null ?'),
      links('if (within?.ok === false)', 'if (within === null)'),
    ],
    ['a definition that was edited', holder],
    ['a tool that was edited', holder],
    ['the grant of another tool', holder],
    ['the grant of another agent', holder],
    ['the grant of another credential', holder],
    ['a row that was made wider in the file', mac],
    ['a row that was given to another user', mac],
    ['a tool moved below an agent that may do more', mac],
    [
      'more than the level above',
      links('if (within?.ok === false)', 'if (within === null)'),
      links('within?.ok === false ?', 'within === null ?'),
    ],
  ])('%s', async (name, ...patches) => {
    const modules = await without(patches)
    expect(outcomeOf(ATTACKS[name]?.[1] ?? (() => 'no such attack'), modules)).toBe('ok')
  })

  test('negative control: a copy with nothing taken out refuses them all', async () => {
    const modules = await without([['grant-links.ts', '/** Reads the rows', '/** reads the rows']])
    for (const [rule, attack] of Object.values(ATTACKS)) expect(outcomeOf(attack, modules)).toBe(rule)
  })
})
