/** Schemas next to those that say only what the validator enforces. */
import { describe, expect, it } from 'vitest'
import { SCHEMA_DEPTH_MAX } from '../../runtime/limits.ts'
import { checkSchema } from '../../runtime/tool/check-schema.ts'

describe('is in order', () => {
  const formats =
    'date date-time duration email hostname ipv4 ipv6 json-pointer regex relative-json-pointer time uri uri-reference uri-template uuid'

  it.for<unknown>([
    ...formats.split(' ').map((format) => ({ type: 'string', format })),
    {
      $schema: 'x',
      title: 't',
      description: 'd',
      deprecated: true,
      readOnly: false,
      default: 1,
      examples: [1],
      const: 1,
    },
    { type: ['string', 'null'], minLength: 0 },
    { type: 'object', additionalProperties: { type: 'string' }, propertyNames: { type: 'string', maxLength: 1 } },
    { type: 'array', prefixItems: [{ const: 1 }], items: false },
    { type: 'number', multipleOf: 0.5, minimum: -1 },
    {
      type: 'string',
      anyOf: [{ minLength: 1 }],
      oneOf: [{ maxLength: 3 }],
      allOf: [{ pattern: 'a' }],
      not: { maxLength: 0 },
    },
    { $defs: { 'a/b~c': { const: 1 } }, $ref: '#/$defs/a/b~c' },
    { type: 'object', properties: { a: { $ref: '#' } }, required: ['a'] },
  ])('%j', (schema) => {
    expect(checkSchema(schema)).toEqual([])
  })
})

describe('is not', () => {
  it.for<unknown>([
    true,
    [],
    null,
    { type: 'text' },
    { type: [] },
    { type: ['string', 'text'] },
    { type: ['text', 'string'] },
    { type: ['string', 1] },
    { type: 1 },
    { minLength: 1 },
    { type: 'number', minLength: 1 },
    { type: 'string', minLength: -1 },
    { type: 'string', minLength: 1.5 },
    { type: 'string', minLength: '1' },
    { type: 'string', pattern: '(' },
    { type: 'string', pattern: 1 },
    { type: 'string', pattern: ['a'] },
    { type: 'string', format: 'phone' },
    { type: 'string', format: 1 },
    { type: 'string', format: ['uri'] },
    { type: 'number', minimum: '1' },
    { type: 'number', minimum: Number.NaN },
    { type: 'number', multipleOf: 0 },
    { type: 'number', multipleOf: -1 },
    { type: 'number', multipleOf: Number.POSITIVE_INFINITY },
    { type: 'number', multipleOf: '2' },
    { enum: [] },
    { enum: 'ab' },
    { enum: { length: 1 } },
    { deprecated: 'yes' },
    { readOnly: 1 },
    { title: 1 },
    { type: 'array', uniqueItems: 1 },
    { type: 'object', required: 'a' },
    { type: 'object', required: [1] },
    { type: 'object', required: ['a', 1] },
    { properties: { a: {} } },
    { additionalProperties: false },
    { propertyNames: { type: 'string' } },
    { items: {} },
    { prefixItems: [{}] },
    { type: 'object', properties: [] },
    { type: 'object', properties: { a: 1 } },
    { type: 'object', properties: { a: { required: ['b'] } } },
    { $ref: 'x#/$defs/a', $defs: { '/a': {} } },
    { type: 'object', properties: { a: { minLength: 1 } } },
    { type: 'object', additionalProperties: { maxProperties: 1 } },
    { type: 'object', additionalProperties: { required: ['a'] } },
    { type: 'object', propertyNames: { required: ['a'] } },
    { type: 'array', items: { minItems: 1 } },
    { type: 'array', items: 1 },
    { type: 'array', prefixItems: [{ minItems: 1 }] },
    { type: 'array', prefixItems: [] },
    { type: 'array', prefixItems: { length: 1 } },
    { type: 'string', anyOf: [{ minItems: 1 }] },
    { type: 'string', anyOf: [] },
    { type: 'string', oneOf: {} },
    { type: 'string', allOf: 'ab' },
    { anyOf: [{ minLength: 1 }] },
    { type: 'string', not: 1 },
    { $defs: [] },
    { $defs: { a: { minLength: 1 } } },
    { type: 'string', $defs: { a: { minLength: 1 } } },
    { $ref: '#/$defs/a' },
    { $ref: 'x#/$defs/a', $defs: { a: {} } },
    { $ref: 1 },
    { $ref: ['#'] },
    { $ref: 'https://h.example/', $defs: {} },
    { constructor: 1 },
    { maxProperties: 1 },
    { if: {} },
  ])('%j', (schema) => {
    expect(checkSchema(schema)).not.toEqual([])
  })

  it('nested deeper than the limit says', () => {
    const nested = (depth: number): unknown =>
      Array.from({ length: depth }).reduce((inner) => ({ type: 'array', items: inner }), {})
    expect(checkSchema(nested(SCHEMA_DEPTH_MAX))).toEqual([])
    expect(checkSchema(nested(SCHEMA_DEPTH_MAX + 1))).toHaveLength(1)
    const listed = (depth: number): unknown => Array.from({ length: depth }).reduce((inner) => ({ allOf: [inner] }), {})
    expect(checkSchema(listed(SCHEMA_DEPTH_MAX))).toEqual([])
    expect(checkSchema(listed(SCHEMA_DEPTH_MAX + 1))).toHaveLength(1)
  })
})
