import { expect, test } from 'vitest'
import { SCHEMA_DEPTH_MAX } from '../../runtime/limits.ts'
import { checkSchema } from '../../runtime/tool/check-schema.ts'

function problems(schema: unknown): readonly string[] {
  return checkSchema(schema).map(({ pointer, message }) => `${pointer} ${message}`)
}

test.each([
  [
    {
      type: 'object',
      properties: { a: { type: 'string', minLength: 1, pattern: '^a$' } },
      required: ['a'],
      additionalProperties: false,
    },
  ],
  [{ type: ['string', 'null'], maxLength: 3 }],
  [{ type: 'string', allOf: [{ pattern: 'a' }, { pattern: 'b' }] }],
  [{ enum: ['a', 1, null] }],
  [{ const: 1 }],
  [{}],
  [
    {
      anyOf: [
        { type: 'integer', minimum: 1 },
        { type: 'array', items: { $ref: '#' }, prefixItems: [true] },
      ],
    },
  ],
  [{ $ref: '#/$defs/a', $defs: { a: { type: 'number', multipleOf: 0.5 } } }],
  [{ type: 'object', propertyNames: { type: 'string' }, additionalProperties: { type: 'number' } }],
  [{ type: 'string', format: 'email', title: 't', description: 'd', default: 'x', examples: ['y'] }],
])('%j is accepted', (schema) => {
  expect(problems(schema)).toEqual([])
})

test.each<[unknown, string]>([
  [true, ' must be an object'],
  [[], ' must be an object'],
  [{ maxLenght: 3 }, '/maxLenght is an unknown keyword'],
  [{ if: {} }, '/if is an unknown keyword'],
  [{ patternProperties: {} }, '/patternProperties is an unknown keyword'],
  [{ maxLength: 3 }, '/maxLength needs "type": "string" beside it'],
  [{ type: 'number', maxLength: 3 }, '/maxLength needs "type": "string" beside it'],
  [{ properties: {} }, '/properties needs "type": "object" beside it'],
  [{ anyOf: [{ minimum: 1 }] }, '/anyOf/0/minimum needs "type": "number" beside it'],
  [
    { type: 'object', properties: { 'a/b~': { items: {} } } },
    '/properties/a~1b~0/items needs "type": "array" beside it',
  ],
  [{ type: 'text' }, '/type must be one of object, array, string, number, integer, boolean, null'],
  [{ type: [] }, '/type must be one of object, array, string, number, integer, boolean, null'],
  [{ type: 'string', maxLength: -1 }, '/maxLength must be a whole number, 0 or more'],
  [{ type: 'string', maxLength: '3' }, '/maxLength must be a whole number, 0 or more'],
  [{ type: 'string', pattern: '(' }, '/pattern is no regular expression (with the flag u)'],
  [{ type: 'number', multipleOf: 0 }, '/multipleOf must be above 0'],
  [{ enum: [] }, '/enum must be a list, not empty'],
  [{ type: 'object', required: 'a' }, '/required must be a list of names'],
  [{ type: 'object', properties: [] }, '/properties must map names to schemas'],
  [{ anyOf: [] }, '/anyOf must be a list of schemas'],
  [{ not: 1 }, '/not must be a schema'],
  [{ $ref: 'https://example.com/x' }, '/$ref must be "#" or "#/$defs/NAME"'],
  [{ $ref: '#/$defs/a' }, '/$ref names no definition a'],
])('%j: %s', (schema, problem) => {
  expect(problems(schema)).toEqual([problem])
})

test('an unknown format lists the known ones', () => {
  expect(problems({ type: 'string', format: 'phone' })[0]).toMatch(/^\/format must be one of date, .*uuid$/)
})

test('nesting is bounded', () => {
  let schema: object = { type: 'string' }
  for (let depth = 0; depth < 10_000; depth++) schema = { not: schema }
  expect(problems(schema)).toHaveLength(1)
  expect(problems(schema)[0]).toContain(`nested deeper than ${SCHEMA_DEPTH_MAX} levels`)
})
