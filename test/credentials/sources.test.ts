import { generateKeyPairSync } from 'node:crypto'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { SecretSource } from '../../runtime/credentials/secret.ts'
import {
  createClientSecretSource,
  createSource,
  secretVariables,
  type SourceParts,
} from '../../runtime/credentials/sources/sources.ts'
import type { OAuthSource } from '../../runtime/definition/config-oauth.ts'
import type { CredentialSource, GitHubAppSource } from '../../runtime/definition/config-source.ts'
import { nodeSecretFiles } from '../../runtime/node-secrets.ts'
import { nodeCommands } from '../../runtime/node-secret-command.ts'
import type { HttpHostRequest } from '../../runtime/ports.ts'
import { deepText } from '../support/provider-imitation.ts'
import { asked, refusalOf, temporaryFolder, VERSION_KEY } from '../support/secret-parts.ts'

const uid = process.getuid?.() ?? -1

function parts(more: Partial<SourceParts> = {}): SourceParts {
  const unused = (): never => {
    throw new Error('nobody asks this')
  }
  return {
    environment: { TOKEN: 'token-12345' },
    secretVariables: new Set(['TOKEN']),
    files: nodeSecretFiles(uid, []),
    commands: nodeCommands(uid, []),
    http: { request: unused },
    clock: { now: Date.now },
    tokens: { read: async () => undefined, write: unused, withLease: unused },
    versionKey: VERSION_KEY,
    createStoreSource: (name) => storeSource(name),
    ...more,
  }
}

const storeSource = (name: string): SecretSource => ({
  origin: `the store, as ${name}`,
  isPerUser: true,
  fetch: async ({ user }) => ({
    credential: name,
    user,
    version: '1',
    value: `stored-${name}-${user}`,
    related: [],
    expiresAtMs: undefined,
    scopes: undefined,
  }),
})

const app = (key: GitHubAppSource['key']): GitHubAppSource => ({
  kind: 'github-app',
  app: '1',
  installation: '2',
  key,
  repositories: ['shop'],
  permissions: new Map([['issues', 'read']]),
  baseURL: 'https://api.github.com',
})

const oauth = (flow: 'code' | 'client'): OAuthSource => ({
  kind: 'oauth',
  issuer: { url: 'https://id.example' },
  client: 'me',
  secret: { kind: 'env', name: 'SECRET' },
  scopes: [],
  parameters: new Map(),
  flow,
})

describe('createSource()', () => {
  test('makes every kind, and says where it is from and whose it is', async () => {
    const folder = temporaryFolder()
    for (const name of ['key', '.env']) writeFileSync(join(folder, name), 'A=token-file\n', { mode: 0o600 })
    const table: readonly (readonly [CredentialSource, boolean, RegExp, string | undefined])[] = [
      [{ kind: 'env', name: 'TOKEN' }, false, /variable TOKEN/, 'token-12345'],
      [{ kind: 'file', path: join(folder, 'key') }, false, /the file .*key/, 'A=token-file'],
      [{ kind: 'env-file', path: join(folder, '.env'), key: 'A' }, false, /A in the file/, 'token-file'],
      [{ kind: 'exec', file: '/usr/bin/printf', args: ['token-exec'] }, false, /printf/, 'token-exec'],
      [{ kind: 'exec', file: '/usr/bin/printf', args: ['token-${user}'] }, true, /printf/, 'token-alice'],
      [{ kind: 'store' }, true, /as github$/, 'stored-github-alice'],
      [app({ kind: 'env', name: 'TOKEN' }), false, /GitHub App 1.*variable TOKEN/, undefined],
      [app({ kind: 'store' }), true, /GitHub App 1.*as github\.key/, undefined],
      [oauth('code'), true, /a login at https:\/\/id\.example/, undefined],
      [oauth('client'), false, /https:\/\/id\.example, for the client me/, undefined],
    ]
    for (const [source, isPerUser, origin, value] of table) {
      const made = createSource('github', source, parts())
      expect(made.isPerUser, made.origin).toBe(isPerUser)
      expect(made.origin).toMatch(origin)
      expect(made.origin).not.toContain('token-')
      if (value !== undefined) expect(await made.fetch(asked())).toMatchObject({ value, user: 'alice' })
    }
  })

  test('reads the key of an app with its lines, and no other secret', async () => {
    const folder = temporaryFolder()
    const pem = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' })
    const path = join(folder, 'app.pem')
    writeFileSync(path, pem, { mode: 0o600 })
    const requests: HttpHostRequest[] = []
    const http: SourceParts['http'] = {
      request: async (request) => {
        requests.push(request)
        return { status: 404, headers: {}, body: new Uint8Array() }
      },
    }
    for (const key of [
      { kind: 'file', path } as const,
      { kind: 'exec', file: '/bin/cat', args: [path] } as const,
      { kind: 'env', name: 'PEM' } as const,
    ]) {
      const environment = { PEM: String(pem) }
      expect(
        await refusalOf(() => createSource('github', app(key), parts({ http, environment })).fetch(asked())),
      ).toContain('answered 404')
      expect(await refusalOf(() => createSource('github', key, parts({ environment })).fetch(asked()))).toContain(
        'several lines',
      )
    }
    expect(requests).toHaveLength(3)
  })

  test('holds what it has fetched nowhere but in its closures', async () => {
    const exec: CredentialSource = { kind: 'exec', file: '/usr/bin/printf', args: ['%s%s', 'token-', 'exec'] }
    for (const [source, value] of [
      [exec, 'token-exec'],
      [{ kind: 'env', name: 'TOKEN' }, 'token-12345'],
    ] as const) {
      const made = createSource('github', source, parts())
      const secret = await made.fetch(asked())
      expect(secret.value).toBe(value)
      expect(deepText(made)).not.toContain(value)
      expect(secret.version).not.toContain(value)
      // The control: the same inspection finds a secret that is held.
      expect(deepText({ ...made, secret })).toContain(value)
    }
  })

  test('names a nested secret after its credential', async () => {
    const stored: OAuthSource = { ...oauth('code'), secret: { kind: 'store' } }
    expect(await createClientSecretSource('github', stored, parts())?.fetch(asked())).toMatchObject({
      credential: 'github.secret',
      value: 'stored-github.secret-alice',
    })
    expect(createClientSecretSource('github', { ...stored, secret: undefined }, parts())).toBe(undefined)
  })

  test('gives no user the file of another', async () => {
    const folder = temporaryFolder()
    for (const user of ['alice', 'bob']) {
      mkdirSync(join(folder, user))
      writeFileSync(join(folder, user, 'key'), `token-of-${user}`)
      chmodSync(join(folder, user, 'key'), 0o600)
    }
    const made = createSource('github', { kind: 'file', path: join(folder, '${user}/key') }, parts())
    const exec = createSource(
      'github',
      { kind: 'exec', file: '/bin/cat', args: [join(folder, '${user}/key')] },
      parts(),
    )
    for (const source of [made, exec]) {
      const [alice, bob] = await Promise.all(['alice', 'bob'].map((user) => source.fetch(asked({ user }))))
      expect([alice?.value, bob?.value]).toEqual(['token-of-alice', 'token-of-bob'])
      expect(await refusalOf(() => source.fetch(asked({ user: '../bob' })))).toContain('the name of the user')
    }
  })
})

test('secretVariables() finds them at every depth', () => {
  expect(secretVariables({ kind: 'env', name: 'TOKEN' })).toEqual(['TOKEN'])
  expect(secretVariables(app({ kind: 'env', name: 'KEY' }))).toEqual(['KEY'])
  expect(secretVariables(oauth('code'))).toEqual(['SECRET'])
  expect(secretVariables(app({ kind: 'store' }))).toEqual([])
  expect(secretVariables({ kind: 'file', path: '/a' })).toEqual([])
})
