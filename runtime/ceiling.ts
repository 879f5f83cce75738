/** What the operator's configuration says of a definition: how much it may spend at most, which protected files it may have. */
import type { OperatorConfig } from './definition/config.ts'
import type { SpendingLimit } from './definition/config-spending.ts'
import type { AgentDefinition, Budget } from './definition/definition.ts'

/** The smaller of both, for a definition that is not locked. */
export function boundBudget(budget: Budget, { turns, usd }: OperatorConfig['ceiling'], isLocked: boolean): Budget {
  if (isLocked) return budget
  const smaller = (a: number | undefined, b: number | undefined): number | undefined =>
    a === undefined || b === undefined ? (a ?? b) : Math.min(a, b)
  return { ...budget, turns: Math.min(budget.turns, turns ?? budget.turns), usd: smaller(budget.usd, usd) }
}

/** What of a budget the operator's ceiling lowers; nothing where it lowers nothing. */
export function ceilingInWords(budget: Budget, { turns, usd }: OperatorConfig['ceiling']): readonly string[] {
  const lowered = [
    ...(turns !== undefined && turns < budget.turns ? [`${turns} turns`] : []),
    ...(usd !== undefined && usd < (budget.usd ?? Infinity) ? [`$${usd}`] : []),
  ]
  return lowered.length === 0 ? [] : [`  the operator's ceiling, unless it is locked: ${lowered.join(', ')}`]
}

/** What the key of a definition's model may cost, over all runs; nothing where nobody bounds it. */
export function spendingInWords(
  model: AgentDefinition['model'],
  { providers, credentials }: Pick<OperatorConfig, 'providers' | 'credentials'>,
): readonly string[] {
  const name = keyOf(model, { providers })
  return spendingOf(model, { providers, credentials }).map(
    (limit) => `  the key ${name} may cost ${limitInWords(limit)}`,
  )
}

export function spendingOf(
  model: AgentDefinition['model'],
  { providers, credentials }: Pick<OperatorConfig, 'providers' | 'credentials'>,
): readonly SpendingLimit[] {
  return credentials.get(keyOf(model, { providers }))?.spending ?? []
}

function keyOf(model: AgentDefinition['model'], { providers }: Pick<OperatorConfig, 'providers'>): string {
  return providers.get(model?.provider ?? '')?.credential ?? ''
}

/** As in `$5 or 200000 tokens in 1d for each user`. */
export function limitInWords({ per, usd, tokens, every }: SpendingLimit): string {
  const amounts = [...(usd === undefined ? [] : [`$${usd}`]), ...(tokens === undefined ? [] : [`${tokens} tokens`])]
  return `${amounts.join(' or ')} in ${every}${per === 'key' ? '' : ` for each ${per}`}`
}

/**
 * The protected paths that the configuration grants to the definition at `realPath` (undefined: there is none). A
 * grant to a lock holds for its digest alone; before the digest is known (undefined) every such path is a candidate,
 * because a definition can be read only with them, and nothing runs before it was asked again with the digest.
 */
export function allowedProtected(
  config: Pick<OperatorConfig, 'protected'>,
  realPath: string | undefined,
  digest: string | undefined,
  realPathOf: (path: string) => string | undefined,
): readonly string[] {
  const granted = config.protected.filter(({ agent }) => {
    if ('from' in agent) return realPath !== undefined && realPathOf(agent.from) === realPath
    return digest === undefined || agent.lock === digest
  })
  return [...new Set(granted.map(({ path }) => path))]
}
