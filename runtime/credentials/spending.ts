/**
 * What the answers of models have cost that were asked with a key, over all runs, and whether that is enough: the
 * ceilings of `spending`. A request is counted before it is made, in the transaction that finds it within them.
 */
import { costOf, inDollars } from '../cost.ts'
import type { Price } from '../definition/config.ts'
import type { SpendingLimit } from '../definition/config-spending.ts'
import { RunAgentError } from '../errors.ts'
import { RUN_TOKENS_MAX, RUN_USD_MAX, SPENDING_EVERY_MS_MAX } from '../limits.ts'
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

interface Amount {
  readonly tokens: number
  readonly nanoUsd: number
}

type Column = 'tokens' | 'nano_usd'

const NANO = 1_000_000_000

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
    const { tokens, nano_usd: nano } = snapshot(this.#file, () => this.#sum(this.#counted(spender, limit)))
    return { tokens, usd: nano / NANO }
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
      const expectedAmount = amountOf(expected, price)
      for (const limit of limits) this.#assertWithin(spender, limit, expectedAmount)
      const { lastInsertRowid } = database
        .prepare('INSERT INTO spending VALUES (NULL, @credential, @user, @agent, @run, @nowMs, @tokens, @nanoUsd)')
        .run({ ...spender, run, nowMs, ...expectedAmount })
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

  #assertWithin(spender: Spender, limit: SpendingLimit, expected: Amount): void {
    const counted = this.#counted(spender, limit)
    const spent = this.#sum(counted)
    const assertRoom = (column: Column, ceiling: number, isNew: number, words: (amount: number) => string): void => {
      // What costs nothing may not be asked either where nothing is left.
      const due = Math.max(1, isNew)
      if (spent[column] + due <= ceiling) return
      const until = due > ceiling ? undefined : this.#freeAt(counted, limit, column, ceiling - due)
      throw reached(spender, limit, { ceiling: words(ceiling), spent: words(spent[column]), due: words(isNew) }, until)
    }
    const { usd, tokens } = limit
    if (usd !== undefined)
      assertRoom('nano_usd', Math.round(usd * NANO), expected.nanoUsd, (nano) => inDollars(nano / NANO))
    if (tokens !== undefined) assertRoom('tokens', tokens, expected.tokens, (count) => `${count} tokens`)
  }

  #counted({ credential, user, agent }: Spender, { per, everyMs }: SpendingLimit): Counted {
    const sinceMs = this.#clock.now() - everyMs
    return { credential, sinceMs, user: per === 'user' ? user : null, agent: per === 'agent' ? agent : null }
  }

  #sum(counted: Counted): Readonly<Record<Column, number>> {
    // As floating point: a sum of integers that is too large would be an error for ever.
    const sums = this.#file.database
      .prepare<[Counted], Record<Column, number>>(
        `SELECT total(tokens) AS tokens, total(nano_usd) AS nano_usd FROM ${COUNTED}`,
      )
      .get(counted)
    return sums ?? { tokens: 0, nano_usd: 0 }
  }

  /** When so much has left the stretch that no more than `rest` is in it. */
  #freeAt(counted: Counted, { everyMs }: SpendingLimit, column: Column, rest: number): number {
    const last = this.#file.database
      .prepare<[Counted & { readonly rest: number }], number>(
        `SELECT max(asked_ms) FROM (
           SELECT asked_ms, total(${column}) OVER (ORDER BY asked_ms DESC, id DESC) AS newer FROM ${COUNTED}
         ) WHERE newer > @rest`,
      )
      .pluck()
      .get({ ...counted, rest })
    return (last ?? this.#clock.now()) + everyMs
  }
}

/** No answer costs more; a provider may say so. */
const NANO_USD_MAX = RUN_USD_MAX * NANO

function amountOf(used: TokenCount, price: Price | undefined): Amount {
  const usd = price === undefined ? 0 : costOf(price, used)
  return {
    tokens: Math.min(used.totalTokens, RUN_TOKENS_MAX),
    nanoUsd: Math.min(Math.round(usd * NANO), NANO_USD_MAX),
  }
}

function reached(
  { credential, user, agent }: Spender,
  { per, every, place }: SpendingLimit,
  amounts: { readonly ceiling: string; readonly spent: string; readonly due: string },
  untilMs: number | undefined,
): RunAgentError {
  const whose = { key: '', user: ` for the user ${user}`, agent: ` for the agent ${agent}` }[per]
  const when =
    untilMs === undefined ? 'which is never there at once' : `there is room from ${new Date(untilMs).toISOString()}`
  const message =
    `the key ${credential} may cost ${amounts.ceiling} in ${every}${whose} (${place}): ` +
    `${amounts.spent} spent, ${amounts.due} expected of the next request; ${when}`
  return new RunAgentError('E_CEILING', message)
}
