import { defineTool, z } from 'run-agent'
import { withRepository } from './git/repository.ts'
import { resolveCommit } from './git/revision.ts'

const COMMITS_DEFAULT = 20

/** Long messages are cut, so that the longest log still fits one result. */
const MESSAGE_CHARS_MAX = 2_000

export default defineTool({
  description: 'Lists commits, the newest first: oid, parents, author, date and message.',
  parameters: z.object({
    ref: z.string().optional().describe('Where to start: a branch, tag, commit or HEAD~2. Default: HEAD'),
    limit: z.int().min(1).max(200).optional().describe(`The most commits to list. Default: ${COMMITS_DEFAULT}`),
  }),
  needs: { git: true },
  async execute({ ref = 'HEAD', limit = COMMITS_DEFAULT }) {
    return withRepository(async (repository) => {
      const commits = await repository.log(await resolveCommit(repository, ref), limit)
      return {
        commits: commits.map(({ oid, commit }) => ({
          commit: oid,
          parents: commit.parent,
          author: { name: commit.author.name, date: new Date(commit.author.timestamp * 1000).toISOString() },
          message: commit.message.slice(0, MESSAGE_CHARS_MAX),
          ...(repository.shallow.has(oid) ? { note: 'the shallow clone ends here' } : {}),
        })),
      }
    })
  },
})
