/**
 * FileHandle of the guest's node:fs/promises. Nothing is held open between requests: each one walks the path again
 * and is decided again, so a handle is a path with a position.
 */
import type { Stats } from './fs-entries.ts'
import { bufferClass, bytesFrom, dataOf, systemError, viewOf, type EncodingOptions } from './fs-values.ts'
import { request } from './wire.ts'

/** What the host takes and gives in one request (protocol.ts). */
const READ_BYTES_MAX = 16 * 1024 * 1024
const CHUNK_BYTES = 64 * 1024

interface ReadOptions {
  readonly buffer?: Uint8Array
  readonly offset?: number
  readonly length?: number
  readonly position?: number | bigint | null
}

interface WriteOptions {
  readonly offset?: number
  readonly length?: number
  readonly position?: number | null
}

/** What of node:fs/promises a handle is made with. */
export interface PathCalls {
  readonly readFile: (path: unknown, options?: EncodingOptions) => Promise<Buffer | string>
  readonly stat: (path: unknown) => Promise<Stats>
}

export class FileHandle {
  readonly fd = -1
  readonly #path: string
  readonly #canRead: boolean
  readonly #canWrite: boolean
  readonly #calls: PathCalls
  #position = 0
  /** What a handle for writing has written: there is no writing elsewhere than at the end. */
  #size = 0
  #isClosed = false

  constructor(path: string, how: 'read' | 'write', calls: PathCalls, size = 0) {
    this.#path = path
    this.#canRead = how === 'read'
    this.#canWrite = how === 'write'
    this.#calls = calls
    this.#size = size
  }

  get path(): string {
    return this.#path
  }

  async read(
    into?: Uint8Array | ReadOptions,
    offset?: number | ReadOptions | null,
    length?: number | null,
    position?: number | bigint | null,
  ): Promise<{ bytesRead: number; buffer: Uint8Array }> {
    this.#check(this.#canRead)
    const given: ReadOptions =
      into instanceof Uint8Array
        ? {
            buffer: into,
            ...(typeof offset === 'object' && offset !== null
              ? offset
              : { offset: offset ?? 0, ...(typeof length === 'number' ? { length } : {}), position: position ?? null }),
          }
        : (into ?? {})
    const buffer = given.buffer ?? bufferClass().alloc(16_384)
    const start = given.offset ?? 0
    const room = buffer.byteLength - start
    const wanted = Math.min(given.length ?? room, room, READ_BYTES_MAX)
    const at = typeof given.position === 'bigint' ? Number(given.position) : given.position
    const isNext = at === undefined || at === null || at < 0
    const from = isNext ? this.#position : at
    if (wanted === 0) return { bytesRead: 0, buffer }
    const bytes = bytesFrom(await request({ op: 'fs.readRange', path: this.#path, position: from, length: wanted }))
    buffer.set(bytes, start)
    if (isNext) this.#position += bytes.byteLength
    return { bytesRead: bytes.byteLength, buffer }
  }

  async readv(
    views: readonly Uint8Array[],
    position?: number | null,
  ): Promise<{ bytesRead: number; buffers: unknown }> {
    let bytesRead = 0
    for (const view of views) {
      const at = typeof position === 'number' ? position + bytesRead : null
      const { bytesRead: got } = await this.read(view, 0, view.byteLength, at)
      bytesRead += got
      if (got < view.byteLength) break
    }
    return { bytesRead, buffers: views }
  }

  async readFile(options?: EncodingOptions): Promise<Buffer | string> {
    this.#check(this.#canRead)
    return await this.#calls.readFile(this.#path, options)
  }

  async write(
    data: unknown,
    offset?: number | WriteOptions | null,
    length?: number | string | null,
    position?: number | null,
  ): Promise<{ bytesWritten: number; buffer: unknown }> {
    this.#check(this.#canWrite)
    const isText = typeof data === 'string'
    const options: WriteOptions = typeof offset === 'object' && offset !== null ? offset : {}
    const at = options.position ?? (isText ? (offset as number | null) : position)
    const encoding = isText && typeof length === 'string' ? length : undefined
    const whole = viewOf(data, encoding)
    const start = isText ? 0 : (options.offset ?? (typeof offset === 'number' ? offset : 0))
    const count = isText ? undefined : (options.length ?? (typeof length === 'number' ? length : undefined))
    const bytes = whole.subarray(start, count === undefined ? undefined : start + count)
    if (typeof at === 'number' && at !== this.#size)
      throw systemError('ENOTSUP', `a file is written from its beginning to its end, and not at ${at}`)
    await request({ op: 'fs.write', path: this.#path, data: await dataOf(bytes), how: 'append' })
    this.#size += bytes.byteLength
    return { bytesWritten: bytes.byteLength, buffer: data }
  }

  async writev(views: readonly Uint8Array[]): Promise<{ bytesWritten: number; buffers: unknown }> {
    const { bytesWritten } = await this.write(bufferClass().concat(views))
    return { bytesWritten, buffers: views }
  }

  async writeFile(data: unknown, options?: EncodingOptions): Promise<void> {
    this.#check(this.#canWrite)
    await request({ op: 'fs.write', path: this.#path, data: await dataOf(data, options), how: 'append' })
  }

  async appendFile(data: unknown, options?: EncodingOptions): Promise<void> {
    await this.writeFile(data, options)
  }

  stat(): Promise<Stats> {
    return this.#calls.stat(this.#path)
  }

  /** Lines without their ends, `\r\n` and `\n` alike. */
  async *readLines(): AsyncGenerator<string> {
    const text = String(await this.readFile('utf8'))
    const lines = text.split(/\r?\n/)
    if (lines.at(-1) === '') lines.pop()
    yield* lines
  }

  /** What is left of the file, in chunks. */
  async *chunks(from = 0, to = Infinity, chunkBytes = CHUNK_BYTES): AsyncGenerator<Buffer> {
    for (let at = from; at <= to;) {
      const length = Math.min(chunkBytes, to - at + 1)
      const bytes = bytesFrom(await request({ op: 'fs.readRange', path: this.#path, position: at, length }))
      if (bytes.byteLength === 0) return
      at += bytes.byteLength
      yield bytes
    }
  }

  /** Every write was durable before it was answered. */
  async sync(): Promise<void> {
    this.#check(true)
  }

  async datasync(): Promise<void> {
    this.#check(true)
  }

  close(): Promise<void> {
    this.#isClosed = true
    return Promise.resolve()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #check(can: boolean): void {
    if (this.#isClosed) throw Object.assign(new Error('file closed'), { code: 'EBADF' })
    if (!can) throw systemError('EBADF', 'bad file descriptor')
  }
}
