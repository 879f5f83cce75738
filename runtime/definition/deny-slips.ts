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

const ESCAPE = 'or write \\ before it if names have it'

const FORMS: readonly SlipForm[] = [
  {
    form: /\([^/()]*\|[^/()]*\)/,
    message: (found) => `${quoted(found)} is no choice: in a path rule \`(\` and \`|\` stand for themselves`,
    hint: 'write {a,b}, or \\( and \\| for the characters',
  },
  {
    form: /[@+?!*]\(|\)[?*+]/,
    message: (found) => `${quoted(found)} repeats no group: in a path rule parentheses stand for themselves`,
    hint: 'write {a,b}, or \\( and \\) for the characters',
  },
  {
    form: /\|/,
    message: () => '`|` is no choice: in a path rule it stands for itself',
    hint: `write {a,b}, ${ESCAPE}`,
  },
  {
    form: /\{[^{},]*\.\.[^{},]*\}/,
    message: (found) => `${quoted(found)} is no range: braces list names, with commas between them`,
    hint: 'write {1,2,3}',
  },
  {
    form: /(?<=^|\/)\^|\.\+|^\$(?!\{)|\$$/,
    message: (found) =>
      `${quoted(found)} stands for itself: a path rule is neither a regular expression nor a shell's word`,
    hint: `leave it out, ${ESCAPE}`,
  },
  {
    form: /^[~#]|^[A-Za-z]:/,
    message: (found) => `${quoted(found)} stands for itself: a path rule is relative to the workspace`,
    hint: `leave it out, ${ESCAPE}`,
  },
  {
    form: /%[^%/]+%|%[\dA-Fa-f]{2}/,
    message: (found) =>
      `${quoted(found)} stands for itself: a path rule holds neither variables nor encoded characters`,
    hint: `write what it stands for, ${ESCAPE}`,
  },
  {
    form: /["'`]/,
    message: (found) => `the quote ${found} is a part of this pattern`,
    hint: `leave it out, ${ESCAPE}`,
  },
  {
    form: /(?:^|\/)\s|\s(?:\/|$)|\{\s|\{[^}]*(?:,\s|\s[,}])/,
    message: () => 'a name in this pattern begins or ends with a space',
    hint: 'leave it out, or write \\ before it if names have it',
  },
]

/** Outside braces, where nothing is a list; `Smith, John` is a name. */
const LIST: SlipForm = {
  form: /[,;](?!\s)|[,;](?=\s+[^,;/]*[*?])/,
  message: (found) => `\`${found}\` separates nothing here: a pattern is one path`,
  hint: `write an item of the list for each, or {a,b}; ${ESCAPE}`,
}

/** Folders that routers of web frameworks name: `[id]`, `[...slug]`, `[[...slug]]`, alone in their segment. */
const ROUTE =
  /^(?:\[(?:\.\.\.)?(?<name>[\p{L}_][\p{L}\p{N}_=-]*)\]|\[\[(?:\.\.\.)?(?<optional>[\p{L}_][\p{L}\p{N}_=-]*)\]\])$/u
/** A range at either end or a usual one anywhere, or one letter in both cases side by side. */
const SET = /^.-.|.-.$|a-[fz]|A-[FZ]|(\p{L})(?!\1)(?i:\1)/u

/** The first slip in a pattern that is well formed. */
export function denySlip(pattern: string): DenySlip | undefined {
  for (const { 0: character, index } of pattern.matchAll(/[^]/gu)) {
    if (printable(character) === character) continue
    const message = `a pattern that denies holds the invisible character ${printable(character)}`
    return { index, message, hint: 'leave it out' }
  }
  for (const { 0: escape, index } of pattern.matchAll(/\\[^]/gu)) {
    if (!/[\p{L}\p{N}.]/u.test(escape)) continue
    const message = `${quoted(escape)} is \`${escape.slice(1)}\` alone: a \`\\\` takes the character behind it literally`
    return { index, message, hint: 'write / between folders' }
  }
  // Of the same length, so that places stay.
  const bare = pattern.replace(/\\[^]/gu, (escape) => 'x'.repeat(escape.length))
  const set = bracketSlip(bare)
  if (set !== undefined) {
    const message = `${quoted(pattern.slice(set.index, set.index + set.length))} is no set of characters: in a path rule brackets stand for themselves`
    return { index: set.index, message, hint: 'write ? or {a,b} for characters, or \\[ and \\] for brackets' }
  }
  const unbraced = bare.replace(/\{[^}]*\}/g, (group) => 'x'.repeat(group.length))
  for (const { form, message, hint } of [...FORMS, LIST]) {
    const found = form.exec(form === LIST.form ? unbraced : bare)
    if (found === null) continue
    const { index } = found
    return { index, message: message(pattern.slice(index, index + found[0].length)), hint }
  }
  return undefined
}

/** The first bracket that is no part of a route's name. */
function bracketSlip(bare: string): { readonly index: number; readonly length: number } | undefined {
  for (const { 0: segment, index } of bare.matchAll(/[^/]+/g)) {
    const found = /\[[^\]]*\]?|\]/.exec(segment)
    if (found === null) continue
    const { name, optional } = ROUTE.exec(segment)?.groups ?? {}
    const word = name ?? optional
    if (word === undefined || SET.test(word)) return { index: index + found.index, length: found[0].length }
  }
  return undefined
}
