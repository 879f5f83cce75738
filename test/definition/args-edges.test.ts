/** Argument rules that would be there for nothing, at every depth, and those next to them. */
import { describe, expect, it } from 'vitest'
import type { AgentDefinition } from '../../runtime/definition/definition.ts'
import { parseDefinition } from '../../runtime/definition/parse.ts'
import { problemsOf } from '../support/problems.ts'

const source = (schema: string, settings = ''): string =>
  `name: a\nscript: ./a.ts\n${settings}tools: { t: { from: ./t.ts, args: { p: ${schema} } } }\n`
const parse = (schema: string): AgentDefinition => parseDefinition({ file: 'a.yaml', text: source(schema) })
const count = (schema: string): number => problemsOf(() => parse(schema)).length

const IDLE = [
  'title: x',
  'description: x',
  'default: 1',
  'examples: [1]',
  'deprecated: true',
  'readOnly: true',
  '$schema: x',
  '$comment: x',
  '$id: x',
  'writeOnly: true',
]

describe('says nothing, and is refused', () => {
  it.each(IDLE)('{ %s }', (keyword) => {
    const idle = `{ type: string, maxLength: 1, ${keyword} }`
    expect(count(idle)).toBeGreaterThan(0)
    for (const outer of [
      `{ type: array, items: ${idle} }`,
      `{ type: array, prefixItems: [{ const: 1 }, ${idle}] }`,
      `{ type: object, properties: { a: { const: 1 }, b: ${idle} } }`,
      `{ type: object, additionalProperties: ${idle} }`,
      `{ type: object, propertyNames: ${idle} }`,
      `{ type: string, allOf: [{ maxLength: 1 }, ${idle}] }`,
    ]) {
      expect(count(outer), outer).toBeGreaterThan(0)
    }
  })

  it.each([
    '{}',
    '{ type: string }',
    '{ type: [string, number] }',
    '{ $defs: { a: { const: 1 } } }',
    '{ type: string, minLength: 0 }',
    '{ type: array, minItems: 0 }',
    '{ type: array, uniqueItems: false }',
    '{ type: object, required: [] }',
    '{ type: object, additionalProperties: true }',
    '{ type: object, additionalProperties: {} }',
    '{ type: object, properties: { a: {} } }',
    '{ type: array, items: {} }',
    '{ type: string, anyOf: [true, { maxLength: 1 }] }',
    '{ type: string, anyOf: [{ maxLength: 1 }, {}] }',
    '{ type: string, oneOf: [{ maxLength: 1 }, true] }',
    '{ type: string, oneOf: [{}, { maxLength: 1 }] }',
    '{ type: array, items: true }',
    '{ type: array, prefixItems: [true] }',
    '{ type: array, prefixItems: [true, {}] }',
    '{ type: object, propertyNames: true }',
    '{ type: object, properties: { a: true } }',
    '{ type: object, properties: { a: true, b: true } }',
    '{ type: string, maxLength: 1, allOf: [true] }',
    '{ type: string, maxLength: 1, allOf: [{ const: a }, true] }',
    '{ type: string, maxLength: 1, not: false }',
    '{ type: string, maxLength: 1, anyOf: [{ const: a }, { type: string }] }',
    '{ type: string, maxLength: 1, oneOf: [{ type: string }, { const: a }] }',
    '{ type: string, not: { const: a, title: x } }',
    '{ type: string, not: { not: { const: a, title: x } } }',
    '{ type: string, maxLength: 1, allOf: [{ type: string }] }',
    '{ type: array, items: { type: array, items: { const: 1, title: x } } }',
    '{ maxLength: 1 }',
    '{ type: string, maxLenght: 1 }',
    '{ type: string, maxLength: -1 }',
    '{ type: strin, maxLength: 1 }',
    '{ type: string, pattern: "(" }',
    '{ const: .nan }',
    '{ const: .inf }',
    'true',
    '[]',
    'a',
    '~',
  ])('%s', (schema) => {
    expect(count(schema)).toBeGreaterThan(0)
  })
})

it.each([
  '',
  '^',
  '$',
  '(?:)',
  '.*',
  '.*?',
  '.?',
  '^.*',
  '^.*?',
  '^.?',
  '.*$',
  '.?$',
  ...['[^]*', '[\\s\\S]*', '[\\S\\s]*', '[\\d\\D]*', '[\\w\\W]*'].flatMap((any) => [
    any,
    `^${any}`,
    `${any}$`,
    `^${any}$`,
  ]),
])('the pattern %j matches every text, and is refused', (pattern) => {
  expect(count(`{ type: string, pattern: ${JSON.stringify(pattern)} }`)).toBe(1)
})

it.each(['a', '.+', '^.$', '[^a]*b', '\\s*x', '^$'])('the pattern %j does not', (pattern) => {
  expect(parse(`{ type: string, pattern: ${JSON.stringify(pattern)} }`).tools[0]?.args).toHaveLength(1)
})

describe('says something, and is taken as it is', () => {
  it.each([
    ['{ const: 0 }', { const: 0 }],
    ['{ const: "" }', { const: '' }],
    ['{ enum: [a, 0, ~, [1]] }', { enum: ['a', 0, null, [1]] }],
    ['{ type: string, minLength: 1 }', { type: 'string', minLength: 1 }],
    ['{ type: string, maxLength: 0 }', { type: 'string', maxLength: 0 }],
    ['{ type: number, minimum: 0 }', { type: 'number', minimum: 0 }],
    ['{ type: array, maxItems: 0 }', { type: 'array', maxItems: 0 }],
    ['{ type: array, uniqueItems: true }', { type: 'array', uniqueItems: true }],
    ['{ type: array, items: { type: string } }', { type: 'array', items: { type: 'string' } }],
    ['{ type: array, prefixItems: [true, { const: 1 }] }', { type: 'array', prefixItems: [true, { const: 1 }] }],
    ['{ type: array, items: false }', { type: 'array', items: false }],
    [
      '{ type: object, properties: { a: true }, additionalProperties: false }',
      { type: 'object', properties: { a: true }, additionalProperties: false },
    ],
    ['{ type: object, properties: { a: false } }', { type: 'object', properties: { a: false } }],
    [
      '{ type: object, properties: { a: true, b: { const: 1 } } }',
      { type: 'object', properties: { a: true, b: { const: 1 } } },
    ],
    ['{ type: object, required: [a] }', { type: 'object', required: ['a'] }],
    ['{ type: object, additionalProperties: false }', { type: 'object', additionalProperties: false }],
    [
      '{ type: object, properties: { a: { const: 1 }, title: { const: 2 } } }',
      { type: 'object', properties: { a: { const: 1 }, title: { const: 2 } } },
    ],
    [
      '{ type: string, anyOf: [{ maxLength: 1 }, { const: x }] }',
      { type: 'string', anyOf: [{ maxLength: 1 }, { const: 'x' }] },
    ],
  ])('%s', (schema, expected) => {
    expect(parse(schema).tools[0]?.args[0]?.schema).toEqual(expected)
  })
})

describe('a setting in an argument rule', () => {
  const values = {
    user: 'al',
    given: new Map([['one', 'v']]),
    configured: new Map<string, string>(),
    matchesWhole: () => false,
  }
  const settings = 'settings: { one: { oneOf: [v, w] } }\n'

  it.each([
    ['{ const: "${one}" }', { const: 'v' }],
    ['{ const: "${user}" }', { const: 'al' }],
    ['{ enum: ["${one}", x, 1] }', { enum: ['v', 'x', 1] }],
    ['{ type: array, items: { const: "${one}" } }', { type: 'array', items: { const: 'v' } }],
    [
      '{ type: string, anyOf: [{ const: "${one}" }, { enum: ["${user}"] }] }',
      { type: 'string', anyOf: [{ const: 'v' }, { enum: ['al'] }] },
    ],
    ['{ type: object, properties: { a: { const: "${one}" } } }', { type: 'object', properties: { a: { const: 'v' } } }],
  ])('%s is its value', (schema, expected) => {
    const { tools } = parseDefinition({ file: 'a.yaml', text: source(schema, settings), values })
    expect(tools[0]?.args[0]?.schema).toEqual(expected)
  })

  it.each(['{ const: "${two}" }', '{ enum: [x, "${two}"] }', '{ type: array, items: { const: "${two}" } }'])(
    '%s that there is not is a problem',
    (schema) => {
      const found = problemsOf(() => parseDefinition({ file: 'a.yaml', text: source(schema, settings), values }))
      expect(found).toHaveLength(1)
    },
  )
})
