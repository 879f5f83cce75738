/**
 * What the answers of models have cost that were asked with a key, over all runs, and whether that is enough: the
 * ceilings of `spending`. A request is counted before it is made, in the transaction that finds it within them.
 */
import type { Price } from '../definition/config.ts'
import type { SpendingLimit } from '../definition/config-spending.ts'
import { RunAgentError } from '../errors.ts'
import { SPENDING_EVERY_MS_MAX } from '../limits.ts'
import type { Meter, MeteredRequest, TokenCount } from '../model/metered-model.ts'
import type { Clock } from '../ports.ts'
import { snapshot, transact, type CredentialsFile } from './store/credentials-file.ts'

/** `nano_usd`: billionths of a US dollar, so that sums are exact. A request without an answer keeps what was expected. */
export const SPENDING_TABLES = `
  CREATE TABLE spending (
    id INTEGER PRIMARY KEY,
    credential TEXT NOT NULL,
    user TEXT NOT NULL,
    agent TEXT NOT NULL,
    run TEXT NOT NULL,
    asked_ms INTEGER NOT NULL,
    tokens INTEGER NOT NULL CHECK (tokens >= 0),
    nano_usd INTEGER NOT NULL CHECK (nano_usd >= 0)
  ) STRICT;
  CREATE INDEX spending_time ON spending (credential, asked_ms);
`

/** Who asks. `agent`: the file of its definition, because a name proves nothing. */
export interface Spender {
  readonly credential: string
  readonly user: string
  readonly agent: string
}

export interface Spent {
  readonly tokens: number
  readonly usd: number
}

export interface SpendingParts {
  readonly file: CredentialsFile
  readonly clock: Pick<Clock, 'now'>
}

const NANO = 1_000_000_000
/** A dollar for a million tokens is a thousand billionths for one. */
const NANO_PER_PRICE = 1000

/** The rows that a ceiling counts. */
const COUNTED = `spending WHERE credential = @credential AND asked_ms > @sinceMs
  AND (@user IS NULL OR user = @user) AND (@agent IS NULL OR agent = @agent)`

type Counted = Record<'credential' | 'user' | 'agent', string | null> & { readonly sinceMs: number }

export class Spending {
  readonly #file: CredentialsFile
  readonly #clock: SpendingParts['clock']

  constructor({ file, clock }: SpendingParts) {
    this.#file = file
    this.#clock = clock
  }

  /** For one run. `price` undefined: nobody says, and no ceiling is in dollars. */
  meter(spender: Spender, run: string, limits: readonly SpendingLimit[], price: Price | undefined): Meter {
    return { begin: (expected) => this.#begin(spender, run, limits, price, expected) }
  }

  /** Within the stretch of a ceiling that ends now. */
  spent(spender: Spender, limit: SpendingLimit): Spent {
    return snapshot(this.#file, () => this.#sum(this.#counted(spender, limit)))
  }

  /** The agents that have asked with the key within the stretch, in the order of their names. */
  agents(credential: string, { everyMs }: SpendingLimit): readonly string[] {
    const sinceMs = this.#clock.now() - everyMs
    return this.#file.database
      .prepare<[string, number], string>(
        'SELECT DISTINCT agent FROM spending WHERE credential = ? AND asked_ms > ? ORDER BY agent',
      )
      .pluck()
      .all(credential, sinceMs)
  }

  #begin(
    spender: Spender,
    run: string,
    limits: readonly SpendingLimit[],
    price: Price | undefined,
    expected: TokenCount,
  ): MeteredRequest {
    const { database } = this.#file
    const id = transact(this.#file, () => {
      const nowMs = Math.trunc(this.#clock.now())
      database.prepare('DELETE FROM spending WHERE asked_ms <= ?').run(nowMs - SPENDING_EVERY_MS_MAX)
      for (const limit of limits) this.#assertWithin(spender, limit)
      const { lastInsertRowid } = database
        .prepare('INSERT INTO spending VALUES (NULL, @credential, @user, @agent, @run, @nowMs, @tokens, @nanoUsd)')
        .run({ ...spender, run, nowMs, ...amountOf(expected, price) })
      return lastInsertRowid
    })
    return {
      settle: (used) => {
        const change = { id, ...amountOf(used, price) }
        transact(this.#file, () =>
          database.prepare('UPDATE spending SET tokens = @tokens, nano_usd = @nanoUsd WHERE id = @id').run(change),
        )
      },
    }
  }

  #assertWithin(spender: Spender, limit: SpendingLimit): void {
    const counted = this.#counted(spender, limit)
    const { tokens, usd } = this.#sum(counted)
    if (limit.usd !== undefined && usd >= limit.usd) {
      const until = this.#freeAt(counted, limit, 'nano_usd', Math.ceil(limit.usd * NANO))
      throw reached(spender, limit, `$${limit.usd}`, `$${usd.toFixed(4)}`, until)
    }
    if (limit.tokens !== undefined && tokens >= limit.tokens) {
      const until = this.#freeAt(counted, limit, 'tokens', limit.tokens)
      throw reached(spender, limit, `${limit.tokens} tokens`, `${tokens}`, until)
    }
  }

  #counted({ credential, user, agent }: Spender, { per, everyMs }: SpendingLimit): Counted {
    const sinceMs = this.#clock.now() - everyMs
    return { credential, sinceMs, user: per === 'user' ? user : null, agent: per === 'agent' ? agent : null }
  }

  #sum(counted: Counted): Spent {
    const sums = this.#file.database
      .prepare<[Counted], { tokens: number; nanoUsd: number }>(
        `SELECT coalesce(sum(tokens), 0) AS tokens, coalesce(sum(nano_usd), 0) AS nanoUsd FROM ${COUNTED}`,
      )
      .get(counted)
    return { tokens: sums?.tokens ?? 0, usd: (sums?.nanoUsd ?? 0) / NANO }
  }

  /** When so much has left the stretch that the rest is less than the ceiling. */
  #freeAt(counted: Counted, { everyMs }: SpendingLimit, column: 'tokens' | 'nano_usd', ceiling: number): number {
    const last = this.#file.database
      .prepare<[Counted & { readonly ceiling: number }], number>(
        `SELECT max(asked_ms) FROM (
           SELECT asked_ms, sum(${column}) OVER (ORDER BY asked_ms DESC, id DESC) AS newer FROM ${COUNTED}
         ) WHERE newer >= @ceiling`,
      )
      .pluck()
      .get({ ...counted, ceiling })
    return (last ?? this.#clock.now()) + everyMs
  }
}

function amountOf({ inputTokens, outputTokens, totalTokens }: TokenCount, price: Price | undefined) {
  const usd = price === undefined ? 0 : inputTokens * price.input + outputTokens * price.output
  return { tokens: totalTokens, nanoUsd: Math.ceil(usd * NANO_PER_PRICE) }
}

function reached(
  { credential, user, agent }: Spender,
  { per, every, place }: SpendingLimit,
  ceiling: string,
  spent: string,
  untilMs: number,
): RunAgentError {
  const whose = { key: '', user: ` for the user ${user}`, agent: ` for the agent ${agent}` }[per]
  const message = `the key ${credential} may cost ${ceiling} in ${every}${whose}, and ${spent} of it is spent (${place}); there is more from ${new Date(untilMs).toISOString()}`
  return new RunAgentError('E_CEILING', message)
}
