import { generateKeyPairSync } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAppAuth } from '@octokit/auth-app'
import { Octokit } from '@octokit/rest'
import { decodeJwt, jwtVerify } from 'jose'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { createGitHubAppSource } from '../../runtime/credentials/sources/source-github-app.ts'
import type { SecretSource } from '../../runtime/credentials/secret.ts'
import { createEnvSource } from '../../runtime/credentials/sources/source-env.ts'
import type { GitHubAppSource } from '../../runtime/definition/config-source.ts'
import { nodeHttpHost } from '../../runtime/node-http.ts'
import type { HttpHostRequest } from '../../runtime/ports.ts'
import { gitHub, type GitHub } from '../support/github.ts'
import { asked, refusalOf, VALUE_RULES, VERSION_KEY } from '../support/secret-parts.ts'

const MINUTE = 60_000
const http = nodeHttpHost()
const own = generateKeyPairSync('rsa', { modulusLength: 2048 })
const OWN_PEM = own.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

/** Requests pass through, and are counted. */
function counted(): { readonly http: typeof http; readonly requests: HttpHostRequest[] } {
  const requests: HttpHostRequest[] = []
  return {
    requests,
    http: {
      ...http,
      request: (request) => {
        requests.push(request)
        return http.request(request)
      },
    },
  }
}

const keySource = (pem: string): SecretSource =>
  createEnvSource('github.key', 'KEY', { ...VALUE_RULES, mayHaveLines: true, environment: { KEY: pem } })

interface Made {
  readonly source?: Partial<GitHubAppSource>
  readonly pem?: string
  readonly nowMs?: () => number
  readonly over?: typeof http
}

function appSource(baseURL: string, { source = {}, pem = OWN_PEM, nowMs = Date.now, over = http }: Made = {}) {
  const whole: GitHubAppSource = {
    kind: 'github-app',
    app: '12345',
    installation: '100',
    key: { kind: 'env', name: 'KEY' },
    repositories: ['shop'],
    permissions: new Map([['contents', 'read']]),
    baseURL,
    ...source,
  }
  return createGitHubAppSource('github', whole, {
    http: over,
    clock: { now: nowMs },
    versionKey: VERSION_KEY,
    key: keySource(pem),
  })
}

afterAll(() => http.close())

describe('against the GitHub of emulate', () => {
  let github: GitHub
  let pem = ''
  let url = ''

  beforeAll(async () => {
    github = await gitHub()
    pem = github.pem
    url = github.base
  })
  afterAll(() => github.close())

  test('a token reaches its repository and no other, as one of @octokit/auth-app does', async () => {
    const secret = await appSource(url, { pem }).fetch(asked())
    const theirs = createAppAuth({
      appId: 12345,
      privateKey: pem,
      request: new Octokit({ baseUrl: url, log: silent }).request,
    })
    const { token } = await theirs({
      type: 'installation',
      installationId: 100,
      repositoryNames: ['shop'],
      permissions: { contents: 'read' },
    })
    const reached = async (auth: string): Promise<readonly number[]> => {
      const octokit = new Octokit({ baseUrl: url, auth, log: silent })
      const statusOf = async (attempt: Promise<{ readonly status: number }>): Promise<number> => {
        try {
          return (await attempt).status
        } catch (error) {
          return Number(Object(error).status)
        }
      }
      return [
        await statusOf(octokit.repos.getContent({ owner: 'acme', repo: 'shop', path: 'README.md' })),
        await statusOf(octokit.repos.getContent({ owner: 'acme', repo: 'books', path: 'README.md' })),
        await statusOf(octokit.issues.create({ owner: 'acme', repo: 'shop', title: 'a' })),
      ]
    }
    const ours = await reached(secret.value)
    expect(ours).toEqual(await reached(token))
    expect(ours[0]).toBe(200)
    expect([403, 404]).toContain(ours[1])
    expect(ours[2]).toBe(403)
    expect(secret).toMatchObject({ credential: 'github', user: 'alice', scopes: ['contents:read'] })
    expect((secret.expiresAtMs ?? 0) - Date.now()).toBeGreaterThan(55 * MINUTE)
    expect(secret.related).toContain(pem.trim())
  })

  test('one token serves all until five minutes before its end, and each source has its own', async () => {
    let nowMs = Date.now()
    const { requests, http: over } = counted()
    const source = appSource(url, { pem, over, nowMs: () => nowMs })
    const all = await Promise.all(Array.from({ length: 8 }, (_, index) => source.fetch(asked({ user: `u${index}` }))))
    expect(new Set(all.map(({ value }) => value)).size).toBe(1)
    expect(all.map(({ user }) => user)).toEqual(Array.from({ length: 8 }, (_, index) => `u${index}`))
    const first = await source.fetch(asked())
    expect(requests).toHaveLength(1)
    nowMs = (first.expiresAtMs ?? 0) - 5 * MINUTE - 1
    expect(await source.fetch(asked())).toEqual(first)
    const wider = appSource(url, { pem, over, source: { permissions: new Map([['contents', 'write']]) } })
    expect((await wider.fetch(asked())).value).not.toBe(first.value)
    expect(requests).toHaveLength(2)
    // Refused by the server: another one is made.
    expect((await source.fetch(asked({ rejected: first.version }))).value).not.toBe(first.value)
    expect(requests).toHaveLength(3)
  })

  test('is renewed five minutes before its end', async () => {
    // emulate compares the times of the statement with its own clock, so the end comes nearer and not the time.
    const { requests, http: over } = counted()
    const nearer = {
      ...over,
      request: async (request: HttpHostRequest) => {
        const answer = await over.request(request)
        const reply: object = JSON.parse(Buffer.from(answer.body).toString())
        const end = new Date(Date.now() + 5 * MINUTE - 1).toISOString()
        return { ...answer, body: Buffer.from(JSON.stringify({ ...reply, expires_at: end })) }
      },
    }
    const source = appSource(url, { pem, over: nearer })
    const first = await source.fetch(asked())
    expect((await source.fetch(asked())).value).not.toBe(first.value)
    expect(requests).toHaveLength(2)
  })

  test.each<[string, Made, RegExp]>([
    [
      'more than the app has',
      { source: { permissions: new Map([['issues', 'admin']]) } },
      /answered 422.*installation/,
    ],
    ['a repository of others', { source: { repositories: ['elsewhere'] } }, /answered 422/],
    ['no such installation', { source: { installation: '101' } }, /answered 404.*no installation 101/],
    ['the key of another', { pem: OWN_PEM }, /answered 401.*belong together/],
  ])('refuses %s', async (_name, made, words) => {
    const said = await refusalOf(() => appSource(url, { pem, ...made }).fetch(asked()))
    expect(said).toMatch(words)
    expect(said).not.toContain('eyJ')
  })
})

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

interface Imitation {
  readonly url: string
  readonly requests: { readonly method: string; readonly url: string; readonly authorization: string; body: string }[]
}

/** An imitation of GitHub for what emulate has not: other replies, and `DELETE /installation/token`. */
async function imitation(
  reply: unknown,
  {
    status = 201,
    headers = {},
    ended = 204,
  }: { status?: number; headers?: Record<string, string>; ended?: number } = {},
): Promise<Imitation> {
  const requests: Imitation['requests'] = []
  const server = createServer((request: IncomingMessage, response) => {
    const seen = {
      method: request.method ?? '',
      url: request.url ?? '',
      authorization: request.headers.authorization ?? '',
      body: '',
    }
    requests.push(seen)
    request.on('data', (chunk) => (seen.body += String(chunk)))
    request.on('end', () => {
      if (seen.method === 'DELETE') response.writeHead(ended).end()
      else response.writeHead(status, headers).end(typeof reply === 'string' ? reply : JSON.stringify(reply))
    })
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests }
}

const GOOD = {
  token: `ghs_12345_${'eyJ'.padEnd(900, 'x')}`,
  expires_at: new Date(Date.now() + 60 * MINUTE).toISOString(),
  permissions: { contents: 'read', metadata: 'read' },
  repository_selection: 'selected',
  repositories: [{ name: 'Shop', full_name: 'acme/Shop' }],
}

describe('against an imitation', () => {
  test('asks with exactly what is written, in a statement of ten minutes', async () => {
    const { url, requests } = await imitation(GOOD)
    const secret = await appSource(url).fetch(asked())
    expect(secret.value).toBe(GOOD.token)
    const [request] = requests
    expect(request).toMatchObject({ method: 'POST', url: '/app/installations/100/access_tokens' })
    expect(JSON.parse(request?.body ?? '')).toEqual({ repositories: ['shop'], permissions: { contents: 'read' } })
    const statement = request?.authorization.replace('Bearer ', '') ?? ''
    await jwtVerify(statement, own.publicKey, { algorithms: ['RS256'], issuer: '12345' })
    const { iat = 0, exp = 0, ...rest } = decodeJwt(statement)
    expect(rest).toEqual({ iss: '12345' })
    expect(exp - iat).toBe(600)
    expect(Math.abs(Date.now() / 1000 - 60 - iat)).toBeLessThan(5)
    expect(secret.related).toContain(statement)
  })

  test.each<[string, object, RegExp]>([
    ['a higher level', { permissions: { contents: 'write' } }, /more permissions/],
    ['another permission', { permissions: { contents: 'read', issues: 'read' } }, /more permissions/],
    ['metadata to be written', { permissions: { metadata: 'write' } }, /more permissions/],
    ['an unknown level', { permissions: { contents: 'maintain' } }, /more permissions/],
    ['a level of another type', { permissions: { contents: ['read'] } }, /more permissions/],
    ['no permissions', { permissions: undefined }, /does not say/],
    ['all repositories', { repository_selection: 'all' }, /all repositories/],
    ['no selection', { repository_selection: undefined }, /all repositories/],
    ['no repositories', { repositories: undefined }, /all repositories/],
    ['one repository more', { repositories: [{ name: 'shop' }, { name: 'books' }] }, /more repositories/],
    ['a repository without a name', { repositories: [{ name: 'shop' }, {}] }, /all repositories/],
    ['no end', { expires_at: undefined }, /no end/],
    ['an end that has been', { expires_at: '2020-01-01T00:00:00Z' }, /no end/],
    ['an end that is none', { expires_at: 'later' }, /no end/],
  ])('throws a token away that comes with %s', async (_name, wrong, words) => {
    const { url, requests } = await imitation({ ...GOOD, ...wrong })
    const said = await refusalOf(() => appSource(url).fetch(asked()))
    expect(said).toMatch(words)
    expect(said).not.toContain('ghs_')
    expect(requests.map(({ method, url: path }) => `${method} ${path}`)).toEqual([
      'POST /app/installations/100/access_tokens',
      'DELETE /installation/token',
    ])
    expect(requests[1]?.authorization).toBe(`Bearer ${GOOD.token}`)
    // The control: without it, the same reply is taken.
    const { url: good } = await imitation(GOOD)
    expect(await appSource(good).fetch(asked())).toMatchObject({ value: GOOD.token })
  })

  test.each<[string, unknown, object, RegExp]>([
    ['a token that is none', { ...GOOD, token: 5 }, {}, /no token/],
    ['a token with a line break', { ...GOOD, token: 'ghs_123\r\nx: y' }, {}, /no token/],
    ['a token that no header takes', { ...GOOD, token: 'x'.repeat(20_000) }, {}, /no token/],
    ['no JSON', '<html>', {}, /does not say/],
    ['an array', [], {}, /does not say/],
    ['a redirect', '', { status: 307, headers: { location: 'http://127.0.0.1:1/' } }, /answered 307/],
    ['200', GOOD, { status: 200 }, /answered 200/],
    ['what it was sent', 'sekret', { status: 500 }, /answered 500/],
    ['more than a megabyte', 'x'.repeat(1024 * 1024 + 1), {}, /HTTP_BODY_TOO_LARGE/],
    ['another time', '', { status: 401, headers: { date: 'Tue, 01 Jan 2030 00:00:00 GMT' } }, /clock of this machine/],
  ])('refuses %s', async (_name, reply, options, words) => {
    const { url } = await imitation(reply, options)
    const said = await refusalOf(() => appSource(url).fetch(asked()))
    expect(said).toMatch(words)
    expect(said).not.toMatch(/sekret|eyJ/)
  })

  test('ends a token at GitHub, and gives it to nobody again', async () => {
    const { url, requests } = await imitation(GOOD)
    const source = appSource(url)
    const secret = await source.fetch(asked())
    expect(await source.revoke?.(secret, asked().signal)).toBe(true)
    expect(requests.at(-1)).toMatchObject({ method: 'DELETE', authorization: `Bearer ${GOOD.token}` })
    await source.fetch(asked())
    expect(requests.map(({ method }) => method)).toEqual(['POST', 'DELETE', 'POST'])
    for (const [ended, isEnded] of [
      [401, true],
      [404, false],
      [500, false],
    ] as const) {
      const other = appSource((await imitation(GOOD, { ended })).url)
      expect(await other.revoke?.(await other.fetch(asked()), asked().signal)).toBe(isEnded)
    }
  })

  test('takes no key but one of RSA, and shows none', async () => {
    const { url, requests } = await imitation(GOOD)
    const elliptic = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    const short = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey
    const pems = [elliptic, short].map((key) => key.export({ type: 'pkcs8', format: 'pem' }).toString())
    for (const pem of [
      ...pems,
      OWN_PEM.slice(0, 900),
      own.publicKey.export({ type: 'spki', format: 'pem' }),
      'key-123',
    ]) {
      const said = await refusalOf(() => appSource(url, { pem: String(pem) }).fetch(asked()))
      expect(said).toContain('no RSA key')
      expect(said).not.toContain('MII')
    }
    expect(requests).toEqual([])
  })

  test('is asked over TLS, or on this machine', async () => {
    const said = await refusalOf(() => appSource('http://github.example').fetch(asked()))
    expect(said).toContain('https alone')
    expect(await refusalOf(() => appSource('http://127.0.0.1:1').fetch(asked()))).toContain('ECONNREFUSED')
  })
})
