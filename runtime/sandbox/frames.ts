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

export function encodeFrame(kind: FrameKind, call: number, ordinal: number, payload: string): Buffer {
  const bytes = Buffer.byteLength(payload)
  const frame = Buffer.allocUnsafe(HEADER_BYTES + bytes)
  frame.writeUInt32BE(bytes + HEADER_BYTES - 4, 0)
  frame.writeUInt8(kind, 4)
  frame.writeUInt32BE(call, 5)
  frame.writeUInt32BE(ordinal, 9)
  frame.write(payload, HEADER_BYTES)
  return frame
}

/**
 * Cuts a stream of bytes into frames; throws RangeError on a length below the header's or over the cap. What is held
 * of an unfinished frame is one buffer that doubles: a peer that drips single bytes must not cost an object for each.
 */
export function createFrameReader(bytesMax: number): (chunk: Buffer) => Frame[] {
  let store: Buffer = Buffer.alloc(0)
  let held = 0
  const hold = (bytes: Buffer): Buffer => {
    if (held + bytes.length > store.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(1024, 2 * store.length, held + bytes.length))
      store.copy(larger, 0, 0, held)
      store = larger
    }
    bytes.copy(store, held)
    held += bytes.length
    return store.subarray(0, held)
  }
  return (chunk) => {
    const frames: Frame[] = []
    let buffer = held === 0 ? chunk : hold(chunk)
    while (buffer.length >= 4) {
      const length = buffer.readUInt32BE(0)
      if (length < HEADER_BYTES - 4 || length > bytesMax) throw new RangeError(`a frame of ${length} bytes`)
      if (buffer.length < length + 4) break
      frames.push({
        kind: buffer.readUInt8(4),
        call: buffer.readUInt32BE(5),
        ordinal: buffer.readUInt32BE(9),
        payload: buffer.toString('utf8', HEADER_BYTES, length + 4),
      })
      buffer = buffer.subarray(length + 4)
    }
    if (held > 0 && frames.length === 0) return frames
    // What is left is the start of the next frame. It may lie in the store itself, so it moves to a new one.
    held = 0
    store = Buffer.alloc(0)
    if (buffer.length > 0) hold(buffer)
    return frames
  }
}
