/** `integrity` (Subresource Integrity section 3.3). */
import { hashNamed } from '../subtle/hash.ts'

const STRENGTH = ['sha256', 'sha384', 'sha512']
const WORD = /^(sha256|sha384|sha512)-([A-Za-z0-9+/_-]+={0,2})(?:\?.*)?$/

/**
 * Whether the bytes are those of one of the strongest digests that are named. Throws TypeError where `integrity` names
 * none: it was meant to bind something.
 */
export function hasIntegrity(bytes: Uint8Array, integrity: string): boolean {
  const named = integrity.split(/[\t\n\f\r ]+/).flatMap((word) => {
    const found = WORD.exec(word)
    return found === null ? [] : [{ hash: found[1] ?? '', digest: found[2] ?? '' }]
  })
  if (named.length === 0) throw new TypeError(`integrity: '${integrity}' names no digest, e.g. sha256-…`)
  const strongest = Math.max(...named.map(({ hash }) => STRENGTH.indexOf(hash)))
  return named.some(({ hash, digest }) => {
    if (STRENGTH.indexOf(hash) !== strongest) return false
    const actual = hashNamed(`SHA-${hash.slice('sha'.length)}`)(bytes)
    return btoa(String.fromCharCode(...actual)) === digest.replaceAll('-', '+').replaceAll('_', '/')
  })
}
