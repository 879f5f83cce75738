/** zlib streams of bounded size: what a stream claims to hold is known before it is inflated, and checked. */
import { deflate, Inflate, Z_SYNC_FLUSH } from 'pako'

/** zlib framing only; without it pako would accept gzip as well. */
const WINDOW_BITS = 15

/** Room that lets the end of a stream be seen in the same step as its last byte. */
const SLACK_BYTES = 64

export class CorruptObject extends Error {
  constructor(what: string) {
    super(`the repository is damaged: ${what}`)
    this.name = 'CorruptObject'
  }
}

/** Inflates a stream that must hold exactly `size` bytes; `next` gives its input piece by piece, empty at the end. */
export async function inflateExactly(size: number, next: () => Promise<Uint8Array>): Promise<Uint8Array> {
  const inflator = new Inflate({ chunkSize: size + SLACK_BYTES, windowBits: WINDOW_BITS })
  let output: Uint8Array | undefined
  inflator.onData = (chunk) => {
    if (output !== undefined || chunk.length !== size) throw new CorruptObject('an object is not as long as it says')
    output = chunk
  }
  while (!inflator.ended) {
    const input = await next()
    if (input.length === 0) throw new CorruptObject('an object ends too early')
    inflator.push(input)
  }
  if (inflator.err !== 0) throw new CorruptObject(`an object does not inflate (${inflator.msg})`)
  if (output === undefined && size > 0) throw new CorruptObject('an object is not as long as it says')
  return output ?? new Uint8Array(0)
}

/** Ends an inflation that has given enough. */
class Enough extends Error {}

/** Up to `wanted` bytes of a stream, as far as `input` reaches; the rest of the stream need not be there. */
export function inflateStart(input: Uint8Array, wanted: number): Uint8Array {
  const inflator = new Inflate({ chunkSize: wanted, windowBits: WINDOW_BITS })
  let start: Uint8Array = new Uint8Array(0)
  inflator.onData = (chunk) => {
    start = chunk
    throw new Enough()
  }
  try {
    inflator.push(input, Z_SYNC_FLUSH)
  } catch (thrown) {
    if (!(thrown instanceof Enough)) throw thrown
  }
  return start
}

/** A stream that holds `content` without compressing it: it is inflated again at once. */
export function wrapStored(content: Uint8Array): Uint8Array {
  return deflate(content, { level: 0 })
}
