import { describe, expect, it } from 'vitest'
import { BUILTIN_TOOLS, BUILTIN_TOOL_NAMES } from '../../runtime/definition/builtin-tools.ts'
import { parseDefinition } from '../../runtime/definition/parse.ts'
import { problemsOf, summaries } from '../support/problems.ts'

const parse = (text: string, readFile?: (path: string) => string | Uint8Array) =>
  parseDefinition({ file: 'a.yaml', text, ...(readFile === undefined ? {} : { readFile }) })
const mistakes = (text: string): readonly string[] => summaries(problemsOf(() => parse(text)))

const HEAD = 'name: a\nscript: ./a.script.ts\n'

describe('a definition', () => {
  it('gets the documented defaults where it says nothing', () => {
    const { budget, tools, workspace } = parse(`${HEAD}tools: { read_file: { read: ["**"] } }\n`)
    expect(workspace).toBe('.')
    expect(budget).toEqual({ turns: 20, timeMs: 600_000 })
    expect(tools[0]?.limits).toEqual({
      resultBytes: 1024 ** 2,
      logBytes: 64 * 1024,
      timeoutMs: 30_000,
      memoryBytes: 67_108_864,
      calls: undefined,
      requests: 10_000,
    })
  })

  it('has no tools where it lists none', () => {
    for (const tools of ['', 'tools:\n', 'tools: {}\n']) expect(parse(HEAD + tools).tools).toEqual([])
  })

  it('may stand behind a byte order mark and have Windows line ends', () => {
    const text = `\ufeff${HEAD.replaceAll('\n', '\r\n')}`
    expect(parseDefinition({ file: 'a.yaml', text: new TextEncoder().encode(text) }).name).toBe('a')
    expect(mistakes(`\ufeff${HEAD}tols: {}\r\n`)).toEqual([
      '3:1 unknown key `tols` in a definition (did you mean `tools`?)',
    ])
  })
})

describe('a dozen mistakes at once', () => {
  it('are reported each at its place, with its line and hint', () => {
    const problems = problemsOf(() =>
      parse(`name: Reviewer
model: gpt-5
fallbak: script
workspace: ../elsewhere
tools:
  raed_file: { read: ["**"] }
  read_file: { read: ["src/**", "src/**"], write: ["out/**"] }
  write_file: { write: [] }
  tool: { from: ../tool.ts, http: ["GET https://example.com/"] }
budget: { turns: none, time: 5 }
`),
    )
    expect(problems).toMatchInlineSnapshot(`
      [
        {
          "column": 7,
          "file": "a.yaml",
          "line": 1,
          "message": "\`name\` must be lower-case letters, digits, \`_\` and \`-\`, a letter first",
          "source": "name: Reviewer",
        },
        {
          "column": 8,
          "file": "a.yaml",
          "hint": "as in openai/gpt-5.6-luna",
          "line": 2,
          "message": "\`model\` must be \`provider/name\`",
          "source": "model: gpt-5",
        },
        {
          "column": 1,
          "file": "a.yaml",
          "hint": "did you mean \`fallback\`?",
          "line": 3,
          "message": "unknown key \`fallbak\` in a definition",
          "source": "fallbak: script",
        },
        {
          "column": 12,
          "file": "a.yaml",
          "hint": "only --workspace names a folder outside the current directory",
          "line": 4,
          "message": "\`workspace\` must not hold \`..\`",
          "source": "workspace: ../elsewhere",
        },
        {
          "column": 3,
          "file": "a.yaml",
          "hint": "did you mean \`read_file\`?",
          "line": 6,
          "message": "no tool \`raed_file\` comes with run-agent",
          "source": "  raed_file: { read: ["**"] }",
        },
        {
          "column": 33,
          "file": "a.yaml",
          "line": 7,
          "message": "\`src/**\` is written twice, first in line 7",
          "source": "  read_file: { read: ["src/**", "src/**"], write: ["out/**"] }",
        },
        {
          "column": 44,
          "file": "a.yaml",
          "line": 7,
          "message": "\`write\` can never take effect: \`read_file\` does not need it",
          "source": "  read_file: { read: ["src/**", "src/**"], write: ["out/**"] }",
        },
        {
          "column": 17,
          "file": "a.yaml",
          "line": 8,
          "message": "\`write\` is empty",
          "source": "  write_file: { write: [] }",
        },
        {
          "column": 17,
          "file": "a.yaml",
          "hint": "a tool must lie in the definition's folder",
          "line": 9,
          "message": "\`from\` must not hold \`..\`",
          "source": "  tool: { from: ../tool.ts, http: ["GET https://example.com/"] }",
        },
        {
          "column": 18,
          "file": "a.yaml",
          "line": 10,
          "message": "\`turns\` must be a whole number from 1 to 10000",
          "source": "budget: { turns: none, time: 5 }",
        },
        {
          "column": 30,
          "file": "a.yaml",
          "hint": "write 500ms, 5s, 2m or 1h",
          "line": 10,
          "message": "\`time\` must be a duration",
          "source": "budget: { turns: none, time: 5 }",
        },
      ]
    `)
  })

  it('are counted where there are more than a hundred', () => {
    const problems = problemsOf(() =>
      parse(HEAD + Array.from({ length: 150 }, (_, index) => `key${index}: 1\n`).join('')),
    )
    expect(problems).toHaveLength(101)
    expect(problems.at(-1)).toMatchObject({ line: 103, message: 'and 50 more problems' })
  })
})

describe('a misspelt key is refused, never ignored', () => {
  const tool = (entry: string): string => `${HEAD}tools:\n  my_tool: { from: ./t.ts, ${entry} }\n`
  it.each([
    ['name', 'nam: a\nscript: ./a.ts\n'],
    ['description', `${HEAD}descripton: x\n`],
    ['model', 'name: a\nmodle: openai/x\n'],
    ['script', 'name: a\nscirpt: ./a.ts\n'],
    ['fallback', `${HEAD}fallbacks: script\n`],
    ['instructions', `${HEAD}instruction: x\n`],
    ['workspace', `${HEAD}work_space: x\n`],
    ['tools', `${HEAD}tool: {}\n`],
    ['budget', `${HEAD}bugdet: {}\n`],
    ['settings', `${HEAD}setings: {}\n`],
    ['name', 'name: a\nmodel: { nmae: openai/x }\n'],
    ['effort', 'name: a\nmodel: { name: openai/x, efort: low }\n'],
    ['temperature', 'name: a\nmodel: { name: openai/x, temprature: 1 }\n'],
    ['maxOutput', 'name: a\nmodel: { name: openai/x, max_output: 1 }\n'],
    ['file', `${HEAD}instructions: { flie: ./a.md }\n`],
    ['turns', `${HEAD}budget: { turn: 1 }\n`],
    ['time', `${HEAD}budget: { tmie: 1m }\n`],
    ['from', `${HEAD}tools:\n  my_tool: { form: ./t.ts }\n`],
    ['read', tool('raed: ["**"]')],
    ['write', tool('wirte: ["**"]')],
    ['delete', tool('deletes: ["**"]')],
    ['deny', tool('read: ["**"], denny: ["a"]')],
    ['git', tool('gti: read')],
    ['limits', tool('limit: {}')],
    ['approval', tool('aproval: never')],
    ['timeout', tool('limits: { time_out: 5s }')],
    ['memory', tool('limits: { memroy: 32MB }')],
    ['calls', tool('limits: { call: 3 }')],
    ['requests', tool('limits: { request: 3 }')],
    ['http', tool('htpp: []')],
  ])('%s', (key, text) => {
    const hints = problemsOf(() => parse(text)).map(({ hint }) => hint)
    expect(hints).toContain(`did you mean \`${key}\`?`)
  })

  it('even where nothing known is near', () => {
    for (const key of ['allowedTools', '__proto__', 'constructor', 'toString', '<<', '"\\e[31m"', '""']) {
      expect(mistakes(`${HEAD}${key}: {}\n`)).toHaveLength(1)
      expect(mistakes(`${HEAD}tools: { read_file: { read: ["**"], ${key}: {} } }\n`)).toHaveLength(1)
    }
  })
})

describe('what the format has and this version does not', () => {
  it.each(['agents', 'output'])('%s is not supported yet', (key) => {
    expect(mistakes(`${HEAD}${key}: {}\n`)).toEqual([`3:1 \`${key}\` is not supported yet`])
  })

  it('nor is a tool that asks', () => {
    expect(mistakes(`${HEAD}tools:\n  read_file: { read: ["**"], approval: ask }\n`)).toEqual([
      '4:40 `approval: ask` is not supported yet',
    ])
  })
})

describe('values', () => {
  it.each([
    ['name: 1\nscript: ./a.ts\n', '1:7 `name` must be text, not a number (put it in quotes)'],
    ['name: ""\nscript: ./a.ts\n', '1:1 `name` is empty'],
    ['name:\nscript: ./a.ts\n', '1:1 `name` is empty'],
    ['script: ./a.ts\n', '1:1 `name` is missing'],
    ['name: a\n', '1:1 the definition has neither `model` nor `script`'],
    ['name: a\nmodel: openai\n', '2:8 `model` must be `provider/name` (as in openai/gpt-5.6-luna)'],
    ['name: a\nmodel: { effort: low }\n', '2:1 `model` has no `name` (write name: provider/name)'],
    [
      `${HEAD}fallback: script\n`,
      '3:1 `fallback` can never take effect: there is no `model`, so the script always plays',
    ],
    ['name: a\nmodel: a/b\nfallback: script\n', '3:1 `fallback` can never take effect: there is no `script`'],
    [`${HEAD}instructions: ""\n`, '3:1 `instructions` is empty'],
    [`${HEAD}budget: { turns: 0 }\n`, '3:18 `turns` must be a whole number from 1 to 10000'],
    [`${HEAD}budget: { turns: 1.5 }\n`, '3:18 `turns` must be a whole number from 1 to 10000'],
    [`${HEAD}budget: { time: 0s }\n`, '3:17 `time` must be a duration from 1ms to 1440m'],
    [`${HEAD}budget: 5\n`, '3:9 `budget` must be a mapping, not a number'],
    [`${HEAD}tools: [read_file]\n`, '3:8 `tools` must be a mapping, not a list'],
    [`${HEAD}tools: "*"\n`, '3:8 `tools` must be a mapping, not text'],
    [`${HEAD}1: x\n`, '3:1 a key must be text (put it in quotes)'],
    [`${HEAD}? [a]\n: x\n`, '3:3 a key must be text'],
    [`${HEAD}name: b\n`, '3:1 `name` is written twice, first in line 1'],
    ['[]', '1:1 a definition must be a mapping'],
    ['# nothing\n', '1:1 the definition is empty'],
    ['', '1:1 the definition is empty'],
  ])('%j', (text, expected) => {
    expect(mistakes(text)).toEqual([expected])
  })

  it.each([
    ['read: "**"', '`read` must be a list, not text (write ["**"])'],
    ['read: []', '`read` is empty'],
    ['read:', '`read` is empty'],
    ['read: [1]', '`read` must be text, not a number (put it in quotes)'],
    ['read: [""]', '`read` is empty'],
    ['read: ["a\\nb"]', '`read` holds a control character or a line break'],
    ['deny: ["a"]', '`deny` can never take effect: the tool has no path rule'],
    ['git: write', '`git` must be `read`'],
    ['git: true', '`git` must be `read`'],
    ['approval: maybe', '`approval` must be `never`'],
    ['limits: { timeout: 5 }', '`timeout` must be a duration (write 500ms, 5s, 2m or 1h)'],
    ['limits: { timeout: 2h }', '`timeout` must be a duration from 1ms to 60m'],
    ['limits: { memory: 1MB }', '`memory` must be a size from 8MB to 1024MB'],
    ['limits: { memory: 32 }', '`memory` must be a size (write 512KB, 32MB or 1GB)'],
    ['limits: { calls: 0 }', '`calls` must be a whole number from 1 to 1000000'],
  ])('%s of a tool', (entry, expected) => {
    const found = mistakes(`${HEAD}tools:\n  my_tool: { from: ./t.ts, ${entry} }\n`)
    expect(found.map((line) => line.replace(/^\S+ /, ''))).toEqual([expected])
  })
})

describe('paths stay in the folder of the definition', () => {
  it.each([
    '../a.ts',
    '/etc/a.ts',
    'x/../../a.ts',
    'file:///a.ts',
    '~/a.ts',
    'C:/a.ts',
    'a\\b.ts',
    './.env',
    './.ssh/a.ts',
  ])('%s is refused', (path) => {
    for (const key of ['script: ', 'model: a/b\ninstructions: { file: ', 'model: a/b\ntools:\n  t: { from: ']) {
      const text = `name: a\n${key}'${path}'${key.includes('{') ? ' }' : ''}\n`
      const read = (): never => {
        throw new Error('was read')
      }
      const problems = summaries(problemsOf(() => parse(text, read)))
      expect(problems).toHaveLength(1)
      expect(problems[0]).not.toContain('was read')
    }
  })

  it.each(['..', '../x', '/', '/home/me', '~', '~/x', 'a/../..'])('workspace %s is refused', (path) => {
    expect(mistakes(`${HEAD}workspace: '${path}'\n`)[0]).toContain('only --workspace names a folder outside')
  })

  it('the instructions are read from it', () => {
    const text = `${HEAD}instructions: { file: ./prompts//a.md }\n`
    const definition = parse(text, (path) => new TextEncoder().encode(`read ${path}`))
    expect(definition.instructions).toBe('read prompts/a.md')
    expect(definition.instructionsFile).toBe('prompts/a.md')
  })

  it('instructions that cannot be read are a problem, and are not quoted', () => {
    const text = `${HEAD}instructions: { file: ./a.md }\n`
    const failing: readonly (() => string | Uint8Array)[] = [
      () => {
        throw new Error('no such file')
      },
      () => Uint8Array.of(0xff, 0xfe),
      () => 'secret\0',
      () => ' \n',
      () => 's'.repeat(300_000),
    ]
    const found = failing.map((read) => summaries(problemsOf(() => parse(text, read)))[0])
    expect(found).toMatchInlineSnapshot(`
      [
        "3:23 the instructions cannot be read: no such file",
        "3:23 the instructions cannot be read: the file is not UTF-8 text",
        "3:23 the instructions cannot be read: the file is not UTF-8 text",
        "3:23 the instructions cannot be read: the file is empty",
        "3:23 the instructions cannot be read: the file is larger than 256 KiB",
      ]
    `)
    expect(mistakes(text)).toEqual(['3:23 the instructions cannot be read: files are not available here'])
  })
})

describe('built-in tools', () => {
  it.each(BUILTIN_TOOL_NAMES)('%s without its rights is refused', (name) => {
    expect(mistakes(`${HEAD}tools:\n  ${name}:\n`)[0]).toContain(`4:3 \`${name}\` lacks a right that it needs`)
  })

  it('a right that one can never use is refused', () => {
    for (const [name, { needs }] of Object.entries(BUILTIN_TOOLS)) {
      const rights = ['read: ["a"]', 'write: ["a"]', 'delete: ["a"]', 'git: read', 'http: ["GET https://h.example/"]']
      const text = `${HEAD}tools: { ${name}: { ${rights.join(', ')} } }\n`
      expect(mistakes(text)).toHaveLength(rights.length - needs.length)
    }
  })

  it('an unknown name is refused, with a suggestion', () => {
    expect(mistakes(`${HEAD}tools:\n  raed_file: { read: ["**"] }\n  wholly_other: {}\n`)).toEqual([
      '4:3 no tool `raed_file` comes with run-agent (did you mean `read_file`?)',
      '5:3 no tool `wholly_other` comes with run-agent (a tool of your own needs `from: ./tools/wholly_other.ts`)',
    ])
    expect(mistakes(`${HEAD}tools:\n  t: { from: run-agent/raed_file }\n`)).toEqual([
      '4:14 no tool `raed_file` comes with run-agent (did you mean `read_file`?)',
    ])
    expect(
      mistakes(`${HEAD}tools:\n  t: { from: tools/t.ts }\n  u: { from: left-pad }\n  V: { from: ./v.ts }\n`),
    ).toEqual([
      '4:14 `from` must begin with `./` or `run-agent/`; a package is not supported yet (did you mean `./tools/t.ts`?)',
      '5:14 `from` must begin with `./` or `run-agent/`; a package is not supported yet',
      '6:3 the tool name `V` must be lower-case letters, digits and `_`, a letter first',
    ])
  })
})
