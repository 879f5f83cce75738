/** Which zod schemas JSON Schema can say. Works on zod's own records, so that it holds for any copy of zod 4. */

/** The parts of `_zod.def` that are looked at. */
interface ZodDef {
  readonly type: string
  readonly [field: string]: unknown
}

interface CheckDef {
  readonly check: string
  readonly [field: string]: unknown
}

export interface SupportedSchema {
  /** Objects that drop unknown properties; those of an intersection are left out, since each knows only its part. */
  readonly strippedObjects: ReadonlySet<unknown>
}

/** Schemas that add nothing of their own; their inner schema says it. */
const WRAPPERS = new Set(['optional', 'exact_optional', 'nullable', 'nonoptional', 'readonly', 'default', 'prefault'])
const LEAVES = new Set([
  'string',
  'number',
  'boolean',
  'null',
  'any',
  'unknown',
  'never',
  'enum',
  'literal',
  'template_literal',
])
const BRANCHES = new Set(['object', 'array', 'tuple', 'record', 'union', 'intersection', 'lazy'])
const CHECKS = new Set([
  'less_than',
  'greater_than',
  'multiple_of',
  'number_format',
  'min_length',
  'max_length',
  'length_equals',
  'string_format',
])
/** What people wrote, where zod's own name of it says little. */
const WRITTEN_AS = new Map([
  ['custom', 'refine, superRefine, check or custom'],
  ['pipe', 'transform, pipe, preprocess or a codec'],
  ['overwrite', 'trim, toLowerCase, normalize or another change of the value'],
])

/** Throws for the first schema that JSON Schema cannot say, with the path of its property. */
export function checkZodSchema(parameters: unknown): SupportedSchema {
  if (defOf(parameters)?.type !== 'object') throw new Error('parameters must be a z.object({ … })')
  const strippedObjects = new Set<unknown>()
  const seen = new Set<unknown>()
  visit(parameters, 'parameters', false)
  return { strippedObjects }

  function visit(schema: unknown, path: string, isPart: boolean): void {
    const def = defOf(schema)
    if (def === undefined) throw new Error(`${path}: this is no zod schema`)
    if (seen.has(schema)) return
    seen.add(schema)
    if (!WRAPPERS.has(def.type) && !LEAVES.has(def.type) && !BRANCHES.has(def.type)) refuse(path, def.type)
    if (def['coerce'] === true) refuse(path, 'coerce')
    checkFormat(def, path)
    for (const check of checksOf(def)) visitCheck(check, path)
    if (def.type === 'object' && def['catchall'] === undefined && !isPart) strippedObjects.add(schema)
    for (const [inner, step] of innerSchemas(def)) visit(inner, path + step, isPart || def.type === 'intersection')
  }
}

/** Where arguments are validated there is only the JSON Schema: what it leaves out would silently not be checked. */
function refuse(path: string, what: string): never {
  const written = WRITTEN_AS.get(what) ?? what
  throw new Error(`${path}: JSON Schema cannot say ${written}, so it would do nothing; write it in execute instead`)
}

function visitCheck(check: CheckDef, path: string): void {
  if (!CHECKS.has(check.check)) refuse(path, check.check)
  checkFormat(check, path)
}

/** A format is said by its pattern, whose flags JSON Schema drops, or by a name that both sides know. */
function checkFormat(def: ZodDef | CheckDef, path: string): void {
  if (def['check'] !== 'string_format') return
  const format = String(def['format'])
  if (def['protocol'] !== undefined || def['hostname'] !== undefined || def['normalize'] === true) {
    refuse(path, `the options of ${format}`)
  }
  const pattern = def['pattern']
  if (pattern instanceof RegExp) {
    if (pattern.flags !== '' && pattern.flags !== 'u') refuse(path, `the flags of ${String(pattern)}`)
  } else if (format !== 'url') refuse(path, `the format ${format}`)
}

function checksOf(def: ZodDef): readonly CheckDef[] {
  const checks: unknown = def['checks']
  if (!Array.isArray(checks)) return []
  return checks.map((check: unknown) => (defOf(check) ?? { check: 'custom' }) as unknown as CheckDef)
}

function innerSchemas(def: ZodDef): readonly (readonly [unknown, string])[] {
  switch (def.type) {
    case 'object':
      return [
        ...Object.entries(def['shape'] as object).map(([name, inner]) => [inner, `.${name}`] as const),
        ...optional(def['catchall'], '.*'),
      ]
    case 'array':
      return [[def['element'], '[]']]
    case 'tuple':
      return [
        ...(def['items'] as unknown[]).map((inner, index) => [inner, `[${index}]`] as const),
        ...optional(def['rest'], '[]'),
      ]
    case 'record':
      return [
        [def['keyType'], ' (a key)'],
        [def['valueType'], '.*'],
      ]
    case 'union':
      return (def['options'] as unknown[]).map((inner) => [inner, ''])
    case 'intersection':
      return [
        [def['left'], ''],
        [def['right'], ''],
      ]
    case 'lazy':
      return [[(def['getter'] as () => unknown)(), '']]
    default:
      return WRAPPERS.has(def.type) ? [[def['innerType'], '']] : []
  }
}

function optional(inner: unknown, step: string): readonly (readonly [unknown, string])[] {
  return inner === undefined || inner === null ? [] : [[inner, step]]
}

function defOf(schema: unknown): ZodDef | undefined {
  if (typeof schema !== 'object' || schema === null || !('_zod' in schema)) return undefined
  const internals = schema._zod
  if (typeof internals !== 'object' || internals === null || !('def' in internals)) return undefined
  return internals.def as ZodDef
}
