import { defineTool, z } from 'run-agent'
import { readPage } from './git/changes.ts'
import type { ChangedFile } from './git/changes.ts'
import { withRenames } from './git/renames.ts'
import { withRepository } from './git/repository.ts'
import type { Repository } from './git/repository.ts'
import { select } from './git/revision.ts'
import { diffTrees } from './git/tree.ts'

/** A message may be of any length; the start says what it is. */
const MESSAGE_CHARS_MAX = 8_000

/** Everything that changed, page by page. */
export interface Changes {
  /** The commit, or the later end of the range. */
  readonly commit: string
  readonly parents: readonly string[]
  readonly author: { readonly name: string; readonly date: string }
  readonly message: string
  /** What was compared, `from..to`; `from` is null where everything counts as added. */
  readonly range: { readonly from: string | null; readonly to: string }
  /** What a reader would otherwise get wrong, such as the parent that a merge was compared with. */
  readonly note?: string
  /** How many files differ, the hidden ones included. */
  readonly total: number
  readonly from: number
  /** Where the next page starts; absent on the last one. */
  readonly next?: number
  /** How many files of this page the read rules do not permit. */
  readonly hidden: number
  readonly files: readonly ChangedFile[]
}

interface Compared {
  readonly to: Awaited<ReturnType<Repository['commit']>>
  readonly from: string | null
  readonly note: string | undefined
}

async function compared(repository: Repository, ref: string): Promise<Compared> {
  const selection = await select(repository, ref)
  if (selection.kind === 'range') {
    const note = selection.fromMergeBase ? 'compared with the merge base of the two' : undefined
    return { to: await repository.commit(selection.to), from: selection.from, note }
  }
  const to = await repository.commit(selection.oid)
  const from = to.commit.parent[0] ?? null
  if (to.commit.parent.length > 1) return { to, from, note: 'a merge: compared with its first parent' }
  if (from !== null) return { to, from, note: undefined }
  const note = repository.shallow.has(to.oid)
    ? 'the shallow clone ends here: its parents are missing, so everything counts as added'
    : 'the first commit: everything is added'
  return { to, from, note }
}

export default defineTool({
  description:
    'Shows what a commit (compared with its first parent) or a range a..b changed: each file that the read rules ' +
    'permit, the lines added with their new line numbers and, with `content`, the new text. ' +
    'A large change comes in pages: call again with `from` set to `next`.',
  parameters: z.object({
    ref: z
      .string()
      .optional()
      .describe('A branch, tag, commit or abbreviation, HEAD~2, or a range a..b or a...b. Default: HEAD'),
    content: z.boolean().optional().describe('Also give the whole new text of each file'),
    from: z.int().min(0).optional().describe('The first file of the page, from 0; the `next` of the page before'),
    limit: z.int().min(1).max(5000).optional().describe('The most files of the page'),
  }),
  needs: { git: true, read: true },
  async execute({ ref = 'HEAD', content = false, from = 0, limit = 5000 }): Promise<Changes> {
    return withRepository(async (repository) => {
      const { to, from: base, note } = await compared(repository, ref)
      const before = base === null ? undefined : (await repository.commit(base)).commit.tree
      const differing = await diffTrees(repository.objects, before, to.commit.tree)
      const changes = await withRenames(repository.objects, differing)
      const page = await readPage(repository.objects, repository.calls, changes, { from, limit, content })
      return {
        commit: to.oid,
        parents: to.commit.parent,
        author: { name: to.commit.author.name, date: new Date(to.commit.author.timestamp * 1000).toISOString() },
        message: to.commit.message.slice(0, MESSAGE_CHARS_MAX),
        range: { from: base, to: to.oid },
        ...(note === undefined ? {} : { note }),
        total: changes.length,
        from,
        ...(page.next === undefined ? {} : { next: page.next }),
        hidden: page.hidden,
        files: page.files,
      }
    })
  },
})
