import { createEnvSource } from '../../runtime/credentials/sources/source-env.ts'
import type { OAuthSource } from '../../runtime/definition/config-oauth.ts'

/** Of the issuer of the tests; the secret is `secretOfClient`. */
export function oauthSource(url: string, more: Partial<OAuthSource> = {}): OAuthSource {
  return {
    kind: 'oauth',
    issuer: { url },
    client: 'app',
    secret: { kind: 'env', name: 'SECRET' },
    scopes: ['openid', 'repo'],
    parameters: new Map(),
    flow: 'code',
    ...more,
  }
}

export const secretOfClient = createEnvSource('github.secret', 'SECRET', {
  versionKey: Buffer.alloc(32),
  mayHaveLines: false,
  environment: { SECRET: 'the-secret-of-the-client' },
})
