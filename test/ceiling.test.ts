import { describe, expect, test } from 'vitest'
import { allowedProtected, boundBudget, ceilingInWords } from '../runtime/ceiling.ts'
import type { ProtectedGrant } from '../runtime/definition/config-bounds.ts'

const BUDGET = { turns: 20, timeMs: 1000, tokens: undefined, usd: undefined }
const NO_CEILING = { turns: undefined, usd: undefined }

describe('boundBudget()', () => {
  test.each([
    [
      { turns: 20, usd: undefined },
      { turns: 5, usd: 2 },
      { turns: 5, usd: 2 },
    ],
    [
      { turns: 3, usd: 1 },
      { turns: 5, usd: 2 },
      { turns: 3, usd: 1 },
    ],
    [
      { turns: 20, usd: 3 },
      { turns: undefined, usd: 2 },
      { turns: 20, usd: 2 },
    ],
    [{ turns: 20, usd: 3 }, NO_CEILING, { turns: 20, usd: 3 }],
  ])('is the smaller of %j and %j', (own, ceiling, bound) => {
    const budget = { ...BUDGET, ...own }
    expect(boundBudget(budget, ceiling, false)).toEqual({ ...budget, ...bound })
    // A lock was reviewed with its budget.
    expect(boundBudget(budget, ceiling, true)).toEqual(budget)
  })
})

describe('ceilingInWords()', () => {
  test('says what the operator lowers, and nothing else', () => {
    expect(ceilingInWords(BUDGET, { turns: 5, usd: 2 })).toEqual([
      "  the operator's ceiling, unless it is locked: 5 turns, $2",
    ])
    expect(ceilingInWords({ ...BUDGET, usd: 1 }, { turns: 20, usd: 2 })).toEqual([])
    expect(ceilingInWords(BUDGET, NO_CEILING)).toEqual([])
  })
})

describe('allowedProtected()', () => {
  const lock = `sha256-${'a'.repeat(64)}`
  const granted: readonly ProtectedGrant[] = [
    { agent: { from: '/srv/link.yaml' }, path: '.env' },
    { agent: { lock }, path: 'x.pem' },
    { agent: { from: '/srv/gone.yaml' }, path: 'gone.key' },
  ]
  const real = (path: string): string | undefined => ({ '/srv/link.yaml': '/srv/real.yaml' })[path]
  const allowed = (path: string | undefined, digest: string | undefined): readonly string[] =>
    allowedProtected({ protected: granted }, path, digest, real)

  test.each([
    ['the file itself, by whatever link', '/srv/real.yaml', 'sha256-other', ['.env']],
    ['the bytes, wherever they lie', '/tmp/copy.yaml', lock, ['x.pem']],
    ['both', '/srv/real.yaml', lock, ['.env', 'x.pem']],
    ['nothing of another file', '/tmp/real.yaml', 'sha256-other', []],
    ['nothing of a file that is not there', undefined, 'sha256-other', []],
    ['every lock before the digest is known', '/tmp/copy.yaml', undefined, ['x.pem']],
  ])('grants to %s', (_what, path, digest, paths) => {
    expect(allowed(path, digest)).toEqual(paths)
  })
})
