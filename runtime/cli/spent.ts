/** What of a key's ceilings is spent. */
import { limitInWords } from '../ceiling.ts'
import { inDollars } from '../cost.ts'
import type { Spent } from '../credentials/spending.ts'
import type { CredentialConfig } from '../definition/config-credentials.ts'
import type { SpendingLimit } from '../definition/config-spending.ts'
import type { Secrets } from './secrets.ts'

export interface SpentOfLimit extends Spent {
  readonly limit: SpendingLimit
  /** The user or the agent whose ceiling it is; undefined: all of them together. */
  readonly who: string | undefined
}

interface Asked {
  readonly secrets: Pick<Secrets, 'spending'>
  readonly user: string
}

/** For each ceiling: by all, by this user, by each agent that spent anything. */
export function spentOf(
  { secrets, user }: Asked,
  credential: string,
  { spending: limits }: Pick<CredentialConfig, 'spending'>,
): readonly SpentOfLimit[] {
  if (limits.length === 0) return []
  const spending = secrets.spending()
  return limits.flatMap((limit) => {
    const agents = limit.per === 'agent' ? spending.agents(credential, limit) : ['']
    return agents.map((agent) => {
      const who = { key: undefined, user, agent }[limit.per]
      return { limit, who, ...spending.spent({ credential, user, agent }, limit) }
    })
  })
}

export function spentInWords(asked: Asked, credential: string, config: CredentialConfig): readonly string[] {
  return spentOf(asked, credential, config).map(({ limit, who, usd, tokens }) => {
    const amounts = [
      ...(limit.usd === undefined ? [] : [inDollars(usd)]),
      ...(limit.tokens === undefined ? [] : [`${tokens} tokens`]),
    ]
    return `may cost ${limitInWords(limit)} · ${who === undefined ? '' : `${who} has `}spent ${amounts.join(', ')}`
  })
}
