/** What a reviewer would say of a credential: each warning with what takes it away. */
import { expect, test } from 'vitest'
import { credentialWarnings, type CredentialReview } from '../../runtime/cli/credential-warnings.ts'
import { parseConfig } from '../../runtime/definition/config.ts'
import { openDesk } from '../support/program.ts'
import { liveSecret } from '../support/secrets.ts'

const NOW = Date.parse('2026-11-28T00:00Z')
const DAY = 24 * 60 * 60_000

const FINE = {
  source: '{ store: true }',
  inject: '{ header: Authorization, format: "Bearer {secret}" }',
  for: '["GET https://api.example/a"]',
  agents: '{ a: { from: ./a.yaml, tools: [t] } }',
  more: 'until: 2027-01-01T00:00Z',
}

function review(entry: Partial<typeof FINE>, more: Partial<CredentialReview> = {}): readonly string[] {
  const { source, inject, for: rules, agents, more: rest } = { ...FINE, ...entry }
  const access = agents === '' ? '' : `for: ${rules}\n    agents: ${agents}`
  const text = `credentials:\n  c:\n    source: ${source}\n    inject: ${inject}\n    ${access}\n    ${rest}\n`
  const config = parseConfig({ file: '/etc/c.yaml', text }).credentials.get('c')
  if (config === undefined) throw new Error('it has the credential')
  return credentialWarnings({
    name: 'c',
    config,
    usedByProviders: new Set(),
    secret: liveSecret('c', 'github_pat_12345678'),
    unusedScopes: [],
    stored: undefined,
    nowMs: NOW,
    isEphemeral: false,
    ...more,
  })
}

const stored = (more: object) =>
  ({ user: 'a', credential: 'c', version: 1, state: 'current', createdAtMs: NOW - DAY, ...more }) as NonNullable<
    CredentialReview['stored']
  >

test('says nothing of one that is narrow, short and used', () => {
  expect(review({}, { stored: stored({}) })).toEqual([])
})

test.each<[string, Partial<typeof FINE>, Partial<CredentialReview>, RegExp]>([
  ['nobody uses it', { agents: '' }, {}, /nobody may use it/],
  ['a classic GitHub token', {}, { secret: liveSecret('c', 'ghp_12345678') }, /classic GitHub token/],
  ['scopes', {}, { unusedScopes: ['gist', 'delete_repo'] }, /no rule of its `for` has a use for: gist, delete_repo/],
  ['no end', { more: '' }, {}, /write `until`/],
  ['exposed', {}, { stored: stored({ exposedAtMs: NOW }) }, /exposed on 2026-11-28/],
  ['overdue', {}, { stored: stored({ createdAtMs: NOW - 91 * DAY }) }, /not replaced since/],
  ['the environment', { source: '{ env: A }' }, {}, /stands in the environment/],
  ['the query', { inject: '{ query: key }' }, {}, /stands in URLs/],
  ['whole trees', { for: '["GET https://api.example/**"]' }, {}, /whole trees/],
  [
    'shared',
    { source: '{ file: ./c }', more: 'users: [alice, bob]\n    until: 2027-01-01T00:00Z' },
    {},
    /alice, bob share/,
  ],
])('says of %s', (_name, entry, more, expected) => {
  const found = review(entry, more)
  expect(found).toHaveLength(1)
  expect(found[0]).toMatch(expected)
})

test.each<[string, Partial<typeof FINE>, Partial<CredentialReview>]>([
  ['one that a provider uses', { agents: '' }, { usedByProviders: new Set(['c']) }],
  ['a variable of a machine that ends with its job', { source: '{ env: A }' }, { isEphemeral: true }],
  [
    'one that says itself when it ends',
    { more: '' },
    { secret: liveSecret('c', 'x'.repeat(9), { expiresAtMs: NOW + DAY }) },
  ],
  ['users with values of their own', { more: 'users: [alice, bob]\n    until: 2027-01-01T00:00Z' }, {}],
])('says nothing of %s', (_name, entry, more) => {
  expect(review(entry, more)).toEqual([])
})

test('`check` says them, and needs no configuration', async () => {
  using desk = openDesk({
    'a.yaml':
      'name: a\nscript: ./s.ts\ntools:\n  t: { description: d, request: "GET https://api.example/a", credentials: [c] }\n',
    's.ts': "import { defineScript } from 'run-agent'\nexport default defineScript(() => 'x')\n",
  })
  const without = await desk.run('check', 'a.yaml')
  expect(without.stdout).toMatch(/! t may use the credential c for what the operator says/)
  expect(without.exit).toBe(0)
  const { chmodSync, writeFileSync } = await import('node:fs')
  const config = `${desk.home}/config.yaml`
  writeFileSync(
    config,
    `credentials: { c: { source: { env: A }, inject: { query: key }, for: ["GET https://api.example/a"], agents: { a: { from: ${desk.workspace}/a.yaml, tools: [t] } } } }\n`,
  )
  chmodSync(config, 0o600)
  const { stdout, exit } = await desk.run('check', 'a.yaml', '--config', config)
  expect(stdout).toMatch(/! credential c: it stands in URLs/)
  expect(stdout).toMatch(/! t may use the credential c for GET https:\/\/api\.example\/a/)
  expect(exit).toBe(0)
})
