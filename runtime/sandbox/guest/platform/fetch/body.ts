/**
 * Bodies of requests and responses (Fetch section 2.2.4 and 5.3). A body is bytes, or comes piece by piece; only who
 * asks for `body` gets a stream of it, so that reading a text needs none.
 */
import { domString } from '../dom-string.ts'
import { joined, viewOf } from '../bytes.ts'
import { runtime } from '../runtime.ts'
import { FormData } from './form-data.ts'
import { parseMimeType, type MimeType } from './mime-type.ts'
import { encodeMultipart, parseMultipart } from './multipart.ts'

/** Where the pieces of a body come from, one for each pull; null: its end. */
export interface Source {
  readonly pull: () => Promise<Uint8Array | null>
  readonly cancel: (reason: unknown) => void
}

type Content =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'source'; readonly source: Source }
  | { readonly kind: 'stream' }

export interface BodyInitOf {
  readonly body: Body
  /** For `content-type`, where nobody set it. */
  readonly type: string | undefined
}

export class Body {
  readonly #content: Content
  #stream: ReadableStream<Uint8Array> | undefined
  /** Taken without a stream. */
  #isTaken = false

  private constructor(content: Content, stream?: ReadableStream<Uint8Array>) {
    this.#content = content
    this.#stream = stream
  }

  static ofBytes(bytes: Uint8Array<ArrayBuffer>): Body {
    return new Body({ kind: 'bytes', bytes })
  }

  static ofSource(source: Source): Body {
    return new Body({ kind: 'source', source })
  }

  static ofStream(stream: ReadableStream<Uint8Array>): Body {
    return new Body({ kind: 'stream' }, stream)
  }

  /** Whether it can be sent again. */
  get isWhole(): boolean {
    return this.#content.kind === 'bytes'
  }

  get isUsed(): boolean {
    return this.#isTaken || (this.#stream !== undefined && isDisturbed(this.#stream))
  }

  get isUnusable(): boolean {
    return this.isUsed || this.#stream?.locked === true
  }

  get stream(): ReadableStream<Uint8Array> {
    this.#stream ??= this.#isTaken ? closedStream() : streamOf(this.#content)
    return this.#stream
  }

  /** All of it, as long as it is no longer than `bytesMax`. Throws TypeError where it was used already. */
  async take(bytesMax = Infinity): Promise<Uint8Array<ArrayBuffer>> {
    if (this.isUnusable) throw new TypeError('the body has been used already')
    if (this.#stream === undefined) {
      this.#isTaken = true
      if (this.#content.kind === 'bytes') return limited(this.#content.bytes, bytesMax)
      if (this.#content.kind === 'source') return await collect(this.#content.source, bytesMax)
    }
    const reader = this.stream.getReader()
    const pull = async (): Promise<Uint8Array | null> => {
      const { done, value } = await reader.read()
      if (done) return null
      if (!(value instanceof Uint8Array)) throw new TypeError('a stream of a body must be one of Uint8Array')
      return value
    }
    try {
      return await collect({ pull, cancel: (reason) => void reader.cancel(reason).catch(() => undefined) }, bytesMax)
    } finally {
      reader.releaseLock()
    }
  }

  /** The same for another owner; this one counts as used from here on. */
  moved(): Body {
    const stream = this.#stream
    this.#isTaken = true
    return new Body(this.#content, stream)
  }

  clone(): Body {
    if (this.#content.kind === 'bytes' && this.#stream === undefined) return Body.ofBytes(this.#content.bytes)
    const [mine, other] = this.stream.tee()
    this.#stream = mine
    return Body.ofStream(other)
  }
}

/** Whether anybody has read from it or cancelled it; how web-streams-polyfill keeps it. */
function isDisturbed(stream: object): boolean {
  return Reflect.get(stream, '_disturbed') === true
}

function streamOf(content: Content): ReadableStream<Uint8Array> {
  if (content.kind === 'stream') throw new TypeError('the stream of this body is gone')
  const source = content.kind === 'source' ? content.source : piecesOf(content.bytes)
  return new ReadableStream<Uint8Array>({
    type: 'bytes',
    async pull(controller) {
      const piece = await source.pull()
      const { byobRequest } = controller as { byobRequest?: { respond(bytes: number): void } | null }
      if (piece === null) {
        controller.close()
        byobRequest?.respond(0)
      } else if (piece.length > 0) controller.enqueue(piece as Uint8Array<ArrayBuffer>)
    },
    cancel: (reason) => source.cancel(reason),
  })
}

function piecesOf(bytes: Uint8Array<ArrayBuffer>): Source {
  let isGiven = bytes.length === 0
  return {
    pull: async () => {
      if (isGiven) return null
      isGiven = true
      // A copy: a stream of bytes hands its buffers over.
      return bytes.slice()
    },
    cancel: () => undefined,
  }
}

function closedStream(): ReadableStream<Uint8Array> {
  const stream = new ReadableStream<Uint8Array>({ start: (controller) => controller.close() })
  void stream.cancel()
  return stream
}

async function collect(source: Source, bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = []
  let length = 0
  for (let piece = await source.pull(); piece !== null; piece = await source.pull()) {
    length += piece.length
    if (length > bytesMax) {
      source.cancel(undefined)
      throw tooLong(bytesMax)
    }
    pieces.push(piece)
  }
  return joined(pieces)
}

function limited(bytes: Uint8Array<ArrayBuffer>, bytesMax: number): Uint8Array<ArrayBuffer> {
  if (bytes.length > bytesMax) throw tooLong(bytesMax)
  return bytes
}

function tooLong(bytesMax: number): TypeError {
  return new TypeError(
    `the body of the request is longer than ${bytesMax} bytes; it is sent whole, so send it in several requests`,
  )
}

/** Fetch: extract a body. What is not there cannot have been made, so its part is not loaded to ask. */
export function extractBody(init: unknown): BodyInitOf {
  if (typeof init === 'object' && init !== null) {
    const view = viewOf(init)
    if (view !== undefined) return { body: Body.ofBytes(view.slice()), type: undefined }
    const tag: unknown = Reflect.get(init, Symbol.toStringTag)
    if (tag === 'ReadableStream' && init instanceof ReadableStream) {
      if (init.locked || isDisturbed(init)) throw new TypeError('the stream has been used already')
      return { body: Body.ofStream(init as ReadableStream<Uint8Array>), type: undefined }
    }
    if ((tag === 'Blob' || tag === 'File') && init instanceof Blob) {
      return { body: Body.ofBytes(bytesOfBlob(init)), type: init.type === '' ? undefined : init.type }
    }
    if (init instanceof FormData) {
      const { bytes, type } = encodeMultipart(init, bytesOfBlob)
      return { body: Body.ofBytes(bytes), type }
    }
    if (tag === 'URLSearchParams' && init instanceof URLSearchParams) {
      return { body: ofText(init.toString()), type: 'application/x-www-form-urlencoded;charset=UTF-8' }
    }
  }
  return { body: ofText(domString(init)), type: 'text/plain;charset=UTF-8' }
}

function ofText(text: string): Body {
  return Body.ofBytes(new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>)
}

function bytesOfBlob(blob: Blob): Uint8Array<ArrayBuffer> {
  const { blobBytes } = runtime.part('blob') as { readonly blobBytes: (blob: Blob) => Uint8Array<ArrayBuffer> }
  return blobBytes(blob)
}

export async function formDataOf(bytes: Uint8Array<ArrayBuffer>, type: MimeType | undefined): Promise<FormData> {
  if (type?.essence === 'application/x-www-form-urlencoded') {
    const form = new FormData()
    for (const [name, value] of new URLSearchParams(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)))
      form.append(name, value)
    return form
  }
  const boundary = type?.parameters.get('boundary')
  if (type?.essence !== 'multipart/form-data' || boundary === undefined) {
    throw new TypeError('the body is no form: its content-type names neither multipart/form-data nor urlencoded')
  }
  return parseMultipart(bytes, boundary)
}

/** The last MIME type that the header names (Fetch: extract a MIME type). */
export function mimeTypeOf(contentType: string | null): MimeType | undefined {
  if (contentType === null) return undefined
  let found: MimeType | undefined
  for (const text of contentType.split(/,(?=(?:[^"]*"[^"]*")*[^"]*$)/)) {
    const parsed = parseMimeType(text)
    if (parsed !== undefined && parsed.essence !== '*/*') found = parsed
  }
  return found
}
