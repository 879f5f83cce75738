/**
 * Where a repository's history lies. Mostly in the workspace's own `.git`; in a linked worktree `.git` is a file that
 * names a folder of the main repository. The view maps `.git/…` to there, so that a reader sees one ordinary layout.
 *
 * The file is hostile: an archive can bring one along. It counts only where the main repository itself names this
 * workspace as one of its worktrees, which nobody without write access to it can arrange.
 */
import { codeOf } from '../errors.ts'
import type { FileType } from '../ports.ts'
import { createWalker, PathError, type Walker } from './walker.ts'

/** Where a path is walked, and how a path that links lead to there is called in the workspace. */
export interface Site {
  readonly walker: Walker
  readonly path: string
  readonly outer: (resolved: string) => string
}

export interface GitView extends Disposable {
  /**
   * Throws PathError `E_GIT_WORKTREE` where `.git` names a repository that does not name the workspace back, and
   * `E_GIT_ALTERNATES` where the repository keeps objects elsewhere.
   */
  locate(path: string, hasGit: boolean): Site
  /** An entry of a listing as the view shows it: `.git` is a folder there. */
  entry(folder: string, entry: Entry, hasGit: boolean): Entry
}

interface Entry {
  readonly name: string
  readonly type: FileType
}

/** The two folders of a linked worktree; absent for an ordinary repository, and where there is none. */
interface Linked {
  readonly own: Walker
  readonly common: Walker
}

const POINTER_BYTES_MAX = 8 * 1024
const ALTERNATES_BYTES_MAX = 64 * 1024

/** What a linked worktree keeps for itself of what can be read at all. */
const OWN = /^(?:HEAD|refs\/(?:bisect|worktree|rewritten)(?:\/.*)?)$/

export function createGitView(workspace: Walker, realWorkspace: string): GitView {
  let opened: { readonly linked: Linked | undefined } | undefined
  const open = (): Linked | undefined => {
    opened ??= { linked: openLinked(workspace, realWorkspace) }
    return opened.linked
  }
  let isChecked = false
  return {
    locate(path, hasGit) {
      const ordinary: Site = { walker: workspace, path, outer: (resolved) => resolved }
      if (!hasGit || !(path === '.git' || path.startsWith('.git/'))) return ordinary
      const linked = open()
      if (!isChecked) refuseAlternates(linked?.common ?? workspace, linked === undefined ? '.git/objects' : 'objects')
      isChecked = true
      if (linked === undefined) return ordinary
      const inner = path.slice('.git/'.length)
      const walker = OWN.test(inner) ? linked.own : linked.common
      return { walker, path: inner, outer: (resolved) => (resolved === '' ? '.git' : `.git/${resolved}`) }
    },
    entry(folder, entry, hasGit) {
      const isPointer = hasGit && folder === '' && entry.name === '.git' && entry.type === 'file'
      return isPointer ? { ...entry, type: 'directory' } : entry
    },
    [Symbol.dispose]() {
      opened?.linked?.own[Symbol.dispose]()
      opened?.linked?.common[Symbol.dispose]()
    },
  }
}

function openLinked(workspace: Walker, realWorkspace: string): Linked | undefined {
  const pointer = pointerFile(workspace, '.git')
  if (pointer === undefined) return undefined
  if (!pointer.startsWith('gitdir: ')) throw noWorktree('the .git file names no repository')
  const { files } = workspace
  const ownPath = realPathOf(workspace, absolute(realWorkspace, pointer.slice('gitdir: '.length)))
  const own = createWalker(files, ownPath)
  try {
    const back = pointerFile(own, 'gitdir')
    const commonText = pointerFile(own, 'commondir')
    if (back === undefined || commonText === undefined) {
      throw noWorktree(
        'the .git file leads to a folder that is no linked worktree of a repository (a submodule is none)',
      )
    }
    const backPath = absolute(ownPath, back)
    if (!backPath.endsWith('/.git') || realPathOf(workspace, backPath.slice(0, -'/.git'.length)) !== realWorkspace) {
      throw noWorktree('the .git file names a repository that does not name this workspace as its worktree')
    }
    const commonPath = realPathOf(workspace, absolute(ownPath, commonText))
    if (ownPath.slice(0, ownPath.lastIndexOf('/')) !== `${commonPath}/worktrees`) {
      throw noWorktree('the .git file leads to a folder that is not among the worktrees of its repository')
    }
    // The files of the workspace must not pass for those of a repository: `objects/.env` is no object.
    const isWorkspace = commonPath === realWorkspace || commonPath.startsWith(`${realWorkspace}/`)
    if (isWorkspace && !commonPath.endsWith('/.git')) {
      throw noWorktree('the .git file leads to a repository within the workspace that is no .git folder')
    }
    return { own, common: createWalker(files, commonPath) }
  } catch (error) {
    own[Symbol.dispose]()
    throw error
  }
}

/** One line of a small file; undefined where there is none, or a folder. */
function pointerFile(walker: Walker, path: string): string | undefined {
  try {
    return Buffer.from(walker.readConfined(path, POINTER_BYTES_MAX))
      .toString('utf8')
      .replace(/\r?\n$/, '')
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT' || code === 'EISDIR' || code === 'ENOTDIR') return undefined
    throw error
  }
}

function realPathOf(walker: Walker, path: string): string {
  try {
    return walker.files.realPath(path)
  } catch {
    throw noWorktree('the .git file names a folder that does not exist')
  }
}

/** Git reads objects from elsewhere through this file; elsewhere is not what `git: read` grants. */
function refuseAlternates(repository: Walker, objects: string): void {
  let text: string
  try {
    text = Buffer.from(repository.readConfined(`${objects}/info/alternates`, ALTERNATES_BYTES_MAX)).toString('utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return
    throw error
  }
  const folders = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  const root = '/repository'
  const outside = folders.some((line) => {
    const path = absolute(`${root}/objects`, line)
    return line.startsWith('/') || (path !== root && !path.startsWith(`${root}/`))
  })
  if (outside) {
    throw new PathError(
      'E_GIT_ALTERNATES',
      'the repository keeps objects outside of it (objects/info/alternates); `git repack -a -d` copies them in',
    )
  }
}

function noWorktree(message: string): PathError {
  return new PathError('E_GIT_WORKTREE', message)
}

/** Lexical; the real path is asked for afterwards. */
function absolute(folder: string, path: string): string {
  const names: string[] = []
  for (const name of (path.startsWith('/') ? path : `${folder}/${path}`).split('/')) {
    if (name === '..') names.pop()
    else if (name !== '' && name !== '.') names.push(name)
  }
  return `/${names.join('/')}`
}
