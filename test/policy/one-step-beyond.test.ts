/** One step beyond what is granted, at every edge where a slip of the hand would permit it. */
import { describe, expect, test } from 'vitest'
import { decide } from '../../runtime/policy/decide.ts'
import type { CapabilityRequest, Facts, Grant } from '../../runtime/policy/grant.ts'
import { grantOf } from '../support/grants.ts'

function said(grant: Grant, request: CapabilityRequest, facts: Facts = {}): string {
  const decision = decide(grant, request, facts)
  return decision.kind === 'permit' ? 'permit' : decision.reason
}

const list = (path: string): CapabilityRequest => ({ op: 'fs.list', path })
const stat = (path: string): CapabilityRequest => ({ op: 'fs.stat', path, followLinks: true })
const read = (path: string): CapabilityRequest => ({ op: 'fs.read', path })

describe('metadata', () => {
  const grant = grantOf({ read: ['src/lib/*.ts'] })

  test.for(['', 'src', 'src/lib'])('of %j leads to what is granted, unless it is no folder', (path) => {
    for (const request of [stat(path), list(path)]) {
      expect(said(grant, request)).toBe('permit')
      expect(said(grant, request, { isFolder: false })).toBe('default-deny')
    }
  })
})

describe('git: read alone', () => {
  const grant = grantOf({ git: true })

  test('lists the root and nothing else of the workspace', () => {
    expect(said(grant, list(''))).toBe('permit')
    for (const path of ['a', 'src', 'src/lib', '.github']) {
      for (const request of [list(path), stat(path), read(path)]) expect(said(grant, request)).toBe('default-deny')
    }
    expect(said(grant, read(''))).toBe('default-deny')
    expect(said(grantOf({}), list(''))).toBe('default-deny')
  })

  test.for(['config', 'hooks', 'hooks/pre-commit', 'index', 'logs', 'logs/HEAD', 'modules', 'credentials', 'HEAD/x'])(
    'tells nothing of .git/%s, not even that it is there',
    (name) => {
      for (const request of [list(`.git/${name}`), stat(`.git/${name}`), read(`.git/${name}`)]) {
        expect(said(grant, request)).toBe('git-internal')
      }
    },
  )
})

describe('a path that the operator took off the list', () => {
  const grant = grantOf({ read: ['**'], allowProtected: ['.env'] })

  test.for<[string, string]>([
    ['.env', 'permit'],
    ['.env/b', 'permit'],
    ['a/.env', 'protected'],
    ['a/.env/b', 'protected'],
    ['.env.local', 'protected'],
    ['x.env/.ssh', 'protected'],
  ])('%s: %s', ([path, expected]) => {
    expect(said(grant, read(path))).toBe(expected)
  })
})
