import { expect, test } from 'vitest'
import { readAuthority, writeAuthority } from '../../runtime/credentials/chain/authority-text.ts'
import type { Authority } from '../../runtime/credentials/chain/authority.ts'
import { AUTHORITY_LENGTH_MAX, AUTHORITY_RULES_MAX } from '../../runtime/limits.ts'
import { BASE } from '../support/authority-oracle.ts'

test('one authority has one text, and comes back from it', () => {
  const text = writeAuthority(BASE)
  const turned = Object.fromEntries(Object.entries(BASE).toReversed()) as unknown as Authority
  const twice = {
    ...turned,
    scopes: ['user', 'repo', 'user'],
    permissions: { contents: 'read', issues: 'write' } as const,
  }
  expect(writeAuthority(twice)).toBe(text)
  expect(readAuthority(text)).toEqual(BASE)
  expect(writeAuthority({ ...BASE, usesMax: 'unlimited', expiresAtMs: 'never' })).toContain('"usesMax":"unlimited"')
})

const text = writeAuthority(BASE)

test.each<[string, string]>([
  ['no JSON', text.slice(1)],
  ['a list', '[]'],
  ['nothing', 'null'],
  ['a dimension less', text.replace(/"scopes":[^\]]*\],/, '')],
  ['a dimension more', text.replace('{', '{"cookies":[],')],
  ['a dimension twice', text.replace('"usesMax":5', '"usesMax":5,"usesMax":6')],
  ['another order', text.replace('["repo","user"]', '["user","repo"]')],
  ['a blank', `${text} `],
  ['a bound below zero', text.replace('"usesMax":5', '"usesMax":-5')],
  ['half a use', text.replace('"usesMax":5', '"usesMax":5.5')],
  ['another word for no bound', text.replace('"usesMax":5', '"usesMax":"never"')],
  ['a text for a list', text.replace('["repo","user"]', '"repo"')],
  ['a number in a list', text.replace('["repo","user"]', '["repo",1]')],
  ['a level that nobody knows', text.replace('"write"', '"owner"')],
  ['permissions in another order', text.replace(/("contents":"read"),("issues":"write")/, '$2,$1')],
  ['a number for the name of a permission', text.replace('"contents"', '"1"')],
  ['a media type in capitals', text.replace('application/json', 'Application/JSON')],
  ['a media type with a parameter', text.replace('application/json', 'application/json; charset=utf-8')],
])('what holds %s is not read', (_what, changed) => {
  expect(changed).not.toBe(text)
  expect(readAuthority(changed)).toBeUndefined()
})

test('what is no authority, or too large, is not written', () => {
  const rules = (count: number): Authority => ({
    ...BASE,
    rules: Array.from({ length: count }, (_, index) => `GET https://a.example/${index}`),
  })
  expect(readAuthority(writeAuthority(rules(AUTHORITY_RULES_MAX)))?.rules).toHaveLength(AUTHORITY_RULES_MAX)
  expect(() => writeAuthority(rules(AUTHORITY_RULES_MAX + 1))).toThrow(
    expect.objectContaining({ code: 'E_CREDENTIAL' }),
  )
  expect(() => writeAuthority({ ...BASE, repositories: ['x'.repeat(AUTHORITY_LENGTH_MAX)] })).toThrow(
    expect.objectContaining({ code: 'E_CREDENTIAL' }),
  )
  expect(() => writeAuthority({ ...BASE, usesMax: NaN })).toThrow(expect.objectContaining({ code: 'E_CREDENTIAL' }))
  expect(() => writeAuthority({ ...BASE, scopes: ['\ud800'] })).toThrow(
    expect.objectContaining({ code: 'E_CREDENTIAL' }),
  )
  const { scopes: _, ...missing } = BASE
  expect(() => writeAuthority(missing as unknown as Authority)).toThrow(
    expect.objectContaining({ code: 'E_CREDENTIAL' }),
  )
})
