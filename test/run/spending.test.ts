/** Ceilings of a provider's key, through the whole program. The provider is the imitation of test/support. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { agentFiles, openDesk, resultOf, type Desk } from '../support/program.ts'
import { chatCall, chatReply, imitateProvider, json, type Imitation } from '../support/provider-imitation.ts'

const KEY = 'sk-canary-0123456789abcdef0123456789'

/** Each answer takes 11 input and 7 output tokens: 18, or $18 at a dollar each. */
function openSpendingDesk(at: Imitation, spending: string): Desk {
  const definition = { tools: {}, script: "return 'unused'", more: 'model: local/imitation\ninstructions: Say.' }
  const desk = openDesk(agentFiles(definition))
  desk.write({ 'agent/copy.yaml': readFileSync(join(desk.workspace, 'agent/agent.yaml'), 'utf8') })
  const prices = 'prices: { imitation: { input: 100000, output: 100000 } }'
  writeFileSync(
    join(desk.home, 'config.yaml'),
    `providers:\n  local: { credential: local, baseURL: "${at.baseURL}", api: chat${spending.includes('usd') ? `, ${prices}` : ''} }\n` +
      `credentials:\n  local: { source: { env: THE_KEY }, users: [alice, bob], spending: [${spending}] }\n`,
    { mode: 0o600 },
  )
  return desk
}

const run = (desk: Desk, ...args: string[]) =>
  desk.runWith({ environment: { THE_KEY: KEY } }, ...args, '--config', join(desk.home, 'config.yaml'))

const AGENT = 'agent/agent.yaml'

test('end a run before its request, and are the same in a replay', async () => {
  await using at = await imitateProvider(json(chatReply({ content: 'hello' })))
  using desk = openSpendingDesk(at, '{ tokens: 40, every: 1d }')
  expect(await run(desk, AGENT, '--user', 'alice')).toMatchObject({ exit: 0 })
  // It is counted over runs and users, and there is room for as many as the request itself.
  expect(await run(desk, AGENT, '--user', 'bob')).toMatchObject({ exit: 0 })
  const ended = await run(desk, AGENT, '--user', 'alice', '--json')
  expect(ended.exit).toBe(5)
  const why =
    /the key local may cost 40 tokens in 1d \(.*config\.yaml:4:\d+\): 36 tokens spent, \d+ tokens expected of the next request; there is room from 20/
  expect(resultOf(ended)).toMatchObject({
    status: 'budget_exceeded',
    error: { code: 'E_CEILING', message: expect.stringMatching(why) as string },
    usage: { requests: 0 },
  })
  expect(at.seen).toHaveLength(2)
  expect((await run(desk, AGENT, '--user', 'bob')).stderr).toContain(
    '`spending` in the operator’s configuration'.replace('’', "'"),
  )
  expect(await desk.run('replay', 'last')).toMatchObject({ exit: 0, stderr: '' })
  const listed = await run(desk, 'credentials', 'list', '--user', 'alice')
  expect(listed.stdout).toContain('  may cost 40 tokens in 1d · spent 36 tokens\n')
  expect((await run(desk, 'check', AGENT)).stdout).toContain('\n  the key local may cost 40 tokens in 1d\n')
})

test('of a user are that user’s, and of an agent its file’s, whoever runs it', async () => {
  await using at = await imitateProvider(json(chatReply({ content: 'hello' })))
  using desk = openSpendingDesk(at, '{ per: user, usd: 2, every: 1d }')
  const asked = async (...args: string[]) => (await run(desk, ...args)).exit
  expect([await asked(AGENT, '--user', 'alice'), await asked('agent/copy.yaml', '--user', 'alice')]).toEqual([0, 5])
  expect([await asked(AGENT, '--user', 'bob'), await asked(AGENT, '--user', 'bob')]).toEqual([0, 5])
  const listed = await run(desk, 'credentials', 'list', '--user', 'bob')
  expect(listed.stdout).toContain('  may cost $2 in 1d for each user · bob has spent $1.80\n')

  using other = openSpendingDesk(at, '{ per: agent, tokens: 20, every: 1d }')
  const again = async (...args: string[]) => (await run(other, ...args)).exit
  expect([await again(AGENT, '--user', 'alice'), await again(AGENT, '--user', 'bob')]).toEqual([0, 5])
  expect(await again('agent/copy.yaml', '--user', 'bob')).toBe(0)
  const agents = await run(other, 'credentials', 'list', '--user', 'bob')
  expect(agents.stdout).toContain(`${other.workspace}/agent/copy.yaml has spent 18 tokens\n`)
})

test('in dollars need a price, and a key whose answers nobody counts is of no use with them', async () => {
  const uncounted = { ...chatReply({ content: 'hello' }), usage: undefined }
  await using at = await imitateProvider(json(uncounted))
  using desk = openSpendingDesk(at, '{ tokens: 1000000, every: 1d }')
  expect(await run(desk, AGENT, '--user', 'bob')).toMatchObject({
    exit: 1,
    stderr: expect.stringContaining(
      'does not say how many tokens an answer took, so its ceilings cannot be held',
    ) as string,
  })
  const path = join(desk.home, 'config.yaml')
  writeFileSync(path, readFileSync(path, 'utf8').replace('tokens: 1000000', 'usd: 2'))
  expect(await run(desk, AGENT, '--user', 'bob')).toMatchObject({
    exit: 4,
    stderr: expect.stringMatching(
      /the key local may cost \$2 in 1d .*, and nobody says what local\/imitation costs/,
    ) as string,
  })
})

test('count an answer that is cut off, and what a model thinks, as what they took', async () => {
  const took = (completion: number, total: number) => ({
    usage: { prompt_tokens: 11, completion_tokens: completion, total_tokens: total },
  })
  const cut = { ...chatReply({ content: '' }, 'length'), ...took(90, 101) }
  const thought = { ...chatReply({ content: 'hello' }), ...took(7, 1011) }
  await using at = await imitateProvider(json(cut), json(thought))
  using desk = openSpendingDesk(at, '{ usd: 200, every: 1d }')
  const spent = async () => /spent (\S+)/.exec((await run(desk, 'credentials', 'list')).stdout)?.[1]
  expect((await run(desk, AGENT, '--user', 'bob')).exit).toBe(1)
  expect(await spent()).toBe('$10.10')
  expect((await run(desk, AGENT, '--user', 'bob')).exit).toBe(0)
  expect(await spent()).toBe('$111.20')
})

test('count what could not be used of any answer', async () => {
  const usage = { prompt_tokens: 1000, completion_tokens: 50_000, total_tokens: 51_000 }
  const bad = [
    { ...chatReply({ content: 'x' }), choices: [], usage },
    {
      ...chatReply({ tool_calls: [{ id: 'x', type: 'function', function: { arguments: '{}' } }] }, 'tool_calls'),
      usage,
    },
    { ...chatReply({ tool_calls: [null] }, 'tool_calls'), usage },
  ]
  await using at = await imitateProvider(
    ...bad.map((reply) => json(reply)),
    json({ error: { message: 'no' }, usage }, 400),
    json({ error: { message: 'no' } }, 400),
  )
  using desk = openSpendingDesk(at, '{ tokens: 10000000, every: 1d }')
  for (let turn = 1; turn <= 5; turn += 1) {
    expect((await run(desk, AGENT, '--user', 'bob')).exit).toBe(1)
    const spent = /spent (\d+) tokens/.exec((await run(desk, 'credentials', 'list')).stdout)?.[1]
    expect(Number(spent)).toBe(Math.min(turn, 4) * 51_000)
  }
})

test('in dollars are none for a model that costs nothing, and the operator’s own ceiling is no obstacle to one', async () => {
  await using at = await imitateProvider(json(chatReply({ content: 'hello' })))
  using desk = openSpendingDesk(at, '{ usd: 2, every: 1d }')
  const path = join(desk.home, 'config.yaml')
  const free = readFileSync(path, 'utf8').replace('input: 100000, output: 100000', 'input: 0, output: 0')
  writeFileSync(path, free)
  expect(await run(desk, AGENT, '--user', 'bob')).toMatchObject({
    exit: 4,
    stderr: expect.stringContaining('costs nothing: it would never be reached') as string,
  })
  writeFileSync(path, `${free.replace('usd: 2', 'tokens: 1000')}ceiling: { usd: 5 }\n`)
  expect(await run(desk, AGENT, '--user', 'bob')).toMatchObject({ exit: 0 })
})

test('end what asks for more than there is before it is sent, so that nobody else is kept waiting', async () => {
  await using at = await imitateProvider(json(chatReply({ content: 'hello' })))
  using desk = openSpendingDesk(at, '{ tokens: 1000, every: 30d }')
  const path = join(desk.workspace, 'agent/copy.yaml')
  const greedyModel = 'model: { name: local/imitation, maxOutput: 10000 }'
  writeFileSync(path, readFileSync(path, 'utf8').replace('model: local/imitation', greedyModel))
  const greedy = await run(desk, 'agent/copy.yaml', '--user', 'alice', '--json')
  expect(resultOf(greedy)).toMatchObject({
    error: { code: 'E_CEILING', message: expect.stringContaining('which is never there at once') as string },
  })
  expect(at.seen).toHaveLength(0)
  expect((await run(desk, AGENT, '--user', 'bob')).exit).toBe(0)
})

test('a key that is revoked is sent no more, also within a run', async () => {
  const made: { desk?: Desk } = {}
  const call = { tool_calls: [chatCall('x', 'none', '{}')] }
  await using at = await imitateProvider(
    (response) => {
      const { desk } = made
      if (desk === undefined) throw new Error('it is there before it is asked')
      const revoking = run(desk, 'credentials', 'revoke', 'local', '--user', 'bob', '--reason', 'stolen')
      void revoking.then(() => json(chatReply(call, 'tool_calls'))(response))
    },
    json(chatReply({ content: 'hello' })),
  )
  using desk = openSpendingDesk(at, '{ tokens: 100000, every: 1d }')
  made.desk = desk
  const ended = await run(desk, AGENT, '--user', 'bob', '--json')
  expect(resultOf(ended)).toMatchObject({
    status: 'failed',
    error: {
      code: 'E_CREDENTIAL',
      message: expect.stringMatching(/may not be used: it was revoked at .*: stolen/) as string,
    },
  })
  expect(at.seen).toHaveLength(1)
  expect(await desk.run('replay', 'last')).toMatchObject({ exit: 0, stderr: '' })
  // Nor in the next run; nor does the script of the definition play in its place.
  const path = join(desk.workspace, AGENT)
  writeFileSync(path, `${readFileSync(path, 'utf8')}\nfallback: script\n`)
  expect(await run(desk, AGENT, '--user', 'bob')).toMatchObject({ exit: 4 })
  expect(at.seen).toHaveLength(1)
  expect((await run(desk, AGENT, '--user', 'alice')).exit).toBe(0)
})

test('are held by runs that ask at the same time', async () => {
  let waiting: (() => void)[] = []
  // Nobody is answered before all that may ask have asked.
  await using at = await imitateProvider((response) => {
    waiting.push(() => json(chatReply({ content: 'hello' }))(response))
  })
  using desk = openSpendingDesk(at, '{ tokens: 40, every: 1d }')
  const runs = Array.from({ length: 6 }, () => run(desk, AGENT, '--user', 'bob'))
  const first = await Promise.race(runs)
  expect(first.exit).toBe(5)
  const timer = setInterval(() => {
    for (const answer of waiting) answer()
    waiting = []
  }, 50)
  const exits = (await Promise.all(runs)).map(({ exit }) => exit)
  clearInterval(timer)
  // What is asked counts as it is expected: no six of them were let through before the first was answered.
  expect(exits.filter((exit) => exit === 0).length).toBe(at.seen.length)
  expect(at.seen.length).toBeLessThan(6)
  expect(new Set(exits)).toEqual(new Set([0, 5]))
})
