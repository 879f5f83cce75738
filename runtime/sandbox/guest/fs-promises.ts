/**
 * The guarded `node:fs/promises`. Each operation is one request to the broker; what is not offered throws with the
 * reason instead of being absent, so that a package says what it misses.
 */
import { fsConstants } from './fs-constants.ts'
import { Dir, Dirent, Stats, type EntryStat, type EntryType } from './fs-entries.ts'
import { FileHandle } from './fs-handle.ts'
import {
  bytesFrom,
  checkSignal,
  dataOf,
  encodingOf,
  pathOf,
  systemError,
  type Encoding,
  type EncodingOptions,
} from './fs-values.ts'
import { request } from './wire.ts'

const LINKS_MAX = 40
const targetOf = (path: unknown): string => (path instanceof FileHandle ? path.path : pathOf(path))

export async function readFile(path: unknown, options?: EncodingOptions): Promise<Buffer | string> {
  checkSignal(options)
  const bytes = bytesFrom(await request({ op: 'fs.read', path: targetOf(path) }))
  const encoding = encodingOf(options)
  if (encoding === undefined || encoding === null || encoding === 'buffer') return bytes
  return bytes.toString(encoding as BufferEncoding)
}

const FLAGS: ReadonlyMap<unknown, 'replace' | 'create' | 'append'> = new Map<unknown, 'replace' | 'create' | 'append'>([
  ['w', 'replace'],
  ['wx', 'create'],
  ['xw', 'create'],
  ['a', 'append'],
  [fsConstants.O_WRONLY | fsConstants.O_CREAT | fsConstants.O_TRUNC, 'replace'],
  [fsConstants.O_WRONLY | fsConstants.O_CREAT | fsConstants.O_EXCL, 'create'],
  [fsConstants.O_WRONLY | fsConstants.O_CREAT | fsConstants.O_TRUNC | fsConstants.O_EXCL, 'create'],
  [fsConstants.O_WRONLY | fsConstants.O_CREAT | fsConstants.O_APPEND, 'append'],
])

export async function writeFile(path: unknown, data: unknown, options?: EncodingOptions): Promise<void> {
  checkSignal(options)
  if (path instanceof FileHandle) return await path.writeFile(data, options)
  const flag = typeof options === 'object' && options !== null ? (options.flag ?? 'w') : 'w'
  const how = FLAGS.get(flag)
  if (how === undefined) throw new Error(`not supported: writeFile with flag "${flag}"; w, wx and a are`)
  await request({ op: 'fs.write', path: pathOf(path), data: await dataOf(data, options), how })
}

export async function appendFile(path: unknown, data: unknown, options?: EncodingOptions): Promise<void> {
  await request({ op: 'fs.write', path: targetOf(path), data: await dataOf(data, options), how: 'append' })
}

interface ListOptions {
  readonly withFileTypes?: boolean
  readonly recursive?: boolean
  readonly encoding?: Encoding
}

export async function readdir(path: unknown, options?: Encoding | ListOptions): Promise<string[] | Dirent[]> {
  const { withFileTypes = false, recursive = false } = typeof options === 'object' && options !== null ? options : {}
  if (encodingOf(options) === 'buffer') throw new Error('not supported: readdir with encoding "buffer"; utf8 is')
  const top = pathOf(path)
  const found: { name: string; parent: string; type: EntryType }[] = []
  const pending = ['']
  for (let below = pending.pop(); below !== undefined; below = pending.pop()) {
    const at = below === '' ? top : `${top}/${below}`
    const entries = (await request({ op: 'fs.list', path: at })) as { name: string; type: EntryType }[]
    for (const { name, type } of entries) {
      found.push({ name: below === '' ? name : `${below}/${name}`, parent: at, type })
      if (recursive && type === 'directory') pending.push(below === '' ? name : `${below}/${name}`)
    }
  }
  if (!withFileTypes) return found.map(({ name }) => name)
  return found.map(({ name, parent, type }) => new Dirent(name.slice(name.lastIndexOf('/') + 1), parent, type))
}

export async function opendir(path: unknown, options: ListOptions = {}): Promise<Dir> {
  const entries = await readdir(path, { ...options, withFileTypes: true })
  return new Dir(String(path), entries as Dirent[])
}

async function statOf(path: unknown, followLinks: boolean, options: unknown): Promise<Stats> {
  if (Reflect.get(Object(options), 'bigint') === true) throw new Error('not supported: stat with bigint')
  return new Stats((await request({ op: 'fs.stat', path: targetOf(path), followLinks })) as EntryStat)
}

export const stat = (path: unknown, options?: unknown): Promise<Stats> => statOf(path, true, options)
export const lstat = (path: unknown, options?: unknown): Promise<Stats> => statOf(path, false, options)

/** What the file's mode says; whether a rule permits a write shows when it is written. */
export async function access(path: unknown, mode = 0): Promise<void> {
  const { mode: bits } = await statOf(path, true, undefined)
  if ((mode & ~(bits >> 6) & 7) !== 0) throw systemError('EACCES', `permission denied, access '${pathOf(path)}'`)
}

export async function mkdir(path: unknown, options?: number | { readonly recursive?: boolean }): Promise<void> {
  const recursive = typeof options === 'object' && options.recursive === true
  await request({ op: 'fs.mkdir', path: pathOf(path), recursive })
}

export async function unlink(path: unknown): Promise<void> {
  await request({ op: 'fs.delete', path: pathOf(path), kind: 'file' })
}

export async function rmdir(path: unknown): Promise<void> {
  await request({ op: 'fs.delete', path: pathOf(path), kind: 'directory' })
}

export async function rm(
  path: unknown,
  options: { readonly recursive?: boolean; readonly force?: boolean } = {},
): Promise<void> {
  const target = pathOf(path)
  try {
    const entry = await lstat(target)
    if (!entry.isDirectory()) return await unlink(target)
    if (options.recursive !== true) throw systemError('EISDIR', `is a directory, rm '${target}'`)
    for (const name of (await readdir(target)) as string[]) await rm(`${target}/${name}`, options)
    await rmdir(target)
  } catch (error) {
    if (options.force === true && Reflect.get(Object(error), 'code') === 'ENOENT') return
    throw error
  }
}

export async function rename(from: unknown, to: unknown): Promise<void> {
  await request({ op: 'fs.rename', from: pathOf(from), to: pathOf(to) })
}

export async function copyFile(from: unknown, to: unknown, mode = 0): Promise<void> {
  const flag = (mode & fsConstants.COPYFILE_EXCL) === 0 ? 'w' : 'wx'
  await writeFile(to, await readFile(from), { flag })
}

interface CopyOptions {
  readonly recursive?: boolean
  readonly force?: boolean
  readonly errorOnExist?: boolean
  readonly filter?: (from: string, to: string) => boolean | Promise<boolean>
}

/** Links are copied as what they lead to. */
export async function cp(from: unknown, to: unknown, options: CopyOptions = {}): Promise<void> {
  const [source, target] = [pathOf(from), pathOf(to)]
  if (options.filter !== undefined && !(await options.filter(source, target))) return
  if (!(await stat(source)).isDirectory()) {
    const isNew = options.force === false
    return await copyFile(source, target, isNew ? fsConstants.COPYFILE_EXCL : 0).catch((error: unknown) => {
      if (!isNew || options.errorOnExist === true || Reflect.get(Object(error), 'code') !== 'EEXIST') throw error
    })
  }
  if (options.recursive !== true) throw systemError('ERR_FS_EISDIR', `${source} is a directory (not copied)`)
  if (target === source || target.startsWith(`${source}/`))
    throw systemError('ERR_FS_CP_EINVAL', `cannot copy ${source} to a subdirectory of itself`)
  await mkdir(target, { recursive: true })
  for (const name of (await readdir(source)) as string[]) await cp(`${source}/${name}`, `${target}/${name}`, options)
}

export async function readlink(path: unknown): Promise<string> {
  return (await request({ op: 'fs.readlink', path: pathOf(path) })) as string
}

/** Where every link on the way leads, below the workspace; each step is asked of the host like any other. */
export async function realpath(path: unknown): Promise<string> {
  const pending = pathOf(path).split('/').toReversed()
  const done: string[] = []
  let links = 0
  while (pending.length > 0) {
    const segment = pending.pop() ?? ''
    if (segment === '' || segment === '.') continue
    if (segment === '..') {
      done.pop()
      continue
    }
    const at = [...done, segment].join('/')
    if (!(await lstat(at)).isSymbolicLink()) done.push(segment)
    else if (++links > LINKS_MAX) throw systemError('ELOOP', `too many symbolic links encountered, realpath '${at}'`)
    else
      pending.push(
        ...pathOf(await readlink(at))
          .split('/')
          .toReversed(),
      )
  }
  return ['/workspace', ...done].join('/')
}

const READ_FLAGS: ReadonlySet<unknown> = new Set(['r', 'rs', fsConstants.O_RDONLY])

export async function open(path: unknown, flags: unknown = 'r'): Promise<FileHandle> {
  const target = pathOf(path)
  if (READ_FLAGS.has(flags)) {
    await stat(target)
    return new FileHandle(target, 'read', { readFile, stat })
  }
  const how = FLAGS.get(flags)
  if (how === undefined)
    throw new Error(`not supported: open with flag "${String(flags)}"; r, w, wx and a are, each for one direction`)
  await request({ op: 'fs.write', path: target, data: '', how })
  const size = how === 'append' ? (await stat(target)).size : 0
  return new FileHandle(target, 'write', { readFile, stat }, size)
}

/** To nothing; other lengths would need the file to be read and written whole, which the caller can do as well. */
export async function truncate(path: unknown, length = 0): Promise<void> {
  if (length !== 0) throw new Error('not supported in the sandbox: fs.truncate to a length; write the file whole')
  await stat(path)
  await writeFile(path, '')
}

export const constants = fsConstants

const missing = (name: string, reason: string) => (): Promise<never> =>
  Promise.reject(new Error(`not supported in the sandbox: fs.${name}: ${reason}`))

const LINKS = 'no link is ever made, because links lead out of what a rule grants'
const MODES = 'modes and owners belong to the host'
const TIMES = 'times are those of the writes'

export const symlink = missing('symlink', LINKS)
export const link = missing('link', LINKS)
export const chmod = missing('chmod', MODES)
export const chown = missing('chown', MODES)
export const lchmod = missing('lchmod', MODES)
export const lchown = missing('lchown', MODES)
export const utimes = missing('utimes', TIMES)
export const lutimes = missing('lutimes', TIMES)
export const mkdtemp = missing('mkdtemp', 'name the folder yourself, so that a rule can grant it')
export const statfs = missing('statfs', 'the disk belongs to the host')
export const watch = missing('watch', 'a call ends, so it has nothing to wait for')
export const glob = missing('glob', 'list with readdir and { recursive: true }')
