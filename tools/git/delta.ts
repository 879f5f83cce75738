/** Deltas of packs: copy from the base, or insert. Sizes are checked before anything is allocated. */
import { CorruptObject } from './inflate.ts'

interface Varint {
  readonly value: number
  readonly next: number
}

function varintAt(bytes: Uint8Array, start: number): Varint {
  let value = 0
  let scale = 1
  for (let at = start; at < bytes.length && scale <= 2 ** 49; at += 1) {
    const byte = bytes[at] ?? 0
    value += (byte & 0x7f) * scale
    scale *= 128
    if (byte < 0x80) return { value, next: at + 1 }
  }
  throw new CorruptObject('a delta has no size')
}

/** The size of what a delta makes, from its first bytes; twenty suffice. */
export function deltaResultSize(start: Uint8Array): number {
  return varintAt(start, varintAt(start, 0).next).value
}

/** Applies a delta; the result must not be larger than `limit`. */
export function applyDelta(base: Uint8Array, delta: Uint8Array, limit: number): Uint8Array {
  const baseSize = varintAt(delta, 0)
  if (baseSize.value !== base.length) throw new CorruptObject('a delta does not fit its base')
  const resultSize = varintAt(delta, baseSize.next)
  if (resultSize.value > limit) throw new CorruptObject('a delta makes more than it may')
  const result = new Uint8Array(resultSize.value)
  let written = 0
  let at = resultSize.next
  while (at < delta.length) {
    const command = delta[at] ?? 0
    at += 1
    let part: Uint8Array
    if ((command & 0x80) !== 0) {
      const fields = [0, 0, 0, 0, 0, 0, 0].map((_, bit) => ((command >> bit) & 1 ? (delta[at++] ?? 0) : 0))
      const [o0 = 0, o1 = 0, o2 = 0, o3 = 0, s0 = 0, s1 = 0, s2 = 0] = fields
      const offset = o0 + o1 * 2 ** 8 + o2 * 2 ** 16 + o3 * 2 ** 24
      const size = s0 + s1 * 2 ** 8 + s2 * 2 ** 16 || 0x10000
      if (offset + size > base.length) throw new CorruptObject('a delta copies past its base')
      part = base.subarray(offset, offset + size)
    } else {
      if (command === 0 || at + command > delta.length) throw new CorruptObject('a delta has an unknown command')
      part = delta.subarray(at, at + command)
      at += command
    }
    if (written + part.length > result.length) throw new CorruptObject('a delta makes more than it says')
    result.set(part, written)
    written += part.length
  }
  if (written !== result.length) throw new CorruptObject('a delta makes less than it says')
  return result
}
