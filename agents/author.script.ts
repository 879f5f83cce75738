import { defineScript } from 'run-agent'

const REPORT = 'reports/repository.md'
const KINDS_MAX = 10
const COMMITS_MAX = 5

/** Plays the model of author and author-wide; both are asked for the same file, and one of them may not write it. */
export default defineScript(async (task, call) => {
  const path = task.trim() === '' ? REPORT : task.trim()
  const [{ files }, commits] = await Promise.all([
    call<{ files: string[] }>('list_files'),
    call<{ commits: Commit[] }>('git_log', { limit: COMMITS_MAX }).then(
      (log) => log.commits,
      () => [],
    ),
  ])
  // A report that counted itself would differ each time.
  const content = report(
    files.filter((file) => file !== path),
    commits,
  )
  try {
    await call('write_file', { path, content })
    return `Wrote ${path}.\n\n${content}`
  } catch (error) {
    const { name, message } = error as { name: string; message: string }
    return `Couldn't write ${path}: ${name}: ${message}`
  }
})

interface Commit {
  readonly commit: string
  readonly author: { readonly name: string; readonly date: string }
  readonly message: string
}

function report(files: readonly string[], commits: readonly Commit[]): string {
  const kinds = Map.groupBy(files, kindOf)
  const counted = [...kinds].map(([kind, { length }]) => ({ kind, length }))
  const largest = counted.toSorted((one, other) => other.length - one.length || (one.kind < other.kind ? -1 : 1))
  return [
    '# This repository',
    '',
    `${files.length} files:`,
    '',
    ...largest.slice(0, KINDS_MAX).map(({ kind, length }) => `- ${length} ${kind}`),
    ...(commits.length === 0 ? [] : ['', 'Newest commits:', '', ...commits.map(lineOf)]),
    '',
  ].join('\n')
}

function kindOf(file: string): string {
  const name = file.slice(file.lastIndexOf('/') + 1)
  const dot = name.lastIndexOf('.')
  return dot > 0 ? name.slice(dot) : 'without an extension'
}

/** A commit's message is anybody's text: its first line alone, as code. */
function lineOf({ commit, author, message }: Commit): string {
  const subject = message.split('\n', 1)[0]?.replaceAll('`', "'") ?? ''
  return `- ${commit.slice(0, 10)} ${author.date.slice(0, 10)} \`${subject}\``
}
