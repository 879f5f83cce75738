import { messageOf, RunAgentError } from '../errors.ts'
import { createScrub } from './scrub.ts'

const OPENAI_BASE_URL = 'https://api.openai.com/v1'

/** What this file reads of the operator's configuration. */
export interface ProviderSources {
  readonly providers?: Readonly<Record<string, ProviderEntry>> | undefined
  readonly credentials?: Readonly<Record<string, CredentialEntry>> | undefined
}

interface ProviderEntry {
  readonly baseURL?: string | undefined
  readonly api?: 'responses' | 'chat' | undefined
  readonly credential?: string | undefined
}

interface CredentialEntry {
  readonly source: object
  readonly inject?: object | undefined
  readonly for?: unknown
  readonly users?: unknown
}

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
  readonly config: ProviderSources
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
  const entry = ownEntry(question.config.providers, provider) ?? (provider === 'openai' ? {} : undefined)
  if (entry === undefined) throw notConfigured(provider)
  const baseURL = baseURLOf(provider, entry, question.environment)
  const resolved = { provider, name, baseURL, api: entry.api ?? 'responses' }
  if (entry.credential !== undefined) return { ...resolved, ...configuredCredential(entry.credential, provider, question) }
  // Without an entry of its own, the key in the environment goes to its own issuer and nowhere else.
  if (baseURL === OPENAI_BASE_URL) return { ...resolved, ...openaiKey(question) }
  return { ...resolved, dress: () => undefined, scrub: (text) => text }
}

function baseURLOf(provider: string, entry: ProviderEntry, environment: ProviderQuestion['environment']): string {
  const inherited = environment['OPENAI_BASE_URL']
  if (entry.baseURL === undefined && provider === 'openai' && inherited !== undefined && inherited !== '') {
    if (inherited.replace(/\/$/, '') !== OPENAI_BASE_URL) {
      throw new RunAgentError('E_PROVIDER', 'OPENAI_BASE_URL is set, but only the configuration says where a model is', {
        hint: 'Unset it, or write providers: { openai: { baseURL: …, credential: … } } in the operator configuration.',
      })
    }
  }
  const written = entry.baseURL ?? (provider === 'openai' ? OPENAI_BASE_URL : undefined)
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
        'Set it, or write providers: { openai: { credential: openai } } and ' +
        'credentials: { openai: { source: { file: ./openai.key } } } in the operator configuration.',
    })
  }
  return dressing('OPENAI_API_KEY', secret, {})
}

function configuredCredential(
  credential: string,
  provider: string,
  question: ProviderQuestion,
): Pick<ResolvedProvider, 'dress' | 'scrub'> {
  const entry = ownEntry(question.config.credentials, credential)
  if (entry === undefined) {
    throw new RunAgentError('E_PROVIDER', `the provider ${provider} names the credential ${credential}, which is missing`, {
      hint: `Write credentials: { ${credential}: { source: { env: NAME } } } in the operator configuration.`,
    })
  }
  for (const key of ['for', 'users'] as const) {
    if (entry[key] !== undefined) throw notSupported(credential, `\`${key}\` on the credential of a provider`)
  }
  return dressing(credential, secretOf(credential, entry.source, question), entry.inject ?? {})
}

function secretOf(credential: string, source: object, question: ProviderQuestion): string {
  const [[kind, value] = ['', undefined], ...rest] = Object.entries(source)
  if (rest.length > 0 || typeof value !== 'string') throw notSupported(credential, `the source ${Object.keys(source).join(', ')}`)
  if (kind === 'env') {
    const secret = question.environment[value]?.trim()
    if (secret !== undefined && secret !== '') return secret
    throw new RunAgentError('E_PROVIDER', `the credential ${credential} comes from ${value}, which is not set`, {
      hint: `Set ${value} in the environment of run-agent.`,
    })
  }
  if (kind !== 'file') throw notSupported(credential, `the source ${kind}`)
  let secret: string
  try {
    secret = question.readSecretFile(value).trim()
  } catch (thrown) {
    throw new RunAgentError('E_PROVIDER', `the file of the credential ${credential} couldn't be read: ${messageOf(thrown)}`)
  }
  if (secret === '') throw new RunAgentError('E_PROVIDER', `the file of the credential ${credential} is empty`)
  return secret
}

function dressing(credential: string, secret: string, inject: object): Pick<ResolvedProvider, 'dress' | 'scrub'> {
  const { header = 'Authorization', format = 'Bearer {secret}', ...others } = inject as Record<string, unknown>
  if (Object.keys(others).length > 0) throw notSupported(credential, `inject: ${Object.keys(others).join(', ')}`)
  if (typeof header !== 'string' || !/^[\w-]+$/.test(header) || typeof format !== 'string') {
    throw new RunAgentError('E_CREDENTIAL', `inject of the credential ${credential} needs a header and a format`)
  }
  const around = format.split('{secret}')
  if (around.length !== 2) {
    throw new RunAgentError('E_CREDENTIAL', `the format of the credential ${credential} must hold {secret} once`)
  }
  // A header takes no more, and undici's own refusal would come after the intent was recorded.
  if (!/^[\x21-\x7e]+$/.test(secret)) {
    throw new RunAgentError('E_CREDENTIAL', `the credential ${credential} holds a character that no header can carry`)
  }
  return {
    dress: (headers) => headers.set(header, around.join(secret)),
    scrub: createScrub(credential, secret),
  }
}

function ownEntry<Entry>(entries: Readonly<Record<string, Entry>> | undefined, name: string): Entry | undefined {
  return entries !== undefined && Object.hasOwn(entries, name) ? entries[name] : undefined
}

function notConfigured(provider: string): RunAgentError {
  return new RunAgentError('E_PROVIDER', `the provider ${provider} is not configured`, {
    hint: `Write providers: { ${provider}: { baseURL: https://…, api: chat, credential: ${provider} } } in the operator configuration.`,
  })
}

function notSupported(credential: string, what: string): RunAgentError {
  return new RunAgentError('E_NOT_SUPPORTED', `${what} is not supported yet (credential ${credential})`, {
    hint: 'The credential of a provider comes from { env: NAME } or { file: PATH } and is injected as { header, format }.',
  })
}
