import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { attenuate, lacksAll, type NeededRights } from '../../runtime/policy/attenuate.ts'
import { decide } from '../../runtime/policy/decide.ts'
import type { CapabilityRequest, Grant } from '../../runtime/policy/grant.ts'
import { grantOf } from '../support/grants.ts'

test('what is not needed is dropped and reported', () => {
  const grant = grantOf({ read: ['a'], write: ['b'], delete: ['c'], git: true, deny: ['d'] })
  const { grant: narrowed, dropped } = attenuate(grant, { read: true, write: false })
  expect(narrowed).toEqual(grantOf({ read: ['a'], deny: ['d'] }))
  expect(dropped.map(({ right, rule }) => [right, rule])).toEqual([
    ['write', 'write b'],
    ['delete', 'delete c'],
    ['git', 'git: read'],
  ])
})

test('a need grants nothing', () => {
  const { grant, dropped } = attenuate(grantOf({}), { read: true, write: true, delete: true, git: true })
  expect(grant).toEqual(grantOf({}))
  expect(dropped).toEqual([])
})

test('what an attenuated grant permits, the grant permits and the manifest needs', () => {
  let permitted = 0
  fc.assert(
    fc.property(grants(), needs(), requests(), (grant, need, request) => {
      const { grant: narrowed } = attenuate(grant, need)
      if (decide(narrowed, request, {}).kind !== 'permit') return
      permitted += 1
      expect(decide(grant, request, {}).kind).toBe('permit')
      for (const right of rightsOf(request, narrowed)) expect(need[right]).toBe(true)
    }),
    { numRuns: 10_000 },
  )
  expect(permitted).toBeGreaterThan(100)
})

test('what both permit, the attenuated grant permits', () => {
  fc.assert(
    fc.property(grants(), needs(), requests(), (grant, need, request) => {
      const decision = decide(grant, request, {})
      const isNeeded = rightsOf(request, grant).every((right) => need[right] === true)
      if (decision.kind === 'permit' && isNeeded)
        expect(decide(attenuate(grant, need).grant, request, {})).toEqual(decision)
    }),
    { numRuns: 10_000 },
  )
})

function rightsOf(request: CapabilityRequest, grant: Grant): readonly (keyof NeededRights)[] {
  switch (request.op) {
    case 'timer':
      return []
    case 'fs.write':
    case 'fs.mkdir':
      return ['write']
    case 'fs.delete':
      return ['delete']
    case 'fs.rename':
      return ['read', 'delete', 'write']
    default: {
      const decision = decide(grant, request, {})
      return [decision.kind === 'permit' && decision.rule === 'git: read' ? 'git' : 'read']
    }
  }
}

function paths(): fc.Arbitrary<string> {
  return fc.constantFrom('', 'a', 'b', 'a/b', 'a/c/d', '.env', '.git/HEAD', '.git', 'package.json', '../x')
}

function grants(): fc.Arbitrary<Grant> {
  const patterns = fc.array(fc.constantFrom('**', 'a', 'a/**', '*', 'package.json', 'b', 'a/*/d'), { maxLength: 2 })
  const deny = fc.array(fc.constantFrom('b', 'a/c/**'), { maxLength: 1 })
  return fc.record({ read: patterns, write: patterns, delete: patterns, deny, git: fc.boolean() }).map(grantOf)
}

function needs(): fc.Arbitrary<NeededRights> {
  return fc.record(
    { read: fc.boolean(), write: fc.boolean(), delete: fc.boolean(), git: fc.boolean() },
    { requiredKeys: [] },
  )
}

function requests(): fc.Arbitrary<CapabilityRequest> {
  const op = fc.constantFrom('fs.read', 'fs.list', 'fs.stat', 'fs.write', 'fs.mkdir', 'fs.delete', 'fs.rename', 'timer')
  return fc.tuple(op, paths(), paths()).map(([name, path, other]): CapabilityRequest => {
    switch (name) {
      case 'fs.read':
      case 'fs.list':
        return { op: name, path }
      case 'fs.stat':
        return { op: name, path, followLinks: true }
      case 'fs.write':
        return { op: name, path, data: new Uint8Array(), how: 'replace' }
      case 'fs.mkdir':
        return { op: name, path, recursive: true }
      case 'fs.delete':
        return { op: name, path, kind: 'file' }
      case 'fs.rename':
        return { op: name, from: path, to: other }
      case 'timer':
        return { op: name, delayMs: 1 }
    }
  })
}

describe('HTTP rules', () => {
  const place = 'a.yaml:1:1'
  const grant: Grant = {
    ...grantOf({}),
    http: [
      { rule: 'GET,POST https://api.example.com/v1/**', place },
      { rule: 'GET https://other.example.com/', place },
    ],
    redirects: [{ rule: 'GET https://files.example.com/**', place }],
    headers: [{ name: 'x-tenant', value: 'a', place }],
  }
  const rulesOf = (http: NeededRights['http']): readonly string[] =>
    attenuate(grant, http === undefined ? {} : { http }).grant.http.map(({ rule }) => rule)

  it('stay where the tool needs any, and go where it needs none', () => {
    expect(rulesOf(true)).toHaveLength(2)
    const none = attenuate(grant, { read: true })
    expect(none.grant).toMatchObject({ http: [], redirects: [], headers: [] })
    expect(none.dropped.map(({ rule }) => rule)).toEqual(grant.http.map(({ rule }) => rule))
  })

  it('shrink to what a narrower need names, and never grow to a wider one', () => {
    expect(rulesOf(['GET https://api.example.com/v1/a', 'GET https://other.example.com/'])).toEqual([
      'GET https://api.example.com/v1/a',
      'GET https://other.example.com/',
    ])
    expect(rulesOf(['GET,POST https://*.example.com/**'])).toEqual([grant.http[0]!.rule])
    expect(rulesOf(['DELETE https://api.example.com/v1/**'])).toEqual([])
  })

  it('of one need none that the grant does not give', () => {
    expect(lacksAll(grantOf({}), { http: true })).toBe(true)
    expect(lacksAll(grant, { http: true })).toBe(false)
    expect(lacksAll(grantOf({}), {})).toBe(false)
    expect(lacksAll(grantOf({ read: ['a'] }), { read: true, write: true })).toBe(false)
  })
  it('that are needed leave the grant as it is, with what goes with them', () => {
    expect(attenuate(grant, { http: true })).toEqual({ grant, dropped: [] })
    const all = { ...grantOf({ read: ['a'], write: ['b'], delete: ['c'], git: true }), http: grant.http }
    const needs = { read: true, write: true, delete: true, git: true, http: true } as const
    expect(attenuate(all, needs)).toEqual({ grant: all, dropped: [] })
    expect(attenuate(all, {}).grant).toEqual({ ...all, paths: [], git: undefined, http: [] })
    expect(attenuate(all, {}).dropped).toHaveLength(6)
  })

  it('that are listed are needed, unless the list is empty', () => {
    expect(lacksAll(grantOf({}), { http: ['GET https://a.example/'] })).toBe(true)
    expect(lacksAll(grantOf({}), { http: [] })).toBe(false)
    expect(lacksAll(grantOf({}), { read: false })).toBe(false)
    expect(lacksAll(grantOf({ git: true }), { git: true })).toBe(false)
  })
})
