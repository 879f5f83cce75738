import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  createFrameReader,
  createFrameWriter,
  encodeFrame,
  FRAME,
  type FrameKind,
} from '../../runtime/sandbox/frames.ts'

const HEADER_BYTES = 13
const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const frame = fc.record({
  kind: fc.constantFrom(...(Object.values(FRAME) as FrameKind[])),
  call: uint32,
  ordinal: uint32,
  // What UTF-8 cannot say (a lone surrogate) is not what either end writes: their payloads are JSON or counted text.
  payload: fc.string({ unit: 'grapheme', maxLength: 300 }).map((text) => text.toWellFormed()),
})

test('any split of any frames decodes to the same frames', () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 12 }), fc.array(fc.integer({ min: 1, max: 200 })), (frames, sizes) => {
      const bytes = Buffer.concat(frames.map((one) => encodeFrame(one.kind, one.call, one.ordinal, one.payload)))
      const read = createFrameReader(4096)
      const found: unknown[] = []
      for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
        const size = sizes.length === 0 ? bytes.length : (sizes[turn % sizes.length] ?? 1)
        // A copy that is overwritten afterwards, as a socket may do with its buffer.
        const chunk = Buffer.from(bytes.subarray(at, at + size))
        found.push(...read(chunk))
        chunk.fill(0)
        at += size
      }
      expect(found).toEqual(frames)
    }),
    { numRuns: 300 },
  )
})

test('frames of one turn are written by the eight, in their order, and as each by itself', () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 20 }), (frames) => {
      const written: Buffer[] = []
      const flushes: (() => void)[] = []
      const send = createFrameWriter(
        (bytes) => void written.push(bytes),
        (flush) => void flushes.push(flush),
      )
      for (const { kind, call, ordinal, payload } of frames) send(kind, call, ordinal, payload)
      expect(written).toHaveLength(Math.floor(frames.length / 8))
      for (const flush of flushes) flush()
      expect(written).toHaveLength(Math.ceil(frames.length / 8))
      const alone = frames.map(({ kind, call, ordinal, payload }) => encodeFrame(kind, call, ordinal, payload))
      expect(Buffer.concat(written).equals(Buffer.concat(alone))).toBe(true)
    }),
  )
})

test('a large frame does not wait, and what was held goes before it', () => {
  const written: Buffer[] = []
  const send = createFrameWriter(
    (bytes) => void written.push(bytes),
    () => undefined,
  )
  send(FRAME.log, 1, 0, 'first')
  send(FRAME.log, 1, 0, 'x'.repeat(100_000))
  expect(written).toHaveLength(1)
  expect(createFrameReader(200_000)(Buffer.concat(written)).map(({ payload }) => payload.length)).toEqual([5, 100_000])
})

describe('bounds', () => {
  test.each([0, 1, HEADER_BYTES - 5, 101, 2 ** 31, 2 ** 32 - 1])('a length of %i is refused', (length) => {
    const head = Buffer.alloc(4)
    head.writeUInt32BE(length)
    expect(() => createFrameReader(100)(head)).toThrow(RangeError)
  })

  test('the largest frame passes', () => {
    const bytes = encodeFrame(FRAME.log, 1, 2, 'x'.repeat(100 - HEADER_BYTES + 4))
    expect(createFrameReader(100)(bytes)).toHaveLength(1)
  })

  test('random bytes give frames or RangeError, and nothing else', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 20 }), (chunks) => {
        const read = createFrameReader(64)
        try {
          for (const chunk of chunks) for (const { payload } of read(Buffer.from(chunk))) payload.charAt(0)
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError)
        }
      }),
    )
  })

  test('a claim of a large frame costs what has arrived of it, also in single bytes', () => {
    const read = createFrameReader(24 * 1024 * 1024)
    const whole = encodeFrame(FRAME.request, 1, 0, 'x'.repeat(400_000))
    const before = process.memoryUsage().arrayBuffers
    for (let at = 0; at < whole.length - 1; at += 1) expect(read(whole.subarray(at, at + 1)).length).toBe(0)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4_000_000)
    expect(read(whole.subarray(whole.length - 1))[0]?.payload.length).toBe(400_000)
  })
})
