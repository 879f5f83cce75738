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

export function readArgs(reader: NodeReader, field: Field, settings: Settings): readonly ArgumentRule[] {
  const entries = reader.entries(field) ?? []
  if (entries.length === 0) reader.problems.add(field.at, '`args` is empty')
  return entries.flatMap((entry) => readArgument(reader, entry, settings))
}

function readArgument(reader: NodeReader, entry: Field, settings: Settings): readonly ArgumentRule[] {
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
  const idle = idleKeywords(schema)
  for (const { pointer, message } of idle) problems.add(json.at(pointer), message)
  const bound = withSettings(schema, (text) => settings.expand(text, 'text', () => entry.valueAt))
  if (idle.length > 0 || bound === undefined) return []
  return [{ argument: entry.key, schema: bound as JsonSchema, place: problems.placeOf(entry.at) }]
}

/** What is written as if it denied something and cannot. */
function idleKeywords(
  schema: JsonSchema,
  pointer = '',
): readonly { readonly pointer: string; readonly message: string }[] {
  const idle: { pointer: string; message: string }[] = []
  const isType = (keyword: string): boolean => keyword === 'type'
  for (const [keyword, held] of Object.entries(schema)) {
    const at = `${pointer}/${keyword}`
    const isZero = /^min(?:Length|Items)$/.test(keyword) && held === 0
    const isOpen = keyword === 'additionalProperties' && (held === true || isEmpty(held))
    const isVacuous = (keyword === 'uniqueItems' && held === false) || (keyword === 'required' && isEmpty(held))
    if (DENY_NOTHING.has(keyword) || isZero || isOpen || isVacuous) {
      idle.push({ pointer: at, message: `${quoted(keyword)} denies nothing here` })
    }
    if (['items', 'additionalProperties', 'propertyNames'].includes(keyword) && isSchema(held) && !isOpen) {
      idle.push(...idleKeywords(held, at))
    }
    if (['allOf', 'prefixItems'].includes(keyword) && Array.isArray(held)) {
      held.forEach((inner: unknown, index) => isSchema(inner) && idle.push(...idleKeywords(inner, `${at}/${index}`)))
    }
    if (
      ['anyOf', 'oneOf'].includes(keyword) &&
      Array.isArray(held) &&
      held.some((inner) => inner === true || isEmpty(inner))
    ) {
      idle.push({
        pointer: at,
        message: `${quoted(keyword)} denies nothing here: one of its choices permits everything`,
      })
    }
    if (keyword === 'properties' && isSchema(held)) {
      for (const [name, inner] of Object.entries(held))
        if (isSchema(inner)) idle.push(...idleKeywords(inner, `${at}/${name}`))
    }
  }
  if (Object.keys(schema).every((keyword) => keyword === '$defs')) {
    idle.push({ pointer, message: 'an empty schema denies nothing' })
  } else if (pointer === '' && Object.keys(schema).every(isType)) {
    idle.push({ pointer, message: 'a type alone denies nothing that the tool permits' })
  }
  return idle
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
}

/** `const` and the values of `enum` may be settings. Undefined if a problem was noted. */
function withSettings(value: unknown, expand: (text: string) => string | undefined): unknown {
  let isGood = true
  const constant = (held: unknown): unknown => {
    if (!isConstantSetting(held)) return held
    const text = expand(held)
    if (text === undefined) isGood = false
    return text
  }
  const visit = (schema: unknown): unknown => {
    if (Array.isArray(schema)) return schema.map(visit)
    if (!isSchema(schema)) return schema
    return Object.fromEntries(
      Object.entries(schema).map(([keyword, held]) => {
        if (keyword === 'const') return [keyword, constant(held)]
        if (keyword === 'enum' && Array.isArray(held)) return [keyword, held.map(constant)]
        return [keyword, visit(held)]
      }),
    )
  }
  const bound = visit(value)
  return isGood ? bound : undefined
}
