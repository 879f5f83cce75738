/** `spending` of a credential: what the answers of the models that are asked with it may cost. */
import { RUN_TOKENS_MAX, RUN_USD_MAX, RUN_USD_MIN, SPENDING_EVERY_MS_MAX, SPENDING_EVERY_MS_MIN } from '../limits.ts'
import type { Field, NodeReader } from './node-reader.ts'

/** A ceiling over any stretch of `everyMs` that ends now. */
export interface SpendingLimit {
  /** What is counted together: all that the key is used for, each user's, or each agent's. */
  readonly per: 'key' | 'user' | 'agent'
  readonly usd: number | undefined
  readonly tokens: number | undefined
  readonly everyMs: number
  /** As it was written, as in `1d`. */
  readonly every: string
  readonly place: string
}

const LIMIT_KEYS = { supported: ['per', 'usd', 'tokens', 'every'], unsupported: [] } as const

export function readSpending(reader: NodeReader, field: Field): readonly SpendingLimit[] {
  const limits: SpendingLimit[] = []
  for (const item of reader.items(field) ?? []) {
    const limit = readLimit(reader, item)
    if (limit === undefined) continue
    const other = limits.find((each) => isIdle(limit, each) || isIdle(each, limit))
    if (other !== undefined) {
      const hint = `the one at ${other.place} ${isIdle(limit, other) ? 'ends every use before it' : 'is never reached beside it'}`
      reader.problems.add(item.at, 'of two ceilings of `spending` one can never take effect', hint)
    }
    limits.push(limit)
  }
  return limits
}

function readLimit(reader: NodeReader, item: Field): SpendingLimit | undefined {
  const fields = reader.section(item, LIMIT_KEYS, 'a ceiling of `spending`')
  if (fields === undefined) return undefined
  const [per, usd, tokens, every] = LIMIT_KEYS.supported.map((key) => fields.get(key))
  if (usd === undefined && tokens === undefined) {
    reader.problems.add(item.at, 'a ceiling of `spending` must have `usd`, `tokens` or both')
  }
  if (every === undefined) {
    reader.problems.add(item.at, 'a ceiling of `spending` must have `every`', 'write every: 1d')
    return undefined
  }
  const everyMs = reader.days(every, SPENDING_EVERY_MS_MIN, SPENDING_EVERY_MS_MAX)
  const limit = {
    per: (per && reader.choice(per, ['key', 'user', 'agent'] as const)) ?? 'key',
    usd: usd && reader.number(usd, RUN_USD_MIN, RUN_USD_MAX),
    tokens: tokens && reader.integer(tokens, 1, RUN_TOKENS_MAX),
  }
  if (everyMs === undefined) return undefined
  return { ...limit, everyMs, every: reader.text(every) ?? '', place: reader.problems.placeOf(item.at) }
}

/** Whether `limit` asks for nothing that `other` does not: a part of what it counts, over no more time, and no less of it. */
function isIdle(limit: SpendingLimit, other: SpendingLimit): boolean {
  const isPart = other.per === 'key' || other.per === limit.per
  const isCovered = (own: number | undefined, its: number | undefined): boolean =>
    own === undefined || (its !== undefined && its <= own)
  return (
    isPart && other.everyMs >= limit.everyMs && isCovered(limit.usd, other.usd) && isCovered(limit.tokens, other.tokens)
  )
}
