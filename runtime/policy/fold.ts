/**
 * Names as a file system that ignores case or normal form compares them. Two foldings, because such file systems
 * differ in whether `ß` equals `ss`; a denying rule holds under either.
 */

/** Code points that HFS+ leaves out of a comparison: `.g<U+200C>it` is `.git` there. */
const IGNORED = /[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g

/** Case folding that keeps the number of code points, in NFC. */
export function simpleFold(text: string): string {
  const plain = text.normalize('NFC').replace(IGNORED, '')
  if (isAscii(plain)) return plain.toLowerCase()
  return Array.from(plain, foldCodePoint).join('').normalize('NFC')
}

/** Case folding in which one code point may become several, in NFC. */
export function fullFold(text: string): string {
  const plain = text.normalize('NFC').replace(IGNORED, '')
  return plain.toUpperCase().toLowerCase().normalize('NFC')
}

/** Every form under which a name must be looked up in a list of folded names. */
export function foldings(text: string): readonly string[] {
  if (isAscii(text)) return [text.toLowerCase()]
  const simple = simpleFold(text)
  const full = fullFold(text)
  return simple === full ? [simple] : [simple, full]
}

export function isAscii(text: string): boolean {
  // oxlint-disable-next-line no-control-regex
  return /^[\0-\x7f]*$/.test(text)
}

function foldCodePoint(character: string): string {
  const upper = single(character.toUpperCase(), character)
  return single(upper.toLowerCase(), upper)
}

function single(folded: string, original: string): string {
  return Array.from(folded).length === 1 ? folded : original
}
