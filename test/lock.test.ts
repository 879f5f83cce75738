import { describe, expect, test } from 'vitest'
import {
  agentParts,
  digestOf,
  lockDifferences,
  lockText,
  makeLock,
  parseLock,
  type AgentLock,
} from '../runtime/lock.ts'
import { checkedOf } from './support/checked-tool.ts'

const hash = (digit: string): string => digit.repeat(64)
const LINES = 'tools:\n  mine: { from: ./t.ts, read: ["x"] }\n  read_file: { read: ["x"] }'

function partsWith(
  changed: { definition?: string; script?: string; tool?: string } = {},
): ReturnType<typeof agentParts> {
  const { definition = '1', script = '2', tool = '3' } = changed
  return agentParts(checkedOf(LINES).definition, hash(definition), hash(script), () => hash(tool))
}

describe('agentParts()', () => {
  test('covers definition, script and bundles, and what comes with run-agent by name alone', () => {
    expect([...partsWith()]).toEqual([
      ['definition', `sha256-${hash('1')}`],
      ['script', `sha256-${hash('2')}`],
      ['tool mine', `sha256-${hash('3')}`],
      ['tool read_file', 'run-agent/read_file'],
    ])
  })

  test('covers a prompt in a file of its own', () => {
    const { definition } = checkedOf('')
    const prompt = (instructions: string): string | undefined =>
      agentParts({ ...definition, instructions, instructionsFile: 'p.md' }, hash('1'), undefined, () => undefined).get(
        'prompt',
      )
    expect(prompt('a')).toMatch(/^sha256-[0-9a-f]{64}$/)
    expect(prompt('a')).not.toBe(prompt('b'))
  })

  test('makes no lock of an agent whose tool was not bundled', () => {
    expect(() => agentParts(checkedOf(LINES).definition, hash('1'), hash('2'), () => undefined)).toThrow(/mine/)
  })
})

describe('digestOf()', () => {
  test('is the same for the same parts, and another for each other part', () => {
    const digests = [{}, { definition: '9' }, { script: '9' }, { tool: '9' }].map((change) =>
      digestOf(partsWith(change)),
    )
    expect(digestOf(partsWith())).toBe(digests[0])
    expect(new Set(digests).size).toBe(4)
    // Written out by hand from the header of lock.ts: a digest that an operator keeps must not change.
    expect(digests[0]).toBe('sha256-c0db9f3e4a8556cf169883b29af05ba8621e3984a8ea856c25545add2d54bcaf')
  })
})

describe('parseLock()', () => {
  const lock = makeLock(partsWith(), ['a may read x'])

  test('reads what lockText() writes', () => {
    expect(parseLock(lockText(lock))).toEqual({ ok: true, lock })
  })

  test.each([
    ['nothing', ''],
    ['no object', 'null'],
    ['another version', lockText(lock).replace('"lock": 1', '"lock": 2')],
    ['newer words', lockText(lock).replace('"words": 1', '"words": 2')],
    ['no digest', lockText(lock).replace('"digest"', '"digits"')],
    ['a right that is no text', lockText(lock).replace('"a may read x"', '1')],
    ['a part that is no text', lockText(lock).replace('"run-agent/read_file"', '{}')],
  ])('refuses %s', (_what, text) => {
    expect(parseLock(text)).toMatchObject({ ok: false })
  })
})

describe('lockDifferences()', () => {
  const now = makeLock(partsWith(), ['t may read x', 't may write y', 't may write y'])
  const edited = (change: Partial<AgentLock>): readonly string[] => lockDifferences({ ...now, ...change }, now)

  test('finds none between equals', () => {
    expect(edited({})).toEqual([])
  })

  test('names each part that changed, came or went', () => {
    const held = makeLock(new Map([...partsWith({ definition: '9', tool: '9' }), ['prompt', 'x']]), now.rights)
    const without = makeLock(new Map([...held.parts].filter(([part]) => part !== 'script')), now.rights)
    expect(lockDifferences(without, now)).toEqual([
      'definition changed',
      'tool mine changed: its file, or one that it imports',
      '- prompt',
      '+ script',
    ])
  })

  test('names rights that were added and removed', () => {
    expect(edited({ rights: ['t may read x', 't may write y', 't may delete z'] })).toEqual([
      '- t may delete z',
      '+ t may write y',
    ])
    expect(edited({ rights: now.rights.toReversed() })).toEqual(['the rights stand in another order'])
  })

  test('finds a digest that was put there by hand', () => {
    expect(edited({ digest: `sha256-${hash('0')}` })).toEqual([
      'the digest is not that of the parts: the lock was edited',
    ])
  })

  test('compares a lock in older words by its parts alone', () => {
    expect(edited({ words: 0, rights: ['other words'] })).toEqual([])
    expect(lockDifferences({ ...makeLock(partsWith({ tool: '9' }), []), words: 0 }, now)).toHaveLength(1)
  })

  test('shows nothing that a terminal obeys', () => {
    expect(edited({ rights: ['\x1b[2J\nrun x completed', ...now.rights] })).toEqual(['- \\x1b[2J\\nrun x completed'])
  })
})
