/**
 * How a secret is sealed: AES-256-GCM (NIST SP 800-38D) with a fresh random nonce of 96 bits each time.
 *
 *     plaintext  under a data key, fresh for each version;  associated: purpose, tenant, user, credential, version
 *     data key   under the user's key;                      associated: the same
 *     user's key under the key of the store;                associated: tenant, user
 *
 * What is associated is not stored with what it seals: it is said again at opening, so that bytes that were moved to
 * another row do not open. A key of 256 bits that seals fewer than 2^32 values keeps nonces from meeting (section 8.3).
 */

import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

import { RunAgentError } from '../../errors.ts'

/** AES-256. */
export const KEY_BYTES = 32

const NONCE_BYTES = 12
const TAG_BYTES = 16
const ALGORITHM = 'aes-256-gcm'

/** 32 bytes; a key that is kept is a KeyObject. */
export type Key = Uint8Array | KeyObject

/** Whose key it is. */
export interface Owner {
  readonly tenant: string
  readonly user: string
}

/** Where a secret belongs. Each field is compared byte by byte: nothing is folded or normalised. */
export interface SealContext extends Owner {
  readonly credential: string
  /** Whole, from 1. */
  readonly version: number
  /** Keeps what is sealed for one use from being opened for another. */
  readonly purpose: string
}

/** Both are nonce, ciphertext and tag in one. */
export interface Sealed {
  readonly wrappedKey: Uint8Array
  readonly ciphertext: Uint8Array
}

export function seal(userKey: Key, plaintext: Uint8Array, context: SealContext): Sealed {
  const dataKey = randomBytes(KEY_BYTES)
  try {
    return {
      wrappedKey: encrypt(userKey, dataKey, associatedOf('data-key', context)),
      ciphertext: encrypt(dataKey, plaintext, associatedOf('secret', context)),
    }
  } finally {
    dataKey.fill(0)
  }
}

/** @throws RunAgentError E_CREDENTIAL where any bit of key, bytes or context is another one than at sealing. */
export function open(userKey: Key, sealed: Sealed, context: SealContext): Uint8Array {
  const dataKey = decrypt(userKey, sealed.wrappedKey, associatedOf('data-key', context))
  const plaintext = dataKey && decrypt(dataKey, sealed.ciphertext, associatedOf('secret', context))
  dataKey?.fill(0)
  if (plaintext !== undefined) return plaintext
  throw new RunAgentError(
    'E_CREDENTIAL',
    `version ${context.version} of the credential ${context.credential} of ${context.user} does not open`,
    { hint: 'Its row in the store was changed or moved; store the secret anew.' },
  )
}

/** A key that shows itself in no log. Takes the bytes over: they are overwritten. */
export function secretKey(bytes: Uint8Array): KeyObject {
  const key = createSecretKey(bytes)
  bytes.fill(0)
  return key
}

/** A new random key, wrapped: it never was anywhere else. */
export function makeUserKey(storeKey: Key, owner: Owner): Uint8Array {
  const userKey = randomBytes(KEY_BYTES)
  try {
    return wrapUserKey(storeKey, userKey, owner)
  } finally {
    userKey.fill(0)
  }
}

export function wrapUserKey(storeKey: Key, userKey: Uint8Array, { tenant, user }: Owner): Uint8Array {
  return encrypt(storeKey, userKey, encodeFields(['user-key', tenant, user]))
}

/** @throws RunAgentError E_CREDENTIAL */
export function unwrapUserKey(storeKey: Key, wrapped: Uint8Array, { tenant, user }: Owner): Uint8Array {
  const userKey = decrypt(storeKey, wrapped, encodeFields(['user-key', tenant, user]))
  if (userKey !== undefined) return userKey
  throw new RunAgentError('E_CREDENTIAL', `the key of ${user} in the store of secrets does not open`, {
    hint: 'Its row was changed or moved; restore the store from a copy, or store the secrets of this user anew.',
  })
}

/** Nonce, ciphertext and tag in one. */
export function encrypt(key: Key, plaintext: Uint8Array, associated: Uint8Array): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES })
  cipher.setAAD(associated)
  return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
}

/** undefined where it does not open: then not a byte of it is known. */
export function decrypt(key: Key, bytes: Uint8Array, associated: Uint8Array): Uint8Array | undefined {
  if (bytes.byteLength < NONCE_BYTES + TAG_BYTES) return undefined
  const end = bytes.byteLength - TAG_BYTES
  const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
  decipher.setAAD(associated)
  decipher.setAuthTag(bytes.subarray(end))
  const plaintext = decipher.update(bytes.subarray(NONCE_BYTES, end))
  try {
    return Buffer.concat([plaintext, decipher.final()])
  } catch {
    return undefined
  } finally {
    plaintext.fill(0)
  }
}

/**
 * One byte string for each list of texts and for no other: their number, then each one's length in bytes (32 bits, big
 * endian) and its UTF-8. Throws for a text that has none, since all those would be written alike.
 */
export function encodeFields(fields: readonly string[]): Uint8Array {
  const parts = fields.map((field) => {
    if (!field.isWellFormed()) throw new RunAgentError('E_CREDENTIAL', 'a name is no well-formed Unicode')
    const text = Buffer.from(field, 'utf8')
    return Buffer.concat([length32(text.byteLength), text])
  })
  return Buffer.concat([length32(fields.length), ...parts])
}

function length32(length: number): Uint8Array {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(length)
  return bytes
}

function associatedOf(what: 'data-key' | 'secret', context: SealContext): Uint8Array {
  const { purpose, tenant, user, credential, version } = context
  return encodeFields([what, purpose, tenant, user, credential, String(version)])
}
