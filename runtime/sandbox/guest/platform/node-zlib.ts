/** node:zlib by pako (zlib itself in JavaScript): deflate and gzip. Brotli and Zstandard have no counterpart. */
import { Buffer } from 'node:buffer'
import { Transform, type TransformCallback } from 'node:stream'
import { Deflate, Inflate, Z_FINISH, Z_NO_FLUSH, Z_SYNC_FLUSH } from 'pako'
import { refusedMembers, wrongType } from './node-refused.ts'

interface Options {
  readonly level?: number
  readonly windowBits?: number
  readonly memLevel?: number
  readonly strategy?: number
  readonly dictionary?: Uint8Array
  readonly maxOutputLength?: number
  readonly finishFlush?: number
}

type Done = (error: unknown, result?: Buffer) => void
type Format = 'zlib' | 'gzip' | 'raw' | 'any'
interface Kind {
  readonly packs: boolean
  readonly format: Format
}

const KINDS: Readonly<Record<string, Kind>> = {
  Deflate: { packs: true, format: 'zlib' },
  DeflateRaw: { packs: true, format: 'raw' },
  Gzip: { packs: true, format: 'gzip' },
  Inflate: { packs: false, format: 'zlib' },
  InflateRaw: { packs: false, format: 'raw' },
  Gunzip: { packs: false, format: 'gzip' },
  Unzip: { packs: false, format: 'any' },
}

const constants = Object.freeze({
  Z_NO_FLUSH: 0,
  Z_PARTIAL_FLUSH: 1,
  Z_SYNC_FLUSH: 2,
  Z_FULL_FLUSH: 3,
  Z_FINISH: 4,
  Z_BLOCK: 5,
  Z_OK: 0,
  Z_STREAM_END: 1,
  Z_NEED_DICT: 2,
  Z_ERRNO: -1,
  Z_STREAM_ERROR: -2,
  Z_DATA_ERROR: -3,
  Z_MEM_ERROR: -4,
  Z_BUF_ERROR: -5,
  Z_VERSION_ERROR: -6,
  Z_NO_COMPRESSION: 0,
  Z_BEST_SPEED: 1,
  Z_BEST_COMPRESSION: 9,
  Z_DEFAULT_COMPRESSION: -1,
  Z_FILTERED: 1,
  Z_HUFFMAN_ONLY: 2,
  Z_RLE: 3,
  Z_FIXED: 4,
  Z_DEFAULT_STRATEGY: 0,
  Z_MIN_WINDOWBITS: 8,
  Z_MAX_WINDOWBITS: 15,
  Z_DEFAULT_WINDOWBITS: 15,
  Z_MIN_CHUNK: 64,
  Z_DEFAULT_CHUNK: 16_384,
  Z_MIN_MEMLEVEL: 1,
  Z_MAX_MEMLEVEL: 9,
  Z_DEFAULT_MEMLEVEL: 8,
  Z_MIN_LEVEL: -1,
  Z_MAX_LEVEL: 9,
  Z_DEFAULT_LEVEL: -1,
})

const CODES: ReadonlyMap<number, readonly [code: string, message: string]> = new Map([
  [2, ['Z_NEED_DICT', 'Missing dictionary']],
  [-2, ['Z_STREAM_ERROR', 'stream error']],
  [-3, ['Z_DATA_ERROR', 'incorrect data check']],
  [-4, ['Z_MEM_ERROR', 'insufficient memory']],
  [-5, ['Z_BUF_ERROR', 'unexpected end of file']],
])

function failure(errno: number, message: string): Error {
  const [code, words] = CODES.get(errno) ?? ['Z_ERRNO', 'error']
  return Object.assign(new Error(message === '' || errno === -5 ? words : message), { code, errno })
}

/** The window's size as zlib takes it: negative for raw data, with 16 for gzip and 32 for whichever it is. */
function windowOf(format: Format, bits = 15): number {
  if (format === 'raw') return -bits
  return format === 'gzip' ? bits + 16 : format === 'any' ? bits + 32 : bits
}

/** One run over chunks of data; `output` gets what is ready. Throws the error that Node has for it. */
class Run {
  readonly #engine: Deflate | Inflate
  readonly #packs: boolean
  #left: number
  #isDone = false
  output: Uint8Array[] = []

  constructor({ packs, format }: Kind, options: Options) {
    const { level, windowBits, memLevel, strategy, dictionary } = options
    const window = { windowBits: windowOf(format, windowBits), ...(dictionary === undefined ? {} : { dictionary }) }
    const tuning = Object.fromEntries(
      Object.entries({ level, memLevel, strategy }).filter(([, value]) => value !== undefined),
    )
    this.#packs = packs
    this.#left = options.maxOutputLength ?? Infinity
    this.#engine = packs ? new Deflate({ ...window, ...tuning }) : new Inflate(window)
    this.#engine.onData = (chunk) => {
      this.#left -= chunk.byteLength
      if (this.#left < 0) {
        throw Object.assign(new RangeError(`Cannot create a Buffer larger than ${options.maxOutputLength} bytes`), {
          code: 'ERR_BUFFER_TOO_LARGE',
        })
      }
      this.output.push(chunk)
    }
    this.#engine.onEnd = (status) => {
      this.#isDone ||= status === 0
    }
  }

  push(bytes: Uint8Array, flush: 0 | 2 | 4): void {
    if (this.#isDone) return
    const engine = this.#engine
    engine.push(bytes, flush)
    if (engine.err !== 0 && !(engine.err === -5 && flush !== Z_FINISH)) throw failure(engine.err, engine.msg)
    if (flush === Z_FINISH && !this.#packs && !Reflect.get(engine, 'ended')) throw failure(-5, '')
  }

  taken(): Buffer {
    const whole = Buffer.concat(this.output)
    this.output = []
    return whole
  }
}

function bytesOf(data: unknown): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data)
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength)
  if (data instanceof ArrayBuffer) return new Uint8Array(data)
  throw wrongType('buffer', 'of type string or an instance of Buffer, TypedArray, DataView, or ArrayBuffer', data)
}

function atOnce(kind: Kind, data: unknown, options: Options = {}): Buffer {
  const run = new Run(kind, options)
  const mayEndEarly = !kind.packs && options.finishFlush === Z_SYNC_FLUSH
  run.push(bytesOf(data), mayEndEarly ? Z_SYNC_FLUSH : Z_FINISH)
  return run.taken()
}

class ZlibStream extends Transform {
  readonly #run: Run
  readonly #mayEndEarly: boolean
  bytesWritten = 0

  constructor(kind: Kind, options: Options = {}) {
    super()
    this.#run = new Run(kind, options)
    this.#mayEndEarly = !kind.packs && options.finishFlush === Z_SYNC_FLUSH
  }

  override _transform(chunk: unknown, _encoding: BufferEncoding, done: TransformCallback): void {
    const bytes = bytesOf(chunk)
    this.bytesWritten += bytes.byteLength
    this.#step(bytes, Z_NO_FLUSH, done)
  }

  override _flush(done: TransformCallback): void {
    this.#step(new Uint8Array(), this.#mayEndEarly ? Z_SYNC_FLUSH : Z_FINISH, done)
  }

  flush(...args: unknown[]): void {
    const done = args.at(-1)
    this.#step(new Uint8Array(), Z_SYNC_FLUSH, () => {
      if (typeof done === 'function') done()
    })
  }

  close(done?: () => void): void {
    if (done !== undefined) this.once('close', done)
    this.destroy()
  }

  #step(bytes: Uint8Array, flush: 0 | 2 | 4, done: TransformCallback): void {
    try {
      this.#run.push(bytes, flush)
      const ready = this.#run.taken()
      if (ready.byteLength > 0) this.push(ready)
      done()
    } catch (error) {
      done(error as Error)
    }
  }
}

function membersOf(name: string, kind: Kind): Readonly<Record<string, unknown>> {
  const lower = name[0]?.toLowerCase() + name.slice(1)
  const Streaming = class extends ZlibStream {
    constructor(options?: Options) {
      super(kind, options)
    }
  }
  Object.defineProperty(Streaming, 'name', { value: name })
  return {
    [name]: Streaming,
    [`create${name}`]: (options?: Options) => new Streaming(options),
    [`${lower}Sync`]: (data: unknown, options?: Options) => atOnce(kind, data, options),
    [lower]: (data: unknown, ...rest: unknown[]) => {
      const done = rest.pop()
      if (typeof done !== 'function') throw wrongType('callback', 'of type function', done)
      const call = done as Done
      try {
        const result = atOnce(kind, data, rest[0] as Options | undefined)
        queueMicrotask(() => call(null, result))
      } catch (error) {
        queueMicrotask(() => call(error))
      }
    },
  }
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index
  for (let bit = 0; bit < 8; bit += 1) value = (value & 1) === 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1
  return value
})

function crc32(data: unknown, start = 0): number {
  let sum = ~start
  for (const byte of bytesOf(data)) sum = (sum >>> 8) ^ (CRC_TABLE[(sum ^ byte) & 0xff] ?? 0)
  return ~sum >>> 0
}

const others = (prefix: string): string =>
  ['Compress', 'Decompress']
    .flatMap((verb) => [
      `${prefix}${verb}`,
      `${prefix}${verb}Sync`,
      `create${prefix[0]?.toUpperCase()}${prefix.slice(1)}${verb}`,
    ])
    .join(' ')

export const zlib = {
  ...Object.assign({}, ...Object.entries(KINDS).map(([name, kind]) => membersOf(name, kind))),
  crc32,
  constants,
  codes: Object.freeze(
    Object.fromEntries(
      Object.entries(constants).filter(([name]) => /^Z_(OK|STREAM_END|\w*_ERROR|ERRNO|NEED_DICT)$/.test(name)),
    ),
  ),
  ...constants,
  ...refusedMembers('zlib', `${others('brotli')} ${others('zstd')}`, 'only deflate and gzip are'),
}
