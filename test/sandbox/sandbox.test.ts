/** How calls share processes, outlive them, and are told apart when one of them brings its process down. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import {
  REDRIVE_BYTES_MAX,
  REQUESTS_UNDER_WAY_CHARS_MAX,
  SANDBOX_ALONE_MAX,
  SANDBOX_BASE_BYTES,
} from '../../runtime/limits.ts'
import type { ProcessHost, SandboxChild } from '../../runtime/ports.ts'
import type { Sandbox } from '../../runtime/sandbox/sandbox.ts'
import {
  callOf,
  codeOf,
  ok,
  openSandbox,
  play,
  processes,
  toolOf,
  valueOf,
  WALLS,
  type Played,
} from '../support/sandbox.ts'

const open: Sandbox[] = []
afterEach(() => {
  for (const sandbox of open.splice(0)) sandbox.close()
})

interface Census {
  readonly host: ProcessHost
  readonly alive: Set<SandboxChild>
  most: number
  started: number
}

/** Counts the processes that live. */
function census(): Census {
  const alive = new Set<SandboxChild>()
  const counts: Census = {
    alive,
    most: 0,
    started: 0,
    host: {
      ...processes,
      spawnSandbox: (command) => {
        const child = processes.spawnSandbox(command)
        alive.add(child)
        counts.started += 1
        counts.most = Math.max(counts.most, alive.size)
        return {
          ...child,
          onExit: (listener) =>
            child.onExit((how) => {
              alive.delete(child)
              listener(how)
            }),
        }
      },
    },
  }
  return counts
}

async function opened(options: Parameters<typeof openSandbox>[0] = {}): Promise<Sandbox> {
  const sandbox = await openSandbox({ outerWall: false, ...options })
  open.push(sandbox)
  return sandbox
}

function descendantsOf(pid: number): readonly number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim()
  return children
    .split(' ')
    .filter(Boolean)
    .map(Number)
    .flatMap((child) => [child, ...descendantsOf(child)])
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'))
  } catch {
    return false
  }
}

const one = toolOf('return 1')
const CRASH = 'return Array(1e9).fill(0).length'
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const slowly = async (request: object): Promise<string> => {
  await pause(Number(Reflect.get(request, 'delayMs')))
  return ok()
}

describe('one process for many calls', () => {
  test('calls share it, one after the other and side by side', { timeout: 30_000 }, async () => {
    const { host, ...counts } = census()
    const sandbox = await opened({ processes: host })
    for (let turn = 0; turn < 20; turn += 1) {
      const calls = Array.from({ length: 5 }, async () => valueOf(await play(sandbox, callOf(one))))
      expect(await Promise.all(calls)).toEqual([1, 1, 1, 1, 1])
    }
    expect(counts.alive.size).toBe(1)
    expect([...counts.alive][0]?.residentBytes()).toBeLessThan(SANDBOX_BASE_BYTES)
  })

  test('nothing of a call is left for the next', async () => {
    const sandbox = await opened()
    await play(sandbox, callOf(toolOf('globalThis.left = 1; Object.prototype.left = 2; Array.prototype.map = null')))
    expect(
      valueOf(await play(sandbox, callOf(toolOf('return [globalThis.left, ({}).left, [1].map((x) => x)]')))),
    ).toEqual([null, null, [1]])
  })
})

describe('when a call brings its process down', () => {
  test('its siblings are driven again, few at a time, and nobody is asked twice', { timeout: 30_000 }, async () => {
    const counts = census()
    const sandbox = await opened({ processes: counts.host })
    const sibling = toolOf(
      'let t = []; for (let i = 0; i < 6; i++) { await new Promise((r) => setTimeout(r, 40 + i)); console.log(i); t.push(Math.random(), Date.now()) } return t',
    )
    const alone = valueOf(await play(sandbox, callOf(sibling), slowly))
    const bad = play(sandbox, callOf(toolOf(`await new Promise((r) => setTimeout(r, 100)); ${CRASH}`)), slowly)
    const good = await Promise.all(Array.from({ length: 6 }, () => play(sandbox, callOf(sibling), slowly)))
    expect((await bad).end).toMatchObject({ kind: 'killed', requests: 1, deliveries: 1 })
    for (const played of good) {
      expect(valueOf(played)).toEqual(alone)
      expect(played.requests).toHaveLength(6)
      expect(played.logs).toEqual(['log: 0', 'log: 1', 'log: 2', 'log: 3', 'log: 4', 'log: 5'])
    }
    // The shared one, which may not be gone yet, its successor, and those of the suspects.
    expect(counts.most).toBeLessThanOrEqual(SANDBOX_ALONE_MAX + 2)
  })

  test('a deadline ends its call alone', { timeout: 30_000 }, async () => {
    const sandbox = await opened()
    const sibling = play(sandbox, callOf(toolOf('await new Promise((r) => setTimeout(r, 600)); return 1')), slowly)
    const late = await play(sandbox, callOf(toolOf('for (;;);'), { limits: { wallMs: 200 } }))
    expect(late.end).toMatchObject({ kind: 'killed', cause: 'timeout', message: 'the call ran longer than 200 ms' })
    expect(valueOf(await sibling)).toBe(1)
  })

  test('what a call does after its end falls on nobody', { timeout: 30_000 }, async () => {
    const counts = census()
    const sandbox = await opened({ processes: counts.host })
    const after = (body: string): Promise<Played> =>
      play(
        sandbox,
        callOf(
          toolOf(`Promise.resolve().then(async () => { for (let i = 0; i < 50; i++) await null; ${body} }); return 1`),
        ),
      )
    for (const body of ['for (;;);', CRASH, 'for (;;) await null', "BigInt('1'.repeat(3e6))"]) {
      expect(valueOf(await after(body))).toBe(1)
      expect(valueOf(await play(sandbox, callOf(one)))).toBe(1)
      await pause(400)
      for (const child of counts.alive) expect(child.residentBytes() ?? 0).toBeLessThan(SANDBOX_BASE_BYTES)
    }
  })

  test('an offender late in a process is found as well', { timeout: 30_000 }, async () => {
    const sandbox = await opened()
    for (let turn = 0; turn < 3; turn += 1) expect(valueOf(await play(sandbox, callOf(one)))).toBe(1)
    expect((await play(sandbox, callOf(toolOf(CRASH)))).end).toMatchObject({ kind: 'killed' })
    expect(valueOf(await play(sandbox, callOf(one)))).toBe(1)
  })
})

describe('deliveries', () => {
  test('a call may be told more than is kept for driving it again', { timeout: 30_000 }, async () => {
    const sandbox = await opened()
    const block = JSON.stringify({ ok: true, bytes: Buffer.alloc(6 * 1024 * 1024, 'x').toString('base64') })
    const turns = Math.ceil(REDRIVE_BYTES_MAX / block.length) + 3
    const tool = toolOf(
      `let n = 0; for (let i = 0; i < ${turns}; i++) n += (await require('fs/promises').readFile('f')).length; return n`,
    )
    expect(valueOf(await play(sandbox, callOf(tool, { limits: { wallMs: 20_000 } }), () => block))).toBe(
      turns * 6 * 1024 * 1024,
    )
  })

  test('are taken in any order, and unknown ones are not heard', async () => {
    const sandbox = await opened()
    const tool = toolOf(
      'const w = (n) => new Promise((r) => setTimeout(() => r([n, Date.now()]), n)); return await Promise.all([w(1), w(2)])',
    )
    const asked: number[] = []
    const run = sandbox.run(callOf(tool), { onRequest: (ordinal) => void asked.push(ordinal), onLog: () => undefined })
    while (asked.length < 2) await pause(5)
    run.deliver(1, 50, ok())
    run.deliver(1, 55, ok())
    run.deliver(0, 60, ok())
    expect(await run.ended).toMatchObject({
      kind: 'ok',
      value: [
        [1, 60],
        [2, 50],
      ],
    })
    run.deliver(0, 70, ok())
    run.kill('late', 'nobody hears this')
  })
})

test('requests that nobody answers yet are bounded together', { timeout: 30_000 }, async () => {
  const sandbox = await opened()
  const tool = toolOf(
    "const b = new Uint8Array(6e6); for (;;) { void require('fs/promises').writeFile('f', b); await new Promise((r) => setTimeout(r)) }",
  )
  let asked = 0
  const run = sandbox.run(callOf(tool), {
    onRequest: (ordinal, payload) => {
      asked += payload.length
      if (payload.length < 100) run.deliver(ordinal, 0, ok())
    },
    onLog: () => undefined,
  })
  expect(await run.ended).toMatchObject({ kind: 'killed', cause: 'requests' })
  expect(asked).toBeLessThan(REQUESTS_UNDER_WAY_CHARS_MAX)
})

describe('the host', () => {
  test('ends a call at once, whatever it does', { timeout: 30_000 }, async () => {
    const sandbox = await opened()
    await sandbox.start()
    const run = sandbox.run(callOf(toolOf('for (;;);')), { onRequest: () => undefined, onLog: () => undefined })
    await pause(100)
    const started = performance.now()
    run.kill('stopped', 'by hand')
    expect(await run.ended).toMatchObject({ kind: 'killed', cause: 'stopped', message: 'by hand' })
    expect(performance.now() - started).toBeLessThan(50)
    expect(valueOf(await play(sandbox, callOf(one)))).toBe(1)
  })

  test('closes with calls alive, and nothing runs afterwards', async () => {
    const counts = census()
    const sandbox = await opened({ processes: counts.host })
    await sandbox.start()
    const calls = Array.from({ length: 3 }, () => play(sandbox, callOf(toolOf('for (;;);'))))
    await pause(100)
    sandbox.close()
    for (const { end } of await Promise.all(calls)) expect(end).toMatchObject({ kind: 'killed', cause: 'closed' })
    expect((await play(sandbox, callOf(one))).end).toMatchObject({ kind: 'killed', cause: 'sandbox' })
    for (let wait = 0; wait < 100 && counts.alive.size > 0; wait += 1) await pause(10)
    expect(counts.alive.size).toBe(0)
  })

  test.skipIf(process.platform !== 'linux')(
    'leaves no process behind when it is killed itself',
    { timeout: 30_000 },
    async () => {
      const victim = fileURLToPath(new URL('../support/sandbox-victim.ts', import.meta.url))
      for (const { outerWall, skip } of WALLS) {
        if (skip) continue
        const host = spawn(
          process.execPath,
          ['--conditions=run-agent-checkout', '--no-node-snapshot', victim, String(outerWall)],
          { stdio: ['ignore', 'pipe', 'inherit'] },
        )
        await once(host.stdout, 'data')
        const below = descendantsOf(host.pid ?? 0)
        expect(below.length).toBeGreaterThan(0)
        host.kill('SIGKILL')
        for (let wait = 0; wait < 200 && below.some(isAlive); wait += 1) await pause(10)
        expect(below.filter(isAlive)).toEqual([])
      }
    },
  )

  test('says so where no process starts, and tries again with the next call', async () => {
    let broken = true
    const host: ProcessHost = {
      ...processes,
      spawnSandbox: (command) => processes.spawnSandbox(broken ? { ...command, file: '/nowhere/node' } : command),
    }
    const sandbox = await opened({ processes: host })
    await expect(sandbox.start()).rejects.toMatchObject({ code: 'E_SANDBOX' })
    expect((await play(sandbox, callOf(one))).end).toMatchObject({ kind: 'killed', cause: 'sandbox' })
    broken = false
    expect(valueOf(await play(sandbox, callOf(one)))).toBe(1)
  })

  test('reports a wall that does not stand', { timeout: 30_000 }, async () => {
    // Found where root alone writes, and yet it does not work.
    const host: ProcessHost = {
      ...processes,
      isOwnedByRoot: () => true,
      spawnSandbox: (command) =>
        processes.spawnSandbox(command.seccomp === undefined ? command : { ...command, file: '/bin/false' }),
    }
    const sandbox = await opened({ processes: host, outerWall: true })
    expect(await sandbox.start()).toEqual(['node-permission'])
    expect(valueOf(await play(sandbox, callOf(one)))).toBe(1)
  })

  test('does not use a bubblewrap that anyone but root could have put there', async () => {
    expect(processes.isOwnedByRoot('/tmp')).toBe(false)
    expect(processes.isOwnedByRoot('/nowhere')).toBe(false)
    const files: string[] = []
    const host: ProcessHost = {
      ...processes,
      isOwnedByRoot: () => false,
      spawnSandbox: (command) => {
        files.push(command.file)
        return processes.spawnSandbox(command)
      },
    }
    await (await opened({ processes: host, outerWall: true })).start()
    expect(files).toEqual([processes.nodePath])
  })
})

test(
  'a large heap is granted where the limits say so, and refused where they do not',
  { timeout: 30_000 },
  async () => {
    const sandbox = await opened()
    const tool = toolOf('const a = []; for (let i = 0; i < 25; i++) a.push(new Array(1e6).fill(i)); return a.length')
    const roomy = await play(
      sandbox,
      callOf(tool, { limits: { memoryBytes: 256 * 2 ** 20, wallMs: 10_000, cpuMs: 10_000 } }),
    )
    expect(valueOf(roomy)).toBe(25)
    expect((await play(sandbox, callOf(tool))).end).toMatchObject({ kind: 'killed', cause: 'memory' })
  },
)

describe('a guest that takes its runtime apart first', () => {
  test.each([
    'JSON.stringify = () => \'1},"x":{\'',
    'JSON.stringify = () => undefined; JSON.parse = () => ({})',
    'JSON = null',
    'Promise.prototype.then = function () { return this }',
    'Promise = null; Map = null; Array = null; Object.freeze = null',
    'Map.prototype.get = () => undefined',
    'Map.prototype.set = () => { throw 1 }',
    'Array.prototype.map = () => ({ join: () => ({ length: -1e9, slice() { return this } }) })',
    'Array.prototype.join = () => { for (;;); }',
    'Object.prototype.toJSON = () => { for (;;); }',
    'Object.prototype.then = function (f) { f(1) }',
    "Object.prototype.kind = 'limit'; Object.prototype.limit = 'E_STOPPED'",
    'Object.defineProperty(Object.prototype, "ok", { get() { for (;;); } })',
    'String.prototype.slice = () => "x".repeat(1e6)',
    'Reflect.apply = Reflect.get = () => { throw new Error("no") }',
    'Error.prepareStackTrace = () => { for (;;); }',
    'Symbol.species && Object.defineProperty(Promise, Symbol.species, { get: () => function () { for (;;); } })',
    'Function.prototype.call = Function.prototype.apply = () => 7',
  ])('%s', { timeout: 20_000 }, async (sabotage) => {
    const sandbox = await opened()
    const source = `${sabotage}\nmodule.exports = { default: require('run-agent').defineTool({ execute: async () => {
      try { console.log('x', {}) } catch {}
      await new Promise((r) => setTimeout(r, 1))
      return { a: 1 }
    } }) }`
    const { end, ms, logs } = await play(sandbox, callOf(codeOf(source), { limits: { wallMs: 600 } }))
    expect(ms).toBeLessThan(2000)
    // Whatever came of it, it is one of the ends there are, and nothing that ends the run.
    if (end.kind === 'killed') expect(['timeout', 'cpu', 'memory', 'crash', 'result', 'requests']).toContain(end.cause)
    expect(logs.join('').length).toBeLessThan(300_000)
    expect(valueOf(await play(sandbox, callOf(one)))).toBe(1)
  })
})
