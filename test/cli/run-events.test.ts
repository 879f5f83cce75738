/** What real runs print with `--json`, held to the schema that `run-agent schema events` prints. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Validator, type Schema } from '@cfworker/json-schema'
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { schemaCommand } from '../../runtime/cli/schema-command.ts'
import { lockTrail } from '../support/locked-trail.ts'
import { agentFiles, openDesk, type AgentParts, type Desk, type Finished } from '../support/program.ts'
import { chatReply, imitateProvider, json } from '../support/provider-imitation.ts'

type Line = Readonly<Record<string, unknown>>

/** As the command prints it. */
async function printedSchema(subject: string): Promise<Line> {
  const written: unknown[] = []
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => written.push(text) > 0)
  try {
    expect(await schemaCommand({ subject })).toBe(0)
  } finally {
    write.mockRestore()
  }
  return JSON.parse(written.join('')) as Line
}

const linesOf = ({ stdout }: Finished): readonly Line[] =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)

const PARTS: Pick<AgentParts, 'tools'> = {
  tools: {
    reads: {
      rights: "read: ['src/**'], deny: ['src/no'], args: { text: { type: string, maxLength: 20 } }",
      imports: "import { readFile, writeFile } from 'node:fs/promises'",
      body: "console.warn('hm'); if (number === 1) await writeFile('x', 'y'); return await readFile(text ?? '', 'utf8')",
    },
    throws: { body: "throw Object.assign(new Error('no'), { code: 'E_MINE' })" },
    throws_bare: { body: "throw new Error('no')" },
    loops: { rights: 'limits: { timeout: 200ms }', body: 'for (;;) {}' },
    waits: { body: 'await new Promise((r) => setTimeout(r, 20_000))' },
    once: { rights: 'limits: { calls: 1 }', body: 'return 1' },
  },
}
const files = (script: string, more = ''): Readonly<Record<string, string>> => ({
  ...agentFiles({ ...PARTS, script, more }),
  'src/a': 'A',
  'src/no': 'N',
})

/** One run of each kind of end, and what it prints. */
const RUNS: Readonly<Record<string, () => Promise<{ readonly exit: number; readonly run: Finished }>>> = {
  completed: async () => {
    using desk = openDesk(files("console.log('so'); return await call('reads', { text: 'src/a' })"))
    return { exit: 0, run: await desk.run('agent/agent.yaml', '--json', 'the task') }
  },
  failed: async () => {
    using desk = openDesk(
      files("await tried(call('throws')); await tried(call('reads', 1)); await call('throws_bare')"),
    )
    return { exit: 1, run: await desk.run('agent/agent.yaml', '--json') }
  },
  denied: async () => {
    const calls = [
      "'reads', { text: 'src/no' }",
      "'reads', { number: 1 }",
      "'reads', { text: 'x'.repeat(21) }",
      "'none'",
      "'once'",
      "'once'",
    ]
    using desk = openDesk(files(calls.map((words) => `await tried(call(${words}))`).join('\n')))
    return { exit: 6, run: await desk.run('agent/agent.yaml', '--json', '--fail-on-deny') }
  },
  killed: async () => {
    using desk = openDesk(files("await tried(call('loops')); return ''"))
    return { exit: 0, run: await desk.run('agent/agent.yaml', '--json') }
  },
  'a script that is stopped': async () => {
    using desk = openDesk(files('const all = []; for (;;) all.push(new Array(1000).fill(1))'))
    return { exit: 1, run: await desk.run('agent/agent.yaml', '--json') }
  },
  budget: async () => {
    using desk = openDesk(files("for (;;) await call('throws').catch(() => 0)", 'budget: { turns: 2 }'))
    return { exit: 5, run: await desk.run('agent/agent.yaml', '--json') }
  },
  'a required tool': async () => {
    const { 'agent/agent.yaml': definition = '', ...rest } = files("return 'done'")
    using desk = openDesk({ ...rest, 'agent/agent.yaml': definition.replace('once.ts,', 'once.ts, required: true,') })
    return { exit: 8, run: await desk.run('agent/agent.yaml', '--json') }
  },
  interrupted: async () => {
    using desk = openDesk(files("return await call('waits')"))
    const { child, finished, saying } = desk.start(['agent/agent.yaml', '--json'])
    await saying('tool_called')
    child.kill('SIGINT')
    return { exit: 130, run: await finished }
  },
  'stopped at once': async () => {
    using desk = openDesk(files("return await call('waits')"))
    const { child, finished, saying } = desk.start(['agent/agent.yaml', '--json'])
    await saying('tool_called')
    // The clean stop waits as long as nothing can be recorded.
    using lock = lockTrail(desk.trail)
    child.kill('SIGINT')
    await saying('stopping…')
    child.kill('SIGINT')
    await saying('stopped at once')
    lock[Symbol.dispose]()
    return { exit: 130, run: await finished }
  },
  'a model that answers': async () => ({ exit: 0, run: await played(chatReply({ content: 'hello' }), 200) }),
  'a model that fails': async () => ({ exit: 1, run: await played({ error: { message: 'overloaded' } }, 529) }),
}

async function played(reply: unknown, status: number): Promise<Finished> {
  await using at = await imitateProvider(json(reply, status))
  using desk = openDesk(files("return ''", 'model: local/imitation\ninstructions: Answer.'))
  writeConfig(desk, at.baseURL)
  const config = join(desk.home, 'config.yaml')
  return await desk.run('agent/agent.yaml', '--json', '--config', config)
}

function writeConfig(desk: Desk, baseURL: string): void {
  const prices = '{ imitation: { input: 1000, output: 2000 } }'
  const text = `providers:\n  local: { baseURL: "${baseURL}", api: chat, prices: ${prices} }\n`
  writeFileSync(join(desk.home, 'config.yaml'), text, { mode: 0o600 })
}

/** Every way to spoil a line by one key, deep ones too. */
function* spoiled(line: Line): Iterable<Line> {
  yield { ...line, more: 1 }
  for (const [key, value] of Object.entries(line)) {
    yield { ...line, [key]: null }
    yield { ...line, [key]: typeof value === 'string' ? 1 : 'text' }
    // What a tool asked for is as open as what tools may ask for.
    if (key === 'request') continue
    if (Array.isArray(value)) {
      yield { ...line, [key]: [...(value as unknown[]), 1] }
      if (isLine(value[0])) for (const inner of spoiled(value[0])) yield { ...line, [key]: [inner] }
    } else if (isLine(value)) for (const inner of spoiled(value)) yield { ...line, [key]: inner }
  }
}

function isLine(value: unknown): value is Line {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

describe('the events of runs', () => {
  let validator: Validator
  let types: Set<unknown>
  const ran = new Map<string, { readonly exit: number; readonly run: Finished; readonly lines: readonly Line[] }>()
  beforeAll(async () => {
    const schema = await printedSchema('events')
    validator = new Validator(schema as Schema, '2020-12', false)
    types = new Set(
      (schema['oneOf'] as readonly Line[]).flatMap((event) => {
        const variants = (event['oneOf'] as readonly Line[] | undefined) ?? [event]
        return variants.map(({ properties }) => ((properties as Line)['type'] as Line)['const'])
      }),
    )
    for (const [name, act] of Object.entries(RUNS)) {
      const { exit, run } = await act()
      ran.set(name, { exit, run, lines: linesOf(run) })
    }
  }, 240_000)

  test.each(Object.keys(RUNS))('%s: each line is an event, from run_started to result', (name) => {
    const { exit, run, lines } = ran.get(name) ?? expect.fail()
    expect(run.exit, run.stderr).toBe(exit)
    for (const line of lines) expect(validator.validate(line), JSON.stringify(line)).toMatchObject({ valid: true })
    expect(lines[0]).toMatchObject({ type: 'run_started', schema: 1 })
    expect(lines.filter(({ type }) => type === 'result')).toEqual([lines.at(-1)])
    expect(run.stdout.endsWith('\n')).toBe(true)
  })

  test('every denial of the result was told, and nothing else', () => {
    const { lines } = ran.get('denied') ?? expect.fail()
    const told = lines.filter(({ type }) => type === 'denied')
    const result = (lines.at(-1)?.['denied'] ?? []) as readonly Line[]
    expect(told.map(({ tool, rule }) => ({ tool, rule }))).toEqual(result.map(({ tool, rule }) => ({ tool, rule })))
    expect(told.map(({ request }) => Reflect.get(Object(request), 'op') as unknown)).toEqual([
      'fs.read',
      'fs.write',
      undefined,
      undefined,
      undefined,
    ])
  })

  test('the ends differ in what they say', () => {
    const status = (name: string): unknown => ran.get(name)?.lines.at(-1)?.['status']
    expect(Object.fromEntries(Object.keys(RUNS).map((name) => [name, status(name)]))).toEqual({
      completed: 'completed',
      failed: 'failed',
      denied: 'completed',
      killed: 'completed',
      'a script that is stopped': 'failed',
      budget: 'budget_exceeded',
      'a required tool': 'failed',
      interrupted: 'interrupted',
      'stopped at once': 'interrupted',
      'a model that answers': 'completed',
      'a model that fails': 'failed',
    })
    expect(ran.get('a model that answers')?.lines.at(-1)).toMatchObject({ usage: { totalTokens: 18, usd: 0.025 } })
    expect(ran.get('a model that answers')?.run.stderr).toMatch(/ · 0 calls · 0 denied · \$0\.03 · head /)
  })

  test('every event of the schema is seen, and none is valid once it is spoiled', () => {
    const lines = [...ran.values()].flatMap((one) => one.lines)
    expect(new Set(lines.map(({ type }) => type))).toEqual(types)
    let count = 0
    for (const line of lines) {
      for (const bad of spoiled(line)) {
        count += 1
        expect(validator.validate(bad).valid, JSON.stringify(bad)).toBe(false)
      }
      for (const key of Object.keys(line)) {
        const { [key]: _, ...rest } = line
        const isOptional = OPTIONAL.has(`${String(line['type'])}.${key}`)
        expect(validator.validate(rest).valid, JSON.stringify(rest)).toBe(isOptional)
      }
    }
    expect(count).toBeGreaterThan(100)
  })
})

const OPTIONAL = new Set([
  ...['ordinal', 'request', 'place', 'allowed'].map((key) => `denied.${key}`),
  ...['output', 'error', 'usage', 'head'].map((key) => `result.${key}`),
])

describe('the schema command', () => {
  afterEach(() => vi.restoreAllMocks())

  test.each([['agent'], ['config'], ['events']])('prints a schema of draft 2020-12: %s', async (subject) => {
    expect(await printedSchema(subject)).toMatchObject({ $schema: 'https://json-schema.org/draft/2020-12/schema' })
  })

  test.each([['nothing'], ['__proto__'], ['constructor']])(
    'knows no schema %s, and says which there are',
    async (subject) => {
      await expect(schemaCommand({ subject })).rejects.toMatchObject({
        code: 'E_USAGE',
        message: `schema ${subject}: there is no such schema`,
        hint: 'There are: agent, config, events.',
      })
    },
  )
})
