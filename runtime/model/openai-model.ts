import type { ModelRequest as SdkRequest, ModelSettings as SdkSettings } from '@openai/agents'
import { MODEL_BODY_TIMEOUT_MS, MODEL_CONNECT_TIMEOUT_MS, MODEL_HEADERS_TIMEOUT_MS } from '../limits.ts'
import { ProviderError } from '../provider-error.ts'
import { loadAgentsSdk } from './agents-sdk.ts'
import { turnOf, usageOf } from './model.ts'
import type { Model, ModelRequest, ModelSettings, ModelUsage } from './model.ts'
import { checkingFetch, providerFailure } from './provider-reply.ts'
import { fromSdkItems, toSdkItems } from './sdk-items.ts'

/** The client wants a key even for a server without one; the fetch it is given drops whatever it sends. */
const PLACEHOLDER_KEY = 'placeholder'

/** Models that reason, and so must be asked for their encrypted reasoning; others answer the question with 400. */
const REASONING_MODEL = /^(?:gpt-[5-9]|o\d|codex)/

export interface OpenAIModelOptions {
  readonly provider: string
  readonly name: string
  readonly baseURL: string
  readonly api: 'responses' | 'chat'
  /** Performs every request: it records, dresses and bounds them. */
  readonly fetch: typeof globalThis.fetch
}

/**
 * A model behind an OpenAI-compatible API. It holds no credential and does nothing but call `fetch`, once a turn:
 * no retry, no streaming, no trace, nothing printed, nothing stored at the provider.
 */
export function createOpenAIModel(options: OpenAIModelOptions): Model {
  const { agents, openai } = loadAgentsSdk()
  let took: ModelUsage | undefined
  const client = new openai.OpenAI({
    apiKey: PLACEHOLDER_KEY,
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    baseURL: options.baseURL,
    maxRetries: 0,
    logLevel: 'off',
    // Never the first to run out: the fetch has limits of its own, and names them.
    timeout: 2 * (MODEL_CONNECT_TIMEOUT_MS + MODEL_HEADERS_TIMEOUT_MS + MODEL_BODY_TIMEOUT_MS),
    fetch: checkingFetch(options.fetch, options, (usage) => (took = usage)),
  })
  const provider = new agents.OpenAIProvider({
    openAIClient: client,
    useResponses: options.api === 'responses',
    useResponsesWebSocket: false,
  })

  return {
    playedBy: `${options.provider}/${options.name}`,
    async turn(request, signal) {
      took = undefined
      try {
        const model = await provider.getModel(options.name)
        // Without a trace around it the SDK's model throws; this one is disabled and goes nowhere.
        const answer = await agents.withTrace('turn', () => model.getResponse(sdkRequest(request, signal, options)))
        return turnOf(request.items, fromSdkItems(answer.output, options.api), usageOf(answer.usage))
      } catch (thrown) {
        const failure = providerFailure(thrown, signal, options)
        if (failure instanceof ProviderError) failure.usage = took
        throw failure
      }
    },
    close: () => provider.close(),
  }
}

function sdkRequest(request: ModelRequest, signal: AbortSignal, options: OpenAIModelOptions): SdkRequest {
  return {
    ...(request.instructions === '' ? {} : { systemInstructions: request.instructions }),
    input: toSdkItems(request.items),
    modelSettings: sdkSettings(request.settings, options),
    tools: request.tools.map((tool) => ({
      type: 'function',
      name: tool.name,
      description: tool.description,
      parameters: tool.parameters as never,
      strict: false,
    })),
    toolsExplicitlyProvided: true,
    outputType: 'text',
    handoffs: [],
    tracing: false,
    signal,
  }
}

function sdkSettings({ effort, temperature, maxOutput }: ModelSettings, options: OpenAIModelOptions): SdkSettings {
  const common = {
    ...(temperature === undefined ? {} : { temperature }),
    // The API refuses what it does not know, in words of its own.
    ...(effort === undefined ? {} : { reasoning: { effort: effort as 'low' } }),
  }
  if (options.api === 'responses') {
    const include = effort !== undefined || REASONING_MODEL.test(options.name) ? ['reasoning.encrypted_content'] : []
    return {
      ...common,
      ...(maxOutput === undefined ? {} : { maxTokens: maxOutput }),
      store: false,
      providerData: { include },
    }
  }
  // OpenAI itself has renamed the limit, and alone has a store; other servers may refuse fields they do not know.
  if (new URL(options.baseURL).host === 'api.openai.com') {
    return {
      ...common,
      store: false,
      providerData: maxOutput === undefined ? {} : { max_completion_tokens: maxOutput },
    }
  }
  return { ...common, ...(maxOutput === undefined ? {} : { maxTokens: maxOutput }) }
}
