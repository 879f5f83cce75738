/** Markdown that a repository cannot write into: everything that comes from it stands in code spans of one line. */

const CHARS_MAX = 200

function visible(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`
}

/** A code span; its fence is longer than any run of backticks in the text. */
export function code(text: string): string {
  const clipped = text.length > CHARS_MAX ? `${text.slice(0, CHARS_MAX)}…` : text
  // Control characters, marks that turn the direction of writing, and the separators of lines.
  const line = clipped.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, visible)
  const longest = Math.max(0, ...Array.from(line.matchAll(/`+/g), ([run]) => run.length))
  const fence = '`'.repeat(longest + 1)
  const padding = line === '' || line.startsWith('`') || line.endsWith('`') ? ' ' : ''
  return `${fence}${padding}${line}${padding}${fence}`
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}
