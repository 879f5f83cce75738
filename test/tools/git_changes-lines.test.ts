import { afterAll, describe, expect, test } from 'vitest'
import { diffLines, splitLines } from '../../tools/git/line-diff.ts'
import type { Changes } from '../../tools/git_changes.ts'
import gitChanges from '../../tools/git_changes.ts'
import { makeRepository } from '../support/repository.ts'
import { runTool } from '../support/run-tool.ts'

/** A small generator, so that a failure can be repeated: the seed is in the test's name. */
function numbers(seed: number): (below: number) => number {
  let state = seed * 2654435761 + 1
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Lines that occur once, so that the shortest difference is the only one; now and then without the last line's end. */
function edited(lines: readonly string[], next: (below: number) => number): string[] {
  const result = lines.flatMap((line): string[] => {
    const dice = next(12)
    if (dice === 0) return []
    if (dice === 1) return [`new ${next(1e9)}`]
    if (dice === 2) return [line, `new ${next(1e9)}`, `new ${next(1e9)}`]
    return [line]
  })
  return next(5) === 0 ? [`new ${next(1e9)}`, ...result] : result
}

/** The line numbers that git itself gives for what was added. */
function addedByGit(diff: string): Map<string, number[]> {
  const files = new Map<string, number[]>()
  let current: number[] = []
  for (const line of diff.split('\n')) {
    if (line.startsWith('+++ ')) {
      current = []
      files.set(line.slice('+++ b/'.length), current)
    }
    const hunk = /^@@ -\S+ \+(\d+)(?:,(\d+))? @@/.exec(line)
    const count = hunk === null ? 0 : Number(hunk[2] ?? 1)
    for (let at = 0; at < count; at += 1) current.push(Number(hunk?.[1]) + at)
  }
  return files
}

describe('added lines', () => {
  const repository = makeRepository()
  afterAll(() => repository.remove())

  test.each(Array.from({ length: 30 }, (_, seed) => seed + 1))(
    'are numbered as git numbers them, seed %i',
    async (seed) => {
      const next = numbers(seed)
      const before = Array.from({ length: 3 }, (_, file) =>
        Array.from({ length: next(80) }, (__, at) => `${file} line ${at} ${next(1e6)}`),
      )
      const after = before.map((lines) => edited(lines, next))
      const end = next(3) === 0 ? '' : '\n'
      const separator = next(4) === 0 ? '\r\n' : '\n'
      const write = (all: readonly string[][], last: string) =>
        Object.fromEntries(
          all.map((lines, file) => [`file-${file}.txt`, lines.length === 0 ? '' : lines.join(separator) + last]),
        )
      repository.commit(write(before, '\n'))
      repository.commit(write(after, end))
      if (seed % 3 === 0) repository.git('gc', '-q')
      const { files } = await runTool<Changes>(gitChanges, {}, repository.dir)
      const expected = addedByGit(repository.git('diff', '--unified=0', '--no-renames', 'HEAD~1', 'HEAD'))
      const stat = repository.git('diff', '--numstat', '--no-renames', 'HEAD~1', 'HEAD')
      expect(files.length).toBe(stat === '' ? 0 : stat.split('\n').length)
      for (const file of files) {
        expect(file.added.map(({ line }) => line)).toEqual(expected.get(file.path) ?? [])
        expect(stat).toContain(`${file.added.length}\t${file.removed}\t${file.path}`)
      }
    },
  )

  test.each(Array.from({ length: 30 }, (_, seed) => seed + 1))(
    'leave what was there before, with repeated lines, seed %i',
    (seed) => {
      const next = numbers(seed)
      const words = ['{', '}', '', 'a', 'b']
      const make = (): string[] => Array.from({ length: next(60) }, () => `${words[next(words.length)] ?? ''}\n`)
      const before = make()
      const after = make()
      const { added, removed } = diffLines(before, after)
      const kept = after.filter((_, at) => !added.includes(at))
      expect(kept).toHaveLength(before.length - removed)
      // What was kept stands in the old text in the same order.
      let at = 0
      for (const line of kept) {
        at = before.indexOf(line, at) + 1
        expect(at).toBeGreaterThan(0)
      }
    },
  )
})

describe('a difference that has no end', () => {
  test('is given up, and says so', () => {
    const next = numbers(7)
    const lines = Array.from({ length: 20_000 }, (_, at) => `${at}\n`)
    const shuffled = lines.toSorted(() => next(3) - 1)
    const started = performance.now()
    const { added, approximate } = diffLines(lines, shuffled.toReversed())
    expect(approximate).toBe(true)
    expect(added.length).toBeGreaterThan(0)
    expect(performance.now() - started).toBeLessThan(5_000)
  })

  test('is none where two texts share nothing', () => {
    const make = (word: string) => Array.from({ length: 50_000 }, (_, at) => `${word} ${at}\n`)
    const { added, removed, approximate } = diffLines(make('a'), make('b'))
    expect({ added: added.length, removed, approximate }).toEqual({
      added: 50_000,
      removed: 50_000,
      approximate: false,
    })
  })
})

test('a text without lines has none', () => {
  expect(splitLines('')).toEqual([])
  expect(splitLines('a')).toEqual(['a'])
  expect(splitLines('\n')).toEqual(['\n'])
})
