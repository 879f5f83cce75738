import * as fs from 'node:fs'
import git from 'isomorphic-git'
import { defineTool, z } from 'run-agent'

const author = { name: 'Ada', email: 'ada@example.org', timestamp: 1_700_000_000, timezoneOffset: 0 }

export default defineTool({
  description: 'Begins a repository and commits to it.',
  parameters: z.object({}),
  async execute() {
    const at = { fs, dir: 'fresh' }
    await git.init({ ...at, defaultBranch: 'main' })
    await fs.promises.writeFile('fresh/a.txt', 'one\n')
    await git.add({ ...at, filepath: 'a.txt' })
    const first = await git.commit({ ...at, message: 'first', author })
    await git.branch({ ...at, ref: 'topic', checkout: true })
    await fs.promises.writeFile('fresh/a.txt', 'two\n')
    await git.add({ ...at, filepath: 'a.txt' })
    const second = await git.commit({ ...at, message: 'second', author })
    await git.checkout({ ...at, ref: 'main' })
    const text = await fs.promises.readFile('fresh/a.txt', 'utf8')
    const merged = await git.merge({ ...at, ours: 'main', theirs: 'topic', author })
    return { first, second, text, merged: merged.oid, log: (await git.log(at)).map(({ oid }) => oid) }
  },
})
