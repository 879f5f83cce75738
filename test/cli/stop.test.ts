/** Signals, sent to real processes. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pass } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { descendantsOf, running, type ProcessName } from '../support/descendants.ts'
import { lockTrail } from '../support/locked-trail.ts'
import { agentFiles, openDesk, type Desk, type Finished, type Started } from '../support/program.ts'
import { HAS_PSEUDO_TERMINAL, render, startOnTerminal } from '../support/pseudo-terminal.ts'

const FILES = agentFiles({
  tools: {
    loops: { body: 'for (;;) {}' },
    waits: { body: 'await new Promise((r) => setTimeout(r, 20_000))' },
    counts: { body: 'let sum = 0; for (let i = 0; i < 1e6; i += 1) sum += i; return sum' },
  },
  script:
    'if (task === "spin") for (;;) {}\nif (task !== "") return await call(task)\nfor (let i = 0; i < 8; i += 1) await call("counts"); return "done"',
})

const isLinux = process.platform === 'linux'

async function gone(names: Iterable<ProcessName>): Promise<readonly ProcessName[]> {
  // The system kills what is behind the wall a moment after its parent.
  for (let round = 0; round < 40 && running(names).length > 0; round += 1) await pass(50)
  return running(names)
}

const lastLine = ({ stderr }: Finished): string => stderr.split('\n').at(-2) ?? ''

async function started(desk: Desk, task: string): Promise<Started> {
  const program = desk.start(['agent/agent.yaml', '--json', '--', task])
  await program.saying('tool_called')
  return program
}

describe.skipIf(!isLinux)('a signal at any moment', () => {
  test(
    'ends a run with 130 or lets it complete, its trail whole and no process left',
    { timeout: 240_000 },
    async () => {
      using desk = openDesk(FILES)
      const first = performance.now()
      expect(await desk.run('agent/agent.yaml')).toMatchObject({ exit: 0, stdout: 'done\n' })
      const wholeMs = performance.now() - first
      const ends = new Map<string, number>()
      const one = async (index: number): Promise<void> => {
        const signal = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const)[index % 3] ?? 'SIGINT'
        const task = ['', 'loops', 'waits', 'spin'][index % 4] ?? ''
        const afterMs = Math.random() * wholeMs * 1.1
        const { child, finished } = desk.start(['agent/agent.yaml', '--', task])
        await pass(afterMs)
        const seen = new Set(descendantsOf(child.pid ?? 0))
        child.kill(signal)
        for (const name of descendantsOf(child.pid ?? 0)) seen.add(name)
        const run = await finished
        const told = `${signal} after ${Math.round(afterMs)} ms, ${task}: exit ${run.exit} ${child.signalCode}\n${run.stderr}`
        // Before the program has begun, the system obeys in its stead.
        const isEarly = run.stderr === '' && child.signalCode === signal
        expect([0, 130, ...(isEarly ? [undefined] : [])], told).toContain(run.exit)
        const line = isEarly ? 'before the program began' : lastLine(run).replace(/run [0-9A-Z]{26} (\w+) ·.*/, '$1')
        expect(
          run.exit === 0
            ? ['completed']
            : ['interrupted', 'run-agent: interrupted before the run began', 'before the program began'],
          told,
        ).toContain(line)
        expect(run.stderr.endsWith('\n\n'), told).toBe(false)
        ends.set(line, (ends.get(line) ?? 0) + 1)
        expect(await gone(seen), told).toEqual([])
      }
      const indices = Array.from({ length: 48 }, (_, index) => index).values()
      await Promise.all(
        [1, 2].map(async () => {
          for (const index of indices) await one(index)
        }),
      )
      // Both kinds happened, or this shows nothing.
      expect(ends.get('interrupted')).toBeGreaterThan(3)
      expect(await desk.run('audit', 'verify')).toMatchObject({ exit: 0 })
      const list = await desk.run('audit', 'list')
      expect(list.stdout).not.toMatch(/crashed|running/)
      expect(list.stdout.match(/interrupted/g)).toHaveLength(ends.get('interrupted') ?? 0)
    },
  )
})

describe('once', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    '%s stops a tool that loops cleanly, and says how to stop now',
    async (signal) => {
      using desk = openDesk(FILES)
      const { child, finished } = await started(desk, 'loops')
      const seen = isLinux ? descendantsOf(child.pid ?? 0) : []
      expect(seen.length > 0).toBe(isLinux)
      child.kill(signal)
      const run = await finished
      expect(run.exit).toBe(130)
      expect(run.stderr.split('\n')).toEqual([
        expect.stringContaining('is played by script'),
        'stopping… press Ctrl-C again to stop now',
        expect.stringMatching(/^run [0-9A-Z]{26} interrupted · 1 call · 0 denied · head \d+ [0-9a-f]{16}$/),
        '',
      ])
      expect(desk.events().at(-1)).toMatchObject({ kind: 'run.end', data: { status: 'interrupted' } })
      expect(await desk.run('replay', 'last')).toMatchObject({ exit: 0 })
      expect(await gone(seen)).toEqual([])
    },
  )

  test.skipIf(!isLinux)('before the run begins, nothing is recorded', async () => {
    using desk = openDesk(FILES)
    // With nothing in the cache it takes its time to begin.
    const { child, finished } = desk.start(['agent/agent.yaml'], {
      environment: { XDG_CACHE_HOME: join(desk.home, 'cache') },
    })
    while (descendantsOf(child.pid ?? 0).length === 0) await pass(5)
    const seen = descendantsOf(child.pid ?? 0)
    child.kill('SIGTERM')
    expect(await finished).toEqual({ exit: 130, stdout: '', stderr: 'run-agent: interrupted before the run began\n' })
    expect(existsSync(desk.trail)).toBe(false)
    expect(await gone(seen)).toEqual([])
  })
})

test('after the run has ended a signal changes nothing: what is left is to print', async () => {
  using desk = openDesk(agentFiles({ tools: {}, script: "return 'x'.repeat(900_000)" }))
  const { child, finished } = desk.start(['agent/agent.yaml'])
  // The program cannot end before somebody reads.
  child.stdout?.pause()
  const hasEnded = (): boolean => {
    try {
      return desk.events().at(-1)?.kind === 'run.end'
    } catch {
      // It is not there yet, or there is nothing in it.
      return false
    }
  }
  while (!hasEnded()) await pass(20)
  await pass(300)
  child.kill('SIGTERM')
  await pass(100)
  child.stdout?.resume()
  const run = await finished
  expect(run).toMatchObject({ exit: 0, stdout: `${'x'.repeat(900_000)}\n` })
  expect(run.stderr).not.toContain('stopping')
  expect(lastLine(run)).toContain(' completed · 0 calls · ')
})

describe('while a clean stop waits for the trail', () => {
  test('the second Ctrl-C stops at once; and the trail is whole', async () => {
    using desk = openDesk(FILES)
    const { child, finished, saying } = await started(desk, 'waits')
    const seen = isLinux ? descendantsOf(child.pid ?? 0) : []
    using lock = lockTrail(desk.trail)
    child.kill('SIGINT')
    await saying('stopping…')
    child.kill('SIGINT')
    await saying('stopped at once')
    lock[Symbol.dispose]()
    const run = await finished
    expect(run.exit).toBe(130)
    expect(lastLine(run)).toMatch(/^run [0-9A-Z]{26} stopped at once · its trail may lack its end$/)
    expect(await desk.run('audit', 'verify')).toMatchObject({ exit: 0 })
    expect(await gone(seen)).toEqual([])
  })

  test('and a third is obeyed by the system, whatever the disk does', async () => {
    using desk = openDesk(FILES)
    const { child, finished, saying } = await started(desk, 'waits')
    using _lock = lockTrail(desk.trail)
    child.kill('SIGINT')
    await saying('stopping…')
    child.kill('SIGINT')
    await saying('stopped at once')
    await pass(100)
    const beforeMs = performance.now()
    child.kill('SIGINT')
    await finished
    expect(performance.now() - beforeMs).toBeLessThan(5000)
  })

  test('what a program sends twice counts once, and after a second it counts again', async () => {
    using desk = openDesk(FILES)
    const { child, finished, saying } = await started(desk, 'waits')
    using lock = lockTrail(desk.trail)
    child.kill('SIGTERM')
    await saying('stopping…')
    child.kill('SIGTERM')
    child.kill('SIGHUP')
    await pass(300)
    expect(child.exitCode).toBe(null)
    lock[Symbol.dispose]()
    const echoed = await finished
    expect(echoed.exit).toBe(130)
    expect(echoed.stderr.match(/stopping…/g)).toHaveLength(1)
    expect(lastLine(echoed)).toContain(' interrupted · 1 call · ')

    const again = await started(desk, 'waits')
    using second = lockTrail(desk.trail)
    again.child.kill('SIGTERM')
    await again.saying('stopping…')
    await pass(1200)
    again.child.kill('SIGTERM')
    await again.saying('stopped at once')
    second[Symbol.dispose]()
    expect((await again.finished).exit).toBe(130)
  })
})

// Where `script` is no script of util-linux there is no pseudo-terminal to be had.
describe.skipIf(!HAS_PSEUDO_TERMINAL)('Ctrl-C on a terminal', () => {
  test('leaves it in order: the line is cleared, and the closing line is the last', async () => {
    using desk = openDesk(FILES)
    const terminal = startOnTerminal(desk, ['agent/agent.yaml', 'waits'])
    await terminal.saying('· waits')
    terminal.type('\x03')
    const { exit, written } = await terminal.finished
    expect(exit).toBe(130)
    const { lines, sequences } = render(written)
    expect(lines.slice(1)).toEqual([
      'stopping… press Ctrl-C again to stop now',
      expect.stringMatching(/✗ waits · .* · the run was interrupted$/),
      'run-agent: the run was interrupted',
      expect.stringMatching(/^run [0-9A-Z]{26} interrupted · 1 call · 0 denied · head \d+ [0-9a-f]{16}$/),
      '',
    ])
    // No cursor was hidden, no mode was set: there is nothing to undo.
    for (const sequence of sequences) expect(sequence.slice(1)).toMatch(/^\[(K|\d+m)$/)
  })

  test('at the question whether to trust a definition runs nothing', async () => {
    using desk = openDesk(FILES)
    const terminal = startOnTerminal(desk, ['agent/agent.yaml'], { trust: 'asks' })
    await terminal.saying('[y/N]')
    terminal.type('\x03')
    const { exit, written } = await terminal.finished
    expect(exit).toBe(130)
    expect(render(written).lines.slice(-2)).toEqual(['run-agent: interrupted before the run began', ''])
    expect(existsSync(desk.trail)).toBe(false)
  })

  test('twice ends it with one line and nothing left on the last one', async () => {
    using desk = openDesk(FILES)
    const terminal = startOnTerminal(desk, ['agent/agent.yaml', 'waits'])
    await terminal.saying('· waits')
    using lock = lockTrail(desk.trail)
    terminal.type('\x03')
    await terminal.saying('stopping…')
    terminal.type('\x03')
    await terminal.saying('stopped at once')
    lock[Symbol.dispose]()
    const { exit, written } = await terminal.finished
    expect(exit).toBe(130)
    expect(render(written).lines.slice(-2)).toEqual([
      expect.stringMatching(/^run [0-9A-Z]{26} stopped at once · its trail may lack its end$/),
      '',
    ])
  })
})
