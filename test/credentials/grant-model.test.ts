/** Chains and tokens against a model of them: any order of grants, uses, revocations and the passing of time. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Authority } from '../../runtime/credentials/chain/authority.ts'
import { makeChain, makeStore, NOW, tokenAction, WIDE, type Chain } from '../support/grant-store.ts'

const LEVELS = ['user', 'agent', 'tool'] as const

interface ModelLink {
  readonly usesMax: number
  readonly endMs: number
  uses: number
  isRevoked: boolean
}

interface ModelToken {
  readonly text: string
  readonly endMs: number
  isUsed: boolean
}

type Step =
  | { readonly does: 'mint' | 'authorise' }
  | { readonly does: 'consume'; readonly token: number; readonly isOther: boolean }
  | { readonly does: 'revoke'; readonly level: number }
  | { readonly does: 'wait'; readonly ms: number }

const STEP: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ does: fc.constantFrom('mint' as const, 'authorise' as const) }) },
  {
    weight: 8,
    arbitrary: fc.record({ does: fc.constant('consume' as const), token: fc.nat(2), isOther: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('revoke' as const), level: fc.nat(2) }) },
  {
    weight: 1,
    arbitrary: fc.record({ does: fc.constant('wait' as const), ms: fc.constantFrom(1, 10, 29_989, 29_999, 30_000) }),
  },
)

/** Narrower from level to level. */
const BOUNDS = fc
  .tuple(
    fc.constantFrom([99, 99, 99], [99, 99, 99], [99, 99, 2], [99, 2, 2], [3, 2, 1], [3, 3, 3]),
    fc.constantFrom(20_000, 50_000, 1e9),
  )
  .map(([uses, endMs]) =>
    uses.map((usesMax, index): ModelLink => {
      return { usesMax, endMs: NOW + (index === 2 ? endMs : 1e9), uses: 0, isRevoked: false }
    }),
  )

const authorityOf = ({ usesMax, endMs }: ModelLink, index: number): Authority => ({
  ...WIDE,
  usesMax,
  expiresAtMs: endMs,
  childDepth: 3 - index,
})

test('whatever happens in whatever order, the store does as the model says', () => {
  const seen = new Map<string, number>()
  fc.assert(
    fc.property(BOUNDS, fc.array(STEP, { minLength: 5, maxLength: 40 }), (bounds, steps) => {
      using store = makeStore()
      const links = bounds.map((link) => ({ ...link }))
      const [user, agent, tool] = links.map((link, index) => ({ authority: authorityOf(link, index) }))
      const chain: Chain = makeChain(store.grants, 'alice', {
        ...(user && { user }),
        ...(agent && { agent }),
        ...(tool && { tool }),
      })
      const tokens: ModelToken[] = []
      let now = NOW
      const isOpen = (): boolean =>
        links.every((link) => !link.isRevoked && link.uses < link.usesMax && now < link.endMs)
      const use = (): void => links.forEach((link) => (link.uses += 1))
      for (const step of steps) {
        if (step.does === 'wait') now += step.ms
        if (step.does === 'revoke') {
          // What is below goes with it.
          links.forEach((link, index) => (link.isRevoked ||= index >= step.level))
          store.grants.revoke('alice', { id: chain[LEVELS[step.level] ?? 'user'] }, 'ops', 'test')
        }
        if (step.does === 'mint' || step.does === 'authorise') {
          const answer = store.tokens[step.does](chain.tool, tokenAction(), now)
          expect(answer.ok).toBe(isOpen())
          if ('token' in answer) {
            const endMs = Math.min(now + 30_000, links[2]?.endMs ?? 0)
            tokens.push({ text: answer.token, endMs, isUsed: false })
          } else if (answer.ok) use()
          count(seen, step.does, answer)
        }
        const token = step.does === 'consume' ? tokens[step.token] : undefined
        if (step.does === 'consume' && token !== undefined) {
          const action = tokenAction(step.isOther ? { ordinal: 1 } : {})
          const answer = store.tokens.consume(token.text, action, now)
          const expected = isOpen() && !token.isUsed && now < token.endMs && !step.isOther
          expect(answer.ok).toBe(expected)
          if (expected) {
            token.isUsed = true
            use()
          }
          count(seen, 'consume', answer)
        }
      }
    }),
    { numRuns: 300, seed: 1 },
  )
  // Else the property says nothing.
  const often = [
    'mint ok',
    'authorise ok',
    'consume ok',
    ...['revoked', 'time', 'exhausted', 'spent', 'bound'].map((rule) => `consume ${rule}`),
  ]
  expect(often.filter((what) => (seen.get(what) ?? 0) < 10)).toEqual([])
})

function count(
  seen: Map<string, number>,
  what: string,
  answer: { readonly ok: boolean; readonly rule?: string },
): void {
  const key = `${what} ${answer.rule ?? 'ok'}`
  seen.set(key, (seen.get(key) ?? 0) + 1)
}
