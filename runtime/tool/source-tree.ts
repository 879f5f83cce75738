/**
 * Where the bundler's bytes come from. A tree is one folder that nothing leaves: not by `..`, not by a link.
 * Paths are relative to it, with `/` between segments, already normalised: no `.`, `..` or empty segment.
 */

export type SourceRead =
  /** `path` is where the bytes lie after links, in the same tree. */
  | { readonly type: 'file'; readonly bytes: Uint8Array; readonly path: string }
  /** No such file; a directory counts as absent, and so does a path below a file. */
  | { readonly type: 'absent' }
  /** There is something that may not be read; the reason names the rule and never the contents. */
  | { readonly type: 'refused'; readonly reason: string }

export interface SourceTree {
  read(path: string, maxBytes: number): SourceRead
}

/** Every place that one bundle may read. */
export interface Sources {
  /** The definition's own folder. */
  readonly definition: SourceTree
  /**
   * The `node_modules` folders beside the definition and above it, nearest first. A folder that does not exist is
   * a tree in which everything is absent, so that the list keeps its length when one is installed.
   */
  readonly packages: readonly SourceTree[]
}

/** A file of one of the trees: the definition's folder, or a `node_modules` folder by its position. */
export interface Place {
  readonly tree: 'definition' | number
  readonly path: string
}

export function treeAt(sources: Sources, tree: Place['tree']): SourceTree | undefined {
  return tree === 'definition' ? sources.definition : sources.packages[tree]
}

export const emptyTree: SourceTree = { read: () => ({ type: 'absent' }) }
