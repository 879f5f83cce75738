/** What a person who watches sees: drawn on a screen of the test's own, and on a real pseudo-terminal. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { painter, terminalOf } from '../../runtime/cli/output.ts'
import { createProgress, type Progress } from '../../runtime/cli/progress.ts'
import type { RunEvent } from '../../runtime/cli/run-events.ts'
import { agentFiles, openDesk } from '../support/program.ts'
import { HAS_PSEUDO_TERMINAL, render, startOnTerminal, type Rendered } from '../support/pseudo-terminal.ts'

interface Watched {
  readonly progress: Progress
  /** Lets so much time pass. */
  pass(ms: number): void
  readonly writes: readonly string[]
  screen(): Rendered
}

function watch({ columns = 80, isLive = true, hasColour = false } = {}): Watched {
  let now = 1000
  const due: { readonly at: number; readonly callback: () => void }[] = []
  const writes: string[] = []
  const clock = {
    now: () => now,
    after: (delayMs: number, callback: () => void) => {
      due.push({ at: now + delayMs, callback })
      return () => void (due.length = 0)
    },
  }
  const screen = {
    write: (text: string) => void writes.push(text),
    columns: () => columns,
    isLive,
    paint: painter({ isWatched: true, isLive, hasColour }),
    clock,
  }
  return {
    progress: createProgress(screen, { run: 'RUN', playedBy: 'openai/gpt', turnsMax: 20 }),
    pass(ms) {
      const end = now + ms
      for (let next = due.shift(); next !== undefined; next = due.shift()) {
        if (next.at > end) {
          due.unshift(next)
          break
        }
        now = next.at
        next.callback()
      }
      now = end
    },
    writes,
    screen: () => render(writes.join('')),
  }
}

const TURN = {
  type: 'model_turn',
  turn: 0,
  ok: true,
  text: '',
  usage: { requests: 1, inputTokens: 0, outputTokens: 0, totalTokens: 0 },
} as const
const called = (call: string, tool: string, args = '{}'): RunEvent => ({
  type: 'tool_called',
  call,
  tool,
  arguments: args,
})
const done = (call: string): RunEvent => ({ type: 'tool_finished', call, status: 'ok' })

describe('the last line', () => {
  test('says turn, time, and what runs for how long', () => {
    const { progress, pass, screen } = watch()
    const now = (): string | undefined => screen().lines.at(-1)
    expect(now()).toBe('turn 1/20 · openai/gpt')
    pass(2500)
    expect(now()).toBe('turn 1/20 · 2.5 s · openai/gpt 2.5 s')
    for (const event of [TURN, called('a', 'read_file'), called('b', 'read_file'), called('c', 'list_files')])
      progress.hear(event)
    pass(100)
    expect(now()).toBe('turn 1/20 · 2.6 s · read_file ×2, list_files')
    pass(62_000)
    expect(now()).toBe('turn 1/20 · 1 min 05 s · read_file ×2 1 min 02 s, list_files 1 min 02 s')
    for (const call of ['a', 'b', 'c']) progress.hear(done(call))
    pass(100)
    expect(now()).toBe('turn 2/20 · 1 min 05 s · openai/gpt')
  })

  test('is gone in the end, and nothing is drawn afterwards', () => {
    const { progress, pass, writes, screen } = watch()
    progress.hear(TURN)
    progress.hear(called('a', 'read_file', '{"path":"src/a.ts"}'))
    pass(40)
    progress.hear(done('a'))
    progress.say('stopping…')
    progress.end()
    expect(screen().lines).toEqual(['  ✓ read_file · 40 ms · {"path":"src/a.ts"}', 'stopping…', ''])
    const count = writes.length
    pass(5000)
    expect(writes).toHaveLength(count)
  })

  test('is gone in the end where nothing scrolls over it', () => {
    const { progress, pass, screen } = watch()
    pass(2000)
    progress.end()
    expect(screen().lines).toEqual([''])
  })

  test('is written once a tick, with what scrolls above it, however much happens', () => {
    const { progress, pass, writes, screen } = watch()
    const before = writes.length
    for (let index = 0; index < 1000; index += 1)
      progress.hear({ type: 'log', call: 'script', level: 'log', text: `line ${index}\nmore` })
    pass(100)
    expect(writes).toHaveLength(before + 1)
    const { lines } = screen()
    expect(lines[0]).toBe('  │ script: line 0')
    expect(lines.at(-2)).toBe('  … 950 more lines: run-agent audit show RUN')
    expect(lines).toHaveLength(52)
  })

  test('leaves the cursor at its beginning, so that ^C and the next write overwrite it', () => {
    const { pass, writes } = watch()
    pass(1000)
    expect(writes.length).toBeGreaterThan(5)
    for (const text of writes) expect(text.endsWith('\x1b[K\r'), JSON.stringify(text)).toBe(true)
  })
})

describe('above it', () => {
  const shown = (...events: readonly RunEvent[]): readonly string[] => {
    const { progress, screen } = watch()
    for (const event of events) progress.hear(event)
    progress.end()
    return screen().lines.slice(0, -1)
  }

  test('stand calls that failed or were stopped, denials with their rule, and the first line of what was printed', () => {
    expect(
      shown(
        TURN,
        called('a', 'writes'),
        {
          type: 'denied',
          call: 'a',
          ordinal: 0,
          tool: 'writes',
          request: { op: 'fs.write', path: 'b' },
          rule: 'deny b',
          place: 'a.yaml:3:4',
        },
        { type: 'log', call: 'a', level: 'error', text: 'first\nsecond' },
        { type: 'tool_finished', call: 'a', status: 'failed', error: { name: 'Denied', message: 'deny b' } },
        called('b', 'none'),
        { type: 'denied', call: 'b', tool: 'none', rule: 'default-deny' },
        { type: 'tool_finished', call: 'b', status: 'killed', cause: 'timeout', message: 'ran longer than 5 ms' },
        {
          type: 'model_turn',
          turn: 1,
          ok: false,
          error: { name: 'E', code: 'E_MODEL', message: 'overloaded', retryable: true },
        },
      ),
    ).toEqual([
      '  denied writes: deny b (a.yaml:3:4) · fs.write b',
      '  │ writes: first',
      '  ✗ writes · 0 ms · deny b',
      '  denied none: default-deny',
      '  ✗ none · 0 ms · ran longer than 5 ms',
      '  ✗ overloaded',
    ])
  })

  test('no text breaks the line, moves the cursor or is wider than the terminal', () => {
    const hostile = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 400 }),
      fc.constantFrom(
        '\x1b[2J\x1b[1;1H',
        '\r\nrun 01 completed',
        '\x9b5A',
        '\u202e\u2066',
        '漢'.repeat(200),
        '😀'.repeat(99),
        '\x1b]0;t\x07',
        'e\u0301'.repeat(150),
      ),
    )
    fc.assert(
      fc.property(hostile, hostile, fc.integer({ min: 20, max: 200 }), (a, b, columns) => {
        const { progress, pass, screen } = watch({ columns })
        progress.hear(called(a, b, a))
        progress.hear({ type: 'denied', call: a, tool: b, request: { op: a, path: b }, rule: a, place: b })
        progress.hear({ type: 'log', call: a, level: 'log', text: b.replaceAll('\n', '\r') })
        pass(1500)
        progress.hear({ type: 'tool_finished', call: a, status: 'killed', cause: a, message: b })
        progress.hear({ type: 'tool_finished', call: b, status: 'failed', error: { name: a, message: a } })
        pass(100)
        const { width, sequences, lines } = screen()
        expect(width).toBeLessThan(columns)
        expect([...sequences]).toEqual(['\x1b[K'])
        expect(lines).toHaveLength(5)
      }),
    )
  })
})

test('a terminal whose lines are not rewritten gets plain lines and no last one', () => {
  const { progress, pass, writes } = watch({ isLive: false })
  progress.hear(TURN)
  progress.hear(called('a', 'read_file'))
  progress.hear(done('a'))
  pass(300)
  progress.end()
  expect(writes).toEqual(['  ✓ read_file · 0 ms · {}\n'])
})

test.each([
  [false, {}, 'nobody'],
  [true, { TERM: 'xterm' }, 'live colour'],
  [true, { TERM: 'xterm', NO_COLOR: '' }, 'live colour'],
  [true, { TERM: 'xterm', NO_COLOR: '0' }, 'live'],
  [true, { TERM: 'xterm', CI: 'true' }, 'plain colour'],
  [true, { TERM: 'dumb' }, 'plain'],
  [false, { TERM: 'xterm', FORCE_COLOR: '1' }, 'nobody'],
])('a stream that is a terminal: %s, with %j, gets: %s', (isTTY, variables, expected) => {
  const { isWatched, isLive, hasColour } = terminalOf({ isTTY }, variables)
  const words = [isWatched ? (isLive ? 'live' : 'plain') : 'nobody', ...(hasColour ? ['colour'] : [])]
  expect(words.join(' ')).toBe(expected)
  expect(painter({ isWatched, isLive, hasColour })('red', 'x')).toBe(hasColour ? '\x1b[31mx\x1b[39m' : 'x')
})

const NASTY = '\\u001b[2J\\r\\nrun 01 completed\\u202e 漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字'
const FILES = {
  ...agentFiles({
    tools: {
      reads: {
        rights: "read: ['src/**']",
        imports: "import { readFile } from 'node:fs/promises'",
        body: "return await readFile(text ?? '', 'utf8')",
      },
      waits: {
        body: `console.log('${NASTY}'); await new Promise((r) => setTimeout(r, 1200)); throw new Error('${NASTY}')`,
      },
    },
    script: `await tried(call('reads', { text: 'src/a' })); await tried(call('reads', { text: '${NASTY}' })); await tried(call('waits', { text: '${NASTY}' })); return 'the answer'`,
  }),
  'src/a': 'A',
}
const CLOSING = /^run [0-9A-Z]{26} completed · 3 calls · 1 denied · head \d+ [0-9a-f]{16}$/

// Where `script` is no script of util-linux there is no pseudo-terminal to be had.
describe.skipIf(!HAS_PSEUDO_TERMINAL)('on a pseudo-terminal', () => {
  test('progress scrolls above one line, which is gone before the answer and the closing line', async () => {
    using desk = openDesk(FILES)
    const { exit, written } = await startOnTerminal(desk, ['agent/agent.yaml'], { columns: 60 }).finished
    expect(exit).toBe(0)
    expect(written).toContain('turn 3/20 · 1.')
    expect(written).toContain('waits 1.')
    const { lines, sequences, width } = render(written)
    expect([...sequences].toSorted()).toEqual(
      ['\x1b[2m', '\x1b[22m', '\x1b[31m', '\x1b[32m', '\x1b[33m', '\x1b[39m', '\x1b[K'].toSorted(),
    )
    expect(lines.slice(1)).toEqual([
      expect.stringMatching(/^ {2}✓ reads · \d+ ms · \{"text":"src\/a"\}$/),
      expect.stringMatching(/^ {2}denied reads: no rule permits it · fs\.read \\x1b\[2J\\r/),
      expect.stringMatching(/^ {2}✗ reads · \d+ ms · /),
      expect.stringMatching(/^ {2}│ waits: \\x1b\[2J\\r$/),
      expect.stringMatching(/^ {2}✗ waits · 1\.\d s · \\x1b\[2J\\r\\nrun 01 .*字…$/),
      'the answer',
      expect.stringMatching(CLOSING),
      '',
    ])
    // The closing line is longer than this terminal; nothing else is.
    expect(width).toBe(lines.at(-2)?.length)
    expect(Math.max(...lines.slice(1, -3).map((line) => line.length))).toBeLessThan(60)
  })

  test.each([
    ['NO_COLOR', { NO_COLOR: '1' }, ['\x1b[K']],
    ['TERM=dumb', { TERM: 'dumb' }, []],
    ['CI without colour', { CI: 'true', NO_COLOR: '1' }, []],
  ])('with %s only what it can do is used', async (_what, environment, expected) => {
    using desk = openDesk(FILES)
    const { exit, written } = await startOnTerminal(desk, ['agent/agent.yaml'], { environment }).finished
    const { lines, sequences } = render(written)
    expect({ exit, sequences: [...sequences] }).toEqual({ exit: 0, sequences: expected })
    expect(lines.at(-2)).toMatch(CLOSING)
    expect(lines.filter((line) => line.startsWith('  '))).toHaveLength(5)
  })

  test.each([['--json'], ['--quiet']])('%s shows no progress', async (flag) => {
    using desk = openDesk(FILES)
    const { written } = await startOnTerminal(desk, ['agent/agent.yaml', flag]).finished
    expect(written).not.toMatch(/turn \d|✓/)
    expect(written).not.toContain('\x1b')
  })
})

test('where nobody watches, nothing but who plays and the closing line stands on standard error', async () => {
  using desk = openDesk(FILES)
  const { stderr } = await desk.run('agent/agent.yaml')
  expect(stderr.split('\n')).toEqual([
    expect.stringContaining('is played by script'),
    expect.stringMatching(CLOSING),
    '',
  ])
})
