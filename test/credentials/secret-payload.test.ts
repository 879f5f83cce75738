import { inspect } from 'node:util'

import fc from 'fast-check'
import { expect, test } from 'vitest'

import { decodePayload, encodePayload } from '../../runtime/credentials/store/secret-payload.ts'
import type { NewSecret } from '../../runtime/credentials/store/secret-payload.ts'

const text = fc.string({ unit: 'grapheme', minLength: 6, maxLength: 40 })
const secrets: fc.Arbitrary<NewSecret> = fc.record({
  value: text,
  related: fc.dictionary(text, text, { maxKeys: 3, noNullPrototype: true }),
  meta: fc.dictionary(text, fc.string({ unit: 'grapheme' }), { maxKeys: 3, noNullPrototype: true }),
  expiresAtMs: fc.option(fc.maxSafeInteger(), { nil: undefined }),
  scopes: fc.option(fc.array(text, { maxLength: 3 }), { nil: undefined }),
})

test('what was encoded is decoded, and its bytes are overwritten', () => {
  fc.assert(
    fc.property(secrets, (secret) => {
      const bytes = encodePayload(secret, 'github')
      expect(decodePayload(bytes, 'github')).toEqual(secret)
      expect(bytes.every((byte) => byte === 0)).toBe(true)
    }),
  )
  const plain = { value: 'longer', related: {}, meta: {}, expiresAtMs: undefined, scopes: undefined }
  expect(decodePayload(encodePayload({ value: 'longer' }, 'github'), 'github')).toEqual(plain)
})

test.each<[string, NewSecret, RegExp]>([
  ['a value that is too short', { value: 'shrt!' }, /the value .* is shorter than 6 characters/],
  ['a related value that is too short', { value: 'long-enough', related: { r: 'shrt!' } }, /as "r" is shorter than 6/],
  ['a value that is no Unicode', { value: 'longer\ud800' }, /no well-formed Unicode/],
  ['a secret that is too long', { value: 'x'.repeat(65_536) }, /longer than 65536 bytes/],
  ['an end that is no time', { value: 'long-enough', expiresAtMs: Number.NaN }, /no whole millisecond/],
])('%s is refused, and not quoted', (_, secret, message) => {
  const error = caught(() => encodePayload(secret, 'github'))
  expect(error).toMatchObject({ code: 'E_CREDENTIAL', message: expect.stringMatching(message) as unknown })
  for (const text of [secret.value, ...Object.values(secret.related ?? {})]) {
    expect(inspect(error, { depth: 9 }).split('    at ')[0]).not.toContain(text)
  }
})

test.each(['sk-0123456789 is no JSON', '"sk-0123456789"', '{"value":1,"related":{},"meta":{}}', '{"value":"sk-0123"}'])(
  'what is no payload is refused, and not quoted: %s',
  (sealed) => {
    const bytes = Buffer.from(sealed)
    const error = caught(() => decodePayload(bytes, 'github'))
    expect(error).toMatchObject({ code: 'E_CREDENTIAL' })
    expect(inspect(error, { depth: 9 })).not.toContain('sk-0123')
    expect(bytes.every((byte) => byte === 0)).toBe(true)
  },
)

function caught(act: () => unknown): unknown {
  try {
    act()
  } catch (thrown) {
    return thrown
  }
  throw new Error('nothing was thrown')
}
