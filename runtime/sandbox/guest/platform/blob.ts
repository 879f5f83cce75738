/** Blob and File (W3C File API). A blob's bytes are in memory, and are not copied where it is cut. */
import { domString } from './dom-string.ts'
import { joined, viewOf } from './bytes.ts'
import { asInterface } from './interface.ts'

/** Bytes that a stream of a blob hands over at once. */
const PIECE = 65_536

interface BlobOptions {
  readonly type?: unknown
  readonly endings?: unknown
}

let bytesOf: (blob: Blob) => Uint8Array<ArrayBuffer>

export class Blob {
  #bytes: Uint8Array<ArrayBuffer>
  readonly #type: string

  constructor(...given: [parts?: unknown, options?: BlobOptions | null]) {
    const parts = given[0] === undefined ? [] : partsOf(given[0])
    const { endings, type } = optionsOf(given[1])
    this.#bytes = joined(parts.map((part) => bytesOfPart(part, endings === 'native')))
    this.#type = /^[\x20-\x7e]*$/.test(type) ? type.toLowerCase() : ''
  }

  static {
    bytesOf = (blob) => blob.#bytes
  }

  get size(): number {
    return this.#bytes.length
  }

  get type(): string {
    return this.#type
  }

  slice(start?: unknown, end?: unknown, type: unknown = ''): Blob {
    const size = this.#bytes.length
    const from = placeIn(size, start, 0)
    const to = placeIn(size, end, size)
    const cut = new Blob([], { type })
    cut.#bytes = this.#bytes.subarray(from, Math.max(from, to))
    return cut
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return this.#bytes.slice().buffer
  }

  async bytes(): Promise<Uint8Array> {
    return this.#bytes.slice()
  }

  async text(): Promise<string> {
    return new TextDecoder().decode(this.#bytes)
  }

  stream(): ReadableStream<Uint8Array> {
    const bytes = this.#bytes
    let at = 0
    return new ReadableStream({
      type: 'bytes',
      pull(controller) {
        if (at < bytes.length) controller.enqueue(bytes.slice(at, (at += PIECE)))
        if (at < bytes.length) return
        controller.close()
        // Whoever reads into a buffer of their own waits for this answer (Streams section 4.7.3).
        ;(controller as { byobRequest?: { respond(bytes: number): void } | null }).byobRequest?.respond(0)
      },
    })
  }
}

export class File extends Blob {
  readonly #name: string
  readonly #lastModified: number

  constructor(
    ...given: [parts?: unknown, name?: unknown, options?: (BlobOptions & { lastModified?: unknown }) | null]
  ) {
    const [parts, name, options] = given
    if (given.length < 2) throw new TypeError('a File needs its parts and a name')
    super(parts === undefined ? null : parts, options)
    this.#name = domString(name).toWellFormed()
    const { lastModified } = (options ?? {}) as { readonly lastModified?: unknown }
    this.#lastModified = lastModified === undefined ? Date.now() : Math.trunc(Number(lastModified)) || 0
  }

  get name(): string {
    return this.#name
  }

  get lastModified(): number {
    return this.#lastModified
  }

  get webkitRelativePath(): string {
    return ''
  }
}

asInterface(Blob, 'Blob')
asInterface(File, 'File')

/** For other parts: the bytes themselves, not to be changed. Throws TypeError for what is no Blob. */
export function blobBytes(blob: unknown): Uint8Array<ArrayBuffer> {
  return bytesOf(blob as Blob)
}

/** In the order of Web IDL, since a getter may look. */
function optionsOf(options: unknown): { readonly endings: string; readonly type: string } {
  if (options === undefined || options === null) return { endings: 'transparent', type: '' }
  if (typeof options !== 'object' && typeof options !== 'function') throw new TypeError('the options must be an object')
  const { endings = 'transparent' } = options as BlobOptions
  const kind = domString(endings)
  if (kind !== 'transparent' && kind !== 'native') throw new TypeError(`Blob: ${kind} is no kind of line endings`)
  const { type = '' } = options as BlobOptions
  return { endings: kind, type: domString(type) }
}

/** Each is looked at when its turn comes: what it is turned into text with may change the others. */
function partsOf(parts: unknown): (string | Uint8Array)[] {
  const isObject = (typeof parts === 'object' || typeof parts === 'function') && parts !== null
  if (!isObject || typeof Reflect.get(parts, Symbol.iterator) !== 'function') {
    throw new TypeError('the parts must be a sequence')
  }
  const found: (string | Uint8Array)[] = []
  for (const part of parts as Iterable<unknown>) {
    found.push(part instanceof Blob ? bytesOf(part) : (viewOf(part) ?? domString(part)))
  }
  return found
}

function bytesOfPart(part: string | Uint8Array, nativeEndings: boolean): Uint8Array {
  if (typeof part !== 'string') return part
  return new TextEncoder().encode(nativeEndings ? part.replace(/\r\n?/g, '\n') : part)
}

function placeIn(size: number, given: unknown, absent: number): number {
  if (given === undefined) return absent
  const at = Math.trunc(Number(given)) || 0
  return at < 0 ? Math.max(size + at, 0) : Math.min(at, size)
}
