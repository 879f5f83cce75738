/** The list of public suffixes (publicsuffix.org, private ones included), loaded only for a text that may need it. */
import type { IsPublicSuffix } from './parse-http.ts'

/** Without a wildcard for a host there is nothing to ask, and the list takes longer to load than all else. */
export async function publicSuffixesFor(text: Uint8Array): Promise<IsPublicSuffix | undefined> {
  if (!Buffer.from(text.buffer, text.byteOffset, text.byteLength).includes('*.')) return undefined
  const { getDomain } = await import('tldts')
  // Whether the hosts one label below have owners of their own.
  return (domain) => {
    const below = `a.${domain}`
    const owned = getDomain(below, { allowPrivateDomains: true })
    return owned === null || owned === below
  }
}
