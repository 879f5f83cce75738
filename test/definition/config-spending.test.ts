import { describe, expect, test } from 'vitest'
import { parseConfig } from '../../runtime/definition/config.ts'
import { problemsOf, summaries } from '../support/problems.ts'

const configured = (spending: string, provider = 'key'): string =>
  `providers: { p: { credential: ${provider}, baseURL: "https://p.example" } }\n` +
  `credentials: { key: { source: { env: K }, spending: ${spending} }, other: { source: { env: K } } }`
const parse = (text: string): ReturnType<typeof parseConfig> => parseConfig({ file: 'config.yaml', text })
const limitsOf = (spending: string): unknown => parse(configured(spending)).credentials.get('key')?.spending

const DAY_MS = 86_400_000

describe('`spending`', () => {
  test('is a list of ceilings, each of dollars, tokens or both', () => {
    expect(
      limitsOf(
        '[{ usd: 100, every: 30d }, { per: user, usd: 5, tokens: 9, every: 1d }, { per: agent, tokens: 7, every: 12h }]',
      ),
    ).toEqual([
      { per: 'key', usd: 100, tokens: undefined, everyMs: 30 * DAY_MS, every: '30d', place: 'config.yaml:2:54' },
      { per: 'user', usd: 5, tokens: 9, everyMs: DAY_MS, every: '1d', place: 'config.yaml:2:80' },
      { per: 'agent', usd: undefined, tokens: 7, everyMs: DAY_MS / 2, every: '12h', place: 'config.yaml:2:125' },
    ])
    expect(parse('credentials: { key: { source: { env: K } } }').credentials.get('key')?.spending).toEqual([])
  })

  test('is of a key of models alone', () => {
    const lines = summaries(problemsOf(() => parse(configured('[{ usd: 1, every: 1d }]', 'other'))))
    expect(lines).toEqual([expect.stringContaining('can never take effect: no provider of models uses the credential')])
  })

  test('is of a key that no tool has: what tools do with it is not counted', () => {
    const agents =
      'inject: { header: A, format: "{secret}" }, for: ["GET https://p.example/a"], agents: { a: { from: ./a, tools: [t] } }, '
    const text = configured('[{ usd: 1, every: 1d }]').replace('spending:', `${agents}spending:`)
    expect(summaries(problemsOf(() => parse(text)))).toEqual([expect.stringContaining('would not count what tools do')])
  })

  test.each([
    ['[]', '`spending` is empty'],
    ['{ usd: 1, every: 1d }', '`spending` must be a list'],
    ['[{ every: 1d }]', 'must have `usd`, `tokens` or both'],
    ['[{ usd: 1 }]', 'must have `every`'],
    ['[{ usd: 0, every: 1d }]', '`usd` must be'],
    ['[{ usd: "1", every: 1d }]', '`usd` must be'],
    ['[{ tokens: 0, every: 1d }]', '`tokens` must be'],
    ['[{ tokens: 1.5, every: 1d }]', '`tokens` must be'],
    ['[{ usd: 1, every: 59m }]', '`every` must be hours or days'],
    ['[{ usd: 1, every: 0h }]', '`every` must be from 1h to 366d'],
    ['[{ usd: 1, every: 367d }]', '`every` must be from 1h to 366d'],
    ['[{ usd: 1, every: 1 }]', '`every` must be hours or days'],
    ['[{ usd: 1, every: 1d, per: run }]', '`per` must be `key`, `user` or `agent`'],
    ['[{ usd: 1, every: 1d, evry: 1d }]', 'unknown key `evry`'],
  ])('refuses %s', (spending, message) => {
    expect(summaries(problemsOf(() => parse(configured(spending)))).join('\n')).toContain(message)
  })

  test.each([
    ['the same twice', '{ usd: 1, every: 1d }', '{ usd: 1, every: 1d }'],
    ['less time for more', '{ usd: 1, every: 2d }', '{ usd: 1, every: 1d }'],
    ['a user who may cost as much as all', '{ usd: 1, every: 1d }', '{ per: user, usd: 1, every: 1d }'],
    ['an agent that may cost more than all', '{ tokens: 9, every: 1d }', '{ per: agent, tokens: 10, every: 12h }'],
    ['both of them idle', '{ usd: 1, tokens: 9, every: 1d }', '{ per: user, usd: 2, tokens: 9, every: 1d }'],
  ])('refuses two of which one can never take effect: %s', (_what, strict, idle) => {
    for (const list of [`[${strict}, ${idle}]`, `[${idle}, ${strict}]`]) {
      expect(summaries(problemsOf(() => parse(configured(list)))).join('\n')).toContain('one can never take effect')
    }
  })

  test.each([
    ['more for more time', '{ usd: 1, every: 1d }', '{ usd: 1.5, every: 2d }'],
    ['less of a user', '{ usd: 1, every: 1d }', '{ per: user, usd: 0.5, every: 1d }'],
    ['users and agents', '{ per: user, usd: 1, every: 1d }', '{ per: agent, usd: 1, every: 1d }'],
    ['a user over more time', '{ usd: 1, every: 1d }', '{ per: user, usd: 1, every: 2d }'],
    ['tokens beside dollars', '{ usd: 1, every: 1d }', '{ tokens: 9, every: 1d }'],
    ['one of them idle', '{ usd: 1, every: 1d }', '{ usd: 2, tokens: 9, every: 1d }'],
  ])('takes two that both have an effect: %s', (_what, one, other) => {
    expect(limitsOf(`[${one}, ${other}]`)).toHaveLength(2)
    expect(limitsOf(`[${other}, ${one}]`)).toHaveLength(2)
  })
})
