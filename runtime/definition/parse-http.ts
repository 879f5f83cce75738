/** The HTTP rules of one tool: `http`, `request`, `redirects` and `headers`. */

import { PATTERNS_PER_LIST_MAX } from '../limits.ts'
import type { HeaderRule, HttpRule, Network } from '../policy/grant.ts'
import { forbiddenHeader } from '../policy/http-header.ts'
import { compileHttpRule, coversRule, type HttpPattern } from '../policy/http-rule.ts'
import type { HttpRulePieces, Piece, RuleMistake } from '../policy/http-rule-pieces.ts'
import { offsetWithin } from './check-rules.ts'
import { readTemplate, replaced, type Expand, type Replacement } from './http-template.ts'
import { quoted, type Field, type NodeReader } from './node-reader.ts'

/** A tool without code. */
export interface RequestRule {
  /** The request, with `{name}` where an argument stands. */
  readonly request: HttpRule
  /** What such requests amount to: any one segment, or any value, in place of each argument. */
  readonly http: HttpRule
  /** Each name once. */
  readonly args: readonly string[]
}

/** Whether anybody can have a host below the domain, as below `com` and `github.io`. */
export type IsPublicSuffix = (domain: string) => boolean

/** What HTTP rules are read with. */
export interface HttpReading {
  readonly reader: NodeReader
  readonly expand: Expand
  readonly isPublicSuffix: IsPublicSuffix
  /** The operator's. */
  readonly networks: readonly Network[]
}

/** Undefined if a problem was noted; so with each reader here. */
export function readHttpRules(reading: HttpReading, field: Field): readonly HttpRule[] | undefined {
  const { isPublicSuffix } = reading
  return readRules(reading, field, [], ({ host, isWildcard }) => {
    if (!isWildcard || !isPublicSuffix(host)) return undefined
    const hint = 'name the hosts, or a domain that has one owner'
    return { message: `${quoted(host)} is a public suffix: anybody can have a host below it`, hint }
  })
}

/** What a credential is for: hosts that the operator names one by one, for whoever has one of them learns it. */
export function readCredentialRules(
  reader: NodeReader,
  field: Field,
  networks: readonly Network[],
): readonly HttpRule[] | undefined {
  const expand: Expand = (template, _part, at) => {
    const index = template.indexOf('${')
    if (index < 0) return template
    return void reader.problems.add(at(index), 'the rules of a credential hold no settings')
  }
  const reading = { reader, expand, isPublicSuffix: () => true, networks }
  return readRules(reading, field, [], ({ isWildcard }) => {
    if (!isWildcard) return undefined
    return { message: 'a credential is for hosts that are named', hint: 'write one rule for each host' }
  })
}

/** `http`: the rules of the same tool; undefined where they have problems of their own. */
export function readRedirects(
  reading: HttpReading,
  field: Field,
  http: readonly HttpRule[] | undefined,
): readonly HttpRule[] | undefined {
  if (!canTakeEffect(reading.reader, field, http)) return undefined
  return readRules(reading, field, http ?? [], ({ methods }) => {
    if (methods.size === 1 && methods.has('GET')) return undefined
    return { message: 'a redirect is followed by GET alone', hint: 'begin the rule with GET' }
  })
}

/** As `readRedirects`. */
export function readHeaders(
  { reader, expand }: HttpReading,
  field: Field,
  http: readonly HttpRule[] | undefined,
): readonly HeaderRule[] | undefined {
  const entries = canTakeEffect(reader, field, http) ? reader.entries(field) : undefined
  if (entries === undefined) return undefined
  if (entries.length === 0) return void reader.problems.add(field.at, '`headers` is empty')
  const seen = new Map<string, Field>()
  return allOf(
    entries.map((entry): HeaderRule | undefined => {
      const name = readHeaderName(reader, entry, seen)
      const value = readHeaderValue(reader, entry, expand)
      if (name === undefined || value === undefined) return undefined
      return { name, value: value === '*' ? undefined : value, place: reader.problems.placeOf(entry.at) }
    }),
  )
}

/** `METHOD URL`, one of each; `{name}` in it is one argument, as a whole segment or as the whole value of a key. */
export function readRequest({ reader, expand, networks }: HttpReading, field: Field): RequestRule | undefined {
  const template = readTemplate(reader, field, expand)
  if (template === undefined) return undefined
  const { pieces, text, note } = template
  const mistake = requestMistake(pieces)
  if (mistake !== undefined) return note(mistake)
  const args = argumentsIn(pieces)
  const rule = replaced(
    text,
    args.map(({ replacement }) => replacement),
  )
  const compiled = compileHttpRule(rule.text, networks)
  if (!compiled.ok) return note({ ...compiled.mistake, offset: rule.originOf(compiled.mistake.offset) })
  const place = reader.problems.placeOf(field.at)
  return {
    request: { rule: text, place },
    http: { rule: rule.text, place },
    args: [...new Set(args.map(({ name }) => name))],
  }
}

interface ReadRule extends HttpRule {
  readonly pattern: HttpPattern
  readonly at: number
}

/** What one kind of rule asks beyond the grammar. */
type Refusal = (pattern: HttpPattern) => Omit<RuleMistake, 'offset'> | undefined

/** The rules of one list; each must permit something that neither another one nor one of `others` does. */
function readRules(
  reading: HttpReading,
  field: Field,
  others: readonly HttpRule[],
  refusal: Refusal,
): readonly HttpRule[] | undefined {
  const { reader, networks } = reading
  const items = reader.items(field)
  const surplus = items?.[PATTERNS_PER_LIST_MAX]
  if (surplus !== undefined) {
    reader.problems.add(surplus.at, `\`${field.key}\` holds more than ${PATTERNS_PER_LIST_MAX} rules`)
    return undefined
  }
  const rules = items && allOf(items.map((item) => readRule(reading, item, refusal)))
  if (rules === undefined) return undefined
  const compiled = others.flatMap(({ rule }) => {
    const result = compileHttpRule(rule, networks)
    return result.ok ? [{ rule, pattern: result.pattern }] : []
  })
  const needless = rules.filter((rule, index) => noteNeedless(reader, rule, index, rules, compiled))
  return needless.length > 0 ? undefined : rules.map(({ rule, place }) => ({ rule, place }))
}

function readRule({ reader, expand, networks }: HttpReading, item: Field, refusal: Refusal): ReadRule | undefined {
  const template = readTemplate(reader, item, expand)
  if (template === undefined) return undefined
  const compiled = compileHttpRule(template.text, networks)
  if (!compiled.ok) return template.note(compiled.mistake)
  const refused = refusal(compiled.pattern)
  if (refused !== undefined) return template.note({ offset: 0, ...refused })
  return { rule: template.text, place: reader.problems.placeOf(item.at), pattern: compiled.pattern, at: item.at }
}

/** Whether another rule covers this one whole, so that it could never be the reason for anything. */
function noteNeedless(
  reader: NodeReader,
  { rule, pattern, at }: ReadRule,
  index: number,
  rules: readonly ReadRule[],
  others: readonly Pick<ReadRule, 'rule' | 'pattern'>[],
): boolean {
  const needless = (by: string): true => {
    reader.problems.add(at, `${quoted(rule)} can never be the reason for anything: ${by} covers all of it`)
    return true
  }
  // Of two that say the same the second is needless.
  const wider = rules.find(
    (other, otherIndex) =>
      coversRule(other.pattern, pattern) && (otherIndex < index || !coversRule(pattern, other.pattern)),
  )
  if (wider !== undefined) {
    const line = reader.problems.lineOf(wider.at)
    if (wider.rule !== rule) return needless(`${quoted(wider.rule)} in line ${line}`)
    reader.problems.add(at, `${quoted(rule)} is written twice, first in line ${line}`)
    return true
  }
  const other = others.find((candidate) => coversRule(candidate.pattern, pattern))
  return other === undefined ? false : needless(`${quoted(other.rule)} of the tool's own requests`)
}

function canTakeEffect(reader: NodeReader, field: Field, http: readonly HttpRule[] | undefined): boolean {
  if (http?.length !== 0) return true
  reader.problems.add(field.at, `${quoted(field.key)} can never take effect: the tool has no \`http\` rule`)
  return false
}

const ARGUMENT = /^\{([A-Za-z_][A-Za-z0-9_]*)\}$/

interface Argument {
  readonly name: string
  readonly replacement: Replacement
}

/** In the order of the text. */
function argumentsIn({ segments, pairs }: HttpRulePieces): readonly Argument[] {
  const values = pairs.flatMap((pair) => pair.values ?? [])
  return [
    ...segments.flatMap((piece) => argumentOf(piece, { at: piece.at, length: piece.text.length, text: '*' })),
    // A rule writes a key with any value without the `=`.
    ...values.flatMap((piece) => argumentOf(piece, { at: piece.at - 1, length: piece.text.length + 1, text: '' })),
  ]
}

function argumentOf({ text }: Piece, replacement: Replacement): readonly Argument[] {
  const name = ARGUMENT.exec(text)?.[1]
  return name === undefined ? [] : [{ name, replacement }]
}

/** What makes a request one of several. */
function requestMistake({
  methods,
  host,
  port,
  segments,
  query,
  pairs,
  graphql,
}: HttpRulePieces): RuleMistake | undefined {
  if (methods[1] !== undefined) return { message: 'a request has one method', offset: methods[1].at }
  if (graphql !== undefined) {
    const hint = 'a GraphQL part is for a tool with code'
    return { message: 'behind the URL of a request stands nothing', offset: graphql.at, hint }
  }
  const hint = 'write {name} as a whole segment, or as a whole value behind `key=`'
  const star = [host, ...segments, ...(query === undefined ? [] : [query])].find(({ text }) => text.includes('*'))
  if (star !== undefined) {
    return { message: 'a request is one URL, without `*`', offset: star.at + star.text.indexOf('*'), hint }
  }
  const loose = pairs.find(({ values }) => values?.length !== 1)
  if (loose !== undefined) {
    return { message: 'each query key of a request has one value', offset: loose.key.at, hint: 'as in page={page}' }
  }
  const others = [host, ...(port === undefined ? [] : [port]), ...pairs.map(({ key }) => key)]
  const places = [...segments, ...pairs.flatMap(({ values }) => values ?? [])].filter(
    ({ text }) => !ARGUMENT.test(text),
  )
  const stray = [...others, ...places].find(({ text }) => /[{}]/.test(text))
  if (stray === undefined) return undefined
  const offset = stray.at + stray.text.search(/[{}]/)
  return { message: 'an argument of a request stands for one whole segment or value', offset, hint }
}

const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/
const HEADER_VALUE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/

function readHeaderName(reader: NodeReader, entry: Field, seen: Map<string, Field>): string | undefined {
  const { key, at } = entry
  const refuse = (message: string): undefined => void reader.problems.add(at, message)
  const name = key.toLowerCase()
  if (!HEADER_NAME.test(key)) return refuse(`${quoted(key)} is not the name of an HTTP header`)
  const why = forbiddenHeader(name)
  if (why !== undefined) return refuse(`no definition sets the header ${quoted(key)}: ${why}`)
  const first = seen.get(name)
  if (first !== undefined) {
    return refuse(`the header ${quoted(key)} is written twice, first in line ${reader.problems.lineOf(first.at)}`)
  }
  seen.set(name, entry)
  return name
}

/** `*` alone leaves the value to the tool. */
function readHeaderValue(reader: NodeReader, entry: Field, expand: Expand): string | undefined {
  const written = reader.text(entry)
  if (written === undefined) return undefined
  if (!HEADER_VALUE.test(written)) {
    const message = 'the value of a header is printable ASCII, without spaces around it'
    return void reader.problems.add(entry.valueAt, message)
  }
  if (!written.includes('${')) return written
  return expand(written, 'header', (index) => offsetWithin(reader, entry, written, index))
}

function allOf<Value>(values: readonly (Value | undefined)[]): readonly Value[] | undefined {
  return values.every((value) => value !== undefined) ? values : undefined
}
