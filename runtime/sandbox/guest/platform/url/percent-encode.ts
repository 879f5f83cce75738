/** URL section 1.3, where the encoding is UTF-8. */

/** `isInSet` says of a code point whether it is escaped. */
export function percentEncodeAfterEncoding(
  _encoding: string,
  input: string,
  percentEncodeSet: string,
  spaceAsPlus = false,
): string {
  return Array.from(new TextEncoder().encode(input), (byte) => {
    if (spaceAsPlus && byte === 0x20) return '+'
    const character = String.fromCharCode(byte)
    const isEscaped = byte < 0x20 || byte > 0x7e || percentEncodeSet.includes(character)
    return isEscaped ? `%${byte.toString(16).toUpperCase().padStart(2, '0')}` : character
  }).join('')
}
