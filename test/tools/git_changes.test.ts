import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Changes } from '../../tools/git_changes.ts'
import gitChanges from '../../tools/git_changes.ts'
import { makeRepository, openTestRepository } from '../support/repository.ts'
import type { TestRepository } from '../support/repository.ts'
import { runTool } from '../support/run-tool.ts'

/** What the broker would do: reject a path that no rule permits, whether the file is there or not. */
const host = vi.hoisted(() => ({ denies: (_path: string): boolean => false, reads: [] as string[] }))

vi.mock('node:fs/promises', async (load) => {
  const real = await load<typeof import('node:fs/promises')>()
  const guarded =
    <Args extends [path: unknown, ...rest: unknown[]], Result>(method: (...args: Args) => Promise<Result>) =>
    async (...args: Args): Promise<Result> => {
      const path = String(args[0])
      host.reads.push(path)
      if (host.denies(path)) throw Object.assign(new Error(`denied: ${path}`), { name: 'Denied', code: 'ENOENT' })
      return method(...args)
    }
  return {
    ...real,
    readFile: guarded(real.readFile as (path: unknown) => Promise<unknown>),
    readdir: guarded(real.readdir as (path: unknown) => Promise<unknown>),
    lstat: guarded(real.lstat as (path: unknown) => Promise<unknown>),
    open: guarded(real.open as (path: unknown) => Promise<unknown>),
  }
})

const made: TestRepository[] = []

function repositoryOf(...commits: Parameters<typeof makeRepository>): TestRepository {
  const repository = makeRepository(...commits)
  made.push(repository)
  return repository
}

const changes = (repository: TestRepository, args: object = {}): Promise<Changes> =>
  runTool<Changes>(gitChanges, args, repository.dir)

beforeEach(() => {
  host.denies = () => false
  host.reads.length = 0
})

afterEach(() => {
  for (const repository of made.splice(0)) repository.remove()
})

const lines = (...numbers: readonly number[]): string => numbers.map((number) => `line ${number}\n`).join('')

describe('one commit', () => {
  test('is compared with its parent', async () => {
    const repository = repositoryOf([{ 'a.txt': lines(1, 2, 3), 'b.txt': 'old\n' }])
    const commit = repository.commit(
      { 'a.txt': lines(1, 9, 3, 4), 'b.txt': null, 'src/c.txt': 'new\n' },
      'second\n\nbody',
    )
    const result = await changes(repository, { content: true })
    expect(result).toMatchObject({
      commit,
      parents: [repository.git('rev-parse', 'HEAD~1')],
      author: { name: 'Ada' },
      message: 'second\n\nbody\n',
      total: 3,
      hidden: 0,
    })
    expect(JSON.stringify(result)).not.toContain('ada@example.org')
    expect(result.files).toEqual([
      {
        path: 'a.txt',
        status: 'modified',
        kind: 'file',
        binary: false,
        bytes: 28,
        added: [
          { line: 2, text: 'line 9' },
          { line: 4, text: 'line 4' },
        ],
        removed: 1,
        content: lines(1, 9, 3, 4),
      },
      { path: 'b.txt', status: 'deleted', kind: 'file', binary: false, bytes: 4, added: [], removed: 1 },
      {
        path: 'src/c.txt',
        status: 'added',
        kind: 'file',
        binary: false,
        bytes: 4,
        added: [{ line: 1, text: 'new' }],
        removed: 0,
        content: 'new\n',
      },
    ])
  })

  test('without a parent adds everything', async () => {
    const result = await changes(repositoryOf([{ 'a.txt': lines(1, 2) }]))
    expect(result).toMatchObject({ parents: [], range: { from: null }, note: expect.stringContaining('first commit') })
    expect(result.files[0]).toMatchObject({ status: 'added', added: [{ line: 1 }, { line: 2 }] })
  })

  test('may change nothing', async () => {
    const repository = repositoryOf([{ 'a.txt': '1' }, {}])
    expect(await changes(repository)).toMatchObject({ total: 0, files: [] })
  })

  test('that is a merge is compared with its first parent', async () => {
    const repository = repositoryOf([{ 'a.txt': '1\n' }])
    repository.git('checkout', '-q', '-b', 'side')
    repository.commit({ 'side.txt': 'side\n' })
    repository.git('checkout', '-q', 'main')
    repository.commit({ 'main.txt': 'main\n' })
    repository.git('merge', '-q', '--no-ff', '-m', 'merge', 'side')
    const result = await changes(repository)
    expect(result.files.map(({ path }) => path)).toEqual(['side.txt'])
    expect(result.note).toContain('first parent')
    expect(result.parents).toHaveLength(2)
    expect((await changes(repository, { ref: 'HEAD^2' })).commit).toBe(repository.git('rev-parse', 'side'))
  })

  test('tells a rename from an addition, also with a small edit', async () => {
    const text = lines(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
    const repository = repositoryOf([{ 'old/same.txt': text, 'old/edited.txt': `head\n${text}` }])
    repository.commit({
      'old/same.txt': null,
      'new/same.txt': text,
      'old/edited.txt': null,
      'new/edited.txt': `head\n${text}tail\n`,
    })
    const { files } = await changes(repository)
    expect(files).toMatchObject([
      {
        path: 'new/edited.txt',
        oldPath: 'old/edited.txt',
        status: 'renamed',
        added: [{ line: 12, text: 'tail' }],
        removed: 0,
      },
      { path: 'new/same.txt', oldPath: 'old/same.txt', status: 'renamed', added: [], removed: 0 },
    ])
  })

  test('may hold binary files, links, modes, submodules and replaced kinds', async () => {
    const repository = repositoryOf([{ 'was-file': 'text\n', 'run.sh': 'echo\n', 'folder/in.txt': 'in\n' }])
    const oid = repository.git('rev-parse', 'HEAD')
    repository.write({ 'image.bin': Buffer.from([1, 0, 2]) })
    rmSync(join(repository.dir, 'was-file'))
    rmSync(join(repository.dir, 'folder'), { recursive: true })
    repository.git('add', '-A')
    const target = repository.gitWithInput('run.sh', 'hash-object', '-w', '--stdin')
    repository.git('update-index', '--add', '--cacheinfo', `120000,${target},was-file`)
    repository.git('update-index', '--add', '--cacheinfo', `160000,${oid},sub`)
    repository.git('update-index', '--add', '--cacheinfo', `100644,${target},folder`)
    repository.git('update-index', '--chmod=+x', 'run.sh')
    repository.git('commit', '-q', '-m', 'kinds')
    const { files } = await changes(repository, { content: true })
    expect(Object.fromEntries(files.map((file) => [file.path, file]))).toMatchObject({
      folder: { status: 'added', kind: 'file' },
      'folder/in.txt': { status: 'deleted' },
      'image.bin': { status: 'added', binary: true, bytes: 3, added: [] },
      'run.sh': { status: 'modified', mode: '100755', oldMode: '100644', added: [] },
      sub: { status: 'added', kind: 'submodule', added: [] },
      'was-file': { status: 'typechange', kind: 'link', content: 'run.sh' },
    })
    expect(files.find(({ path }) => path === 'image.bin')).not.toHaveProperty('content')
  })

  test('may hold names that are not ASCII, or no UTF-8 at all', async () => {
    const repository = repositoryOf([{ 'a.txt': 'a\n' }])
    const blob = repository.gitWithInput('secret\n', 'hash-object', '-w', '--stdin')
    const tree = Buffer.concat([
      Buffer.from('100644 bad\xff\0', 'latin1'),
      Buffer.from(blob, 'hex'),
      Buffer.from('100644 ünï 日本.txt\0'),
      Buffer.from(blob, 'hex'),
    ])
    const oid = repository.gitWithInput(tree, 'hash-object', '-t', 'tree', '-w', '--stdin', '--literally')
    repository.git('update-ref', 'HEAD', repository.git('commit-tree', oid, '-m', 'names'))
    const { files } = await changes(repository, { content: true })
    expect(files).toMatchObject([
      { path: 'bad\\377', invalidName: true, added: [] },
      { path: 'ünï 日本.txt', added: [{ line: 1, text: 'secret' }] },
    ])
    expect(files[0]).not.toHaveProperty('content')
  })

  test('never reads a path that a hostile tree points elsewhere', async () => {
    const repository = repositoryOf([{ 'a.txt': 'a\n' }])
    const blob = repository.gitWithInput('x\n', 'hash-object', '-w', '--stdin')
    const up = Buffer.concat([Buffer.from('100644 ..\0'), Buffer.from(blob, 'hex')])
    const inner = repository.gitWithInput(up, 'hash-object', '-t', 'tree', '-w', '--stdin', '--literally')
    const outer = Buffer.concat([Buffer.from('40000 ..\0'), Buffer.from(inner, 'hex')])
    const oid = repository.gitWithInput(outer, 'hash-object', '-t', 'tree', '-w', '--stdin', '--literally')
    repository.git('update-ref', 'HEAD', repository.git('commit-tree', oid, '-m', 'up'))
    const { files } = await changes(repository)
    expect(files).toMatchObject([{ path: '../..', invalidName: true }])
    expect(host.reads.filter((path) => path.includes('..'))).toEqual([])
  })
})

describe('what is not permitted', () => {
  test('is counted, and neither shown nor read', async () => {
    const repository = repositoryOf([{ 'open.txt': 'a\n' }])
    repository.commit({ 'open.txt': 'b\n', 'closed/gone.txt': 'secret\n', 'closed/here.txt': 'secret\n' })
    rmSync(join(repository.dir, 'closed/gone.txt'))
    host.denies = (path) => path.startsWith('closed/')
    const result = await changes(repository, { content: true })
    expect(result).toMatchObject({ total: 3, hidden: 2, files: [{ path: 'open.txt' }] })
    expect(JSON.stringify(result)).not.toContain('secret')
  })

  test('is no origin of a rename either', async () => {
    const repository = repositoryOf([{ 'closed/a.txt': lines(1, 2, 3) }])
    repository.commit({ 'closed/a.txt': null, 'open.txt': lines(1, 2, 3) })
    host.denies = (path) => path.startsWith('closed/')
    const { files } = await changes(repository)
    expect(files).toMatchObject([{ path: 'open.txt', status: 'added', added: [{}, {}, {}] }])
    expect(JSON.stringify(files)).not.toContain('closed')
  })

  test('includes the configuration of git, which is never asked for', async () => {
    const repository = repositoryOf([{ 'a.txt': '1\n' }, { 'a.txt': '2\n' }])
    repository.git('pack-refs', '--all')
    await changes(repository)
    await changes(repository, { ref: 'main~1..main' })
    const allowed = /^\.git\/(HEAD|packed-refs|shallow|refs\/|objects\/)/
    expect(host.reads.filter((path) => path.startsWith('.git') && !allowed.test(path))).toEqual([])
  })
})

describe('a revision', () => {
  test('may be a branch, a tag, an abbreviation, a step back or a range', async () => {
    const repository = repositoryOf([{ 'a.txt': '1\n' }, { 'a.txt': '2\n' }, { 'a.txt': '3\n' }])
    const [third = '', second = '', first = ''] = repository.git('rev-list', 'HEAD').split('\n')
    repository.git('tag', '-a', 'v1', '-m', 'one', second)
    repository.git('branch', 'feature/x', second)
    repository.git('update-ref', 'refs/remotes/origin/topic', first)
    for (const packed of [false, true]) {
      if (packed) repository.git('gc', '-q')
      const commitOf = async (ref: string): Promise<string> => (await changes(repository, { ref })).commit
      expect(await commitOf('main')).toBe(third)
      expect(await commitOf('v1')).toBe(second)
      expect(await commitOf('v1^{commit}')).toBe(second)
      expect(await commitOf('feature/x')).toBe(second)
      expect(await commitOf('origin/topic')).toBe(first)
      expect(await commitOf(third.slice(0, 7))).toBe(third)
      expect(await commitOf('HEAD~2')).toBe(first)
      expect(await commitOf('@^^')).toBe(first)
      expect(await changes(repository, { ref: `${first.slice(0, 8)}..v1` })).toMatchObject({
        range: { from: first, to: second },
      })
      expect(await changes(repository, { ref: 'main..' })).toMatchObject({ total: 0 })
    }
  })

  test('with three dots starts at the merge base', async () => {
    const repository = repositoryOf([{ 'a.txt': '1\n' }])
    repository.git('checkout', '-q', '-b', 'side')
    repository.commit({ 'side.txt': 'side\n' })
    repository.git('checkout', '-q', 'main')
    repository.commit({ 'main.txt': 'main\n' })
    const paths = async (ref: string) => (await changes(repository, { ref })).files.map(({ path }) => path)
    expect(await paths('main...side')).toEqual(['side.txt'])
    expect(await paths('main..side')).toEqual(['main.txt', 'side.txt'])
  })

  test.each([
    ['nope', /unknown revision "nope"/],
    ['HEAD~9', /there is no such parent/],
    ['HEAD^2', /there is no such parent/],
    ['abcdef123', /unknown revision/],
    ['../../etc/passwd', /unknown revision/],
    ['HEAD@{1}', /not supported/],
    ['f'.repeat(64), /SHA-256/],
    ['HEAD^{tree}', /unknown revision/],
  ])('that is wrong is an error: %s', async (ref, message) => {
    await expect(changes(repositoryOf([{ 'a.txt': '1\n' }]), { ref })).rejects.toThrow(message)
  })
})

describe('a repository', () => {
  test('that is none, or has no commit, is an error that says so', async () => {
    const repository = repositoryOf()
    await expect(changes(repository)).rejects.toThrow(/no commits yet: HEAD points at refs\/heads\/main/)
    rmSync(join(repository.dir, '.git'), { recursive: true })
    await expect(changes(repository)).rejects.toThrow(/not a git repository.*--workspace/)
  })

  test('with SHA-256 names or borrowed objects is refused', async () => {
    const repository = repositoryOf([{ 'a.txt': '1\n' }])
    writeFileSync(join(repository.dir, '.git/objects/info/alternates'), '/elsewhere/objects\n')
    await expect(changes(repository)).rejects.toThrow(/alternates/)
    const other = repositoryOf()
    rmSync(join(other.dir, '.git'), { recursive: true })
    other.git('init', '-q', '-b', 'main', '--object-format=sha256')
    other.commit({ 'a.txt': '1\n' })
    await expect(changes(other)).rejects.toThrow(/SHA-256/)
  })

  test('may be a shallow clone, whose last commit adds everything', async () => {
    const origin = repositoryOf([{ 'a.txt': '1\n' }, { 'a.txt': '2\n' }, { 'a.txt': '3\n', 'b.txt': 'b\n' }])
    const clone = openTestRepository(`${origin.dir}-clone`)
    made.push(clone)
    origin.git('clone', '-q', '--depth', '1', `file://${origin.dir}`, clone.dir)
    const result = await changes(clone)
    expect(result).toMatchObject({ parents: [], note: expect.stringContaining('shallow') })
    expect(result.files.map(({ path }) => path)).toEqual(['a.txt', 'b.txt'])
    await expect(changes(clone, { ref: 'HEAD~1' })).rejects.toThrow(/shallow clone ends/)
  })

  test('may be a partial clone, which lacks contents', async () => {
    const origin = repositoryOf([{ 'a.txt': '1\n' }, { 'a.txt': '2\n' }])
    origin.git('config', 'uploadpack.allowFilter', 'true')
    const clone = openTestRepository(`${origin.dir}-clone`)
    made.push(clone)
    origin.git('clone', '-q', '--filter=blob:none', '--no-checkout', `file://${origin.dir}`, clone.dir)
    expect((await changes(clone)).files).toMatchObject([
      { path: 'a.txt', status: 'modified', missing: true, added: [] },
    ])
  })
})
