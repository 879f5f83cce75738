import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createWalker, type Walker } from '../../runtime/broker/walker.ts'
import { PATH_DEPTH_MAX } from '../../runtime/limits.ts'
import { createFileHost, nodeFileHost } from '../../runtime/node-files.ts'
import { makeTree } from '../support/tree.ts'

function openFds(): number {
  return readdirSync('/proc/self/fd').length
}

function text(walker: Walker, path: string): string {
  return Buffer.from(walker.readConfined(path, 100)).toString()
}

describe('readConfined', () => {
  test('reads inside, through links that stay there', () => {
    using tree = makeTree(['root/a/f=text', 'root/l => a/f', 'root/m => $ABS/root/a', 'root/up => a/../a'])
    using walker = createWalker(nodeFileHost, join(tree.path, 'root'))
    for (const path of ['a/f', 'l', 'm/f', 'up/f', './a/f']) expect(text(walker, path)).toBe('text')
  })

  test.for([
    ['none', 'ENOENT'],
    ['none/none', 'ENOENT'],
    ['a', 'EISDIR'],
    ['', 'EISDIR'],
    ['a/f/x', 'ENOTDIR'],
    ['out', 'E_OUTSIDE'],
    ['etc/passwd', 'E_OUTSIDE'],
    ['loop', 'ELOOP'],
    ['fifo', 'E_SPECIAL_FILE'],
    ['null', 'E_OUTSIDE'],
    ['../x', 'EINVAL'],
    ['/etc/passwd', 'EINVAL'],
    ['a\0', 'EINVAL'],
    ['large', 'E_LIMIT'],
    ['n'.repeat(5000), 'ENAMETOOLONG'],
    ['n'.repeat(300), 'ENAMETOOLONG'],
  ] as const)('%j is %s', ([path, code]) => {
    using tree = makeTree([
      'x=outside',
      `root/large=${'x'.repeat(101)}`,
      'root/a/f=text',
      'root/out => ../x',
      'root/etc => /etc',
      'root/null => /dev/null',
      'root/loop => loop',
      'root/fifo|fifo',
    ])
    using walker = createWalker(nodeFileHost, join(tree.path, 'root'))
    expect(() => text(walker, path)).toThrow(expect.objectContaining({ code }))
  })

  test('a root that is named through a link is the folder behind it', () => {
    using tree = makeTree(['root/f=text', 'root/l => $ABS/root/f', 'name => root'])
    using walker = createWalker(nodeFileHost, join(tree.path, 'name'))
    expect(text(walker, 'l')).toBe('text')
  })

  test('a file may grow while it is read, up to the limit', () => {
    using tree = makeTree(['f='])
    let grown = false
    const files = {
      ...nodeFileHost,
      read: (...args: Parameters<typeof nodeFileHost.read>) => {
        if (!grown) writeFileSync(join(tree.path, 'f'), 'x'.repeat(200))
        grown = true
        return nodeFileHost.read(...args)
      },
    }
    using walker = createWalker(files, tree.path)
    expect(() => walker.readConfined('f', 100)).toThrow(expect.objectContaining({ code: 'E_LIMIT' }))
    expect(walker.readConfined('f', 200).length).toBe(200)
  })

  test('a special file below /proc is read to its end, whatever size it states', () => {
    using walker = createWalker(nodeFileHost, '/proc/self')
    expect(walker.readConfined('status', 100_000).length).toBeGreaterThan(100)
  })
})

test('the depth of a walk is bounded, and so are the directories that it holds', () => {
  const deep = Array.from({ length: PATH_DEPTH_MAX }, () => 'd').join('/')
  using tree = makeTree([`${deep}/d/f=text`, `${deep}/g=text`])
  using walker = createWalker(nodeFileHost, tree.path)
  expect(text(walker, `${deep}/g`)).toBe('text')
  expect(() => text(walker, `${deep}/d/f`)).toThrow(expect.objectContaining({ code: 'E_LIMIT' }))
})

test.for([true, false])('no directory stays open, held %s', (isHeld) => {
  using tree = makeTree([
    'root/a/b/f=text',
    'root/l => a/b/../b/f',
    'root/o => a/../../x',
    'root/loop => loop/x',
    'x=outside',
  ])
  using walker = createWalker(createFileHost(isHeld), join(tree.path, 'root'))
  const before = openFds()
  for (const path of ['a/b/f', 'l', 'o', 'loop', 'a/b/none', 'a/none/f', 'a/b', 'a/b/f/x', '']) {
    try {
      walker.readConfined(path, 2 + path.length)
    } catch {
      // What it says is tested elsewhere.
    }
  }
  using place = walker.walk('a/b/f', { followLast: true })
  expect(openFds()).toBe(before + 2)
  place[Symbol.dispose]()
  expect(openFds()).toBe(before)
})

describe('onResolved', () => {
  test.for([
    ['a/f', 'a/f'],
    ['l', 'a/f'],
    ['d/f', 'a/f'],
    ['d/none', 'a/none'],
    ['d/none/none', 'a/none/none'],
    ['d/f/x', 'a/f/x'],
    ['dangling', 'a/x'],
    ['out', '..'],
    ['out/none', '..'],
    ['here', ''],
  ] as const)('%s leads to %j, told once', ([path, resolved]) => {
    using tree = makeTree([
      'root/a/f=',
      'root/l => a/f',
      'root/d => a',
      'root/dangling => a/x',
      'root/out => ..',
      'root/here => .',
    ])
    using walker = createWalker(nodeFileHost, join(tree.path, 'root'))
    const told: string[] = []
    try {
      using _place = walker.walk(path, { followLast: true, onResolved: (resolved) => void told.push(resolved) })
    } catch {
      // A walk that fails tells where it would have led all the same.
    }
    expect(told).toEqual([resolved])
  })

  test('is asked before a folder is made', () => {
    using tree = makeTree(['root/hidden/', 'root/d => hidden'])
    using walker = createWalker(nodeFileHost, join(tree.path, 'root'))
    const onResolved = (): never => {
      throw new Error('refused')
    }
    expect(() => walker.walk('d/x/y', { followLast: true, createDirectories: true, onResolved })).toThrow('refused')
    expect(readdirSync(join(tree.path, 'root/hidden'))).toEqual([])
    walker.walk('d/x/y', { followLast: true, createDirectories: true })[Symbol.dispose]()
    expect(readdirSync(join(tree.path, 'root/hidden'))).toEqual(['x'])
  })
})

test('without /proc/self/fd a directory that was replaced is refused', () => {
  using tree = makeTree(['root/a/f=text', 'b/f=outside'])
  const files = createFileHost(false)
  const root = files.openRoot(join(tree.path, 'root'))
  const held = files.openDirectory(root, 'a')
  using other = makeTree(['f=outside'])
  const swapped = { ...held, path: other.path }
  expect(() => files.openForRead(swapped, 'f')).toThrow(expect.objectContaining({ code: 'ESTALE' }))
  files.close(held)
  files.close(root)
})

test.for(['', '.', '..', 'a/b', 'a\0'])('the name %j is no entry of a directory', (name) => {
  using tree = makeTree(['a/b=text'])
  const root = nodeFileHost.openRoot(tree.path)
  expect(() => nodeFileHost.openForRead(root, name)).toThrow('one component')
  nodeFileHost.close(root)
})
