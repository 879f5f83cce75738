/**
 * What people write in a deny and mean otherwise. A rule that permits less than was meant shows at once; one that
 * denies less never does. So what a deny holds and other tools read as more than itself must be escaped.
 */
import { printable } from '../printable.ts'
import { quoted } from './node-reader.ts'

export interface DenySlip {
  /** Offset in the pattern. */
  readonly index: number
  readonly message: string
  readonly hint: string
}

interface SlipForm {
  /** What it looks like in a pattern without its escapes. */
  readonly form: RegExp
  readonly message: (found: string) => string
  readonly hint: string
}

const FORMS: readonly SlipForm[] = [
  {
    // A set by its ranges or its negation, or beside wildcards; `app/[id]` alone is an ordinary name of a folder.
    form: /\[(?:[!^][^/]*?|[^/\]]-[^/\]]|[^/\]]*(?:0-9|a-f|a-z|A-F|A-Z)[^/\]]*)\]|(?<=[*?][^/]*)\[[^/]*?\]|\[[^/]*?\](?=[^/]*[*?])/,
    message: (found) => `${quoted(found)} is no set of characters: in a path rule brackets stand for themselves`,
    hint: 'write ? or {a,b} for characters, or \\[ and \\] for brackets',
  },
  {
    form: /\([^/()]*\|[^/()]*\)/,
    message: (found) => `${quoted(found)} is no choice: in a path rule \`(\` and \`|\` stand for themselves`,
    hint: 'write {a,b}, or \\( and \\| for the characters',
  },
  {
    form: /(?:^|\/)\s|\s(?:\/|$)|\{\s|\{[^}]*(?:,\s|\s[,}])/,
    message: () => 'a name in this pattern begins or ends with a space',
    hint: 'leave it out, or write \\ before it if names have it',
  },
]

/** The first slip in a pattern that is well formed. */
export function denySlip(pattern: string): DenySlip | undefined {
  for (const { 0: character, index } of pattern.matchAll(/[^]/gu)) {
    if (printable(character) === character) continue
    const message = `a pattern that denies holds the invisible character ${printable(character)}`
    return { index, message, hint: 'leave it out' }
  }
  for (const { 0: escape, index } of pattern.matchAll(/\\[^]/gu)) {
    if (!/[\p{L}\p{N}]/u.test(escape)) continue
    const message = `${quoted(escape)} is \`${escape.slice(1)}\` alone: a \`\\\` takes the character behind it literally`
    return { index, message, hint: 'write / between folders' }
  }
  // Of the same length, so that places stay.
  const bare = pattern.replace(/\\[^]/gu, (escape) => 'x'.repeat(escape.length))
  for (const { form, message, hint } of FORMS) {
    const found = form.exec(bare)
    if (found === null) continue
    const { index } = found
    return { index, message: message(pattern.slice(index, index + found[0].length)), hint }
  }
  return undefined
}
