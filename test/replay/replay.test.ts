/** A run replays identically, and whatever is altered in its recording is named at its step. */
import { rmSync } from 'node:fs'
import Database from 'better-sqlite3'
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { StoredEvent } from '../../runtime/audit/event.ts'
import { DivergenceError, replayRun } from '../../runtime/replay.ts'
import type { Sandbox } from '../../runtime/sandbox/sandbox.ts'
import { agentFiles, openDesk, type Desk } from '../support/program.ts'
import { openSandbox } from '../support/sandbox.ts'

const READ = "import { readFile, stat, writeFile } from 'node:fs/promises'"
const TOOLS = {
  races: {
    rights: "read: ['**']",
    imports: READ,
    body: `const seen: string[] = []
    await Promise.all(Array.from({ length: 8 }, async (_, i) => {
      await new Promise((r) => setTimeout(r, Math.random() * 15))
      const text = await readFile('data/' + (i % 3) + '.txt', 'utf8').catch((e) => e.code)
      seen.push(i + text + Date.now() % 7)
    }))
    return seen`,
  },
  denied: { rights: "read: ['data/**']", imports: READ, body: "return await readFile('.env', 'utf8')" },
  slow: { rights: 'limits: { timeout: 200ms }', body: 'await new Promise((r) => setTimeout(r, 3)); for (;;);' },
  writes: {
    rights: "write: ['out/**'], read: ['**']",
    imports: READ,
    body: "await writeFile('out/' + text, text + Math.random()); return (await stat('data/1.txt')).size",
  },
}
const SCRIPT = `
  const out: unknown[] = await Promise.all(Array.from({ length: 5 }, () => call('races')))
  out.push(await tried(call('denied')), await tried(call('slow')), await call('writes', { text: 'a' }))
  await new Promise((r) => setTimeout(r, 5))
  out.push(await Promise.all([call('writes', { text: 'b' }), call('races')]), Date.now() > 0, Math.random())
  return JSON.stringify(out)`
const DATA = { 'data/0.txt': 'zero', 'data/1.txt': 'one', '.env': 'S=1' }

let desk: Desk
let events: readonly StoredEvent[]
let sandbox: Sandbox
let scriptSandbox: Sandbox

beforeAll(async () => {
  desk = openDesk({ ...agentFiles({ tools: TOOLS, script: SCRIPT }), ...DATA })
  const run = await desk.run('agent/agent.yaml')
  expect(run).toMatchObject({ exit: 0 })
  events = desk.events()
  sandbox = await openSandbox()
  scriptSandbox = await openSandbox()
})
afterAll(() => {
  sandbox.close()
  scriptSandbox.close()
  desk[Symbol.dispose]()
})

async function replayed(altered: readonly StoredEvent[]): Promise<DivergenceError | undefined> {
  try {
    await replayRun({ events: altered, sandbox, scriptSandbox })
    return undefined
  } catch (error) {
    if (error instanceof DivergenceError) return error
    throw error
  }
}

type Data = Record<string, unknown>

/** A copy of the recording in which `change` was applied to the data of the events that `which` picks. */
function altered(which: (event: StoredEvent) => boolean, change: (data: Data) => void): readonly StoredEvent[] {
  let changed = 0
  const copy = events.map((event) => {
    if (!which(event)) return event
    changed += 1
    const data = structuredClone(event.data) as Data
    change(data)
    return { ...event, data: data as StoredEvent['data'] }
  })
  expect(changed).toBeGreaterThan(0)
  return copy
}

describe('replay', () => {
  test('of a run with races, denials, kills, timers and writes is identical, again and again', async () => {
    for (let round = 0; round < 5; round += 1) expect(await replayed(events)).toBeUndefined()
  })

  test('writes nothing, and needs no workspace', async () => {
    using other = openDesk({ ...agentFiles({ tools: TOOLS, script: SCRIPT }), ...DATA })
    expect(await other.run('agent/agent.yaml')).toMatchObject({ exit: 0 })
    rmSync(other.workspace, { recursive: true })
    const run = await other.runWith({ cwd: other.home }, 'replay', 'last')
    expect(run).toMatchObject({ exit: 0, stderr: '' })
    expect(run.stdout).toMatch(/^replay of run \w+: identical · \d+ events · 10 calls · completed\n$/)
  })

  test.each(['dropped row', 'changed data'])('of a trail with a %s is exit 10', async (what) => {
    using other = openDesk({ ...agentFiles({ tools: TOOLS, script: SCRIPT }), ...DATA })
    expect(await other.run('agent/agent.yaml')).toMatchObject({ exit: 0 })
    expect(await other.run('replay', 'last')).toMatchObject({ exit: 0 })
    const database = new Database(other.trail)
    const triggers = database.prepare<[], string>("SELECT name FROM sqlite_master WHERE type = 'trigger'").pluck().all()
    for (const name of triggers) database.exec(`DROP TRIGGER ${name}`)
    if (what === 'dropped row')
      database.exec(
        "DELETE FROM event WHERE seq = (SELECT max(seq) FROM event WHERE kind = 'log' OR kind = 'host.outcome')",
      )
    else database.exec(`UPDATE event SET data = replace(data, 'permit', 'Permit') WHERE kind = 'host.request'`)
    database.close()
    expect(await other.run('replay', 'last')).toMatchObject({ exit: 10 })
    expect(await other.run('audit', 'verify')).toMatchObject({ exit: 10 })
  })
})

describe('a recording in which one thing was altered diverges, at its step, when it is', () => {
  const isFirst = (kind: string, tool?: string): ((event: StoredEvent) => boolean) => {
    const call = tool && events.find((event) => event.kind === 'tool.call' && event.data['tool'] === tool)?.call
    const found = events.find((event) => event.kind === kind && (tool === undefined || event.call === call))
    return (event) => event === found
  }
  const tool = (data: Data, name: string): { grant: { paths: Data[] }; bundle: { source: string; hash: string } } =>
    (data['tools'] as { name: string; grant: { paths: Data[] }; bundle: { source: string; hash: string } }[]).find(
      (entry) => entry.name === name,
    ) ?? expect.fail(`no tool ${name}`)
  const rewrite = (data: Data, name: string, from: string, to: string): void => {
    const { bundle } = tool(data, name)
    expect(bundle.source).toContain(from)
    bundle.source = bundle.source.replace(from, to)
    bundle.hash = createHash('sha256').update(bundle.source).digest('hex')
  }

  test('a tool that asks for something else', async () => {
    const error = await replayed(altered(isFirst('run.start'), (data) => rewrite(data, 'writes', 'out/', 'out/x')))
    expect(error?.divergence).toMatchObject({ kind: 'tool.call', tool: 'writes', difference: { path: '.bundle' } })
  })

  test('a tool that asks for less, for more, or for nothing', async () => {
    const withBundle = (from: string, to: string): readonly StoredEvent[] => {
      let hash = ''
      const start = altered(isFirst('run.start'), (data) => {
        rewrite(data, 'denied', from, to)
        hash = tool(data, 'denied').bundle.hash
      })
      return start.map((event) =>
        event.kind === 'tool.call' && event.data['tool'] === 'denied'
          ? { ...event, data: { ...event.data, bundle: hash } }
          : event,
      )
    }
    const other = await replayed(withBundle('.env', '.envy'))
    expect(other?.divergence).toMatchObject({
      kind: 'host.request',
      tool: 'denied',
      ordinal: 0,
      difference: { path: '.request.path' },
    })
    expect(other?.message).toContain('recording: ".env"')
    const none = await replayed(withBundle('return await', 'return 5; await'))
    expect(none?.divergence).toMatchObject({ tool: 'denied' })
    const waits = await replayed(withBundle('return await', 'await new Promise(() => {}); await'))
    expect(waits?.divergence).toMatchObject({ tool: 'denied' })
    const more = await replayed(withBundle('return await', 'await new Promise((r) => setTimeout(r, 1)); return await'))
    expect(more?.divergence).toMatchObject({ tool: 'denied', ordinal: 0 })
  })

  test('a rule that permits less', async () => {
    const error = await replayed(altered(isFirst('run.start'), (data) => (tool(data, 'writes').grant.paths = [])))
    expect(error?.divergence).toMatchObject({
      kind: 'host.request',
      tool: 'writes',
      difference: { path: '.decision.kind' },
    })
    expect(error?.divergence.difference).toMatchObject({ recorded: '"permit"', replayed: '"deny"' })
  })

  test('a rule that permits more', async () => {
    const permit = { right: 'read', pattern: '**', place: 'x:1:1' }
    const error = await replayed(
      altered(isFirst('run.start'), (data) => {
        const { grant } = tool(data, 'denied')
        Object.assign(grant, { allowProtected: ['.env'] })
        grant.paths.push(permit)
      }),
    )
    expect(error?.divergence).toMatchObject({
      kind: 'host.request',
      tool: 'denied',
      difference: { recorded: '"deny"' },
    })
  })

  test.each<[string, string, string | undefined, (data: Data) => void, object]>([
    [
      'an outcome',
      'host.outcome',
      'writes',
      (data) => (data['outcome'] = { ok: false, error: { name: 'Error', code: 'EACCES', message: 'no' } }),
      { tool: 'writes' },
    ],
    [
      'a decision',
      'host.request',
      'races',
      (data) => (data['decision'] = { kind: 'permit', rule: 'read x', place: 'x' }),
      { kind: 'host.request', tool: 'races' },
    ],
    [
      'a result',
      'tool.outcome',
      'writes',
      (data) => (data['end'] = { ...Object(data['end']), value: 99 }),
      { kind: 'tool.outcome', tool: 'writes' },
    ],
    [
      'a message',
      'message',
      undefined,
      (data) => (data['item'] = { ...Object(data['item']), content: 'another task' }),
      { kind: 'message' },
    ],
    ['the turn of the script', 'model.response', undefined, (data) => (data['items'] = []), { kind: 'model.response' }],
    [
      'the answer',
      'run.end',
      undefined,
      (data) => (data['output'] = 'another'),
      { kind: 'run.end', difference: { path: '.output' } },
    ],
  ])('%s', async (_what, kind, name, change, expected) => {
    const error = await replayed(altered(isFirst(kind, name), change))
    expect(error?.divergence).toMatchObject(expected)
  })

  test('an event that is missing, or one too many', async () => {
    const request = events.find(isFirst('host.request', 'writes'))
    const missing = await replayed(events.filter((event) => event !== request))
    expect(missing?.divergence).toMatchObject({ tool: 'writes', difference: { recorded: undefined } })
    const extra = { ...request, ordinal: 77 } as StoredEvent
    const more = await replayed([...events.slice(0, -1), extra, ...events.slice(-1)])
    expect(more?.divergence).toMatchObject({ tool: 'writes', difference: { replayed: undefined } })
  })
})
