/** The requests that change nothing. */
import type { Json } from '../audit/event.ts'
import { FILE_READ_BYTES_MAX, LIST_ENTRIES_MAX, LIST_STEPS_MAX } from '../limits.ts'
import { visible } from '../policy/decide.ts'
import type { CapabilityRequest, Grant } from '../policy/grant.ts'
import { normalisePath } from '../policy/path-rule.ts'
import type { FileHandle, FileHost, FileStat } from '../ports.ts'
import { PathError, readWhole, type Place } from './walker.ts'
import type { Reach, Workspace } from './workspace.ts'

export type ReadRequest = Extract<
  CapabilityRequest,
  { op: 'fs.read' | 'fs.readRange' | 'fs.stat' | 'fs.list' | 'fs.readlink' }
>

export function readFile(workspace: Workspace, grant: Grant, request: ReadRequest, reach: Reach): Json {
  const { files } = workspace.walker
  const followLast = request.op === 'fs.stat' ? request.followLinks : request.op !== 'fs.readlink'
  using place = reach(request.path, { followLast })
  switch (request.op) {
    case 'fs.read':
      return readBytes(files, place)
    case 'fs.readRange':
      return readRange(files, place, request.position, request.length)
    case 'fs.stat':
      if (place.name === '') return statValue(files.stat(place.directory))
      return statValue(place.stat ?? files.statEntry(place.directory, place.name))
    case 'fs.list':
      return list(workspace, grant, request.path, place)
    case 'fs.readlink':
      if (place.name === '') throw new PathError('EINVAL', 'it is no link')
      return files.readLink(place.directory, place.name)
  }
}

function readBytes(files: FileHost, place: Place): Uint8Array {
  if (place.name === '') throw new PathError('EISDIR', 'it is a directory')
  try {
    return readWhole(files, place, FILE_READ_BYTES_MAX)
  } catch (error) {
    if (!(error instanceof PathError) || error.code !== 'E_LIMIT') throw error
    throw new PathError('E_LIMIT', `FILE_READ_BYTES_MAX: more than ${FILE_READ_BYTES_MAX} bytes; read it in ranges`)
  }
}

function readRange(files: FileHost, place: Place, position: number, length: number): Uint8Array {
  if (place.name === '') throw new PathError('EISDIR', 'it is a directory')
  if (!isCount(position) || !isCount(length)) throw new PathError('EINVAL', 'a range is two whole numbers')
  if (length > FILE_READ_BYTES_MAX) {
    throw new PathError('E_LIMIT', `FILE_READ_BYTES_MAX: a range has at most ${FILE_READ_BYTES_MAX} bytes`)
  }
  const handle = files.openForRead(place.directory, place.name)
  try {
    const available = Math.max(0, files.stat(handle).sizeBytes - position)
    return files.read(handle, position, Math.min(length, available))
  } finally {
    files.close(handle)
  }
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

function statValue({ type, sizeBytes, modifiedMs, mode }: FileStat): Json {
  return { type, size: sizeBytes, modifiedMs, mode }
}

/** An entry is shown where both its name as asked for and its name behind the links are granted. */
function list(workspace: Workspace, grant: Grant, path: string, place: Place): Json {
  const { files } = workspace.walker
  const asked = normalisePath(path)
  const named = asked.ok ? asked.path : place.resolved
  const entries = listPlace(files, place).map((entry) => workspace.git.entry(named, entry, grant.git !== undefined))
  if (entries.length > LIST_ENTRIES_MAX) {
    throw new PathError('E_LIMIT', `LIST_ENTRIES_MAX: more than ${LIST_ENTRIES_MAX} entries`)
  }
  const outer = workspace.git.locate(named, grant.git !== undefined).outer(place.resolved)
  const patterns = [...grant.paths, ...grant.deny].reduce((sum, { pattern }) => sum + pattern.length, 0)
  const names = entries.reduce((sum, { name }) => sum + named.length + 1 + name.length, 0)
  if (patterns * names > LIST_STEPS_MAX) {
    throw new PathError(
      'E_LIMIT',
      `LIST_STEPS_MAX: ${entries.length} entries are too many for rules that are this long`,
    )
  }
  return entries
    .filter(({ name, type }) => {
      const paths = [...new Set([named, outer])].map((folder) => join(folder, name))
      if (type !== 'link') return paths.every((at) => visible(grant, at, type))
      // Only a folder leads to what is granted, and what a link leads to must be granted as well.
      const target = targetOf(workspace, grant, join(named, name))
      return [...paths, ...target.paths].every((at) => visible(grant, at, target.type))
    })
    .map(({ name, type }) => ({ name, type, bytes: Buffer.from(name) }))
    .toSorted((one, other) => Buffer.compare(one.bytes, other.bytes))
    .map(({ name, type }) => ({ name, type }))
}

/** What a link leads to; one that leads nowhere, or out of the workspace, is judged by its name alone. */
function targetOf(
  workspace: Workspace,
  grant: Grant,
  path: string,
): { readonly type: 'file' | 'directory'; readonly paths: readonly string[] } {
  const site = workspace.git.locate(path, grant.git !== undefined)
  try {
    using place = site.walker.walk(site.path, { followLast: true })
    const { files } = site.walker
    const { type } = place.name === '' ? files.stat(place.directory) : files.statEntry(place.directory, place.name)
    return { type: type === 'directory' ? 'directory' : 'file', paths: [site.outer(place.resolved)] }
  } catch {
    return { type: 'file', paths: [] }
  }
}

function listPlace(files: FileHost, place: Place): ReturnType<FileHost['list']> {
  if (place.name === '') return files.list(place.directory)
  const directory: FileHandle = files.openDirectory(place.directory, place.name)
  try {
    return files.list(directory)
  } finally {
    files.close(directory)
  }
}

function join(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`
}
