/**
 * Whether a JSON Schema (draft 2020-12) says only what the validator enforces. What it does not know it would skip,
 * so an unknown keyword, an unknown format and a keyword without its type are errors, each at its JSON pointer.
 * Every subschema is visited once; nothing is evaluated.
 */

import { SCHEMA_DEPTH_MAX } from '../limits.ts'

export interface SchemaProblem {
  /** JSON pointer into the schema; empty for the schema itself. */
  readonly pointer: string
  readonly message: string
}

export type JsonSchema = Readonly<Record<string, unknown>>

const TYPES = new Set(['object', 'array', 'string', 'number', 'integer', 'boolean', 'null'])
const FORMATS = new Set([
  'date',
  'date-time',
  'duration',
  'email',
  'hostname',
  'ipv4',
  'ipv6',
  'json-pointer',
  'regex',
  'relative-json-pointer',
  'time',
  'uri',
  'uri-reference',
  'uri-template',
  'uuid',
])

type Check = (value: unknown) => string | undefined

const isText: Check = (value) => (typeof value === 'string' ? undefined : 'must be a string')
const isFlag: Check = (value) => (typeof value === 'boolean' ? undefined : 'must be true or false')
const isNumber: Check = (value) => (Number.isFinite(value) ? undefined : 'must be a number')
const isCount: Check = (value) =>
  Number.isSafeInteger(value) && Number(value) >= 0 ? undefined : 'must be a whole number, 0 or more'
const isPositive: Check = (value) => (Number.isFinite(value) && Number(value) > 0 ? undefined : 'must be above 0')
const isList: Check = (value) => (Array.isArray(value) && value.length > 0 ? undefined : 'must be a list, not empty')
const isFormat: Check = (value) =>
  typeof value === 'string' && FORMATS.has(value) ? undefined : `must be one of ${[...FORMATS].join(', ')}`

interface PlainKeyword {
  readonly check: Check
  /** The types that the keyword speaks of; none where it speaks of any. */
  readonly types: readonly string[]
}

const PLAIN = new Map<string, PlainKeyword>([
  ...plain(['$schema', 'description', 'title'], isText),
  ...plain(['deprecated', 'readOnly'], isFlag),
  ...plain(['const', 'default'], () => undefined),
  ...plain(['enum', 'examples'], isList),
  ...plain(['type'], checkType),
  ...plain(['required'], checkNames, 'object'),
  ...plain(['minLength', 'maxLength'], isCount, 'string'),
  ...plain(['pattern'], checkPattern, 'string'),
  ...plain(['format'], isFormat, 'string'),
  ...plain(['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'], isNumber, 'number', 'integer'),
  ...plain(['multipleOf'], isPositive, 'number', 'integer'),
  ...plain(['minItems', 'maxItems'], isCount, 'array'),
  ...plain(['uniqueItems'], isFlag, 'array'),
])

function plain(names: readonly string[], check: Check, ...types: readonly string[]): readonly [string, PlainKeyword][] {
  return names.map((name) => [name, { check, types }])
}

interface NestedKeyword {
  readonly holds: 'one' | 'list' | 'map'
  readonly types: readonly string[]
  /** True of schemas for the value itself, which is therefore known to be of the outer type. */
  readonly same: boolean
}

/** Keywords that hold schemas. */
const NESTED = new Map<string, NestedKeyword>([
  ['properties', { holds: 'map', types: ['object'], same: false }],
  ['additionalProperties', { holds: 'one', types: ['object'], same: false }],
  ['propertyNames', { holds: 'one', types: ['object'], same: false }],
  ['items', { holds: 'one', types: ['array'], same: false }],
  ['prefixItems', { holds: 'list', types: ['array'], same: false }],
  ['anyOf', { holds: 'list', types: [], same: true }],
  ['oneOf', { holds: 'list', types: [], same: true }],
  ['allOf', { holds: 'list', types: [], same: true }],
  ['not', { holds: 'one', types: [], same: true }],
  ['$defs', { holds: 'map', types: [], same: false }],
])

/** Every problem, in the order of the schema; empty for a schema that means what it says. */
export function checkSchema(schema: unknown): readonly SchemaProblem[] {
  if (!isObject(schema)) return [{ pointer: '', message: 'must be an object' }]
  const problems: SchemaProblem[] = []
  const definitions = isObject(schema['$defs']) ? new Set(Object.keys(schema['$defs'])) : new Set<string>()
  visit(schema, '', [], 0)
  return problems

  function visit(value: unknown, pointer: string, outerTypes: readonly string[], depth: number): void {
    if (typeof value === 'boolean') return
    if (!isObject(value)) return void problems.push({ pointer, message: 'must be a schema' })
    if (depth > SCHEMA_DEPTH_MAX) {
      return void problems.push({ pointer, message: `is nested deeper than ${SCHEMA_DEPTH_MAX} levels` })
    }
    const types = typesOf(value['type']) ?? outerTypes
    for (const [keyword, held] of Object.entries(value)) {
      const at = `${pointer}/${escapePointer(keyword)}`
      const message = keyword === '$ref' ? checkReference(held, definitions) : undefined
      if (message !== undefined) problems.push({ pointer: at, message })
      if (keyword !== '$ref') visitKeyword(keyword, held, at, types, depth)
    }
  }

  function visitKeyword(keyword: string, held: unknown, at: string, types: readonly string[], depth: number): void {
    const plain = PLAIN.get(keyword)
    const nested = NESTED.get(keyword)
    const known = plain ?? nested
    if (known === undefined) return void problems.push({ pointer: at, message: 'is an unknown keyword' })
    if (known.types.length > 0 && !known.types.some((type) => types.includes(type))) {
      problems.push({ pointer: at, message: `needs "type": "${known.types[0]}" beside it` })
    }
    const message = plain?.check(held)
    if (message !== undefined) problems.push({ pointer: at, message })
    if (nested === undefined) return
    const inner = nested.same ? types : []
    if (nested.holds === 'one') return visit(held, at, inner, depth + 1)
    const isList = nested.holds === 'list'
    if (isList ? !Array.isArray(held) || held.length === 0 : !isObject(held)) {
      return void problems.push({
        pointer: at,
        message: isList ? 'must be a list of schemas' : 'must map names to schemas',
      })
    }
    for (const [name, item] of Object.entries(held as object))
      visit(item, `${at}/${escapePointer(name)}`, inner, depth + 1)
  }
}

function isObject(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function typesOf(type: unknown): readonly string[] | undefined {
  if (typeof type === 'string') return [type]
  return Array.isArray(type) ? type.filter((item) => typeof item === 'string') : undefined
}

function checkType(value: unknown): string | undefined {
  const types = Array.isArray(value) ? value : [value]
  const known = types.length > 0 && types.every((type) => typeof type === 'string' && TYPES.has(type))
  return known ? undefined : `must be one of ${[...TYPES].join(', ')}`
}

function checkNames(value: unknown): string | undefined {
  return Array.isArray(value) && value.every((name) => typeof name === 'string') ? undefined : 'must be a list of names'
}

/** Compiles the expression, which is linear in its length; it is never run here. */
function checkPattern(value: unknown): string | undefined {
  if (typeof value !== 'string') return 'must be a string'
  try {
    RegExp(value, 'u')
    return undefined
  } catch {
    return 'is no regular expression (with the flag u)'
  }
}

function checkReference(value: unknown, definitions: ReadonlySet<string>): string | undefined {
  if (value === '#') return undefined
  const name = typeof value === 'string' && value.startsWith('#/$defs/') ? value.slice('#/$defs/'.length) : undefined
  if (name === undefined) return 'must be "#" or "#/$defs/NAME"'
  return definitions.has(name) ? undefined : `names no definition ${name}`
}

function escapePointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}
