/** Real repositories, made with the git command line in a temporary folder. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** What one commit does to the work tree: a text or bytes to write, or null to delete. */
export type Edits = Readonly<Record<string, string | Uint8Array | null>>

export interface TestRepository {
  readonly dir: string
  git(...args: readonly string[]): string
  gitWithInput(input: string | Uint8Array, ...args: readonly string[]): string
  write(edits: Edits): void
  /** Writes, stages everything and commits; gives the oid. */
  commit(edits: Edits, message?: string): string
  remove(): void
}

/** Nothing of the machine's own configuration may change what git does here. */
const ENVIRONMENT = {
  PATH: process.env['PATH'] ?? '',
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'Ada',
  GIT_AUTHOR_EMAIL: 'ada@example.org',
  GIT_COMMITTER_NAME: 'Ada',
  GIT_COMMITTER_EMAIL: 'ada@example.org',
  LC_ALL: 'C.UTF-8',
}

export function openTestRepository(dir: string): TestRepository {
  const run = (args: readonly string[], input?: string | Uint8Array): string =>
    execFileSync('git', ['-c', 'protocol.file.allow=always', '-c', 'core.quotePath=false', ...args], {
      cwd: dir,
      env: ENVIRONMENT,
      encoding: 'utf8',
      maxBuffer: 512 * 1024 * 1024,
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(input === undefined ? {} : { input }),
    }).trimEnd()
  const repository: TestRepository = {
    dir,
    git: (...args) => run(args),
    gitWithInput: (input, ...args) => run(args, input),
    write(edits) {
      for (const [path, content] of Object.entries(edits)) {
        const target = join(dir, path)
        if (content === null) {
          rmSync(target)
          continue
        }
        mkdirSync(dirname(target), { recursive: true })
        writeFileSync(target, content)
      }
    },
    commit(edits, message = 'change') {
      repository.write(edits)
      run(['add', '-A'])
      run(['commit', '-q', '--allow-empty', '-m', message])
      return run(['rev-parse', 'HEAD'])
    },
    remove: () => rmSync(dir, { recursive: true, force: true }),
  }
  return repository
}

/** A repository with these commits, on branch `main`, every object loose. */
export function makeRepository(commits: readonly Edits[] = []): TestRepository {
  const repository = openTestRepository(mkdtempSync(join(tmpdir(), 'run-agent-git-')))
  repository.git('init', '-q', '-b', 'main')
  repository.git('config', 'gc.auto', '0')
  for (const [at, edits] of commits.entries()) repository.commit(edits, `commit ${at + 1}`)
  return repository
}
