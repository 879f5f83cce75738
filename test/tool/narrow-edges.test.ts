/** Argument rules next to what a tool's own schema says: which are for nothing, and what becomes of the others. */
import { describe, expect, it } from 'vitest'
import type { JsonSchema } from '../../runtime/tool/check-schema.ts'
import { narrow } from '../../runtime/tool/narrow.ts'

const ROOT = { $defs: { short: { type: 'string', maxLength: 5 }, open: { type: 'object', properties: { a: {} } } } }

function narrowed(own: unknown, schema: JsonSchema) {
  return narrow({ ...ROOT, type: 'object', properties: { p: own } }, [{ argument: 'p', schema }])
}
function shown(own: unknown, schema: JsonSchema): unknown {
  const result = narrowed(own, schema)
  if (!result.ok) return expect.fail(result.problems[0]?.message)
  return (result.narrowed.parameters['properties'] as Record<string, unknown>)['p']
}

describe('a rule that denies nothing, or everything, is a problem', () => {
  it.each<[own: unknown, rule: JsonSchema]>([
    [false, { type: 'string', maxLength: 1 }],
    [{ type: 'string' }, { type: 'number', minimum: 1 }],
    [{ type: 'string' }, { type: ['number', 'boolean'], enum: [1] }],
    [
      { type: 'string', minLength: 2 },
      { type: 'string', minLength: 2 },
    ],
    [
      { type: 'string', minLength: 2 },
      { type: 'string', minLength: 1 },
    ],
    [
      { type: 'string', maxLength: 2 },
      { type: 'string', maxLength: 2 },
    ],
    [
      { type: 'string', maxLength: 2 },
      { type: 'string', maxLength: 3 },
    ],
    [
      { type: 'array', minItems: 2 },
      { type: 'array', minItems: 2 },
    ],
    [
      { type: 'array', maxItems: 2 },
      { type: 'array', maxItems: 2 },
    ],
    [
      { type: 'number', minimum: 2 },
      { type: 'number', minimum: 2 },
    ],
    [
      { type: 'number', maximum: 2 },
      { type: 'number', maximum: 2 },
    ],
    [
      { type: 'number', exclusiveMinimum: 2 },
      { type: 'number', exclusiveMinimum: 2 },
    ],
    [
      { type: 'number', exclusiveMaximum: 2 },
      { type: 'number', exclusiveMaximum: 2 },
    ],
    [
      { type: 'string', pattern: 'a' },
      { type: 'string', pattern: 'a' },
    ],
    [{ enum: ['a', 'b'] }, { enum: ['b', 'a', 'c'] }],
    [{ enum: ['a', 'b'] }, { enum: ['c'] }],
    [{ enum: ['a', 'b'] }, { const: 'c' }],
    [{ type: 'string' }, { not: { type: 'number' } }],
    [{ type: 'integer' }, { not: { type: ['string', 'boolean'] } }],
    [{ $ref: '#/$defs/short' }, { type: 'string', maxLength: 5 }],
    [
      { type: 'array', items: { type: 'string', maxLength: 2 } },
      { type: 'array', items: { type: 'string', maxLength: 2 } },
    ],
    [
      { type: 'array', items: { type: 'string' } },
      { type: 'array', items: { type: 'number', minimum: 1 } },
    ],
    [
      { type: 'object', properties: { a: { type: 'string', maxLength: 2 } } },
      { type: 'object', properties: { a: { type: 'string', maxLength: 3 } } },
    ],
    [
      { type: 'object', properties: { a: {} } },
      { type: 'object', properties: { b: { const: 1 } } },
    ],
    [
      { type: 'object', properties: { a: {} } },
      { type: 'object', required: ['b'] },
    ],
    [{ $ref: '#/$defs/open' }, { type: 'object', properties: { b: { const: 1 } } }],
    [
      { type: 'object', properties: { a: {} } },
      { type: 'object', allOf: [{ properties: { b: { const: 1 } } }] },
    ],
    [
      { type: 'object', properties: { a: {} } },
      { type: 'object', anyOf: [{ properties: { b: { const: 1 } } }] },
    ],
    [
      { type: 'object', properties: { a: {} } },
      { type: 'object', oneOf: [{ required: ['b'] }] },
    ],
    [{ type: 'object', properties: { a: {} } }, { not: { required: ['b'] } }],
    [
      { type: 'object', properties: { a: { type: 'object', properties: { c: {} } } } },
      { type: 'object', properties: { a: { type: 'object', required: ['d'] } } },
    ],
    [
      { type: 'array', items: { type: 'object', properties: { c: {} } } },
      { type: 'array', items: { type: 'object', required: ['d'] } },
    ],
  ])('own %j, rule %j', (own, rule) => {
    const result = narrowed(own, rule)
    expect(result.ok).toBe(false)
    expect(!result.ok && result.problems).toHaveLength(1)
  })

  it('of an argument that the tool does not have', () => {
    for (const argument of ['q', '__proto__', 'toString', 'constructor']) {
      const result = narrow({ type: 'object', properties: { p: {} } }, [{ argument, schema: { const: 1 } }])
      expect(!result.ok && result.problems.map(({ message }) => message), argument).toHaveLength(1)
    }
  })
})

describe('a rule that denies something is taken', () => {
  it.each<[own: unknown, rule: JsonSchema]>([
    [true, { const: 1 }],
    [{}, { const: 1 }],
    [{ type: 'number' }, { type: 'integer', minimum: 1 }],
    [{ type: 'integer' }, { type: 'number', minimum: 1 }],
    [{ type: ['string', 'null'] }, { type: 'string', maxLength: 1 }],
    [{ type: ['number', 'string'] }, { not: { type: 'string' } }],
    [{ type: 'number' }, { not: { type: 'integer' } }],
    [
      { type: 'string', minLength: 2 },
      { type: 'string', minLength: 3 },
    ],
    [
      { type: 'string', maxLength: 2 },
      { type: 'string', maxLength: 1 },
    ],
    [{ enum: ['a', 'b'] }, { enum: ['a'] }],
    [{ enum: ['a', 'b'] }, { const: 'a' }],
    [{ type: 'object' }, { type: 'object', required: ['b'] }],
    [
      { type: 'object', properties: { a: {} }, additionalProperties: true },
      { type: 'object', required: ['b'] },
    ],
    [
      { type: 'object', properties: { a: {} }, allOf: [{}] },
      { type: 'object', required: ['b'] },
    ],
    [
      { type: 'object', properties: { a: {} }, anyOf: [{}] },
      { type: 'object', required: ['b'] },
    ],
    [
      { type: 'object', properties: { a: {} }, oneOf: [{}] },
      { type: 'object', required: ['b'] },
    ],
    [
      { type: 'object', properties: { a: true } },
      { type: 'object', properties: { a: { const: 1 } } },
    ],
    [
      { type: 'array', items: true },
      { type: 'array', items: { const: 1 } },
    ],
    [{ type: 'array' }, { type: 'array', items: { const: 1 } }],
  ])('own %j, rule %j', (own, rule) => {
    const result = narrowed(own, rule)
    expect(result.ok && result.narrowed.rules).toEqual({ type: 'object', properties: { p: rule } })
  })
})

describe('the model is shown', () => {
  it.each<[own: unknown, rule: JsonSchema, both: unknown]>([
    [{}, { const: 1 }, { const: 1 }],
    [true, { const: 1 }, { const: 1 }],
    [
      { type: 'string', description: 'd', maxLength: 9 },
      { type: 'string', maxLength: 2 },
      { type: 'string', description: 'd', maxLength: 2 },
    ],
    [{ type: 'number' }, { type: 'integer', minimum: 1 }, { type: 'integer', minimum: 1 }],
    [{ type: 'integer' }, { type: 'number', minimum: 1 }, { type: 'integer', minimum: 1 }],
    [{ type: ['string', 'null'] }, { type: 'string', maxLength: 1 }, { type: 'string', maxLength: 1 }],
    [{ type: 'string' }, { type: ['string', 'null'], maxLength: 1 }, { type: 'string', maxLength: 1 }],
    [
      { type: 'string', pattern: 'a', description: 'd' },
      { type: 'string', pattern: 'b' },
      {
        type: 'string',
        description: 'd',
        allOf: [
          { type: 'string', pattern: 'a', description: 'd' },
          { type: 'string', pattern: 'b' },
        ],
      },
    ],
    [{ enum: ['a', 'b'] }, { enum: ['a'] }, { allOf: [{ enum: ['a', 'b'] }, { enum: ['a'] }] }],
    [
      { $ref: '#/$defs/short' },
      { type: 'string', maxLength: 2 },
      { allOf: [{ $ref: '#/$defs/short' }, { type: 'string', maxLength: 2 }] },
    ],
  ])('own %j and rule %j as one', (own, rule, both) => {
    expect(shown(own, rule)).toEqual(both)
  })
})
