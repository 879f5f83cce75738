/**
 * Frames: how the host and a sandbox process speak over one pipe.
 *
 *     u32 length of what follows · u8 kind · u32 call · u32 ordinal · payload (UTF-8)      big-endian
 *
 * The payload of a request, a delivery and an end is JSON text that crosses as it was written: neither end parses
 * what it only passes on. A frame longer than the cap ends the connection.
 */

export const FRAME = {
  /** process → host */
  ready: 1,
  request: 2,
  /** Every entry has run to its end; `ordinal` counts the requests made so far, the payload the deliveries. */
  idle: 3,
  log: 4,
  end: 5,
  /** The guest of the call waits for a part of the platform; the payload is its name (guest-platform.ts). */
  need: 6,
  /** host → process */
  code: 16,
  start: 17,
  deliver: 18,
  cancel: 19,
} as const

export type FrameKind = (typeof FRAME)[keyof typeof FRAME]

export interface Frame {
  readonly kind: number
  readonly call: number
  readonly ordinal: number
  readonly payload: string
}

const HEADER_BYTES = 13
/**
 * Past these nothing is gained by waiting for company: what is held back is memory, and the other process could work
 * on the first of them while this one makes the rest.
 */
const HELD_CHARS_MAX = 64 * 1024
const HELD_FRAMES_MAX = 8

export function encodeFrame(kind: FrameKind, call: number, ordinal: number, payload: string): Buffer {
  return encodeFrames([{ kind, call, ordinal, payload }])
}

/** All in one allocation, each payload written once. */
function encodeFrames(frames: readonly Frame[]): Buffer {
  const sizes = frames.map(({ payload }) => Buffer.byteLength(payload))
  const bytes = Buffer.allocUnsafe(sizes.reduce((sum, size) => sum + HEADER_BYTES + size, 0))
  let at = 0
  for (const [index, { kind, call, ordinal, payload }] of frames.entries()) {
    const size = sizes[index] ?? 0
    bytes.writeUInt32BE(size + HEADER_BYTES - 4, at)
    bytes.writeUInt8(kind, at + 4)
    bytes.writeUInt32BE(call, at + 5)
    bytes.writeUInt32BE(ordinal, at + 9)
    // As many bytes as UTF-16 code units: ASCII, which needs no encoder.
    bytes.write(payload, at + HEADER_BYTES, size === payload.length ? 'latin1' : 'utf8')
    at += HEADER_BYTES + size
  }
  return bytes
}

export type SendFrame = (kind: FrameKind, call: number, ordinal: number, payload: string) => void

/**
 * Writes frames in their order, all of a turn at once: each write wakes the other process, which costs more than
 * what most frames say. `later` runs its argument at the end of the turn.
 */
export function createFrameWriter(write: (bytes: Buffer) => void, later: (flush: () => void) => void): SendFrame {
  let held: Frame[] = []
  let heldChars = 0
  let isDue = false
  const flush = (): void => {
    isDue = false
    if (held.length === 0) return
    const frames = held
    held = []
    heldChars = 0
    write(encodeFrames(frames))
  }
  return (kind, call, ordinal, payload) => {
    held.push({ kind, call, ordinal, payload })
    heldChars += payload.length
    if (heldChars >= HELD_CHARS_MAX || held.length >= HELD_FRAMES_MAX) return flush()
    if (!isDue) later(flush)
    isDue = true
  }
}

/**
 * Cuts a stream of bytes into frames; throws RangeError on a length below the header's or over the cap. An unfinished
 * frame is held in one buffer of its own size, whose pages cost nothing until they are written: a peer that drips
 * single bytes must not cost an object for each, nor a large frame a copy for each doubling.
 */
export function createFrameReader(bytesMax: number): (chunk: Buffer) => Frame[] {
  let store: Buffer = Buffer.alloc(4)
  let held = 0
  const sizeOf = (buffer: Buffer): number => {
    const length = buffer.readUInt32BE(0)
    if (length < HEADER_BYTES - 4 || length > bytesMax) throw new RangeError(`a frame of ${length} bytes`)
    return length + 4
  }
  /** Takes what the held frame still lacks; returns how much that was. */
  const fill = (chunk: Buffer, at: number): number => {
    const taken = chunk.copy(store, held, at)
    held += taken
    return taken
  }
  return (chunk) => {
    const frames: Frame[] = []
    for (let at = 0; at < chunk.length;) {
      if (held === 0 && chunk.length - at >= 4) {
        const size = sizeOf(chunk.subarray(at))
        if (chunk.length - at >= size) {
          frames.push(frameOf(chunk.subarray(at, at + size)))
          at += size
          continue
        }
      }
      at += fill(chunk, at)
      if (held < store.length) break
      if (held === 4) {
        const larger = Buffer.allocUnsafeSlow(sizeOf(store))
        store.copy(larger)
        store = larger
        continue
      }
      frames.push(frameOf(store))
      store = Buffer.alloc(4)
      held = 0
    }
    return frames
  }
}

function frameOf(bytes: Buffer): Frame {
  return {
    kind: bytes.readUInt8(4),
    call: bytes.readUInt32BE(5),
    ordinal: bytes.readUInt32BE(9),
    payload: bytes.toString('utf8', HEADER_BYTES),
  }
}
