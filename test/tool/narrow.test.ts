import { describe, expect, it } from 'vitest'
import { parseDefinition } from '../../runtime/definition/parse.ts'
import { validateArguments } from '../../runtime/sandbox/guest/validate.ts'
import { narrow } from '../../runtime/tool/narrow.ts'
import { problemsOf, summaries } from '../support/problems.ts'

const source = (schema: string): string =>
  `name: a\nscript: ./a.ts\ntools:\n  t:\n    from: ./t.ts\n    args:\n      x: ${schema}\n`
const rulesOf = (schema: string) => parseDefinition({ file: 'a.yaml', text: source(schema) }).tools[0]!.args
const mistakes = (schema: string): readonly string[] =>
  summaries(problemsOf(() => parseDefinition({ file: 'a.yaml', text: source(schema) })))

/** The tool takes anything as `x`. */
const ANY = { type: 'object', properties: { x: {} } }

function verdicts(schema: string, value: unknown): { own: boolean; narrowed: boolean; shown: boolean } {
  const result = narrow(ANY, rulesOf(schema))
  if (!result.ok) return expect.fail(JSON.stringify(result.problems))
  const { parameters, rules } = result.narrowed
  return {
    own: validateArguments(ANY, { x: value }).ok,
    narrowed: validateArguments(rules, { x: value }).ok,
    shown: validateArguments(parameters, { x: value }).ok,
  }
}

describe('each keyword denies something that the tool permits', () => {
  it.each<[string, unknown, unknown]>([
    ['{ const: a }', 'a', 'b'],
    ['{ const: 1 }', 1, '1'],
    ['{ const: { k: [1] } }', { k: [1] }, { k: [2] }],
    ['{ enum: [a, 1] }', 1, 2],
    ['{ type: string, minLength: 2 }', 'ab', 'a'],
    ['{ type: string, maxLength: 2 }', 'ab', 'abc'],
    ['{ type: string, pattern: "^a+$" }', 'aa', 'ab'],
    ['{ type: string, format: uuid }', '6f1f2c4e-8a57-4c3e-9d55-2f64b3c0a111', 'x'],
    ['{ type: string, format: date }', '2026-11-24', '2026-24-11'],
    ['{ type: string, format: email }', 'a@b.example', 'a'],
    ['{ type: string, format: ipv4 }', '127.0.0.1', '1'],
    ['{ type: integer, minimum: 3 }', 3, 2],
    ['{ type: integer, maximum: 3 }', 3, 4],
    ['{ type: integer, maximum: 3 }', 3, 2.5],
    ['{ type: number, exclusiveMinimum: 3 }', 3.5, 3],
    ['{ type: number, exclusiveMaximum: 3 }', 2.5, 3],
    ['{ type: number, multipleOf: 5 }', 10, 11],
    ['{ type: array, minItems: 1 }', [1], []],
    ['{ type: array, maxItems: 1 }', [1], [1, 2]],
    ['{ type: array, uniqueItems: true }', [1, 2], [1, 1]],
    ['{ type: array, items: { type: string } }', ['a'], [1]],
    ['{ type: array, prefixItems: [{ const: a }] }', ['a', 1], ['b']],
    ['{ type: object, required: [k] }', { k: 1 }, {}],
    ['{ type: object, properties: { k: { const: 1 } } }', { k: 1 }, { k: 2 }],
    ['{ type: object, additionalProperties: false }', {}, { k: 1 }],
    ['{ type: object, propertyNames: { type: string, maxLength: 1 } }', { k: 1 }, { kk: 1 }],
    ['{ anyOf: [{ const: 1 }, { const: 2 }] }', 2, 3],
    ['{ oneOf: [{ const: 1 }, { const: 2 }] }', 2, 3],
    ['{ allOf: [{ type: string, maxLength: 3 }] }', 'abc', 'abcd'],
    ['{ not: { const: 1 } }', 2, 1],
  ])('%s', (schema, permitted, denied) => {
    expect(verdicts(schema, permitted)).toEqual({ own: true, narrowed: true, shown: true })
    expect(verdicts(schema, denied)).toEqual({ own: true, narrowed: false, shown: false })
  })
})

describe('what denies nothing is a mistake, at its place', () => {
  it.each([
    ['{}', '7:10 an empty schema denies nothing'],
    ['{ type: string }', '7:10 a type alone denies nothing that the tool permits'],
    ['{ type: string, minLength: 0 }', '7:37 `minLength` denies nothing here'],
    ['{ type: array, minItems: 0 }', '7:35 `minItems` denies nothing here'],
    ['{ type: array, uniqueItems: false }', '7:38 `uniqueItems` denies nothing here'],
    ['{ type: object, additionalProperties: true }', '7:48 `additionalProperties` denies nothing here'],
    ['{ type: object, additionalProperties: {} }', '7:48 `additionalProperties` denies nothing here'],
    ['{ type: object, required: [] }', '7:36 `required` denies nothing here'],
    ['{ const: 1, description: x }', '7:35 `description` denies nothing here'],
    ['{ const: 1, default: 1 }', '7:31 `default` denies nothing here'],
    ['{ anyOf: [{ const: 1 }, {}] }', '7:19 `anyOf` denies nothing here: one of its choices permits everything'],
    ['{ anyOf: [true, { const: 1 }] }', '7:19 `anyOf` denies nothing here: one of its choices permits everything'],
    ['{ $defs: { a: { const: 1 } }, const: 1 }', '7:19 a rule stands by itself: write the schema out'],
    ['{ type: array, items: { $ref: "#" } }', '7:40 a rule stands by itself'],
    ['{ not: { anyOf: [{ const: 1 }, { $ref: "#" }] } }', '7:49 a rule stands by itself'],
    ['{ allOf: [true] }', '7:19 `allOf` denies nothing here'],
    ['{ allOf: [{}] }', '7:19 `allOf` denies nothing here'],
    ['{ allOf: [{ const: 1 }, true] }', '7:34 `true` denies nothing'],
    ['{ allOf: [{ const: 1 }, { type: integer }] }', '7:34 a type alone denies nothing'],
    ['{ anyOf: [{ type: string }, { const: 1 }] }', '7:19 `anyOf` denies nothing here: one of its choices is a type'],
    ['{ oneOf: [{ type: string }, { const: 1 }] }', '7:19 `oneOf` denies nothing here: one of its choices is a type'],
    ['{ anyOf: [{ type: string, minLength: 0 }, { const: 1 }] }', '7:47 `minLength` denies nothing here'],
    ['{ not: { type: string, minLength: 0 } }', '7:44 `minLength` denies nothing here'],
    ['{ oneOf: [{ const: 1, default: 1 }, { const: 2 }] }', '7:41 `default` denies nothing here'],
    ['{ type: object, properties: { k: { const: 1, default: 1 } } }', '7:64 `default` denies nothing here'],
    ['{ not: { const: 1, default: 1 } }', '7:38 `default` denies nothing here'],
    ['{ not: false, const: 1 }', '7:17 `not` denies nothing here'],
    ['{ type: string, pattern: ".*" }', '7:35 `pattern` denies nothing here'],
    ['{ type: string, pattern: "^" }', '7:35 `pattern` denies nothing here'],
    ['{ type: string, pattern: "^[^]*$" }', '7:35 `pattern` denies nothing here'],
    ['{ const: "a${user}" }', '7:19 `a${user}` is not one setting alone'],
    ['{ enum: [a, "${user}/b"] }', '7:22 `${user}/b` is not one setting alone'],
    ['{ const: { k: ["${User}"] } }', '7:25 `${User}` is not one setting alone'],
    ['{ not: { enum: ["\\\\\\\\${user}"] } }', '7:26'],
    ['{ type: array, items: {} }', '7:32 an empty schema denies nothing'],
    ['{ maxLength: 3 }', '7:23 `x`: /maxLength needs "type": "string" beside it'],
    ['{ type: string, maxLenght: 3 }', '7:37 `x`: /maxLenght is an unknown keyword'],
    ['{ type: string, pattern: "(" }', '7:35 `x`: /pattern is no regular expression (with the flag u)'],
    ['{ type: string, format: phone }', '7:34'],
    ['{ type: strin, maxLength: 3 }', '7:18'],
    ['[1]', '7:10 `x`: must be an object'],
    ['{ const: 1, const: 2 }', '7:22 `const` is written twice, first in line 7'],
    ['{ enum: [.inf] }', '7:'],
  ])('%s', (schema, expected) => {
    expect(
      mistakes(schema).some((line) => line.startsWith(expected)),
      mistakes(schema).join('\n'),
    ).toBe(true)
  })

  it('a constant is a setting at any depth, and `\\${` is literal; a property may be called const', () => {
    expect(rulesOf("{ const: { k: ['${user}', '\\${user}', 'a\\b'] } }")[0]!.schema).toEqual({
      const: { k: ['$user', '${user}', 'a\\b'] },
    })
    const schema = { type: 'object', properties: { const: { type: 'string', pattern: '\\${2}' } } }
    expect(rulesOf(JSON.stringify(schema))[0]!.schema).toEqual(schema)
  })

  it('and no rule adds what it demands', () => {
    const rules = { type: 'object', properties: { x: { default: 1 } }, required: ['x'] }
    expect(validateArguments(rules, {}).ok).toBe(true)
    expect(validateArguments(rules, {}, { ignoreDefaults: true }).ok).toBe(false)
  })

  it('an `args` without any', () => {
    const text = source('{ const: 1 }').replace(/args:[^]*/, 'args: {}\n')
    expect(summaries(problemsOf(() => parseDefinition({ file: 'a.yaml', text })))).toEqual(['6:5 `args` is empty'])
  })
})

describe('beside what the tool itself says', () => {
  const own = {
    type: 'object',
    properties: {
      text: { type: 'string', minLength: 2, maxLength: 100, pattern: '^a' },
      count: { type: 'integer', minimum: 1, maximum: 10 },
      kind: { enum: ['a', 'b'] },
      list: { type: 'array', items: { type: 'string', maxLength: 5 } },
      shared: { $ref: '#/$defs/short' },
      pair: { type: 'object', properties: { a: { type: 'object', properties: { b: {} } } } },
      open: { type: 'object', properties: { a: {} }, additionalProperties: {} },
    },
    $defs: { short: { type: 'string', maxLength: 5 } },
  }
  const check = (argument: string, schema: object): string | undefined => {
    const result = narrow(own, [{ argument, schema: schema as Record<string, unknown> }])
    return result.ok ? undefined : result.problems[0]?.message
  }

  it.each<[string, object, string]>([
    [
      'text',
      { type: 'string', maxLength: 100 },
      'args.text: `maxLength: 100` denies nothing: the tool itself says 100',
    ],
    [
      'text',
      { type: 'string', maxLength: 101 },
      'args.text: `maxLength: 101` denies nothing: the tool itself says 100',
    ],
    ['text', { type: 'string', minLength: 2 }, 'args.text: `minLength: 2` denies nothing: the tool itself says 2'],
    ['text', { type: 'string', pattern: '^a' }, 'args.text: `pattern` denies nothing: the tool itself says the same'],
    [
      'text',
      { type: 'integer', minimum: 1 },
      'args.text: the tool takes string and the rule integer, so no value passes',
    ],
    ['count', { type: 'integer', minimum: 0 }, 'args.count: `minimum: 0` denies nothing: the tool itself says 1'],
    ['count', { type: 'integer', maximum: 10 }, 'args.count: `maximum: 10` denies nothing: the tool itself says 10'],
    ['kind', { enum: ['b', 'a'] }, 'args.kind: `enum` denies nothing: it names all that the tool permits'],
    ['kind', { enum: ['c'] }, 'args.kind: `enum` permits nothing that the tool takes'],
    ['kind', { const: 'c' }, 'args.kind: `const` is no value that the tool takes'],
    [
      'list',
      { type: 'array', items: { type: 'string', maxLength: 5 } },
      'args.list: `items` denies nothing: the tool itself says the same',
    ],
    ['shared', { type: 'string', maxLength: 6 }, 'args.shared: `maxLength: 6` denies nothing: the tool itself says 5'],
    ['pair', { type: 'object', properties: { b: { const: 1 } } }, 'args.pair: the tool has no property b there'],
    ['pair', { type: 'object', required: ['b'] }, 'args.pair: the tool has no property b there'],
    ['pair', { not: { type: 'object', required: ['b'] } }, 'args.pair: the tool has no property b there'],
    [
      'pair',
      { type: 'object', properties: { a: { type: 'object', required: ['c'] } } },
      'args.pair: the tool has no property c there',
    ],
    ['text', { not: { type: 'integer' } }, 'args.text: `not` denies nothing: the tool takes string alone'],
    [
      'txt',
      { const: 1 },
      'the tool has no argument txt, so the rule can never take effect; its arguments are: text, count, kind, list, shared, pair, open',
    ],
  ])('%s %j is a mistake', (argument, schema, message) => {
    expect(check(argument, schema)).toBe(message)
  })

  it.each<[string, object, unknown, unknown]>([
    ['text', { type: 'string', maxLength: 3 }, 'abc', 'abcd'],
    ['text', { type: 'string', pattern: 'c$' }, 'abc', 'abd'],
    ['count', { type: 'integer', maximum: 3 }, 3, 4],
    ['kind', { enum: ['a'] }, 'a', 'b'],
    ['kind', { const: 'a' }, 'a', 'b'],
    ['list', { type: 'array', items: { type: 'string', maxLength: 3 } }, ['abc'], ['abcd']],
    ['shared', { type: 'string', maxLength: 3 }, 'abc', 'abcd'],
    ['pair', { type: 'object', required: ['a'] }, { a: {} }, {}],
    ['open', { type: 'object', required: ['b'] }, { b: 1 }, {}],
    ['text', { not: { type: 'string', pattern: 'x$' } }, 'abc', 'abx'],
  ])('%s %j narrows, and what the tool says holds still', (argument, schema, permitted, denied) => {
    const result = narrow(own, [{ argument, schema: schema as Record<string, unknown> }])
    if (!result.ok) return expect.fail(result.problems[0]?.message)
    const { parameters } = result.narrowed
    expect(validateArguments(own, { [argument]: denied }).ok).toBe(true)
    expect(validateArguments(parameters, { [argument]: permitted }).ok).toBe(true)
    expect(validateArguments(parameters, { [argument]: denied }).ok).toBe(false)
    expect(validateArguments(parameters, { text: 'b' }).ok).toBe(false)
    expect(validateArguments(parameters, { count: 11 }).ok).toBe(false)
  })
})
