/** From what the configuration says of a credential to where its values come from. */
import type { CredentialSource } from '../../definition/config-source.ts'
import type { Clock, HttpHost } from '../../ports.ts'
import type { SecretSource } from '../secret.ts'
import { createEnvFileSource } from './source-env-file.ts'
import { createEnvSource } from './source-env.ts'
import { createExecSource, type CommandHost } from './source-exec.ts'
import { createFileSource, type SecretFileHost } from './source-file.ts'
import { createGitHubAppSource } from './source-github-app.ts'
import { createOAuthSource } from './source-oauth.ts'
import type { TokenKeeper } from './token-keeper.ts'

export interface SourceParts {
  /** Of run-agent itself. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** What `secretVariables` says of all credentials: no command sees them. */
  readonly secretVariables: ReadonlySet<string>
  readonly files: SecretFileHost
  readonly commands: CommandHost
  readonly http: HttpHost
  readonly clock: Pick<Clock, 'now'>
  readonly tokens: TokenKeeper
  /** Of one run or of many: versions are compared under one key alone. 32 random bytes. */
  readonly versionKey: Uint8Array
  /** `{ store: true }`; a nested secret has the name of its credential, a dot, and what it is there: `github.key`. */
  readonly createStoreSource: (name: string) => SecretSource
}

/** A source lives as long as one run: what it has fetched it may give again. */
export function createSource(credential: string, source: CredentialSource, parts: SourceParts): SecretSource {
  return sourceOf(credential, source, parts, false)
}

function sourceOf(
  credential: string,
  source: CredentialSource,
  parts: SourceParts,
  mayHaveLines: boolean,
): SecretSource {
  const rules = { ...parts, mayHaveLines }
  switch (source.kind) {
    case 'env':
      return createEnvSource(credential, source.name, rules)
    case 'file':
      return createFileSource(credential, source.path, rules)
    case 'env-file':
      return createEnvFileSource(credential, source, rules)
    case 'exec':
      return createExecSource(credential, source, rules)
    case 'store':
      return parts.createStoreSource(credential)
    case 'github-app':
      return createGitHubAppSource(credential, source, {
        ...parts,
        key: sourceOf(`${credential}.key`, source.key, parts, true),
      })
    case 'oauth':
      return createOAuthSource(credential, source, {
        ...parts,
        secret: createClientSecretSource(credential, source, parts),
      })
  }
}

/** Of an `oauth` source; undefined for a public client. */
export function createClientSecretSource(
  credential: string,
  source: Extract<CredentialSource, { readonly kind: 'oauth' }>,
  parts: SourceParts,
): SecretSource | undefined {
  return source.secret && sourceOf(`${credential}.secret`, source.secret, parts, false)
}

/** The environment variables that the source reads: they are removed from whatever is started. */
export function secretVariables(source: CredentialSource): readonly string[] {
  switch (source.kind) {
    case 'env':
      return [source.name]
    case 'github-app':
      return secretVariables(source.key)
    case 'oauth':
      return source.secret === undefined ? [] : secretVariables(source.secret)
    case 'file':
    case 'env-file':
    case 'exec':
    case 'store':
      return []
  }
}
