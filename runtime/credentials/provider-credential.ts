import type { OperatorConfig, ProviderConfig } from '../definition/config.ts'
import { messageOf, RunAgentError } from '../errors.ts'
import type { CredentialSlot } from '../policy/grant.ts'
import { createScrub, createScrubber } from './scrub/scrub.ts'
import type { LiveSecret } from './secret.ts'
import { secretVariables } from './sources/sources.ts'
import { headerOf } from './slot.ts'

const OPENAI_VARIABLE = 'OPENAI_API_KEY'
const OPENAI_BASE_URL = 'https://api.openai.com/v1'

/** Needs no entry in the configuration. */
const OPENAI: ProviderConfig = { baseUrl: undefined, credential: undefined, api: 'responses', prices: new Map() }

const BEARER: CredentialSlot = { kind: 'header', header: 'authorization', format: 'Bearer {secret}' }

export interface ResolvedProvider {
  readonly provider: string
  /** The model's name as the provider knows it. */
  readonly name: string
  readonly baseURL: string
  readonly api: 'responses' | 'chat'
  /** Its name in the configuration; undefined where that names none. */
  readonly credential: string | undefined
  /**
   * Adds the credential to one request, as it is at that moment; adds nothing where the provider has none. Rejects with
   * E_CREDENTIAL where it may not be used any longer, or cannot be had.
   */
  readonly dress: (headers: Headers) => Promise<void>
  /** Replaces every form of the secret in a text; the identity where the provider has none. */
  readonly scrub: (text: string) => string
}

export interface ProviderQuestion {
  /** `provider/name`, as a definition spells it. */
  readonly model: string
  readonly config: Pick<OperatorConfig, 'providers' | 'credentials'>
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Rejects with E_CREDENTIAL where a credential of the configuration may not be used: by this user, now. */
  readonly assertUsable: (credential: string) => Promise<void>
  /** The value of a credential of the configuration. Rejects with E_CREDENTIAL. */
  readonly secretOf: (credential: string) => Promise<LiveSecret>
}

/**
 * Finds who answers for a model and with which credential. Throws E_PROVIDER, naming what is missing, where the
 * provider is not configured, and E_CREDENTIAL where its secret cannot be used. The secret lives in the closures of
 * `dress` and `scrub` alone.
 */
export async function resolveProvider(question: ProviderQuestion): Promise<ResolvedProvider> {
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
  const resolved = { provider, name, baseURL, api: entry.api, credential: entry.credential }
  if (entry.credential !== undefined) {
    return { ...resolved, ...(await configuredCredential(entry.credential, provider, question)) }
  }
  // Without an entry of its own, the key in the environment goes to its own issuer and nowhere else.
  if (baseURL === OPENAI_BASE_URL) return { ...resolved, ...openaiKey(question) }
  return { ...resolved, dress: async () => undefined, scrub: (text) => text }
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

function openaiKey({ model, environment, config }: ProviderQuestion): Pick<ResolvedProvider, 'dress' | 'scrub'> {
  const value = environment[OPENAI_VARIABLE]?.trim()
  if (value === undefined || value === '') {
    throw new RunAgentError('E_PROVIDER', `the model ${model} needs an API key, and ${OPENAI_VARIABLE} is not set`, {
      hint:
        `Set ${OPENAI_VARIABLE}, or write providers: { openai: { credential: openai } } and ` +
        'credentials: { openai: { source: { file: ./openai.key } } } in the operator configuration.',
    })
  }
  // Else a definition that names the other provider would go round what the operator says of the key.
  const owner = [...config.credentials].find(([, { source }]) => secretVariables(source).includes(OPENAI_VARIABLE))
  if (owner !== undefined) {
    throw new RunAgentError(
      'E_PROVIDER',
      `${OPENAI_VARIABLE} is the credential ${owner[0]}, which the provider openai does not have`,
      { hint: `Write providers: { openai: { credential: ${owner[0]} } } in the operator configuration.` },
    )
  }
  const header = requireHeader(OPENAI_VARIABLE, BEARER, value)
  return {
    dress: async (headers) => headers.set(...header),
    scrub: createScrub(OPENAI_VARIABLE, value),
  }
}

async function configuredCredential(
  credential: string,
  provider: string,
  question: ProviderQuestion,
): Promise<Pick<ResolvedProvider, 'dress' | 'scrub'>> {
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
  await question.assertUsable(credential)
  const slot = entry.inject ?? BEARER
  const scrubber = createScrubber()
  const headerNow = async (): Promise<[name: string, value: string]> => {
    const secret = await question.secretOf(credential)
    scrubber.add(secret)
    return requireHeader(credential, slot, secret.value)
  }
  await whereConfigured(headerNow)
  return {
    dress: async (headers) => {
      await question.assertUsable(credential)
      headers.set(...(await headerNow()))
    },
    scrub: (text) => scrubber.text(text).text,
  }
}

/** A provider without its secret is not configured, which is what a definition may fall back from. */
async function whereConfigured(find: () => Promise<unknown>): Promise<void> {
  try {
    await find()
  } catch (error) {
    const hint = error instanceof RunAgentError && error.hint !== undefined ? { hint: error.hint } : {}
    throw new RunAgentError('E_PROVIDER', messageOf(error), hint)
  }
}

function requireHeader(credential: string, slot: CredentialSlot, secret: string): [name: string, value: string] {
  const header = headerOf(credential, slot, secret)
  if (header !== undefined) return header
  throw new RunAgentError('E_PROVIDER', `the credential ${credential} of a provider is written to a query`, {
    hint: 'Write inject: { header: …, format: … }; the clients of models write no query.',
  })
}

function notConfigured(provider: string): RunAgentError {
  return new RunAgentError('E_PROVIDER', `the provider ${provider} is not configured`, {
    hint:
      `Write providers: { ${provider}: { baseURL: https://…, api: chat, credential: ${provider} } } ` +
      'in the operator configuration.',
  })
}
