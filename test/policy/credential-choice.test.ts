/** Which credential a request is dressed with: by the same answer for who explains, who enforces and who dresses. */
import { describe, expect, test } from 'vitest'
import { slotHeader } from '../../runtime/policy/credential-choice.ts'
import { decide } from '../../runtime/policy/decide.ts'
import type { CredentialRule, Decision, Facts, Grant } from '../../runtime/policy/grant.ts'
import { grantOf } from '../support/grants.ts'

const BEARER = { kind: 'header', header: 'authorization', format: 'Bearer {secret}' } as const
const PLACE = 'a.yaml:1:1'

function credential(name: string, rules: readonly string[], more: Partial<CredentialRule> = {}): CredentialRule {
  return { name, rules: rules.map((rule) => ({ rule, place: 'config.yaml:1:1' })), slot: BEARER, place: PLACE, ...more }
}

const RULES = ['GET,POST https://api.example/**?*', 'GET https://other.example/**?*']
const GITHUB = credential('github', ['GET https://api.example/repos/**?*'])

function ask(
  credentials: readonly CredentialRule[] | undefined,
  request: { method?: string; url: string; credential?: string; redirectOf?: number },
  facts: Facts = {},
  more: Partial<Grant> = {},
): Decision {
  const http = RULES.map((rule) => ({ rule, place: PLACE }))
  const grant: Grant = { ...grantOf({}), http, ...(credentials && { credentials }), ...more }
  return decide(grant, { op: 'http', method: 'GET', ...request }, facts)
}

describe('the credential of a permitted request', () => {
  test('is the one that is for it, named or not', () => {
    const url = 'https://api.example/repos/a'
    expect(ask([GITHUB], { url })).toMatchObject({ kind: 'permit', credential: 'github' })
    expect(ask([GITHUB], { url, credential: 'github' })).toMatchObject({ kind: 'permit', credential: 'github' })
    expect(ask([GITHUB], { url: `${url}?key=1&x=%zz` })).toMatchObject({ kind: 'permit', credential: 'github' })
  })

  test.each([
    ['another host', { url: 'https://other.example/repos/a' }],
    ['another method', { method: 'POST', url: 'https://api.example/repos/a' }],
    ['another path', { url: 'https://api.example/user' }],
    ['a path that only begins alike', { url: 'https://api.example/reposes/a' }],
    ['a host in capitals is the same host', { url: 'https://API.example/user' }],
  ])('is none for %s, and says why', (_name, request) => {
    const decision = ask([GITHUB], request)
    expect(decision).toMatchObject({
      kind: 'permit',
      undressed: expect.stringContaining('github is for GET https://api'),
    })
    expect(decision).not.toHaveProperty('credential')
    // Named, the same request is denied: the tool would be answered as somebody else than it thinks.
    expect(ask([GITHUB], { ...request, credential: 'github' })).toMatchObject({ kind: 'deny', reason: 'credential' })
  })

  test('is found whatever the case of the host', () => {
    expect(ask([GITHUB], { url: 'https://API.EXAMPLE/repos/a' })).toMatchObject({ credential: 'github' })
  })

  test('must be named where two are for it', () => {
    const both = [GITHUB, credential('other', ['GET https://api.example/**?*'])]
    const url = 'https://api.example/repos/a'
    expect(ask(both, { url })).toMatchObject({
      kind: 'deny',
      reason: 'credential',
      rule: expect.stringMatching(/github and other are both.*\{ credential: 'github' \}/),
    })
    expect(ask(both, { url, credential: 'other' })).toMatchObject({ credential: 'other' })
    expect(ask(both, { url: 'https://api.example/user' })).toMatchObject({ credential: 'other' })
  })

  test('is never one that the tool does not have', () => {
    const url = 'https://api.example/repos/a'
    const none = { kind: 'deny', reason: 'credential', rule: expect.stringContaining('it has none') }
    expect(ask(undefined, { url, credential: 'github' })).toMatchObject(none)
    expect(ask([GITHUB], { url, credential: 'constructor' })).toMatchObject({ kind: 'deny', reason: 'credential' })
    expect(ask([credential('github', [])], { url })).toMatchObject({ undressed: expect.stringContaining('no request') })
    expect(ask(undefined, { url })).toEqual({ kind: 'permit', rule: RULES[0], place: PLACE })
  })

  test('is called in the refusal as the tool called it, up to a length', () => {
    const rule = (credential: string) => {
      const decision = ask([GITHUB], { url: 'https://api.example/repos/a', credential })
      return 'rule' in decision ? decision.rule : undefined
    }
    expect(rule('x\n"')).toContain(String.raw`the credential "x\n\"": it has github`)
    expect(rule(`a${'b'.repeat(100)}`)).toContain(`the credential "a${'b'.repeat(63)}": it has github`)
  })

  test('for which there are rules that do not compile is a mistake of ours, and dresses nothing', () => {
    expect(() => ask([credential('bad', ['GET ftp://a'])], { url: 'https://api.example/a' })).toThrow(
      /does not compile/,
    )
  })

  test('permits nothing by itself', () => {
    const wide = credential('wide', ['GET,DELETE https://api.example/**?*', 'GET https://third.example/**'])
    expect(ask([wide], { url: 'https://third.example/a' })).toMatchObject({ kind: 'deny', reason: 'default-deny' })
    const url = 'https://api.example/a'
    expect(ask([wide], { method: 'DELETE', url })).toMatchObject({ kind: 'deny', reason: 'default-deny' })
  })

  test('goes nowhere that a redirect alone leads to', () => {
    const redirects = [{ rule: 'GET https://blob.example/**?*', place: PLACE }]
    const all = credential('all', ['GET https://blob.example/**?*'])
    const request = { url: 'https://blob.example/a', redirectOf: 0 }
    const facts = { redirect: { from: 'https://api.example/a', to: 'https://blob.example/a' } }
    const decision = ask([all], request, facts, { redirects })
    expect(decision).toMatchObject({ kind: 'permit', byRedirect: true })
    expect(decision).not.toHaveProperty('credential')
    expect(ask([all], { ...request, credential: 'all' }, facts, { redirects })).toMatchObject({ reason: 'credential' })
  })

  test('is not written where the tool wrote something itself', () => {
    const keyed = credential('keyed', ['GET https://api.example/**?*'], { slot: { kind: 'query', key: 'key' } })
    expect(ask([keyed], { url: 'https://api.example/a?other=1' })).toMatchObject({ credential: 'keyed' })
    for (const url of ['https://api.example/a?key=1', 'https://api.example/a?x=1&%6Bey=2']) {
      expect(ask([keyed], { url })).toMatchObject({ kind: 'deny', reason: 'credential' })
    }
  })

  test('that could not be used denies, by the recorded fact alone', () => {
    const url = 'https://api.example/repos/a'
    expect(ask([GITHUB], { url }, { refused: 'github was revoked' })).toMatchObject({
      kind: 'deny',
      reason: 'credential',
      rule: 'github was revoked',
    })
  })
})

const MISREAD = ['x=%zz&key=1', '%ff&x=1', 'KEY=1', 'k_e_y=1', 'k-ey=1', 'k.ey=1', 'k+ey=1', 'ke%20y=1']
const CUT = ['key[]=1', 'key[=1', 'key;a=1', 'key%3Ba=1', 'key[%0A]=1']

test.each([...MISREAD, ...CUT])('a query that a server may read otherwise is not written to: %s', (query) => {
  const keyed = credential('keyed', ['GET https://api.example/**?*'], { slot: { kind: 'query', key: 'key' } })
  expect(ask([keyed], { url: `https://api.example/a?${query}` })).toMatchObject({ kind: 'deny' })
})

test('a slot names the header that it is written to', () => {
  expect(slotHeader(BEARER)).toBe('authorization')
  expect(slotHeader({ kind: 'header', header: 'x-api-key', format: '{secret}' })).toBe('x-api-key')
  expect(slotHeader({ kind: 'basic', username: 'x' })).toBe('authorization')
  expect(slotHeader({ kind: 'query', key: 'key' })).toBeUndefined()
})
