/** What `stat` and `readdir` of the guest's node:fs/promises give. */

export type EntryType = 'file' | 'directory' | 'link' | 'other'

/** As the host sends it. */
export interface EntryStat {
  readonly type: EntryType
  readonly size: number
  readonly modifiedMs: number
  readonly mode: number
}

class Entry {
  readonly #type: EntryType

  constructor(type: EntryType) {
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

const KINDS: Readonly<Record<EntryType, number>> = { file: 0o100000, directory: 0o040000, link: 0o120000, other: 0 }
const BLOCK_BYTES = 512

/** Who owns it, and where it lies on the disk, is the host's affair: those numbers are the same for every entry. */
export class Stats extends Entry {
  readonly size: number
  readonly mode: number
  readonly mtimeMs: number
  readonly ctimeMs: number
  readonly atimeMs: number
  readonly birthtimeMs: number
  readonly blocks: number
  readonly blksize = 4096
  readonly dev = 0
  readonly rdev = 0
  readonly ino = 0
  readonly uid = 0
  readonly gid = 0
  readonly nlink = 1

  constructor(stat: EntryStat) {
    super(stat.type)
    this.size = stat.size
    this.mode = KINDS[stat.type] | stat.mode
    this.mtimeMs = this.ctimeMs = this.atimeMs = this.birthtimeMs = stat.modifiedMs
    this.blocks = Math.ceil(stat.size / BLOCK_BYTES)
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
}

export class Dirent extends Entry {
  readonly name: string
  readonly parentPath: string

  constructor(name: string, parentPath: string, type: EntryType) {
    super(type)
    this.name = name
    this.parentPath = parentPath
  }
}

/** A listing that was taken whole; nothing of it is held open. */
export class Dir {
  readonly path: string
  readonly #entries: Dirent[]

  constructor(path: string, entries: readonly Dirent[]) {
    this.path = path
    this.#entries = [...entries]
  }

  read(): Promise<Dirent | null> {
    return Promise.resolve(this.#entries.shift() ?? null)
  }

  close(): Promise<void> {
    this.#entries.length = 0
    return Promise.resolve()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Dirent> {
    for (let entry = await this.read(); entry !== null; entry = await this.read()) yield entry
  }
}
