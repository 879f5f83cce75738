/** Trees, read byte for byte: a name in git is bytes, and need not be UTF-8. */
import { CorruptObject } from './inflate.ts'
import type { ObjectStore } from './objects.ts'

export type EntryKind = 'file' | 'link' | 'submodule'

/** A file of a tree. `mode` as git writes it, such as `100644`. */
export interface TreeFile {
  readonly mode: string
  readonly oid: string
}

/** What differs between two trees at one path. */
export interface TreeChange {
  /** Each byte as one character, so that it is exact and sorts as git sorts. */
  readonly rawPath: string
  readonly before: TreeFile | undefined
  readonly after: TreeFile | undefined
}

interface Entry extends TreeFile {
  readonly name: string
}

/** Past these a repository is made to exhaust its reader. */
const CHANGES_MAX = 200_000
const TREES_MAX = 50_000
const DEPTH_MAX = 256

/** Trees read at once: enough to hide the way to the host, few enough to be small. */
const TOGETHER = 32

const TREE_MODE = '40000'

export function kindOf(file: TreeFile): EntryKind {
  if (file.mode === '160000') return 'submodule'
  return file.mode === '120000' ? 'link' : 'file'
}

function parseTree(data: Uint8Array): Entry[] {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  const entries: Entry[] = []
  for (let at = 0; at < bytes.length;) {
    const space = bytes.indexOf(0x20, at)
    const end = bytes.indexOf(0, space + 1)
    if (space < 0 || end < 0 || end + 21 > bytes.length) throw new CorruptObject('a tree ends too early')
    const mode = bytes.toString('latin1', at, space).replace(/^0+/, '')
    const name = bytes.toString('latin1', space + 1, end)
    entries.push({ mode, name, oid: bytes.toString('hex', end + 1, end + 21) })
    at = end + 21
  }
  return entries
}

interface Pair {
  readonly path: string
  readonly depth: number
  readonly before: string | undefined
  readonly after: string | undefined
}

/** Every file that differs, in git's order; a tree that is the same on both sides is never read. */
export async function diffTrees(
  objects: ObjectStore,
  before: string | undefined,
  after: string | undefined,
): Promise<TreeChange[]> {
  const changes: TreeChange[] = []
  const pending: Pair[] = before === after ? [] : [{ path: '', depth: 0, before, after }]
  for (let read = 0; pending.length > 0; read += TOGETHER) {
    if (read > TREES_MAX || changes.length > CHANGES_MAX) throw new Error('this change is too large to be listed')
    const together = pending.splice(-TOGETHER)
    const found = await Promise.all(together.map((pair) => diffPair(objects, pair)))
    for (const { files, trees } of found) {
      for (const file of files) changes.push(file)
      for (const tree of trees) pending.push(tree)
    }
  }
  return changes.toSorted((left, right) => (left.rawPath < right.rawPath ? -1 : left.rawPath > right.rawPath ? 1 : 0))
}

async function entriesOf(objects: ObjectStore, oid: string | undefined): Promise<Map<string, Entry>> {
  if (oid === undefined || oid === EMPTY_TREE) return new Map()
  const { type, data } = await objects.structure(oid)
  if (type !== 'tree') throw new CorruptObject(`${oid} is no tree`)
  return new Map(parseTree(data).map((entry) => [entry.name, entry]))
}

/** git knows it without storing it. */
const EMPTY_TREE = '4b825dc642cb6eb9a060e54bf8d69288fbee4904'

async function diffPair(objects: ObjectStore, pair: Pair): Promise<{ files: TreeChange[]; trees: Pair[] }> {
  if (pair.depth > DEPTH_MAX) throw new Error('the folders of this commit are nested too deeply')
  const [before, after] = await Promise.all([entriesOf(objects, pair.before), entriesOf(objects, pair.after)])
  const files: TreeChange[] = []
  const trees: Pair[] = []
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    const old = before.get(name)
    const now = after.get(name)
    if (old !== undefined && now !== undefined && old.oid === now.oid && old.mode === now.mode) continue
    const path = pair.path === '' ? name : `${pair.path}/${name}`
    const oldTree = old?.mode === TREE_MODE ? old.oid : undefined
    const nowTree = now?.mode === TREE_MODE ? now.oid : undefined
    if (oldTree !== nowTree) trees.push({ path, depth: pair.depth + 1, before: oldTree, after: nowTree })
    const oldFile = oldTree === undefined ? old : undefined
    const nowFile = nowTree === undefined ? now : undefined
    if (oldFile !== undefined || nowFile !== undefined) {
      files.push({ rawPath: path, before: plainFile(oldFile), after: plainFile(nowFile) })
    }
  }
  return { files, trees }
}

function plainFile(entry: Entry | undefined): TreeFile | undefined {
  return entry === undefined ? undefined : { mode: entry.mode, oid: entry.oid }
}
