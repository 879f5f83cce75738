/** What the operator's configuration says of a definition: how much it may spend at most, which protected files it may have. */
import type { OperatorConfig } from './definition/config.ts'
import type { Budget } from './definition/definition.ts'

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
