/** Which deleted file an added one was: by the same content, or by much of it where that is cheap to see. */
import { readBlob } from './blob.ts'
import { similarity, splitLines } from './line-diff.ts'
import type { ObjectStore } from './objects.ts'
import { kindOf } from './tree.ts'
import type { TreeChange, TreeFile } from './tree.ts'

/** A change of one file; after a rename, `before` is what stood at `rawOldPath`. */
export interface FileChange extends TreeChange {
  readonly rawOldPath?: string
}

/** More candidates than these are compared by content alone: each costs a read. */
const CANDIDATES_MAX = 40

/** Larger files are not compared with each other. */
const COMPARED_BYTES_MAX = 128 * 1024

const SIMILAR = 0.6

const EMPTY_BLOB = 'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391'

export async function withRenames(objects: ObjectStore, changes: readonly TreeChange[]): Promise<FileChange[]> {
  const deleted = changes.filter(({ before, after }) => after === undefined && isFile(before))
  const added = changes.filter(({ before, after }) => before === undefined && isFile(after))
  const origins = exactOrigins(deleted, added)
  const taken = new Set(origins.values())
  const restDeleted = deleted.filter((change) => !taken.has(change))
  const restAdded = added.filter((change) => !origins.has(change))
  if (restDeleted.length <= CANDIDATES_MAX && restAdded.length <= CANDIDATES_MAX) {
    const similar = await similarOrigins(objects, restDeleted, restAdded)
    for (const [change, origin] of similar) {
      origins.set(change, origin)
      taken.add(origin)
    }
  }
  return changes.flatMap((change): FileChange[] => {
    if (taken.has(change)) return []
    const origin = origins.get(change)
    return origin === undefined ? [change] : [{ ...change, before: origin.before, rawOldPath: origin.rawPath }]
  })
}

function isFile(file: TreeFile | undefined): boolean {
  return file !== undefined && kindOf(file) === 'file' && file.oid !== EMPTY_BLOB
}

function baseName(rawPath: string): string {
  return rawPath.slice(rawPath.lastIndexOf('/') + 1)
}

/** Of several files with one content, the one that kept its name is taken first. */
function exactOrigins(deleted: readonly TreeChange[], added: readonly TreeChange[]): Map<TreeChange, TreeChange> {
  const byOid = new Map<string, TreeChange[]>()
  for (const change of deleted) {
    const oid = change.before?.oid ?? ''
    const others = byOid.get(oid)
    if (others === undefined) byOid.set(oid, [change])
    else others.push(change)
  }
  const origins = new Map<TreeChange, TreeChange>()
  for (const sameName of [true, false]) {
    for (const change of added) {
      const candidates = origins.has(change) ? undefined : byOid.get(change.after?.oid ?? '')
      const at = sameName
        ? (candidates ?? []).findIndex((origin) => baseName(origin.rawPath) === baseName(change.rawPath))
        : 0
      const origin = candidates?.[at]
      if (candidates === undefined || origin === undefined) continue
      candidates.splice(at, 1)
      origins.set(change, origin)
    }
  }
  return origins
}

async function similarOrigins(
  objects: ObjectStore,
  deleted: readonly TreeChange[],
  added: readonly TreeChange[],
): Promise<Map<TreeChange, TreeChange>> {
  const origins = new Map<TreeChange, TreeChange>()
  if (deleted.length === 0 || added.length === 0) return origins
  const old = await Promise.all(
    deleted.map(async (change) => ({ change, lines: await linesOf(objects, change.before) })),
  )
  const now = await Promise.all(added.map(async (change) => ({ change, lines: await linesOf(objects, change.after) })))
  const pairs = now.flatMap((target) =>
    old.map((origin) => ({
      origin: origin.change,
      target: target.change,
      score: similarity(origin.lines, target.lines),
    })),
  )
  const taken = new Set<TreeChange>()
  for (const { origin, target, score } of pairs.toSorted((left, right) => right.score - left.score)) {
    if (score < SIMILAR || taken.has(origin) || origins.has(target)) continue
    taken.add(origin)
    origins.set(target, origin)
  }
  return origins
}

async function linesOf(objects: ObjectStore, file: TreeFile | undefined): Promise<string[]> {
  if (file === undefined) return []
  const blob = await readBlob(objects, file.oid, COMPARED_BYTES_MAX, false)
  return blob.kind === 'text' ? splitLines(blob.text) : []
}
