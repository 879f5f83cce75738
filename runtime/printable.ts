/**
 * The only way for text that a guest, a file or a server wrote to reach a terminal or a log line. What could move
 * the cursor, reorder or hide text becomes visible: `\x1b`, `\u202e`.
 */

/**
 * C0 and C1 controls, DEL, soft hyphen, the direction marks, zero-width characters that hide text, line and
 * paragraph separators, the byte order mark, lone surrogates and the invisible tag characters.
 */
const UNPRINTABLE =
  /[\p{Cc}\p{Cs}\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu

export function printable(text: string, options: { readonly newlines?: boolean } = {}): string {
  return text.replace(UNPRINTABLE, (character) => {
    if (options.newlines === true && (character === '\n' || character === '\t')) return character
    return escaped(character)
  })
}

function escaped(character: string): string {
  if (character === '\n') return '\\n'
  if (character === '\r') return '\\r'
  if (character === '\t') return '\\t'
  const code = character.codePointAt(0) ?? 0
  if (code <= 0xff) return `\\x${code.toString(16).padStart(2, '0')}`
  return code <= 0xffff ? `\\u${code.toString(16).padStart(4, '0')}` : `\\u{${code.toString(16)}}`
}
