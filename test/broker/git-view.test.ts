import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { act, resultOf, textOf } from '../support/file-requests.ts'
import { grantOf } from '../support/grants.ts'
import { makeTree } from '../support/tree.ts'

const git = grantOf({ git: true })

const MAIN = [
  'main/.git/HEAD=ref: refs/heads/main',
  'main/.git/config=[remote] url = https://token@host',
  'main/.git/packed-refs=packed',
  'main/.git/refs/heads/main=1111',
  'main/.git/refs/bisect/bad=of main',
  'main/.git/objects/ab/cd=object',
  'main/.git/hooks/pre-commit=hook',
]

const WORKTREE = [
  ...MAIN,
  'main/.git/worktrees/wt/HEAD=ref: refs/heads/topic',
  'main/.git/worktrees/wt/commondir=../..\n',
  'main/.git/worktrees/wt/refs/bisect/bad=of worktree',
  'wt/f=text',
]

function makeWorktree(entries: readonly string[], pointer: string, back: string) {
  const tree = makeTree(entries)
  writeFileSync(join(tree.path, 'wt/.git'), `gitdir: ${pointer.replace('$ABS', tree.path)}\n`)
  writeFileSync(join(tree.path, 'main/.git/worktrees/wt/gitdir'), `${back.replace('$ABS', tree.path)}\n`)
  return tree
}

describe('an ordinary repository', () => {
  test('shows history and nothing else', () => {
    using tree = makeTree(MAIN)
    const root = join(tree.path, 'main')
    expect(textOf(act(root, git, { op: 'fs.read', path: '.git/HEAD' }))).toBe('ref: refs/heads/main')
    expect(textOf(act(root, git, { op: 'fs.read', path: './.git/objects/ab/cd' }))).toBe('object')
    expect(resultOf(act(root, git, { op: 'fs.read', path: '.git/config' }))).toBe('Denied')
    expect(act(root, git, { op: 'fs.list', path: '.git' }).outcome).toEqual({
      ok: true,
      value: [
        { name: 'HEAD', type: 'file' },
        { name: 'objects', type: 'directory' },
        { name: 'packed-refs', type: 'file' },
        { name: 'refs', type: 'directory' },
      ],
    })
    expect(act(root, git, { op: 'fs.list', path: '' }).outcome).toEqual({
      ok: true,
      value: [{ name: '.git', type: 'directory' }],
    })
  })

  test('a link of it to the configuration, or out of it, is denied', () => {
    using tree = makeTree([
      ...MAIN,
      'main/.git/refs/heads/l => ../../config',
      'main/.git/shallow => ../secret',
      'main/secret=s',
      'main/.git/objects/o => ../../../x',
      'x=s',
    ])
    const root = join(tree.path, 'main')
    for (const path of ['.git/refs/heads/l', '.git/shallow', '.git/objects/o']) {
      expect(act(root, git, { op: 'fs.read', path }).decision).toMatchObject({ kind: 'deny', reason: 'link' })
    }
  })

  test.for<[string, string]>([
    ['/somewhere/objects', 'E_GIT_ALTERNATES'],
    ['../../../other/.git/objects', 'E_GIT_ALTERNATES'],
    ['# comment\n\n', 'ok'],
    ['modules/objects\n', 'ok'],
    ['../../x', 'E_GIT_ALTERNATES'],
  ])('alternates %j: %s', ([alternates, expected]) => {
    using tree = makeTree([...MAIN, `main/.git/objects/info/alternates=${alternates}`])
    const performed = act(join(tree.path, 'main'), git, { op: 'fs.read', path: '.git/objects/ab/cd' })
    expect(resultOf(performed)).toBe(expected)
    if (expected !== 'ok') expect(JSON.stringify(performed.outcome)).toContain('keeps objects outside')
  })
})

describe('a linked worktree', () => {
  test.for<[string, string]>([
    ['$ABS/main/.git/worktrees/wt', '$ABS/wt/.git'],
    ['../main/.git/worktrees/wt', '../../../../wt/.git'],
  ])('by %s is shown as one repository', ([pointer, back]) => {
    using tree = makeWorktree(WORKTREE, pointer, back)
    const root = join(tree.path, 'wt')
    const read = (path: string) => act(root, git, { op: 'fs.read', path })
    expect(textOf(read('.git/HEAD'))).toBe('ref: refs/heads/topic')
    expect(textOf(read('.git/refs/heads/main'))).toBe('1111')
    expect(textOf(read('.git/refs/bisect/bad'))).toBe('of worktree')
    expect(textOf(read('.git/packed-refs'))).toBe('packed')
    expect(textOf(read('.git/objects/ab/cd'))).toBe('object')
    expect(read('.git/objects/ab/cd').facts).toEqual({})
    expect(resultOf(read('.git/config'))).toBe('Denied')
    expect(resultOf(read('.git/shallow'))).toBe('ENOENT')
    expect(act(root, git, { op: 'fs.stat', path: '.git', followLinks: true }).outcome).toMatchObject({
      value: { type: 'directory' },
    })
    expect(act(root, git, { op: 'fs.list', path: '' }).outcome).toMatchObject({
      value: [{ name: '.git', type: 'directory' }],
    })
    expect(resultOf(act(root, grantOf({ read: ['**'] }), { op: 'fs.read', path: '.git' }))).toBe('Denied')
  })

  test('a link of the main repository to its configuration is denied', () => {
    using tree = makeWorktree(
      [...WORKTREE, 'main/.git/refs/heads/l => ../../config'],
      '$ABS/main/.git/worktrees/wt',
      '$ABS/wt/.git',
    )
    const performed = act(join(tree.path, 'wt'), git, { op: 'fs.read', path: '.git/refs/heads/l' })
    expect(performed).toMatchObject({ facts: { resolved: '.git/config' }, decision: { reason: 'link' } })
  })

  test.for<[string, readonly string[], string, string]>([
    ['names another workspace back', [], '$ABS/main/.git/worktrees/wt', '$ABS/other/.git'],
    ['names nothing', [], '$ABS/none', '$ABS/wt/.git'],
    ['is a submodule', ['main/.git/modules/m/HEAD=x'], '$ABS/main/.git/modules/m', '$ABS/wt/.git'],
    ['is the main repository itself', [], '$ABS/main/.git', '$ABS/wt/.git'],
    [
      'is a folder of the workspace that borrows the main repository',
      ['wt/fake/HEAD=x', 'wt/fake/commondir=../../main/.git', 'wt/fake/gitdir => ../../back'],
      '$ABS/wt/fake',
      '$ABS/wt/.git',
    ],
    [
      'is a link in the workspace to a repository that names another',
      ['wt/fake => ../main/.git/worktrees/wt'],
      'fake',
      '$ABS/other/.git',
    ],
  ])('that %s is refused', ([, entries, pointer, back]) => {
    using tree = makeWorktree([...WORKTREE, 'other/', ...entries], pointer, back)
    writeFileSync(join(tree.path, 'back'), `${tree.path}/wt/.git`)
    const performed = act(join(tree.path, 'wt'), git, { op: 'fs.read', path: '.git/objects/ab/cd' })
    expect(['E_GIT_WORKTREE', 'E_OUTSIDE']).toContain(resultOf(performed))
    expect(JSON.stringify(performed.outcome)).not.toContain(tree.path)
  })

  test('a folder that names back but borrows another repository is refused', () => {
    using tree = makeWorktree([...WORKTREE, 'wt/fake/HEAD=x'], '$ABS/wt/fake', '$ABS/other/.git')
    writeFileSync(join(tree.path, 'wt/fake/gitdir'), `${tree.path}/wt/.git`)
    writeFileSync(join(tree.path, 'wt/fake/commondir'), '../../main/.git')
    const performed = act(join(tree.path, 'wt'), git, { op: 'fs.read', path: '.git/objects/ab/cd' })
    expect(resultOf(performed)).toBe('E_GIT_WORKTREE')
  })
})

test('an archive whose worktree is its own repository shows none of its files as objects', () => {
  using tree = makeTree([
    '.git=gitdir: worktrees/w',
    'worktrees/w/gitdir=../../.git',
    'worktrees/w/commondir=../..',
    'worktrees/w/HEAD=x',
    'objects/.env=S',
    'refs/id_rsa=K',
  ])
  for (const path of ['.git/objects/.env', '.git/refs/id_rsa', '.git/HEAD']) {
    expect(resultOf(act(tree.path, git, { op: 'fs.read', path })), path).toBe('E_GIT_WORKTREE')
  }
})
