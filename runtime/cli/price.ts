/** What the tokens of the model that plays cost. */
import type { OperatorConfig } from '../definition/config.ts'
import type { AgentDefinition } from '../definition/definition.ts'
import { RunAgentError } from '../errors.ts'
import type { RunPlan } from '../plan.ts'
import type { Player } from './player.ts'

/**
 * A budget or a ceiling in dollars that nothing can be compared with would silently do nothing. `usd`: the budget as
 * the operator's ceiling bounds it, which is for every run, also of a model that costs nothing.
 */
export function priceOf(
  player: Player,
  config: OperatorConfig,
  { own, usd }: { readonly own: AgentDefinition['budget']; readonly usd: number | undefined },
): RunPlan['price'] {
  if (player.kind === 'script') return undefined
  const { provider, name, credential = '' } = player.provider
  const price = config.providers.get(provider)?.prices.get(name)
  const ceiling = config.credentials.get(credential)?.spending.find((limit) => limit.usd !== undefined)
  if (usd === undefined && ceiling === undefined) return price
  const isFree = price !== undefined && price.input + price.output === 0
  if (price !== undefined && !(isFree && (own.usd !== undefined || ceiling !== undefined))) return price
  const what =
    usd === undefined
      ? `the key ${credential} may cost $${ceiling?.usd} in ${ceiling?.every} (${ceiling?.place})`
      : `the budget, or the operator's ceiling, is $${usd}`
  if (isFree) {
    throw new RunAgentError('E_PROVIDER', `${what}, and ${player.model} costs nothing: it would never be reached`, {
      hint: 'Bound its `tokens`.',
    })
  }
  throw new RunAgentError('E_PROVIDER', `${what}, and nobody says what ${player.model} costs`, {
    hint: `Name it in the operator's configuration: providers: { ${provider}: { prices: { ${name}: { input: …, output: … } } } }, in US dollars for a million tokens.`,
  })
}
