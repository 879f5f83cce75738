import { execFileSync, fork, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { isInGitIndex } from '../../runtime/credentials/sources/git-index.ts'
import { createFileSource, whyRefused, type SecretFileFacts } from '../../runtime/credentials/sources/source-file.ts'
import { nodeSecretFiles } from '../../runtime/node-secrets.ts'
import { asked, refusalOf, temporaryFolder, VALUE_RULES } from '../support/secret-parts.ts'

const uid = process.getuid?.() ?? -1
const SECRET = 'secret-0123456789'

function secretFile(folder: string, name = 'key', mode = 0o600): string {
  const path = join(folder, name)
  writeFileSync(path, `${SECRET}\n`)
  chmodSync(path, mode)
  return path
}

const source = (path: string, workspaces: readonly string[] = []) =>
  createFileSource('github', path, { ...VALUE_RULES, files: nodeSecretFiles(uid, workspaces) })
const fetched = async (path: string, workspaces?: readonly string[]) =>
  (await source(path, workspaces).fetch(asked())).value
const refused = (path: string, workspaces?: readonly string[]) => refusalOf(() => fetched(path, workspaces))

describe('{ file: PATH }', () => {
  test('is the content, trimmed; a new content is another version', async () => {
    const path = secretFile(temporaryFolder())
    const first = await source(path).fetch(asked())
    expect(first.value).toBe(SECRET)
    expect(await refusalOf(() => source(path).fetch(asked({ rejected: first.version })))).toContain('has no other')
    writeFileSync(path, 'rotated-0123456789')
    expect(await source(path).fetch(asked({ rejected: first.version }))).toMatchObject({ value: 'rotated-0123456789' })
  })

  test('is found through links of its folder', async () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'a'))
    secretFile(join(folder, 'a'))
    symlinkSync(join(folder, 'a'), join(folder, 'b'))
    expect(await fetched(join(folder, 'b', 'key'))).toBe(SECRET)
  })

  test.each([0o640, 0o604, 0o660, 0o644, 0o610, 0o601, 0o602, 0o620])('refuses mode %o', async (mode) => {
    const path = secretFile(temporaryFolder(), 'key', mode)
    expect(await refused(path)).toMatch(new RegExp(`others can read or change it \\(chmod 600 ${path}`))
    // The control: the line that it says to type makes it good.
    execFileSync('chmod', ['600', path])
    expect(await fetched(path)).toBe(SECRET)
  })

  test('says the line so that a shell takes it', async () => {
    const path = secretFile(temporaryFolder(), "it's a $(key)", 0o644)
    const line = /\((chmod 600 '[^\n]*key\)')/.exec(await refused(path))?.[1] ?? ''
    execFileSync('sh', ['-c', line])
    expect(await fetched(path)).toBe(SECRET)
  })

  test('refuses a link, a second name, a pipe, a folder, and what is not there', async () => {
    const folder = temporaryFolder()
    const path = secretFile(folder)
    symlinkSync(path, join(folder, 'link'))
    expect(await refused(join(folder, 'link'))).toContain('it is a link')
    mkdirSync(join(folder, 'other'))
    symlinkSync(path, join(folder, 'other', 'outward'))
    expect(await refused(join(folder, 'other', 'outward'))).toContain('it is a link')
    execFileSync('mkfifo', [join(folder, 'pipe')])
    expect(await refused(join(folder, 'pipe'))).toContain('no regular file')
    expect(await refused(folder)).toContain('no regular file')
    expect(await refused(join(folder, 'none'))).toContain('there is no such file')
    expect(await fetched(path)).toBe(SECRET)
    linkSync(path, join(folder, 'second'))
    expect(await refused(path)).toContain('a second name')
  })

  test.runIf(uid === 0)('refuses a file of another user', async () => {
    const path = secretFile(temporaryFolder())
    chownSync(path, 12_345, 0)
    expect(await refused(path)).toContain('belongs to somebody else')
  })

  test('refuses what lies in a workspace, whatever path either has', async () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'work'))
    mkdirSync(join(folder, 'work-beside'))
    symlinkSync(join(folder, 'work'), join(folder, 'alias'))
    const path = secretFile(join(folder, 'work'))
    const workspaces = [join(folder, 'alias')]
    expect(await refused(path, workspaces)).toContain('in the workspace')
    expect(await refused(join(folder, 'alias', 'key'), [join(folder, 'work')])).toContain('in the workspace')
    expect(await fetched(path, [join(folder, 'work-beside')])).toBe(SECRET)
    expect(await fetched(secretFile(join(folder, 'work-beside')), workspaces)).toBe(SECRET)
  })

  test('is what was opened, while its folder is swapped for a link into a workspace', async () => {
    const [root, work] = [temporaryFolder(), temporaryFolder()]
    mkdirSync(join(root, 'd'))
    secretFile(join(root, 'd'))
    writeFileSync(join(work, 'key'), 'planted-0123456789', { mode: 0o600 })
    symlinkSync(work, join(root, 'link'))
    const swapper = fork(join(import.meta.dirname, '../support/swap-directory.js'), [root], { execArgv: [] })
    onTestFinished(() => void swapper.kill('SIGKILL'))
    await once(swapper, 'message')
    const path = join(root, 'd', 'key')
    const files = nodeSecretFiles(uid, [work])
    const seen = { ours: 0, planted: 0, plantedWhereOnlyTheNameIsJudged: 0 }
    for (const endMs = performance.now() + 10_000; performance.now() < endMs;) {
      try {
        if (Buffer.from(files.read(path, 'mounted')).includes('planted')) seen.planted++
        else seen.ours++
      } catch {
        // It was gone, or led into the workspace.
      }
      try {
        const isInside = realpathSync(path).startsWith(work)
        if (!isInside && readFileSync(path).includes('planted')) seen.plantedWhereOnlyTheNameIsJudged++
      } catch {
        // It was gone.
      }
      if (seen.ours > 500 && seen.plantedWhereOnlyTheNameIsJudged > 5) break
    }
    expect(seen.planted).toBe(0)
    expect(seen.ours).toBeGreaterThan(0)
    // The control: what asks where a name leads, and then opens the name, is given what was planted.
    expect(seen.plantedWhereOnlyTheNameIsJudged).toBeGreaterThan(0)
  })

  test('is bounded', async () => {
    const path = secretFile(temporaryFolder())
    writeFileSync(path, 'x'.repeat(256 * 1024 + 1))
    expect(await refused(path)).toContain('larger than 262144 bytes')
    writeFileSync(path, '')
    expect(await refused(path)).toContain('is empty')
  })

  test('has a path for each user, and no user has the path of another file', async () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'alice'))
    secretFile(join(folder, 'alice'))
    secretFile(folder)
    const perUser = source(join(folder, '${user}', 'key'))
    expect(perUser.isPerUser).toBe(true)
    expect(source(join(folder, 'key')).isPerUser).toBe(false)
    expect(await perUser.fetch(asked())).toMatchObject({ value: SECRET, user: 'alice' })
    for (const user of ['..', '.', '', 'a/b', '../alice', 'a\\b', '-x', '.ssh', 'a\0', 'ä', 'a'.repeat(129), '$&']) {
      expect(await refusalOf(() => perUser.fetch(asked({ user }))), user).toContain('the name of the user')
    }
  })
})

describe('a file that git tracks', () => {
  const git = (folder: string, ...args: string[]): void => {
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@a.example', ...args], { cwd: folder, stdio: 'pipe' })
  }

  test.each([
    ['version 2', ['init', '-q'], '2'],
    ['version 4', ['init', '-q'], '4'],
    ['SHA-256', ['init', '-q', '--object-format=sha256'], '2'],
    ['SHA-256 in version 4', ['init', '-q', '--object-format=sha256'], '4'],
  ])('is refused: index of %s', async (_name, init, version) => {
    const folder = temporaryFolder()
    git(folder, ...init)
    git(folder, 'config', 'index.version', version)
    mkdirSync(join(folder, 'deep', 'er'), { recursive: true })
    for (let number = 0; number < 50; number++) writeFileSync(join(folder, 'deep', `file-${number}`), '')
    const [tracked, beside] = [secretFile(join(folder, 'deep', 'er')), secretFile(join(folder, 'deep'))]
    git(folder, 'add', 'deep/er/key', 'deep/file-1', 'deep/file-22', 'deep/file-3')
    git(folder, 'update-index', '--index-version', version)
    expect(readFileSync(join(folder, '.git', 'index')).readUInt32BE(4)).toBe(Number(version))
    expect(await refused(tracked)).toContain('git tracks it')
    expect(await fetched(beside)).toBe(SECRET)
    git(folder, 'rm', '-q', '--cached', 'deep/er/key')
    expect(await fetched(tracked)).toBe(SECRET)
    git(folder, 'add', '-N', 'deep/er/key')
    expect(await refused(tracked)).toContain('git tracks it')
  })

  test('is refused in another work tree, and where the index is split, sparse or broken', async () => {
    const folder = temporaryFolder()
    const main = join(folder, 'main')
    mkdirSync(main)
    git(main, 'init', '-q')
    mkdirSync(join(main, 'sub'))
    secretFile(main)
    secretFile(join(main, 'sub'))
    git(main, 'add', '.')
    git(main, 'commit', '-qm', 'a')
    git(main, 'worktree', 'add', '-q', join(folder, 'tree'))
    chmodSync(join(folder, 'tree', 'key'), 0o600)
    expect(await refused(join(folder, 'tree', 'key'))).toContain('git tracks it')
    expect(await fetched(secretFile(join(folder, 'tree'), 'new'))).toBe(SECRET)
    git(main, 'sparse-checkout', 'set', '--cone', '--sparse-index')
    mkdirSync(join(main, 'sub'), { recursive: true })
    expect(await refused(secretFile(join(main, 'sub'), 'key'))).toContain('git tracks it')
    git(main, 'sparse-checkout', 'disable')
    const untracked = secretFile(main, 'new')
    expect(await fetched(untracked)).toBe(SECRET)
    git(main, 'update-index', '--split-index')
    expect(await refused(untracked)).toContain('git may track it')
    git(main, 'update-index', '--no-split-index')
    expect(await fetched(untracked)).toBe(SECRET)
    writeFileSync(join(main, '.git', 'index'), 'DIRC')
    expect(await refused(untracked)).toContain('git may track it')
    execFileSync('sh', ['-c', 'rm index && mkfifo index'], { cwd: join(main, '.git') })
    expect(await refused(untracked)).toContain('git may track it')
  })

  test('is found by no cut or changed index as untracked', () => {
    const folder = temporaryFolder()
    git(folder, 'init', '-q')
    secretFile(folder)
    git(folder, 'add', 'key')
    const index = readFileSync(join(folder, '.git', 'index'))
    expect(isInGitIndex(index, 'key')).toBe(true)
    expect(isInGitIndex(index, 'kex')).toBe(false)
    for (let length = 0; length < index.length; length++) {
      expect(isInGitIndex(index.subarray(0, length), 'key'), `cut to ${length}`).toBe(undefined)
    }
    // Half of a split index, which may list nothing itself; the same bytes under another name are passed over.
    const empty = (extension: string): Buffer =>
      Buffer.concat([
        Buffer.from('DIRC\0\0\0\x02\0\0\0\0', 'latin1'),
        Buffer.from(`${extension}\0\0\0\x14`),
        Buffer.alloc(40),
      ])
    expect(isInGitIndex(empty('link'), 'key')).toBe(undefined)
    expect(isInGitIndex(empty('TREE'), 'key')).toBe(false)
  })
})

describe('a mounted secret', () => {
  const script = fileURLToPath(new URL('../support/read-secret.ts', import.meta.url))
  const inMounts = (setup: string, path: string, rule = 'mounted'): string => {
    const node = `'${process.execPath}' --conditions=run-agent-checkout '${script}' '${path}' ${rule}`
    const ended = spawnSync('unshare', ['-Urm', 'sh', '-ec', `${setup}\n${node}`], {
      encoding: 'utf8',
      timeout: 30_000,
    })
    return ended.stdout + ended.stderr
  }
  const mayMount = spawnSync('unshare', ['-Urm', 'true']).status === 0

  const swarm = (at: string, mode = '0444'): string =>
    `mount -t tmpfs none ${at}; printf ${SECRET} > ${at}/key; chmod ${mode} ${at}/key`
  const kubernetes = (at: string): string =>
    `${swarm(at)}; cd ${at}; mkdir ..2026; mv key ..2026/; chmod 0644 ..2026/key; ln -s ..2026 ..data; ln -s ..data/key key; cd /`
  const readOnly = (at: string): string => `; mount -o remount,ro ${at}`

  test.runIf(mayMount)('is taken as Kubernetes and Docker Swarm make it, and not without one part of that', () => {
    const at = temporaryFolder()
    expect(inMounts(swarm(at) + readOnly(at), `${at}/key`)).toBe(`read ${SECRET}\n`)
    expect(inMounts(swarm(at, '0440') + readOnly(at), `${at}/key`)).toBe(`read ${SECRET}\n`)
    expect(inMounts(kubernetes(at) + readOnly(at), `${at}/key`)).toBe(`read ${SECRET}\n`)
    expect(inMounts(swarm(at), `${at}/key`)).toContain('others can read')
    expect(inMounts(kubernetes(at), `${at}/key`)).toContain('it is a link')
    expect(inMounts(swarm(at, '0446') + readOnly(at), `${at}/key`)).toContain('others can read')
    expect(inMounts(swarm(at) + readOnly(at), `${at}/key`, 'own')).toContain('others can read')
    const elsewhere = temporaryFolder()
    const linked = `mount -t tmpfs none ${at}; ln -s ${elsewhere}/key ${at}/key${readOnly(at)}`
    const both = `${swarm(elsewhere)}${readOnly(elsewhere)}; ${linked}`
    expect(inMounts(both, `${elsewhere}/key`)).toBe(`read ${SECRET}\n`)
    expect(inMounts(both, `${at}/key`)).toContain('it is a link')
    const bound = `mount --bind ${secretFile(temporaryFolder(), 'key', 0o444).replace(/key$/, '')} ${at}`
    expect(inMounts(`${bound}; mount -o remount,bind,ro ${at}`, `${at}/key`)).toContain('others can read')
    const out = `${swarm(at)}; ln -s /etc/hostname ${at}/out${readOnly(at)}`
    expect(inMounts(out, `${at}/out`)).toContain('it is a link')
  })

  const good: SecretFileFacts = {
    isRegular: true,
    uid: 0,
    mode: 0o100_444,
    links: 1,
    wasLink: false,
    isOnSecretMount: true,
    workspace: undefined,
    isTracked: false,
  }

  test.each<[Partial<SecretFileFacts>, RegExp]>([
    [{ uid: 1000 }, /others can read/],
    [{ uid: 1001 }, /somebody else/],
    [{ isOnSecretMount: false }, /others can read/],
    [{ mode: 0o100_466 }, /others can read/],
    [{ mode: 0o100_446 }, /others can read/],
    [{ links: 2 }, /second name/],
    [{ isRegular: false }, /regular/],
    [{ workspace: '/w' }, /workspace/],
    [{ isTracked: true }, /tracks/],
    [{ isTracked: undefined }, /may track/],
  ])('is refused with %j', (wrong, words) => {
    expect(whyRefused(good, 'mounted', 1000)).toBe(undefined)
    expect(whyRefused({ ...good, wasLink: true }, 'mounted', 1000)).toBe(undefined)
    expect(whyRefused({ ...good, ...wrong }, 'mounted', 1000)?.why).toMatch(words)
    // Of an `.env` file, nothing of it holds.
    expect(whyRefused(good, 'own', 1000)?.why).toMatch(/somebody else/)
    expect(whyRefused(good, 'own', 0)?.why).toMatch(/others can read/)
  })
})
