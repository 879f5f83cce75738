/**
 * Names as a file system that ignores case or normal form compares them. Two foldings, because such file systems
 * differ in whether `ß` equals `ss`; a denying rule holds under either.
 */

/** Code points that HFS+ leaves out of a comparison: `.g<U+200C>it` is `.git` there. */
const IGNORED = /[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g

export type Fold = (text: string) => string

/** Case folding that keeps the number of code points, in NFC. */
export const simpleFold: Fold = (text) => folded(text, foldCodePoint)

/** Case folding in which one code point may become several, in NFC. */
export const fullFold: Fold = (text) => folded(text, (character) => character.toLowerCase().toUpperCase().toLowerCase())

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

/** Each code point by itself: the fold of a part of a name is that part of its fold, whatever stands around it. */
function folded(text: string, fold: (character: string) => string): string {
  if (isAscii(text)) return text.toLowerCase()
  return Array.from(text.replace(IGNORED, '').normalize('NFC'), fold).join('').normalize('NFC')
}

function foldCodePoint(character: string): string {
  const upper = single(character.toUpperCase(), character)
  return single(upper.toLowerCase(), upper)
}

function single(folded: string, original: string): string {
  return Array.from(folded).length === 1 ? folded : original
}
