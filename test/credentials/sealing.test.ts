import { randomBytes } from 'node:crypto'

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import {
  decrypt,
  encodeFields,
  encrypt,
  makeUserKey,
  open,
  seal,
  unwrapUserKey,
  wrapUserKey,
} from '../../runtime/credentials/store/sealing.ts'
import type { SealContext, Sealed } from '../../runtime/credentials/store/sealing.ts'

const KEY = randomBytes(32)
const PLAIN = Buffer.from('{"value":"sk-0123456789"}')
const CONTEXT: SealContext = { tenant: 'acme', user: 'alice', credential: 'github', version: 3, purpose: 'credential' }

const refusal: unknown = expect.objectContaining({ code: 'E_CREDENTIAL' })
const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
const contexts: fc.Arbitrary<SealContext> = fc.record({
  tenant: name,
  user: name,
  credential: name,
  version: fc.integer({ min: 1 }),
  purpose: name,
})

function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const changed = Buffer.from(bytes)
  const at = Math.floor(bit / 8) % changed.length
  changed[at] = (changed[at] ?? 0) ^ (1 << (bit % 8))
  return changed
}

describe('seal()', () => {
  test('what was sealed opens again', () => {
    fc.assert(
      fc.property(contexts, fc.uint8Array({ maxLength: 300 }), (context, plaintext) => {
        expect(Buffer.from(open(KEY, seal(KEY, plaintext, context), context))).toEqual(Buffer.from(plaintext))
      }),
    )
  })

  test('uses a data key and nonces of its own each time', () => {
    const all = Array.from({ length: 2_000 }, () => seal(KEY, PLAIN, CONTEXT))
    const nonces = all.flatMap((one) => [one.ciphertext, one.wrappedKey].map((bytes) => hex(bytes.subarray(0, 12))))
    expect(new Set(nonces).size).toBe(nonces.length)
    // One data key would let the wrapping of one version open another.
    const [one, other] = all as [Sealed, Sealed]
    expect(() => open(KEY, { ...one, wrappedKey: other.wrappedKey }, CONTEXT)).toThrow(refusal)
  })

  test('what was changed in any one field does not open', () => {
    const fields = ['tenant', 'user', 'credential', 'purpose', 'version'] as const
    fc.assert(
      fc.property(contexts, contexts, fc.constantFrom(...fields), (context, other, field) => {
        fc.pre(context[field] !== other[field])
        const sealed = seal(KEY, PLAIN, context)
        expect(() => open(KEY, sealed, { ...context, [field]: other[field] })).toThrow(refusal)
        expect(open(KEY, sealed, { ...context })).toEqual(PLAIN)
      }),
    )
  })

  test('what was changed in any one bit does not open', () => {
    fc.assert(
      fc.property(fc.constantFrom('wrappedKey', 'ciphertext'), fc.nat(100_000), (part, bit) => {
        const sealed = seal(KEY, PLAIN, CONTEXT)
        expect(() => open(KEY, { ...sealed, [part]: flip(sealed[part], bit) }, CONTEXT)).toThrow(refusal)
        expect(open(KEY, sealed, CONTEXT)).toEqual(PLAIN)
      }),
    )
  })

  test('each byte, cut short or made longer, does not open', () => {
    const sealed = seal(KEY, PLAIN, CONTEXT)
    for (const part of ['wrappedKey', 'ciphertext'] as const) {
      const bytes = sealed[part]
      const wrong = [
        ...bytes.keys().map((at) => flip(bytes, at * 8)),
        ...bytes.keys().map((length) => bytes.subarray(0, length)),
        Buffer.concat([bytes, Buffer.alloc(1)]),
      ]
      for (const changed of wrong) expect(() => open(KEY, { ...sealed, [part]: changed }, CONTEXT)).toThrow(refusal)
    }
  })

  test('does not open with another key, and the message holds nothing of what is sealed', () => {
    const sealed = seal(KEY, PLAIN, CONTEXT)
    expect(() => open(randomBytes(32), sealed, CONTEXT)).toThrow(
      'version 3 of the credential github of alice does not open',
    )
  })

  test('without what is associated, a moved row would open', () => {
    const none = new Uint8Array()
    const moved = encrypt(KEY, PLAIN, none)
    expect(decrypt(KEY, moved, none)).toEqual(PLAIN)
    expect(decrypt(KEY, encrypt(KEY, PLAIN, encodeFields(['alice'])), encodeFields(['bob']))).toBeUndefined()
  })
})

describe('the key of a user', () => {
  test('opens for its tenant and user alone', () => {
    fc.assert(
      fc.property(contexts, contexts, fc.constantFrom('tenant', 'user'), (owner, other, field) => {
        fc.pre(owner[field] !== other[field])
        const wrapped = wrapUserKey(KEY, PLAIN, owner)
        expect(() => unwrapUserKey(KEY, wrapped, { ...owner, [field]: other[field] })).toThrow(refusal)
        expect(unwrapUserKey(KEY, wrapped, owner)).toEqual(PLAIN)
      }),
    )
  })

  test('is random, 32 bytes, and does not open when a bit is changed', () => {
    const wrapped = makeUserKey(KEY, CONTEXT)
    expect(unwrapUserKey(KEY, wrapped, CONTEXT)).toHaveLength(32)
    expect(unwrapUserKey(KEY, makeUserKey(KEY, CONTEXT), CONTEXT)).not.toEqual(unwrapUserKey(KEY, wrapped, CONTEXT))
    for (const at of wrapped.keys()) {
      expect(() => unwrapUserKey(KEY, flip(wrapped, at * 8), CONTEXT)).toThrow(refusal)
    }
  })
})

describe('encodeFields()', () => {
  const joined = (fields: readonly string[]): string => fields.join('|')
  const lists = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '|', '\0', '\u0001'), maxLength: 4 }), {
    maxLength: 4,
  })

  test('writes no two lists alike; joining them would', () => {
    fc.assert(
      fc.property(lists, lists, (one, other) => {
        const isSame = JSON.stringify(one) === JSON.stringify(other)
        expect(hex(encodeFields(one)) === hex(encodeFields(other))).toBe(isSame)
      }),
      { numRuns: 2_000 },
    )
    expect(joined(['a|b', 'c'])).toBe(joined(['a', 'b|c']))
    expect(encodeFields(['a|b', 'c'])).not.toEqual(encodeFields(['a', 'b|c']))
  })

  test('takes no text that UTF-8 cannot tell from another', () => {
    expect(Buffer.from('\ud800')).toEqual(Buffer.from('\udfff'))
    expect(() => encodeFields(['\ud800'])).toThrow(refusal)
  })
})

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
