/** Paths, data and errors as the guest's node:fs/promises takes and gives them. */
import { GUEST_CWD } from './guest-paths.ts'
import { base64Of } from './wire.ts'

export type Encoding = string | null | undefined
export type EncodingOptions =
  | Encoding
  | { readonly encoding?: Encoding; readonly flag?: string; readonly mode?: number; readonly signal?: AbortSignal }

type BufferClass = typeof Buffer

const PATH_CHARACTERS_MAX = 4096

let loadBuffer: () => BufferClass = () => {
  throw new Error('the runtime has not begun')
}

/** Buffer is a part of the platform, which is loaded with the first bytes that need it. */
export function provideBuffer(load: () => BufferClass): void {
  loadBuffer = load
}

export const bufferClass = (): BufferClass => loadBuffer()

export function systemError(code: string, words: string): Error {
  return Object.assign(new Error(`${code}: ${words}`), { code })
}

/** Only the prefix is taken off; whether the rest is a path at all is the host's decision. */
export function pathOf(path: unknown): string {
  const text = textOf(path)
  if (text === undefined) throw new TypeError('the path must be a string or a Buffer')
  if (text.length > PATH_CHARACTERS_MAX) throw systemError('ENAMETOOLONG', 'name too long')
  if (text === GUEST_CWD || text === `${GUEST_CWD}/`) return '.'
  return text.startsWith(`${GUEST_CWD}/`) ? text.slice(GUEST_CWD.length + 1) : text
}

function textOf(path: unknown): string | undefined {
  if (typeof path === 'string') return path
  if (path instanceof Uint8Array) return bufferClass().from(path).toString('utf8')
  const protocol: unknown = Reflect.get(Object(path), 'protocol')
  if (protocol === undefined) return undefined
  if (protocol !== 'file:') throw new TypeError('The URL must be of scheme file')
  return decodeURIComponent(String(Reflect.get(Object(path), 'pathname')))
}

export function encodingOf(options: EncodingOptions): Encoding {
  return typeof options === 'object' && options !== null ? options.encoding : options
}

/** Throws where the caller has given up before it began. */
export function checkSignal(options: unknown): void {
  const signal: unknown = Reflect.get(Object(options), 'signal')
  if (Reflect.get(Object(signal), 'aborted') !== true) return
  const error = new Error('The operation was aborted', { cause: Reflect.get(Object(signal), 'reason') })
  error.name = 'AbortError'
  throw Object.assign(error, { code: 'ABORT_ERR' })
}

export function bytesFrom(answer: unknown): Buffer {
  if (!(answer instanceof Uint8Array)) throw new TypeError('the host sent no bytes')
  return bufferClass().from(answer.buffer as ArrayBuffer, answer.byteOffset, answer.byteLength)
}

export function viewOf(data: unknown, options?: EncodingOptions): Uint8Array {
  if (typeof data === 'string') {
    return bufferClass().from(data, (encodingOf(options) ?? 'utf8') as BufferEncoding)
  }
  if (data instanceof Uint8Array) return data
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength)
  throw new TypeError('the data must be a string or a Uint8Array')
}

/** As the wire takes it. An iterable, a stream among them, is read to its end first. */
export async function dataOf(data: unknown, options?: EncodingOptions): Promise<string> {
  const isMany =
    typeof Object(data)[Symbol.asyncIterator] === 'function' || typeof Object(data)[Symbol.iterator] === 'function'
  if (typeof data !== 'object' || ArrayBuffer.isView(data) || !isMany) return base64Of(viewOf(data, options))
  const chunks: Uint8Array[] = []
  for await (const chunk of data as AsyncIterable<unknown>) chunks.push(viewOf(chunk, options))
  return base64Of(bufferClass().concat(chunks))
}
