/** AES-GCM (W3C Web Cryptography section 29). */
import { gcm } from '@noble/ciphers/aes.js'
import { viewOf } from '../bytes.ts'
import type { Cipher } from '../subtle.ts'
import type { Algorithm } from './crypto-key.ts'

const KEY_BITS: ReadonlySet<number> = new Set([128, 192, 256])
const TAG_BITS = 128

function checkLength(bits: number, name: 'OperationError' | 'DataError'): number {
  if (!KEY_BITS.has(bits)) throw new DOMException('a key of AES has 128, 192 or 256 bits', name)
  return bits
}

function engineOf(key: Uint8Array, { iv, additionalData, tagLength = TAG_BITS }: Algorithm): ReturnType<typeof gcm> {
  const nonce = viewOf(iv)
  const data = additionalData === undefined ? undefined : viewOf(additionalData)
  if (nonce === undefined || (additionalData !== undefined && data === undefined)) {
    throw new TypeError('AES-GCM needs an iv, and data as an ArrayBuffer or a view of one')
  }
  if (tagLength !== TAG_BITS) {
    throw new DOMException(`the sandbox has AES-GCM with tags of ${TAG_BITS} bits`, 'NotSupportedError')
  }
  try {
    return gcm(key, nonce, data)
  } catch {
    throw new DOMException('the iv is too short', 'OperationError')
  }
}

export const aesGcm: Cipher = {
  name: 'AES-GCM',
  usages: ['encrypt', 'decrypt'],
  generate({ length }) {
    const bits = checkLength(Number(length), 'OperationError')
    return { bytes: crypto.getRandomValues(new Uint8Array(bits / 8)), algorithm: { name: 'AES-GCM', length: bits } }
  },
  import: (_algorithm, bytes) => ({ name: 'AES-GCM', length: checkLength(bytes.length * 8, 'DataError') }),
  jwkName: (algorithm) => `A${Number(Reflect.get(algorithm, 'length'))}GCM`,
  encrypt: (key, parameters, data) => engineOf(key, parameters).encrypt(data),
  decrypt(key, parameters, data) {
    try {
      return engineOf(key, parameters).decrypt(data)
    } catch (error) {
      if (error instanceof DOMException || error instanceof TypeError) throw error
      // Why is nobody's business: an attacker would learn from it.
      throw new DOMException('the data cannot be decrypted', 'OperationError')
    }
  },
}
