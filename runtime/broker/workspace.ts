/** The folder that a run's paths are relative to, held open. */
import type { Facts } from '../policy/grant.ts'
import type { FileHost } from '../ports.ts'
import { createGitView, type GitView } from './git-view.ts'
import { createWalker, type Place, type Walker, type WalkOptions } from './walker.ts'

export interface Workspace extends Disposable {
  readonly walker: Walker
  readonly git: GitView
}

/** Finds the entry that a path of the request means, once policy agrees with where its links lead. */
export type Reach = (path: string, options: Omit<WalkOptions, 'onResolved'>, fact?: keyof Facts) => Place

export function openWorkspace(files: FileHost, absolutePath: string): Workspace {
  const walker = createWalker(files, absolutePath)
  const git = createGitView(walker, files.realPath(absolutePath))
  return {
    walker,
    git,
    [Symbol.dispose]() {
      git[Symbol.dispose]()
      walker[Symbol.dispose]()
    },
  }
}
