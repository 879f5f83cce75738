/**
 * The requests that change files. A file is replaced whole, by renaming a new one over it: a reader sees the old or
 * the new, another name of the old file (a hard link) keeps the old, and a crash leaves at most a file to clean up.
 */
import { codeOf } from '../errors.ts'
import { FILE_READ_BYTES_MAX, FILE_WRITE_BYTES_MAX } from '../limits.ts'
import type { CapabilityRequest } from '../policy/grant.ts'
import type { FileHandle, FileHost, FileStat } from '../ports.ts'
import { PathError, readWhole, type Place } from './walker.ts'
import type { Reach } from './workspace.ts'

export type ChangeRequest = Extract<CapabilityRequest, { op: 'fs.write' | 'fs.mkdir' | 'fs.delete' | 'fs.rename' }>

type WriteRequest = Extract<ChangeRequest, { op: 'fs.write' }>

const NEW_FILE_MODE = 0o666
const PRIVATE_MODE = 0o600
const NEW_DIRECTORY_MODE = 0o777
const OWNER_WRITES = 0o200

/** Names tried for a new file before a folder full of our leftovers is an error. */
const TEMPORARY_NAMES_MAX = 100

export function changeFile(files: FileHost, request: ChangeRequest, reach: Reach): null {
  switch (request.op) {
    case 'fs.write':
      return write(files, request, reach)
    case 'fs.mkdir':
      return makeDirectory(files, request.path, request.recursive, reach)
    case 'fs.delete':
      return remove(files, request.path, request.kind, reach)
    case 'fs.rename':
      return rename(files, request.from, request.to, reach)
  }
}

function write(files: FileHost, { path, data, how }: WriteRequest, reach: Reach): null {
  if (data.length > FILE_WRITE_BYTES_MAX) throw tooLarge('FILE_WRITE_BYTES_MAX', FILE_WRITE_BYTES_MAX)
  using place = reach(path, { followLast: how !== 'create', createDirectories: true })
  if (place.name === '') throw new PathError(how === 'create' ? 'EEXIST' : 'EISDIR', 'it is a directory')
  const existing = entryOf(files, place)
  if (how === 'create') return create(files, place, data)
  if (existing !== undefined) refuseToReplace(existing)
  const whole = how === 'append' && existing !== undefined ? Buffer.concat([contents(files, place), data]) : data
  if (existing !== undefined && (existing.mode & OWNER_WRITES) === 0) throw new PathError('EACCES', 'it is read-only')
  replace(files, place, whole, existing)
  return null
}

function create(files: FileHost, place: Place, data: Uint8Array): null {
  const handle = files.createForWrite(place.directory, place.name, NEW_FILE_MODE)
  fill(files, place.directory, place.name, handle, data, undefined)
  return null
}

function contents(files: FileHost, place: Place): Uint8Array {
  try {
    return readWhole(files, place, FILE_READ_BYTES_MAX)
  } catch (error) {
    throw codeOf(error) === 'E_LIMIT' ? tooLarge('FILE_READ_BYTES_MAX', FILE_READ_BYTES_MAX) : error
  }
}

function replace(files: FileHost, { directory, name }: Place, data: Uint8Array, existing: FileStat | undefined): void {
  const temporary = createTemporary(files, directory, existing === undefined ? NEW_FILE_MODE : PRIVATE_MODE)
  fill(files, directory, temporary.name, temporary.handle, data, existing?.mode)
  try {
    files.rename(directory, temporary.name, directory, name)
  } catch (error) {
    files.removeFile(directory, temporary.name)
    throw error
  }
}

function createTemporary(files: FileHost, directory: FileHandle, mode: number): { name: string; handle: FileHandle } {
  for (let attempt = 0; ; attempt++) {
    const name = `.run-agent-${process.pid}-${attempt}.tmp`
    try {
      return { name, handle: files.createForWrite(directory, name, mode) }
    } catch (error) {
      if (codeOf(error) !== 'EEXIST' || attempt === TEMPORARY_NAMES_MAX) throw error
    }
  }
}

/** Writes and syncs a file that was just created, and takes it away again where that fails. */
function fill(
  files: FileHost,
  directory: FileHandle,
  name: string,
  handle: FileHandle,
  data: Uint8Array,
  mode: number | undefined,
): void {
  try {
    files.write(handle, data)
    if (mode !== undefined) files.setMode(handle, mode)
    files.sync(handle)
  } catch (error) {
    files.removeFile(directory, name)
    throw error
  } finally {
    files.close(handle)
  }
}

function makeDirectory(files: FileHost, path: string, recursive: boolean, reach: Reach): null {
  using place = reach(path, { followLast: recursive, createDirectories: recursive })
  const existing = place.name === '' ? files.stat(place.directory) : entryOf(files, place)
  if (existing === undefined) files.makeDirectory(place.directory, place.name, NEW_DIRECTORY_MODE)
  else if (!recursive || existing.type !== 'directory') throw new PathError('EEXIST', 'it exists')
  return null
}

/** A link is removed itself, never what it leads to; a folder only when it is empty. */
function remove(files: FileHost, path: string, kind: 'file' | 'directory', reach: Reach): null {
  using place = reach(path, { followLast: false })
  if (place.name === '') throw new PathError('EBUSY', 'it is the workspace')
  const { type } = files.statEntry(place.directory, place.name)
  if (kind === 'directory') {
    if (type !== 'directory') throw new PathError('ENOTDIR', 'it is no directory')
    files.removeDirectory(place.directory, place.name)
    return null
  }
  if (type === 'directory') throw new PathError('EISDIR', 'it is a directory')
  if (type === 'other') throw new PathError('E_SPECIAL_FILE', 'it is a device, FIFO or socket')
  files.removeFile(place.directory, place.name)
  return null
}

/** Files and links alone: a folder would take what is denied below it to a place where it is granted. */
function rename(files: FileHost, from: string, to: string, reach: Reach): null {
  using source = reach(from, { followLast: false })
  using target = reach(to, { followLast: false }, 'resolvedTo')
  if (source.name === '' || target.name === '') throw new PathError('EBUSY', 'it is the workspace')
  const { type } = files.statEntry(source.directory, source.name)
  if (type === 'directory') throw new PathError('EISDIR', 'folders are not renamed')
  if (type === 'other') throw new PathError('E_SPECIAL_FILE', 'it is a device, FIFO or socket')
  const replaced = entryOf(files, target)
  if (replaced !== undefined && replaced.type !== 'link') refuseToReplace(replaced)
  files.rename(source.directory, source.name, target.directory, target.name)
  return null
}

function refuseToReplace({ type }: FileStat): void {
  if (type === 'directory') throw new PathError('EISDIR', 'it is a directory')
  if (type === 'link') throw new PathError('ELOOP', 'it became a link')
  if (type === 'other') throw new PathError('E_SPECIAL_FILE', 'it is a device, FIFO or socket')
}

function entryOf(files: FileHost, place: Place): FileStat | undefined {
  try {
    return files.statEntry(place.directory, place.name)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

function tooLarge(limit: string, bytes: number): PathError {
  return new PathError('E_LIMIT', `${limit}: more than ${bytes} bytes`)
}
