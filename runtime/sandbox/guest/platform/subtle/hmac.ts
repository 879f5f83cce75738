/** HMAC (W3C Web Cryptography section 31). */
import { hmac as hmacOf } from '@noble/hashes/hmac.js'
import type { Cipher } from '../subtle.ts'
import type { Algorithm } from './crypto-key.ts'
import { hashNamed } from './hash.ts'

interface HmacAlgorithm {
  readonly name: string
  readonly hash: { readonly name: string }
  readonly length: number
}

function hashNameOf({ hash }: Algorithm): string {
  const name: unknown = typeof hash === 'string' ? hash : Reflect.get(Object(hash), 'name')
  if (name === undefined) throw new TypeError('HMAC needs a hash')
  hashNamed(name)
  return String(name).toUpperCase()
}

function bitsOf({ length }: Algorithm, absent: number): number {
  return length === undefined ? absent : Number(length)
}

export const hmac: Cipher = {
  name: 'HMAC',
  usages: ['sign', 'verify'],
  generate(algorithm) {
    const hash = hashNameOf(algorithm)
    const length = bitsOf(algorithm, hashNamed(hash).blockLen * 8)
    if (!(length > 0)) throw new DOMException('a key of no bits is none', 'OperationError')
    const bytes = crypto.getRandomValues(new Uint8Array(Math.ceil(length / 8)))
    return { bytes, algorithm: { name: 'HMAC', hash: { name: hash }, length } }
  },
  import(algorithm, bytes) {
    const hash = hashNameOf(algorithm)
    const length = bitsOf(algorithm, bytes.length * 8)
    if (bytes.length === 0 || length > bytes.length * 8 || length <= bytes.length * 8 - 8) {
      throw new DOMException('the key has another length', 'DataError')
    }
    return { name: 'HMAC', hash: { name: hash }, length }
  },
  jwkName: (algorithm) => `HS${(algorithm as HmacAlgorithm).hash.name.slice('SHA-'.length)}`,
  sign: (key, algorithm, data) => hmacOf(hashNamed((algorithm as HmacAlgorithm).hash.name), key, data),
  verify(key, algorithm, signature, data) {
    const expected = hmacOf(hashNamed((algorithm as HmacAlgorithm).hash.name), key, data)
    if (signature.length !== expected.length) return false
    let different = 0
    for (const [at, byte] of expected.entries()) different |= byte ^ (signature[at] ?? 0)
    return different === 0
  },
}
