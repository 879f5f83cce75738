/** The trees of a definition on a real disk, each behind a walker rooted in it. */

import { dirname, join } from 'node:path'
import { createWalker, PathError, readWhole } from '../broker/walker.ts'
import type { Walker } from '../broker/walker.ts'
import { codeOf } from '../errors.ts'
import type { FileHost } from '../ports.ts'
import { emptyTree } from './source-tree.ts'
import type { SourceRead, Sources, SourceTree } from './source-tree.ts'

export interface ConfinedSources extends Sources, Disposable {}

const PACKAGES = 'node_modules'
/** A directory in the place of a file is no file; neither is what lies below a file. */
const ABSENT = new Set(['ENOENT', 'ENOTDIR', 'EISDIR', 'ENAMETOOLONG'])

/** `definitionFolder` is absolute; the operator named it, so links in it are followed. */
export function openSources(files: FileHost, definitionFolder: string): ConfinedSources {
  using walkers = new DisposableStack()
  const folder = files.realPath(definitionFolder)
  const definition = treeOf(walkers.use(createWalker(files, folder)))
  const packages: SourceTree[] = []
  for (let above = folder; ; above = dirname(above)) {
    packages.push(
      isPackageFolder(files, above) ? treeOf(walkers.use(createWalker(files, join(above, PACKAGES)))) : emptyTree,
    )
    if (dirname(above) === above) break
  }
  const owned = walkers.move()
  return { definition, packages, [Symbol.dispose]: () => owned.dispose() }
}

/** A repository may commit `node_modules` as a link to any folder of the machine, so a link is not one. */
function isPackageFolder(files: FileHost, above: string): boolean {
  if (above.endsWith(`/${PACKAGES}`)) return false
  try {
    const handle = files.openRoot(above)
    try {
      return files.statEntry(handle, PACKAGES).type === 'directory'
    } finally {
      files.close(handle)
    }
  } catch {
    return false
  }
}

function treeOf(walker: Walker): SourceTree {
  return { read: (path, maxBytes) => read(walker, path, maxBytes) }
}

function read(walker: Walker, path: string, maxBytes: number): SourceRead {
  try {
    using place = walker.walk(path, { followLast: true })
    if (place.name === '') return { type: 'absent' }
    return { type: 'file', bytes: readWhole(walker.files, place, maxBytes), path: place.resolved }
  } catch (thrown) {
    const code = codeOf(thrown)
    if (code !== undefined && ABSENT.has(code)) return { type: 'absent' }
    return { type: 'refused', reason: thrown instanceof PathError ? thrown.message : `it cannot be opened (${code})` }
  }
}
