/** What a provider answers, checked before the SDK reads it, and its failures in our words. */

import { messageOf, RunAgentError } from '../errors.ts'
import { ERROR_QUOTE_LENGTH_MAX } from '../limits.ts'
import { ProviderError } from '../provider-error.ts'
import { usageOf, type ModelUsage } from './model.ts'

interface Whose {
  readonly provider: string
  readonly name: string
  readonly api: 'responses' | 'chat'
}

/**
 * A `fetch` that passes a successful answer on only if it is one. The SDK takes an HTML page for a text and fails
 * later in ways that name nothing; and it throws away why an answer stopped early. `onUsage` is told what each answer
 * took, used or not, where it says so.
 */
export function checkingFetch(
  inner: typeof globalThis.fetch,
  whose: Whose,
  onUsage: (usage: ModelUsage | undefined) => void,
): typeof globalThis.fetch {
  return async (input, init) => {
    const response = await inner(input, init)
    const text = await response.text()
    onUsage(usageIn(parsed(text)))
    if (response.ok) checkReply(text, response.headers.get('content-type') ?? 'no content type', whose)
    else throw statusError(response, text, whose)
    return new Response(text, { status: 200, headers: response.headers })
  }
}

function checkReply(text: string, contentType: string, { provider, name, api }: Whose): void {
  const malformed = (what: string): ProviderError =>
    new ProviderError('E_PROVIDER', `${provider}/${name} answered with ${what}`, {
      retryable: false,
      hint: `Is baseURL the root of its API (often …/v1), and does it speak the ${api} API?`,
    })
  if (!/^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(contentType)) {
    throw malformed(`${quoted(contentType)}, which is not JSON: ${quoted(text)}`)
  }
  let reply: unknown
  try {
    reply = JSON.parse(text)
  } catch {
    throw malformed(`malformed JSON: ${quoted(text)}`)
  }
  if (api === 'chat') {
    const choices = field(reply, 'choices')
    if (!Array.isArray(choices) || !isObject(field(choices[0], 'message'))) {
      throw malformed(`JSON that is no chat completion: ${quoted(text)}`)
    }
    if (field(choices[0], 'finish_reason') === 'length' && isEmpty(field(choices[0], 'message')))
      throw cutOff('length', name)
    return
  }
  if (!Array.isArray(field(reply, 'output'))) throw malformed(`JSON that is no response: ${quoted(text)}`)
  if (field(reply, 'status') === 'incomplete')
    throw cutOff(textIn(field(field(reply, 'incomplete_details'), 'reason')) ?? 'no reason given', name)
  if (field(reply, 'status') === 'failed') {
    const reason = quoted(textIn(field(field(reply, 'error'), 'message')) ?? 'no reason given')
    throw new ProviderError('E_PROVIDER', `${provider}/${name} failed: ${reason}`, { retryable: true })
  }
}

function cutOff(reason: string, name: string): ProviderError {
  return new ProviderError('E_MODEL', `${name} stopped before it had finished: ${quoted(reason)}`, {
    retryable: false,
    ...(/length|max_output/.test(reason) ? { hint: 'Raise maxOutput in the definition, or lower effort.' } : {}),
  })
}

/** In the words of either API. */
function usageIn(reply: unknown): ModelUsage | undefined {
  const usage = field(reply, 'usage')
  if (!isObject(usage)) return undefined
  const count = (...names: readonly string[]): number =>
    Number(names.map((name) => field(usage, name)).find((value) => typeof value === 'number') ?? 0)
  return usageOf({
    inputTokens: count('prompt_tokens', 'input_tokens'),
    outputTokens: count('completion_tokens', 'output_tokens'),
    totalTokens: count('total_tokens'),
  })
}

function statusError(response: Response, text: string, { provider, name }: Whose): ProviderError {
  const { status } = response
  const error = field(parsed(text), 'error')
  const said = quoted(textIn(field(error, 'message')) ?? textIn(error) ?? text)
  const code = field(error, 'code')
  const whom = `${provider}/${name}`
  if (status === 401 || status === 403) {
    return new ProviderError('E_CREDENTIAL', `${provider} refuses the credential for ${whom} (${status}): ${said}`, {
      retryable: false,
      status,
      hint: `Check the key of the provider ${provider}, and that it may use this model.`,
    })
  }
  if (status === 404) {
    return new ProviderError('E_PROVIDER', `${provider} has no model ${name}, or no such API (404): ${said}`, {
      retryable: false,
      status,
      hint: `Check the model's name, and the baseURL and api of the provider ${provider}.`,
    })
  }
  if (status === 429 && code !== 'insufficient_quota') {
    return new ProviderError('E_PROVIDER', `${whom} is rate limited (429)${retryAfter(response)}: ${said}`, {
      retryable: true,
      status,
    })
  }
  const retryable = status >= 500 || status === 408 || status === 409
  return new ProviderError(
    'E_PROVIDER',
    `${whom} failed (${status})${retryable ? retryAfter(response) : ''}: ${said}`,
    {
      retryable,
      status,
    },
  )
}

/**
 * Any failure of a model request in one of our classes; never with the SDK's error as its cause, which holds more
 * than we say.
 */
export function providerFailure(thrown: unknown, signal: AbortSignal, { provider, name }: Whose): RunAgentError {
  if (signal.aborted) {
    return signal.reason instanceof RunAgentError
      ? signal.reason
      : new RunAgentError('E_INTERRUPTED', `the request to ${provider}/${name} was aborted`)
  }
  for (let error: unknown = thrown, depth = 0; error instanceof Error && depth < 8; error = error.cause, depth++) {
    if (error instanceof RunAgentError) return error
  }
  return new ProviderError('E_PROVIDER', `couldn't get a turn from ${provider}/${name}: ${quoted(messageOf(thrown))}`, {
    retryable: false,
  })
}

function retryAfter(response: Response): string {
  const value = response.headers.get('retry-after')
  if (value === null) return ''
  return `, retry after ${/^\d+$/.test(value) ? `${value} s` : quoted(value)}`
}

function quoted(text: string): string {
  return text.length > ERROR_QUOTE_LENGTH_MAX ? `${text.slice(0, ERROR_QUOTE_LENGTH_MAX)}…` : text
}

function isEmpty(message: unknown): boolean {
  return !field(message, 'content') && !field(message, 'refusal') && !field(message, 'tool_calls')
}

function field(value: unknown, name: string): unknown {
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined
}

function textIn(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
