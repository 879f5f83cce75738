/** What Node says of the machine, of itself and of chance: nothing of it is the host's, and a replay hears the same. */
import { hostname, release, userInfo } from 'node:os'
import { afterAll, describe, expect, test } from 'vitest'
import { GUEST_MODULES } from '../../../runtime/sandbox/guest/platform-parts.ts'
import { inSandbox } from '../../support/differential.ts'
import { callOf, ok, openSandbox, play, toolOf, valueOf } from '../../support/sandbox.ts'

const sandbox = await openSandbox({ outerWall: false })
afterAll(() => sandbox.close())

const value = (body: string): Promise<unknown> => inSandbox(sandbox, body)

/** All that can be reached in a module without calling anything, as text; `__proto__` and functions' sources too. */
const REACHED = `
  const seen = new Set(); const words = [];
  const walk = (value, depth) => {
    if (depth > 6 || value === null || value === undefined) return;
    if (typeof value !== 'object' && typeof value !== 'function') { words.push(String(value)); return }
    if (seen.has(value)) return;
    seen.add(value);
    if (typeof value === 'function') words.push(value.name);
    for (const key of Reflect.ownKeys(value)) {
      words.push(String(key));
      try { walk(value[key], depth + 1) } catch (error) { words.push(String(error.stack)) }
    }
  }`

describe('nothing of the host shows', () => {
  const foreign = [hostname(), release(), userInfo().username === 'root' ? '/root' : userInfo().username, process.cwd()]
  const secrets = [...foreign, process.version.slice(1), process.versions.v8, String(process.pid), process.execPath]

  test.each([...GUEST_MODULES].toSorted())('in node:%s', async (name) => {
    const words = (await value(`${REACHED}\nwalk(require('node:${name}'), 0); return words`)) as string[]
    expect(words.length).toBeGreaterThan(0)
    const found = secrets.filter((secret) =>
      words.some((word) => word === secret || (secret.length > 6 && word.includes(secret))),
    )
    expect(found).toEqual([])
  })

  test('what functions of os and process answer is fixed', async () => {
    const body = `const os = require('os'); return [os.hostname(), os.homedir(), os.tmpdir(), os.cpus(), os.platform(), os.arch(),
      os.release(), os.userInfo().username, os.networkInterfaces(), os.totalmem(), os.EOL, process.version, process.platform,
      process.cwd(), process.env, process.pid, process.argv, process.uptime(), process.hrtime(), Object.keys(process.versions)]`
    expect(await value(body)).toEqual([
      'sandbox',
      '/',
      '/tmp',
      [],
      'linux',
      'x64',
      '0.0.0',
      'sandbox',
      {},
      0,
      '\n',
      'v24.0.0',
      'linux',
      '/workspace',
      {},
      1,
      ['node', 'tool'],
      0,
      [0, 0],
      ['node'],
    ])
  })

  test("process cannot be changed, and its clock is the guest's", async () => {
    const body = `'use strict'; const tried = [];
      for (const act of [() => { process.env.A = 1 }, () => { process.platform = 'x' }, () => process.exit(0), () => process.chdir('/'),
        () => process.kill(1), () => process.dlopen({}, 'x'), () => process.binding('fs'), () => process.memoryUsage()]) {
        try { act(); tried.push('done') } catch (error) { tried.push(error.code ?? error.name) }
      }
      const before = process.hrtime.bigint(); await new Promise((r) => setTimeout(r, 5));
      return [tried, String(process.hrtime.bigint() - before), process.getBuiltinModule('fs') === undefined]`
    const { end } = await play(sandbox, callOf(toolOf(body)), () => ok())
    expect(end).toMatchObject({
      kind: 'ok',
      value: [['TypeError', 'TypeError', ...Array.from({ length: 6 }, () => 'ERR_SANDBOX')], '1000000', true],
    })
  })
})

describe('determinism', () => {
  const DRAWN = `const c = require('crypto'); return [c.randomUUID(), c.randomBytes(70000).subarray(-8).toString('hex'), c.randomInt(1e9), c.randomFillSync(new Uint16Array(2))]`

  test('random values are those of the seed', async () => {
    const drawn = async (seed: string): Promise<unknown> =>
      valueOf(await play(sandbox, callOf(toolOf(DRAWN), { seed })))
    const first = await drawn('00112233445566778899aabbccddeeff')
    expect(await drawn('00112233445566778899aabbccddeeff')).toEqual(first)
    expect(await drawn('10112233445566778899aabbccddeeff')).not.toEqual(first)
  })

  test('what runs later runs in the same order each time', async () => {
    const body = `const { Readable, PassThrough } = require('stream'); const order = [];
      process.nextTick(() => order.push('tick')); queueMicrotask(() => order.push('micro')); setImmediate(() => order.push('immediate'));
      setTimeout(() => order.push('timeout')); Readable.from(['a', 'b']).pipe(new PassThrough()).on('data', (x) => order.push('data ' + x));
      await require('timers/promises').setTimeout(5); return order`
    const first = await value(body)
    expect(first).toEqual(expect.arrayContaining(['tick', 'micro', 'immediate', 'timeout']))
    for (let round = 0; round < 5; round += 1) expect(await value(body)).toEqual(first)
  })

  test('nextTick asks the host for nothing; setImmediate waits for a delivery', async () => {
    const ticks = await play(sandbox, callOf(toolOf('await new Promise((r) => process.nextTick(r)); return 1')))
    expect(ticks.requests).toEqual([])
    const immediate = await play(sandbox, callOf(toolOf('await new Promise((r) => setImmediate(r)); return 1')))
    expect(immediate.requests).toEqual([{ op: 'timer', delayMs: 0 }])
  })

  test('a tick that throws is logged, and those behind it run', async () => {
    const body = `const s = []; process.nextTick(() => { throw new Error('tick') }); process.nextTick(() => s.push(1));
      await new Promise((r) => setTimeout(r)); return s`
    const played = await play(sandbox, callOf(toolOf(body)))
    expect(valueOf(played)).toEqual([1])
    expect(played.logs).toEqual(['error: unhandled error: tick'])
  })
})

test('a part is asked for by who names it, and by nobody else', async () => {
  const asked: string[] = []
  const counting = await openSandbox({
    outerWall: false,
    platform: (part) => {
      asked.push(part)
      return Promise.reject(new Error('none'))
    },
  })
  try {
    const body = `await require('fs/promises').stat('a'); return [1, new Date().getTime() > 0, JSON.stringify({ a: Math.random() })]`
    const answer = (): string => ok({ type: 'file', size: 1, modifiedMs: 1, mode: 0o644 })
    expect((await play(counting, callOf(toolOf(body)), answer)).end.kind).toBe('ok')
    expect(asked).toEqual([])
    await play(counting, callOf(toolOf('return Buffer.alloc(1)')))
    // The call is driven again, alone, when the process that got no part has been ended.
    expect(new Set(asked)).toEqual(new Set(['node-buffer']))
  } finally {
    counting.close()
  }
})
