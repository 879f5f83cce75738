/** `args` of a tool: JSON Schemas that narrow its own parameters, one for each argument. */
import { checkSchema, type JsonSchema } from '../tool/check-schema.ts'
import type { ArgumentRule } from './definition.ts'
import { readJson } from './json-node.ts'
import { quoted, type Field, type NodeReader } from './node-reader.ts'
import { isConstantSetting, type Settings } from './settings.ts'

/** Keywords of JSON Schema that describe and deny nothing. */
const DENY_NOTHING = new Set([
  '$schema',
  '$comment',
  '$id',
  'title',
  'description',
  'default',
  'examples',
  'deprecated',
  'readOnly',
  'writeOnly',
])

/** `isOwn`: they narrow nothing, but are the parameters themselves, so a type alone says something. */
export function readArgs(reader: NodeReader, field: Field, settings: Settings, isOwn = false): readonly ArgumentRule[] {
  const entries = reader.entries(field) ?? []
  if (entries.length === 0) reader.problems.add(field.at, '`args` is empty')
  return entries.flatMap((entry) => readArgument(reader, entry, settings, isOwn))
}

function readArgument(reader: NodeReader, entry: Field, settings: Settings, isOwn: boolean): readonly ArgumentRule[] {
  const { problems } = reader
  const json = readJson(reader, entry)
  if (json === undefined) return []
  const found = checkSchema(json.value).map(({ pointer, message }) => ({
    at: json.at(pointer),
    message: `${pointer} ${message}`,
  }))
  for (const { at, message } of found) problems.add(at, `${quoted(entry.key)}: ${message.trimStart()}`)
  if (found.length > 0) return []
  const schema = json.value as JsonSchema
  const idle = isOwn && isTypeAlone(schema) ? [] : idleKeywords(schema)
  for (const { pointer, message } of idle) problems.add(json.at(pointer), message)
  const bound = withSettings(schema, (text, pointer) => {
    const at = json.at(pointer)
    if (!HOLDS_PLACEHOLDER.test(text)) {
      return text.replaceAll(/\\\\|\\\$(?=\{)/g, (found) => (found === '\\$' ? '$' : found))
    }
    if (isConstantSetting(text)) return settings.expand(text, 'text', () => at)
    return void problems.add(at, `${quoted(text)} is not one setting alone`, 'write "${name}"; \\${ is a literal ${')
  })
  if (idle.length > 0 || bound === undefined) return []
  return [{ argument: entry.key, schema: bound as JsonSchema, place: problems.placeOf(entry.at) }]
}

/** `${` with no backslash that takes it literally. */
const HOLDS_PLACEHOLDER = /(?<!\\)(?:\\\\)*\$\{/

/** Expressions that every text matches. */
const MATCH_ALL = new Set(['', '^', '$', '(?:)', '.*', '.*?', '.?', '^.*', '^.*?', '^.?', '.*$', '.?$'])
for (const any of ['[^]*', '[\\s\\S]*', '[\\S\\s]*', '[\\d\\D]*', '[\\w\\W]*']) {
  for (const pattern of [any, `^${any}`, `${any}$`, `^${any}$`]) MATCH_ALL.add(pattern)
}

interface Idle {
  readonly pointer: string
  readonly message: string
}

/** Where a schema stands: for the argument itself, for a part of it, or within a `not`, where a choice can deny. */
type Standing = 'argument' | 'part' | 'negated'

/** What is written as if it denied something and cannot. */
function idleKeywords(schema: JsonSchema, pointer = '', standing: Standing = 'argument'): readonly Idle[] {
  const keywords = Object.keys(schema)
  if (keywords.length === 0) return [{ pointer, message: 'an empty schema denies nothing' }]
  const idle = Object.entries(schema).flatMap(([keyword, held]): readonly Idle[] => {
    const at = `${pointer}/${keyword}`
    if (keyword === '$ref' || keyword === '$defs') {
      return [{ pointer: at, message: 'a rule stands by itself: write the schema out' }]
    }
    if (isIdle(keyword, held, schema)) return [{ pointer: at, message: `${quoted(keyword)} denies nothing here` }]
    const why = standing === 'negated' ? undefined : openChoice(keyword, held)
    const own = why === undefined ? [] : [{ pointer: at, message: `${quoted(keyword)} denies nothing here: ${why}` }]
    return [...own, ...idleBelow(keyword, held, at, standing)]
  })
  if (standing !== 'argument' || !isTypeAlone(schema)) return idle
  return [...idle, { pointer, message: 'a type alone denies nothing that the tool permits' }]
}

function isIdle(keyword: string, held: unknown, { additionalProperties }: JsonSchema): boolean {
  if (DENY_NOTHING.has(keyword)) return true
  switch (keyword) {
    case 'minLength':
    case 'minItems':
      return held === 0
    case 'uniqueItems':
    case 'not':
      return held === false
    case 'pattern':
      return MATCH_ALL.has(String(held))
    case 'required':
      return isEmpty(held)
    case 'additionalProperties':
      return permitsAll(held)
    case 'items':
    case 'propertyNames':
      return held === true
    case 'allOf':
    case 'prefixItems':
      return Array.isArray(held) && held.every(permitsAll)
    case 'properties':
      // Beside `additionalProperties` a name alone says something.
      return (
        additionalProperties === undefined && isSchema(held) && Object.values(held).every((inner) => inner === true)
      )
    default:
      return false
  }
}

/** Why one choice of an `anyOf` or `oneOf` makes the others pointless. */
function openChoice(keyword: string, held: unknown): string | undefined {
  if (!CHOICES.has(keyword) || !Array.isArray(held)) return undefined
  if (held.some(permitsAll)) return 'one of its choices permits everything'
  return held.some((choice) => isSchema(choice) && isTypeAlone(choice))
    ? 'one of its choices is a type alone'
    : undefined
}

const CHOICES = new Set(['anyOf', 'oneOf'])

/** Keywords whose schemas are for a part of the value; those of the others are for the value itself. */
const OF_PARTS = new Set(['items', 'additionalProperties', 'propertyNames', 'prefixItems', 'properties'])

function idleBelow(keyword: string, held: unknown, at: string, standing: Standing): readonly Idle[] {
  const isList = CHOICES.has(keyword) || keyword === 'allOf' || keyword === 'prefixItems'
  if (!isList && !OF_PARTS.has(keyword) && keyword !== 'not') return []
  const inner =
    standing === 'negated' || keyword === 'not'
      ? 'negated'
      : standing === 'argument' && keyword === 'allOf'
        ? 'argument'
        : 'part'
  const below = isList || keyword === 'properties' ? Object.entries(held as object) : [['', held] as const]
  return below.flatMap(([name, item]: readonly [string, unknown]) => {
    const place = name === '' ? at : `${at}/${name}`
    if (keyword === 'allOf' && item === true) return [{ pointer: place, message: '`true` denies nothing' }]
    // Of a choice that permits everything the list tells.
    return isSchema(item) && !(CHOICES.has(keyword) && isEmpty(item)) ? idleKeywords(item, place, inner) : []
  })
}

function isTypeAlone(schema: JsonSchema): boolean {
  return Object.keys(schema).every((keyword) => keyword === 'type')
}

function permitsAll(schema: unknown): boolean {
  return schema === true || isEmpty(schema)
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
}

/** `const` and the values of `enum` may be settings, at any depth. Undefined if a problem was noted. */
function withSettings(value: unknown, expand: (text: string, pointer: string) => string | undefined): unknown {
  let isGood = true
  const text = (written: string, pointer: string): string => {
    const expanded = expand(written, pointer)
    if (expanded === undefined) isGood = false
    return expanded ?? written
  }
  const constant = (held: unknown, pointer: string): unknown => {
    if (typeof held === 'string') return text(held, pointer)
    if (Array.isArray(held)) return held.map((item: unknown, index) => constant(item, `${pointer}/${index}`))
    if (!isSchema(held)) return held
    return Object.fromEntries(
      Object.entries(held).map(([key, item]) => [text(key, pointer), constant(item, `${pointer}/${key}`)]),
    )
  }
  const each = (schemas: JsonSchema, pointer: string): JsonSchema =>
    Object.fromEntries(Object.entries(schemas).map(([name, inner]) => [name, visit(inner, `${pointer}/${name}`)]))
  const visit = (schema: unknown, pointer: string): unknown => {
    if (Array.isArray(schema)) return schema.map((inner: unknown, index) => visit(inner, `${pointer}/${index}`))
    if (!isSchema(schema)) return schema
    return Object.fromEntries(
      Object.entries(schema).map(([keyword, held]) => {
        const at = `${pointer}/${keyword}`
        if (keyword === 'const' || keyword === 'enum') return [keyword, constant(held, at)]
        return [keyword, keyword === 'properties' && isSchema(held) ? each(held, at) : visit(held, at)]
      }),
    )
  }
  const bound = visit(value, '')
  return isGood ? bound : undefined
}
