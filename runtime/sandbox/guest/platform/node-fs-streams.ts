/** Streams of node:fs. */
import { Buffer } from 'node:buffer'
import promises, { type FileHandle } from 'node:fs/promises'
import { Readable, Writable } from 'node:stream'

type Done = (error?: Error | null) => void

interface StreamOptions {
  readonly flags?: string
  readonly encoding?: BufferEncoding
  readonly start?: number
  readonly end?: number
  readonly highWaterMark?: number
  readonly emitClose?: boolean
  readonly signal?: AbortSignal
}

const optionsOf = (options: unknown): StreamOptions =>
  typeof options === 'string' ? { encoding: options as BufferEncoding } : ((options ?? {}) as StreamOptions)

const CHUNK_BYTES = 64 * 1024

/** Each chunk is one request for a range. */
export class ReadStream extends Readable {
  readonly path: unknown
  readonly #end: number
  #at: number
  #handle: FileHandle | undefined
  bytesRead = 0

  constructor(path: unknown, given?: unknown) {
    const { encoding, start = 0, end = Infinity, highWaterMark = CHUNK_BYTES, signal } = optionsOf(given)
    super({
      highWaterMark,
      ...(encoding === undefined ? {} : { encoding }),
      ...(signal === undefined ? {} : { signal }),
    })
    this.path = path
    this.#at = start
    this.#end = end
  }

  override _construct(done: Done): void {
    promises.open(this.path as string).then(
      (handle) => {
        this.#handle = handle
        done()
        this.emit('open', -1)
        this.emit('ready')
      },
      (error: unknown) => done(error as Error),
    )
  }

  override _read(bytes: number): void {
    const wanted = Math.min(bytes, this.#end - this.#at + 1)
    if (wanted <= 0) return void this.push(null)
    this.#handle?.read(Buffer.alloc(wanted), 0, wanted, this.#at).then(
      ({ bytesRead, buffer }) => {
        this.#at += bytesRead
        this.bytesRead += bytesRead
        this.push(bytesRead === 0 ? null : buffer.subarray(0, bytesRead))
      },
      (error: unknown) => void this.destroy(error as Error),
    )
  }

  close(done?: Done): void {
    if (done !== undefined) this.once('close', done)
    this.destroy()
  }
}

/** So much is collected before it is written: a file is written whole, so that each request costs its length. */
const FLUSH_BYTES = 8 * 1024 * 1024

/** The file comes into being with the first request, which is at the end for all but large ones. */
export class WriteStream extends Writable {
  readonly path: unknown
  #flag: string
  #chunks: Uint8Array[] = []
  #waiting = 0
  bytesWritten = 0

  constructor(path: unknown, given?: unknown) {
    const { flags = 'w', encoding, start, highWaterMark = CHUNK_BYTES, signal } = optionsOf(given)
    super({ highWaterMark, decodeStrings: true, ...(signal === undefined ? {} : { signal }) })
    if (start !== undefined && start !== 0)
      throw new Error('not supported: a stream that writes from the middle of a file')
    if (encoding !== undefined) this.setDefaultEncoding(encoding)
    this.path = path
    this.#flag = flags
  }

  override _construct(done: Done): void {
    done()
    queueMicrotask(() => {
      this.emit('open', -1)
      this.emit('ready')
    })
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: Done): void {
    // The caller may use its buffer again as soon as it is told that the chunk was taken.
    this.#chunks.push(Uint8Array.from(chunk))
    this.#waiting += chunk.byteLength
    this.bytesWritten += chunk.byteLength
    if (this.#waiting < FLUSH_BYTES) return done()
    this.#flush(done)
  }

  override _final(done: Done): void {
    const isEmpty = this.#waiting === 0 && this.#flag === 'a' && this.bytesWritten > 0
    if (isEmpty) done()
    else this.#flush(done)
  }

  close(done?: Done): void {
    if (done !== undefined) this.once('close', done)
    this.end()
  }

  #flush(done: Done): void {
    const bytes = Buffer.concat(this.#chunks)
    const flag = this.#flag
    this.#chunks = []
    this.#waiting = 0
    this.#flag = 'a'
    promises.writeFile(this.path as string, bytes, { flag }).then(() => done(), done)
  }
}
