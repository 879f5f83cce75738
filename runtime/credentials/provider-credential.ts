import type { CredentialConfig, CredentialSource, OperatorConfig, ProviderConfig } from '../definition/config.ts'
import { messageOf, RunAgentError } from '../errors.ts'
import { createScrub } from './scrub.ts'

const OPENAI_BASE_URL = 'https://api.openai.com/v1'

/** Needs no entry in the configuration. */
const OPENAI: ProviderConfig = { baseUrl: undefined, credential: undefined, api: 'responses', prices: new Map() }

const BEARER = { header: 'Authorization', format: 'Bearer {secret}' }

export interface ResolvedProvider {
  readonly provider: string
  /** The model's name as the provider knows it. */
  readonly name: string
  readonly baseURL: string
  readonly api: 'responses' | 'chat'
  /** Adds the credential to one request; adds nothing where the provider has none. */
  readonly dress: (headers: Headers) => void
  /** Replaces every form of the secret in a text; the identity where the provider has none. */
  readonly scrub: (text: string) => string
}

export interface ProviderQuestion {
  /** `provider/name`, as a definition spells it. */
  readonly model: string
  readonly config: Pick<OperatorConfig, 'providers' | 'credentials'>
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Reads a file that the operator's configuration names, and refuses one that others can read. */
  readonly readSecretFile: (path: string) => string
}

/**
 * Finds who answers for a model and with which credential. Throws E_PROVIDER, naming what is missing, where the
 * provider is not configured, and E_CREDENTIAL where its secret cannot be used. The secret lives in the closures of
 * `dress` and `scrub` alone.
 */
export function resolveProvider(question: ProviderQuestion): ResolvedProvider {
  const slash = question.model.indexOf('/')
  const provider = question.model.slice(0, slash)
  const name = question.model.slice(slash + 1)
  if (slash < 1 || name === '') {
    throw new RunAgentError('E_PROVIDER', `the model ${JSON.stringify(question.model)} names no provider`, {
      hint: 'Write it as provider/name, e.g. openai/gpt-5.6-luna.',
    })
  }
  const entry = question.config.providers.get(provider) ?? (provider === 'openai' ? OPENAI : undefined)
  if (entry === undefined) throw notConfigured(provider)
  const baseURL = baseURLOf(provider, entry, question.environment)
  const resolved = { provider, name, baseURL, api: entry.api }
  if (entry.credential !== undefined) {
    return { ...resolved, ...configuredCredential(entry.credential, provider, question) }
  }
  // Without an entry of its own, the key in the environment goes to its own issuer and nowhere else.
  if (baseURL === OPENAI_BASE_URL) return { ...resolved, ...openaiKey(question) }
  return { ...resolved, dress: () => undefined, scrub: (text) => text }
}

function baseURLOf(provider: string, entry: ProviderConfig, environment: ProviderQuestion['environment']): string {
  const inherited = environment['OPENAI_BASE_URL']
  if (entry.baseUrl === undefined && provider === 'openai' && inherited !== undefined && inherited !== '') {
    if (inherited.replace(/\/$/, '') !== OPENAI_BASE_URL) {
      throw new RunAgentError(
        'E_PROVIDER',
        'OPENAI_BASE_URL is set, but only the configuration says where a model is',
        {
          hint: 'Unset it, or write providers: { openai: { baseURL: …, credential: … } } in the configuration.',
        },
      )
    }
  }
  const written = entry.baseUrl ?? (provider === 'openai' ? OPENAI_BASE_URL : undefined)
  if (written === undefined) {
    throw new RunAgentError('E_PROVIDER', `the provider ${provider} has no baseURL`, {
      hint: `Write providers: { ${provider}: { baseURL: https://… } } in the operator configuration.`,
    })
  }
  const url = URL.parse(written)
  const plain = url !== null && `${url.username}${url.password}${url.search}${url.hash}` === ''
  if (!plain || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new RunAgentError('E_PROVIDER', `the baseURL of the provider ${provider} is not a plain http or https URL`, {
      hint: 'It has a host and a path, and neither user name, password, query nor fragment.',
    })
  }
  return url.href.replace(/\/+$/, '')
}

function openaiKey({ model, environment }: ProviderQuestion): Pick<ResolvedProvider, 'dress' | 'scrub'> {
  const secret = environment['OPENAI_API_KEY']?.trim()
  if (secret === undefined || secret === '') {
    throw new RunAgentError('E_PROVIDER', `the model ${model} needs an API key, and OPENAI_API_KEY is not set`, {
      hint:
        'Set OPENAI_API_KEY, or write providers: { openai: { credential: openai } } and ' +
        'credentials: { openai: { source: { file: ./openai.key } } } in the operator configuration.',
    })
  }
  return dressing('OPENAI_API_KEY', secret, BEARER)
}

function configuredCredential(
  credential: string,
  provider: string,
  question: ProviderQuestion,
): Pick<ResolvedProvider, 'dress' | 'scrub'> {
  const entry = question.config.credentials.get(credential)
  if (entry === undefined) {
    throw new RunAgentError(
      'E_PROVIDER',
      `the provider ${provider} names the credential ${credential}, which is missing`,
      {
        hint: `Write credentials: { ${credential}: { source: { env: NAME } } } in the operator configuration.`,
      },
    )
  }
  return dressing(credential, secretOf(credential, entry.source, question), entry.inject ?? BEARER)
}

function secretOf(credential: string, source: CredentialSource, question: ProviderQuestion): string {
  if (source.kind === 'env') {
    const secret = question.environment[source.name]?.trim()
    if (secret !== undefined && secret !== '') return secret
    throw new RunAgentError('E_PROVIDER', `the credential ${credential} comes from ${source.name}, which is not set`, {
      hint: `Set ${source.name} in the environment of run-agent.`,
    })
  }
  let secret: string
  try {
    secret = question.readSecretFile(source.path).trim()
  } catch (thrown) {
    throw new RunAgentError(
      'E_PROVIDER',
      `the file of the credential ${credential} couldn't be read: ${messageOf(thrown)}`,
    )
  }
  if (secret === '')
    throw new RunAgentError('E_PROVIDER', `the file of the credential ${credential} is empty`, {
      hint: 'It must hold the secret and nothing else.',
    })
  return secret
}

function dressing(
  credential: string,
  secret: string,
  { header, format }: NonNullable<CredentialConfig['inject']>,
): Pick<ResolvedProvider, 'dress' | 'scrub'> {
  // A header takes no more, and undici's own refusal would come after the intent was recorded.
  if (!/^[\x21-\x7e]+$/.test(secret)) {
    throw new RunAgentError('E_CREDENTIAL', `the credential ${credential} holds a character that no header can carry`, {
      hint: 'Look for a line break or a quotation mark in it.',
    })
  }
  return {
    dress: (headers) => headers.set(header, format.split('{secret}').join(secret)),
    scrub: createScrub(credential, secret),
  }
}

function notConfigured(provider: string): RunAgentError {
  return new RunAgentError('E_PROVIDER', `the provider ${provider} is not configured`, {
    hint:
      `Write providers: { ${provider}: { baseURL: https://…, api: chat, credential: ${provider} } } ` +
      'in the operator configuration.',
  })
}
