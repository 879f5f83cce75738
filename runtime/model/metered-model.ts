/** A model whose answers are counted, by somebody who remembers more than one run. */
import { RunAgentError } from '../errors.ts'
import { ProviderError } from '../provider-error.ts'
import { saysUsage, type Model, type ModelRequest, type ModelUsage } from './model.ts'

export type TokenCount = Pick<ModelUsage, 'inputTokens' | 'outputTokens' | 'totalTokens'>

export interface Meter {
  /**
   * Counts a request before it is made, as what is expected of it, so that nothing is free that ends without an
   * answer. Throws RunAgentError E_CEILING where so much may not be asked; then nothing was counted.
   */
  begin(expected: TokenCount): MeteredRequest
}

export interface MeteredRequest {
  /** What it took in the end. */
  settle(used: TokenCount): void
}

const NOTHING: TokenCount = { inputTokens: 0, outputTokens: 0, totalTokens: 0 }

/** Of UTF-8 to a token, roughly, in English; other scripts have more of both. */
const TOKEN_BYTES = 4

export function meteredModel(model: Model, meter: Meter): Model {
  return {
    playedBy: model.playedBy,
    async turn(request, signal, nowMs) {
      const expected = expectedOf(request)
      const metered = meter.begin(expected)
      try {
        const turn = await model.turn(request, signal, nowMs)
        metered.settle(countedOf(turn.usage, expected))
        if (saysUsage(turn.usage)) return turn
        throw new RunAgentError(
          'E_MODEL',
          `the provider of ${model.playedBy} does not say how many tokens an answer took, so its ceilings cannot be held`,
        )
      } catch (error) {
        const took = error instanceof ProviderError ? error.usage : undefined
        if (took !== undefined && took.totalTokens > 0) metered.settle(countedOf(took, expected))
        else if (wasRefused(error)) metered.settle(NOTHING)
        throw error
      }
    },
    close: () => model.close(),
  }
}

/** Timeouts of servers on the way, behind which an answer may have been made. */
const UNSURE: ReadonlySet<number> = new Set([408, 409])

/** What was never sent, and an answer that says no, cost nothing. One that never came, or failed, may have. */
function wasRefused(error: unknown): boolean {
  if (!(error instanceof ProviderError)) return false
  const { code, status } = error
  if (status === undefined) return code === 'E_CREDENTIAL'
  return status >= 400 && status < 500 && !UNSURE.has(status)
}

/** What a provider says, and where it says nothing of a part, no less than was expected. */
function countedOf(said: ModelUsage, expected: TokenCount): TokenCount {
  if (saysUsage(said)) return said
  const inputTokens = Math.max(said.inputTokens, expected.inputTokens)
  const outputTokens = Math.max(said.outputTokens, expected.outputTokens)
  return { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens }
}

function expectedOf({ instructions, items, tools, settings }: ModelRequest): TokenCount {
  const inputTokens = Math.ceil(Buffer.byteLength(JSON.stringify([instructions, items, tools])) / TOKEN_BYTES)
  const outputTokens = settings.maxOutput ?? 0
  return { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens }
}
