/** The text of an HTTP rule or request as a definition writes it: its settings are put in place, one piece each. */

import { PATTERN_LENGTH_MAX } from '../limits.ts'
import { splitHttpRule, type HttpRulePieces, type Piece, type RuleMistake } from '../policy/http-rule-pieces.ts'
import { offsetWithin } from './check-rules.ts'
import { quoted, type Field, type NodeReader } from './node-reader.ts'

/**
 * A text with every `${name}` replaced and written as that part of a rule takes it; undefined if a problem was noted,
 * for which `at` tells where a character of the text stands.
 */
export type Expand = (
  template: string,
  part: 'host' | 'segment' | 'query' | 'header',
  at: (index: number) => number,
) => string | undefined

export interface HttpTemplate {
  /** With every setting in place. */
  readonly text: string
  readonly pieces: HttpRulePieces
  /** Notes a mistake whose offset is one of `text`. */
  readonly note: (mistake: RuleMistake) => undefined
}

export interface Replacement {
  readonly at: number
  readonly length: number
  readonly text: string
}

const SETTING = /\$\{[^}]*\}?/g
const SETTING_FORM = /^\$\{[a-z][a-z0-9_]*\}$/

/** Undefined if a problem was noted. */
export function readTemplate(reader: NodeReader, item: Field, expand: Expand): HttpTemplate | undefined {
  const written = reader.text(item)
  if (written === undefined) return undefined
  const at = (index: number): number => offsetWithin(reader, item, written, index)
  const note = ({ message, offset, hint }: RuleMistake): undefined =>
    void reader.problems.add(at(offset), message, hint)
  if (written.length > PATTERN_LENGTH_MAX) {
    return note({ message: `a rule has at most ${PATTERN_LENGTH_MAX} characters`, offset: 0 })
  }
  const settings = [...written.matchAll(SETTING)].map((match): Piece => ({ text: match[0], at: match.index }))
  const malformed = settings.find(({ text }) => !SETTING_FORM.test(text))
  if (malformed !== undefined) {
    return note({ message: `${quoted(malformed.text)} names no setting`, offset: malformed.at, hint: 'write ${name}' })
  }
  const template = splitHttpRule(written)
  if (!template.ok) return note(template.mistake)
  const replacements = settings.map((setting): Replacement | undefined => {
    const place = placeOf(template.pieces, setting)
    if (typeof place !== 'string') return note({ ...place, offset: setting.at })
    const text = expand(setting.text, place, (index) => at(setting.at + index))
    return text === undefined ? undefined : { at: setting.at, length: setting.text.length, text }
  })
  if (!replacements.every((replacement) => replacement !== undefined)) return undefined
  const { text, originOf } = replaced(written, replacements)
  const noteIn = (mistake: RuleMistake): undefined => note({ ...mistake, offset: originOf(mistake.offset) })
  const split = splitHttpRule(text)
  return split.ok ? { text, pieces: split.pieces, note: noteIn } : noteIn(split.mistake)
}

/** The text with the replacements, which are in order, and where a character of it came from. */
export function replaced(
  text: string,
  replacements: readonly Replacement[],
): { readonly text: string; readonly originOf: (offset: number) => number } {
  let result = ''
  let done = 0
  for (const { at, length, text: replacement } of replacements) {
    result += text.slice(done, at) + replacement
    done = at + length
  }
  const originOf = (offset: number): number => {
    let shift = 0
    for (const { at, length, text: replacement } of replacements) {
      if (offset < at + shift) break
      if (offset < at + shift + replacement.length) return at
      shift += replacement.length - length
    }
    return offset - shift
  }
  return { text: result + text.slice(done), originOf }
}

/** What the setting stands for, or why it may not stand there. */
function placeOf(
  { scheme, host, segments, pairs }: HttpRulePieces,
  setting: Piece,
): 'host' | 'segment' | 'query' | Omit<RuleMistake, 'offset'> {
  const isAll = (piece: Piece): boolean => piece.at === setting.at && piece.text === setting.text
  if (isAll(host)) {
    if (scheme.text === 'https') return 'host'
    return { message: 'http is for a literal loopback address, and a setting is none', hint: 'write https' }
  }
  if (segments.some((segment) => isAll(segment) || isStem(segment, setting))) return 'segment'
  if (pairs.some(({ values }) => values?.some(isAll))) return 'query'
  const hint = 'what stands before the extension of a segment is whole as well'
  return { message: 'a setting stands for a whole host, a whole segment or a whole value of a query key', hint }
}

/** `${name}.json` */
function isStem({ text, at }: Piece, setting: Piece): boolean {
  return at === setting.at && text.startsWith(`${setting.text}.`)
}
