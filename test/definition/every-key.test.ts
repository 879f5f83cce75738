/**
 * For each key of the grammar: a definition in which what it restricts is refused or denied, and which passes without
 * it; and its misspelling, which is refused. What a key does in a run is tested where it does it: test/run.
 */
import { describe, expect, it } from 'vitest'
import type { AgentDefinition } from '../../runtime/definition/definition.ts'
import * as keys from '../../runtime/definition/keys.ts'
import { parseDefinition } from '../../runtime/definition/parse.ts'
import { parseQuestion } from '../../runtime/definition/question.ts'
import { agentSchema } from '../../runtime/definition/schema.ts'
import { matchesWhole } from '../../runtime/node-regexp.ts'
import { decide } from '../../runtime/policy/decide.ts'
import { problemsOf, summaries } from '../support/problems.ts'

const VALUES = { user: 'al', given: new Map([['one', '1']]), configured: new Map<string, string>(), matchesWhole }

const parse = (text: string): AgentDefinition =>
  parseDefinition({ file: 'a.yaml', text, readFile: () => 'from the file', values: VALUES })
const mistakes = (text: string): readonly string[] => summaries(problemsOf(() => parse(text)))

function permits(text: string, question: string): boolean {
  const [entry] = parse(text).tools
  const parsed = parseQuestion(question)
  if (entry === undefined || !parsed.ok) return expect.fail(`no question: ${question}`)
  const { paths, deny, git, http, redirects, headers } = entry
  return (
    decide({ tool: 't', paths, deny, git, http, redirects, headers, ownFiles: [] }, parsed.question, {}).kind ===
    'permit'
  )
}

const HEAD = 'name: a\nscript: ./a.ts\nsettings: { one: { pattern: "[0-9]" } }\n'
const tool = (body: string): string => `${HEAD}tools:\n  t: { from: ./t.ts, ${body} }\n`
/** A tool whose rules are `without`, and then also `key`. */
const narrows = (without: string, key: string, question: string) => (): void => {
  expect(permits(tool(without), question)).toBe(true)
  expect(permits(tool(`${without}, ${key}`), question)).toBe(false)
}
const grants = (key: string, question: string, other: string) => (): void => {
  expect(permits(tool('git: read'), question)).toBe(false)
  expect(permits(tool(key), question)).toBe(true)
  expect(permits(tool(key), other)).toBe(false)
}
const refuses = (text: string, mistake: string) => (): void => {
  expect(mistakes(text).join('\n')).toContain(mistake)
}
const reads = (text: string, path: (definition: AgentDefinition) => unknown, value: unknown) => (): void => {
  expect(path(parse(text))).toEqual(value)
}
const URL_RULE = 'http: ["GET https://x.example/a"]'
const REQUEST = `${HEAD}tools:\n  t: { request: "GET https://x.example/{id}", description: d, args: { id: { const: a } } }\n`

type Bites = Readonly<Record<string, readonly (() => void)[]>>

const definition: Record<(typeof keys.DEFINITION_KEYS.supported)[number], readonly (() => void)[]> = {
  name: [refuses('name: A b\nscript: ./a.ts\n', '`name` must be'), refuses('script: ./a.ts\n', '`name` is missing')],
  description: [refuses('name: a\nscript: ./a.ts\ndescription: [x]\n', '`description` must be text')],
  model: [
    refuses('name: a\nmodel: x\n', '`model` must be'),
    reads(`${HEAD}model: p/m\n`, (read) => read.model?.name, 'm'),
  ],
  script: [refuses('name: a\nscript: /etc/x.ts\n', '`script` must be a relative path')],
  fallback: [refuses('name: a\nscript: ./a.ts\nfallback: script\n', 'can never take effect')],
  instructions: [reads(`${HEAD}instructions: x\n`, ({ instructions }) => instructions, 'x')],
  workspace: [refuses(`${HEAD}workspace: ..\n`, '`workspace` must not hold')],
  settings: [refuses('name: a\nscript: ./a.ts\nsettings: { one: { pattern: "[2-9]" } }\n', 'does not match')],
  tools: [reads(HEAD, ({ tools }) => tools, []), refuses(`${HEAD}tools: { no_such: {} }\n`, 'no tool `no_such`')],
  budget: [refuses(`${HEAD}budget: {}\n`, '`budget` is empty')],
  require: [refuses(`${HEAD}require: { walls: [brick] }\n`, '`walls` must be `bubblewrap`')],
  tests: [refuses(`${HEAD}tests: [{ tool: t, denies: "read a" }]\n`, 'the agent has no tool `t`')],
}

const tools: Record<(typeof keys.TOOL_KEYS.supported)[number], readonly (() => void)[]> = {
  from: [refuses(`${HEAD}tools: { t: { from: ../t.ts } }\n`, '`from` must not hold')],
  request: [
    () => {
      expect(permits(REQUEST, 'GET https://x.example/a')).toBe(true)
      for (const other of ['POST https://x.example/a', 'GET https://x.example/a/b', 'GET https://y.example/a'])
        expect(permits(REQUEST, other)).toBe(false)
    },
    refuses(REQUEST.replace('args: { id: { const: a } }', ''), 'the argument `id` has no schema'),
  ],
  description: [refuses(REQUEST.replace('description: d, ', ''), 'must have a `description`')],
  read: [grants('read: ["a"]', 'read a', 'read b'), grants('read: ["a"]', 'read a', 'write a')],
  write: [grants('write: ["a"]', 'write a', 'write b'), grants('write: ["a"]', 'write a', 'read a')],
  delete: [grants('delete: ["a"]', 'delete a', 'delete b'), grants('delete: ["a"]', 'delete a', 'write a')],
  deny: [narrows('read: ["**"]', 'deny: ["a"]', 'read x/A/b')],
  git: [
    () => {
      expect(permits(tool('read: ["**"]'), 'read .git/HEAD')).toBe(false)
      expect(permits(tool('git: read'), 'read .git/HEAD')).toBe(true)
      expect(permits(tool('git: read'), 'read .git/config')).toBe(false)
    },
  ],
  http: [grants(URL_RULE, 'GET https://x.example/a', 'GET https://x.example/b')],
  redirects: [refuses(tool('redirects: ["GET https://x.example/a"]'), 'can never take effect')],
  headers: [refuses(tool(`${URL_RULE}, headers: { Authorization: x }`), 'uthorization')],
  credentials: [
    refuses(tool('read: ["a"], credentials: [a]'), '`credentials` can never take effect'),
    refuses(tool(`${URL_RULE}, credentials: [a, a]`), '`a` is written twice'),
    refuses(tool(`${URL_RULE}, credentials: [ghp_Abc]`), 'must be a name'),
    reads(tool(`${URL_RULE}, credentials: [a]`), ({ tools: [t] }) => t?.credentials.map(({ name }) => name), ['a']),
  ],
  args: [refuses(tool('args: { x: { type: string } }'), 'a type alone denies nothing')],
  limits: [refuses(tool('limits: {}'), '`limits` is empty')],
  repeat: [
    refuses(tool('repeat: always'), '`repeat` must be'),
    reads(tool('write: ["a"]'), ({ tools: [t] }) => t?.repeat, 'ask'),
    reads(tool('read: ["a"]'), ({ tools: [t] }) => t?.repeat, 'safe'),
    reads(tool('http: ["POST https://x.example/a"]'), ({ tools: [t] }) => t?.repeat, 'ask'),
  ],
  required: [refuses(tool('required: false'), '`required` must be true')],
  approval: [refuses(tool('approval: ask'), 'not supported yet')],
}

const limits: Record<(typeof keys.LIMITS_KEYS.supported)[number], readonly (() => void)[]> = {
  timeout: [reads(tool('limits: { timeout: 5s }'), ({ tools: [t] }) => t?.limits.timeoutMs, 5000)],
  memory: [reads(tool('limits: { memory: 32MB }'), ({ tools: [t] }) => t?.limits.memoryBytes, 32 * 1024 ** 2)],
  calls: [reads(tool('limits: { calls: 3 }'), ({ tools: [t] }) => t?.limits.calls, 3)],
  requests: [reads(tool('limits: { requests: 3 }'), ({ tools: [t] }) => t?.limits.requests, 3)],
  result: [reads(tool('limits: { result: 2KB }'), ({ tools: [t] }) => t?.limits.resultBytes, 2048)],
  log: [reads(tool('limits: { log: 2KB }'), ({ tools: [t] }) => t?.limits.logBytes, 2048)],
}

const budget: Record<(typeof keys.BUDGET_KEYS.supported)[number], readonly (() => void)[]> = {
  turns: [reads(`${HEAD}budget: { turns: 3 }\n`, (read) => read.budget.turns, 3)],
  tokens: [reads(`${HEAD}budget: { tokens: 3 }\n`, (read) => read.budget.tokens, 3)],
  usd: [reads(`${HEAD}budget: { usd: 0.5 }\n`, (read) => read.budget.usd, 0.5)],
  time: [reads(`${HEAD}budget: { time: 3s }\n`, (read) => read.budget.timeMs, 3000)],
}

const others: Bites = {
  'model.name': [refuses('name: a\nmodel: { effort: low }\n', '`model` has no `name`')],
  'model.effort': [refuses('name: a\nmodel: { name: p/m, effort: huge }\n', '`effort` must be')],
  'model.temperature': [refuses('name: a\nmodel: { name: p/m, temperature: 3 }\n', '`temperature` must be')],
  'model.maxOutput': [refuses('name: a\nmodel: { name: p/m, maxOutput: 0 }\n', '`maxOutput` must be')],
  'instructions.file': [
    reads(`${HEAD}instructions: { file: ./p.md }\n`, ({ instructions }) => instructions, 'from the file'),
  ],
  'require.walls': [refuses(`${HEAD}require: { walls: [] }\n`, '`walls` is empty')],
  'setting.pattern': [refuses(HEAD.replace('[0-9]', '[2-9]'), 'does not match')],
  'setting.oneOf': [refuses(HEAD.replace('pattern: "[0-9]"', 'oneOf: ["2"]'), 'must be one of `2`')],
  'test.tool': [refuses(`${HEAD}tests: [{ denies: read a }]\n`, 'a test must have `tool`')],
  'test.permits': [refuses(`${tool('read: [a]')}tests: [{ tool: t, permits: reed a }]\n`, 'did you mean `read`')],
  'test.denies': [
    refuses(`${tool('read: [a]')}tests: [{ tool: t, permits: read a, denies: read b }]\n`, 'exactly one'),
  ],
}

/** Every table of keys, with a definition in which `KEY: VALUE` stands in that mapping. */
const MAPPINGS: readonly {
  readonly name: string
  readonly keys: readonly string[]
  readonly bites: Bites
  readonly place: (pair: string) => string
}[] = [
  { name: 'definition', keys: keys.DEFINITION_KEYS.supported, bites: definition, place: (pair) => `${HEAD}${pair}\n` },
  { name: 'tool', keys: keys.TOOL_KEYS.supported, bites: tools, place: tool },
  { name: 'limits', keys: keys.LIMITS_KEYS.supported, bites: limits, place: (pair) => tool(`limits: { ${pair} }`) },
  { name: 'budget', keys: keys.BUDGET_KEYS.supported, bites: budget, place: (pair) => `${HEAD}budget: { ${pair} }\n` },
  ...(
    [
      ['model', keys.MODEL_KEYS, (pair: string) => `${HEAD}model: { ${pair} }\n`],
      ['instructions', keys.INSTRUCTIONS_KEYS, (pair: string) => `${HEAD}instructions: { ${pair} }\n`],
      ['require', keys.REQUIRE_KEYS, (pair: string) => `${HEAD}require: { ${pair} }\n`],
      ['setting', keys.SETTING_KEYS, (pair: string) => HEAD.replace('pattern: "[0-9]"', pair)],
      ['test', keys.TEST_KEYS, (pair: string) => `${HEAD}tests: [{ ${pair} }]\n`],
    ] as const
  ).map(([name, { supported }, place]) => ({
    name,
    keys: supported,
    bites: Object.fromEntries(supported.map((key) => [key, others[`${name}.${key}`] ?? []])),
    place,
  })),
]

describe.each(MAPPINGS)('$name', ({ keys: names, bites, place }) => {
  it.each(names)('`%s` bites', (key) => {
    const checks = bites[key] ?? []
    expect(checks.length).toBeGreaterThan(0)
    for (const check of checks) check()
  })

  it.each(names)('`%s` misspelt is refused, with the right spelling where it is near', (key) => {
    const slips = [
      key.slice(0, -1),
      `${key}s`,
      key.toUpperCase(),
      `${key[1]}${key[0]}${key.slice(2)}`,
      `${key}-`,
      `_${key}`,
    ]
    for (const slip of slips.filter((word) => word !== '' && !names.includes(word))) {
      expect(mistakes(place(`${JSON.stringify(slip)}: x`)).join('\n')).toContain(`unknown key \`${slip}\``)
    }
    if (key.length > 3) expect(mistakes(place(`${key}s: x`)).join('\n')).toContain(`did you mean \`${key}\`?`)
  })
})

it('the schema knows the same keys', () => {
  const at = (schema: unknown, ...path: string[]): Record<string, unknown> =>
    path.reduce((inner, step) => Object(inner)[step] as unknown, schema) as Record<string, unknown>
  const schema = agentSchema()
  const toolSchema = at(schema, 'properties', 'tools', 'additionalProperties')
  const names = (value: unknown): readonly string[] => Object.keys(at(value, 'properties')).toSorted()
  expect(names(schema)).toEqual(keys.DEFINITION_KEYS.supported.toSorted())
  expect(names(toolSchema)).toEqual(keys.TOOL_KEYS.supported.toSorted())
  expect(names(at(toolSchema, 'properties', 'limits'))).toEqual(keys.LIMITS_KEYS.supported.toSorted())
  expect(names(at(schema, 'properties', 'budget'))).toEqual(keys.BUDGET_KEYS.supported.toSorted())
  expect(names(at(schema, 'properties', 'require'))).toEqual(keys.REQUIRE_KEYS.supported.toSorted())
  expect(names(at(schema, 'properties', 'tests', 'items'))).toEqual(keys.TEST_KEYS.supported.toSorted())
  expect(names(at(schema, 'properties', 'model', 'anyOf', '1'))).toEqual(keys.MODEL_KEYS.supported.toSorted())
  expect(names(at(schema, 'properties', 'instructions', 'anyOf', '1'))).toEqual(
    keys.INSTRUCTIONS_KEYS.supported.toSorted(),
  )
})
