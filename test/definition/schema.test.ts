/** The schemas that editors use, held against what the parser accepts and refuses. */
import { readdirSync, readFileSync } from 'node:fs'
import { Validator, type Schema } from '@cfworker/json-schema'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { parseConfig } from '../../runtime/definition/config.ts'
import { parseDefinition } from '../../runtime/definition/parse.ts'
import { agentSchema, configSchema } from '../../runtime/definition/schema.ts'
import { ProblemsError } from '../../runtime/errors.ts'
import { REPOSITORY } from '../support/program.ts'

const agents = new Validator(agentSchema() as Schema, '2020-12', false)
const configs = new Validator(configSchema() as Schema, '2020-12', false)
const isAgent = (text: string): boolean => agents.validate(parse(text)).valid
const isConfig = (text: string): boolean => configs.validate(parse(text)).valid

const AGENT = `name: a
description: d
model: { name: p/m, effort: low, temperature: 0.5, maxOutput: 100 }
script: ./a.ts
fallback: script
instructions: { file: ./p.md }
workspace: sub
settings:
  one: { pattern: "[0-9]+" }
  two: { oneOf: [a, b] }
tools:
  read_file: { read: ["src/**"], deny: ["src/x/**"], approval: never, args: { path: { type: string, maxLength: 9 } } }
  mine:
    from: ./t.ts
    description: d
    write: ["out/*.md"]
    delete: ["out/*.md"]
    git: read
    http: ["GET https://x.example/a"]
    redirects: ["GET https://y.example/**"]
    headers: { X-Tenant: "*" }
    limits: { timeout: 5s, memory: 32MB, calls: 3, requests: 20, result: 2MB, log: 1KB }
    repeat: keyed
    required: true
  asks: { request: "GET https://x.example/{id}", description: d, args: { id: { const: a } } }
budget: { turns: 5, tokens: 1000, usd: 0.25, time: 2m }
require: { walls: [bubblewrap] }
tests:
  - { tool: mine, permits: "write out/a.md" }
x-note: [anything]
`
const CONFIG = `providers:
  p: { credential: c, baseURL: "https://x.example/v1", api: chat, prices: { m: { input: 1, output: 2.5 } } }
credentials:
  c: { source: { env: KEY }, inject: { header: X-Key, format: "Key {secret}" } }
  d: { source: { file: ./d.key } }
settings: { one: "1" }
audit: { file: ./audit.db }
require: { walls: [bubblewrap] }
ceiling: { turns: 10, usd: 5 }
protected: [{ agent: { from: /srv/a.yaml }, path: .env }, { agent: { lock: "sha256-${'0'.repeat(64)}" }, path: .env }]
x-note: anything
`

function accepts(read: () => unknown): boolean {
  try {
    read()
    return true
  } catch (error) {
    if (error instanceof ProblemsError) return false
    throw error
  }
}
const parsesAgent = (text: string): boolean =>
  accepts(() => parseDefinition({ file: 'a.yaml', text, readFile: () => 'text' }))
const parsesConfig = (text: string): boolean => accepts(() => parseConfig({ file: 'config.yaml', text }))

describe('a file that uses everything', () => {
  it('is accepted by the parser and by the schema', () => {
    expect([parsesAgent(AGENT), isAgent(AGENT)]).toEqual([true, true])
    expect([parsesConfig(CONFIG), isConfig(CONFIG)]).toEqual([true, true])
  })

  it('is refused by both for each key that is misspelt', () => {
    const keys = (text: string): readonly string[] =>
      [...text.matchAll(/(?<=[{,\n] *)([a-zA-Z]+)(?=:)/g)].map(({ index }) => String(index))
    const slip = (text: string, at: string): string => `${text.slice(0, Number(at))}z${text.slice(Number(at))}`
    const named = /^(?:one|two|read_file|mine|asks|path|id|p|c|d|m|X|type|maxLength|const)$/
    const isFree = (text: string, at: string): boolean =>
      named.test(/^[a-zA-Z_]+/.exec(text.slice(Number(at)))?.[0] ?? '')
    const wrong = (text: string): readonly string[] =>
      keys(text)
        .filter((at) => !isFree(text, at))
        .map((at) => slip(text, at))
    for (const text of wrong(AGENT)) expect([parsesAgent(text), isAgent(text)], text).toEqual([false, false])
    for (const text of wrong(CONFIG)) expect([parsesConfig(text), isConfig(text)], text).toEqual([false, false])
  })
})

it.each(readdirSync(`${REPOSITORY}/agents`).filter((name) => name.endsWith('.yaml')))('agents/%s is valid', (name) => {
  expect(isAgent(readFileSync(`${REPOSITORY}/agents/${name}`, 'utf8'))).toBe(true)
})

/** Every example that people copy: what the parser accepts of them, an editor must not mark as wrong. */
it('accepts every definition and configuration of the README and the guides', () => {
  const guides = readdirSync(`${REPOSITORY}/docs`).map((name) => `docs/${name}`)
  const blocks = ['README.md', ...guides].flatMap((file) =>
    [...readFileSync(`${REPOSITORY}/${file}`, 'utf8').matchAll(/```yaml[^\n]*\n([^]*?)```/g)].map(
      ([, text = '']) => text,
    ),
  )
  const definitions = blocks.filter((text) => /^name:/m.test(text) && parsesAgent(text))
  const configurations = blocks.filter((text) => !/^name:/m.test(text) && parsesConfig(text))
  expect([definitions.length > 3, configurations.length > 0]).toEqual([true, true])
  for (const text of definitions) expect(isAgent(text), text).toBe(true)
  for (const text of configurations) expect(isConfig(text), text).toBe(true)
})

/** Whatever is cut out of a file: what the parser takes, the schema takes too, or editors would cry wolf. */
it.each([
  ['definition', AGENT, parsesAgent, isAgent],
  ['configuration', CONFIG, parsesConfig, isConfig],
] as const)('the schema of a %s refuses nothing that the parser accepts', (_what, text, parses, isValid) => {
  let accepted = 0
  const lines = text.split('\n')
  const cut = fc.subarray(lines, { minLength: 1 }).map((kept) => kept.join('\n'))
  const part = fc
    .tuple(fc.nat(text.length), fc.nat(12))
    .map(([at, length]) => text.slice(0, at) + text.slice(at + length))
  fc.assert(
    fc.property(fc.oneof(cut, part), (candidate) => {
      if (!parses(candidate)) return
      accepted += 1
      expect(isValid(candidate), candidate).toBe(true)
    }),
    { numRuns: 4000 },
  )
  expect(accepted).toBeGreaterThan(20)
})
