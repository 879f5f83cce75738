import { afterEach, expect, test } from 'vitest'
import gitLog from '../../tools/git_log.ts'
import { makeRepository, openTestRepository } from '../support/repository.ts'
import type { TestRepository } from '../support/repository.ts'
import { runTool } from '../support/run-tool.ts'

interface Log {
  readonly commits: readonly { commit: string; parents: string[]; author: object; message: string; note?: string }[]
}

const made: TestRepository[] = []

afterEach(() => {
  for (const repository of made.splice(0)) repository.remove()
})

test('lists commits, the newest first, loose and packed', async () => {
  const repository = makeRepository(Array.from({ length: 5 }, (_, at) => ({ 'a.txt': `${at}\n` })))
  made.push(repository)
  const oids = repository.git('rev-list', 'HEAD').split('\n')
  for (const packed of [false, true]) {
    if (packed) repository.git('gc', '-q')
    const { commits } = await runTool<Log>(gitLog, {}, repository.dir)
    expect(commits.map(({ commit }) => commit)).toEqual(oids)
    expect(commits[0]).toMatchObject({ parents: [oids[1]], author: { name: 'Ada' }, message: 'commit 5\n' })
    expect(JSON.stringify(commits)).not.toContain('ada@example.org')
    const two = await runTool<Log>(gitLog, { ref: 'HEAD~2', limit: 2 }, repository.dir)
    expect(two.commits.map(({ commit }) => commit)).toEqual(oids.slice(2, 4))
  }
})

test('ends where a shallow clone ends, and says so', async () => {
  const origin = makeRepository([{ a: '1' }, { a: '2' }, { a: '3' }])
  const clone = openTestRepository(`${origin.dir}-clone`)
  made.push(origin, clone)
  origin.git('clone', '-q', '--depth', '2', `file://${origin.dir}`, clone.dir)
  const { commits } = await runTool<Log>(gitLog, {}, clone.dir)
  expect(commits.map(({ message }) => message)).toEqual(['commit 3\n', 'commit 2\n'])
  expect(commits[1]?.note).toContain('shallow')
})
