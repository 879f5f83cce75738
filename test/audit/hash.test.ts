import { createHash } from 'node:crypto'

import fc from 'fast-check'
import { expect, test } from 'vitest'

import { Frontier, leafOf, NO_LEAF } from '../../runtime/audit/hash.ts'

function sha256(...parts: readonly Uint8Array[]): Buffer {
  const state = createHash('sha256')
  for (const part of parts) state.update(part)
  return state.digest()
}

/** The definition of RFC 6962, section 2.1, word for word. */
function rootOf(leaves: readonly Buffer[]): Buffer {
  const [first] = leaves
  if (first === undefined) return sha256()
  if (leaves.length === 1) return first
  let split = 1
  while (split * 2 < leaves.length) split *= 2
  return sha256(Buffer.of(1), rootOf(leaves.slice(0, split)), rootOf(leaves.slice(split)))
}

test('the frontier grows to the root of RFC 6962, also when it is taken up again at any size', () => {
  const leaves: Buffer[] = []
  let frontier = Frontier.empty()
  for (let size = 0; size < 200; size++) {
    expect(frontier.root()).toBe(rootOf(leaves).toString('hex'))
    const again = Frontier.from(size, frontier.bytes())
    if (again === undefined) throw new Error(`no frontier of size ${size}`)
    frontier = again
    const leaf = sha256(Buffer.of(size))
    leaves.push(leaf)
    frontier.append(leaf)
  }
  expect(Frontier.from(3, Buffer.alloc(32))).toBeUndefined()
})

test('no two rows have the same hash', () => {
  const text = fc.string({ unit: 'binary', maxLength: 3 })
  const row = fc.record({
    seq: fc.nat(20),
    run: text,
    run_seq: fc.nat(20),
    ts: fc.nat(20),
    kind: text,
    call: fc.option(text),
    ordinal: fc.option(fc.nat(20)),
    data: text,
    run_prev: fc.constantFrom(NO_LEAF, new Uint8Array(32).fill(1)),
  })
  fc.assert(
    fc.property(row, row, (one, other) => {
      expect(leafOf(one).equals(leafOf(other))).toBe(JSON.stringify(one) === JSON.stringify(other))
    }),
    { numRuns: 2000 },
  )
})

test('a leaf is the hash that the format defines, short or long', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.constantFrom('\ud800', 'é'.repeat(20_000), 'a'.repeat(40_000)),
  )
  const row = fc.record({
    seq: fc.nat(),
    run: text,
    run_seq: fc.nat(),
    ts: fc.nat(),
    kind: text,
    call: fc.option(text),
    ordinal: fc.option(fc.nat()),
    data: text,
    run_prev: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  })
  /** The length of the field as 32 bits, big endian, then the field; null is the length 0xffffffff alone. */
  const field = (value: string | number | null | Uint8Array): Buffer => {
    const bytes = value === null || value instanceof Uint8Array ? (value ?? Buffer.of()) : Buffer.from(String(value))
    const length = Buffer.alloc(4)
    length.writeUInt32BE(value === null ? 0xffffffff : bytes.length)
    return Buffer.concat([length, bytes])
  }
  fc.assert(
    fc.property(row, (one) => {
      const { seq, run, run_seq, ts, kind, call, ordinal, data, run_prev } = one
      const fields = [seq, run, run_seq, ts, kind, call, ordinal, data, run_prev].map(field)
      expect(leafOf(one).equals(sha256(Buffer.of(0), ...fields))).toBe(true)
    }),
  )
})
