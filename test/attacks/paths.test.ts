/**
 * Layouts made to lead a tool out of what it was granted, against every operation. Each row that is an attack names
 * the operations with which it succeeds where paths are merely joined: a row whose attack is harmless proves nothing.
 */
import {
  appendFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { FileRequest } from '../../runtime/policy/grant.ts'
import { createFileHost, nodeFileHost } from '../../runtime/node-files.ts'
import { act, resultOf } from '../support/file-requests.ts'
import { grantOf } from '../support/grants.ts'
import { makeTree } from '../support/tree.ts'

const data = new TextEncoder().encode('written')

interface Operation {
  readonly request: (path: string) => FileRequest
  readonly naive: (path: string, root: string) => unknown
}

const OPERATIONS = {
  read: { request: (path) => ({ op: 'fs.read', path }), naive: (path) => readFileSync(path) },
  readRange: {
    request: (path) => ({ op: 'fs.readRange', path, position: 1, length: 2 }),
    naive: (path) => readFileSync(path),
  },
  stat: { request: (path) => ({ op: 'fs.stat', path, followLinks: true }), naive: (path) => statSync(path) },
  lstat: { request: (path) => ({ op: 'fs.stat', path, followLinks: false }), naive: (path) => lstatSync(path) },
  list: { request: (path) => ({ op: 'fs.list', path }), naive: (path) => readdirSync(path) },
  readlink: { request: (path) => ({ op: 'fs.readlink', path }), naive: (path) => readlinkSync(path) },
  write: {
    request: (path) => ({ op: 'fs.write', path, data, how: 'replace' }),
    naive: (path) => writeFileSync(path, data),
  },
  create: {
    request: (path) => ({ op: 'fs.write', path, data, how: 'create' }),
    naive: (path) => writeFileSync(path, data, { flag: 'wx' }),
  },
  append: {
    request: (path) => ({ op: 'fs.write', path, data, how: 'append' }),
    naive: (path) => appendFileSync(path, data),
  },
  mkdir: { request: (path) => ({ op: 'fs.mkdir', path, recursive: false }), naive: (path) => mkdirSync(path) },
  mkdirp: {
    request: (path) => ({ op: 'fs.mkdir', path, recursive: true }),
    naive: (path) => mkdirSync(path, { recursive: true }),
  },
  unlink: { request: (path) => ({ op: 'fs.delete', path, kind: 'file' }), naive: (path) => unlinkSync(path) },
  rmdir: { request: (path) => ({ op: 'fs.delete', path, kind: 'directory' }), naive: (path) => rmdirSync(path) },
  moveFrom: {
    request: (path) => ({ op: 'fs.rename', from: path, to: 'moved' }),
    naive: (path, root) => renameSync(path, resolve(root, 'moved')),
  },
  moveTo: {
    request: (path) => ({ op: 'fs.rename', from: 'own', to: path }),
    naive: (path, root) => renameSync(resolve(root, 'own'), path),
  },
} as const satisfies Record<string, Operation>

type Name = keyof typeof OPERATIONS
type Results = Readonly<Record<Name, string>>

const NAMES = Object.keys(OPERATIONS) as readonly Name[]

function all(result: string, others: Partial<Results> = {}): Results {
  return { ...(Object.fromEntries(NAMES.map((name) => [name, result])) as Record<Name, string>), ...others }
}

const DENIED = all('Denied')

/** A link as the last component, to somewhere denied: the link itself is the tool's, what it leads to is not. */
const LINK_TO_DENIED = all('Denied', {
  lstat: 'ok',
  readlink: 'ok',
  create: 'EEXIST',
  mkdir: 'EEXIST',
  unlink: 'ok',
  rmdir: 'ENOTDIR',
  moveFrom: 'ok',
  moveTo: 'ok',
})

const FILE = all('ok', {
  list: 'ENOTDIR',
  readlink: 'EINVAL',
  create: 'EEXIST',
  mkdir: 'EEXIST',
  mkdirp: 'EEXIST',
  rmdir: 'ENOTDIR',
})

const LINK_TO_FILE = all('ok', {
  list: 'ENOTDIR',
  create: 'EEXIST',
  mkdir: 'EEXIST',
  mkdirp: 'EEXIST',
  rmdir: 'ENOTDIR',
})

const FOLDER = all('EISDIR', {
  stat: 'ok',
  lstat: 'ok',
  list: 'ok',
  readlink: 'EINVAL',
  create: 'EEXIST',
  mkdir: 'EEXIST',
  mkdirp: 'ok',
  rmdir: 'ok',
})

const LOOP = all('ELOOP', {
  lstat: 'ok',
  readlink: 'ok',
  create: 'EEXIST',
  mkdir: 'EEXIST',
  unlink: 'ok',
  rmdir: 'ENOTDIR',
  moveFrom: 'ok',
  moveTo: 'ok',
})

const FIFO = all('E_SPECIAL_FILE', {
  stat: 'ok',
  lstat: 'ok',
  list: 'ENOTDIR',
  readlink: 'EINVAL',
  create: 'EEXIST',
  mkdir: 'EEXIST',
  mkdirp: 'EEXIST',
  rmdir: 'ENOTDIR',
})

const BELOW_A_FILE = all('ENOTDIR')

const MISSING_PARENT = all('ENOENT', { write: 'ok', create: 'ok', append: 'ok', mkdirp: 'ok' })

const READS: readonly Name[] = ['read', 'readRange', 'stat']
const WRITES: readonly Name[] = ['write', 'append']
const LAST: readonly Name[] = [...READS, ...WRITES]
const ON_THE_WAY: readonly Name[] = [...LAST, 'lstat', 'unlink', 'moveFrom', 'moveTo']
const NEW: readonly Name[] = ['write', 'create', 'append', 'mkdir', 'mkdirp', 'moveTo']

interface Row {
  /** Below `root/` unless it starts with `/`, which is the tree that `root` and `out` lie in. */
  readonly layout: readonly string[]
  readonly path: string
  readonly expected: Results
  /** The operations with which the attack works where paths are joined. */
  readonly succeeds: readonly Name[]
}

const CHAIN_OF_EIGHT = ['l1 => l2', 'l2 => l3', 'l3 => l4', 'l4 => l5', 'l5 => l6', 'l6 => l7', 'l7 => l8', 'l8 => f']

const ROWS: readonly Row[] = [
  // A link as the last component leads out.
  { layout: ['l => ../out/secret.txt'], path: 'l', expected: LINK_TO_DENIED, succeeds: LAST },
  { layout: ['l => $ABS/out/secret.txt'], path: 'l', expected: LINK_TO_DENIED, succeeds: LAST },
  { layout: ['x/y/', 'l => x/y/../../../out/secret.txt'], path: 'l', expected: LINK_TO_DENIED, succeeds: LAST },
  { layout: ['l => $ABS/root/../out/secret.txt'], path: 'l', expected: LINK_TO_DENIED, succeeds: LAST },
  { layout: ['/rootevil/s=outside', 'l => $ABS/rootevil/s'], path: 'l', expected: LINK_TO_DENIED, succeeds: LAST },
  { layout: ['a => b', 'b => ../out/secret.txt'], path: 'a', expected: LINK_TO_DENIED, succeeds: LAST },
  { layout: ['l => ../out'], path: 'l', expected: LINK_TO_DENIED, succeeds: ['stat', 'list', 'mkdirp'] },
  { layout: ['l => ..'], path: 'l', expected: LINK_TO_DENIED, succeeds: ['stat', 'list', 'mkdirp'] },
  { layout: ['l => ../out/new'], path: 'l', expected: LINK_TO_DENIED, succeeds: WRITES },
  { layout: ['l => ../out/none/new'], path: 'l', expected: LINK_TO_DENIED, succeeds: ['lstat'] },
  // A link on the way leads out.
  { layout: ['d => ../out'], path: 'd/secret.txt', expected: DENIED, succeeds: ON_THE_WAY },
  { layout: ['d => $ABS/out'], path: 'd/secret.txt', expected: DENIED, succeeds: ON_THE_WAY },
  { layout: ['a => b', 'b => ../out'], path: 'a/secret.txt', expected: DENIED, succeeds: ON_THE_WAY },
  { layout: ['a/b => ../../out'], path: 'a/b/secret.txt', expected: DENIED, succeeds: ON_THE_WAY },
  { layout: ['b/', 'a => b/../../out'], path: 'a/secret.txt', expected: DENIED, succeeds: ON_THE_WAY },
  { layout: ['a => .', 'b => a/a/../out'], path: 'b/secret.txt', expected: DENIED, succeeds: ON_THE_WAY },
  { layout: ['l => /'], path: 'l$ABS/out/secret.txt', expected: DENIED, succeeds: ON_THE_WAY },
  { layout: ['l => /proc/self/root'], path: 'l$ABS/out/secret.txt', expected: DENIED, succeeds: LAST },
  { layout: ['d => ../out'], path: 'd/new', expected: DENIED, succeeds: NEW },
  { layout: ['d => ../out'], path: 'd/new/er', expected: DENIED, succeeds: ['mkdirp'] },
  // The path itself leads out.
  { layout: [], path: '../out/secret.txt', expected: DENIED, succeeds: ON_THE_WAY },
  { layout: ['a/'], path: 'a/../../out/secret.txt', expected: DENIED, succeeds: ON_THE_WAY },
  { layout: [], path: '$ABS/out/secret.txt', expected: DENIED, succeeds: ON_THE_WAY },
  // A link leads inside, to what is not granted.
  { layout: ['l => hidden/s'], path: 'l', expected: LINK_TO_DENIED, succeeds: LAST },
  { layout: ['d => hidden'], path: 'd/s', expected: DENIED, succeeds: ON_THE_WAY },
  { layout: ['d => hidden'], path: 'd/none', expected: DENIED, succeeds: NEW },
  { layout: ['d => hidden'], path: 'd/none/none', expected: DENIED, succeeds: ['mkdirp'] },
  { layout: ['l => hidden/new'], path: 'l', expected: LINK_TO_DENIED, succeeds: WRITES },
  { layout: ['.env=secret', 'l => .env'], path: 'l', expected: LINK_TO_DENIED, succeeds: LAST },
  { layout: ['.git/config=secret', 'l => .git/config'], path: 'l', expected: LINK_TO_DENIED, succeeds: LAST },
  { layout: ['.git/config=secret', 'd => .git'], path: 'd/config', expected: DENIED, succeeds: ON_THE_WAY },
  { layout: ['l => $ABS/root/hidden/s'], path: 'l', expected: LINK_TO_DENIED, succeeds: LAST },
  // Denied by name.
  { layout: [], path: 'hidden/s', expected: DENIED, succeeds: ON_THE_WAY },
  { layout: [], path: 'f/../hidden/s', expected: DENIED, succeeds: ON_THE_WAY },
  { layout: ['Hidden/s=secret'], path: 'Hidden/s', expected: DENIED, succeeds: ON_THE_WAY },
  { layout: ['.env.local=secret'], path: '.env.local', expected: DENIED, succeeds: ON_THE_WAY },
  { layout: ['.git/hooks/'], path: '.git/hooks/pre-commit', expected: DENIED, succeeds: NEW },
  // Loops, and chains that are too long.
  { layout: ['l => l'], path: 'l', expected: LOOP, succeeds: [] },
  { layout: ['a => b', 'b => a'], path: 'a/x', expected: all('ELOOP'), succeeds: [] },
  { layout: ['l0 => l1', ...CHAIN_OF_EIGHT], path: 'l0', expected: LOOP, succeeds: LAST },
  // What is neither file nor folder; joined paths wait for ever on a read.
  { layout: ['p|fifo'], path: 'p', expected: FIFO, succeeds: ['unlink', 'moveFrom', 'moveTo'] },
  {
    layout: ['p|fifo', 'l => p'],
    path: 'l',
    expected: {
      ...LINK_TO_FILE,
      read: 'E_SPECIAL_FILE',
      readRange: 'E_SPECIAL_FILE',
      write: 'E_SPECIAL_FILE',
      append: 'E_SPECIAL_FILE',
    },
    succeeds: ['stat'],
  },
  // Nothing wrong: what is granted works, links and all.
  { layout: [], path: 'f', expected: FILE, succeeds: [] },
  { layout: [], path: './empty/../f', expected: FILE, succeeds: [] },
  { layout: ['l => f'], path: 'l', expected: LINK_TO_FILE, succeeds: [] },
  { layout: ['l => $ABS/root/f'], path: 'l', expected: LINK_TO_FILE, succeeds: [] },
  { layout: CHAIN_OF_EIGHT, path: 'l1', expected: LINK_TO_FILE, succeeds: [] },
  { layout: ['a/up => ..', 'a/g=inside'], path: 'a/up/a/up/f', expected: FILE, succeeds: [] },
  { layout: ['a/b/', 'l => a/b/../../f'], path: 'l', expected: LINK_TO_FILE, succeeds: [] },
  { layout: [], path: 'empty', expected: FOLDER, succeeds: [] },
  { layout: [], path: 'f/x', expected: { ...BELOW_A_FILE }, succeeds: [] },
  { layout: [], path: 'none/x', expected: MISSING_PARENT, succeeds: [] },
]

const grant = grantOf({ read: ['**'], write: ['**'], delete: ['**'], deny: ['hidden/**'] })

function layoutOf(row: Row) {
  const inside = row.layout.map((entry) => (entry.startsWith('/') ? entry.slice(1) : `root/${entry}`))
  return makeTree([
    'out/secret.txt=outside',
    'root/hidden/s=secret',
    'root/f=inside',
    'root/own=own',
    'root/empty/',
    ...inside,
  ])
}

/** Everything outside of what is granted, as text. */
function untouchable(tree: string): string {
  const folders = ['out', 'rootevil', 'root/hidden', 'root/Hidden', 'root/.git']
  const files = [
    'out/secret.txt',
    'rootevil/s',
    'root/hidden/s',
    'root/Hidden/s',
    'root/.env',
    'root/.env.local',
    'root/.git/config',
  ]
  const seen = (look: (path: string) => unknown, path: string): unknown => {
    try {
      return look(resolve(tree, path))
    } catch {
      return 'absent'
    }
  }
  return JSON.stringify([
    seen((path) => readdirSync(path).filter((name) => name !== 'l'), '.'),
    folders.map((path) => seen((folder) => readdirSync(folder), path)),
    files.map((path) => seen((file) => readFileSync(file, 'utf8'), path)),
  ])
}

const HOSTS = { held: nodeFileHost, joined: createFileHost(false) }

describe.for(Object.entries(HOSTS))('by %s directories', ([, files]) => {
  test.for(ROWS)('$layout $path', (row) => {
    const results = NAMES.map((name) => {
      using tree = layoutOf(row)
      const before = untouchable(tree.path)
      const path = row.path.replaceAll('$ABS', tree.path)
      const performed = act(`${tree.path}/root`, grant, OPERATIONS[name].request(path), files)
      expect(untouchable(tree.path), name).toBe(before)
      const text = performed.outcome.ok ? '' : performed.outcome.error.message
      if (!row.path.includes('$ABS')) expect(text).not.toContain(tree.path)
      const { outcome } = performed
      const bytes = outcome.ok && outcome.value instanceof Uint8Array ? Buffer.from(outcome.value).toString() : ''
      expect(bytes).not.toMatch(/^(?:outside|ut|secret|ec)$/)
      return [name, resultOf(performed)]
    })
    expect(Object.fromEntries(results)).toEqual(row.expected)
  })
})

describe('negative control: joined paths', () => {
  test.for(ROWS.filter((row) => row.succeeds.length > 0))('$layout $path', (row) => {
    for (const name of row.succeeds) {
      using tree = layoutOf(row)
      const root = `${tree.path}/root`
      const path = row.path.replaceAll('$ABS', tree.path)
      expect(() => OPERATIONS[name].naive(resolve(root, path), root), name).not.toThrow()
    }
  })
})
