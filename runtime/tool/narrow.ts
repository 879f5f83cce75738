/**
 * A tool's parameters, narrowed by the argument rules of a definition. A rule that denies nothing which the tool's own
 * schema permits would be there for nothing, so it is a problem.
 */
import type { JsonSchema } from './check-schema.ts'

export interface NarrowingRule {
  readonly argument: string
  readonly schema: JsonSchema
}

export interface Narrowed {
  /** What the model is shown: all of the tool's own schema, and of the rules. */
  readonly parameters: JsonSchema
  /** The rules alone, of type object. */
  readonly rules: JsonSchema
}

export type NarrowResult<Rule extends NarrowingRule> =
  | { readonly ok: true; readonly narrowed: Narrowed }
  | { readonly ok: false; readonly problems: readonly { readonly rule: Rule; readonly message: string }[] }

export function narrow<Rule extends NarrowingRule>(own: JsonSchema, rules: readonly Rule[]): NarrowResult<Rule> {
  const properties = recordOf(own['properties'])
  const problems: { rule: Rule; message: string }[] = []
  for (const rule of rules) {
    const { argument, schema } = rule
    if (!Object.hasOwn(properties, argument)) {
      const names = Object.keys(properties)
      const known = names.length === 0 ? 'it has none' : `its arguments are: ${names.join(', ')}`
      problems.push({
        rule,
        message: `the tool has no argument ${argument}, so the rule can never take effect; ${known}`,
      })
      continue
    }
    const declared = resolved(properties[argument], own)
    const message = undeclared(declared, schema, own) ?? idle(declared, schema)
    if (message !== undefined) problems.push({ rule, message: `args.${argument}: ${message}` })
  }
  if (problems.length > 0) return { ok: false, problems }
  const both = rules.map(({ argument, schema }) => [argument, merged(properties[argument], schema)])
  const narrowed = {
    parameters: { ...own, properties: { ...properties, ...Object.fromEntries(both) } },
    rules: { type: 'object', properties: Object.fromEntries(rules.map(({ argument, schema }) => [argument, schema])) },
  }
  return { ok: true, narrowed }
}

/** A property that a rule speaks of and the tool's own schema does not declare: the rule could never take effect. */
function undeclared(own: JsonSchema | boolean, rule: JsonSchema, root: JsonSchema): string | undefined {
  if (typeof own === 'boolean') return undefined
  const declared = own['properties']
  const isOpen = ['allOf', 'anyOf', 'oneOf', '$ref'].some((keyword) => Object.hasOwn(own, keyword))
  if (declared !== undefined && !isOpen && (own['additionalProperties'] ?? false) === false) {
    const named = [...Object.keys(recordOf(rule['properties'])), ...listOf(rule['required']).map(String)]
    const unknown = named.find((name) => !Object.hasOwn(recordOf(declared), name))
    if (unknown !== undefined) return `the tool has no property ${unknown} there`
  }
  const same = [...['allOf', 'anyOf', 'oneOf'].flatMap((keyword) => listOf(rule[keyword])), rule['not']]
  const pairs = [
    ...same.map((inner) => [own, inner] as const),
    ...Object.entries(recordOf(rule['properties'])).map(
      ([name, inner]) => [resolved(recordOf(declared)[name], root), inner] as const,
    ),
    [resolved(own['items'], root), rule['items']] as const,
  ]
  return pairs
    .filter(([, inner]) => Object.keys(recordOf(inner)).length > 0)
    .map(([part, inner]) => undeclared(part, recordOf(inner), root))
    .find((message) => message !== undefined)
}

/** What would say less than the tool's own schema, by keyword: whether `rule` is no stricter than `own`. */
const NO_STRICTER: Readonly<Record<string, (own: number, rule: number) => boolean>> = {
  minLength: (own, rule) => rule <= own,
  minItems: (own, rule) => rule <= own,
  minimum: (own, rule) => rule <= own,
  exclusiveMinimum: (own, rule) => rule <= own,
  maxLength: (own, rule) => rule >= own,
  maxItems: (own, rule) => rule >= own,
  maximum: (own, rule) => rule >= own,
  exclusiveMaximum: (own, rule) => rule >= own,
}

/** Why the rule denies nothing more, or everything; undefined if neither is plain to see. */
function idle(own: JsonSchema | boolean, rule: JsonSchema): string | undefined {
  if (typeof own === 'boolean') return own ? undefined : 'the tool permits no value'
  const [ownTypes, ruleTypes] = [typesOf(own), typesOf(rule)]
  const common = ruleTypes.filter((type) => ownTypes.some((other) => isWithin(type, other) || isWithin(other, type)))
  if (ownTypes.length > 0 && ruleTypes.length > 0 && common.length === 0) {
    return `the tool takes ${ownTypes.join(' or ')} and the rule ${ruleTypes.join(' or ')}, so no value passes`
  }
  for (const [keyword, held] of Object.entries(rule)) {
    const said = own[keyword]
    const weaker = NO_STRICTER[keyword]
    if (weaker !== undefined && typeof said === 'number' && weaker(said, Number(held))) {
      return `\`${keyword}: ${String(held)}\` denies nothing: the tool itself says ${said}`
    }
    const isSame = keyword !== 'type' && said !== undefined && JSON.stringify(said) === JSON.stringify(held)
    if (isSame) return `\`${keyword}\` denies nothing: the tool itself says the same`
    if (keyword === 'enum' && Array.isArray(held) && Array.isArray(said)) {
      const kept = said.filter((value) => held.some((other) => JSON.stringify(other) === JSON.stringify(value)))
      if (kept.length === said.length) return '`enum` denies nothing: it names all that the tool permits'
      if (kept.length === 0) return '`enum` permits nothing that the tool takes'
    }
    if (keyword === 'const' && Array.isArray(said === undefined ? own['enum'] : undefined)) {
      const isTaken = (own['enum'] as unknown[]).some((value) => JSON.stringify(value) === JSON.stringify(held))
      if (!isTaken) return '`const` is no value that the tool takes'
    }
    if (keyword === 'not') {
      const refused = typesOf(recordOf(held))
      const isApart = !refused.some((type) => ownTypes.some((other) => isWithin(type, other) || isWithin(other, type)))
      if (ownTypes.length > 0 && refused.length > 0 && isApart) {
        return `\`not\` denies nothing: the tool takes ${ownTypes.join(' or ')} alone`
      }
    }
    if (keyword === 'properties') {
      for (const [name, inner] of Object.entries(recordOf(held))) {
        const message = idle((recordOf(own['properties'])[name] as JsonSchema | undefined) ?? {}, recordOf(inner))
        if (message !== undefined) return `${name}: ${message}`
      }
    }
    if (keyword === 'items') {
      const message = idle((said as JsonSchema | undefined) ?? {}, recordOf(held))
      if (message !== undefined) return `items: ${message}`
    }
  }
  return undefined
}

function isWithin(type: string, other: string): boolean {
  return type === other || (type === 'integer' && other === 'number')
}

/** Keywords that one schema can say once; where both say one, the rule is the stricter. Else `allOf` says both. */
function merged(own: unknown, rule: JsonSchema): JsonSchema {
  const schema = recordOf(own)
  const clash = Object.keys(rule).filter((keyword) => Object.hasOwn(schema, keyword) && keyword !== 'type')
  const isPlain = clash.every((keyword) => keyword in NO_STRICTER) && !Object.hasOwn(schema, '$ref')
  if (!isPlain) return { ...annotations(schema), allOf: [schema, rule] }
  const isNarrower = typesOf(rule).every((type) => typesOf(schema).some((other) => isWithin(type, other)))
  return { ...schema, ...rule, ...(Object.hasOwn(schema, 'type') && !isNarrower ? { type: schema['type'] } : {}) }
}

function annotations({ description, type }: JsonSchema): JsonSchema {
  return { ...(description === undefined ? {} : { description }), ...(type === undefined ? {} : { type }) }
}

function resolved(schema: unknown, root: JsonSchema): JsonSchema | boolean {
  if (typeof schema === 'boolean') return schema
  const reference = recordOf(schema)['$ref']
  if (typeof reference !== 'string' || !reference.startsWith('#/$defs/')) return recordOf(schema)
  return recordOf(recordOf(root['$defs'])[reference.slice('#/$defs/'.length)])
}

function typesOf(schema: JsonSchema): readonly string[] {
  const { type } = schema
  return typeof type === 'string' ? [type] : Array.isArray(type) ? type.filter((item) => typeof item === 'string') : []
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function recordOf(value: unknown): JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonSchema) : {}
}
