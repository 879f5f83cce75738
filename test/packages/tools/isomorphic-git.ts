import * as fs from 'node:fs'
import git from 'isomorphic-git'
import { defineTool, z } from 'run-agent'

export default defineTool({
  description: 'Reads the history of a repository.',
  parameters: z.object({}),
  async execute() {
    const at = { fs, dir: '.' }
    const log = await git.log(at)
    const [head] = log
    const blob = await git.readBlob({ ...at, oid: String(head?.oid), filepath: 'src/a.txt' })
    return {
      log: log.map(({ oid, commit }) => [oid, commit.message, commit.author.name, commit.parent]),
      branch: await git.currentBranch(at),
      branches: await git.listBranches(at),
      tags: await git.listTags(at),
      files: await git.listFiles(at),
      text: new TextDecoder().decode(blob.blob),
      status: await git.statusMatrix(at),
      tag: await git.resolveRef({ ...at, ref: 'v1' }),
      changed: await git.walk({
        ...at,
        trees: [git.TREE({ ref: 'HEAD' }), git.TREE({ ref: String(log[1]?.oid) })],
        map: async (path, [now, before]) =>
          (await now?.type()) === 'blob' && (await now?.oid()) !== (await before?.oid()) ? path : undefined,
      }),
    }
  },
})
