import { execFile } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { openTrustFile } from '../runtime/node-trust-file.ts'
import { makeTree } from './support/tree.ts'

const UID = process.getuid?.() ?? -1
const [ONE, TWO] = ['1', '2'].map((digit) => `sha256-${digit.repeat(64)}`) as [string, string]

/** Whether the file in `state` of the tree trusts ONE; the reason where it is not used at all. */
function trusts(root: string, brought: readonly string[] = []): boolean | string {
  const opened = openTrustFile(join(root, 'state'), UID, brought)
  return opened.ok ? opened.file.has(ONE) : opened.why
}

/** As a user's own file would be, if its author were the user. */
function plant(root: string, path = 'state/trusted'): void {
  mkdirSync(join(root, path, '..'), { recursive: true, mode: 0o700 })
  writeFileSync(join(root, path), `${ONE} planted\n`, { mode: 0o600 })
}

describe('openTrustFile()', () => {
  test('makes its folder 0700 and its file 0600, and keeps what is added', () => {
    using tree = makeTree([])
    const opened = openTrustFile(join(tree.path, 'state'), UID, [])
    if (!opened.ok) expect.fail(opened.why)
    expect(opened.file.has(ONE)).toBe(false)
    opened.file.add(ONE, 'reader')
    expect(opened.file.has(ONE)).toBe(true)
    expect(readFileSync(join(tree.path, 'state/trusted'), 'utf8')).toBe(`${ONE} reader\n`)
    expect(lstatSync(join(tree.path, 'state')).mode & 0o777).toBe(0o700)
    expect(lstatSync(join(tree.path, 'state/trusted')).mode & 0o777).toBe(0o600)
    expect(trusts(tree.path)).toBe(true)
  })

  test('believes whole digests at the start of a line alone', () => {
    using tree = makeTree([])
    plant(tree.path)
    const write = (text: string): void => writeFileSync(join(tree.path, 'state/trusted'), text)
    for (const text of [`x ${ONE}\n`, `${ONE}0 a\n`, `${ONE.slice(0, -1)} a\n`, ` ${ONE} a\n`, `${TWO} ${ONE}\n`]) {
      write(text)
      expect(trusts(tree.path), text).toBe(false)
    }
    write(`half a line ${TWO}\n${ONE} a`)
    expect(trusts(tree.path)).toBe(true)
  })

  test('goes on behind a line that was cut off', () => {
    using tree = makeTree([])
    plant(tree.path)
    writeFileSync(join(tree.path, 'state/trusted'), `${TWO.slice(0, 20)}`)
    const opened = openTrustFile(join(tree.path, 'state'), UID, [])
    if (!opened.ok) expect.fail(opened.why)
    opened.file.add(ONE, 'a')
    expect(trusts(tree.path)).toBe(true)
  })

  test('loses no line of several processes at once', { timeout: 60_000 }, async () => {
    using tree = makeTree([])
    const module = new URL('../runtime/node-trust-file.ts', import.meta.url).href
    const code = `const { openTrustFile } = await import(${JSON.stringify(module)})
      for (let i = 0; i < 50; i++) openTrustFile(${JSON.stringify(join(tree.path, 'state'))}, ${UID}, []).file.add('sha256-' + process.argv[1] + '-' + i, 'a')`
    const run = promisify(execFile)
    await Promise.all(
      ['a', 'b', 'c', 'd'].map((name) => run(process.execPath, ['--input-type=module', '--eval', code, name])),
    )
    const lines = readFileSync(join(tree.path, 'state/trusted'), 'utf8').trimEnd().split('\n')
    expect(lines.filter((line) => /^sha256-[abcd]-\d+ a$/.test(line))).toHaveLength(200)
    expect(new Set(lines).size).toBe(200)
  })
})

describe('a trust file that somebody else planted', () => {
  test('is believed in a folder of the user alone', () => {
    using tree = makeTree(['repo/.git/'])
    plant(tree.path)
    // Negative control of all below: the plant is a good one.
    expect(trusts(tree.path)).toBe(true)
    expect(trusts(tree.path, [join(tree.path, 'repo')])).toBe(true)
  })

  test.each([
    ['in the repository', 'repo', 'repo'],
    ['in the folder of the definition', 'repo', 'repo/state/..'],
    ['beside the folder, in the repository around both', 'repo', 'repo/sub'],
  ])('%s', (_what, root, brought) => {
    using tree = makeTree(['repo/.git/', 'repo/sub/'])
    plant(tree.path, `${root}/state/trusted`)
    expect(trusts(join(tree.path, root), [join(tree.path, brought)])).toContain('may have brought along')
  })

  test('behind a link of the folder, or of the file', () => {
    using tree = makeTree(['repo/.git/', 'user/', 'other/'])
    plant(tree.path, 'repo/state/trusted')
    symlinkSync(join(tree.path, 'repo/state'), join(tree.path, 'user/state'))
    expect(trusts(join(tree.path, 'user'))).toContain('it is a link')
    mkdirSync(join(tree.path, 'other/state'), { mode: 0o700 })
    symlinkSync(join(tree.path, 'repo/state/trusted'), join(tree.path, 'other/state/trusted'))
    expect(trusts(join(tree.path, 'other'))).toContain('it is a link')
  })

  test('under a second name, which its author still writes to', () => {
    using tree = makeTree([])
    plant(tree.path)
    linkSync(join(tree.path, 'state/trusted'), join(tree.path, 'theirs'))
    expect(trusts(tree.path)).toContain('second name')
  })

  test.each([
    ['state', 0o777, 'others can write to it'],
    ['state', 0o720, 'others can write to it'],
    ['state/trusted', 0o666, 'others can read or change it'],
    ['state/trusted', 0o644, 'others can read or change it'],
  ])('%s with the mode %o', (path, mode, why) => {
    using tree = makeTree([])
    plant(tree.path)
    chmodSync(join(tree.path, path), mode)
    expect(trusts(tree.path)).toContain(why)
  })

  test('that is a folder or a FIFO', () => {
    using tree = makeTree(['a/state/trusted/', 'b/state/trusted|fifo'])
    for (const name of ['a', 'b']) chmodSync(join(tree.path, name, 'state'), 0o700)
    expect(trusts(join(tree.path, 'a'))).toContain('EISDIR')
    expect(trusts(join(tree.path, 'b'))).toContain('no regular file')
  })

  test('in a folder of somebody else', () => {
    using tree = makeTree([])
    plant(tree.path)
    const opened = openTrustFile(join(tree.path, 'state'), UID + 1, [])
    expect(opened).toMatchObject({
      ok: false,
      why: expect.stringContaining('of its folder, it belongs to somebody else') as string,
    })
  })

  // Only root can give a file away.
  test.skipIf(UID !== 0)('that belongs to somebody else', () => {
    using tree = makeTree([])
    plant(tree.path)
    chownSync(join(tree.path, 'state/trusted'), 1, 1)
    expect(trusts(tree.path)).toMatch(/trusted: it belongs to somebody else$/)
  })

  test('that takes the place of the folder later is not written to by its link', () => {
    using tree = makeTree(['theirs='])
    const opened = openTrustFile(join(tree.path, 'state'), UID, [])
    if (!opened.ok) expect.fail(opened.why)
    renameSync(join(tree.path, 'state/trusted'), join(tree.path, 'state/old'))
    symlinkSync(join(tree.path, 'theirs'), join(tree.path, 'state/trusted'))
    expect(() => opened.file.add(ONE, 'a')).toThrow(/ELOOP/)
    expect(readFileSync(join(tree.path, 'theirs'), 'utf8')).toBe('')
  })
})
