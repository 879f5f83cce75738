/** Whom the operator's configuration gives a credential to: user, agent and tool, each by itself. */
import { describe, expect, test } from 'vitest'
import { parseConfig } from '../runtime/definition/config.ts'
import { parseDefinition } from '../runtime/definition/parse.ts'
import { assertUsable, withCredentials, type CredentialQuestion } from '../runtime/granted-credentials.ts'
import type { Grant } from '../runtime/policy/grant.ts'
import { grantOf } from './support/grants.ts'

const LOCK = `sha256-${'a'.repeat(64)}`
const ANOTHER_LOCK = `sha256-${'b'.repeat(64)}`
const FILE = '/srv/agents/reviewer.yaml'

interface Setting {
  readonly agents?: string
  readonly users?: string
  readonly for?: string
  readonly inject?: string
  readonly definition?: string
  readonly headers?: string
  readonly http?: string
  /** Of the configuration, beside the others. */
  readonly more?: string
}

function configOf(setting: Setting): CredentialQuestion['config'] {
  return parseConfig({
    file: '/etc/run-agent/config.yaml',
    text: `credentials:
  github:
    source: { env: TOKEN }
    inject: ${setting.inject ?? '{ header: Authorization, format: "Bearer {secret}" }'}
    for: ${setting.for ?? '["GET https://api.example/repos/**?*"]'}
    ${setting.users === undefined ? '' : `users: ${setting.users}`}
    agents: ${setting.agents ?? `{ reviewer: { from: ${FILE}, tools: [get] } }`}
    ${setting.more ?? ''}
`,
  })
}

function ask(setting: Setting, question: Partial<CredentialQuestion> = {}): Grant {
  const config = configOf(setting)
  const definition = parseDefinition({
    file: 'reviewer.yaml',
    text:
      setting.definition ??
      `name: reviewer
script: ./s.ts
tools:
  get:
    from: ./t.ts
    http: ${setting.http ?? '["GET https://api.example/**?*"]'}
    credentials: [github]
    ${setting.headers === undefined ? '' : `headers: ${setting.headers}`}
`,
  })
  const [entry] = definition.tools
  if (entry === undefined) throw new Error('the definition has a tool')
  const { paths, deny, git, http, redirects, headers } = entry
  const grant: Grant = { tool: entry.name, paths, deny, git, http, redirects, headers, ownFiles: [] }
  const asked = { config, user: 'alice', owner: 'alice', realPath: FILE, digest: LOCK, realPathOf: (p: string) => p }
  return withCredentials(definition, entry, grant, { ...asked, ...question })
}

function refusal(setting: Setting, question: Partial<CredentialQuestion> = {}): { code: string; text: string } {
  try {
    ask(setting, question)
  } catch (error) {
    const { code, message, hint } = error as { code: string; message: string; hint?: string }
    return { code, text: `${message}\n${hint ?? ''}` }
  }
  throw new Error('it was given')
}

const byLock = `{ reviewer: { lock: ${LOCK}, tools: [get] } }`

describe('a credential is given', () => {
  test('to the file that the operator named', () => {
    expect(ask({}).credentials).toEqual([
      {
        name: 'github',
        rules: [expect.objectContaining({ rule: 'GET https://api.example/repos/**?*' })],
        slot: { kind: 'header', header: 'authorization', format: 'Bearer {secret}' },
        place: expect.stringMatching(/^reviewer\.yaml:7:/),
      },
    ])
  })

  test('to the bytes that the operator locked, wherever they lie', () => {
    expect(ask({ agents: byLock }, { realPath: '/tmp/elsewhere.yaml' }).credentials).toHaveLength(1)
  })

  test('to a file behind a link, by where it leads', () => {
    const realPathOf = (path: string): string => (path === FILE ? '/data/reviewer.yaml' : path)
    expect(ask({}, { realPath: '/data/reviewer.yaml', realPathOf }).credentials).toHaveLength(1)
  })

  test('for the narrower of two rules, whoever wrote it', () => {
    const rulesOf = (setting: Setting) =>
      ask(setting).credentials?.flatMap(({ rules }) => rules.map(({ rule }) => rule))
    const own = '["GET https://api.example/repos/a", "GET https://api.example/user"]'
    expect(rulesOf({ http: own })).toEqual(['GET https://api.example/repos/a'])
    expect(rulesOf({ for: own })).toEqual(['GET https://api.example/repos/a', 'GET https://api.example/user'])
  })

  test('where the tool fixes other headers, or it is written to none', () => {
    expect(ask({ headers: '{ x-api-key: mine }' }).credentials).toHaveLength(1)
    const inject = '{ query: key }'
    expect(ask({ inject, headers: '{ x-api-key: mine }' }).credentials).toHaveLength(1)
  })

  test('to no tool that names none: its grant is what it was', () => {
    const grant = grantOf({})
    const definition = parseDefinition({
      file: 'reviewer.yaml',
      text: 'name: reviewer\nscript: ./s.ts\ntools: { get: { from: ./t.ts } }\n',
    })
    const [entry] = definition.tools
    if (entry === undefined) throw new Error('the definition has a tool')
    const question = { config: configOf({}), user: 'alice', owner: 'alice', digest: LOCK, realPath: FILE }
    expect(withCredentials(definition, entry, grant, { ...question, realPathOf: (path) => path })).toBe(grant)
  })

  test('to the users that are listed', () => {
    expect(ask({ users: '[bob]' }, { user: 'bob' }).credentials).toHaveLength(1)
  })
})

describe('a credential is not given', () => {
  // One dimension at a time.
  test.each<[string, Setting, Partial<CredentialQuestion>, string, RegExp]>([
    [
      'to a repository that brings its own definition of the same name',
      {},
      { realPath: '/home/user/clone/reviewer.yaml' },
      'E_CREDENTIAL',
      /means another reviewer: the one in \/srv\/agents\/reviewer\.yaml; this one has the lock sha256-a/,
    ],
    ['to a definition that nobody can find', {}, { realPath: undefined }, 'E_CREDENTIAL', /means another reviewer/],
    [
      'to a definition that nobody can find, as another that nobody can find',
      {},
      { realPath: undefined, realPathOf: () => undefined },
      'E_CREDENTIAL',
      /means another reviewer[^]*from: the path of the definition/,
    ],
    ['to edited bytes of a locked one', { agents: byLock }, { digest: ANOTHER_LOCK }, 'E_CREDENTIAL', /this one has/],
    [
      'to another agent in the same file',
      { agents: `{ clerk: { from: ${FILE}, tools: [get] } }` },
      {},
      'E_CREDENTIAL',
      /does not name the agent reviewer[^]*agents: \{ reviewer: \{ from: \/srv/,
    ],
    [
      'to another tool',
      { agents: `{ reviewer: { from: ${FILE}, tools: [put] } }` },
      {},
      'E_CREDENTIAL',
      /not given to the tool get of reviewer[^]*gives it to put/,
    ],
    [
      'beside a tool that there is not',
      { agents: `{ reviewer: { from: ${FILE}, tools: [get, gett] } }` },
      {},
      'E_CREDENTIAL',
      /to gett, which no tool is called[^]*did you mean `get`/,
    ],
    [
      'beside a tool that is like none',
      { agents: `{ reviewer: { from: ${FILE}, tools: [get, somethingelse] } }` },
      {},
      'E_CREDENTIAL',
      /to somethingelse, which no tool is called[^]*the tools of reviewer are get/,
    ],
    ['to another user than the owner', {}, { user: 'bob' }, 'E_CREDENTIAL', /not for the user bob/],
    ['to the owner where others are listed', { users: '[bob]' }, {}, 'E_CREDENTIAL', /not for the user alice/],
    [
      'to a tool that requests nothing it is for',
      { for: '["GET https://other.example/**"]' },
      {},
      'E_CREDENTIAL',
      /never makes a request that the credential github is for/,
    ],
    [
      'to a tool that fixes the header it is written to',
      { inject: '{ header: X_Api_Key, format: "{secret}" }', headers: '{ x-api-key: mine }' },
      {},
      'E_DEFINITION',
      /x-api-key is where the credential github is written/,
    ],
  ])('%s', (_name, setting, question, code, text) => {
    const refused = refusal(setting, question)
    expect(refused.code).toBe(code)
    expect(refused.text).toMatch(text)
  })

  test('where the configuration does not know it, with the lines to write', () => {
    const definition =
      'name: reviewer\nscript: ./s.ts\ntools: { get: { from: ./t.ts, http: ["GET https://a.example/b"], credentials: [gitlab] } }\n'
    expect(refusal({ definition })).toMatchObject({ code: 'E_CONFIG' })
    expect(refusal({ definition }).text).toMatch(/no credential gitlab/)
  })
})

describe('a credential that something else than a tool uses', () => {
  const SINCE = Date.parse('2026-01-01T00:00:00Z')
  const UNTIL = Date.parse('2026-02-01T00:00:00Z')
  const dated = { more: 'since: 2026-01-01T00:00:00Z\n    until: 2026-02-01T00:00:00Z' }
  const use = (credential: string, setting: Setting, nowMs: number, user = 'alice') =>
    assertUsable(credential, { config: configOf(setting), user, owner: 'alice' }, nowMs)

  test('may be used by its users, from `since` until just before `until`', () => {
    expect(() => use('github', dated, SINCE)).not.toThrow()
    expect(() => use('github', dated, UNTIL - 1)).not.toThrow()
    expect(() => use('github', {}, UNTIL)).not.toThrow()
    expect(() => use('github', { users: '[bob]' }, UNTIL, 'bob')).not.toThrow()
    // One that the configuration does not know has another home: a variable of the environment.
    expect(() => use('OPENAI_API_KEY', {}, UNTIL)).not.toThrow()
  })

  test.each<[string, Setting, number, string, RegExp]>([
    ['before', dated, SINCE - 1, 'alice', /github may be used not before 2026-01-01T00:00:00.000Z/],
    ['after', dated, UNTIL, 'alice', /github may be used no longer than 2026-02-01T00:00:00.000Z/],
    ['by another user', dated, SINCE, 'bob', /not for the user bob/],
    ['by the owner where others are listed', { users: '[bob]' }, SINCE, 'alice', /not for the user alice/],
  ])('may not be used %s', (_name, setting, nowMs, user, message) => {
    expect(() => use('github', setting, nowMs, user)).toThrow(
      expect.objectContaining({ code: 'E_CREDENTIAL', message: expect.stringMatching(message) }),
    )
  })
})

test.each([
  ['agents without for', 'source: { env: A }, inject: { basic: x }, agents: { a: { from: ./a.yaml, tools: [t] } }'],
  [
    'agents without inject',
    'source: { env: A }, for: ["GET https://a.example/b"], agents: { a: { from: ./a.yaml, tools: [t] } }',
  ],
  ['for without agents', 'source: { env: A }, inject: { basic: x }, for: ["GET https://a.example/b"]'],
  ['a host that is not named', 'source: { env: A }, for: ["GET https://*.a.example/b"]'],
  ['a setting in a rule', 'source: { env: A }, for: ["GET https://a.example/${x}"]'],
  ['an agent by its name alone', 'source: { env: A }, agents: { a: { tools: [t] } }'],
  ['an agent by both', `source: { env: A }, agents: { a: { from: ./a.yaml, lock: ${LOCK}, tools: [t] } }`],
  ['a lock that is none', 'source: { env: A }, agents: { a: { lock: sha256-x, tools: [t] } }'],
  ['an agent without tools', 'source: { env: A }, agents: { a: { from: ./a.yaml } }'],
  ['no users', 'source: { env: A }, users: []'],
  ['no agents', 'source: { env: A }, agents: {}'],
  ['a tool twice', 'source: { env: A }, agents: { a: { from: ./a.yaml, tools: [t, t] } }'],
])('the configuration refuses %s', (_name, text) => {
  expect(() => parseConfig({ file: '/etc/c.yaml', text: `credentials: { c: { ${text} } }` })).toThrow(/c\.yaml:1:\d/)
})
