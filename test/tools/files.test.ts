import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import editFile from '../../tools/edit_file.ts'
import listFiles from '../../tools/list_files.ts'
import readFile from '../../tools/read_file.ts'
import searchFiles from '../../tools/search_files.ts'
import writeFile from '../../tools/write_file.ts'
import { runTool } from '../support/run-tool.ts'

let dir: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'run-agent-files-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

function put(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(join(dir, path)), { recursive: true })
  writeFileSync(join(dir, path), content)
}

const text = (path: string): string => readFileSync(join(dir, path), 'utf8')
const run = <Result = unknown>(tool: unknown, args: object): Promise<Result> => runTool<Result>(tool, args, dir)

describe('list_files', () => {
  test('lists everything below a folder, without following links', async () => {
    for (const path of ['b.txt', 'a/deep/x.txt', '.hidden']) put(path, '')
    symlinkSync('a', join(dir, 'link'))
    expect(await run(listFiles, {})).toEqual({ files: ['.hidden', 'a/deep/x.txt', 'b.txt', 'link'] })
    expect(await run(listFiles, { path: 'a' })).toEqual({ files: ['a/deep/x.txt'] })
    await expect(run(listFiles, { path: 'gone' })).rejects.toThrow(/ENOENT/)
  })

  test('says when there is more than fits', async () => {
    const name = 'n'.repeat(200)
    for (let at = 0; at < 5_000; at += 1) put(`folder/${name}${at}`, '')
    const result = await run<{ files: string[]; truncated: boolean; note: string }>(listFiles, {})
    expect(result.truncated).toBe(true)
    expect(result.files.length).toBeGreaterThan(1_000)
    expect(JSON.stringify(result).length).toBeLessThan(1_000_000)
  })
})

describe('read_file', () => {
  test('gives the text as it is', async () => {
    put('a.txt', '\uFEFFüñ\r\n日本\n')
    expect(await run(readFile, { path: 'a.txt' })).toBe('\uFEFFüñ\r\n日本\n')
  })

  test.each([
    ['gone.txt', /ENOENT/],
    ['folder', /is a folder; list_files/],
    ['image.png', /binary file \(4 bytes\)/],
    ['latin1.txt', /not UTF-8/],
    ['large.txt', /has 900001 bytes/],
    ['quotes.txt', /as JSON, which is too large/],
  ])('refuses %s', async (path, message) => {
    put('folder/x', '')
    put('image.png', Buffer.from([0x89, 0x50, 0, 1]))
    put('latin1.txt', Buffer.from('caf\xe9', 'latin1'))
    put('large.txt', 'x'.repeat(900_001))
    put('quotes.txt', '"'.repeat(800_000))
    await expect(run(readFile, { path })).rejects.toThrow(message)
  })
})

describe('search_files', () => {
  interface Result {
    readonly matches: readonly { path: string; line: number; text: string }[]
    readonly skipped: readonly { path: string; reason: string }[]
    readonly truncated?: true
  }

  test('finds lines, and says what it skipped', async () => {
    put('src/a.ts', 'one\r\nfoo(1)\r\nthree foo(2)\n')
    put('b.md', 'nothing\n')
    put('image.png', Buffer.from([0, 1, 2]))
    put('large.csv', 'foo(3)\n'.repeat(200_000))
    const result = await run<Result>(searchFiles, { pattern: 'foo\\(\\d\\)' })
    expect(result.matches).toEqual([
      { path: 'src/a.ts', line: 2, text: 'foo(1)' },
      { path: 'src/a.ts', line: 3, text: 'three foo(2)' },
    ])
    expect(result.skipped).toEqual([
      { path: 'image.png', reason: 'binary' },
      { path: 'large.csv', reason: 'larger than 1048576 bytes' },
    ])
    expect(result).not.toHaveProperty('truncated')
    expect((await run<Result>(searchFiles, { pattern: 'foo', path: 'src/a.ts' })).matches).toHaveLength(2)
    expect((await run<Result>(searchFiles, { pattern: 'foo', path: 'src' })).matches).toHaveLength(2)
  })

  test('stops at too many matches, and says so', async () => {
    put('a.txt', 'match\n'.repeat(5_000))
    const result = await run<Result>(searchFiles, { pattern: 'match' })
    expect(result.matches).toHaveLength(1_000)
    expect(result.truncated).toBe(true)
  })

  test('takes patterns that only the older syntax takes, and refuses what is none', async () => {
    put('a.txt', 'a-b\n')
    expect((await run<Result>(searchFiles, { pattern: 'a\\-b' })).matches).toHaveLength(1)
    await expect(run(searchFiles, { pattern: '(' })).rejects.toThrow(/no regular expression/)
  })
})

describe('write_file and edit_file', () => {
  test('write a file with the folders it needs', async () => {
    expect(await run(writeFile, { path: 'new/deep/a.txt', content: 'ü' })).toEqual({ path: 'new/deep/a.txt', bytes: 2 })
    expect(text('new/deep/a.txt')).toBe('ü')
    await run(writeFile, { path: 'new/deep/a.txt', content: 'again' })
    expect(text('new/deep/a.txt')).toBe('again')
  })

  test('replace a piece of text literally', async () => {
    put('a.txt', 'one\ntwo\nthree\n')
    expect(await run(editFile, { path: 'a.txt', old: 'two', new: "$& $1 $' 2" })).toEqual({ path: 'a.txt', line: 2 })
    expect(text('a.txt')).toBe("one\n$& $1 $' 2\nthree\n")
  })

  test.each([
    [{ old: 'gone', new: 'x' }, /does not occur in a\.txt/],
    [{ old: 'aa', new: 'x' }, /occurs 3 times/],
    [{ old: 'b', new: 'b' }, /are the same/],
    [{ old: '', new: 'b' }, /empty/],
  ])('leave the file alone when the edit is not clear: %o', async (args, message) => {
    put('a.txt', 'aaaa b\n')
    await expect(run(editFile, { path: 'a.txt', ...args })).rejects.toThrow(message)
    expect(text('a.txt')).toBe('aaaa b\n')
  })
})
