import { describe, expect, it } from 'vitest'
import { checkConfigOwner, EMPTY_CONFIG, parseConfig } from '../../runtime/definition/config.ts'
import { problemsOf, summaries } from '../support/problems.ts'

const parse = (text: string) => parseConfig({ file: '/srv/config.yaml', text })
const mistakes = (text: string): readonly string[] => summaries(problemsOf(() => parse(text)))

describe('the operator configuration', () => {
  it('is read completely', () => {
    const config = parse(`providers:
  openai: { credential: openai }
  local: { baseURL: "http://127.0.0.1:11434/v1", api: chat }
credentials:
  openai: { source: { env: OPENAI_API_KEY } }
  other: { source: { file: ./other.key }, inject: { header: X-Key, format: "Key {secret}" } }
audit: { file: ./audit.db }
require: { walls: [bubblewrap] }
x-note: free
`)
    expect(config).toMatchInlineSnapshot(`
      {
        "audit": {
          "file": "./audit.db",
        },
        "ceiling": {
          "turns": undefined,
          "usd": undefined,
        },
        "credentials": Map {
          "openai" => {
            "agents": [],
            "for": [],
            "inject": undefined,
            "place": "/srv/config.yaml:5:3",
            "sinceMs": 0,
            "source": {
              "kind": "env",
              "name": "OPENAI_API_KEY",
            },
            "spending": [],
            "untilMs": "never",
            "users": undefined,
          },
          "other" => {
            "agents": [],
            "for": [],
            "inject": {
              "format": "Key {secret}",
              "header": "x-key",
              "kind": "header",
            },
            "place": "/srv/config.yaml:6:3",
            "sinceMs": 0,
            "source": {
              "kind": "file",
              "path": "/srv/other.key",
            },
            "spending": [],
            "untilMs": "never",
            "users": undefined,
          },
        },
        "file": "/srv/config.yaml",
        "networks": [],
        "protected": [],
        "providers": Map {
          "openai" => {
            "api": "responses",
            "baseUrl": undefined,
            "credential": "openai",
            "prices": Map {},
          },
          "local" => {
            "api": "chat",
            "baseUrl": "http://127.0.0.1:11434/v1",
            "credential": undefined,
            "prices": Map {},
          },
        },
        "require": {
          "walls": [
            "bubblewrap",
          ],
        },
        "settings": Map {},
        "store": {
          "file": undefined,
          "key": undefined,
        },
      }
    `)
  })

  it('is empty where there is nothing in it', () => {
    expect(parse('# nothing\n')).toEqual({ ...EMPTY_CONFIG, file: '/srv/config.yaml' })
  })

  it.each([
    ['providers', 'provider: {}'],
    ['credentials', 'credental: {}'],
    ['audit', 'audits: {}'],
    ['require', 'requires: {}'],
    ['networks', 'network: []'],
    ['credential', 'providers: { a: { credentail: b } }'],
    ['baseURL', 'providers: { a: { base_url: b } }'],
    ['api', 'providers: { a: { apis: chat } }'],
    ['source', 'credentials: { a: { sorce: { env: A } } }'],
    ['inject', 'credentials: { a: { source: { env: A }, injects: {} } }'],
    ['env', 'credentials: { a: { source: { evn: A } } }'],
    ['file', 'credentials: { a: { source: { fiel: A } } }'],
    ['header', 'credentials: { a: { source: { env: A }, inject: { haeder: A, format: "{secret}" } } }'],
    ['format', 'credentials: { a: { source: { env: A }, inject: { header: A, formt: "{secret}" } } }'],
    ['file', 'audit: { fil: a.db }'],
    ['walls', 'require: { wall: [bubblewrap] }'],
    ['bubblewrap', 'require: { walls: [bublewrap] }'],
    ['chat', 'providers: { a: { api: chta } }'],
    ['github', 'providers: { a: { credential: gihub } }\ncredentials: { github: { source: { env: A } } }'],
  ])('suggests %s', (key, text) => {
    expect(problemsOf(() => parse(text)).map(({ hint }) => hint)).toContain(`did you mean \`${key}\`?`)
  })

  it('refuses what is not supported yet', () => {
    const sources = ['keyring', 'vault', 'aws-secret', 'aws-role']
    for (const source of sources) {
      expect(mistakes(`credentials: { a: { source: { ${source}: x } } }`)).toEqual([
        `1:31 \`${source}\` is not supported yet`,
      ])
    }
    expect(mistakes('settings: {}\nnetworks: []\nceiling: {}\nprotected: []\naudit: { heads: x }\n')).toHaveLength(5)
    expect(mistakes('credentials: { a: { source: { env: A }, inject: { sigv4: {} } } }')).toHaveLength(1)
  })

  it.each([
    ['providers: { a: { credential: b } }', '1:31 `credential` names no entry of `credentials`'],
    ['providers: { A: {} }', '1:14 the name of a provider must be lower-case letters, digits, `_` and `-`'],
    [
      'providers: { a: { baseURL: "http://example.com" } }',
      '1:28 `baseURL` must be https, or http to a loopback address such as 127.0.0.1',
    ],
    [
      'providers: { a: { baseURL: "https://u:p@example.com" } }',
      '1:28 `baseURL` must not hold a user name or password',
    ],
    ['providers: { a: { baseURL: "https://example.com?a" } }', '1:28 `baseURL` must not hold a query or fragment'],
    ['providers: { a: { baseURL: example } }', '1:28 `baseURL` must be a URL'],
    ['credentials: { a: {} }', '1:16 the credential `a` has no `source`'],
    ['credentials: { a: { source: {} } }', '1:21 `source` is empty'],
    [
      'credentials: { a: { source: { env: A, file: b } } }',
      '1:21 `source` must be exactly one of `env`, `file`, `env-file`, `exec`, `store`, `github-app`, `oauth`',
    ],
    ['credentials: { a: { source: { env: "A B" } } }', '1:36 `env` must be the name of an environment variable'],
    [
      'credentials: { a: { source: { env: A }, inject: { header: B } } }',
      '1:41 `inject` must be exactly one of { header: NAME, format: "… {secret}" }, { basic: USERNAME } and { query: NAME }',
    ],
    [
      'credentials: { a: { source: { env: A }, inject: { header: "B:", format: "{secret}" } } }',
      '1:59 `header` must be the name of an HTTP header',
    ],
    [
      'credentials: { a: { source: { env: A }, inject: { header: B, format: x } } }',
      '1:70 `format` must hold `{secret}` exactly once',
    ],
    ['require: { walls: [] }', '1:12 `walls` is empty'],
    ['[]', '1:1 a configuration must be a mapping'],
  ])('%s', (text, expected) => {
    expect(mistakes(text)).toEqual([expected])
  })

  it('is never quoted: a line may hold a secret in the wrong place', () => {
    for (const text of [
      'credentials: { a: ghp_secret }',
      'credentials: { a: { source: ghp_secret } }',
      'a: "ghp_secret',
    ]) {
      const problems = problemsOf(() => parse(text))
      expect(JSON.stringify(problems)).not.toContain('ghp_secret')
    }
  })
})

describe('the owner of the configuration', () => {
  it('is the user or root, and nobody else can write it', () => {
    expect(checkConfigOwner({ uid: 1000, mode: 0o100644 }, 1000)).toBeUndefined()
    expect(checkConfigOwner({ uid: 0, mode: 0o600 }, 1000)).toBeUndefined()
    expect(checkConfigOwner({ uid: 1001, mode: 0o600 }, 1000)).toContain('must belong to you or to root')
    expect(checkConfigOwner({ uid: 1000, mode: 0o664 }, 1000)).toContain('its mode is 0664')
    expect(checkConfigOwner({ uid: 1000, mode: 0o602 }, 1000)).toContain('its mode is 0602')
  })
})
