/** `source` of a credential in the operator's configuration: where its values come from. Nothing is read from there. */
import { isScalar } from 'yaml'
import { readOAuth, type OAuthSource } from './config-oauth.ts'
import {
  KINDS,
  hasAll,
  readKind,
  readList,
  readMatching,
  readNested,
  readPlain,
  readServerUrl,
} from './config-plain-source.ts'
import type { PlainSource } from './config-plain-source.ts'
import { quoted, type Field, type NodeReader } from './node-reader.ts'

export type CredentialSource = PlainSource | GitHubAppSource | OAuthSource

export interface GitHubAppSource {
  readonly kind: 'github-app'
  /** Its number or its client id. */
  readonly app: string
  readonly installation: string
  readonly key: PlainSource
  /** Names without their owner, each once. */
  readonly repositories: readonly string[]
  readonly permissions: ReadonlyMap<string, PermissionLevel>
  /** Without a slash at its end. */
  readonly baseURL: string
}

export type PermissionLevel = 'read' | 'write' | 'admin'

const GITHUB_APP_KEYS = {
  supported: ['app', 'installation', 'key', 'repositories', 'permissions', 'baseURL'],
  unsupported: [],
} as const

const APP = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
const REPOSITORY = /^[A-Za-z0-9._-]{1,100}$/
const PERMISSION = /^[a-z][a-z0-9_]{0,63}$/
const GITHUB = 'https://api.github.com'
const ID_MAX = Number.MAX_SAFE_INTEGER

/** `file`: the configuration; relative paths in it start at its folder. */
export function readSource(reader: NodeReader, field: Field, file: string): CredentialSource | undefined {
  const found = readKind(reader, field, KINDS, '`source`')
  if (found === undefined) return undefined
  if (found.kind === 'github-app') return readGitHubApp(reader, found.value, file)
  if (found.kind === 'oauth') return readOAuth(reader, found.value, file)
  return readPlain(reader, { ...found, kind: found.kind }, file)
}

function readGitHubApp(reader: NodeReader, field: Field, file: string): GitHubAppSource | undefined {
  const fields = reader.section(field, GITHUB_APP_KEYS, '`github-app`')
  if (fields === undefined || !hasAll(reader, field, fields, GITHUB_APP_KEYS.supported.slice(0, 5))) return undefined
  const part = <Value>(key: (typeof GITHUB_APP_KEYS.supported)[number], read: (of: Field) => Value) => {
    const of = fields.get(key)
    return of && read(of)
  }
  const app = part('app', (of) => readId(reader, of))
  const installation = part('installation', (of) => reader.integer(of, 1, ID_MAX))
  const key = part('key', (of) => readNested(reader, of, file))
  const repositories = part('repositories', (of) =>
    readList(reader, of, REPOSITORY, 'is not the name of a repository, without its owner'),
  )
  const permissions = part('permissions', (of) => readPermissions(reader, of))
  const baseURL = fields.has('baseURL') ? part('baseURL', (of) => readServerUrl(reader, of)) : GITHUB
  if (app === undefined || installation === undefined || key === undefined || baseURL === undefined) return undefined
  if (repositories === undefined || permissions === undefined) return undefined
  return {
    kind: 'github-app',
    app,
    installation: String(installation),
    key,
    repositories,
    permissions,
    baseURL: baseURL.replace(/\/+$/, ''),
  }
}

function readId(reader: NodeReader, field: Field): string | undefined {
  const isNumber = isScalar(field.value) && typeof field.value.value === 'number'
  if (!isNumber) return readMatching(reader, field, APP, 'must be the number or the client id of the app')
  const number = reader.integer(field, 1, ID_MAX)
  return number === undefined ? undefined : String(number)
}

function readPermissions(reader: NodeReader, field: Field): ReadonlyMap<string, PermissionLevel> | undefined {
  const entries = reader.entries(field)
  if (entries?.length === 0) reader.problems.add(field.at, '`permissions` is empty')
  const levels = new Map<string, PermissionLevel>()
  for (const entry of entries ?? []) {
    const level = reader.choice(entry, ['read', 'write', 'admin'] as const)
    if (!PERMISSION.test(entry.key)) reader.problems.add(entry.at, `${quoted(entry.key)} is not a permission of GitHub`)
    if (level !== undefined) levels.set(entry.key, level)
  }
  return levels.size === 0 ? undefined : levels
}
