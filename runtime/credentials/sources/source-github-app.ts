/**
 * `{ github-app: … }`: installation tokens with exactly the repositories and permissions that are written (GitHub REST,
 * "Create an installation access token for an app"). What comes back is compared with what was asked for.
 */
import { createPrivateKey, type KeyObject } from 'node:crypto'
import { SignJWT } from 'jose'
import type { GitHubAppSource } from '../../definition/config-source.ts'
import { RunAgentError } from '../../errors.ts'
import { APP_STATEMENT_AHEAD_S, APP_STATEMENT_BACK_S, SECRET_LENGTH_MAX, TOKEN_MARGIN_MS } from '../../limits.ts'
import type { Clock, HttpHost, HttpHostResponse } from '../../ports.ts'
import { askIssuer } from './issuer-http.ts'
import { versionOf } from './secret-value.ts'
import type { LiveSecret, SecretQuestion, SecretSource } from '../secret.ts'
import { createSharedWork } from './shared-work.ts'

export interface GitHubAppParts {
  readonly http: HttpHost
  readonly clock: Pick<Clock, 'now'>
  readonly versionKey: Uint8Array
  /** The source of the app's private key; `source.key` says where it is from. */
  readonly key: SecretSource
}

type Asked = Pick<GitHubAppSource, 'repositories' | 'permissions'>

const KEY_BITS_MIN = 2048
const LEVELS: readonly unknown[] = ['none', 'read', 'write', 'admin']
/** GitHub adds it to every token; it shows what a repository is called and nothing in it. */
const ALWAYS_READ = 'metadata'
const TOKEN = /^[\x21-\x7e]{8,}$/
const HEADERS = { accept: 'application/vnd.github+json', 'x-github-api-version': '2022-11-28' } as const

/** Tokens are kept in memory until five minutes before they end; each source has its own, for what it asks alone. */
export function createGitHubAppSource(
  credential: string,
  source: GitHubAppSource,
  parts: GitHubAppParts,
): SecretSource {
  const { clock, key: keySource } = parts
  const kept = new Map<string, LiveSecret>()
  const share = createSharedWork<LiveSecret>()
  const isFresh = (secret: LiveSecret): boolean => clock.now() < (secret.expiresAtMs ?? 0) - TOKEN_MARGIN_MS

  return {
    origin: `the installation ${source.installation} of the GitHub App ${source.app}, with a key from ${keySource.origin}`,
    isPerUser: keySource.isPerUser,
    fetch: async (question) => {
      const { user, rejected } = question
      const key = keySource.isPerUser ? user : ''
      const had = kept.get(key)
      if (had !== undefined && had.version !== rejected && isFresh(had)) return { ...had, user }
      const minted = await share(JSON.stringify([key, rejected ?? null]), question.signal, async (signal) => {
        const secret = await mint(credential, source, parts, { ...question, signal })
        kept.set(key, secret)
        return secret
      })
      return { ...minted, user }
    },
    revoke: async (secret, signal) => {
      for (const [key, { version }] of kept) if (version === secret.version) kept.delete(key)
      return await end(secret.value, source, parts, signal)
    },
  }
}

async function mint(
  credential: string,
  source: GitHubAppSource,
  parts: GitHubAppParts,
  { user, signal }: SecretQuestion,
): Promise<LiveSecret> {
  const { http, clock } = parts
  const pem = await parts.key.fetch({ user, signal })
  const statement = await signedStatement(credential, source.app, pem.value, clock.now())
  const wanted = { repositories: source.repositories, permissions: Object.fromEntries(source.permissions) }
  const answer = await askIssuer(http, {
    method: 'POST',
    url: `${source.baseURL}/app/installations/${source.installation}/access_tokens`,
    headers: { ...HEADERS, authorization: `Bearer ${statement}`, 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify(wanted)),
    signal,
  })
  if (answer.status !== 201) throw refusedBy(credential, source, answer, clock.now())
  const reply = replyOf(answer)
  const excess =
    excessOf(reply, source) ??
    (isTimely(reply.expiresAtMs, clock.now()) ? undefined : 'a token with no end that can be')
  if (reply.token === undefined || excess !== undefined) {
    // Thrown away, and at GitHub too: nobody may use what nobody asked for.
    if (reply.token !== undefined) await end(reply.token, source, parts, signal).catch(() => false)
    throw new RunAgentError(
      'E_CREDENTIAL',
      `GitHub gave the credential ${credential} ${excess ?? 'no token'}; it was not used`,
      { hint: 'The token must have the repositories and permissions of `github-app` and no others.' },
    )
  }
  return {
    credential,
    user,
    version: versionOf(parts.versionKey, credential, reply.token),
    value: reply.token,
    related: [pem.value, statement],
    expiresAtMs: reply.expiresAtMs,
    scopes: reply.permissions.map(([name, level]) => `${name}:${String(level)}`),
  }
}

async function end(
  token: string,
  source: GitHubAppSource,
  { http }: GitHubAppParts,
  signal: AbortSignal,
): Promise<boolean> {
  const answer = await askIssuer(http, {
    method: 'DELETE',
    url: `${source.baseURL}/installation/token`,
    headers: { ...HEADERS, authorization: `Bearer ${token}` },
    body: undefined,
    signal,
  })
  // 401: it is of no use any more.
  return answer.status === 204 || answer.status === 401
}

/** A JWT of the app about itself, for ten minutes at most: GitHub takes no longer one. */
async function signedStatement(credential: string, app: string, pem: string, nowMs: number): Promise<string> {
  const key = privateKeyOf(pem)
  if (key?.asymmetricKeyType !== 'rsa' || (key.asymmetricKeyDetails?.modulusLength ?? 0) < KEY_BITS_MIN) {
    throw new RunAgentError('E_CREDENTIAL', `the key of the credential ${credential} is no RSA key that GitHub makes`, {
      hint: 'It must be the PEM file that GitHub gave for the app, whole.',
    })
  }
  const nowS = Math.floor(nowMs / 1000)
  return await new SignJWT()
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT' })
    .setIssuer(app)
    .setIssuedAt(nowS - APP_STATEMENT_BACK_S)
    .setExpirationTime(nowS + APP_STATEMENT_AHEAD_S)
    .sign(key)
}

function privateKeyOf(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem)
  } catch {
    return undefined
  }
}

interface Reply {
  /** No length or form is assumed. */
  readonly token: string | undefined
  readonly expiresAtMs: number
  readonly permissions: readonly (readonly [name: string, level: unknown])[]
  readonly selection: unknown
  /** Names without their owner; undefined where one has none. */
  readonly repositories: readonly string[] | undefined
}

function replyOf({ body }: HttpHostResponse): Reply {
  const reply = recordOf(parsed(body))
  const repositories = Array.isArray(reply['repositories'])
    ? reply['repositories'].map((repository) => recordOf(repository)['name'])
    : [undefined]
  const token = reply['token']
  return {
    token: typeof token === 'string' && TOKEN.test(token) && token.length <= SECRET_LENGTH_MAX ? token : undefined,
    expiresAtMs: typeof reply['expires_at'] === 'string' ? Date.parse(reply['expires_at']) : Number.NaN,
    permissions: Object.entries(recordOf(reply['permissions'])),
    selection: reply['repository_selection'],
    repositories: repositories.every((name) => typeof name === 'string') ? repositories : undefined,
  }
}

/** What the token may do beyond what was asked for, in words; a reply that does not say counts as more. */
function excessOf(reply: Reply, asked: Asked): string | undefined {
  if (reply.permissions.length === 0) return 'a token of which it does not say what it may do'
  for (const [name, level] of reply.permissions) {
    const most = asked.permissions.get(name) ?? (name === ALWAYS_READ ? 'read' : 'none')
    const rank = LEVELS.indexOf(level)
    if (rank < 0 || rank > LEVELS.indexOf(most)) return 'a token with more permissions than were asked for'
  }
  if (reply.selection !== 'selected' || reply.repositories === undefined) return 'a token for all repositories'
  const names = new Set(asked.repositories.map((name) => name.toLowerCase()))
  const isMore = reply.repositories.some((name) => !names.has(name.toLowerCase()))
  return isMore ? 'a token for more repositories than were asked for' : undefined
}

function isTimely(expiresAtMs: number, nowMs: number): boolean {
  return Number.isSafeInteger(expiresAtMs) && expiresAtMs > nowMs
}

/** The status alone: a body can repeat what was sent. */
function refusedBy(
  credential: string,
  source: GitHubAppSource,
  answer: HttpHostResponse,
  nowMs: number,
): RunAgentError {
  const apartS = Math.round(Math.abs(Date.parse(answer.headers['date'] ?? '') - nowMs) / 1000)
  const hints: Readonly<Record<number, string>> = {
    401:
      apartS > APP_STATEMENT_BACK_S
        ? `The clock of this machine and GitHub's are ${apartS} s apart.`
        : 'The number of the app and its key must belong together.',
    403: 'The installation is suspended, or has asked too often.',
    404: `The app has no installation ${source.installation}, or baseURL is not GitHub's API.`,
    422: 'The installation must have all of the repositories and permissions that are written.',
  }
  return new RunAgentError(
    'E_CREDENTIAL',
    `GitHub answered ${answer.status} when the credential ${credential} was asked for`,
    { hint: hints[answer.status] ?? 'Try again later.' },
  )
}

function parsed(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body))
  } catch {
    return undefined
  }
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}
