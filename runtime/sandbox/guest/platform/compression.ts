/** CompressionStream and DecompressionStream (WHATWG Compression), by pako. */
import { domString } from './dom-string.ts'
import { Deflate, Inflate } from 'pako'
import { viewOf } from './bytes.ts'
import { asInterface } from './interface.ts'

const FORMATS = {
  deflate: { raw: false, gzip: false },
  'deflate-raw': { raw: true, gzip: false },
  gzip: { raw: false, gzip: true },
} as const

type Format = keyof typeof FORMATS
/** zlib's windowBits: 16 more say that the data has gzip's frame. */
const GZIP_WINDOW = 15 + 16

function formatOf(name: string, given: readonly unknown[]): Format {
  const format = domString(given[0])
  if (given.length > 0 && Object.hasOwn(FORMATS, format)) return format as Format
  throw new TypeError(`${name}: the format must be one of ${Object.keys(FORMATS).join(', ')}`)
}

/** One end of pako's streams. */
interface Engine {
  readonly err: number
  readonly msg: string
  readonly ended?: boolean
  onData: (chunk: never) => void
  push(data: Uint8Array, flush: boolean): boolean
}

function bytesOf(chunk: unknown): Uint8Array {
  const bytes = viewOf(chunk)
  if (bytes === undefined) throw new TypeError('a chunk must be an ArrayBuffer or a view of one')
  return bytes
}

export class CompressionStream {
  readonly #transform: TransformStream<unknown, Uint8Array>

  constructor(...given: [format?: unknown]) {
    const engine: Engine = new Deflate(FORMATS[formatOf('CompressionStream', given)]) as unknown as Engine
    this.#transform = new TransformStream<unknown, Uint8Array>({
      start(controller) {
        engine.onData = (chunk: Uint8Array) => controller.enqueue(chunk)
      },
      transform: (chunk) => void engine.push(bytesOf(chunk), false),
      flush: () => void engine.push(new Uint8Array(), true),
    })
  }

  get readable(): ReadableStream<Uint8Array> {
    return this.#transform.readable
  }

  get writable(): WritableStream<unknown> {
    return this.#transform.writable
  }
}

export class DecompressionStream {
  readonly #transform: TransformStream<unknown, Uint8Array>

  constructor(...given: [format?: unknown]) {
    const { raw, gzip } = FORMATS[formatOf('DecompressionStream', given)]
    const options = gzip ? { windowBits: GZIP_WINDOW } : { raw }
    const engine: Engine = new Inflate(options) as unknown as Engine
    let isOver = false
    this.#transform = new TransformStream<unknown, Uint8Array>({
      start(controller) {
        engine.onData = (chunk: Uint8Array) => controller.enqueue(chunk)
        Reflect.set(engine, 'onEnd', () => (isOver = true))
      },
      transform(chunk) {
        const bytes = bytesOf(chunk)
        if (bytes.length === 0) return
        if (isOver) throw new TypeError('there is data behind the end of the compressed data')
        engine.push(bytes, false)
        if (engine.err !== 0) throw new TypeError(`the compressed data is damaged: ${engine.msg}`)
      },
      flush() {
        if (!isOver) throw new TypeError('the compressed data ends before its end')
      },
    })
  }

  get readable(): ReadableStream<Uint8Array> {
    return this.#transform.readable
  }

  get writable(): WritableStream<unknown> {
    return this.#transform.writable
  }
}

asInterface(CompressionStream, 'CompressionStream')
asInterface(DecompressionStream, 'DecompressionStream')
