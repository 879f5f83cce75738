/**
 * The only way for text that a guest, a file or a server wrote to reach a terminal or a log line. What could move
 * the cursor, reorder or hide text becomes visible: `\x1b`, `\u202e`.
 */

/**
 * C0 and C1 controls, DEL, lone surrogates, line and paragraph separators, annotation marks and whatever Unicode says
 * is not to be seen: direction marks, zero-width characters, fillers, tags. Kept is what makes `❤️` of `❤`.
 */
const UNPRINTABLE = /(?!\ufe0f)[\p{Cc}\p{Cs}\p{Default_Ignorable_Code_Point}\u2028\u2029\ufff9-\ufffb]/gu

export function printable(text: string, options: { readonly newlines?: boolean } = {}): string {
  return text.replace(UNPRINTABLE, (character) => {
    if (options.newlines === true && (character === '\n' || character === '\t')) return character
    return escaped(character)
  })
}

/** A message of several lines behind a word of ours: none of its lines can be taken for one of ours. */
export function printableMessage(text: string): string {
  return printable(text, { newlines: true }).replaceAll('\n', '\n    ')
}

/** JSON on one line, with the same value and nothing in it that printable() would change. */
export function printableJson(json: string): string {
  // Outside of strings JSON is ASCII, so an escape can only land where it is allowed.
  return json.replace(UNPRINTABLE, (character) =>
    character
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  )
}

function escaped(character: string): string {
  if (character === '\n') return '\\n'
  if (character === '\r') return '\\r'
  if (character === '\t') return '\\t'
  const code = character.codePointAt(0) ?? 0
  if (code <= 0xff) return `\\x${code.toString(16).padStart(2, '0')}`
  return code <= 0xffff ? `\\u${code.toString(16).padStart(4, '0')}` : `\\u{${code.toString(16)}}`
}
