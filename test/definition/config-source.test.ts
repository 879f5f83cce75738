import { describe, expect, test } from 'vitest'
import { readSource, type CredentialSource } from '../../runtime/definition/config-source.ts'
import { NodeReader } from '../../runtime/definition/node-reader.ts'
import { parseYaml } from '../../runtime/definition/yaml-source.ts'
import { problemsOf, summaries } from '../support/problems.ts'

function source(yaml: string): CredentialSource | undefined {
  const { root, problems } = parseYaml('configuration', '/etc/run-agent/config.yaml', yaml)
  const found = readSource(
    new NodeReader(problems),
    { key: 'source', at: 0, value: root, valueAt: 0 },
    '/etc/run-agent/config.yaml',
  )
  problems.throwIfAny()
  return found
}
const mistakes = (yaml: string): readonly string[] => summaries(problemsOf(() => source(yaml)))

const APP =
  'app: 1234, installation: 5678, key: { file: ./app.pem }, repositories: [shop], permissions: { issues: write }'
const OAUTH = 'client: me, secret: { env: SECRET }, flow: code'

describe('source', () => {
  test.each<[string, CredentialSource]>([
    ['{ env: TOKEN }', { kind: 'env', name: 'TOKEN' }],
    ['{ file: ./key, x-note: mine }', { kind: 'file', path: '/etc/run-agent/key' }],
    ['{ file: "../${user}/key" }', { kind: 'file', path: '/etc/${user}/key' }],
    ['{ file: /run/secrets/key }', { kind: 'file', path: '/run/secrets/key' }],
    ['{ env-file: .env, key: TOKEN }', { kind: 'env-file', path: '/etc/run-agent/.env', key: 'TOKEN' }],
    [
      '{ exec: [/usr/bin/pass, "${user}/x", "-a"] }',
      { kind: 'exec', file: '/usr/bin/pass', args: ['${user}/x', '-a'] },
    ],
    ['{ exec: [/usr/bin/pass] }', { kind: 'exec', file: '/usr/bin/pass', args: [] }],
    ['{ store: true }', { kind: 'store' }],
    [
      `{ github-app: { ${APP} } }`,
      {
        kind: 'github-app',
        app: '1234',
        installation: '5678',
        key: { kind: 'file', path: '/etc/run-agent/app.pem' },
        repositories: ['shop'],
        permissions: new Map([['issues', 'write']]),
        baseURL: 'https://api.github.com',
      },
    ],
    [
      '{ github-app: { app: Iv1.abc, installation: 1, key: { store: true }, repositories: [a, b], permissions: { contents: read }, baseURL: "http://127.0.0.1:80/api/v3/" } }',
      {
        kind: 'github-app',
        app: 'Iv1.abc',
        installation: '1',
        key: { kind: 'store' },
        repositories: ['a', 'b'],
        permissions: new Map([['contents', 'read']]),
        baseURL: 'http://127.0.0.1:80/api/v3',
      },
    ],
    [
      '{ oauth: { issuer: https://id.example/, client: me, flow: device, scopes: [a, "b:c"], parameters: { audience: x } } }',
      {
        kind: 'oauth',
        issuer: { url: 'https://id.example/' },
        client: 'me',
        secret: undefined,
        scopes: ['a', 'b:c'],
        parameters: new Map([['audience', 'x']]),
        flow: 'device',
      },
    ],
    [
      `{ oauth: { authorization: https://id.example/a, token: https://id.example/t, ${OAUTH} } }`,
      {
        kind: 'oauth',
        issuer: { authorization: 'https://id.example/a', token: 'https://id.example/t' },
        client: 'me',
        secret: { kind: 'env', name: 'SECRET' },
        scopes: [],
        parameters: new Map(),
        flow: 'code',
      },
    ],
    [
      '{ oauth: { token: https://id.example/t, client: me, secret: { file: s }, flow: client } }',
      {
        kind: 'oauth',
        issuer: { authorization: undefined, token: 'https://id.example/t' },
        client: 'me',
        secret: { kind: 'file', path: '/etc/run-agent/s' },
        scopes: [],
        parameters: new Map(),
        flow: 'client',
      },
    ],
  ])('%s', (yaml, expected) => expect(source(yaml)).toEqual(expected))

  const oneOf =
    /^1:1 `source` must be exactly one of `env`, `file`, `env-file`, `exec`, `store`, `github-app`, `oauth`$/

  test.each<[string, string | RegExp]>([
    ['{ env: A, file: b }', oneOf],
    ['{ store: true, env: A }', oneOf],
    ['{ key: A }', oneOf],
    ['{ x-note: a }', '1:1 `source` is empty'],
    ['{}', '1:1 `source` is empty'],
    ['secret', 'must be a mapping'],
    ['{ enf: A }', '1:3 unknown key `enf` in `source` (did you mean `env`?)'],
    ['{ ENV: A }', '1:3 unknown key `ENV`'],
    ['{ keyring: a }', '1:3 `keyring` is not supported yet'],
    ['{ vault: a }', '1:3 `vault` is not supported yet'],
    ['{ aws-secret: a }', '1:3 `aws-secret` is not supported yet'],
    ['{ aws-role: a }', '1:3 `aws-role` is not supported yet'],
    ['{ env: 1A }', '1:8 `env` must be the name of an environment variable'],
    ['{ env: "${user}" }', '1:8 `env` must be the name'],
    ['{ env: A, key: B }', '1:11 `key` stands beside `env-file` alone'],
    ['{ env-file: .env }', '1:3 `env-file` needs a `key` beside it'],
    ['{ env-file: .env, key: a b }', '`key` must be the name of a variable in the file'],
    ['{ file: "a/${USER}" }', '1:9 only `${user}` is replaced here'],
    ['{ file: "a/${user" }', '1:9 only `${user}` is replaced here'],
    ['{ file: "a\\nb" }', 'control character'],
    ['{ exec: pass }', '`exec` must be a list, not text'],
    ['{ exec: [] }', '`exec` is empty'],
    ['{ exec: [pass, show] }', '1:10 the command in `exec` must be an absolute path'],
    ['{ exec: ["${user}/x"] }', 'must be an absolute path'],
    ['{ exec: [/bin/a, "${other}"] }', '1:18 only `${user}`'],
    ['{ exec: [/bin/a, 1] }', 'put it in quotes'],
    [`{ exec: [${'/a,'.repeat(65)}] }`, 'more than 64 arguments'],
    ['{ store: false }', '`store` must be true'],
    ['{ github-app: {} }', '`github-app` is empty'],
    [`{ github-app: { ${APP.replace('key: { file: ./app.pem }, ', '')} } }`, '1:3 `github-app` must have `key`'],
    [`{ github-app: { ${APP.replace('repositories: [shop], ', '')} } }`, 'must have `repositories`'],
    [`{ github-app: { ${APP.replace('[shop]', '[]')} } }`, '`repositories` is empty'],
    [`{ github-app: { ${APP.replace('[shop]', '[acme/shop]')} } }`, 'is not the name of a repository'],
    [`{ github-app: { ${APP.replace('[shop]', '[".."]')} } }`, 'is not the name of a repository'],
    [`{ github-app: { ${APP.replace('[shop]', '[a, a]')} } }`, '`a` is written twice'],
    [`{ github-app: { ${APP.replace('issues: write', '')} } }`, '`permissions` is empty'],
    [`{ github-app: { ${APP.replace('write', 'wriet')} } }`, '`issues` must be `read`, `write` or `admin`'],
    [`{ github-app: { ${APP.replace('issues', 'Issues')} } }`, '`Issues` is not a permission'],
    [`{ github-app: { ${APP.replace('1234', '"-1"')} } }`, '`app` must be the number'],
    [`{ github-app: { ${APP.replace('5678', 'x')} } }`, '`installation` must be a whole number'],
    [`{ github-app: { ${APP}, baseURL: "http://github.example" } }`, '`baseURL` must be https'],
    [`{ github-app: { ${APP}, baseURL: "https://u:p@github.example" } }`, 'user name or password'],
    [`{ github-app: { ${APP}, baseUrl: "https://github.example" } }`, 'unknown key `baseUrl`'],
    [
      `{ github-app: { ${APP.replace('{ file: ./app.pem }', '{ oauth: { issuer: a } }')} } }`,
      '`key` must be exactly one of `env`, `file`, `env-file`, `exec`, `store`',
    ],
    [`{ github-app: { ${APP.replace('{ file: ./app.pem }', '{ github-app: {} }')} } }`, '`key` must be exactly one of'],
    [`{ github-app: { ${APP.replace('{ file: ./app.pem }', './app.pem')} } }`, '`key` must be a mapping'],
    [`{ github-app: { ${APP.replace('{ file: ./app.pem }', '{ vault: a }')} } }`, '`vault` is not supported yet'],
    [`{ oauth: { ${OAUTH} } }`, 'must have `issuer`, or `authorization` and `token`'],
    [`{ oauth: { issuer: https://a.example, token: https://a.example/t, ${OAUTH} } }`, 'must have `issuer`, or'],
    [`{ oauth: { token: https://a.example/t, ${OAUTH} } }`, 'must have `issuer`, or `authorization` and `token`'],
    [`{ oauth: { authorization: https://a.example/t, ${OAUTH} } }`, 'must have `issuer`, or `authorization` and'],
    [
      '{ oauth: { authorization: https://a.example/a, token: https://a.example/t, client: me, secret: { env: A }, flow: client } }',
      '`flow: client` must have `issuer`, or `token`',
    ],
    ['{ oauth: { issuer: https://a.example, client: me, flow: client } }', '`flow: client` needs a `secret`'],
    [
      '{ oauth: { issuer: https://a.example, client: me, flow: implicit } }',
      '`flow` must be `code`, `device` or `client`',
    ],
    ['{ oauth: { issuer: https://a.example, flow: code } }', '`oauth` must have `client`'],
    [`{ oauth: { issuer: "http://localhost:1", ${OAUTH} } }`, '`issuer` must be https'],
    [`{ oauth: { issuer: "https://a.example/?x=1", ${OAUTH} } }`, '`issuer` must not hold a query'],
    [`{ oauth: { issuer: https://a.example, ${OAUTH}, scopes: ["a b"] } }`, '`a b` is not a scope'],
    [`{ oauth: { issuer: https://a.example, ${OAUTH}, parameters: { state: x } } }`, '`state` is written by the flow'],
    [`{ oauth: { issuer: https://a.example, ${OAUTH}, parameters: { Redirect_URI: x } } }`, 'written by the flow'],
    [`{ oauth: { issuer: https://a.example, ${OAUTH}, parameters: { "a&b": x } } }`, 'is not the name of a parameter'],
    [`{ oauth: { issuer: https://a.example, ${OAUTH}, parameters: {} } }`, '`parameters` is empty'],
    [`{ oauth: { issuer: https://a.example, ${OAUTH}, scope: [a] } }`, 'unknown key `scope`'],
    [
      `{ oauth: { issuer: https://a.example, ${OAUTH.replace('{ env: SECRET }', 'SECRET')} } }`,
      '`secret` must be a mapping',
    ],
    [
      `{ oauth: { issuer: https://a.example, ${OAUTH.replace('{ env: SECRET }', '{ oauth: {} }')} } }`,
      '`secret` must be exactly one of',
    ],
  ])('%s: %s', (yaml, message) => {
    const said = mistakes(yaml)
    expect(said).toHaveLength(1)
    if (typeof message === 'string') expect(said[0]).toContain(message)
    else expect(said[0]).toMatch(message)
  })
})
