import {
  linkSync,
  lstatSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  chmodSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { FILE_READ_BYTES_MAX, FILE_WRITE_BYTES_MAX, LIST_ENTRIES_MAX } from '../../runtime/limits.ts'
import { nodeFileHost } from '../../runtime/node-files.ts'
import { decide } from '../../runtime/policy/decide.ts'
import type { CapabilityRequest } from '../../runtime/policy/grant.ts'
import { act, resultOf, textOf } from '../support/file-requests.ts'
import { grantOf } from '../support/grants.ts'
import { makeTree } from '../support/tree.ts'

const everything = grantOf({ read: ['**'], write: ['**'], delete: ['**'] })

function write(path: string, text: string, how: 'replace' | 'create' | 'append' = 'replace') {
  return { op: 'fs.write', path, data: Buffer.from(text), how } as const satisfies CapabilityRequest
}

describe('reading', () => {
  test('bytes, and ranges of them', () => {
    using tree = makeTree(['f=0123456789'])
    expect(textOf(act(tree.path, everything, { op: 'fs.read', path: 'f' }))).toBe('0123456789')
    const range = (position: number, length: number) =>
      act(tree.path, everything, { op: 'fs.readRange', path: 'f', position, length })
    expect(textOf(range(3, 4))).toBe('3456')
    expect(textOf(range(8, 400))).toBe('89')
    expect(textOf(range(100, 4))).toBe('')
    expect(resultOf(range(-1, 4))).toBe('EINVAL')
    expect(resultOf(range(0, 1.5))).toBe('EINVAL')
    expect(resultOf(range(0, Number.NaN))).toBe('EINVAL')
    expect(resultOf(range(0, FILE_READ_BYTES_MAX + 1))).toBe('E_LIMIT')
  })

  test('metadata', () => {
    using tree = makeTree(['f=text', 'l => f'])
    chmodSync(join(tree.path, 'f'), 0o640)
    const stat = (followLinks: boolean) => act(tree.path, everything, { op: 'fs.stat', path: 'l', followLinks })
    const modifiedMs = Math.floor(statSync(join(tree.path, 'f')).mtimeMs)
    expect(stat(true).outcome).toEqual({ ok: true, value: { type: 'file', size: 4, modifiedMs, mode: 0o640 } })
    expect(stat(true).facts).toEqual({ resolved: 'f' })
    expect(stat(false).outcome).toMatchObject({ ok: true, value: { type: 'link' } })
    expect(stat(false).facts).toEqual({})
    expect(act(tree.path, everything, { op: 'fs.readlink', path: 'l' }).outcome).toEqual({ ok: true, value: 'f' })
  })

  test('a file over the limit is an error with its name, and is read in ranges', () => {
    using tree = makeTree(['f='])
    truncateSync(join(tree.path, 'f'), FILE_READ_BYTES_MAX + 1)
    const { outcome } = act(tree.path, everything, { op: 'fs.read', path: 'f' })
    expect(outcome).toMatchObject({ ok: false, error: { name: 'Error', code: 'E_LIMIT' } })
    expect(JSON.stringify(outcome)).toContain('FILE_READ_BYTES_MAX')
    const range = { op: 'fs.readRange', path: 'f', position: FILE_READ_BYTES_MAX, length: 10 } as const
    expect(textOf(act(tree.path, everything, range))).toBe('\0')
  })

  test('a hard link is an ordinary file', () => {
    using tree = makeTree(['f=text'])
    linkSync(join(tree.path, 'f'), join(tree.path, 'g'))
    expect(textOf(act(tree.path, everything, { op: 'fs.read', path: 'g' }))).toBe('text')
  })
})

describe('listing', () => {
  test('shows what is granted and the folders that lead there, in order of bytes', () => {
    using tree = makeTree([
      'src/a.ts=',
      'src/.env=',
      'doc/x=',
      'README.md=',
      '.git/HEAD=',
      'z=',
      'l => src',
      '\u{1f4a9}.md=',
      '\uff5a.md=',
    ])
    const list = (path: string, read: readonly string[]) =>
      act(tree.path, grantOf({ read, deny: ['z'] }), { op: 'fs.list', path }).outcome
    expect(list('', ['src/**', '*.md'])).toEqual({
      ok: true,
      value: [
        { name: 'README.md', type: 'file' },
        { name: 'src', type: 'directory' },
        { name: '\uff5a.md', type: 'file' },
        { name: '\u{1f4a9}.md', type: 'file' },
      ],
    })
    expect(list('', ['**/a.ts'])).toMatchObject({ value: [{ name: 'doc' }, { name: 'l' }, { name: 'src' }] })
    expect(list('src', ['src/**'])).toEqual({ ok: true, value: [{ name: 'a.ts', type: 'file' }] })
    expect(list('l', ['**'])).toEqual({ ok: true, value: [{ name: 'a.ts', type: 'file' }] })
    expect(list('l', ['l/**', 'src/b.ts'])).toEqual({ ok: true, value: [] })
  })

  test('of more entries than the limit is an error with its name', () => {
    using tree = makeTree(['f='])
    const entry = { name: 'f', type: 'file' } as const
    const files = { ...nodeFileHost, list: () => Array.from({ length: LIST_ENTRIES_MAX + 1 }, () => entry) }
    const { outcome } = act(tree.path, everything, { op: 'fs.list', path: '' }, files)
    expect(outcome).toMatchObject({ ok: false, error: { code: 'E_LIMIT' } })
    expect(JSON.stringify(outcome)).toContain('LIST_ENTRIES_MAX')
  })
})

describe('writing', () => {
  test('makes missing folders, and leaves nothing else behind', () => {
    using tree = makeTree([])
    expect(resultOf(act(tree.path, grantOf({ write: ['a/b/*'] }), write('a/b/f', 'text')))).toBe('ok')
    expect(readFileSync(join(tree.path, 'a/b/f'), 'utf8')).toBe('text')
    expect(readdirSync(join(tree.path, 'a/b'))).toEqual(['f'])
  })

  test('keeps the mode of what it replaces, and leaves another name of it alone', () => {
    using tree = makeTree(['f=old'])
    chmodSync(join(tree.path, 'f'), 0o751)
    linkSync(join(tree.path, 'f'), join(tree.path, 'g'))
    expect(resultOf(act(tree.path, everything, write('f', 'new')))).toBe('ok')
    expect(statSync(join(tree.path, 'f')).mode & 0o777).toBe(0o751)
    expect(readFileSync(join(tree.path, 'f'), 'utf8')).toBe('new')
    expect(readFileSync(join(tree.path, 'g'), 'utf8')).toBe('old')
  })

  test('through a link that stays inside writes the file, and keeps the link', () => {
    using tree = makeTree(['a/f=old', 'l => a/f', 'm => a/new'])
    const through = act(tree.path, everything, write('l', 'new'))
    expect([resultOf(through), through.facts]).toEqual(['ok', { resolved: 'a/f' }])
    expect(lstatSync(join(tree.path, 'l')).isSymbolicLink()).toBe(true)
    expect(readFileSync(join(tree.path, 'a/f'), 'utf8')).toBe('new')
    expect(resultOf(act(tree.path, everything, write('m', 'made')))).toBe('ok')
    expect(readFileSync(join(tree.path, 'a/new'), 'utf8')).toBe('made')
    expect(resultOf(act(tree.path, grantOf({ write: ['l'] }), write('l', 'x')))).toBe('Denied')
  })

  test('creates only what does not exist, and appends to what does', () => {
    using tree = makeTree(['f=old'])
    expect(resultOf(act(tree.path, everything, write('f', 'new', 'create')))).toBe('EEXIST')
    expect(resultOf(act(tree.path, everything, write('g', 'new', 'create')))).toBe('ok')
    expect(resultOf(act(tree.path, everything, write('f', '+', 'append')))).toBe('ok')
    expect(resultOf(act(tree.path, everything, write('h', '+', 'append')))).toBe('ok')
    expect(['f', 'g', 'h'].map((name) => readFileSync(join(tree.path, name), 'utf8'))).toEqual(['old+', 'new', '+'])
  })

  test('over a file that is read-only, or over the limit, is an error', () => {
    using tree = makeTree(['f=old'])
    chmodSync(join(tree.path, 'f'), 0o444)
    expect(resultOf(act(tree.path, everything, write('f', 'new')))).toBe('EACCES')
    const data = new Uint8Array(FILE_WRITE_BYTES_MAX + 1)
    expect(resultOf(act(tree.path, everything, { op: 'fs.write', path: 'g', data, how: 'replace' }))).toBe('E_LIMIT')
    expect(readdirSync(tree.path)).toEqual(['f'])
  })

  test.for(['write', 'sync', 'rename'] as const)('that fails in %s leaves the old file and nothing else', (step) => {
    using tree = makeTree(['f=old'])
    const fail = (): never => {
      throw Object.assign(new Error(`ENOSPC: ${tree.path}`), { code: 'ENOSPC' })
    }
    const { outcome } = act(tree.path, everything, write('f', 'new'), { ...nodeFileHost, [step]: fail })
    expect(outcome).toEqual({
      ok: false,
      error: { name: 'Error', code: 'ENOSPC', message: "ENOSPC: no space left on device, open 'f'" },
    })
    expect(readdirSync(tree.path)).toEqual(['f'])
    expect(readFileSync(join(tree.path, 'f'), 'utf8')).toBe('old')
  })

  test('finds another name where an earlier crash left its file', () => {
    using tree = makeTree([`.run-agent-${process.pid}-0.tmp=left`])
    expect(resultOf(act(tree.path, everything, write('f', 'new')))).toBe('ok')
    expect(readdirSync(tree.path)).toEqual([`.run-agent-${process.pid}-0.tmp`, 'f'])
  })
})

describe('folders, removal and renaming', () => {
  test('a folder is made, with those on the way where asked for', () => {
    using tree = makeTree([])
    const make = (path: string, recursive: boolean) => act(tree.path, everything, { op: 'fs.mkdir', path, recursive })
    expect(resultOf(make('a/b', false))).toBe('ENOENT')
    expect(resultOf(make('a', false))).toBe('ok')
    expect(resultOf(make('a', false))).toBe('EEXIST')
    expect(resultOf(make('a/b/c', true))).toBe('ok')
    expect(resultOf(make('a/b/c', true))).toBe('ok')
    expect(resultOf(make('', true))).toBe('ok')
    expect(readdirSync(join(tree.path, 'a/b'))).toEqual(['c'])
  })

  test('a link is removed itself, and a folder only when empty', () => {
    using tree = makeTree(['d/f=text', 'l => d'])
    const remove = (path: string, kind: 'file' | 'directory') =>
      act(tree.path, everything, { op: 'fs.delete', path, kind })
    expect(resultOf(remove('d', 'directory'))).toBe('ENOTEMPTY')
    expect(resultOf(remove('l', 'directory'))).toBe('ENOTDIR')
    expect(resultOf(remove('l', 'file'))).toBe('ok')
    expect(resultOf(remove('d/f', 'file'))).toBe('ok')
    expect(resultOf(remove('d', 'directory'))).toBe('ok')
    expect(resultOf(remove('', 'directory'))).toBe('EBUSY')
    expect(readdirSync(tree.path)).toEqual([])
  })

  test('a folder is not renamed: what is denied below it would come along', () => {
    using tree = makeTree(['a/hidden/s=secret', 'f=text', 'd/'])
    const grant = grantOf({ read: ['**'], write: ['**'], delete: ['**'], deny: ['a/hidden'] })
    const rename = (from: string, to: string) => act(tree.path, grant, { op: 'fs.rename', from, to })
    expect(resultOf(rename('a', 'b'))).toBe('EISDIR')
    expect(resultOf(rename('f', 'd'))).toBe('EISDIR')
    expect(resultOf(rename('f', 'd/g'))).toBe('ok')
    expect(rename('none', 'x').outcome).toMatchObject({
      error: { message: "ENOENT: no such file or directory, rename 'none' -> 'x'" },
    })
    expect(readFileSync(join(tree.path, 'd/g'), 'utf8')).toBe('text')
  })

  test('both paths of a rename are decided behind their links', () => {
    using tree = makeTree(['a/f=text', 'b/', 'hidden/s=secret', 'l => a', 'm => b', 'n => hidden'])
    const grant = grantOf({ read: ['**'], write: ['**'], delete: ['**'], deny: ['hidden'] })
    const rename = (from: string, to: string) => act(tree.path, grant, { op: 'fs.rename', from, to })
    expect(rename('n/s', 'x')).toMatchObject({ facts: { resolved: 'hidden/s' }, decision: { reason: 'link' } })
    expect(rename('a/f', 'n/f')).toMatchObject({ facts: { resolvedTo: 'hidden/f' }, decision: { reason: 'link' } })
    expect(rename('l/f', 'm/g')).toMatchObject({
      facts: { resolved: 'a/f', resolvedTo: 'b/g' },
      decision: { kind: 'permit' },
      outcome: { ok: true },
    })
  })
})

describe('messages', () => {
  test('name the rule and what is allowed', () => {
    using tree = makeTree(['src/vendor/f=', 'src/l => vendor/f'])
    const grant = grantOf({ read: ['src/**'], deny: ['src/vendor/**'] })
    const message = 'deny src/vendor/**, through a link. probe may read: src/**; never: src/vendor/**'
    expect(act(tree.path, grant, { op: 'fs.read', path: 'src/l' }).outcome).toEqual({
      ok: false,
      error: { name: 'Denied', code: 'E_DENIED', message },
    })
  })

  test('hold the path as the tool gave it, and none of the host', () => {
    using tree = makeTree(['f=', 'd/', 'l => none', `file=${'x'}`])
    const requests: readonly CapabilityRequest[] = [
      { op: 'fs.read', path: './none' },
      { op: 'fs.read', path: 'l' },
      { op: 'fs.list', path: 'f' },
      { op: 'fs.readlink', path: 'f' },
      write('f/x', ''),
      { op: 'fs.delete', path: 'd', kind: 'file' },
    ]
    for (const request of requests) {
      if (!('path' in request)) continue
      const { outcome } = act(tree.path, everything, request)
      const message = outcome.ok ? '' : outcome.error.message
      expect(message).toContain(`'${request.path}'`)
      expect(message).not.toContain('/tmp')
      expect(message).not.toContain('/proc')
    }
  })
})

test('a mistake of ours is no outcome', () => {
  using tree = makeTree(['f=text'])
  writeFileSync(join(tree.path, 'f'), 'text')
  const fail = (): never => {
    throw new TypeError('a mistake')
  }
  expect(() => act(tree.path, everything, { op: 'fs.read', path: 'f' }, { ...nodeFileHost, read: fail })).toThrow(
    'a mistake',
  )
})

describe('what no rule grants', () => {
  const markdown = grantOf({ read: ['**/*.md'] })

  test.each(['stat', 'list'] as const)('%s tells neither that it is there nor that it is not', (kind) => {
    using tree = makeTree(['private/secret.txt=0123', 'private/a.md=a', 'private/link => secret.txt'])
    const ask = (path: string) =>
      act(tree.path, markdown, kind === 'stat' ? { op: 'fs.stat', path, followLinks: true } : { op: 'fs.list', path })
    const answers = ['private/secret.txt', 'private/missing.txt', 'private/link', 'private/secret.txt/x'].map(ask)
    expect(answers.map(resultOf)).toEqual(Array(4).fill('Denied'))
    // Folders that lead to something granted are, and what is granted may be missing.
    expect(resultOf(ask('private'))).toBe('ok')
    expect(resultOf(ask('private/none.md'))).toBe('ENOENT')
  })

  test('is listed by no link, whatever the link is called and wherever it leads', () => {
    using tree = makeTree([
      'private/pw.txt=1',
      'docs/a.md=a',
      'd/link => ../private/pw.txt',
      'd/link.md => ../private/pw.txt',
      'd/fine.md => ../docs/a.md',
      'd/out => /etc/passwd',
      'd/gone => nowhere',
      'd/gone.md => nowhere',
      'd/folder => ../docs',
      'd/own.md=x',
    ])
    const listed = (...read: string[]): unknown => {
      const { outcome } = act(tree.path, grantOf({ read }), { op: 'fs.list', path: 'd' })
      return outcome.ok && (outcome.value as { name: string }[]).map(({ name }) => name)
    }
    expect(listed('**/*.md')).toEqual(['fine.md', 'folder', 'gone.md', 'own.md'])
    expect(listed('d/**/*.md')).toEqual(['gone.md', 'own.md'])
    expect(listed('**')).toHaveLength(8)
  })

  test('is decided again from the recorded facts alone', () => {
    using tree = makeTree(['private/secret.txt=0123'])
    const request = { op: 'fs.stat', path: 'private/secret.txt', followLinks: true } as const
    const { facts, decision } = act(tree.path, markdown, request)
    expect(facts).toEqual({ isFolder: false })
    expect(decide(markdown, request, facts)).toEqual(decision)
    expect(decide(markdown, request, {}).kind).toBe('permit')
  })
})

test('a listing whose rules are too long for its entries ends with the name of the limit', () => {
  using tree = makeTree(['d/'])
  for (let at = 0; at < 3000; at += 1) writeFileSync(join(tree.path, `d/${at}${'x'.repeat(200)}`), '')
  const deny = Array.from({ length: 8 }, (_, at) => ({ pattern: `${'*a'.repeat(480)}${at}`, place: 'x:1:1' }))
  const started = performance.now()
  const list = (rules: typeof deny): string =>
    resultOf(act(tree.path, { ...everything, deny: rules }, { op: 'fs.list', path: 'd' }))
  expect(list(deny)).toBe('E_LIMIT')
  expect(performance.now() - started).toBeLessThan(1000)
  expect(list(deny.slice(0, 0))).toBe('ok')
})
