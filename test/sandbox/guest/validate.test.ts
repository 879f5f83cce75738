import { runInNewContext } from 'node:vm'
import { build } from 'esbuild'
import { describe, expect, test } from 'vitest'
import { validateArguments } from '../../../runtime/sandbox/guest/validate.ts'

const text = { type: 'string' }
const schema = {
  type: 'object',
  properties: {
    path: { type: 'string', minLength: 1, pattern: '^[a-z/]*$' },
    count: { type: 'integer', default: 3 },
    kind: { type: 'string', enum: ['a', 'b'] },
    files: {
      type: 'array',
      items: { type: 'object', properties: { name: text, mode: { type: 'integer', default: 6 } }, required: ['name'] },
    },
    maybe: { anyOf: [text, { type: 'null' }] },
    choice: {
      oneOf: [
        { type: 'object', properties: { k: { const: 'a' }, v: { type: 'string', default: 'A' } }, required: ['k'] },
        { type: 'object', properties: { k: { const: 'b' }, v: { type: 'string', default: 'B' } }, required: ['k'] },
      ],
    },
    tree: { $ref: '#/$defs/tree' },
  },
  required: ['path'],
  additionalProperties: false,
  $defs: {
    tree: {
      type: 'object',
      properties: { name: { type: 'string', default: 'n' }, of: { type: 'array', items: { $ref: '#/$defs/tree' } } },
    },
  },
}

describe('accepted, with defaults', () => {
  test.each<[object, object]>([
    [{ path: 'a' }, { path: 'a', count: 3 }],
    [
      { path: 'a', count: 0 },
      { path: 'a', count: 0 },
    ],
    [
      { path: 'a', files: [{ name: 'x' }] },
      { path: 'a', count: 3, files: [{ name: 'x', mode: 6 }] },
    ],
    [
      { path: 'a', maybe: null },
      { path: 'a', count: 3, maybe: null },
    ],
    [
      { path: 'a', choice: { k: 'b' } },
      { path: 'a', count: 3, choice: { k: 'b', v: 'B' } },
    ],
    [
      { path: 'a', tree: { of: [{}] } },
      { path: 'a', count: 3, tree: { name: 'n', of: [{ name: 'n' }] } },
    ],
  ])('%j', (given, expected) => {
    const before = JSON.stringify(given)
    expect(validateArguments(schema, given)).toEqual({ ok: true, value: expected })
    expect(JSON.stringify(given)).toBe(before)
  })

  test('nothing at all is no arguments', () => {
    expect(validateArguments({ type: 'object', properties: {} }, undefined)).toEqual({ ok: true, value: {} })
  })

  test.each([
    ['1e400', 'integer', false],
    ['-1e400', 'number', false],
    ['1e400', 'array', false],
    ['5', 'integer', true],
  ])('%s is no %s unless JSON says so again: %s', (text, type, ok) => {
    const schema = { type: 'object', properties: { x: { type } }, additionalProperties: false }
    expect(validateArguments(schema, JSON.parse(`{"x":${text}}`)).ok).toBe(ok)
    const list = { type: 'object', properties: { x: { type: 'array', items: { type } } } }
    expect(validateArguments(list, JSON.parse(`{"x":[1,{"y":${text}}]}`)).ok).toBe(false)
  })

  test('minus zero is zero', () => {
    const result = validateArguments({ type: 'object', properties: { x: { enum: [0] } } }, JSON.parse('{"x":-0}'))
    expect(result).toEqual({ ok: true, value: { x: 0 } })
  })

  test('a property named __proto__ is a property', () => {
    const given: unknown = JSON.parse('{"__proto__":{"polluted":true}}')
    const result = validateArguments({ type: 'object', properties: {} }, given)
    expect(Object.getPrototypeOf(result.ok ? result.value : null)).toBe(Object.prototype)
    expect(validateArguments(schema, given)).toMatchObject({ ok: false })
  })
})

describe('refused, in words for a model', () => {
  test.each<[unknown, string]>([
    [{}, 'arguments: path is missing'],
    [7, 'arguments: must be object'],
    [{ path: 7 }, 'path: must be string'],
    [{ path: '' }, 'path: string is too short (0 < 1)'],
    [{ path: 'A' }, 'path: string does not match pattern'],
    [{ path: 'a', count: 1.5 }, 'count: must be integer'],
    [{ path: 'a', kind: 'c' }, 'kind: must be one of ["a","b"]'],
    [{ path: 'a', pth: 1 }, 'pth: is not a parameter'],
    [{ path: 'a', maybe: 1 }, 'maybe: must be string or null'],
    [{ path: 'a', files: [{ name: 'x' }, {}] }, 'files/1: name is missing'],
    [{ path: 'a', tree: { of: [{ name: 1 }] } }, 'tree/of/0/name: must be string'],
    [{ path: 1, kind: 2 }, 'path: must be string; kind: must be string; kind: must be one of ["a","b"]'],
  ])('%j', (given, message) => {
    expect(validateArguments(schema, given)).toEqual({ ok: false, message })
  })

  test('a message stays short', () => {
    const result = validateArguments(schema, { path: 'a', files: Array.from({ length: 500 }, () => ({})) })
    expect(result).toMatchObject({ ok: false, message: expect.stringMatching(/; and 480 more$/) as string })
  })
})

test('it runs where there is no URL and nothing of Node, and leaves none behind', async () => {
  const result = await build({
    stdin: {
      contents: `import { validateArguments } from './validate.ts'
        const schema = { type: 'object', properties: { a: { type: 'string', format: 'email' } } }
        globalThis.answer = [validateArguments(schema, { a: 'x' }), typeof URL]`,
      resolveDir: `${import.meta.dirname}/../../../runtime/sandbox/guest`,
      loader: 'ts',
    },
    bundle: true,
    write: false,
    format: 'iife',
    platform: 'neutral',
    mainFields: ['module', 'main'],
  })
  const world: { answer?: unknown } = {}
  runInNewContext(result.outputFiles[0]?.text ?? '', world)
  expect(JSON.stringify(world.answer)).toBe(
    '[{"ok":false,"message":"a: string does not match format \\"email\\""},"undefined"]',
  )
})
