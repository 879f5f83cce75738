/** node:stream and its relatives: readable-stream, which is Node's own code. */
import { Buffer } from 'node:buffer'
import stream from 'readable-stream/lib/stream.js'

type Chunks = AsyncIterable<unknown> | Iterable<unknown>

async function bytesOf(source: Chunks): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of source) {
    chunks.push(typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk as Uint8Array))
  }
  return Buffer.concat(chunks)
}

const text = async (source: Chunks): Promise<string> => (await bytesOf(source)).toString('utf8')

const consumersOf = {
  buffer: bytesOf,
  bytes: async (source: Chunks): Promise<Uint8Array> => new Uint8Array(await bytesOf(source)),
  arrayBuffer: async (source: Chunks): Promise<ArrayBuffer> => new Uint8Array(await bytesOf(source)).buffer,
  blob: async (source: Chunks): Promise<Blob> => new Blob([new Uint8Array(await bytesOf(source))]),
  text,
  json: async (source: Chunks): Promise<unknown> => JSON.parse(await text(source)),
  array: async (source: Chunks): Promise<unknown[]> => {
    const found: unknown[] = []
    for await (const chunk of source) found.push(chunk)
    return found
  },
}

const WEB =
  'ReadableStream ReadableStreamDefaultReader ReadableStreamBYOBReader ReadableStreamBYOBRequest ' +
  'ReadableByteStreamController ReadableStreamDefaultController TransformStream TransformStreamDefaultController ' +
  'WritableStream WritableStreamDefaultController WritableStreamDefaultWriter ByteLengthQueuingStrategy ' +
  'CountQueuingStrategy TextEncoderStream TextDecoderStream CompressionStream DecompressionStream'

/** The guest's globals under another roof, each loaded when it is named. */
const webOf = Object.defineProperties(
  {},
  Object.fromEntries(
    WEB.split(' ').map((name) => [
      name,
      { get: (): unknown => Reflect.get(globalThis, name), enumerable: true, configurable: true },
    ]),
  ),
)

export { stream, consumersOf as consumers, webOf as web }
export const promises = { ...stream.promises }
