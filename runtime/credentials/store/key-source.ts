/** From what the operator holds to 32 bytes: the three ways to the key of the store. */

import { hkdfSync, randomBytes, scrypt } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

import { Decrypter, Encrypter, identityToRecipient } from 'age-encryption'

import { RunAgentError } from '../../errors.ts'
import {
  PASSPHRASE_LENGTH_MIN,
  SCRYPT_BLOCK_SIZE,
  SCRYPT_COST,
  SCRYPT_MEMORY_BYTES_MAX,
  SCRYPT_PARALLELIZATION,
} from '../../limits.ts'
import { KEY_BYTES, secretKey } from './sealing.ts'

/** What the operator holds; the texts of files come from node-store-key.ts. There is no way without any. */
export type KeySource =
  /** 32 bytes as base64url without padding, as `newKeyText` makes them. */
  | { readonly kind: 'key-file'; readonly text: string }
  /** As `age-keygen` writes it: comments, and one line `AGE-SECRET-KEY-1…`. */
  | { readonly kind: 'age-identity'; readonly text: string }
  | { readonly kind: 'passphrase'; readonly text: string }

/** What the database keeps for making the key; useless without the source. */
export interface KeyMaterial {
  /** Random, for each key: two stores with one passphrase have two keys. */
  readonly salt: Uint8Array
  /** A random master key in the age format (age-encryption.org/v1), for `age-identity` alone. */
  readonly master: Uint8Array | undefined
}

const SALT_BYTES = 32
const INFO = 'run-agent store of secrets 1: key'

/** The content of a new key file. */
export function newKeyText(): string {
  return `${randomBytes(KEY_BYTES).toString('base64url')}\n`
}

/** @throws RunAgentError E_CREDENTIAL where the source is not what it should be. */
export async function newMaterial(source: KeySource): Promise<KeyMaterial> {
  const salt = randomBytes(SALT_BYTES)
  if (source.kind !== 'age-identity') return { salt, master: undefined }
  const identity = identityOf(source.text)
  try {
    const encrypter = new Encrypter()
    encrypter.addRecipient(await identityToRecipient(identity))
    return { salt, master: await encrypter.encrypt(randomBytes(KEY_BYTES)) }
  } catch {
    // The library's own message may quote the identity.
    throw badIdentity('holds no valid age identity')
  }
}

/** @throws RunAgentError E_CREDENTIAL where the source is not what it should be, or does not open the master key. */
export async function deriveStoreKey(source: KeySource, { salt, master }: KeyMaterial): Promise<KeyObject> {
  switch (source.kind) {
    case 'key-file':
      return derive(keyBytesOf(source.text), salt)
    case 'age-identity': {
      const identity = identityOf(source.text)
      // Who knows the recipient can make another master key, but not with the identity in it.
      return derive(Buffer.concat([await openMaster(identity, master), Buffer.from(identity)]), salt)
    }
    case 'passphrase':
      return derive(await stretch(source.text, salt), salt)
  }
}

function derive(secret: Uint8Array, salt: Uint8Array): KeyObject {
  return secretKey(new Uint8Array(hkdfSync('sha256', secret, salt, INFO, KEY_BYTES)))
}

function keyBytesOf(text: string): Uint8Array {
  const bytes = Buffer.from(text.trimEnd(), 'base64url')
  if (bytes.byteLength === KEY_BYTES && bytes.toString('base64url') === text.trimEnd()) return bytes
  throw new RunAgentError('E_CREDENTIAL', 'the key file of the store does not hold 32 bytes as base64url', {
    hint: 'Name the file that was made with the store. A new one opens none of the secrets in it.',
  })
}

function identityOf(text: string): string {
  const lines = text.split('\n').map((line) => line.trim())
  const [identity, ...more] = lines.filter((line) => line !== '' && !line.startsWith('#'))
  if (identity === undefined || !/^AGE-SECRET-KEY-1[0-9A-Z]+$/.test(identity)) {
    throw badIdentity('holds no age identity (AGE-SECRET-KEY-1…)')
  }
  if (more.length > 0) throw badIdentity('holds more than one line')
  return identity
}

async function openMaster(identity: string, master: Uint8Array | undefined): Promise<Uint8Array> {
  let opened: Uint8Array | undefined
  try {
    const decrypter = new Decrypter()
    decrypter.addIdentity(identity)
    opened = master && (await decrypter.decrypt(master))
  } catch {
    // Below, without the library's own message.
  }
  if (opened?.byteLength === KEY_BYTES) return opened
  throw new RunAgentError('E_CREDENTIAL', 'the age identity does not open the key of the store', {
    hint: 'Name the identity file that the store was made with.',
  })
}

function badIdentity(what: string): RunAgentError {
  return new RunAgentError('E_CREDENTIAL', `the identity file of the store ${what}`, {
    hint: 'Name a file as age-keygen writes it, with one X25519 identity.',
  })
}

/** scrypt (RFC 7914); the text in NFC, so that every keyboard spells it alike. */
function stretch(passphrase: string, salt: Uint8Array): Promise<Uint8Array> {
  if (Array.from(passphrase).length < PASSPHRASE_LENGTH_MIN) {
    throw new RunAgentError('E_CREDENTIAL', `the passphrase has fewer than ${PASSPHRASE_LENGTH_MIN} characters`, {
      hint: 'Take several random words.',
    })
  }
  const options = {
    cost: SCRYPT_COST,
    blockSize: SCRYPT_BLOCK_SIZE,
    parallelization: SCRYPT_PARALLELIZATION,
    maxmem: SCRYPT_MEMORY_BYTES_MAX,
  }
  return new Promise((resolve, reject) => {
    scrypt(passphrase.normalize('NFC'), salt, KEY_BYTES, options, (error, key) => {
      if (error === null) resolve(key)
      else reject(new RunAgentError('E_CREDENTIAL', 'scrypt failed: it needs 128 MB of memory'))
    })
  })
}
