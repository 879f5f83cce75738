/** The same agent with a narrow and a wide grant, asked for the same files. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDesk, REPOSITORY, resultOf, type Desk } from '../support/program.ts'
import { openTestRepository } from '../support/repository.ts'

const NARROW = join(REPOSITORY, 'agents/author.yaml')
const WIDE = join(REPOSITORY, 'agents/author-wide.yaml')

let desk: Desk

beforeAll(() => {
  desk = openDesk()
  const repository = openTestRepository(desk.workspace)
  repository.git('init', '-q', '-b', 'main')
  repository.commit({ 'README.md': 'old\n', 'src/a.ts': 'one\n', 'src/b.ts': 'two\n' }, 'first `words`\n\nmore')
})
afterAll(() => desk[Symbol.dispose]())

const textOf = (path: string): string | undefined => {
  const file = join(desk.workspace, path)
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined
}

describe('author', () => {
  test('writes its report, and its run replays identically', async () => {
    const { exit, stdout } = await desk.run(NARROW)
    expect(exit).toBe(0)
    expect(stdout).toContain('Wrote reports/repository.md')
    expect(textOf('reports/repository.md')).toMatch(
      /^# This repository\n\n3 files:\n\n- 2 \.ts\n- 1 \.md\n\nNewest commits:\n\n- [0-9a-f]{10} \d{4}-\d\d-\d\d `first 'words'`\n$/,
    )
    const replayed = await desk.run('replay', 'last')
    expect(replayed.stdout + replayed.stderr).toContain('identical')
    expect(replayed.exit).toBe(0)
  })

  test.each(['reports/old/deep.md', 'README.md', 'reports/report.txt'])(
    'is denied %s, which author-wide may write',
    async (path) => {
      const before = textOf(path)
      const narrow = await desk.run(NARROW, path, '--json')
      expect(resultOf(narrow)).toMatchObject({ status: 'completed', denied: [{ tool: 'write_file' }] })
      expect(String(resultOf(narrow)['output'])).toContain(`Couldn't write ${path}: Denied: no rule permits it`)
      expect(textOf(path)).toBe(before)
      const wide = await desk.run(WIDE, path, '--json')
      expect(resultOf(wide)).toMatchObject({ status: 'completed', denied: [] })
      expect(textOf(path)).toContain('# This repository')
    },
  )

  test.each(['package.json', '.env', '.git/config'])('may not write %s however wide its grant is', async (path) => {
    const before = textOf(path)
    for (const agent of [NARROW, WIDE]) {
      const result = resultOf(await desk.run(agent, path, '--json'))
      expect(result).toMatchObject({ status: 'completed', denied: [{ tool: 'write_file' }] })
    }
    expect(textOf(path)).toBe(before)
  })

  test.each([NARROW, WIDE])('says its rights truly: %s', async (agent) => {
    const { exit, stdout } = await desk.run('check', agent)
    expect(stdout).toMatch(/tests: [34] passed\n/)
    expect(exit).toBe(0)
  })
})
