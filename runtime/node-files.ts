/** The perimeter's part for files. */
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  opendirSync,
  openSync,
  readlinkSync,
  readSync,
  realpathSync,
  renameSync,
  rmdirSync,
  statSync,
  unlinkSync,
  writeSync,
  type BigIntStats,
} from 'node:fs'
import { LIST_ENTRIES_MAX } from './limits.ts'
import type { FileHandle, FileHost, FileStat, FileType } from './ports.ts'

/** Linux: names an object without opening it, so that no device is touched and no FIFO waits. Node does not name it. */
const O_PATH = 0o10000000

/** Entries that one system call fetches. */
const LIST_BATCH = 1024

/** How an entry of a held directory is named to the operating system. */
interface Platform {
  readonly directoryFlags: number
  /** Runs `act` with a path that means the entry `name` of the held directory, and nothing else. */
  at<T>(directory: FileHandle, name: string, act: (path: string) => T): T
  openForRead(path: string): number
  path(directory: FileHandle): string
}

const linux: Platform = {
  directoryFlags: O_PATH | constants.O_DIRECTORY,
  at: (directory, name, act) => act(`/proc/self/fd/${directory.fd}/${name}`),
  openForRead(path) {
    const named = openSync(path, O_PATH | constants.O_NOFOLLOW)
    try {
      refuseUnlessRegular(named)
      return openSync(`/proc/self/fd/${named}`, constants.O_RDONLY | constants.O_NONBLOCK)
    } finally {
      closeSync(named)
    }
  },
  path: (directory) => `/proc/self/fd/${directory.fd}`,
}

/**
 * Weaker, for systems without /proc/self/fd: between the comparison and the operation a directory can be swapped, and
 * a write that then goes astray is noticed only afterwards. A read is refused before its bytes are used.
 */
const joining: Platform = {
  directoryFlags: constants.O_RDONLY | constants.O_DIRECTORY,
  at(directory, name, act) {
    refuseUnlessSame(directory)
    const result = act(`${directory.path}/${name}`)
    try {
      refuseUnlessSame(directory)
    } catch (error) {
      if (typeof result === 'number') closeSync(result)
      throw error
    }
    return result
  },
  openForRead(path) {
    const named = lstatSync(path, { bigint: true })
    refuseTypes(typeOf(named))
    const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      refuseUnlessRegular(fd)
      return fd
    } catch (error) {
      closeSync(fd)
      throw error
    }
  },
  path: (directory) => directory.path,
}

/** The files of this machine; `hasFdPaths` says that /proc/self/fd exists, as on Linux. */
export function createFileHost(hasFdPaths: boolean): FileHost {
  const platform = hasFdPaths ? linux : joining
  const open = (directory: FileHandle, name: string, act: (path: string) => number): FileHandle => {
    const fd = platform.at(directory, checkedName(name), act)
    return { fd, path: `${directory.path}/${name}` }
  }
  const at = <T>(directory: FileHandle, name: string, act: (path: string) => T): T =>
    platform.at(directory, checkedName(name), act)
  return {
    openRoot: (absolutePath) => ({ fd: openSync(absolutePath, platform.directoryFlags), path: absolutePath }),
    openDirectory: (directory, name) =>
      open(directory, name, (path) => openSync(path, platform.directoryFlags | constants.O_NOFOLLOW)),
    openForRead: (directory, name) => open(directory, name, platform.openForRead),
    createForWrite: (directory, name, mode) => open(directory, name, (path) => openSync(path, CREATE_FLAGS, mode)),
    stat: (handle) => toFileStat(fstatSync(handle.fd, { bigint: true })),
    statEntry: (directory, name) => toFileStat(at(directory, name, (path) => lstatSync(path, { bigint: true }))),
    readLink: (directory, name) => at(directory, name, (path) => readlinkSync(path)),
    list: (directory) => list(platform.path(directory)),
    read: (handle, position, length) => read(handle.fd, position, length),
    write: (handle, data) => write(handle.fd, data),
    sync: (handle) => fsyncSync(handle.fd),
    setMode: (handle, mode) => fchmodSync(handle.fd, mode),
    makeDirectory: (directory, name, mode) => at(directory, name, (path) => mkdirSync(path, { mode })),
    removeFile: (directory, name) => at(directory, name, (path) => unlinkSync(path)),
    removeDirectory: (directory, name) => at(directory, name, (path) => rmdirSync(path)),
    rename: (fromDirectory, fromName, toDirectory, toName) =>
      at(fromDirectory, fromName, (from) => at(toDirectory, toName, (to) => renameSync(from, to))),
    close: (handle) => closeSync(handle.fd),
    realPath: (absolutePath) => realpathSync(absolutePath),
  }
}

export const nodeFileHost: FileHost = createFileHost(process.platform === 'linux')

const CREATE_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

/** Callers walk one component at a time; a name that is more than one is a mistake of ours. */
function checkedName(name: string): string {
  if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0')) {
    throw new Error('a name of a directory entry is one component')
  }
  return name
}

function refuseUnlessSame(directory: FileHandle): void {
  const held = fstatSync(directory.fd, { bigint: true })
  const named = statSync(directory.path, { bigint: true })
  if (held.dev !== named.dev || held.ino !== named.ino) throw coded('ESTALE', 'the directory was moved or replaced')
}

function refuseUnlessRegular(fd: number): void {
  refuseTypes(typeOf(fstatSync(fd, { bigint: true })))
}

function refuseTypes(type: FileType): void {
  if (type === 'link') throw coded('ELOOP', 'the entry is a link')
  if (type === 'directory') throw coded('EISDIR', 'the entry is a directory')
  if (type === 'other') throw coded('E_SPECIAL_FILE', 'the entry is a device, FIFO or socket')
}

function coded(code: string, message: string): Error {
  return Object.assign(new Error(`${code}: ${message}`), { code })
}

function toFileStat(stat: BigIntStats): FileStat {
  return {
    type: typeOf(stat),
    sizeBytes: Number(stat.size),
    modifiedMs: Number(stat.mtimeNs / 1_000_000n),
    mode: Number(stat.mode & 0o777n),
    device: stat.dev,
    inode: stat.ino,
    links: Number(stat.nlink),
    uid: Number(stat.uid),
  }
}

interface Typed {
  isFile(): boolean
  isDirectory(): boolean
  isSymbolicLink(): boolean
}

function typeOf(entry: Typed): FileType {
  if (entry.isFile()) return 'file'
  if (entry.isDirectory()) return 'directory'
  return entry.isSymbolicLink() ? 'link' : 'other'
}

function list(path: string): { readonly name: string; readonly type: FileType }[] {
  const entries: { name: string; type: FileType }[] = []
  const directory = opendirSync(path, { bufferSize: LIST_BATCH })
  try {
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
      entries.push({ name: entry.name, type: typeOf(entry) })
      if (entries.length > LIST_ENTRIES_MAX) break
    }
  } finally {
    directory.closeSync()
  }
  return entries
}

function read(fd: number, position: number, length: number): Uint8Array {
  const buffer = new Uint8Array(length)
  let filled = 0
  while (filled < length) {
    const count = readSync(fd, buffer, filled, length - filled, position + filled)
    if (count === 0) break
    filled += count
  }
  return buffer.subarray(0, filled)
}

function write(fd: number, data: Uint8Array): void {
  for (let written = 0; written < data.length;) written += writeSync(fd, data, written)
}
