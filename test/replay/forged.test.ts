/**
 * Recordings that somebody rewrote who computes every hash anew: none of them is replayed as identical. Each row is one
 * lie, told consistently.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { StoredEvent } from '../../runtime/audit/event.ts'
import { replayRun } from '../../runtime/replay.ts'
import type { Sandbox } from '../../runtime/sandbox/sandbox.ts'
import { forgeTrail } from '../support/forged-trail.ts'
import { agentFiles, openDesk, type Desk } from '../support/program.ts'
import { chatCall, chatReply, imitateProvider, json } from '../support/provider-imitation.ts'
import { openSandbox } from '../support/sandbox.ts'
import { rewriteSchema } from '../support/trail.ts'

const FS = "import { readFile, writeFile } from 'node:fs/promises'"
const SNEAKY = `console.log('start'); await readFile('data/1.txt', 'utf8'); await readFile('.env', 'utf8').catch(() => 0)
  console.log('read'); await writeFile('out/b', 'stolen'); console.log('wrote'); return 'ok'`
const RIGHTS = "read: ['data/**'], write: ['out/**']"
const FILES = { 'data/1.txt': 'one', '.env': 'K=1' }

/** What a forger writes has no shape. */
interface Loose {
  // oxlint-disable-next-line typescript/no-explicit-any
  [key: string]: any
}
type Forged = { -readonly [Key in keyof StoredEvent]: Key extends 'data' ? Loose : StoredEvent[Key] }
type Change = (events: Forged[]) => Forged[] | void

let sandbox: Sandbox
let scriptSandbox: Sandbox
let scripted: readonly StoredEvent[]
let provided: readonly StoredEvent[]
let desk: Desk

beforeAll(async () => {
  sandbox = await openSandbox()
  scriptSandbox = await openSandbox()
  desk = openDesk({
    ...agentFiles({
      tools: { sneaky: { rights: RIGHTS, imports: FS, body: SNEAKY } },
      script: `console.log('s0'); await new Promise((r) => setTimeout(r, 5))
        await Promise.all([tried(call('sneaky')), tried(call('sneaky'))])
        console.log('s1'); await new Promise((r) => setTimeout(r, 5)); return 'done'`,
    }),
    ...FILES,
  })
  expect(await desk.run('agent/agent.yaml')).toMatchObject({ exit: 0 })
  scripted = desk.events()
  provided = await recordedWithProvider()
})
afterAll(() => {
  sandbox.close()
  scriptSandbox.close()
  desk[Symbol.dispose]()
})

async function recordedWithProvider(): Promise<readonly StoredEvent[]> {
  const asks = chatReply({ tool_calls: [chatCall('x', 'sneaky', '{}')] }, 'tool_calls')
  await using at = await imitateProvider(json(asks), json(chatReply({ content: 'the honest answer' })))
  const tools = { sneaky: { rights: RIGHTS, imports: FS, body: SNEAKY } }
  const parts = agentFiles({ tools, script: 'return 1', more: 'model: local/imitation\ninstructions: Read.' })
  using other = openDesk({ ...parts, ...FILES })
  const config = join(other.home, 'config.yaml')
  const providers = `providers:\n  local: { credential: local, baseURL: "${at.baseURL}", api: chat }\n`
  writeFileSync(config, `${providers}credentials:\n  local: { source: { env: THE_KEY } }\n`, { mode: 0o600 })
  const environment = { THE_KEY: 'sk-canary-0123456789abcdef0123456789' }
  const run = await other.runWith({ environment }, 'agent/agent.yaml', '--config', config)
  expect(run).toMatchObject({ exit: 0, stdout: 'the honest answer\n' })
  return other.events()
}

/** Times that never decrease, as verification demands; events counted anew. */
function consistent(events: readonly Forged[]): readonly StoredEvent[] {
  let ts = 0
  return events.map((event, runSeq) => ({ ...event, runSeq, ts: (ts = Math.max(ts, event.ts)) }))
}

async function verdictOf(events: readonly StoredEvent[], change: Change = () => undefined): Promise<string> {
  const copy = structuredClone(events) as unknown as Forged[]
  try {
    await replayRun({ events: consistent(change(copy) ?? copy), sandbox, scriptSandbox })
    return 'identical'
  } catch (error) {
    return String(Reflect.get(Object(error), 'code') ?? error)
  }
}

const last = (events: readonly Forged[], kind: string, call?: string): Forged =>
  events.findLast((event) => event.kind === kind && (call === undefined || event.call === call)) ?? expect.fail(kind)
const first = (events: readonly Forged[], kind: string, call?: string): Forged =>
  events.find((event) => event.kind === kind && (call === undefined || event.call === call)) ?? expect.fail(kind)
const count = (events: readonly Forged[], kind: string): number => events.filter((event) => event.kind === kind).length
/** At the time of another event. */
const at = ({ run, ts }: Forged, more: Partial<Forged>): Forged => ({
  run,
  seq: 0,
  runSeq: 0,
  kind: 'log',
  data: {},
  ...more,
  ts,
})
/** Puts events before another, or at the end before `run.end`. */
const put = (events: Forged[], before: Forged, ...added: readonly Partial<Forged>[]): Forged[] =>
  events.flatMap((event) => (event === before ? [...added.map((more) => at(event, more)), event] : [event]))
const putLast = (events: Forged[], ...added: readonly Partial<Forged>[]): Forged[] =>
  put(events, last(events, 'run.end'), ...added)
const FORGED_MESSAGE = { type: 'message', role: 'assistant', content: 'FORGED' }

test('what nobody rewrote is identical', async () => {
  expect(await verdictOf(scripted)).toBe('identical')
  expect(await verdictOf(provided)).toBe('identical')
})

describe('what carries the name of the model is compared like everything else', () => {
  test.each<[string, Change]>([
    [
      'a message',
      (events) =>
        putLast(events, {
          kind: 'message',
          call: 'model',
          data: { index: count(events, 'message'), item: FORGED_MESSAGE },
        }),
    ],
    [
      'a turn',
      (events) =>
        putLast(
          events,
          { kind: 'model.request', call: 'model', data: { turn: count(events, 'model.request'), messages: [0, 1] } },
          { kind: 'model.response', call: 'model', data: { turn: count(events, 'model.request'), ok: false } },
        ),
    ],
    ['an unknown kind', (events) => putLast(events, { kind: 'approval' as 'log', call: 'model', data: {} })],
    ['a log', (events) => put(events, last(events, 'model.response'), { kind: 'log', call: 'model', data: {} })],
    ['the name on a message', (events) => void (last(events, 'message').call = 'model')],
    ['an ordinal on a message', (events) => void (last(events, 'message').ordinal = 7)],
    ['an ordinal on a log', (events) => void (last(events, 'log').ordinal = 7)],
    ['an ordinal on a result', (events) => void (last(events, 'tool.outcome').ordinal = 7)],
    ['a call on the end', (events) => void (last(events, 'run.end').call = 'call_1')],
  ])('%s', async (_, change) => {
    expect(await verdictOf(scripted, change)).toBe('E_TRAIL')
    expect(await verdictOf(provided, change)).toBe('E_TRAIL')
  })
})

describe('a turn of a provider is what its items and its usage say', () => {
  const usage =
    (change: Record<string, number>): Change =>
    (events) => {
      const response = last(events, 'model.response')
      const [before, end] = [response.data['usage'], last(events, 'run.end')]
      response.data['usage'] = { ...before, ...change }
      for (const key of Object.keys(change)) end.data['usage'][key] += response.data['usage'][key] - before[key]
    }
  test.each<[string, Change]>([
    [
      'another text',
      (events) => {
        last(events, 'model.response').data['text'] = 'FORGED'
        last(events, 'run.end').data['output'] = 'FORGED'
      },
    ],
    ['tokens below zero', usage({ inputTokens: -5 })],
    ['half a token', usage({ outputTokens: 0.5 })],
    ['fewer tokens together than apart', usage({ totalTokens: 0 })],
    ['no request', usage({ requests: 0 })],
    ['no usage', (events) => void delete last(events, 'model.response').data['usage']],
    ['no items', (events) => void (last(events, 'model.response').data['items'] = null)],
  ])('%s', async (_, change) => {
    expect(await verdictOf(provided, change)).toMatch(/E_DIVERGED|E_TRAIL/)
  })
})

describe('a plan that no run has', () => {
  const planned =
    (path: string, value: unknown): Change =>
    (events) => {
      const keys = path.split('.')
      const key = keys.pop() ?? ''
      const parent = keys.reduce((data, step) => data[step], first(events, 'run.start').data)
      parent[key] = value
    }
  test.each<[string, unknown]>([
    ['tools', undefined],
    ['tools', null],
    ['tools', [null]],
    ['tools.0.limits', undefined],
    ['tools.0.limits.memoryBytes', 'x'],
    ['tools.0.limits.wallMs', 1e30],
    ['tools.0.limits.wallMs', 0.5],
    ['tools.0.limits.cpuMs', -1],
    ['tools.0.grant', undefined],
    ['tools.0.grant.paths', null],
    ['tools.0.grant.paths.0.pattern', '{'],
    ['tools.0.narrowing', 5],
    ['tools.0.bundle', undefined],
    ['tools.0.more', 'a key that no plan has'],
    ['budget', undefined],
    ['budget.timeMs', 1e30],
    ['budget.turns', 'x'],
    ['script', 5],
    ['seed', 5],
    ['task', undefined],
    ['instructions', undefined],
    ['settings', null],
    ['price', {}],
  ])('%s: %j', async (path, value) => {
    expect(await verdictOf(scripted, planned(path, value))).toBe('E_TRAIL')
  })

  test('is the trail that is damaged, and no mistake of ours', async () => {
    const path = join(desk.home, 'forged.db')
    const copy = structuredClone(scripted) as unknown as Forged[]
    planned('tools', undefined)(copy)
    await forgeTrail(path, copy)
    expect(await desk.run('audit', 'verify', '--audit', path)).toMatchObject({ exit: 0 })
    const replay = await desk.run('replay', 'last', '--audit', path)
    expect(replay).toMatchObject({ exit: 10, stderr: expect.stringContaining('`tools`') as string })
  })
})

describe('a kill that nothing outside of the call can have made hides nothing', () => {
  /** Lets the last call end so, and forget what it asked from the request `kept` on. */
  const killed =
    (cause: string, message: string, kept: number, lateMs = 0): Change =>
    (events) => {
      const { call = '' } = last(events, 'tool.outcome')
      const requests = events.filter((event) => event.kind === 'host.request' && event.call === call)
      const from = requests[kept]?.runSeq ?? 0
      const isHidden = (event: Forged): boolean =>
        event.call === call && event.runSeq >= (kept === 0 ? first(events, 'tool.call', call).runSeq + 1 : from)
      const left = events.filter((event) => event.kind === 'tool.outcome' || !isHidden(event))
      const end = last(left, 'tool.outcome', call)
      end.data = { end: { kind: 'killed', requests: kept, deliveries: kept, cause, message } }
      const result =
        left.find(({ data }) => data['item']?.type === 'function_call_result' && data['item'].callId === call) ??
        expect.fail('result')
      const error = { name: 'Killed', code: `E_LIMIT_${cause.toUpperCase()}`, message: `limit ${cause}: ${message}` }
      result.data['item'] = { ...result.data['item'], status: 'incomplete', output: { error } }
      for (const event of left.slice(left.indexOf(end))) event.ts += lateMs
      return left
    }
  const TIMEOUT = 'the call ran longer than 30000 ms'
  const CPU = 'the call used more than 20000 ms of CPU time'
  const MB = 'the call needed more than'

  test.each<[string, Change]>([
    ['a timeout that comes early', killed('timeout', TIMEOUT, 1, 29_000)],
    ['a timeout before anything was asked', killed('timeout', TIMEOUT, 0)],
    ['a timeout in other words', killed('timeout', 'it took too long', 1, 31_000)],
    ['a timeout of another limit', killed('timeout', 'the call ran longer than 1 ms', 1)],
    ['too little CPU time', killed('cpu', CPU, 1, 5_000)],
    ['a heap of another size', killed('memory', `${MB} 1 MB`, 1)],
    ['a heap in other words', killed('memory', 'x', 0)],
    ['too many requests after one', killed('requests', 'the call made more than 10000 requests', 1)],
    ['a result that it never returned', killed('result', 'the result is 9 bytes; the limit is 1', 1)],
    ['a request that is none', killed('protocol', 'the call sent something that is not a request', 1)],
    ['a crash in other words', killed('crash', 'it fell over', 1)],
    ['a sandbox in other words', killed('sandbox', 'Alice closed it', 1)],
    ['another answer in other words', killed('nondeterminism', 'it changed its mind', 1)],
    ['a cause that does not exist', killed('approval', 'Alice refused it', 1)],
  ])('%s', async (_, change) => {
    expect(await verdictOf(scripted, change)).toMatch(/E_DIVERGED|E_TRAIL/)
  })

  test('a kill that something outside can have made, and the times that go with it, is the word of the recording', async () => {
    expect(await verdictOf(scripted, killed('timeout', TIMEOUT, 1, 31_000))).toBe('identical')
  })

  test('a script', async () => {
    const change: Change = (events) => {
      const answer = last(events, 'model.response')
      const left = events.filter(
        ({ runSeq, kind }) =>
          runSeq < answer.runSeq && !(kind === 'log' && runSeq > last(events, 'model.request').runSeq),
      )
      const error = { name: 'ScriptKilled', code: 'E_MODEL', message: 'the script was stopped: so', retryable: false }
      const end = { kind: 'killed', cause: 'whim', message: 'so', requests: 3, deliveries: 3 }
      answer.data = { turn: answer.data['turn'], ok: false, error, killed: end }
      const ended = last(events, 'run.end')
      ended.data = { ...ended.data, status: 'failed', output: undefined, error }
      return [...left, answer, ended]
    }
    expect(await verdictOf(scripted, change)).toBe('E_DIVERGED')
  })
})

describe('what happened in another order', () => {
  const moved =
    (which: (event: Forged) => boolean, before: (event: Forged) => boolean): Change =>
    (events) => {
      const event = events.find(which) ?? expect.fail('nothing to move')
      const rest = events.filter((other) => other !== event)
      const place = rest.find(before) ?? expect.fail('no place')
      return put(rest, place, event)
    }
  const isLog = (text: string) => (event: Forged) => event.kind === 'log' && event.data['text'] === text
  const asks = (ordinal: number, call: string) => (event: Forged) =>
    event.kind === 'host.request' && event.ordinal === ordinal && event.call === call
  const call = (): string => last(scripted as never, 'tool.outcome').call ?? ''
  const ofLast = (which: (event: Forged) => boolean) => (event: Forged) => event.call === call() && which(event)
  const isLast = (kind: string) => (event: Forged) => event.runSeq === last(scripted as never, kind).runSeq

  test.each<[string, () => Change]>([
    ['a line of a script, in a later turn', () => moved(isLog('s0'), isLog('s1'))],
    ['a line of a tool, before the request that came first', () => moved(ofLast(isLog('read')), asks(0, call()))],
    ['a line of a tool, after the request that came later', () => moved(ofLast(isLog('read')), ofLast(isLog('wrote')))],
    [
      'a request, before the answer that it needs',
      () =>
        moved(
          asks(1, call()),
          ofLast(({ kind, ordinal }) => kind === 'host.outcome' && ordinal === 0),
        ),
    ],
    [
      'a result, said before the call',
      () =>
        moved(
          ({ data }) => data['item']?.type === 'function_call_result',
          ({ kind }) => kind === 'tool.call',
        ),
    ],
    [
      'the second call of a turn, before the first',
      () => moved(isLast('tool.call'), ({ kind }) => kind === 'tool.call'),
    ],
    ['a call, begun when another had asked', () => moved(isLast('tool.call'), asks(1, 'call_1'))],
  ])('%s', async (_, change) => {
    expect(await verdictOf(scripted, change())).toMatch(/E_DIVERGED|E_TRAIL/)
  })
})

describe('a turn in which the run was stopped', () => {
  const ERROR = { name: 'RunAgentError', code: 'E_INTERRUPTED', message: 'the run was interrupted', retryable: false }
  /** Stops the run in its last turn, after so much of it. */
  const stopped =
    (error: object, more: (events: Forged[]) => readonly Partial<Forged>[] = () => []): Change =>
    (events) => {
      const from = last(events, 'model.request').runSeq
      const left = events.filter(({ runSeq }) => runSeq <= from)
      const answer = last(events, 'model.response')
      answer.data = { turn: answer.data['turn'], ok: false, error }
      const end = last(events, 'run.end')
      const status = 'code' in error && error.code === 'E_BUDGET' ? 'budget_exceeded' : 'interrupted'
      end.data = { ...end.data, status, output: undefined, error }
      const added = more(events).map((event) => ({ ...answer, call: 'script', ...event }))
      return [...left, ...added, answer, end]
    }
  const said = (events: Forged[]): readonly Partial<Forged>[] => [
    events.find(({ data }) => data['text'] === 's1') ?? {},
  ]
  const timer = (events: Forged[]): readonly Partial<Forged>[] => [
    ...said(events),
    last(events, 'host.request', 'script'),
  ]

  test.each<[string, Change]>([
    ['nothing', stopped(ERROR)],
    ['a line', stopped(ERROR, said)],
    ['a timer', stopped(ERROR, timer)],
    ['a timer that ended', stopped(ERROR, (events) => [...timer(events), last(events, 'host.outcome', 'script')])],
  ])('replays after %s', async (_, change) => {
    expect(await verdictOf(scripted, change)).toBe('identical')
  })

  const request = { op: 'fs.delete', path: 'src/important.ts', kind: 'file' }
  test.each<[string, Change]>([
    ['another line', stopped(ERROR, () => [{ kind: 'log', data: { level: 'log', text: 'FORGED' } }])],
    ['one line more', stopped(ERROR, (events) => [...said(events), ...said(events)])],
    ['a timer without the line before', stopped(ERROR, (events) => timer(events).slice(1))],
    [
      'a file deleted',
      stopped(ERROR, () => [
        { kind: 'host.request', ordinal: 99, data: { request, decision: { kind: 'permit', rule: 'x', place: 'x' } } },
        { kind: 'host.outcome', ordinal: 99, data: { outcome: { ok: true, value: null }, facts: {} } },
      ]),
    ],
    ['other words', stopped({ ...ERROR, message: 'whatever I like' })],
    ['another name', stopped({ ...ERROR, name: 'X' })],
    ['another chance', stopped({ ...ERROR, retryable: true })],
    ['another budget', stopped({ ...ERROR, code: 'E_BUDGET', message: 'the run used all 1 ms of its budget' })],
  ])('%s is no part of it', async (_, change) => {
    expect(await verdictOf(scripted, change)).toMatch(/E_DIVERGED|E_TRAIL/)
  })
})

describe("an exchange with the provider that a model's client cannot have had", () => {
  const asked = (events: Forged[]): Forged => first(events, 'host.request', 'model')
  const answered = (events: Forged[]): Forged => first(events, 'host.outcome', 'model')
  const elsewhere = 'https://evil.example/exfil'
  test.each<[string, Change]>([
    ['none', (events) => events.filter(({ call }) => call !== 'model')],
    [
      'none in one turn',
      (events) => {
        const left = events.filter((event) => event !== asked(events) && event !== answered(events))
        for (const event of left) if (event.call === 'model') event.ordinal = 0
        return left
      },
    ],
    ['no answer', (events) => events.filter((event) => event !== answered(events))],
    [
      'an answer that failed',
      (events) =>
        void (answered(events).data['outcome'] = { ok: false, error: { name: 'Error', code: 'X', message: '' } }),
    ],
    ['another place, permitted', (events) => void (asked(events).data['request'].url = elsewhere)],
    [
      'another provider in one turn',
      (events) => {
        asked(events).data['request'].url = elsewhere
        asked(events).data['decision'].rule = 'POST https://evil.example/**'
      },
    ],
    [
      'another place, denied, and answered',
      (events) => {
        const { request, decision } = asked(events).data
        request.url = elsewhere
        asked(events).data['decision'] = {
          kind: 'deny',
          reason: 'default-deny',
          rule: 'default-deny',
          allowed: `A model's client may only ${decision.rule}.`,
        }
      },
    ],
    ['another method', (events) => void (asked(events).data['request'].method = 'DELETE')],
    ['a file written', (events) => void (asked(events).data['request'] = { op: 'fs.write', path: 'a' })],
    ['another decision', (events) => void (asked(events).data['decision'] = { kind: 'permit', rule: 'x', place: 'y' })],
  ])('%s', async (_, change) => {
    expect(await verdictOf(provided, change)).toBe('E_TRAIL')
  })
})

describe('a ceiling that ends a turn', () => {
  const error = { name: 'RunAgentError', code: 'E_CEILING', message: 'it is spent', retryable: false }
  /** The run ends in its last turn; `isAsked`: after the provider answered. */
  const ended =
    (isAsked: boolean): Change =>
    (events) => {
      const answer = last(events, 'model.response')
      const from = last(events, 'model.request').runSeq
      answer.data = { turn: answer.data['turn'], ok: false, error }
      const end = last(events, 'run.end')
      end.data = { ...end.data, status: 'budget_exceeded', output: undefined, error }
      const asked = events.filter(({ runSeq, call }) => runSeq > from && runSeq < answer.runSeq && call === 'model')
      // What it used before, so that nothing else tells of the answer that is hidden.
      end.data['usage'] = { ...events.find(({ kind }) => kind === 'model.response')?.data['usage'] }
      return [...events.filter(({ runSeq }) => runSeq <= from), ...(isAsked ? asked : []), answer, end]
    }

  test('replays where the provider was not asked', async () => {
    expect(await verdictOf(provided, ended(false))).toBe('identical')
  })

  test.each<[string, () => readonly StoredEvent[], boolean]>([
    ['after the provider answered', () => provided, true],
    ['in a run that a script played', () => scripted, false],
  ])('does not %s', async (_, events, isAsked) => {
    expect(await verdictOf(events(), ended(isAsked))).toMatch(/E_DIVERGED|E_TRAIL/)
  })
})

test('a run whose end an index leaves out has not "not ended": the file is damaged', async () => {
  const path = join(desk.home, 'index.db')
  await forgeTrail(path, scripted)
  const restore = rewriteSchema(path, (sql) => sql.replace('(run, run_seq)', "(run, run_seq) WHERE kind <> 'run.end'"))
  new Database(path).exec('REINDEX event_run').close()
  restore()
  const replay = await desk.run('replay', 'last', '--audit', path)
  expect(replay).toMatchObject({ exit: 10, stderr: expect.stringContaining('event_run') as string })
})
