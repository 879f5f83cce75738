/** A run that a provider plays, through the whole program. The provider is the imitation of test/support. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { agentFiles, openDesk, resultOf, type Desk, type Finished } from '../support/program.ts'
import { chatCall, chatReply, imitateProvider, json, type Imitation } from '../support/provider-imitation.ts'

const KEY = 'sk-canary-0123456789abcdef0123456789'
const TOOLS = {
  reads: {
    rights: "read: ['src/**']",
    imports: "import { readFile } from 'node:fs/promises'",
    body: "return await readFile(text ?? '', 'utf8')",
  },
}

function openModelDesk(at: Imitation): Desk {
  const files = agentFiles({
    tools: TOOLS,
    script: "return 'the script'",
    more: 'model: local/imitation\ninstructions: Read.',
  })
  const desk = openDesk({ ...files, 'src/a': 'A', 'src/b': 'B', secret: 'S' })
  writeFileSync(
    join(desk.home, 'config.yaml'),
    `providers:\n  local: { credential: local, baseURL: "${at.baseURL}", api: chat }\n` +
      'credentials:\n  local: { source: { env: THE_KEY } }\n',
    { mode: 0o600 },
  )
  return desk
}

const run = (desk: Desk, ...args: string[]): Promise<Finished> =>
  desk.runWith(
    { environment: { THE_KEY: KEY } },
    'agent/agent.yaml',
    '--config',
    join(desk.home, 'config.yaml'),
    ...args,
  )

test('calls tools in parallel, hears denials, answers, and replays without the provider', async () => {
  const call = (id: string, path: string): Record<string, unknown> =>
    chatCall(id, 'reads', JSON.stringify({ text: path }))
  const turns = [
    chatReply({ tool_calls: [call('x', 'src/a'), call('y', 'secret'), call('z', 'src/b')] }, 'tool_calls'),
    chatReply({ tool_calls: [chatCall('x', 'no_such', '{}'), chatCall('w', 'reads', 'not json')] }, 'tool_calls'),
    chatReply({ content: `the answer, and ${KEY}` }),
  ]
  const at = await imitateProvider(...turns.map((turn) => json(turn, 200, { 'x-request-id': KEY })))
  using desk = openModelDesk(at)
  try {
    const done = await run(desk, '--json')
    expect(done).toMatchObject({ exit: 0 })
    expect(resultOf(done)).toMatchObject({ status: 'completed', usage: { requests: 3, totalTokens: 54 } })
    expect(resultOf(done)['output']).toBe('the answer, and [withheld: credential local]')
    expect(resultOf(done)['denied']).toHaveLength(2)
    expect(done.stderr).toContain('played by local/imitation')
    expect(at.seen.map(({ headers }) => headers.authorization)).toEqual(Array(3).fill(`Bearer ${KEY}`))
    const results = (
      JSON.parse(at.seen[1]?.body ?? '') as { messages: { role: string; content: string }[] }
    ).messages.filter(({ role }) => role === 'tool')
    expect(results.map(({ content }) => content)).toEqual(['A', expect.stringContaining('reads may read: src/**'), 'B'])
    // The key is at its provider and nowhere else.
    const trail = ['', '-wal']
      .map((end) => readFileSync(`${desk.trail}${end}`, { flag: 'a+' }).toString('latin1'))
      .join('')
    expect(done.stdout + done.stderr + trail).not.toContain(KEY)
    expect(at.seen.map(({ body }) => body).join('')).not.toContain(KEY)
  } finally {
    await at[Symbol.asyncDispose]()
  }
  expect(await desk.run('replay', 'last')).toMatchObject({ exit: 0, stderr: '' })
})

test('a provider that fails fails the run; --script plays instead of it', async () => {
  await using at = await imitateProvider(json({ error: { message: 'overloaded' } }, 529))
  using desk = openModelDesk(at)
  const failed = await run(desk, '--json')
  expect(failed.exit).toBe(1)
  expect(resultOf(failed)).toMatchObject({ status: 'failed', error: { code: 'E_PROVIDER', retryable: true } })
  expect(await desk.run('replay', 'last')).toMatchObject({ exit: 0 })
  expect(await run(desk, '--script')).toMatchObject({ exit: 0, stdout: 'the script\n' })
})
