/**
 * What GitHub says of a token. The server is an imitation of the one header: no real GitHub can be reached from a test,
 * and emulate does not send it.
 */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { askScopes, unusedScopes, type GitHubRules } from '../../runtime/credentials/github-scopes.ts'
import { codeOf } from '../../runtime/errors.ts'
import { nodeHttpHost } from '../../runtime/node-http.ts'
import type { CredentialSlot } from '../../runtime/policy/grant.ts'
import { openDesk } from '../support/program.ts'
import { liveSecret } from '../support/secrets.ts'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

const BEARER: CredentialSlot = { kind: 'header', header: 'authorization', format: 'Bearer {secret}' }
const CLASSIC = 'ghp_0123456789abcdef0123456789abcdef0123'
const FOR = (...rules: string[]): GitHubRules => ({
  rules: rules.map((rule) => ({ rule, place: 'config.yaml:1:1' })),
  networks: [],
})

const seen: IncomingMessage[] = []
let said: string | undefined
const server = createServer((request, response) => {
  seen.push(request)
  response.writeHead(200, {
    'content-type': 'application/json',
    ...(said === undefined ? {} : { 'x-oauth-scopes': said }),
  })
  response.end('{}')
})
let base = ''
const http = nodeHttpHost()

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v3`
})
afterAll(async () => {
  await http.close()
  server.close()
})

const ask = (value: string, given: GitHubRules, slot: CredentialSlot = BEARER) =>
  askScopes(liveSecret('github', value), slot, given, http, AbortSignal.timeout(5000))

describe('the scopes of a token', () => {
  test('are asked at the root of the API that it is for, as it is sent elsewhere', async () => {
    said = 'repo, delete_repo,gist'
    seen.length = 0
    expect(await ask(CLASSIC, FOR(`GET ${base}/repos/acme/**`))).toEqual(['repo', 'delete_repo', 'gist'])
    expect(seen.map(({ method, url, headers }) => [method, url, headers.authorization])).toEqual([
      ['GET', '/api/v3/rate_limit', `Bearer ${CLASSIC}`],
    ])
    said = ''
    expect(await ask(CLASSIC, FOR(`GET ${base}/repos/acme/**`))).toEqual([])
    said = undefined
    expect(await ask(CLASSIC, FOR(`GET ${base}/repos/acme/**`))).toBeUndefined()
  })

  test.each([
    ['a finer token', 'github_pat_0123456789', `GET BASE/repos/acme/**`, BEARER],
    ['a token of an App', 'ghs_0123456789', `GET BASE/repos/acme/**`, BEARER],
    ['another API', CLASSIC, 'GET ORIGIN/v1/repos/acme/**', BEARER],
    ['a part of the root', CLASSIC, 'GET ORIGIN/api/**', BEARER],
    ['the query', CLASSIC, 'GET BASE/repos/acme/**', { kind: 'query', key: 'k' } as const],
  ])('are not asked for %s', async (_what, value, rule, slot) => {
    said = 'repo'
    seen.length = 0
    const written = rule.replace('BASE', base).replace('ORIGIN', base.replace('/api/v3', ''))
    expect(await ask(value, FOR(written), slot)).toBeUndefined()
    expect(seen).toEqual([])
  })

  test('cannot be had from a server that is not there', async () => {
    const error = await ask(CLASSIC, FOR('GET http://127.0.0.1:1/api/v3/repos/a/**')).catch((thrown: unknown) => thrown)
    expect(codeOf(error)).toBe('E_CREDENTIAL')
  })
})

const API = 'https://api.github.com'

describe('scopes that nothing uses', () => {
  test.each<[scopes: string[], rules: string[], unused: string[]]>([
    [['repo', 'gist', 'delete_repo'], [`GET ${API}/repos/acme/shop/issues/*`], ['gist', 'delete_repo']],
    [['repo', 'delete_repo'], [`DELETE ${API}/repos/acme/shop`], []],
    [['delete_repo'], [`DELETE ${API}/repos/acme/**`], []],
    [['delete_repo'], [`GET,POST ${API}/repos/acme/**`], ['delete_repo']],
    [['delete_repo'], [`DELETE ${API}/repos/acme`], ['delete_repo']],
    [['admin:org', 'read:org'], [`GET ${API}/orgs/acme/teams`], ['admin:org']],
    [['admin:org'], [`PUT ${API}/orgs/acme/memberships/*`], []],
    [['workflow'], [`GET ${API}/repos/acme/shop/contents/**`], ['workflow']],
    [['workflow'], [`PUT ${API}/repos/acme/shop/contents/**`], []],
    [['user', 'notifications'], [`GET ${API}/repos/*/*/notifications`], ['user']],
    [['repo', 'admin:org', 'project', 'delete_repo'], [`POST ${API}/graphql {query: viewer}`], ['delete_repo']],
    [['admin:enterprise', 'something:new'], [`GET ${API}/gists`], ['admin:enterprise']],
    [['gist'], [`POST ${API}/*`], []],
    [['gist'], ['POST https://github.corp.example/api/v3/gists'], []],
    [['gist'], ['POST https://github.corp.example/api/v3/user'], ['gist']],
    // Scopes of somebody else's API mean something else.
    [['gist', 'repo'], ['GET https://login.example/v1/a'], []],
  ])('of %j for %j are %j', (scopes, rules, unused) => {
    expect(unusedScopes(scopes, FOR(...rules))).toEqual(unused)
  })
})

test('`doctor` says them', async () => {
  said = 'repo, gist'
  const stdout = await doctorSays('until: 2999-01-01T00:00Z')
  expect(stdout).toContain(
    'credential github: is there, from the environment variable TOKEN; with the scopes repo gist\n',
  )
  expect(stdout).toContain('it has scopes that no rule of its `for` has a use for: gist\n')
})

test.each([
  ['whose time is over', 'until: 2020-01-01T00:00Z', /may be used no longer than 2020-01-01/],
  ['of somebody else', 'until: 2999-01-01T00:00Z\n    users: [somebody-else]', /is not for the user/],
])('`doctor` asks nothing with a credential %s', async (_what, more, why) => {
  said = 'repo'
  seen.length = 0
  expect(await doctorSays(more)).toMatch(why)
  expect(seen).toEqual([])
})

test('`doctor` shows nothing that a server makes of what it was sent', async () => {
  const until = 'until: 2999-01-01T00:00Z'
  said = `repo, ${CLASSIC}, it is ${CLASSIC}`
  expect(await doctorSays(until)).toContain('with the scopes repo\n')
  said = 'repo\tGIST, read:user'
  expect(await doctorSays(until)).toContain('with the scopes read:user\n')
})

async function doctorSays(more: string): Promise<string> {
  using desk = openDesk()
  const config = join(desk.home, 'config.yaml')
  const text = `credentials:
  github:
    source: { env: TOKEN }
    inject: { header: Authorization, format: "Bearer {secret}" }
    for: ["GET ${base}/repos/acme/*"]
    ${more}
    agents: { a: { from: ./a.yaml, tools: [t] } }
`
  writeFileSync(config, text, { mode: 0o600 })
  const { stdout } = await desk.runWith({ environment: { TOKEN: CLASSIC } }, 'doctor', '--config', config)
  expect(stdout).not.toContain(CLASSIC)
  return stdout
}
