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

/** Cuts a stream of bytes into frames; throws RangeError on a length below the header's or over the cap. */
export function createFrameReader(bytesMax: number): (chunk: Buffer) => Frame[] {
  let chunks: Buffer[] = []
  let held = 0
  let wanted = 4
  return (chunk) => {
    chunks.push(chunk)
    held += chunk.length
    const frames: Frame[] = []
    if (held < wanted) return frames
    let buffer = chunks.length === 1 ? chunk : Buffer.concat(chunks, held)
    wanted = 4
    while (buffer.length >= 4) {
      const length = buffer.readUInt32BE(0)
      if (length < HEADER_BYTES - 4 || length > bytesMax) throw new RangeError(`a frame of ${length} bytes`)
      wanted = length + 4
      if (buffer.length < wanted) break
      frames.push({
        kind: buffer.readUInt8(4),
        call: buffer.readUInt32BE(5),
        ordinal: buffer.readUInt32BE(9),
        payload: buffer.toString('utf8', HEADER_BYTES, wanted),
      })
      buffer = buffer.subarray(wanted)
      wanted = 4
    }
    chunks = buffer.length === 0 ? [] : [buffer]
    held = buffer.length
    return frames
  }
}
