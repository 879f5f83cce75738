import { describe, expect, test } from 'vitest'

import type { EventKind, NewEvent, StoredEvent } from '../../runtime/audit/event.ts'
import { eventJsonLine, runJsonLine, runLine, showCall, showRun } from '../../runtime/audit/timeline.ts'

const START = Date.parse('2026-08-03T14:22:05Z')

/** Events of one run, 10 ms apart. */
function stored(events: readonly NewEvent[]): readonly StoredEvent[] {
  return events.map((event, index) => ({
    ...event,
    run: 'RUN',
    seq: 100 + index,
    runSeq: index,
    ts: START + 10 * index,
  }))
}

function host(
  ordinal: number,
  op: string,
  path: string,
  result: NewEvent['data'] = { outcome: { ok: true } },
): readonly NewEvent[] {
  const place = { call: 'call_1', ordinal }
  const decision = { kind: 'permit', rule: 'read **', place: 'reviewer.yaml:7:7' }
  return [
    { kind: 'host.request', ...place, data: { request: { op, path }, decision } },
    { kind: 'host.outcome', ...place, data: { facts: {}, ...result } },
  ]
}

const DENIAL = {
  kind: 'deny',
  reason: 'deny-rule',
  rule: 'deny .env',
  place: 'reviewer.yaml:9:5',
  allowed: 'It may read src/**.',
}

const RUN: readonly StoredEvent[] = stored([
  {
    kind: 'run.start',
    data: {
      agent: 'reviewer',
      user: 'ada',
      task: 'Review the last commit',
      playedBy: 'openai/gpt-5',
      definition: { file: 'agents/reviewer.yaml', hash: '9f2c' },
      versions: { runAgent: '0.1.0', node: '26.10.0' },
      walls: ['permission', 'bubblewrap'],
      workspace: '/work',
      budget: { turns: 20 },
      tools: [{ name: 'search', grant: {} }],
    },
  },
  { kind: 'message', data: { index: 0, item: {} } },
  { kind: 'model.request', data: { turn: 0, messages: [0, 1] } },
  {
    kind: 'model.response',
    data: {
      turn: 0,
      ok: true,
      items: [{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'I look.' }] }],
      usage: { inputTokens: 1234, outputTokens: 1 },
    },
  },
  {
    kind: 'tool.call',
    call: 'call_1',
    data: { tool: 'search', arguments: `{"for":"${'x'.repeat(200)}"}`, bundle: 'b1' },
  },
  ...host(0, 'fs.read', 'src/a.ts'),
  ...host(1, 'fs.readRange', 'src/b.ts', { outcome: { ok: true, value: new Uint8Array(1500) } }),
  ...host(2, 'fs.read', 'src/a.ts', { outcome: { ok: false, error: { code: 'ENOENT', message: 'no such file' } } }),
  ...host(3, 'fs.list', 'src', { outcome: { ok: true, entries: ['a', 'b'] } }),
  ...host(4, 'fs.read', 'notes', { outcome: { ok: false }, facts: { resolved: '.env' }, decision: DENIAL }),
  {
    kind: 'tool.call',
    call: 'call_2',
    data: { tool: 'write', arguments: '{}', decision: { kind: 'deny', rule: 'limits.calls' } },
  },
  { kind: 'log', call: 'call_1', data: { level: 'info', text: 'found\u001b[2J' } },
  { kind: 'tool.outcome', call: 'call_1', data: { end: { kind: 'ok', value: { hits: 3 } } } },
  {
    kind: 'tool.outcome',
    call: 'call_2',
    data: { end: { kind: 'failed', error: { code: 'E_CALLS', message: 'once only' } } },
  },
  { kind: 'model.request', data: { turn: 1, messages: [0, 4] } },
  { kind: 'model.response', data: { turn: 1, ok: true, items: [] } },
  {
    kind: 'run.end',
    data: { status: 'completed', output: 'All good.\nReally.', usage: { inputTokens: 9, outputTokens: 8 } },
  },
])

describe('show', () => {
  test('a run, turn by turn', () => {
    expect([...showRun(RUN)].join('\n')).toBe(
      `
run        RUN
agent      reviewer
user       ada
started    2026-08-03 14:22:05Z
played by  openai/gpt-5
definition agents/reviewer.yaml · 9f2c
workspace  /work
walls      permission, bubblewrap
versions   runAgent 0.1.0, node 26.10.0
tools      search
budget     turns 20
task       Review the last commit
turn 0 · 10 ms · 1,234 tokens in · 1 token out
  says I look.
  call_1 search {"for":"${'x'.repeat(91)}…
    3 reads of 2 files (1 failed with ENOENT) · 1 listing of src
    denied fs.read notes (leads to .env) · deny .env (reviewer.yaml:9:5) · It may read src/**.
    printed 1 line
    ok {"hits":3} · 130 ms
  call_2 write {}
    denied limits.calls
    failed E_CALLS: once only · 30 ms
turn 1 · 10 ms
ended completed · 2 calls · 2 denied · 210 ms
9 tokens in · 8 tokens out
output
  All good.
  Really.`.slice(1),
    )
  })

  test('one call, host call by host call', () => {
    expect([...showCall(RUN, 'call_1')].join('\n')).toBe(
      `
call_1 search
arguments {"for":"${'x'.repeat(200)}"}
bundle b1
#0 +10 ms fs.read src/a.ts
    permitted read ** (reviewer.yaml:7:7)
    ok · 10 ms
#1 +30 ms fs.readRange src/b.ts
    permitted read ** (reviewer.yaml:7:7)
    ok 1,500 bytes · 10 ms
#2 +50 ms fs.read src/a.ts
    permitted read ** (reviewer.yaml:7:7)
    failed ENOENT: no such file · 10 ms
#3 +70 ms fs.list src
    permitted read ** (reviewer.yaml:7:7)
    ok 2 entries · 10 ms
#4 +90 ms fs.read notes (leads to .env)
    denied deny .env (reviewer.yaml:9:5) · It may read src/**.
printed (info)
    found\\x1b[2J
ok · 130 ms
value {"hits":3}`.slice(1),
    )
  })

  test('an unknown call names the others', () => {
    expect(() => [...showCall(RUN, 'call_9')]).toThrow(
      expect.objectContaining({ code: 'E_USAGE', hint: 'Its calls: call_1, call_2' }),
    )
  })

  test('a crashed run shows what is in doubt', () => {
    const crashed = stored([
      { kind: 'run.start', data: {} },
      { kind: 'model.request', data: { turn: 0 } },
      { kind: 'model.response', data: { turn: 0, ok: false, error: { code: 'E_PROVIDER', message: '503\u202e' } } },
      { kind: 'tool.call', call: 'c', data: { tool: 't' } },
      {
        kind: 'host.request',
        call: 'c',
        ordinal: 0,
        data: { request: { op: 'fs.write', path: 'x', data: new Uint8Array(3) } },
      },
      { kind: 'tool.call', call: 'd', data: { tool: 't' } },
      {
        kind: 'tool.outcome',
        call: 'd',
        data: { end: { kind: 'killed', cause: 'memory', message: 'too much', requests: 7 } },
      },
      { kind: 'model.request', data: { turn: 1 } },
    ])
    expect([...showRun(crashed)].slice(2)).toEqual([
      'turn 0 · 10 ms',
      '  the model failed: E_PROVIDER: 503\\u202e',
      '  c t',
      '    no outcome fs.write x with 3 bytes',
      '    in doubt: no outcome was recorded',
      '  d t',
      '    killed memory: too much · after 7 host calls · 10 ms',
      "turn 1 · the model's answer was not recorded",
      'no end was recorded: the run is still going on, or its process died',
    ])
  })

  test('equal denials are told once', () => {
    const denied = Array.from({ length: 5000 }, (_, ordinal) =>
      host(ordinal, 'fs.read', '.env', { decision: DENIAL }),
    ).flat()
    expect([...showRun(stored(denied))]).toContain(
      '    denied fs.read .env · deny .env (reviewer.yaml:9:5) · It may read src/**. (5000 times)',
    )
  })

  test('data of any other shape is no reason to fail', () => {
    const kinds: readonly EventKind[] = [
      'run.start',
      'message',
      'model.request',
      'model.response',
      'tool.call',
      'host.request',
      'host.outcome',
      'log',
      'tool.outcome',
      'run.end',
    ]
    const odd = [null, 1, 'x', [], [null, [1]], {}, new Uint8Array(2)]
    const keys = [
      'turn',
      'items',
      'usage',
      'error',
      'tool',
      'arguments',
      'decision',
      'request',
      'outcome',
      'facts',
      'end',
    ]
    for (const value of odd) {
      const data = Object.fromEntries(
        [...keys, 'agent', 'walls', 'tools', 'output', 'text', 'ok'].map((key) => [key, value]),
      )
      const events = stored(kinds.map((kind) => ({ kind, call: 'c', ordinal: 0, data })))
      expect([...showRun(events)].join('\n')).toContain('ended')
      expect([...showCall(events, 'c')].length).toBeGreaterThan(0)
    }
  })

  test('nothing that a guest wrote reaches the terminal as it is', () => {
    const evil = '\u001b]0;owned\u0007\u202e\r\n'
    const spoil = (value: unknown): unknown => {
      if (typeof value === 'string') return value === 'x' ? evil : value
      if (Array.isArray(value)) return value.map(spoil)
      if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
      return Object.fromEntries(
        Object.entries(value).map(([key, item]) => [key, typeof item === 'string' ? item + evil : spoil(item)]),
      )
    }
    const events = RUN.map((event) => ({ ...event, data: spoil(event.data) as StoredEvent['data'] }))
    const lines = [...showRun(events), ...showCall(events, 'call_1'), ...events.map(eventJsonLine)]
    // oxlint-disable-next-line no-control-regex
    for (const line of lines) expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/u)
  })
})

describe('list', () => {
  const run = {
    id: 'RUN',
    agent: 'reviewer',
    user: 'ada',
    playedBy: 'openai/gpt-5',
    status: 'completed',
    startedMs: START,
    endedMs: START + 30_200,
    events: 211,
    calls: 14,
    denied: 1,
  }

  test('one line a run', () => {
    expect(runLine(run)).toBe(
      '2026-08-03 14:22:05Z · RUN · reviewer · played by openai/gpt-5 · completed · 14 calls · 1 denied · 30.2 s',
    )
    expect(
      runLine({ ...run, agent: undefined, playedBy: undefined, status: 'crashed', endedMs: undefined, calls: 1 }),
    ).toBe('2026-08-03 14:22:05Z · RUN · - · crashed · 1 call · 1 denied')
    expect(runLine({ id: 'RUN', status: 'damaged', why: 'body 9f was\nchanged' })).toBe(
      'RUN · damaged: body 9f was\\nchanged',
    )
  })

  test('JSON lines', () => {
    expect(JSON.parse(runJsonLine(run))).toEqual(run)
    const [event] = stored([{ kind: 'log', call: 'c', data: { text: '\u009b', bytes: new Uint8Array([1]) } }])
    if (event === undefined) throw new Error('no event')
    expect(eventJsonLine(event)).toBe(
      `{"call":"c","data":{"bytes":{"$bytes":"AQ=="},"text":"\\u009b"},"kind":"log","run":"RUN","runSeq":0,"seq":100,"ts":${START}}`,
    )
  })
})
