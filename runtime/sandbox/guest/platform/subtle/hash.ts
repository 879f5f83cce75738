/** The hashes, which `integrity` of fetch needs as well: a part that both load. */
import type { Hash, hashOf as HashOf } from '../digest.ts'
import { runtime } from '../runtime.ts'

/** By WebCrypto's name, e.g. `SHA-256`; throws NotSupportedError for another. */
export function hashNamed(name: unknown): Hash {
  const { hashOf } = runtime.part('digest') as { readonly hashOf: typeof HashOf }
  const found = hashOf(String(name))
  if (found === undefined) throw new DOMException(`the sandbox has no hash ${String(name)}`, 'NotSupportedError')
  return found
}
