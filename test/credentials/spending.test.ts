/**
 * What keys have cost, compared with an account that is kept in the simplest way; and the same comparison against
 * queries that each leave out one dimension, which must find it.
 */
import type Database from 'better-sqlite3'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Spending, SPENDING_TABLES, type Spender } from '../../runtime/credentials/spending.ts'
import type { CredentialsFile } from '../../runtime/credentials/store/credentials-file.ts'
import type { SpendingLimit } from '../../runtime/definition/config-spending.ts'
import { codeOf, messageOf } from '../../runtime/errors.ts'
import { SPENDING_EVERY_MS_MAX } from '../../runtime/limits.ts'
import { standingClock, temporaryPlace } from '../support/store.ts'

const HOUR_MS = 3_600_000
const PRICE = { input: 2, output: 8 }
const WHO: Spender = { credential: 'openai', user: 'alice', agent: '/a.yaml' }

const limit = (parts: Partial<SpendingLimit>): SpendingLimit => ({
  per: 'key',
  usd: undefined,
  tokens: undefined,
  everyMs: HOUR_MS,
  every: '1h',
  place: 'config.yaml:1:1',
  ...parts,
})
const tokens = (inputTokens: number, outputTokens = 0) => ({
  inputTokens,
  outputTokens,
  totalTokens: inputTokens + outputTokens,
})

function openSpending(place: ReturnType<typeof temporaryPlace>, weaken?: (sql: string) => string) {
  const clock = standingClock()
  const file = place.open([SPENDING_TABLES])
  const database = Object.create(file.database, {
    prepare: { value: (sql: string) => file.database.prepare(weaken?.(sql) ?? sql) },
  }) as Database.Database
  const seen: CredentialsFile = { ...file, database }
  // The transactions are the real ones.
  Object.defineProperty(database, 'transaction', { value: file.database.transaction.bind(file.database) })
  return {
    spending: new Spending({ file: seen, clock }),
    clock,
    rows: () => file.database.prepare('SELECT * FROM spending').all(),
  }
}

const refusal = (act: () => unknown): string => {
  try {
    act()
  } catch (error) {
    return `${codeOf(error)}: ${messageOf(error)}`
  }
  return 'permitted'
}

describe('a ceiling', () => {
  test('ends what asks for more than is left, and says of whom, how much, where and until when', () => {
    using place = temporaryPlace()
    const { spending, clock } = openSpending(place)
    const meter = spending.meter(WHO, 'run', [limit({ per: 'user', usd: 0.01 })], PRICE)
    // 5,000 input tokens at $2 for a million are $0.01.
    meter.begin(tokens(4900)).settle(tokens(4900))
    clock.go(1000)
    meter.begin(tokens(100)).settle(tokens(100))
    expect(refusal(() => meter.begin(tokens(150)))).toBe(
      'E_CEILING: the key openai may cost $0.01 in 1h for the user alice (config.yaml:1:1): $0.01 spent, $0.0003 ' +
        `expected of the next request; there is room from ${new Date(clock.now() - 1000 + HOUR_MS).toISOString()}`,
    )
    clock.go(HOUR_MS - 1001)
    expect(refusal(() => meter.begin(tokens(1)))).toContain('E_CEILING')
    clock.go(1)
    expect(refusal(() => meter.begin(tokens(4900)))).toBe('permitted')
  })

  test('ends at once what alone asks for more', () => {
    using place = temporaryPlace()
    const meter = openSpending(place).spending.meter(WHO, 'run', [limit({ tokens: 100 })], undefined)
    expect(refusal(() => meter.begin(tokens(1, 100)))).toContain(
      '101 tokens expected of the next request; which is never',
    )
    expect(refusal(() => meter.begin(tokens(1, 99)))).toBe('permitted')
  })

  test('counts a request while it is made, and one that never had an answer as it was expected', () => {
    using place = temporaryPlace()
    const { spending } = openSpending(place)
    const meter = spending.meter(WHO, 'run', [limit({ tokens: 100 })], undefined)
    const first = meter.begin(tokens(60, 40))
    expect(refusal(() => meter.begin(tokens(1)))).toContain('100 tokens spent')
    first.settle(tokens(30, 20))
    meter.begin(tokens(50))
    expect(refusal(() => meter.begin(tokens(0)))).toContain('100 tokens spent')
    expect(spending.spent(WHO, limit({}))).toEqual({ tokens: 100, usd: 0 })
  })

  test('holds whatever a provider says that an answer took', () => {
    using place = temporaryPlace()
    const { spending } = openSpending(place)
    const limits = [limit({ tokens: 1000, usd: 1 })]
    const requests = [1, 2].map(() => spending.meter(WHO, 'run', limits, PRICE).begin(tokens(1)))
    for (const request of requests) request.settle(tokens(Number.MAX_SAFE_INTEGER))
    expect(refusal(() => spending.meter(WHO, 'run', limits, PRICE).begin(tokens(1)))).toContain('E_CEILING')
    expect(spending.spent(WHO, limit({})).tokens).toBeGreaterThanOrEqual(2_000_000_000)
  })

  test('that was refused counts nothing', () => {
    using place = temporaryPlace()
    const { spending, rows } = openSpending(place)
    spending.meter(WHO, 'run', [], PRICE).begin(tokens(9))
    const meter = spending.meter(WHO, 'run', [limit({ tokens: 9 })], PRICE)
    for (let times = 0; times < 3; times++) expect(refusal(() => meter.begin(tokens(9)))).toContain('E_CEILING')
    expect(rows()).toHaveLength(1)
  })

  test('forgets what is older than any ceiling', () => {
    using place = temporaryPlace()
    const { spending, clock, rows } = openSpending(place)
    const meter = spending.meter(WHO, 'run', [], PRICE)
    meter.begin(tokens(1))
    clock.go(SPENDING_EVERY_MS_MAX - 1)
    meter.begin(tokens(2))
    expect(rows()).toHaveLength(2)
    clock.go(1)
    meter.begin(tokens(3))
    expect(rows()).toHaveLength(2)
  })
})

/** Steps of several askers, whose parts differ in one dimension at a time. */
const ASKERS: readonly Spender[] = [
  WHO,
  { ...WHO, user: 'Alice' },
  { ...WHO, agent: '/A.yaml' },
  { ...WHO, credential: 'openai2' },
  { ...WHO, user: '%', agent: '_' },
]

const arbitraryLimit = fc
  .record({
    per: fc.constantFrom('key', 'user', 'agent'),
    tokens: fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined }),
    usd: fc.option(fc.constantFrom(0.0001, 0.0002, 0.0004), { nil: undefined }),
    hours: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ hours, ...parts }) => limit({ ...parts, everyMs: hours * HOUR_MS, every: `${hours}h` }))

const arbitrarySteps = fc.array(
  fc.record({
    asker: fc.nat(ASKERS.length - 1),
    expected: fc.nat(30),
    used: fc.option(fc.tuple(fc.nat(30), fc.nat(10)), { nil: undefined }),
    waitMs: fc.constantFrom(0, 0, 1, HOUR_MS / 2, HOUR_MS - 1, HOUR_MS),
  }),
  { minLength: 5, maxLength: 25 },
)

interface Entry {
  readonly who: Spender
  readonly atMs: number
  readonly tokens: number
  readonly usd: number
}

/** Whether the ceilings let each step through, by an account that adds up every entry each time. */
function differences(
  limits: readonly SpendingLimit[],
  steps: Steps,
  weaken?: (sql: string) => string,
): readonly string[] {
  using place = temporaryPlace()
  const { spending, clock } = openSpending(place, weaken)
  const account: Entry[] = []
  const found: string[] = []
  for (const [index, { asker, expected, used, waitMs }] of steps.entries()) {
    clock.go(waitMs)
    const who = ASKERS[asker] ?? WHO
    const isWithin = limits.every(({ per, tokens: most = Infinity, usd = Infinity, everyMs }) => {
      const counted = account.filter(
        (entry) =>
          entry.who.credential === who.credential &&
          entry.atMs > clock.now() - everyMs &&
          (per === 'key' || entry.who[per] === who[per]),
      )
      const sum = (part: 'tokens' | 'usd'): number => counted.reduce((all, entry) => all + entry[part], 0)
      const expectedNano = Math.max(1, expected * PRICE.input * 1000)
      const isCheap = Math.round(sum('usd') * 1e9) + expectedNano <= Math.round(usd * 1e9)
      return sum('tokens') + Math.max(1, expected) <= most && isCheap
    })
    const said = refusal(() => {
      const request = spending.meter(who, 'run', limits, PRICE).begin(tokens(expected))
      if (used !== undefined) request.settle(tokens(...used))
    })
    if ((said === 'permitted') !== isWithin) found.push(`step ${index}: ${said}`)
    if (said !== 'permitted') continue
    const [input, output] = used ?? [expected, 0]
    const usd = (input * PRICE.input + output * PRICE.output) / 1_000_000
    account.push({ who, atMs: clock.now(), tokens: input + output, usd })
  }
  return found
}

type Steps = ReturnType<(typeof arbitrarySteps)['generate']>['value']

const RUNS = { numRuns: 150, seed: 20_261_128 }
const property = (weaken?: (sql: string) => string) =>
  fc.property(fc.array(arbitraryLimit, { minLength: 1, maxLength: 3 }), arbitrarySteps, (limits, steps) => {
    expect(differences(limits, steps, weaken)).toEqual([])
  })

describe('compared with a plain account', () => {
  test('each request is let through or not by what was spent', () => {
    fc.assert(property(), RUNS)
  })

  test.each([
    ['the credential', /WHERE credential = @credential AND/g, 'WHERE'],
    ['the user', /AND \(@user IS NULL OR user = @user\)/g, ''],
    ['the agent', /AND \(@agent IS NULL OR agent = @agent\)/g, ''],
    ['the time', /asked_ms > @sinceMs/g, '1'],
    ['what it took in the end', /SET tokens = @tokens, nano_usd = @nanoUsd/, 'SET tokens = tokens'],
    ['case', /user = @user/g, 'user LIKE @user'],
  ])('a query without %s is found', (_what, pattern, replacement) => {
    expect(
      fc.check(
        property((sql) => sql.replace(pattern, replacement)),
        RUNS,
      ).failed,
    ).toBe(true)
  })
})
