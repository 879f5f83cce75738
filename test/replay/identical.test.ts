/** Runs of every kind of timing and ending, replayed from the trail alone with their workspace gone. */
import { rmSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { agentFiles, openDesk, resultOf, type AgentParts, type Desk } from '../support/program.ts'
import { readTrail } from '../support/trail.ts'

const FS = "import { mkdir, readFile, readdir, stat, writeFile, rm } from 'node:fs/promises'"

const RACER = {
  rights: "read: ['**']",
  imports: FS,
  body: `
    const order: string[] = []
    const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
    await Promise.all(Array.from({ length: 8 }, async (_, index) => {
      for (let round = 0; round < 4; round++) {
        await pause(Math.floor(Math.random() * 12))
        const text = await readFile(\`data/\${(index + (number ?? 0)) % 8}.txt\`, 'utf8')
        order.push(\`\${index}.\${round} \${text} \${Date.now() > 0} \${Math.random()}\`)
        if (round % 2 === 0) console.log(index, round)
      }
    }))
    const first = await Promise.race([pause(5).then(() => 'a'), pause(5).then(() => 'b'), stat('data').then(() => 'c')])
    return { order, first, now: Date.now() }`,
}

const DATA = Object.fromEntries(Array.from({ length: 8 }, (_, index) => [`data/${index}.txt`, `text ${index}`]))

function desk(parts: AgentParts): Desk {
  return openDesk({ ...agentFiles(parts), ...DATA })
}

/** Replays the newest run; the workspace goes first. */
async function expectIdentical(at: Desk): Promise<void> {
  rmSync(at.workspace, { recursive: true })
  const replay = await at.runWith({ cwd: at.home }, 'replay', 'last')
  expect(replay).toMatchObject({ exit: 0, stderr: '', stdout: expect.stringContaining('identical') as string })
  const verdict = readTrail(at.trail, (reader) => reader.verifyAll())
  expect(verdict).toMatchObject({ ok: true })
  expect(at.events().at(-1)).toMatchObject({ kind: 'run.end' })
}

describe('a replay is identical', () => {
  test('for twenty calls that race, in several rounds, after timers of the script', async () => {
    using at = desk({
      tools: { racer: RACER },
      script: `
        const seen = []
        for (let round = 0; round < 3; round++) {
          await new Promise((resolve) => setTimeout(resolve, 3))
          seen.push(...await Promise.all(Array.from({ length: 20 }, (_, number) => call('racer', { number }))))
        }
        const [a, b] = [new Promise((r) => setTimeout(() => r('late'), 9)), new Promise((r) => setTimeout(() => r('soon'), 4))]
        return JSON.stringify([seen.length, await Promise.race([a, b]), Date.now() > 0])`,
    })
    expect(await at.run('agent/agent.yaml')).toMatchObject({ exit: 0, stdout: '[60,"soon",true]\n' })
    await expectIdentical(at)
  })

  test('for calls that a limit killed while others went on', async () => {
    const racing = `await Promise.all([1, 2, 3].map(async (n) => { for (let i = 0; i < 20; i++) {
      await new Promise((resolve) => setTimeout(resolve, n)); await stat('data') } }));`
    using at = desk({
      tools: {
        racer: RACER,
        timeout: {
          rights: "read: ['**'], limits: { timeout: 150ms }",
          imports: FS,
          body: `${racing} for (;;) await stat('data')`,
        },
        memory: {
          rights: "read: ['**']",
          imports: FS,
          body: `${racing} const all = []; for (;;) all.push(new Array(1e4).fill(Math.random()))`,
        },
        cpu: { rights: "read: ['**'], limits: { timeout: 500ms }", imports: FS, body: `${racing} for (;;) {}` },
        requests: {
          rights: "read: ['**'], limits: { requests: 50 }",
          imports: FS,
          body: `await Promise.all([1, 2, 3].map(async () => { for (;;) await stat('data') }))`,
        },
        sleep: {
          rights: 'limits: { timeout: 100ms }',
          body: 'for (;;) await new Promise((resolve) => setTimeout(resolve, 7))',
        },
      },
      script: `
        const names = ['racer', 'timeout', 'memory', 'cpu', 'requests', 'sleep', 'racer']
        const ends = []
        for (let round = 0; round < 2; round++) ends.push(...await Promise.all(names.map((name) => tried(call(name)))))
        return ends.map(({ code }) => code ?? 'ok').join(' ')`,
    })
    const run = await at.run('agent/agent.yaml')
    const round = 'ok E_LIMIT_TIMEOUT E_LIMIT_MEMORY E_LIMIT_TIMEOUT E_LIMIT_REQUESTS E_LIMIT_TIMEOUT ok'
    expect(run).toMatchObject({ exit: 0, stdout: `${round} ${round}\n` })
    await expectIdentical(at)
  })

  test('for denied and failing requests, links and unawaited work', async () => {
    using at = desk({
      tools: {
        mixed: {
          rights: "read: ['data/**', 'out/**'], write: ['out/**'], delete: ['out/**'], deny: ['data/7.txt']",
          imports: FS,
          body: `
            const all = [readFile('data/7.txt'), readFile('.env'), readFile('data/none'), readFile('../x'), readdir('data'),
              writeFile('package.json', '{}'), mkdir('out/a/b', { recursive: true }), rm('out/none'), readFile('data')]
            const ends = (await Promise.allSettled(all)).map((end: any) => end.reason?.code ?? end.status)
            void writeFile('out/last.txt', 'x'.repeat(5000))
            void readFile('data/1.txt').then(() => writeFile('out/never.txt', 'never'))
            return ends`,
        },
      },
      script: 'return JSON.stringify(await Promise.all([1, 2, 3].map(() => call("mixed"))))',
    })
    const ends = [
      'E_DENIED',
      'E_DENIED',
      'ENOENT',
      'E_DENIED',
      'fulfilled',
      'E_DENIED',
      'fulfilled',
      'ENOENT',
      'EISDIR',
    ]
    expect(JSON.parse((await at.run('agent/agent.yaml')).stdout)).toEqual([ends, ends, ends])
    await expectIdentical(at)
  })

  test.each([
    ['a script that fails', 1, "await call('racer'); throw new TypeError('sorry')", ''],
    ['a script that never settles', 1, 'await new Promise(() => {})', ''],
    ['all turns used', 5, "for (;;) await call('racer')", 'budget: { turns: 3 }'],
    ['all time used in a tool', 5, "await call('racer'); await call('sleeper')", 'budget: { time: 600ms }'],
    [
      'all time used in timers of the script',
      5,
      'for (;;) await new Promise((r) => setTimeout(r, 20))',
      'budget: { time: 500ms }',
    ],
    [
      'all time used in one long timer',
      5,
      'setTimeout(() => 0, 3); await new Promise((r) => setTimeout(r, 3_600_000))',
      'budget: { time: 500ms }',
    ],
    [
      'all time used in a loop of the script',
      5,
      "await call('racer'); console.log('in'); for (;;) {}",
      'budget: { time: 600ms }',
    ],
    [
      'a script that needs too much memory',
      1,
      "await call('racer'); const a = []; for (;;) a.push(new Array(1e4).fill(1.5))",
      '',
    ],
    [
      'calls over their limit',
      0,
      "return (await Promise.all([1, 2, 3].map(() => tried(call('once'))))).map((e) => e.code ?? 'ok').join()",
      '',
    ],
  ])('for %s', async (_name, exit, script, more) => {
    const once = { rights: 'limits: { calls: 2 }', body: 'return 1' }
    const sleeper = { body: 'await new Promise((resolve) => setTimeout(resolve, 3_600_000))' }
    using at = desk({ tools: { racer: RACER, once, sleeper }, script, more })
    const startedMs = Date.now()
    const run = await at.run('agent/agent.yaml')
    expect(run, run.stderr).toMatchObject({ exit })
    expect(Date.now() - startedMs).toBeLessThan(8000)
    await expectIdentical(at)
  })

  test.each([
    ['in a tool', "await Promise.all([call('racer'), call('sleeper')])", '"tool":"sleeper"'],
    [
      'in the script',
      "await call('racer'); await new Promise((r) => setTimeout(r, 3_600_000))",
      '"type":"tool_finished"',
    ],
    ['in a loop of the script', "await call('racer'); for (;;) {}", '"type":"tool_finished"'],
  ])('for an interruption %s: exit 130, at once', async (_name, script, sign) => {
    const sleeper = { body: 'await new Promise((resolve) => setTimeout(resolve, 3_600_000))' }
    using at = desk({ tools: { racer: RACER, sleeper }, script })
    const started = at.start(['agent/agent.yaml', '--json'])
    await started.saying(sign)
    await new Promise((resolve) => setTimeout(resolve, 100))
    started.child.kill('SIGINT')
    const killedMs = Date.now()
    const run = await started.finished
    expect(Date.now() - killedMs).toBeLessThan(2000)
    expect(run).toMatchObject({ exit: 130 })
    expect(resultOf(run)).toMatchObject({ status: 'interrupted', error: { code: 'E_INTERRUPTED' } })
    await expectIdentical(at)
  })
})
