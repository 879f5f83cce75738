/** A model whose answers are counted, by somebody who remembers more than one run. */
import { RunAgentError } from '../errors.ts'
import { ProviderError } from '../provider-error.ts'
import { saysUsage, type Model, type ModelRequest, type ModelUsage } from './model.ts'

export type TokenCount = Pick<ModelUsage, 'inputTokens' | 'outputTokens' | 'totalTokens'>

export interface Meter {
  /**
   * Counts a request before it is made, as what is expected of it, so that nothing is free that ends without an
   * answer. Throws RunAgentError E_CEILING where nothing more may be asked; then nothing was counted.
   */
  begin(expected: TokenCount): MeteredRequest
}

export interface MeteredRequest {
  /** What it took in the end. */
  settle(used: TokenCount): void
}

const NOTHING: TokenCount = { inputTokens: 0, outputTokens: 0, totalTokens: 0 }

/** What tokens are to characters, roughly, in English. */
const TOKEN_CHARACTERS = 4

export function meteredModel(model: Model, meter: Meter): Model {
  return {
    playedBy: model.playedBy,
    async turn(request, signal, nowMs) {
      const metered = meter.begin(expectedOf(request))
      try {
        const turn = await model.turn(request, signal, nowMs)
        if (!saysUsage(turn.usage)) {
          throw new RunAgentError(
            'E_MODEL',
            `the provider of ${model.playedBy} does not say how many tokens an answer took, so its ceilings cannot be held`,
          )
        }
        metered.settle(turn.usage)
        return turn
      } catch (error) {
        if (wasRefused(error)) metered.settle(NOTHING)
        throw error
      }
    },
    close: () => model.close(),
  }
}

/** An answer that says no costs nothing. One that never came, or cannot be read, may have cost something. */
function wasRefused(error: unknown): boolean {
  return error instanceof ProviderError && error.status !== undefined && error.status >= 400
}

function expectedOf({ instructions, items, tools, settings }: ModelRequest): TokenCount {
  const inputTokens = Math.ceil(JSON.stringify([instructions, items, tools]).length / TOKEN_CHARACTERS)
  const outputTokens = settings.maxOutput ?? 0
  return { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens }
}
