/**
 * The one path walker. No path leaves its root, under any race of renames and links.
 *
 * Each component is opened relative to the directory held open before it, and never through a link: links are read
 * and walked again, component by component, over the stack of held directories, so `..` goes back to what was walked
 * and never to what the file system says is above. An absolute link counts only where it spells the root's own real
 * path.
 *
 * Not prevented: bind mounts and other file systems below the root, hard links, and a directory that someone moves
 * out of the root while it is held. Without /proc/self/fd (see FileHost) a swap between comparison and use remains.
 */
import { codeOf } from '../errors.ts'
import { LINK_HOPS_MAX, PATH_BYTES_MAX, PATH_DEPTH_MAX } from '../limits.ts'
import { normalisePath } from '../policy/path-rule.ts'
import type { FileHandle, FileHost, FileStat } from '../ports.ts'

/** `code`: of POSIX, or `E_OUTSIDE` (a link leads out), `E_LIMIT`, `E_SPECIAL_FILE`. Names no absolute path. */
export class PathError extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.name = 'PathError'
    this.code = code
  }
}

export interface WalkOptions {
  /** Whether a link at the end is followed. One on the way always is. */
  readonly followLast: boolean
  /** Makes the folders that are missing on the way, after `onResolved` agreed. */
  readonly createDirectories?: boolean
  /**
   * Called once, before anything is made or the walk fails, with the path that the links lead to, or `..` where they
   * lead outside. Throws to end the walk.
   */
  readonly onResolved?: (resolved: string) => void
}

/** An entry of a held directory, which may be absent; with an empty name, the directory itself. */
export interface Place extends Disposable {
  readonly directory: FileHandle
  readonly name: string
  /** Relative to the root, every link followed. */
  readonly resolved: string
  /** Of the entry itself, where the walk had to look at it. */
  readonly stat?: FileStat
}

export interface Walker extends Disposable {
  readonly files: FileHost
  readonly root: FileHandle
  walk(path: string, options: WalkOptions): Place
  /** The bytes of a regular file; links are followed inside the root, larger files are `E_LIMIT`. */
  readConfined(path: string, maxBytes: number): Uint8Array
}

export function createWalker(files: FileHost, rootAbsolutePath: string): Walker {
  const root = files.openRoot(rootAbsolutePath)
  const realRoot = files.realPath(rootAbsolutePath)
  const walk = (path: string, options: WalkOptions): Place => {
    const journey = new Journey(files, root, realRoot, options)
    try {
      return journey.go(path)
    } catch (error) {
      journey[Symbol.dispose]()
      throw error
    }
  }
  return {
    files,
    root,
    walk,
    readConfined(path, maxBytes) {
      using place = walk(path, { followLast: true })
      if (place.name === '') throw new PathError('EISDIR', 'it is a directory')
      return readWhole(files, place, maxBytes)
    },
    [Symbol.dispose]: () => files.close(root),
  }
}

/** Reads to the end, wherever that is by then: the size that a file states is a hint. */
export function readWhole(files: FileHost, place: Place, maxBytes: number): Uint8Array {
  const handle = files.openForRead(place.directory, place.name)
  try {
    const chunks: Uint8Array[] = []
    let length = 0
    for (let wanted = Math.min(files.stat(handle).sizeBytes, maxBytes) + 1; ; wanted = READ_CHUNK_BYTES) {
      const chunk = files.read(handle, length, wanted)
      chunks.push(chunk)
      length += chunk.length
      if (length > maxBytes) throw new PathError('E_LIMIT', `it is larger than ${maxBytes} bytes`)
      if (chunk.length < wanted) break
    }
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
  } finally {
    files.close(handle)
  }
}

const READ_CHUNK_BYTES = 64 * 1024
const NEW_DIRECTORY_MODE = 0o777

/** One walk: the directories held so far, and the names still ahead, the next one last. */
class Journey implements Disposable {
  readonly #files: FileHost
  readonly #root: FileHandle
  readonly #realRoot: string
  readonly #options: WalkOptions
  readonly #held: { readonly handle: FileHandle; readonly name: string }[] = []
  readonly #ahead: string[] = []
  #hops = 0
  #isResolved = false
  /** The entry that was looked at last. */
  #looked: { readonly directory: FileHandle; readonly name: string; readonly stat: FileStat } | undefined

  constructor(files: FileHost, root: FileHandle, realRoot: string, options: WalkOptions) {
    this.#files = files
    this.#root = root
    this.#realRoot = realRoot
    this.#options = options
  }

  go(text: string): Place {
    const normalised = normalisePath(text)
    if (!normalised.ok) throw new PathError('EINVAL', normalised.why)
    if (Buffer.byteLength(text) > PATH_BYTES_MAX) throw new PathError('ENAMETOOLONG', 'the path is too long')
    this.#put(normalised.path)
    for (let name = this.#ahead.pop(); name !== undefined; name = this.#ahead.pop()) {
      if (name === '..') this.#goBack()
      else if (this.#ahead.length > 0) this.#enter(name)
      else if (!this.#options.followLast || !this.#followIfLink(name)) return this.#arrive(name)
    }
    return this.#arrive('')
  }

  [Symbol.dispose](): void {
    while (this.#held.length > 0) this.#files.close(this.#held.pop()!.handle)
  }

  get #directory(): FileHandle {
    return this.#held.at(-1)?.handle ?? this.#root
  }

  #put(path: string): void {
    const names = path.split('/').filter((name) => name !== '' && name !== '.')
    this.#ahead.push(...names.toReversed())
  }

  #arrive(name: string): Place {
    const resolved = this.#resolved(name)
    this.#report(resolved)
    return {
      directory: this.#directory,
      name,
      resolved,
      ...this.#statOf(name),
      [Symbol.dispose]: () => this[Symbol.dispose](),
    }
  }

  #statOf(name: string): Pick<Place, 'stat'> {
    const looked = this.#looked
    return looked?.name === name && looked.directory === this.#directory ? { stat: looked.stat } : {}
  }

  #resolved(...names: readonly string[]): string {
    return [...this.#held.map((directory) => directory.name), ...names].filter((name) => name !== '').join('/')
  }

  #report(resolved: string): void {
    if (this.#isResolved) return
    this.#isResolved = true
    this.#options.onResolved?.(resolved)
  }

  /** Tells first where the path would have led, so that what is missing is not learned of a place that is denied. */
  #fail(code: string, message: string, name: string): never {
    const lexical = normalisePath(this.#resolved(name, ...this.#ahead.toReversed()))
    this.#report(lexical.ok ? lexical.path : '..')
    throw new PathError(code, message)
  }

  #leave(): never {
    this.#report('..')
    throw new PathError('E_OUTSIDE', 'a link leads out of the folder')
  }

  #goBack(): void {
    const last = this.#held.pop()
    if (last === undefined) this.#leave()
    this.#files.close(last.handle)
  }

  #enter(name: string): void {
    if (this.#held.length >= PATH_DEPTH_MAX)
      this.#fail('E_LIMIT', `PATH_DEPTH_MAX: more than ${PATH_DEPTH_MAX} folders`, name)
    try {
      this.#held.push({ handle: this.#files.openDirectory(this.#directory, name), name })
    } catch (error) {
      const code = codeOf(error)
      if (code === 'ENOENT') this.#make(name)
      else if (code !== 'ENOTDIR' && code !== 'ELOOP') this.#fail(code ?? 'EIO', 'a folder cannot be opened', name)
      else if (!this.#followIfLink(name)) this.#fail('ENOTDIR', 'a part of the path is not a folder', name)
    }
  }

  /** Behind a missing folder nothing exists, so that no link remains and the rest is what it says. */
  #make(name: string): void {
    if (this.#options.createDirectories !== true || this.#ahead.includes('..')) {
      this.#fail('ENOENT', 'no such file or directory', name)
    }
    this.#report(this.#resolved(name, ...this.#ahead.toReversed()))
    try {
      this.#files.makeDirectory(this.#directory, name, NEW_DIRECTORY_MODE)
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error
    }
    this.#held.push({ handle: this.#files.openDirectory(this.#directory, name), name })
  }

  /** False where the entry is no link, or absent. */
  #followIfLink(name: string): boolean {
    const target = this.#linkTarget(name)
    if (target === undefined) return false
    this.#hops += 1
    if (this.#hops > LINK_HOPS_MAX) this.#fail('ELOOP', 'too many levels of symbolic links', name)
    const isRooted = target.startsWith('/')
    const inside = isRooted ? this.#belowRoot(target) : target
    if (inside === undefined) this.#leave()
    if (isRooted) this[Symbol.dispose]()
    this.#put(inside)
    return true
  }

  #linkTarget(name: string): string | undefined {
    try {
      const stat = this.#files.statEntry(this.#directory, name)
      this.#looked = { directory: this.#directory, name, stat }
      if (stat.type !== 'link') return undefined
      return this.#files.readLink(this.#directory, name)
    } catch (error) {
      const code = codeOf(error)
      if (code === 'ENOENT' || code === 'EINVAL') return undefined
      return this.#fail(code ?? 'EIO', 'an entry cannot be looked at', name)
    }
  }

  #belowRoot(target: string): string | undefined {
    const prefix = this.#realRoot === '/' ? '/' : `${this.#realRoot}/`
    if (target === this.#realRoot) return ''
    return target.startsWith(prefix) ? target.slice(prefix.length) : undefined
  }
}
