/** What is written and would do nothing, or could be read in two ways. */
import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../runtime/definition/config.ts'
import { parseDefinition } from '../../runtime/definition/parse.ts'
import { problemsOf, summaries } from '../support/problems.ts'

const HEAD = 'name: a\nscript: ./a.script.ts\n'
const parse = (text: string) => parseDefinition({ file: 'a.yaml', text })
const mistakes = (text: string): readonly string[] => summaries(problemsOf(() => parse(text)))
const tool = (entry: string): string => `${HEAD}tools:\n  my_tool: { from: ./t.ts, ${entry} }\n`

describe('a key without content', () => {
  it.each(['', ' ~', ' null', ' {}', ' { x-why: later }'])('%s', (value) => {
    expect(mistakes(`${HEAD}budget:${value}\n`)).toEqual(['3:1 `budget` is empty'])
    expect(mistakes(tool(`limits:${value}`))).toEqual(['4:28 `limits` is empty'])
  })

  it('of the configuration', () => {
    const found = summaries(problemsOf(() => parseConfig({ file: 'c.yaml', text: 'audit: {}\nrequire:\n' })))
    expect(found).toEqual(['1:1 `audit` is empty', '2:1 `require` is empty'])
  })

  it('is not said to be empty where it holds what is refused', () => {
    expect(mistakes(`${HEAD}agents: { b: { from: ./b.yaml } }\n`)).toEqual(['3:1 `agents` is not supported yet'])
    expect(mistakes(`${HEAD}budget: { trns: 5 }\n`)).toEqual([
      '3:11 unknown key `trns` in `budget` (did you mean `turns`?)',
    ])
  })
})

describe('a key that begins with x-', () => {
  it('is free among keys', () => {
    const text = `${HEAD}x-a: [1]\nbudget: { turns: 2, x-b: 1 }\ntools:\n  t: { from: ./t.ts, x-c: ~, limits: { calls: 1, x-d: 2 } }\n`
    expect(parse(text).tools.map(({ name }) => name)).toEqual(['t'])
  })

  it('is a name among names', () => {
    expect(mistakes(`${HEAD}tools:\n  x-read: { read: ["**"] }\n`)).toEqual([
      '4:3 the tool name `x-read` must be lower-case letters, digits and `_`, a letter first' +
        ' (x-… keys are free in a tool and beside `tools`, not among the tools)',
    ])
    const text = 'providers: { x-corp: { credential: x-key } }\ncredentials: { x-key: { source: { env: A } } }\n'
    const config = parseConfig({ file: 'c.yaml', text })
    expect([...config.providers.keys(), ...config.credentials.keys()]).toEqual(['x-corp', 'x-key'])
  })
})

describe('a number', () => {
  it.each(['0o17', '0x10', '1e3', '1E3', '+5', '017', '5.', '1_0', '0b11'])('%s is refused', (text) => {
    const [found, ...more] = mistakes(tool(`limits: { calls: ${text} }`))
    expect(more).toEqual([])
    expect(found).toMatch(/^4:45 `calls` must be (?:in decimal digits, not `.+` \(write \d+\)|a whole number)/)
  })

  it('is told in digits', () => {
    expect(mistakes(tool('limits: { calls: 0o17 }'))).toEqual([
      '4:45 `calls` must be in decimal digits, not `0o17` (write 15)',
    ])
    expect(mistakes('name: a\nmodel: { name: o/x, temperature: 5e-1 }\n')).toEqual([
      '2:34 `temperature` must be in decimal digits, not `5e-1` (write 0.5)',
    ])
    expect(mistakes(`${HEAD}budget: { turns: 0x10 }\n`)).toHaveLength(1)
    expect(parse(tool('limits: { calls: 10 }')).tools[0]?.limits.calls).toBe(10)
    expect(parse('name: a\nmodel: { name: o/x, temperature: 0.5 }\n').model?.temperature).toBe(0.5)
  })
})
