/**
 * Validates a call's arguments from the tool's JSON Schema, in the isolate and under the call's deadline: patterns
 * may be slow. The schema has passed checkSchema, so every keyword in it is one that is enforced here.
 */

import { removeUriStandIn } from './uri-stand-in.ts'
// oxlint-disable-next-line import/first
import { validate } from '@cfworker/json-schema'
import type { OutputUnit, Schema } from '@cfworker/json-schema'

removeUriStandIn()

// A tool may replace them.
const { parse, stringify } = JSON

export type ArgumentsResult =
  | { readonly ok: true; readonly value: unknown }
  /** Readable for a model: one `pointer: what is wrong` after the other. */
  | { readonly ok: false; readonly message: string }

type Lookup = Record<string, Schema>

const PROBLEMS_MAX = 20

/**
 * `value`: as it was parsed, and nobody else's. On success the same comes back with the defaults of missing properties,
 * unless these are to be ignored.
 */
export function validateArguments(
  schema: object,
  value: unknown,
  { ignoreDefaults = false }: { readonly ignoreDefaults?: boolean } = {},
): ArgumentsResult {
  const root = schema as Schema
  const lookup = lookupOf(root)
  // What no JSON says that is written again: 1e400 is not finite, and so no number here; -0 is 0.
  const given = holdsOddNumber(value) ? (parse(stringify(value)) as unknown) : (value ?? {})
  const complete = ignoreDefaults || !mayHaveDefaults(root) ? given : withDefaults(root, given, lookup)
  const { valid, errors } = validate(complete, root, '2020-12', lookup, false)
  return valid ? { ok: true, value: complete } : { ok: false, message: messageOf(errors) }
}

/** Where references lead: local ones are all that checkSchema permits. */
function lookupOf(root: Schema): Lookup {
  const lookup = Object.create(null) as Lookup
  lookup['#'] = root
  for (const [name, definition] of Object.entries(root.$defs ?? {})) lookup[`#/$defs/${name}`] = definition as Schema
  return lookup
}

function holdsOddNumber(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isFinite(value) || Object.is(value, -0)
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(value)) return value.some(holdsOddNumber)
  for (const key in value) if (holdsOddNumber((value as Record<string, unknown>)[key])) return true
  return false
}

/** To look for missing properties everywhere makes all that is given anew. */
function mayHaveDefaults(schema: Schema): boolean {
  return JSON.stringify(schema).includes('"default"')
}

function withDefaults(schema: Schema | boolean | undefined, value: unknown, lookup: Lookup): unknown {
  if (typeof schema !== 'object' || typeof value !== 'object' || value === null) return value
  let result: unknown = value
  if (schema.$ref !== undefined) result = withDefaults(lookup[schema.$ref], result, lookup)
  for (const part of (schema.allOf ?? []) as Schema[]) result = withDefaults(part, result, lookup)
  result = withChosenDefaults(schema, result, lookup)
  if (Array.isArray(result)) {
    const prefix = (schema.prefixItems ?? []) as Schema[]
    return result.map((item: unknown, index) => withDefaults(prefix[index] ?? (schema.items as Schema), item, lookup))
  }
  return withPropertyDefaults(schema, result as Record<string, unknown>, lookup)
}

/** Of alternatives, the first that the value meets once it has that alternative's defaults. */
function withChosenDefaults(schema: Schema, value: unknown, lookup: Lookup): unknown {
  for (const choice of [...((schema.anyOf ?? []) as Schema[]), ...((schema.oneOf ?? []) as Schema[])]) {
    const complete = withDefaults(choice, value, lookup)
    if (validate(complete, choice, '2020-12', lookup, true).valid) return complete
  }
  return value
}

function withPropertyDefaults(schema: Schema, value: Record<string, unknown>, lookup: Lookup): Record<string, unknown> {
  const properties = new Map(Object.entries((schema.properties ?? {}) as Record<string, Schema | boolean>))
  const entries = Object.entries(value).map(([name, item]): [string, unknown] => {
    const inner = properties.get(name) ?? (schema.additionalProperties as Schema | undefined)
    return [name, withDefaults(inner, item, lookup)]
  })
  for (const [name, inner] of properties) {
    if (typeof inner !== 'object' || !('default' in inner) || Object.hasOwn(value, name)) continue
    entries.push([name, JSON.parse(JSON.stringify(inner['default'])) as unknown])
  }
  return Object.fromEntries(entries)
}

/** What the validator repeats of every level above the one that is wrong. */
const LEVELS = new Set([
  '$ref',
  'allOf',
  'anyOf',
  'oneOf',
  'items',
  'prefixItems',
  'properties',
  'additionalProperties',
  'propertyNames',
])

function messageOf(errors: readonly OutputUnit[]): string {
  const types = new Map<string, Set<string>>()
  const messages = new Set<string>()
  const causes = errors.filter((error) => !LEVELS.has(error.keyword))
  for (const error of causes.length > 0 ? causes : errors) {
    const place = placeOf(error.instanceLocation)
    if (error.keyword === 'type') {
      const expected = types.get(place) ?? new Set()
      for (const type of expectedTypes(error.error)) expected.add(type)
      types.set(place, expected)
    } else messages.add(`${place}: ${wordsOf(error)}`)
  }
  const typeMessages = [...types].map(([place, expected]) => `${place}: must be ${[...expected].join(' or ')}`)
  const all = [...typeMessages, ...messages]
  const left = all.length - PROBLEMS_MAX
  return [...all.slice(0, PROBLEMS_MAX), ...(left > 0 ? [`and ${left} more`] : [])].join('; ')
}

/** `#/files/0/name` is `files/0/name`; the arguments themselves are `arguments`. */
function placeOf(location: string): string {
  const pointer = location.replace(/^#\/?/, '')
  try {
    return pointer === '' ? 'arguments' : decodeURI(pointer).replaceAll('%23', '#')
  } catch {
    return pointer
  }
}

function expectedTypes(text: string): readonly string[] {
  const expected = text.slice(text.indexOf('Expected') + 'Expected'.length)
  return [...expected.matchAll(/"([a-z]+)"/g)].map((match) => match[1] ?? '')
}

function wordsOf({ keyword, error }: OutputUnit): string {
  if (keyword === 'false') return 'is not a parameter'
  const required = keyword === 'required' ? /"(.*)"\.$/s.exec(error)?.[1] : undefined
  if (required !== undefined) return `${required} is missing`
  const listed = /^Instance does not match (any of )?(.*)\.$/s.exec(error)
  if (listed !== null) return `must be ${listed[1] === undefined ? '' : 'one of '}${listed[2]}`
  const text = error.replace(/\.$/, '')
  return text.charAt(0).toLowerCase() + text.slice(1)
}
