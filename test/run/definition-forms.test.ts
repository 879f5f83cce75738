/** Forms of a definition that show in a run: settings, users, argument rules, required tools, budgets, walls. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { agentFiles, openDesk, resultOf, type Desk } from '../support/program.ts'
import { chatCall, chatReply, imitateProvider, json } from '../support/provider-imitation.ts'

const READ = "import { readFile } from 'node:fs/promises'"
const reads = (rights: string) => ({ rights, imports: READ, body: "return await readFile(text ?? '', 'utf8')" })

async function expectReplay(desk: Desk): Promise<void> {
  expect(await desk.run('replay', 'last')).toMatchObject({ exit: 0, stderr: '' })
}

describe('settings', () => {
  const files = {
    ...agentFiles({
      tools: {
        reads: reads("read: ['data/${pull}.txt', 'home/${user}/**']"),
        tells: { args: '_args, { settings, user }', body: 'return [settings, user, Object.isFrozen(settings)]' },
      },
      script: `return JSON.stringify([
        await tried(call('reads', { text: 'data/7.txt' })), (await tried(call('reads', { text: 'data/8.txt' }))).code,
        await tried(call('reads', { text: 'home/bob/x' })), (await tried(call('reads', { text: 'home/al/x' }))).code,
        await call('tells')])`,
      more: 'settings: { pull: { pattern: "[0-9]+" } }',
    }),
    'data/7.txt': 'seven',
    'data/8.txt': 'eight',
    'home/bob/x': 'bob',
    'home/al/x': 'al',
  }
  test('bind rules, reach tools and are recorded', async () => {
    using desk = openDesk(files)
    const run = await desk.run('agent/agent.yaml', '--set', 'pull=7', '--user', 'bob', '--json', 'a task')
    const expected = [{ value: 'seven' }, 'E_DENIED', { value: 'bob' }, 'E_DENIED', [{ pull: '7' }, 'bob', true]]
    expect(JSON.parse(String(resultOf(run)['output']))).toEqual(expected)
    expect(desk.events()[0]?.data).toMatchObject({ user: 'bob', values: { pull: '7' }, task: 'a task' })
    expect(resultOf(run)['denied']).toHaveLength(2)
    await expectReplay(desk)
  })

  test('come from the configuration too, and a missing or unfit one is exit 3 before anything runs', async () => {
    using desk = openDesk(files)
    expect(await desk.run('agent/agent.yaml')).toMatchObject({ exit: 3, stdout: '' })
    expect(await desk.run('agent/agent.yaml', '--set', 'pull=../x')).toMatchObject({ exit: 3, stdout: '' })
    expect(await desk.run('agent/agent.yaml', '--set', 'pull')).toMatchObject({ exit: 2 })
    expect(await desk.run('agent/agent.yaml', '--set', 'pull=1', '--set', 'pull=2')).toMatchObject({ exit: 2 })
    expect(await desk.run('agent/agent.yaml', '--set', 'pull=1', '--user', '../x')).toMatchObject({ exit: 3 })
    const config = join(desk.home, 'config.yaml')
    writeFileSync(config, 'settings: { pull: "7" }\n', { mode: 0o600 })
    expect(await desk.run('agent/agent.yaml', '--config', config)).toMatchObject({ exit: 0 })
  })
})

describe('argument rules', () => {
  test('deny before the tool runs, say which rule, and count as denied', async () => {
    using desk = openDesk(
      agentFiles({
        tools: {
          says: {
            rights: 'args: { text: { type: string, maxLength: 3 }, number: { enum: [1, 2] } }',
            body: 'return [text, number]',
          },
        },
        script: `return JSON.stringify([await call('says', { text: 'abc', number: 2 }), await call('says'),
          await tried(call('says', { text: 'abcd' })), await tried(call('says', { number: 3 })), (await tried(call('says', { text: 5 }))).name])`,
      }),
    )
    const run = await desk.run('agent/agent.yaml', '--json', '--fail-on-deny')
    expect(run.exit).toBe(6)
    const denied = (why: string) => ({
      name: 'Denied',
      code: 'E_ARGS',
      message: expect.stringContaining(why) as string,
    })
    expect(JSON.parse(String(resultOf(run)['output']))).toEqual([
      ['abc', 2],
      [null, null],
      denied('text: string is too long (4 > 3)'),
      denied('number: must be one of [1,2]'),
      'InvalidArguments',
    ])
    expect(resultOf(run)['denied']).toHaveLength(2)
    await expectReplay(desk)
  })

  test('for an argument that the tool does not have, or that deny nothing, are exit 3 at their place', async () => {
    for (const args of ['texxt: { const: 1 }', 'number: { type: string, maxLength: 3 }']) {
      using desk = openDesk(
        agentFiles({ tools: { says: { rights: `args: { ${args} }`, body: 'return 1' } }, script: 'return 1' }),
      )
      for (const command of [['agent/agent.yaml'], ['check', 'agent/agent.yaml']]) {
        const run = await desk.run(...command)
        expect(run).toMatchObject({ exit: 3, stdout: '' })
        expect(run.stderr).toContain('agent/agent.yaml:4:42')
      }
    }
  })

  test('hold for the tools that come with run-agent as well', async () => {
    using desk = openDesk({
      ...agentFiles({
        tools: {},
        script:
          "return JSON.stringify([await call('read_file', { path: 'a/x' }), await tried(call('read_file', { path: 'b/x' }))])",
      }),
      'a/x': 'A',
      'b/x': 'B',
    })
    desk.write({
      'agent/agent.yaml':
        'name: a\nscript: ./play.ts\ntools:\n  read_file: { read: ["**"], args: { path: { type: string, pattern: "^a/" } } }\n',
    })
    const { stdout } = await desk.run('agent/agent.yaml')
    expect(JSON.parse(stdout)).toEqual(['A', expect.objectContaining({ code: 'E_ARGS' })])
  })
})

describe('a required tool', () => {
  const parts = (script: string) =>
    agentFiles({
      tools: { saves: { rights: 'required: true', body: "if (text === 'no') throw new Error('no'); return 1" } },
      script,
    })

  test.each([
    ['was called and succeeded', "await tried(call('saves', { text: 'no' })); await call('saves'); return 'done'", 0],
    ['was never called', "return 'done'", 8],
    ['was called and failed', "await tried(call('saves', { text: 'no' })); return 'done'", 8],
  ])('%s', async (_what, script, exit) => {
    using desk = openDesk(parts(script))
    const run = await desk.run('agent/agent.yaml', '--json')
    expect(run.exit).toBe(exit)
    expect(resultOf(run)).toMatchObject({ output: 'done', status: exit === 0 ? 'completed' : 'failed' })
    if (exit === 8)
      expect(resultOf(run)['error']).toMatchObject({
        code: 'E_REQUIRED',
        message: expect.stringContaining('saves') as string,
      })
    await expectReplay(desk)
  })
})

describe('a budget', () => {
  /** Each turn of the imitation takes 11 tokens in and 7 out. */
  async function play(
    budget: string,
    prices: string,
  ): Promise<{ readonly desk: Desk; readonly run: Awaited<ReturnType<Desk['run']>>; readonly asked: number }> {
    await using at = await imitateProvider(json(chatReply({ tool_calls: [chatCall('x', 'says', '{}')] }, 'tool_calls')))
    const desk = openDesk({
      ...agentFiles({
        tools: { says: { body: 'return 1' } },
        script: 'return 1',
        more: `model: local/imitation\nbudget: ${budget}`,
      }),
    })
    const config = join(desk.home, 'config.yaml')
    writeFileSync(config, `providers: { local: { baseURL: "${at.baseURL}", api: chat${prices} } }\n`, { mode: 0o600 })
    const run = await desk.run('agent/agent.yaml', '--config', config, '--json')
    return { desk, run, asked: at.seen.length }
  }

  test.each([
    ['{ tokens: 18 }', '', 1, 'the model used 18 of the 18 tokens'],
    ['{ tokens: 19 }', '', 2, 'the model used 36 of the 19 tokens'],
    ['{ usd: 0.0001 }', ', prices: { imitation: { input: 5, output: 5 } }', 2, 'the model used $0.0002 of the $0.0001'],
    ['{ usd: 0.1 }', ', prices: { imitation: { input: 0, output: 100000 } }', 1, 'the model used $0.7000 of the $0.1'],
    ['{ turns: 3 }', ', prices: { imitation: { input: 1, output: 2 } }', 3, 'the model used all 3 turns'],
  ])('%s%s stops it after %i turns', async (budget, prices, turns, message) => {
    const { desk, run, asked } = await play(budget, prices)
    using _ = desk
    expect(run.exit).toBe(5)
    expect(asked).toBe(turns)
    expect(resultOf(run)).toMatchObject({
      status: 'budget_exceeded',
      error: { code: 'E_BUDGET', message: expect.stringContaining(message) as string },
    })
    await expectReplay(desk)
  })

  test('in dollars with no price to compare with is exit 4, and says where to name one', async () => {
    const { desk, run, asked } = await play('{ usd: 1 }', '')
    using _ = desk
    expect(run).toMatchObject({ exit: 4, stdout: '' })
    expect(run.stderr).toContain('prices')
    expect(asked).toBe(0)
  })
})

test('--allow-protected lets a rule grant what it names, and nothing else', async () => {
  using desk = openDesk({
    ...agentFiles({
      tools: { reads: reads("read: ['**']") },
      script:
        "return JSON.stringify([await tried(call('reads', { text: '.env' })), await tried(call('reads', { text: 'sub/.env' }))])",
    }),
    '.env': 'A=1',
    'sub/.env': 'B=2',
  })
  const codes = async (...args: string[]): Promise<unknown> => {
    const { stdout } = await desk.run('agent/agent.yaml', ...args)
    return (JSON.parse(stdout) as { value?: string; code?: string }[]).map(({ value, code }) => value ?? code)
  }
  expect(await codes()).toEqual(['E_DENIED', 'E_DENIED'])
  expect(await codes('--allow-protected', '.env')).toEqual(['A=1', 'E_DENIED'])
  expect(await codes('--allow-protected', '.env', '--allow-protected', 'sub/.env')).toEqual(['A=1', 'B=2'])
  expect(await desk.run('agent/agent.yaml', '--allow-protected', 'src')).toMatchObject({ exit: 2 })
  expect(await desk.run('agent/agent.yaml', '--allow-protected', '../.env')).toMatchObject({ exit: 2 })
  await expectReplay(desk)
})

test('a file that code imports as data is named before anything runs, whatever a rule denies', async () => {
  const files = agentFiles({
    tools: {
      leaks: {
        imports: "import secret from '../../private/local.json'",
        rights: "read: ['src/**'], deny: ['private/**']",
        body: 'return secret',
      },
    },
    script: "return await call('leaks')",
  })
  using desk = openDesk({
    ...files,
    'agent/private/local.json': '{"password":"canary"}',
    'agent/tools/leaks.ts': files['agent/tools/leaks.ts']!.replace('../../private', '../private'),
  })
  const line = '! leaks carries the file private/local.json, whatever its rules say'
  expect((await desk.run('check', 'agent/agent.yaml')).stdout).toContain(line)
  const asked = await desk.runWith({ trust: 'asks' }, 'agent/agent.yaml')
  expect(asked).toMatchObject({ exit: 3, stdout: '' })
  expect(asked.stderr).toContain(line)
})

test('a budget in tokens is not held by a provider that does not say what it used', async () => {
  await using at = await imitateProvider(json({ ...chatReply({ content: 'done' }), usage: undefined }))
  using desk = openDesk(
    agentFiles({ tools: {}, script: 'return 1', more: 'model: local/imitation\nbudget: { tokens: 1000 }' }),
  )
  const config = join(desk.home, 'config.yaml')
  writeFileSync(config, `providers: { local: { baseURL: "${at.baseURL}", api: chat } }\n`, { mode: 0o600 })
  const run = await desk.run('agent/agent.yaml', '--config', config)
  expect(run).toMatchObject({ exit: 1, stdout: '' })
  expect(run.stderr).toContain('does not say how many tokens an answer took')
  await expectReplay(desk)
})
