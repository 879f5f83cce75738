/** What somebody who reviews credentials would say of them. Looks at values, and tells none. */
import type { LiveSecret } from '../credentials/secret.ts'
import type { SecretEntry } from '../credentials/store/secret-store.ts'
import type { CredentialConfig } from '../definition/config-credentials.ts'
import { SECRET_AGE_DAYS_MAX } from '../limits.ts'

const DAY_MS = 24 * 60 * 60_000

export interface CredentialReview {
  readonly name: string
  readonly config: CredentialConfig
  /** Names of credentials that a provider of models uses. */
  readonly usedByProviders: ReadonlySet<string>
  /** Undefined where it cannot be had. */
  readonly secret: LiveSecret | undefined
  /** What its provider says that it may do and no rule has a use for. */
  readonly unusedScopes: readonly string[]
  /** The current version in the store, where it lies there. */
  readonly stored: SecretEntry | undefined
  readonly nowMs: number
  /** A machine that lives no longer than a job. */
  readonly isEphemeral: boolean
}

export function credentialWarnings(review: CredentialReview): readonly string[] {
  const { name, config, usedByProviders, secret, unusedScopes, stored, nowMs, isEphemeral } = review
  const { source, agents, inject, for: rules, users } = config
  const found: string[] = []
  if (agents.length === 0 && !usedByProviders.has(name))
    found.push('nobody may use it: neither an agent nor a provider')
  // docs.github.com: classic tokens reach every repository that their owner reaches.
  if (secret?.value.startsWith('ghp_') === true) {
    found.push(
      'it is a classic GitHub token, which reaches all that its owner reaches: use a fine-grained one or a GitHub App',
    )
  }
  if (secret !== undefined && secret.scopes !== undefined && source.kind === 'oauth') {
    const more = secret.scopes.filter((scope) => !source.scopes.includes(scope))
    if (more.length > 0) found.push(`it has more scopes than were asked for: ${more.join(', ')}`)
  }
  if (unusedScopes.length > 0) {
    found.push(`it has scopes that no rule of its \`for\` has a use for: ${unusedScopes.join(', ')}`)
  }
  const neverExpires =
    ['env', 'file', 'env-file', 'exec', 'store'].includes(source.kind) && secret?.expiresAtMs === undefined
  if (neverExpires && config.untilMs === 'never') found.push('nobody says when it expires: write `until`')
  if (stored?.exposedAtMs !== undefined) found.push(`it was exposed on ${dayOf(stored.exposedAtMs)}: replace it`)
  if (stored !== undefined && nowMs - stored.createdAtMs > SECRET_AGE_DAYS_MAX * DAY_MS) {
    found.push(`it was not replaced since ${dayOf(stored.createdAtMs)}: add a next value, and rotate`)
  }
  if (source.kind === 'env' && !isEphemeral) {
    found.push('it stands in the environment, which other programs of this user can read: use the store')
  }
  if (inject?.kind === 'query') found.push('it stands in URLs, which servers and proxies write down')
  if (rules.some(({ rule }) => /\/\*\*/.test(rule)))
    found.push('it is for whole trees of paths (`/**`): name what is needed')
  const isShared = !['store', 'oauth'].includes(source.kind) && (users?.length ?? 1) > 1
  if (isShared) found.push(`${users?.join(', ')} share one value`)
  return found
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}
