/** node:fs and node:fs/promises over a real folder and the real policy, against Node in an equal folder. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { inNode, inSandbox } from '../../support/differential.ts'
import { openSandbox } from '../../support/sandbox.ts'
import { workspaceAnswer } from '../../support/workspace-answer.ts'

const sandbox = await openSandbox({ outerWall: false })
const folders: string[] = []
afterAll(() => {
  sandbox.close()
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'run-agent-fs-'))
  folders.push(folder)
  mkdirSync(join(folder, 'd/sub'), { recursive: true })
  writeFileSync(join(folder, 'a.txt'), 'héllo\nworld\r\nlast')
  writeFileSync(join(folder, 'd/b.txt'), 'b')
  writeFileSync(join(folder, 'd/sub/c.txt'), 'c')
  writeFileSync(join(folder, 'big'), Buffer.alloc(300_000, 'abcdefg'))
  symlinkSync('d/sub', join(folder, 'link'))
  return folder
}

const EVERYTHING = { read: ['**'], write: ['**'], delete: ['**'] }

async function both(body: string): Promise<readonly [sandboxed: unknown, node: unknown, folder: string]> {
  const [folder, twin] = [makeFolder(), makeFolder()]
  const before = process.cwd()
  process.chdir(twin)
  try {
    return [await inSandbox(sandbox, body, workspaceAnswer(folder, EVERYTHING)), await inNode(body), folder]
  } finally {
    process.chdir(before)
  }
}

const PROMISES = "const fs = require('node:fs/promises'); return "
const CALLBACKS =
  "const fs = require('node:fs'); const call = (name, ...args) => new Promise((r) => fs[name](...args, (e, ...v) => r([e?.code ?? e, ...v]))); return "

describe('node:fs/promises', () => {
  test.each([
    "fs.readFile('a.txt', 'utf8')",
    "(await fs.readFile('a.txt')).toString('hex')",
    "fs.readFile('none').catch((e) => e.code)",
    "fs.readFile('d').catch((e) => e.code)",
    "(await fs.readdir('.')).toSorted()",
    "(await fs.readdir('d', { recursive: true })).toSorted()",
    "(await fs.readdir('d', { withFileTypes: true })).map((e) => [e.name, e.parentPath, e.isDirectory()]).toSorted()",
    "fs.stat('a.txt').then((s) => [s.size, s.isFile(), s.isDirectory(), s.mtime instanceof Date, s.mode & 0o170000])",
    "fs.lstat('link').then((s) => s.isSymbolicLink())",
    "fs.readlink('link')",
    "(async () => { await fs.writeFile('n.txt', 'x'); await fs.appendFile('n.txt', Buffer.from('y')); return fs.readFile('n.txt', 'utf8') })()",
    "fs.writeFile('a.txt', 'x', { flag: 'wx' }).catch((e) => e.code)",
    "(async () => { await fs.writeFile('n.txt', (async function* () { yield 'a'; yield Buffer.from('b') })()); return fs.readFile('n.txt', 'utf8') })()",
    "(async () => { await fs.writeFile('n.txt', ['a', 'b']); return fs.readFile('n.txt', 'utf8') })()",
    "(async () => { await fs.mkdir('x/y/z', { recursive: true }); return (await fs.readdir('x', { recursive: true })).toSorted() })()",
    "(async () => { await fs.mkdir('d').catch((e) => e.code); return fs.mkdir('q/r').catch((e) => e.code) })()",
    "(async () => { await fs.rm('d', { recursive: true }); return fs.access('d').catch((e) => e.code) })()",
    "fs.rm('none', { force: true }).then(() => 1)",
    "fs.rm('none').catch((e) => e.code)",
    "fs.rmdir('d').catch((e) => e.code)",
    "(async () => { await fs.rename('a.txt', 'z.txt'); return (await fs.readdir('.')).toSorted() })()",
    "(async () => { await fs.copyFile('a.txt', 'z.txt'); return fs.readFile('z.txt', 'utf8') })()",
    "fs.copyFile('a.txt', 'big', fs.constants.COPYFILE_EXCL).catch((e) => e.code)",
    "(async () => { await fs.cp('d', 'e', { recursive: true }); return (await fs.readdir('e', { recursive: true })).toSorted() })()",
    "fs.access('a.txt', fs.constants.R_OK).then(() => 1)",
    "fs.access('a.txt', fs.constants.X_OK).catch((e) => e.code)",
    "(await fs.realpath('link/c.txt')).endsWith('/d/sub/c.txt')",
    "(async () => { const s = []; for await (const e of await fs.opendir('d')) s.push(e.name); return s.toSorted() })()",
    "(async () => { await fs.truncate('a.txt'); return fs.readFile('a.txt', 'utf8') })()",
    "(async () => { const f = await fs.open('a.txt'); const b = Buffer.alloc(20); const r = [await f.read(b, 0, 5, 1), await f.read(b, 5, 3), await f.read({ buffer: b, offset: 8 }), await f.read(Buffer.alloc(4))].map((x) => x.bytesRead); await f.close(); return [r, b.toString('latin1')] })()",
    "(async () => { const f = await fs.open('a.txt'); const s = []; for await (const l of f.readLines()) s.push(l); return s })()",
    "(async () => { const f = await fs.open('n.txt', 'w'); const a = await f.write('abc'); const b = await f.write(Buffer.from('xyz'), 1, 1); await f.writeFile('!'); await f.sync(); await f.close(); return [a.bytesWritten, b.bytesWritten, await fs.readFile('n.txt', 'utf8')] })()",
    "(async () => { const f = await fs.open('a.txt', 'a'); await f.appendFile('+'); await f.close(); return fs.readFile('a.txt', 'utf8') })()",
    "fs.open('a.txt', 'wx').catch((e) => e.code)",
    "(async () => { const f = await fs.open('a.txt'); await f.close(); return f.read(Buffer.alloc(1)).catch((e) => e.code) })()",
    "(async () => { const f = await fs.open('a.txt'); const c = await f.write('x').catch((e) => e.code); await f.close(); return c })()",
    "fs.readFile('a.txt', { signal: { aborted: true, addEventListener() {} } }).catch((e) => [e.name, e.code])",
    'fs.readFile(5)',
  ])('%s', async (body) => {
    const [sandboxed, node] = await both(PROMISES + body)
    expect(sandboxed).toEqual(node)
  })
})

describe('node:fs', () => {
  test.each([
    "call('readFile', 'a.txt', 'utf8')",
    "call('readFile', 'none')",
    "call('writeFile', 'n', 'x').then(() => call('readFile', 'n', { encoding: 'utf8' }))",
    "call('mkdir', 'm')",
    "call('stat', 'd').then(([e, s]) => [e, s.isDirectory()])",
    "(async () => { const [, fd] = await call('open', 'a.txt', 'r'); const b = Buffer.alloc(4); const [e, n] = await call('read', fd, b, 0, 4, 2); const [c] = await call('close', fd); const [again] = await call('close', 99999); return [typeof fd, e, n, b.toString('latin1'), c, again] })()",
    "new Promise((r) => fs.exists('a.txt', r))",
    "require('util').promisify(fs.exists)('none')",
    "require('util').promisify(fs.readFile)('a.txt', 'utf8')",
    "fs.promises === require('fs/promises') && fs.promises.readFile('a.txt', 'utf8')",
    '[fs.constants.O_RDONLY, fs.constants.O_CREAT, fs.constants.COPYFILE_EXCL, fs.constants.R_OK]',
    "require('stream/consumers').text(fs.createReadStream('a.txt'))",
    "require('stream/consumers').text(fs.createReadStream('a.txt', { start: 2, end: 6, encoding: 'utf8' }))",
    "(async () => { let n = 0, c = 0; for await (const x of fs.createReadStream('big', { highWaterMark: 50_000 })) { n += x.length; c++ } return [n, c] })()",
    "new Promise((r) => fs.createReadStream('none').on('error', (e) => r(e.code)))",
    "(async () => { await require('stream/promises').pipeline(fs.createReadStream('big'), require('zlib').createGzip(), fs.createWriteStream('big.gz')); return require('zlib').gunzipSync(await fs.promises.readFile('big.gz')).length })()",
    "(async () => { const w = fs.createWriteStream('a.txt', { flags: 'a' }); w.write('1'); w.end('2'); await require('events').once(w, 'finish'); return [w.bytesWritten, await fs.promises.readFile('a.txt', 'utf8')] })()",
    "(async () => { const w = fs.createWriteStream('empty'); w.end(); await require('events').once(w, 'close'); return (await fs.promises.stat('empty')).size })()",
    "new Promise((r) => fs.createWriteStream('d').on('error', (e) => r(e.code)).end('x'))",
    "new Promise((r) => fs.createWriteStream('a.txt', { flags: 'wx' }).on('error', (e) => r(e.code)).end('x'))",
    "fs.readFile('a.txt')",
  ])('%s', async (body) => {
    const [sandboxed, node] = await both(CALLBACKS + body)
    expect(sandboxed).toEqual(node)
  })

  test.each([
    ["fs.readFileSync('a.txt')", 'await readFile of node:fs/promises'],
    ["fs.existsSync('a.txt')", 'await access of node:fs/promises'],
    ["fs.watch('.')", 'nothing to wait for'],
  ])('%s says what to use instead', async (body, words) => {
    const answer = workspaceAnswer(makeFolder(), EVERYTHING)
    const value = await inSandbox(
      sandbox,
      `try { require('fs'); ${body.replace('fs.', "require('fs').")} } catch (e) { return [e.code, e.message] }`,
      answer,
    )
    expect(value).toEqual(['ERR_SANDBOX', expect.stringContaining(words)])
  })
})

describe('what policy says holds through every road', () => {
  test.each([
    "fs.promises.readFile('secret.txt')",
    "fs.promises.open('secret.txt')",
    "require('stream/consumers').text(fs.createReadStream('secret.txt'))",
    "require('util').promisify(fs.readFile)('secret.txt')",
    "fs.promises.cp('secret.txt', 'out.txt')",
    "fs.promises.copyFile('secret.txt', 'out.txt')",
    "fs.promises.truncate('a.txt')",
    "fs.promises.open('a.txt', 'a')",
    "require('events').once(fs.createWriteStream('a.txt').end('x'), 'finish')",
    "fs.promises.rm('a.txt')",
    "fs.promises.readFile(new URL('file:///workspace/secret.txt'))",
    "fs.promises.realpath('secret.txt')",
  ])('%s is denied', async (act) => {
    const folder = makeFolder()
    writeFileSync(join(folder, 'secret.txt'), 'secret')
    const answer = workspaceAnswer(folder, { read: ['*'], write: ['out.txt'], deny: ['secret.txt'] })
    const body = `const fs = require('node:fs'); return ${act}.then(() => 'done', (e) => [e.name, e.code])`
    expect(await inSandbox(sandbox, body, answer)).toEqual(['Denied', 'E_DENIED'])
    expect(readFileSync(join(folder, 'a.txt'), 'utf8')).toContain('world')
    const open = workspaceAnswer(folder, EVERYTHING)
    expect(await inSandbox(sandbox, body, open)).toBe('done')
  })
})
