import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { describeTool } from '../../../runtime/sandbox/guest/manifest-entry.ts'
import { checkSchema } from '../../../runtime/tool/check-schema.ts'

function described(parameters: unknown): object {
  return describeTool({ description: 'd', parameters, execute: () => undefined }, z).parameters
}

function schemaOf(schema: z.ZodType): unknown {
  const parameters = described(z.object({ p: schema })) as { readonly properties: { readonly p: unknown } }
  expect(checkSchema(parameters)).toEqual([])
  return parameters.properties.p
}

describe('what JSON Schema can say', () => {
  test.each<[string, z.ZodType, unknown]>([
    ['string', z.string().min(1).max(3), { type: 'string', minLength: 1, maxLength: 3 }],
    ['regex', z.string().regex(/^a$/), { type: 'string', pattern: '^a$' }],
    ['startsWith', z.string().startsWith('a.'), { type: 'string', pattern: String.raw`^a\..*` }],
    ['email', z.email({ pattern: /@/ }), { type: 'string', format: 'email', pattern: '@' }],
    ['url', z.url(), { type: 'string', format: 'uri' }],
    ['time, by its pattern alone', z.iso.time(), { type: 'string', pattern: expect.any(String) }],
    ['base64, by its pattern alone', z.base64(), { type: 'string', pattern: expect.any(String) }],
    ['int', z.int32(), { type: 'integer', minimum: -2147483648, maximum: 2147483647 }],
    [
      'number',
      z.number().gt(1).lte(5).multipleOf(2),
      { type: 'number', exclusiveMinimum: 1, maximum: 5, multipleOf: 2 },
    ],
    ['nullable', z.string().nullable(), { type: ['string', 'null'] }],
    ['default', z.string().default('x'), { type: 'string', default: 'x' }],
    ['describe', z.boolean().describe('d'), { type: 'boolean', description: 'd' }],
    ['enum', z.enum(['a', 'b']), { type: 'string', enum: ['a', 'b'] }],
    ['literal', z.literal(['a', 1]), { enum: ['a', 1] }],
    ['array', z.array(z.null()).min(1), { type: 'array', items: { type: 'null' }, minItems: 1 }],
    [
      'tuple',
      z.tuple([z.string()], z.number()),
      { type: 'array', prefixItems: [{ type: 'string' }], items: { type: 'number' }, minItems: 1 },
    ],
    ['readonly', z.array(z.any()).readonly(), { type: 'array', items: {} }],
    [
      'union',
      z.union([z.string(), z.array(z.string())]),
      { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }] },
    ],
    [
      'object',
      z.object({ a: z.string() }),
      { type: 'object', properties: { a: { type: 'string' } }, required: ['a'], additionalProperties: false },
    ],
    ['loose object', z.looseObject({}), { type: 'object', properties: {}, additionalProperties: {} }],
    [
      'record',
      z.record(z.string(), z.number()),
      { type: 'object', propertyNames: { type: 'string' }, additionalProperties: { type: 'number' } },
    ],
    ['template', z.templateLiteral(['v', z.int()]), { type: 'string', pattern: expect.any(String) }],
  ])('%s', (_name, schema, expected) => {
    expect(schemaOf(schema)).toEqual(expected)
  })

  test('optional and defaulted properties are not required, unknown ones are refused', () => {
    expect(described(z.object({ a: z.string(), b: z.string().optional(), c: z.string().default('x') }))).toMatchObject({
      required: ['a'],
      additionalProperties: false,
    })
  })

  test('schemas that name themselves', () => {
    const Tree = z.object({
      name: z.string(),
      get children() {
        return z.array(Tree)
      },
    })
    expect(checkSchema(described(z.object({ tree: Tree, json: z.json() })))).toEqual([])
  })

  test('an intersection keeps the properties of both sides', () => {
    const schema = schemaOf(z.intersection(z.object({ a: z.string() }), z.object({ b: z.string() })))
    expect(schema).toMatchObject({ properties: { a: { type: 'string' }, b: { type: 'string' } } })
  })

  test('needs go along', () => {
    const tool = { description: 'd', parameters: z.object({}), needs: { read: true }, execute: () => 1 }
    expect(describeTool(tool, z).needs).toEqual({ read: true })
  })
})

describe('what JSON Schema cannot say is an error at its property', () => {
  test.each<[string, z.ZodType, string]>([
    ['refine', z.string().refine(() => true), 'refine'],
    ['superRefine', z.string().superRefine(() => undefined), 'superRefine'],
    ['check', z.string().check(() => undefined), 'check'],
    ['custom', z.custom(() => true), 'custom'],
    ['instanceof', z.instanceof(Date), 'custom'],
    ['transform', z.string().transform((text) => text), 'transform'],
    ['pipe', z.string().pipe(z.string()), 'pipe'],
    ['preprocess', z.preprocess((value) => value, z.string()), 'preprocess'],
    ['stringbool', z.stringbool(), 'codec'],
    ['coerce', z.coerce.number(), 'coerce'],
    ['catch', z.string().catch('a'), 'catch'],
    ['trim', z.string().trim(), 'trim'],
    ['toLowerCase', z.string().toLowerCase(), 'toLowerCase'],
    ['normalize', z.string().normalize(), 'normalize'],
    ['property', z.array(z.any()).check(z.property('length', z.number())), 'property'],
    ['flags of a pattern', z.string().regex(/a/i), 'the flags of /a/i'],
    ['protocol of a url', z.url({ protocol: /^https$/ }), 'the options of url'],
    ['jwt', z.jwt(), 'the format jwt'],
    ['a format of one’s own', z.stringFormat('cool', () => true), 'the format cool'],
    ['date', z.date(), 'date'],
    ['bigint', z.bigint(), 'bigint'],
    ['undefined', z.undefined(), 'undefined'],
    ['map', z.map(z.string(), z.string()), 'map'],
    ['set', z.set(z.string()), 'set'],
    ['file', z.file(), 'file'],
    ['promise', z.promise(z.string()), 'promise'],
  ])('%s', (_name, schema, what) => {
    const inside = z.object({ list: z.array(z.object({ p: schema.optional() })) })
    expect(() => described(inside)).toThrow(/^parameters\.list\[\]\.p: JSON Schema cannot say /)
    expect(() => described(inside)).toThrow(what)
  })

  test('a refinement of the parameters themselves', () => {
    expect(() => described(z.object({}).refine(() => true))).toThrow(/^parameters: JSON Schema cannot say refine/)
  })
})

test.each<[unknown, string]>([
  [undefined, 'the default export is no tool'],
  [{ description: '', parameters: z.object({}), execute: () => 1 }, 'description must be text'],
  [{ description: 'd', parameters: z.object({}) }, 'execute must be a function'],
  [{ description: 'd', parameters: z.string(), execute: () => 1 }, 'parameters must be a z.object'],
  [{ description: 'd', parameters: { a: 1 }, execute: () => 1 }, 'parameters must be a z.object'],
  [
    { description: 'd', parameters: z.object({ a: 1 as unknown as z.ZodType }), execute: () => 1 },
    'parameters.a: this is no zod schema',
  ],
])('a tool that is none: %#', (tool, message) => {
  expect(() => describeTool(tool, z)).toThrow(message)
})
