/** A run replays identically, and whatever is altered in its recording is named at its step. */
import { rmSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Json, StoredEvent } from '../../runtime/audit/event.ts'
import { firstDifference } from '../../runtime/first-difference.ts'
import { DivergenceError, replayRun } from '../../runtime/replay.ts'
import type { Sandbox } from '../../runtime/sandbox/sandbox.ts'
import { agentFiles, openDesk, type Desk } from '../support/program.ts'
import { openSandbox } from '../support/sandbox.ts'
import { tamper } from '../support/trail.ts'

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
  slow: {
    rights: 'limits: { timeout: 200ms }',
    body: "console.log('before'); await new Promise((r) => setTimeout(r, 3)); console.log('after'); for (;;);",
  },
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
    tamper(
      other.trail,
      what === 'dropped row'
        ? "DELETE FROM event WHERE seq = (SELECT max(seq) FROM event WHERE kind = 'log' OR kind = 'host.outcome')"
        : "UPDATE event SET data = replace(data, 'permit', 'Permit') WHERE kind = 'host.request'",
    )
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
    [
      'what the script asked for',
      'model.response',
      undefined,
      (data) => Object.assign(Object((data['items'] as Data[])[0]), { arguments: '{"x":1}' }),
      { kind: 'model.response' },
    ],
    [
      'what a killed call printed first',
      'log',
      'slow',
      (data) => (data['text'] = 'other'),
      { kind: 'log', tool: 'slow' },
    ],
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

  const slowLog = (text: string): StoredEvent =>
    events.find(({ kind, data }) => kind === 'log' && data['text'] === text) ?? expect.fail(`no log ${text}`)

  test('what a killed call printed, left out', async () => {
    const error = await replayed(events.filter((event) => event !== slowLog('before')))
    expect(error?.divergence).toMatchObject({ kind: 'log', tool: 'slow' })
  })

  test('what a killed call printed last, changed', async () => {
    const last = slowLog('after')
    const error = await replayed(
      altered(
        (event) => event === last,
        (data) => (data['text'] = 'other'),
      ),
    )
    expect(error?.divergence).toMatchObject({ kind: 'log', tool: 'slow', difference: { replayed: '"after"' } })
  })

  test('what a killed call printed last, made up', async () => {
    const last = slowLog('after')
    const error = await replayed(events.flatMap((event) => (event === last ? [event, event] : [event])))
    expect(error?.divergence).toMatchObject({
      kind: 'tool.outcome',
      tool: 'slow',
      difference: { path: '.end.message' },
    })
  })
})

describe('a recording that no run can have made is refused', () => {
  type Change = (all: readonly StoredEvent[]) => readonly StoredEvent[]
  const find = (kind: string, tool?: string): StoredEvent => {
    const call = tool && events.find((event) => event.kind === 'tool.call' && event.data['tool'] === tool)?.call
    const found = events.findLast((event) => event.kind === kind && (tool === undefined || event.call === call))
    return found ?? expect.fail(`no ${kind}`)
  }
  const before = (place: StoredEvent, added: StoredEvent): readonly StoredEvent[] =>
    events.flatMap((event) => (event === place ? [added, event] : [event]))
  const after = (place: StoredEvent, added: StoredEvent): readonly StoredEvent[] =>
    events.flatMap((event) => (event === place ? [event, added] : [event]))
  const moved = (event: StoredEvent, place: StoredEvent): readonly StoredEvent[] =>
    before(place, event).filter((other, index, all) => other !== event || all.indexOf(event) === index)
  const without = (event: StoredEvent): readonly StoredEvent[] => events.filter((other) => other !== event)
  const withData = (event: StoredEvent, data: Data): StoredEvent => ({
    ...event,
    data: { ...event.data, ...data } as StoredEvent['data'],
  })
  const replacing = (event: StoredEvent, data: Data): readonly StoredEvent[] =>
    events.map((other) => (other === event ? withData(event, data) : other))

  test.each<[string, Change]>([
    ['nothing', () => []],
    ['no start', (all) => all.slice(1)],
    ['two starts', () => after(find('run.start'), find('run.start'))],
    [
      'an answer twice, the forged one first',
      () =>
        before(
          find('host.outcome', 'writes'),
          withData(find('host.outcome', 'writes'), { outcome: { ok: true, value: 'forged' } }),
        ),
    ],
    [
      'an answer twice, the forged one last',
      () => after(find('host.outcome', 'writes'), find('host.outcome', 'writes')),
    ],
    ['an intent twice', () => after(find('host.request', 'writes'), find('host.request', 'writes'))],
    ['an intent that is missing', () => without(find('host.request', 'writes'))],
    ['an intent after what came of it', () => moved(find('host.outcome', 'writes'), find('host.request', 'writes'))],
    [
      'an effect beyond the end of its killed call',
      () => after(find('tool.outcome', 'slow'), { ...find('host.request', 'slow'), ordinal: 1 }),
    ],
    [
      'an effect that the end of its killed call does not count',
      () => before(find('tool.outcome', 'slow'), { ...find('host.request', 'slow'), ordinal: 1 }),
    ],
    [
      'a kill before what the call had asked',
      () =>
        replacing(find('tool.outcome', 'slow'), {
          end: { kind: 'killed', requests: 0, deliveries: 0, cause: 'timeout', message: 'x' },
        }),
    ],
    [
      'a kill after more answers than there were',
      () =>
        replacing(find('tool.outcome', 'slow'), {
          end: { kind: 'killed', requests: 1, deliveries: 2, cause: 'timeout', message: 'x' },
        }),
    ],
    [
      'a call that nobody asked for',
      () => after(find('tool.outcome', 'slow'), { ...find('tool.call', 'slow'), call: 'call_99' }),
    ],
    ['a call made twice', () => after(find('tool.call', 'slow'), find('tool.call', 'slow'))],
    ['a call that never ended', () => without(find('tool.outcome', 'slow'))],
    ['something printed after the end of its call', () => after(find('tool.outcome', 'slow'), find('log', 'slow'))],
    [
      'an effect of the model, which a script plays',
      () => after(find('model.request'), { ...find('host.request', 'writes'), call: 'model', ordinal: 0 }),
    ],
    ['a message twice', () => after(find('message'), find('message'))],
    ['a message that is missing', () => without(events.find(({ kind }) => kind === 'message') ?? expect.fail('none'))],
    ['a turn twice', () => after(find('model.response'), find('model.request'))],
    ['a turn without a request', () => without(find('model.request'))],
    ['a turn without an answer', () => without(find('model.response'))],
    ['an event after the end', () => after(find('run.end'), find('log', 'slow'))],
    ['a model beside the script', () => replacing(find('run.start'), { playedBy: 'openai/gpt' })],
    ['a script that is missing', () => replacing(find('run.start'), { script: undefined })],
  ])('%s', async (_what, change) => {
    await expect(replayed(change(events))).rejects.toMatchObject({ code: 'E_TRAIL' })
  })
})

test('a key __proto__ is a difference', () => {
  expect(firstDifference({}, JSON.parse('{"__proto__":{}}') as Json)).toMatchObject({ path: '.__proto__' })
  expect(firstDifference(JSON.parse('{"__proto__":{}}') as Json, {})).toMatchObject({ path: '.__proto__' })
})
