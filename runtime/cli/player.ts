/** Who plays the model: a provider or a script. Never a silent choice, and said in the first event and on stderr. */
import type { RunRecorder } from '../audit/event.ts'
import type { SecretFilter } from '../broker/dressing.ts'
import { createModelFetch } from '../broker/model-http.ts'
import type { ProviderQuestion, ResolvedProvider } from '../credentials/provider-credential.ts'
import type { OperatorConfig } from '../definition/config.ts'
import type { AgentDefinition } from '../definition/definition.ts'
import { codeOf, RunAgentError } from '../errors.ts'
import { MODEL_CALL, type Model } from '../model/model.ts'
import type { CommandEnvironment } from './environment.ts'

export type Player =
  | { readonly kind: 'script'; readonly why: string }
  | { readonly kind: 'provider'; readonly model: string; readonly provider: ResolvedProvider }

/** How a provider comes to its credential. */
export type ProviderKeys = Pick<ProviderQuestion, 'assertUsable' | 'secretOf'>

export interface PlayerArguments {
  readonly script: string | undefined
  readonly model: string | undefined
}

/** Throws E_PROVIDER (exit 4) where a model must play and its provider is not configured. */
export async function choosePlayer(
  args: PlayerArguments,
  definition: AgentDefinition,
  config: OperatorConfig,
  environment: CommandEnvironment,
  keys: ProviderKeys,
): Promise<Player> {
  if (args.script !== undefined && args.model !== undefined) {
    throw new RunAgentError('E_USAGE', '--script and --model both say who plays; give one')
  }
  if (args.script === '' && definition.script === undefined) {
    throw new RunAgentError('E_USAGE', `--script: ${definition.file} names no script`, {
      hint: 'Name one: --script FILE.',
    })
  }
  if (args.script !== undefined) return { kind: 'script', why: '--script' }
  const model =
    args.model ?? (definition.model === undefined ? undefined : `${definition.model.provider}/${definition.model.name}`)
  if (model === undefined) return { kind: 'script', why: 'the definition names no model' }
  const { resolveProvider } = await import('../credentials/provider-credential.ts')
  try {
    const provider = await resolveProvider({ model, config, environment: environment.variables, ...keys })
    return { kind: 'provider', model, provider }
  } catch (error) {
    const canFallBack = codeOf(error) === 'E_PROVIDER' && definition.fallback === 'script' && args.model === undefined
    if (!canFallBack) throw error
    return {
      kind: 'script',
      why: `the provider of ${model} is not configured, and the definition says fallback: script`,
    }
  }
}

/** The SDK is loaded here and nowhere else, and only when a provider plays. */
export async function providerModel(
  { provider }: Extract<Player, { kind: 'provider' }>,
  recorder: RunRecorder,
  filter: SecretFilter,
): Promise<Model> {
  const [{ createOpenAIModel }, { nodeHttpHost }] = await Promise.all([
    import('../model/openai-model.ts'),
    import('../node-http.ts'),
  ])
  const { baseURL, api, dress } = provider
  // Neither the provider's own key nor any other secret that the run has used.
  const scrub = (text: string): string => {
    const own = provider.scrub(text)
    return filter.isEmpty ? own : filter.text(own).value
  }
  const httpHost = nodeHttpHost()
  const fetch = createModelFetch({ recorder, dress, scrub, baseURL, httpHost, call: MODEL_CALL })
  const model = createOpenAIModel({ provider: provider.provider, name: provider.name, baseURL, api, fetch })
  return {
    playedBy: model.playedBy,
    turn: (request, signal, nowMs) => model.turn(request, signal, nowMs),
    close: async () => {
      await model.close()
      await httpHost.close()
    },
  }
}
