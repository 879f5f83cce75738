/**
 * The guarded `node:fs/promises`. Each operation is one request to the broker; what is not offered throws with the
 * reason instead of being absent, so that a package says what it misses.
 */
import { Buffer } from 'buffer/'
import { base64Of, request } from './wire.ts'

/** Where the guest believes its workspace lies; only so that path.resolve() and absolute paths below it work. */
export const GUEST_CWD = '/workspace'

type Encoding = string | null | undefined
type EncodingOptions = Encoding | { readonly encoding?: Encoding; readonly flag?: string; readonly mode?: number }

interface EntryStat {
  readonly type: 'file' | 'directory' | 'link' | 'other'
  readonly size: number
  readonly modifiedMs: number
  readonly mode: number
}

class Stats {
  readonly size: number
  readonly mode: number
  readonly mtimeMs: number
  readonly ctimeMs: number
  readonly atimeMs: number
  readonly birthtimeMs: number
  readonly dev = 0
  readonly ino = 0
  readonly uid = 0
  readonly gid = 0
  readonly nlink = 1
  readonly #type: EntryStat['type']

  constructor(stat: EntryStat) {
    const kind = { file: 0o100000, directory: 0o040000, link: 0o120000, other: 0 }[stat.type]
    this.size = stat.size
    this.mode = kind | stat.mode
    this.mtimeMs = this.ctimeMs = this.atimeMs = this.birthtimeMs = stat.modifiedMs
    this.#type = stat.type
  }

  get mtime(): Date {
    return new Date(this.mtimeMs)
  }
  get ctime(): Date {
    return new Date(this.ctimeMs)
  }
  get atime(): Date {
    return new Date(this.atimeMs)
  }
  get birthtime(): Date {
    return new Date(this.birthtimeMs)
  }
  isFile(): boolean {
    return this.#type === 'file'
  }
  isDirectory(): boolean {
    return this.#type === 'directory'
  }
  isSymbolicLink(): boolean {
    return this.#type === 'link'
  }
  isFIFO(): boolean {
    return false
  }
  isSocket(): boolean {
    return false
  }
  isBlockDevice(): boolean {
    return false
  }
  isCharacterDevice(): boolean {
    return false
  }
}

class Dirent {
  readonly name: string
  readonly parentPath: string
  readonly #type: EntryStat['type']

  constructor(name: string, parentPath: string, type: EntryStat['type']) {
    this.name = name
    this.parentPath = parentPath
    this.#type = type
  }
  isFile(): boolean {
    return this.#type === 'file'
  }
  isDirectory(): boolean {
    return this.#type === 'directory'
  }
  isSymbolicLink(): boolean {
    return this.#type === 'link'
  }
  isFIFO(): boolean {
    return false
  }
  isSocket(): boolean {
    return false
  }
  isBlockDevice(): boolean {
    return false
  }
  isCharacterDevice(): boolean {
    return false
  }
}

/** Only the prefix is taken off; whether the rest is a path at all is the host's decision. */
function pathOf(path: unknown): string {
  const text =
    typeof path === 'string' ? path : path instanceof Uint8Array ? Buffer.from(path).toString('utf8') : undefined
  if (text === undefined) throw new TypeError('the path must be a string or a Buffer')
  if (text.length > 4096) throw Object.assign(new Error('ENAMETOOLONG: name too long'), { code: 'ENAMETOOLONG' })
  if (text === GUEST_CWD) return '.'
  return text.startsWith(`${GUEST_CWD}/`) ? text.slice(GUEST_CWD.length + 1) : text
}

function encodingOf(options: EncodingOptions): Encoding {
  return typeof options === 'object' && options !== null ? options.encoding : options
}

function bufferOf(bytes: unknown): Buffer {
  if (!(bytes instanceof Uint8Array)) throw new TypeError('the host sent no bytes')
  return Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength)
}

function dataOf(data: unknown, options: EncodingOptions): string {
  if (typeof data === 'string') return base64Of(Buffer.from(data, encodingOf(options) ?? 'utf8'))
  if (data instanceof Uint8Array) return base64Of(data)
  if (ArrayBuffer.isView(data))
    return base64Of(new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength))
  throw new TypeError('the data must be a string or a Uint8Array')
}

export async function readFile(path: unknown, options?: EncodingOptions): Promise<Buffer | string> {
  const bytes = bufferOf(await request({ op: 'fs.read', path: pathOf(path) }))
  const encoding = encodingOf(options)
  return encoding === undefined || encoding === null || encoding === 'buffer' ? bytes : bytes.toString(encoding)
}

export async function writeFile(path: unknown, data: unknown, options?: EncodingOptions): Promise<void> {
  const flag = typeof options === 'object' && options !== null ? (options.flag ?? 'w') : 'w'
  const how = { w: 'replace', wx: 'create', a: 'append' }[flag]
  if (how === undefined) throw new Error(`not supported: writeFile with flag "${flag}"; w, wx and a are`)
  await request({ op: 'fs.write', path: pathOf(path), data: dataOf(data, options), how })
}

export async function appendFile(path: unknown, data: unknown, options?: EncodingOptions): Promise<void> {
  await request({ op: 'fs.write', path: pathOf(path), data: dataOf(data, options), how: 'append' })
}

export async function readdir(
  path: unknown,
  options?: Encoding | { readonly withFileTypes?: boolean; readonly recursive?: boolean; readonly encoding?: Encoding },
): Promise<string[] | Dirent[]> {
  const { withFileTypes = false, recursive = false } = typeof options === 'object' && options !== null ? options : {}
  const top = pathOf(path)
  const found: { name: string; parent: string; type: EntryStat['type'] }[] = []
  const pending = ['']
  for (let below = pending.pop(); below !== undefined; below = pending.pop()) {
    const at = below === '' ? top : `${top}/${below}`
    const entries = (await request({ op: 'fs.list', path: at })) as { name: string; type: EntryStat['type'] }[]
    for (const { name, type } of entries) {
      found.push({ name: below === '' ? name : `${below}/${name}`, parent: at, type })
      if (recursive && type === 'directory') pending.push(below === '' ? name : `${below}/${name}`)
    }
  }
  if (!withFileTypes) return found.map(({ name }) => name)
  return found.map(({ name, parent, type }) => new Dirent(name.slice(name.lastIndexOf('/') + 1), parent, type))
}

async function statOf(path: unknown, followLinks: boolean): Promise<Stats> {
  return new Stats((await request({ op: 'fs.stat', path: pathOf(path), followLinks })) as EntryStat)
}

export const stat = (path: unknown): Promise<Stats> => statOf(path, true)
export const lstat = (path: unknown): Promise<Stats> => statOf(path, false)

export async function access(path: unknown): Promise<void> {
  await statOf(path, true)
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
    if (options.recursive !== true)
      throw Object.assign(new Error(`EISDIR: is a directory, rm '${target}'`), { code: 'EISDIR' })
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

export async function copyFile(from: unknown, to: unknown): Promise<void> {
  await writeFile(to, await readFile(from))
}

export async function readlink(path: unknown): Promise<string> {
  return (await request({ op: 'fs.readlink', path: pathOf(path) })) as string
}

class FileHandle {
  readonly #path: string
  #position = 0

  constructor(path: string) {
    this.#path = path
  }

  async read(
    into?: Uint8Array | { buffer?: Uint8Array; offset?: number; length?: number; position?: number | null },
    offset?: number | { offset?: number; length?: number; position?: number | null },
    length?: number,
    position?: number | null,
  ): Promise<{ bytesRead: number; buffer: Uint8Array }> {
    const given =
      into instanceof Uint8Array
        ? { buffer: into, ...(typeof offset === 'object' ? offset : { offset, length, position }) }
        : into
    const buffer = given?.buffer ?? Buffer.alloc(16_384)
    const start = given?.offset ?? 0
    const wanted = Math.min(given?.length ?? buffer.byteLength - start, buffer.byteLength - start)
    const from = given?.position ?? this.#position
    const bytes = bufferOf(await request({ op: 'fs.readRange', path: this.#path, position: from, length: wanted }))
    buffer.set(bytes, start)
    if (given?.position === undefined || given.position === null) this.#position += bytes.byteLength
    return { bytesRead: bytes.byteLength, buffer }
  }

  readFile(options?: EncodingOptions): Promise<Buffer | string> {
    return readFile(this.#path, options)
  }

  stat(): Promise<Stats> {
    return stat(this.#path)
  }

  async close(): Promise<void> {
    // Nothing is held open between requests: each one walks the path again and is decided again.
  }
}

export async function open(path: unknown, flags: unknown = 'r'): Promise<FileHandle> {
  if (flags !== 'r')
    throw new Error(`not supported: open with flag "${String(flags)}"; use readFile, writeFile or appendFile`)
  const target = pathOf(path)
  await stat(target)
  return new FileHandle(target)
}

export const constants = Object.freeze({ F_OK: 0, R_OK: 4, W_OK: 2, X_OK: 1 })

const missing = (name: string) => (): Promise<never> =>
  Promise.reject(new Error(`not supported in the sandbox: fs.${name}`))

export const symlink = missing('symlink')
export const link = missing('link')
export const chmod = missing('chmod')
export const chown = missing('chown')
export const utimes = missing('utimes')
export const realpath = missing('realpath')
export const mkdtemp = missing('mkdtemp')
export const cp = missing('cp')
export const truncate = missing('truncate')
export const watch = missing('watch')
