/** What tokens cost, and how an amount is written. */
import type { Price } from './definition/config.ts'
import type { ModelUsage } from './model/model.ts'

/** US dollars. */
export function costOf(price: Price, { inputTokens, outputTokens }: Pick<ModelUsage, 'inputTokens' | 'outputTokens'>) {
  return (inputTokens * price.input + outputTokens * price.output) / 1_000_000
}

/** Below a cent with what is there of one. */
export function inDollars(usd: number): string {
  return `$${usd.toFixed(usd > 0 && usd < 0.01 ? 4 : 2)}`
}
