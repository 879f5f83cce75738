import { RunAgentError } from '../../errors.ts'
import { fixedSecret, type ValueRules } from './secret-value.ts'
import type { SecretSource } from '../secret.ts'

export interface EnvSourceParts extends ValueRules {
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** `{ env: NAME }`: one value for all users, as it stands when it is fetched. */
export function createEnvSource(credential: string, name: string, parts: EnvSourceParts): SecretSource {
  const origin = `the environment variable ${name}`
  return {
    origin,
    isPerUser: false,
    fetch: async (question) => {
      const text = Object.hasOwn(parts.environment, name) ? parts.environment[name]?.trim() : undefined
      if (text === undefined || text === '') {
        throw new RunAgentError('E_CREDENTIAL', `the credential ${credential} comes from ${name}, which is not set`, {
          hint: `Set ${name} in the environment of run-agent.`,
        })
      }
      return fixedSecret({ credential, text, origin, question }, parts)
    },
  }
}
