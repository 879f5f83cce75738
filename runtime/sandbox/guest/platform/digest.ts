/** The hashes of WebCrypto and of `integrity`. */
import { sha1 } from '@noble/hashes/legacy.js'
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js'

export type Hash = typeof sha1 | typeof sha256 | typeof sha384

/** By WebCrypto's names; undefined for another. */
export function hashOf(name: string): Hash | undefined {
  return HASHES.get(name.toUpperCase())
}

const HASHES: ReadonlyMap<string, Hash> = new Map<string, Hash>([
  ['SHA-1', sha1],
  ['SHA-256', sha256],
  ['SHA-384', sha384],
  ['SHA-512', sha512],
])
