/**
 * Files that exist in memory alone: a workspace for a test of a tool, in which the walker and the performers work as
 * they do on a disk. It holds files and folders; links, devices and permissions of users do not exist in it.
 */
import { LIST_ENTRIES_MAX } from './limits.ts'
import type { FileHandle, FileHost, FileStat } from './ports.ts'

export interface MemoryFiles {
  readonly host: FileHost
  /** Where the workspace lies in it. */
  readonly root: string
  /** Every file with its path relative to the root, in the order of their names. */
  contents(): ReadonlyMap<string, Uint8Array>
}

interface File {
  readonly type: 'file'
  bytes: Uint8Array
  mode: number
  readonly inode: bigint
}

interface Folder {
  readonly type: 'directory'
  readonly entries: Map<string, File | Folder>
  readonly mode: number
  readonly inode: bigint
}

type Entry = File | Folder

const ROOT = '/workspace'

/** `files` by normalised relative path; throws an Error in words where a path is a file and a folder at once. */
export function createMemoryFiles(files: ReadonlyMap<string, Uint8Array>, modifiedMs: number): MemoryFiles {
  const make = createMaker()
  const root = make.folder(0o755)
  for (const [path, bytes] of files) plant(root, path, make.file(bytes, 0o644), () => make.folder(0o755))
  const contents = (): ReadonlyMap<string, Uint8Array> => new Map(filesBelow(root, ''))
  return { host: createHost(root, make, modifiedMs), root: ROOT, contents }
}

interface Maker {
  file(bytes: Uint8Array, mode: number): File
  folder(mode: number): Folder
}

function createMaker(): Maker {
  let inodes = 0n
  return {
    file: (bytes, mode) => ({ type: 'file', bytes, mode, inode: ++inodes }),
    folder: (mode) => ({ type: 'directory', entries: new Map(), mode, inode: ++inodes }),
  }
}

/** What is open, by its handle. */
class OpenEntries {
  readonly #entries = new Map<number, Entry>()
  #handles = 0

  hold(entry: Entry, path: string): FileHandle {
    const fd = ++this.#handles
    this.#entries.set(fd, entry)
    return { fd, path }
  }

  close({ fd }: FileHandle): void {
    this.#entries.delete(fd)
  }

  entry({ fd }: FileHandle): Entry {
    return this.#entries.get(fd) ?? fail('EBADF')
  }

  folder(handle: FileHandle): Folder {
    const entry = this.entry(handle)
    return entry.type === 'directory' ? entry : fail('ENOTDIR')
  }

  file(handle: FileHandle): File {
    const entry = this.entry(handle)
    return entry.type === 'file' ? entry : fail('EISDIR')
  }

  named(directory: FileHandle, name: string): Entry {
    return this.folder(directory).entries.get(name) ?? fail('ENOENT')
  }

  add(directory: FileHandle, name: string, entry: Entry): void {
    const { entries } = this.folder(directory)
    if (entries.has(name)) fail('EEXIST')
    entries.set(name, entry)
  }

  remove(directory: FileHandle, name: string): void {
    this.folder(directory).entries.delete(name)
  }
}

function createHost(root: Folder, make: Maker, modifiedMs: number): FileHost {
  const open = new OpenEntries()
  const below = (directory: FileHandle, name: string): string => `${directory.path}/${name}`
  return {
    openRoot: (path) => open.hold(path === ROOT ? root : fail('ENOENT'), path),
    openDirectory(directory, name) {
      const entry = open.named(directory, name)
      return entry.type === 'directory' ? open.hold(entry, below(directory, name)) : fail('ENOTDIR')
    },
    openForRead(directory, name) {
      const entry = open.named(directory, name)
      return entry.type === 'file' ? open.hold(entry, below(directory, name)) : fail('EISDIR')
    },
    createForWrite(directory, name, mode) {
      const made = make.file(new Uint8Array(), mode)
      open.add(directory, name, made)
      return open.hold(made, below(directory, name))
    },
    stat: (handle) => statOf(open.entry(handle), modifiedMs),
    statEntry: (directory, name) => statOf(open.named(directory, name), modifiedMs),
    readLink: (directory, name) => fail(open.named(directory, name).type === 'file' ? 'EINVAL' : 'EISDIR'),
    list: (directory) =>
      [...open.folder(directory).entries].slice(0, LIST_ENTRIES_MAX + 1).map(([name, { type }]) => ({ name, type })),
    read: (handle, position, length) => open.file(handle).bytes.slice(position, position + length),
    write(handle, data) {
      const file = open.file(handle)
      file.bytes = Buffer.concat([file.bytes, data])
    },
    sync: () => undefined,
    setMode: (handle, mode) => void (open.file(handle).mode = mode),
    makeDirectory: (directory, name, mode) => open.add(directory, name, make.folder(mode)),
    removeFile(directory, name) {
      if (open.named(directory, name).type === 'directory') fail('EISDIR')
      open.remove(directory, name)
    },
    removeDirectory(directory, name) {
      const entry = open.named(directory, name)
      if (entry.type === 'file') fail('ENOTDIR')
      else if (entry.entries.size > 0) fail('ENOTEMPTY')
      open.remove(directory, name)
    },
    rename(fromDirectory, fromName, toDirectory, toName) {
      const moved = open.named(fromDirectory, fromName)
      if (open.folder(toDirectory).entries.get(toName)?.type === 'directory') fail('EISDIR')
      open.remove(fromDirectory, fromName)
      open.folder(toDirectory).entries.set(toName, moved)
    },
    close: (handle) => open.close(handle),
    realPath: (path) => path,
  }
}

function statOf(entry: Entry, modifiedMs: number): FileStat {
  return {
    type: entry.type,
    sizeBytes: entry.type === 'file' ? entry.bytes.length : 0,
    modifiedMs,
    mode: entry.mode,
    device: 1n,
    inode: entry.inode,
    links: 1,
    uid: 0,
  }
}

function plant(root: Folder, path: string, file: File, newFolder: () => Folder): void {
  const names = path.split('/')
  const last = names.pop() ?? ''
  let at = root
  for (const name of names) {
    const next = at.entries.get(name) ?? newFolder()
    if (next.type !== 'directory') throw new Error(`the files of the test hold ${path}, and ${name} is a file`)
    at.entries.set(name, next)
    at = next
  }
  if (at.entries.has(last)) throw new Error(`the files of the test hold ${path} twice, or as a folder`)
  at.entries.set(last, file)
}

function* filesBelow(folder: Folder, prefix: string): Iterable<readonly [string, Uint8Array]> {
  const entries = [...folder.entries].toSorted(([one], [other]) => (one < other ? -1 : 1))
  for (const [name, entry] of entries) {
    if (entry.type === 'file') yield [`${prefix}${name}`, entry.bytes]
    else yield* filesBelow(entry, `${prefix}${name}/`)
  }
}

function fail(code: string): never {
  throw Object.assign(new Error(code), { code })
}
