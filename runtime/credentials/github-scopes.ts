/**
 * What a classic token of GitHub, or one of an OAuth app, may do beyond what it is for. GitHub says the scopes with
 * every answer (docs.github.com, "Scopes for OAuth apps": `X-OAuth-Scopes`), and nothing of finer tokens.
 */
import type { CredentialSlot, HttpRule, Network } from '../policy/grant.ts'
import { compileHttpRule, type HttpPattern } from '../policy/http-rule.ts'
import type { HttpHost } from '../ports.ts'
import { askIssuer } from './sources/issuer-http.ts'
import type { LiveSecret } from './secret.ts'
import { headerOf } from './slot.ts'

const PUBLIC_HOST = 'api.github.com'
/** Where a server of one's own has its API. */
const OWN_ROOT = ['api', 'v3'] as const

/** Classic tokens, those of OAuth apps, and the oldest of both; of others GitHub says nothing. */
const HAS_SCOPES = /^(?:ghp_|gho_|[0-9a-f]{40}$)/

/** What a scope looks like; anything else is not GitHub's word. */
const SCOPE = /^[a-z_]+(?::[a-z_]+)?$/

type Area = { readonly path: string; readonly isWrite?: true; readonly methods?: readonly string[] }

const anything = (...paths: readonly string[]): readonly Area[] => paths.map((path) => ({ path }))
const writes = (...paths: readonly string[]): readonly Area[] => paths.map((path) => ({ path, isWrite: true }))

const REPOSITORIES = anything(
  'repos',
  'repositories',
  'user/repos',
  'orgs/*/repos',
  'users/*/repos',
  'search',
  'issues',
)
const PACKAGES = ['user/packages', 'users/*/packages', 'orgs/*/packages']
const ORGANISATIONS = ['orgs', 'user/orgs', 'user/memberships', 'user/teams', 'teams', 'organizations']
const USERS = ['user', 'users']
const GRAPHQL: Area = { path: 'graphql' }

/** Where each is of use, below the root of the API; what is not here is not judged. */
const AREAS: Readonly<Record<string, readonly Area[]>> = {
  repo: [...REPOSITORIES, ...anything('user/issues', 'orgs/*/issues', 'notifications'), GRAPHQL],
  public_repo: [...REPOSITORIES, ...anything('user/starred'), GRAPHQL],
  'repo:status': anything('repos/*/*/statuses', 'repos/*/*/commits'),
  repo_deployment: [...anything('repos/*/*/deployments'), GRAPHQL],
  'repo:invite': anything('repos/*/*/invitations', 'repos/*/*/collaborators', 'user/repository_invitations'),
  security_events: anything('repos/*/*/code-scanning', 'repos/*/*/secret-scanning', 'repos/*/*/dependabot', 'orgs/*'),
  workflow: [...writes('repos/*/*/contents', 'repos/*/*/git', 'repos/*/*/merges', 'repos/*/*/pulls'), GRAPHQL],
  'write:packages': writes(...PACKAGES),
  'read:packages': anything(...PACKAGES),
  'delete:packages': PACKAGES.map((path) => ({ path, methods: ['DELETE'] })),
  'admin:org': [...writes(...ORGANISATIONS), GRAPHQL],
  'write:org': [...writes(...ORGANISATIONS), GRAPHQL],
  'read:org': [...anything(...ORGANISATIONS), GRAPHQL],
  'admin:public_key': writes('user/keys'),
  'write:public_key': writes('user/keys'),
  'read:public_key': anything('user/keys'),
  'admin:repo_hook': writes('repos/*/*/hooks'),
  'write:repo_hook': writes('repos/*/*/hooks'),
  'read:repo_hook': anything('repos/*/*/hooks'),
  'admin:org_hook': anything('orgs/*/hooks'),
  gist: [...writes('gists'), GRAPHQL],
  notifications: anything('notifications', 'repos/*/*/notifications', 'repos/*/*/subscription'),
  user: [...anything(...USERS), GRAPHQL],
  'read:user': [...anything(...USERS), GRAPHQL],
  'user:email': [...anything('user/emails', 'user/email', 'user/public_emails'), GRAPHQL],
  'user:follow': [...writes('user/following'), GRAPHQL],
  project: [...anything('projects', 'users/*/projectsV2', 'orgs/*/projectsV2'), GRAPHQL],
  'read:project': [...anything('projects', 'users/*/projectsV2', 'orgs/*/projectsV2'), GRAPHQL],
  delete_repo: [{ path: 'repos/*/*', methods: ['DELETE'] }],
  'write:discussion': [...writes('orgs/*/teams', 'teams'), GRAPHQL],
  'read:discussion': [...anything('orgs/*/teams', 'teams'), GRAPHQL],
  'admin:gpg_key': writes('user/gpg_keys'),
  'write:gpg_key': writes('user/gpg_keys'),
  'read:gpg_key': anything('user/gpg_keys'),
  'admin:ssh_signing_key': writes('user/ssh_signing_keys'),
  'admin:enterprise': [...anything('enterprises'), GRAPHQL],
  site_admin: anything('admin', 'setup', 'enterprise'),
}

export interface GitHubRules {
  /** What the credential is for. */
  readonly rules: readonly HttpRule[]
  /** The operator's own, where `http:` may be permitted. */
  readonly networks: readonly Network[]
}

/**
 * The scopes that GitHub says the value has, in its order; undefined where the rules are for no GitHub, or it says none.
 * What is asked counts for no limit of the token's, and is a GET at the host that the credential is for.
 * @throws RunAgentError E_CREDENTIAL where it gives no answer; rejects with the signal's reason.
 */
export async function askScopes(
  secret: LiveSecret,
  slot: CredentialSlot,
  { rules, networks }: GitHubRules,
  http: HttpHost,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  if (!HAS_SCOPES.test(secret.value)) return undefined
  const [root] = patternsOf({ rules, networks })
  const header = headerOf(secret.credential, slot, secret.value)
  if (root === undefined || header === undefined) return undefined
  const { scheme, host, port } = root.pattern
  const url = `${scheme}://${host}:${port}/${[...root.below, 'rate_limit'].join('/')}`
  const { headers } = await askIssuer(http, {
    method: 'GET',
    url,
    headers: { accept: 'application/vnd.github+json', [header[0]]: header[1] },
    body: undefined,
    signal,
  })
  const said = headers['x-oauth-scopes']
  return said?.split(',').flatMap((scope) => (SCOPE.test(scope.trim()) ? scope.trim() : []))
}

/** Those that no request which the rules permit could use; none where the rules are for no GitHub. */
export function unusedScopes(scopes: readonly string[], given: GitHubRules): readonly string[] {
  const patterns = patternsOf(given)
  if (patterns.length === 0) return []
  return scopes.filter((scope) => {
    const areas = AREAS[scope]
    return areas !== undefined && !areas.some((area) => patterns.some((found) => overlaps(area, found)))
  })
}

interface Below {
  readonly pattern: HttpPattern
  /** The segments of the root of the API. */
  readonly below: readonly string[]
}

/** Those that are for a GitHub. */
function patternsOf({ rules, networks }: GitHubRules): readonly Below[] {
  return rules.flatMap(({ rule }): readonly Below[] => {
    const compiled = compileHttpRule(rule, networks)
    if (!compiled.ok || compiled.pattern.isWildcard) return []
    const { pattern } = compiled
    if (pattern.host === PUBLIC_HOST) return [{ pattern, below: [] }]
    return OWN_ROOT.every((segment, index) => pattern.segments[index] === segment) ? [{ pattern, below: OWN_ROOT }] : []
  })
}

/** Whether one request could be in both. An area holds all that lies below it, but where it is for certain methods. */
function overlaps({ path, isWrite, methods }: Area, { pattern, below }: Below): boolean {
  const isRead = (method: string): boolean => method === 'GET' || method === 'HEAD'
  const isMethod = [...pattern.methods].some((method) => methods?.includes(method) ?? !(isWrite && isRead(method)))
  if (!isMethod) return false
  const area = path.split('/')
  const segments = pattern.segments.slice(below.length)
  const reaches = segments.length >= area.length || pattern.isDeep
  return reaches && area.every((segment, index) => isSame(segment, segments, index))
}

function isSame(wanted: string, segments: readonly (string | undefined)[], index: number): boolean {
  const given = segments[index]
  return index >= segments.length || wanted === '*' || given === undefined || given === wanted
}
