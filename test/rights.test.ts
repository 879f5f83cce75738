import { describe, expect, test } from 'vitest'
import { effectiveRights } from '../runtime/effective-rights.ts'
import { lockedRights, rightsInWords } from '../runtime/rights.ts'
import { testRights } from '../runtime/rights-tests.ts'
import { checkedOf, type Checked } from './support/checked-tool.ts'

const words = ({ definition, tools }: Checked): readonly string[] => rightsInWords(definition, tools)
const marked = (checked: Checked): readonly string[] => words(checked).filter((line) => line.startsWith('!'))
const tool = (rules: string): string => `tools:\n  t: { from: ./t.ts, ${rules} }`

const VALUES = {
  user: 'ada',
  given: new Map([
    ['pull', '12'],
    ['api', 'x.example'],
  ]),
  configured: new Map<string, string>(),
  matchesWhole: () => true,
}

describe('rightsInWords()', () => {
  test('says all of an agent, what surprises first and the gravest of it at the top', () => {
    const checked = checkedOf(`model: openai/m
fallback: script
tools:
  read_file: { read: ["**"], deny: ["src/vendor/**"] }
  git_log: { git: read }
  write_file: { write: ["reports/*.md"], limits: { calls: 3, timeout: 90s, memory: 32MB }, required: true }
  post:
    from: ./tools/post.ts
    http: ["POST https://a.example/x"]
    headers: { X-Tenant: "t 1", x-v: "*" }
    args: { body: { type: string, maxLength: 40 } }
budget: { turns: 5, time: 5m, tokens: 1000, usd: 0.5 }
require: { walls: [bubblewrap] }`)
    expect(words(checked)).toEqual([
      "! git_log may read the repository's history, whatever the path rules say of the files of today (git: read) · a.yaml:7:14",
      '! post may request POST https://a.example/x: POST can change what lies there · a.yaml:11:12',
      '! read_file may read **: the whole workspace · a.yaml:6:23',
      '  read_file (comes with run-agent: run-agent/read_file) · a.yaml:6:3',
      '    may read ** · a.yaml:6:23',
      '    never src/vendor/** · a.yaml:6:37',
      '  git_log (comes with run-agent: run-agent/git_log) · a.yaml:7:3',
      "    may read the repository's history, whatever the path rules say of the files of today · a.yaml:7:14",
      '  write_file (comes with run-agent: run-agent/write_file) · a.yaml:8:3',
      '    may write reports/*.md · a.yaml:8:25',
      '    is limited to timeout 90s, memory 32MB, 3 calls in a run',
      '    is required: a run without one successful call of it has failed',
      '  post (./tools/post.ts) · a.yaml:9:3',
      '    may request POST https://a.example/x · a.yaml:11:12',
      '    sends the header x-tenant: `t 1` · a.yaml:12:16',
      '    may set the header x-v · a.yaml:12:33',
      '    takes as body only {"type":"string","maxLength":40} · a.yaml:13:13',
      '  budget: 5 turns, 5m, 1000 tokens, $0.5',
      '  played by openai/m, or script where the provider is not configured',
      '  runs only behind bubblewrap · a.yaml:15:20',
    ])
    // Data and words are of one making.
    const surprising = effectiveRights(checked.definition, checked.tools).tools.flatMap(({ rights }) =>
      rights.filter(({ surprises }) => surprises.length > 0),
    )
    expect(surprising.map(({ kind }) => kind)).toEqual(['read', 'history', 'http'])
  })

  test.each([
    ['read: ["**"]', 'the whole workspace'],
    ['read: ["**/*"]', 'the whole workspace'],
    ['read: ["{*,x}/**"]', 'the whole workspace'],
    ['read: ["*/**"]', 'the whole workspace'],
    ['read: ["*/*"]', 'whatever lies there'],
    ['read: ["*"]', 'whatever lies there'],
    ['read: ["{a*,b*,c*,d*,e*,f*,g*,h*,i*,j*,k*,l*,m*,n*,o*,p*,q*,r*,s*,t*,u*}/**"]', 'whatever lies there'],
    ['write: ["src/Makefile"]', 'Makefile, which something else executes or obeys'],
    ['delete: [".github/workflows/*.yml"]', '.github, which something else executes or obeys'],
    ['write: ["agents/a.yaml"]', "one of the agent's own files"],
    ['write: ["agents/A.yaml"]', "one of the agent's own files"],
    ['read: [".env"]', 'the protected .env, which the operator allowed'],
    ['read: ["**"]', 'the protected .env, which the operator allowed'],
    ['http: ["GET https://*.acme.dev/x"]', 'every host below that domain'],
    ['http: ["GET https://acme.dev/x/**"]', 'everything below that path'],
    ['http: ["GET https://acme.dev/x?*"]', 'any query: data can leave by it'],
    ['http: ["GET,DELETE https://acme.dev/x"]', 'DELETE can change what lies there'],
    ['write: ["x"], repeat: safe', 'is run again after a crash'],
    ['write: ["**/?????*"]', 'in every folder of the workspace'],
    ['delete: ["**/*{e,a,i,o}*"]', 'in every folder of the workspace'],
    ['read: ["**/{*.ts,*.js,*.json,*.md,*.yaml}"]', 'in every folder of the workspace'],
  ])('marks %s', (rules, why) => {
    const checked = checkedOf(tool(rules), { ownFiles: ['agents/a.yaml'], allowProtected: ['.env'] })
    expect(marked(checked).some((line) => line.includes(why))).toBe(true)
  })

  test.each([
    'read: ["src/**", "README.md", "*.ts"]',
    'read: ["{a*,b*}/**"]',
    'read: ["Makefile", "agents/a.yaml"]',
    'write: ["src/main.ts"]',
    'http: ["GET,HEAD https://acme.dev/x/*?page"]',
    'read: ["x"], repeat: safe',
  ])('marks nothing of %s', (rules) => {
    expect(marked(checkedOf(tool(rules), { ownFiles: ['agents/a.yaml'] }))).toEqual([])
  })

  test('lets no text of a definition be taken for words of ours, nor a terminal obey it', () => {
    const pattern = 'src/\u200b\u00ad (never anything else) · a.yaml:1:1'
    const checked = checkedOf(tool(`read: [${JSON.stringify(pattern)}, "\`x\` y"]`))
    expect(words(checked).slice(1, 3)).toEqual([
      '    may read `src/\\u200b\\xad (never anything else) · a.yaml:1:1` · a.yaml:4:29',
      '    may read `\\`x\\` y` · a.yaml:4:74',
    ])
    // oxlint-disable-next-line no-control-regex
    expect(words(checked).join('')).not.toMatch(/[\0-\x1f\x7f-\x9f\u200b\u00ad]/)
  })

  test('shows settings with their values, and without values in the form that was written', () => {
    const lines = `settings: { pull: { pattern: "[0-9]+" }, api: { oneOf: [x.example] } }
tools:
  t: { from: ./t.ts, read: ["a/\${pull}.md", "\${user}/b", "$x/c"], http: ["GET https://\${api}/v/\${pull}"] }`
    const bound = words(checkedOf(lines, { values: VALUES })).map((line) => line.split(' · ')[0])
    expect(bound).toContain('    may read a/12.md')
    expect(bound).toContain('    may request GET https://x.example/v/12')
    expect(bound).toContain('  setting pull: 12')
    const { definition, tools } = checkedOf(lines)
    const unbound = rightsInWords(definition, tools, 'unbound').map((line) => line.split(' · ')[0])
    for (const rule of ['a/${pull}.md', '${user}/b', '$x/c']) expect(unbound).toContain(`    may read ${rule}`)
    expect(unbound).toContain('    may request GET https://${api}/v/${pull}')
    expect(unbound).toContain('  setting pull: given when it runs')
  })
})

describe('lockedRights()', () => {
  test('names the tool in each line and no place, so that a comment changes nothing', () => {
    const lines = 'tools:\n  read_file: { read: ["src/**"] }'
    const rights = lockedRights(checkedOf(lines).definition)
    expect(rights.slice(0, 2)).toEqual([
      'read_file (comes with run-agent: run-agent/read_file)',
      'read_file may read src/**',
    ])
    expect(lockedRights(checkedOf(`# a comment\n${lines}`).definition)).toEqual(rights)
  })
})

describe('testRights()', () => {
  const run = (tests: string, values: 'bound' | 'unbound' = 'bound'): ReturnType<typeof testRights> => {
    const lines = `settings: { pull: { pattern: "[0-9]+" } }
tools:
  reads: { from: ./t.ts, read: ["src/*", "p/\${pull}"], deny: ["src/x"] }
  lists: { from: ./t.ts, read: ["src/*"] }
tests:\n${tests}`
    const { definition, tools } = checkedOf(
      lines,
      values === 'bound' ? { values: { ...VALUES, given: new Map([['pull', '12']]) } } : {},
    )
    return testRights(definition, tools, values)
  }

  test('passes what holds', () => {
    const tests = `  - { tool: reads, permits: "read p/12" }\n  - { tool: reads, denies: "read src/x" }\n  - { tool: lists, denies: "read .env" }`
    expect(run(tests)).toEqual({ passed: 3, failed: [], unasked: 0 })
  })

  test('reports what does not hold at its place, with the rule that decided', () => {
    const tests = `  - { tool: reads, permits: "read src/x" }\n  - { tool: lists, denies: "read src/x" }`
    expect(run(tests).failed).toEqual([
      {
        file: 'a.yaml',
        line: 8,
        column: 5,
        message: 'the test does not hold: reads is denied to read src/x: deny src/x (a.yaml:5:63)',
        hint: 'reads may read: src/*, p/12; never: src/x',
      },
      {
        file: 'a.yaml',
        line: 9,
        column: 5,
        message: 'the test does not hold: lists is permitted to read src/x, by read src/* (a.yaml:6:33)',
      },
    ])
  })

  test('asks nothing that depends on a setting without a value, and says so', () => {
    const tests = `  - { tool: reads, permits: "read p/12" }\n  - { tool: lists, denies: "read \${pull}" }\n  - { tool: lists, permits: "read src/y" }`
    expect(run(tests, 'unbound')).toEqual({ passed: 1, failed: [], unasked: 2 })
  })
})
