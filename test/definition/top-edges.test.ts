/** The keys at the top of a definition, next to those that it takes. */
import { describe, expect, it } from 'vitest'
import type { AgentDefinition } from '../../runtime/definition/definition.ts'
import { parseDefinition, type DefinitionInput } from '../../runtime/definition/parse.ts'
import { parseQuestion, questionOf } from '../../runtime/definition/question.ts'
import { DEFINITION_BYTES_MAX } from '../../runtime/limits.ts'
import { problemsOf } from '../support/problems.ts'

type Files = DefinitionInput['readFile']
const parse = (text: string, readFile?: Files): AgentDefinition =>
  parseDefinition({ file: 'a.yaml', text, ...(readFile === undefined ? {} : { readFile }) })
const count = (text: string, readFile?: Files): number => problemsOf(() => parse(text, readFile)).length
const named = (name: string): string => `name: ${JSON.stringify(name)}\nscript: ./a.ts\n`
const modelled = (model: string): string => `name: a\nmodel: ${model}\n`
const HEAD = 'name: a\nscript: ./a.ts\n'

describe('a name', () => {
  it.each(['a', 'a1', 'a-b', 'a_b', 'a-1_b'])('is %s', (name) => expect(parse(named(name)).name).toBe(name))
  it.each(['A', '1', '_a', '-a', 'aB', 'a b', 'a.b', 'a/b', '../a', 'aé', ''])('is not %j', (name) => {
    expect(count(named(name))).toBe(1)
  })
})

describe('a model', () => {
  it.each([
    ['p/m', 'p', 'm'],
    ['p-1_a/m/n.o:p', 'p-1_a', 'm/n.o:p'],
    ['p/M', 'p', 'M'],
  ])('is %s', (text, provider, name) => {
    const bare = { provider, name, effort: undefined, temperature: undefined, maxOutput: undefined }
    expect(parse(modelled(text)).model).toEqual(bare)
    expect(parse(modelled(`{ name: ${text} }`)).model).toEqual(bare)
  })

  it('has what is written beside it', () => {
    const text = '{ name: p/m, effort: high, temperature: 0.5, maxOutput: 10 }'
    expect(parse(modelled(text)).model).toMatchObject({ effort: 'high', temperature: 0.5, maxOutput: 10 })
    expect(parse(modelled('{ name: p/m, temperature: 0, maxOutput: 1 }')).model).toMatchObject({
      temperature: 0,
      maxOutput: 1,
    })
    expect(parse(modelled('{ name: p/m, temperature: 2 }')).model?.temperature).toBe(2)
  })

  it.each([
    'p',
    '/m',
    'p/',
    'P/m',
    '1p/m',
    'xP/m',
    '-p/m',
    '"p /m"',
    '"p/m n"',
    '"p/ m"',
    'p//m',
    '" p/m"',
    '"p/m "',
    '[p/m]',
    '1',
    '{}',
  ])('is not %s', (text) => expect(count(modelled(text))).toBeGreaterThan(0))

  it.each([
    'effort: huge',
    'temperature: -0.1',
    'temperature: 2.1',
    'temperature: "1"',
    'maxOutput: 0',
    'maxOutput: 1.5',
    'maxOutput: 1e12',
    'max: 1',
  ])('has no { %s }', (text) => expect(count(modelled(`{ name: p/m, ${text} }`))).toBeGreaterThan(0))
})

describe('who plays', () => {
  it.each([
    'name: a\n',
    'name: a\nmodel: p/m\nfallback: script\n',
    `${HEAD}fallback: script\n`,
    `${HEAD}model: p/m\nfallback: model\n`,
    'script: ./a.ts\n',
  ])('is not %j', (text) => expect(count(text)).toBeGreaterThan(0))

  it('may be both', () => {
    expect(parse(`${HEAD}model: p/m\nfallback: script\n`)).toMatchObject({ script: 'a.ts', fallback: 'script' })
    expect(parse(`${HEAD}model: p/m\n`).fallback).toBeUndefined()
  })

  it.each(['./a.mts', './a.js', './a.mjs', 'b/a.ts'])('is the script %s', (script) => {
    expect(parse(`name: a\nscript: ${script}\n`).script).toBe(script.replace('./', ''))
  })

  it.each([
    './a',
    './a.tsx',
    './a.ts.txt',
    './a.json',
    './ts',
    '../a.ts',
    '/a.ts',
    './.git/a.ts',
    './.env/a.ts',
    '.ssh/a.ts',
    '~/a.ts',
    'x:a.ts',
  ])('is not the script %s', (script) => expect(count(`name: a\nscript: ${script}\n`)).toBe(1))
})

describe('instructions', () => {
  const inFile = `${HEAD}instructions: { file: ./p.md }\n`

  it('come from a file of the folder', () => {
    const read: string[] = []
    const reading =
      (content: string | Uint8Array): Files =>
      (path) => (read.push(path), content)
    expect(parse(inFile, reading('hello\n'))).toMatchObject({ instructions: 'hello\n', instructionsFile: 'p.md' })
    expect(parse(inFile, reading(new TextEncoder().encode('h\u00e9'))).instructions).toBe('h\u00e9')
    expect(parse(inFile, reading('a'.repeat(DEFINITION_BYTES_MAX))).instructions).toHaveLength(DEFINITION_BYTES_MAX)
    expect(read).toEqual(['p.md', 'p.md', 'p.md'])
    expect(parse(`${HEAD}instructions: hello\n`)).toMatchObject({ instructions: 'hello', instructionsFile: undefined })
  })

  it.each<[string, string | Uint8Array]>([
    ['nothing', ''],
    ['spaces', ' \n'],
    ['NUL', 'a\0'],
    ['a lone surrogate', 'a\ud800'],
    ['bytes that are no UTF-8', new Uint8Array([0x61, 0xff])],
    ['too much', 'a'.repeat(DEFINITION_BYTES_MAX + 1)],
  ])('are not a file of %s', (_what, content) => expect(count(inFile, () => content)).toBe(1))

  it('are not a file that cannot be read', () => {
    expect(count(inFile)).toBe(1)
    expect(
      count(inFile, () => {
        throw new Error('no')
      }),
    ).toBe(1)
  })

  it.each([
    '{}',
    '{ file: ../p.md }',
    '{ file: /p.md }',
    '{ file: ./.env }',
    '{ file: .git/config }',
    '{ file: "" }',
    '{ text: a }',
    '[a]',
    '1',
    '""',
  ])('are not %s', (text) => expect(count(`${HEAD}instructions: ${text}\n`, () => 'a')).toBeGreaterThan(0))
})

describe('a workspace', () => {
  it.each([
    ['.', '.'],
    ['./a/b/', 'a/b'],
  ])('is %s', (text, path) => expect(parse(`${HEAD}workspace: ${text}\n`).workspace).toBe(path))
  it.each(['..', '../a', 'a/../..', '/', '/a', '~', '"C:\\\\"', '[a]'])('is not %s', (text) => {
    expect(count(`${HEAD}workspace: ${text}\n`)).toBe(1)
  })
})

it('requires the walls that it names', () => {
  expect(parse(`${HEAD}require: { walls: [bubblewrap] }\n`).require.map(({ wall }) => wall)).toEqual(['bubblewrap'])
  for (const text of [
    '{}',
    '{ walls: [] }',
    '{ walls: bubblewrap }',
    '{ walls: [none] }',
    '{ wall: [bubblewrap] }',
    '[]',
  ])
    expect(count(`${HEAD}require: ${text}\n`), text).toBeGreaterThan(0)
})

it('holds as many tools as the limit says, and nothing but a mapping', () => {
  const tools = (length: number): string =>
    `${HEAD}tools:\n${Array.from({ length }, (_, index) => `  t${index}: { from: ./t.ts }\n`).join('')}`
  expect(parse(tools(256)).tools).toHaveLength(256)
  expect(count(tools(257))).toBe(1)
  for (const text of [
    '',
    '[]',
    'a',
    '- a',
    '1',
    '~',
    '---\n---\n',
    '&a name: a',
    'name: !!str a\nscript: ./a.ts',
    '%YAML 1.2\n---\nname: a',
  ])
    expect(count(text), text).toBeGreaterThan(0)
})

it('is frozen as a whole', () => {
  const definition = parse(
    `${HEAD}budget: { turns: 1 }\ntools: { t: { from: ./t.ts, read: [a], args: { p: { enum: [[1]] } } } }\ntests: [{ tool: t, permits: "read a" }]\n`,
  )
  const isFrozen = (value: unknown): boolean =>
    typeof value !== 'object' || value === null || (Object.isFrozen(value) && Object.values(value).every(isFrozen))
  expect(isFrozen(definition)).toBe(true)
  expect(definition.places['budget']).toBe('a.yaml:3:1')
})

describe('a question', () => {
  it.each([
    ['read a', 'fs.read'],
    [' write\ta b ', 'fs.write'],
    ['delete a', 'fs.delete'],
    ['GET https://h.example/', 'http'],
    ['HEAD http://h.example/', 'http'],
    ['GET HTTPS://h.example/a', 'http'],
  ])('is %j', (text, op) => {
    expect(parseQuestion(text)).toMatchObject({ ok: true, question: { op } })
  })

  it.each([
    '',
    'read',
    'read ',
    ' ',
    'reads a',
    'Read a',
    'list a',
    'get https://h.example/',
    'GETx https://h.example/',
    'xGET https://h.example/',
    'PURGE https://h.example/',
    'GET h.example',
    'GET //h.example/',
    'GET https:///',
    'GET ftp://h.example/',
    'GET xhttps://h.example/',
    'GET https://h.example/a b',
    'GET https://h.example/ ?',
    'GET https://[/',
    'GET https://h.example:99999/',
    'GET x https://h.example/',
    '\nread a',
    'read a\n',
    'read\na',
  ])('is not %j', (text) => expect(parseQuestion(text).ok).toBe(false))

  it('of a verb takes any subject but none', () => {
    expect(questionOf('read', ' a\n')).toMatchObject({ ok: true, question: { path: ' a\n' } })
    expect(parseQuestion('read  a\u00a0b  ')).toMatchObject({ ok: true, question: { path: 'a\u00a0b' } })
    expect(questionOf('read', '').ok).toBe(false)
    for (const url of [
      'https://h.example/\n',
      'https://[/',
      'https://h.example:99999/',
      'xhttps://h.example/',
      'https:///',
      'h',
    ])
      expect(questionOf('GET', url).ok, url).toBe(false)
    expect(questionOf('GET', 'HTTPS://h.example').ok).toBe(true)
  })
})
