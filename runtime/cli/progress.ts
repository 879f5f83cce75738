/**
 * What a person who watches a run sees of it: what is done scrolls by, and the last line says what goes on. Between
 * two writes the cursor stands at the beginning of that line, so whatever else is written there (`^C`, a warning of
 * Node's) overwrites it, and is overwritten in turn. The cursor never moves up and is never hidden, and no line is
 * wider than the terminal, so there is nothing to put in order when a signal ends the program.
 */
import { count, duration } from '../audit/timeline-words.ts'
import type { Clock } from '../ports.ts'
import { printable } from '../printable.ts'
import type { Paint, Style } from './output.ts'
import type { RunEvent } from './run-events.ts'

export interface Screen {
  write(text: string): void
  /** As wide as it is now. */
  columns(): number
  /** Whether a line that is there can be written again. */
  readonly isLive: boolean
  readonly paint: Paint
  readonly clock: Clock
}

export interface WatchedRun {
  readonly run: string
  readonly playedBy: string
  readonly turnsMax: number
}

export interface Progress {
  hear(event: RunEvent): void
  /** A line of ours. */
  say(text: string): void
  /** Nothing is left of the last line, and nothing is written any more. */
  end(): void
}

const TICK_MS = 100
/** Of one tick: a terminal is slow, the program waits for it, and a guest prints as much as it likes. */
const LINES_MAX = 50
const COLUMNS_MIN = 20
/** Anything shorter says nothing but that it goes on. */
const SHOWN_FROM_MS = 1000
const ERASE_TO_END = '\x1b[K'

export function createProgress(screen: Screen, watched: WatchedRun): Progress {
  const { clock, paint } = screen
  const startedMs = clock.now()
  const work = createWork(watched, startedMs)
  // The last column stays free: some terminals break a line that fills it.
  const width = (): number => Math.max(COLUMNS_MIN, screen.columns()) - 1
  const [start, erase] = screen.isLive ? ['\r', ERASE_TO_END] : ['', '']
  let lines: string[] = []
  let skipped = 0
  let cancel: () => void = () => undefined

  const draw = (last: string): void => {
    if (skipped > 0) lines.push(fit(`  … ${count(skipped, 'more line')}: run-agent audit show ${watched.run}`, width()))
    const above = lines.map((line) => `${line}${erase}\n`).join('')
    if (above !== '' || screen.isLive) screen.write(`${start}${above}${last}`)
    lines = []
    skipped = 0
  }
  const tick = (): void => {
    const now = fit(work.inWords(clock.now()), width())
    draw(screen.isLive ? `${paint('dim', now)}${ERASE_TO_END}\r` : '')
    cancel = clock.after(TICK_MS, tick)
  }
  tick()
  return {
    hear(event) {
      const line = work.hear(event, clock.now())
      if (line === undefined) return
      if (lines.length >= LINES_MAX) skipped += 1
      else lines.push(`  ${paint(line.style, line.mark)} ${fit(line.text, width() - line.mark.length - 3)}`)
    },
    say: (text) => void lines.push(fit(text, width())),
    end() {
      cancel()
      draw(erase)
    },
  }
}

interface Line {
  readonly style: Style
  readonly mark: string
  readonly text: string
}

interface Running {
  readonly tool: string
  readonly arguments: string
  readonly sinceMs: number
}

interface Work {
  /** What it leaves above the last line. */
  hear(event: RunEvent, nowMs: number): Line | undefined
  /** The last line. */
  inWords(nowMs: number): string
}

function createWork(watched: WatchedRun, startedMs: number): Work {
  const running = new Map<string, Running>()
  let answers = 0
  let idleSinceMs = startedMs

  const finished = (event: Extract<RunEvent, { type: 'tool_finished' }>, nowMs: number): Line => {
    const call = running.get(event.call)
    running.delete(event.call)
    idleSinceMs = nowMs
    const tool = call?.tool ?? event.call
    const words = `${tool} · ${duration(nowMs - (call?.sinceMs ?? nowMs))}`
    switch (event.status) {
      case 'ok':
        return { style: 'green', mark: '✓', text: `${words} · ${call?.arguments ?? ''}` }
      case 'failed':
        return { style: 'red', mark: '✗', text: `${words} · ${event.error.message}` }
      case 'killed':
        return { style: 'red', mark: '✗', text: `${words} · ${event.message}` }
    }
  }

  return {
    hear(event, nowMs) {
      switch (event.type) {
        case 'model_turn':
          answers += 1
          return event.ok ? undefined : { style: 'red', mark: '✗', text: event.error.message }
        case 'tool_called':
          running.set(event.call, { tool: event.tool, arguments: event.arguments, sinceMs: nowMs })
          return undefined
        case 'denied':
          return { style: 'yellow', mark: 'denied', text: `${event.tool}: ${deniedWords(event)}` }
        case 'tool_finished':
          return finished(event, nowMs)
        case 'log': {
          const [first = ''] = event.text.split('\n', 1)
          return { style: 'dim', mark: '│', text: `${running.get(event.call)?.tool ?? event.call}: ${first}` }
        }
        case 'run_started':
        case 'result':
          return undefined
      }
    },
    inWords(nowMs) {
      // While nothing runs the model makes up its next turn.
      const turn = Math.min(answers + (running.size === 0 ? 1 : 0), watched.turnsMax)
      const calls = [...Map.groupBy(running.values(), ({ tool }) => tool)].map(([tool, [first, ...more]]) => {
        const name = more.length === 0 ? tool : `${tool} ×${more.length + 1}`
        return withTime(name, nowMs - (first?.sinceMs ?? nowMs))
      })
      const doing = calls.length > 0 ? calls.join(', ') : withTime(watched.playedBy, nowMs - idleSinceMs)
      const elapsed = nowMs - startedMs < SHOWN_FROM_MS ? [] : [duration(nowMs - startedMs)]
      return [`turn ${turn}/${watched.turnsMax}`, ...elapsed, doing].join(' · ')
    },
  }
}

/** The rule comes first: a long path must not push it out of sight. */
function deniedWords({ request, rule, place }: Extract<RunEvent, { type: 'denied' }>): string {
  const by = place === undefined ? rule : `${rule} (${place})`
  if (request === undefined) return by
  const target = request['path'] ?? request['from'] ?? request['url']
  return `${by} · ${request.op} ${typeof target === 'string' ? target : ''}`
}

function withTime(words: string, ms: number): string {
  return ms < SHOWN_FROM_MS ? words : `${words} ${duration(ms)}`
}

/** One printable line that takes at most so many columns; what was cut shows as `…`. */
function fit(text: string, columns: number): string {
  // Every character takes at least one column here, and two code units at most.
  const characters = Array.from(printable(text.slice(0, 2 * columns + 2)))
  let taken = 0
  let lastFit = 0
  for (const [index, character] of characters.entries()) {
    taken += columnsOf(character)
    if (taken > columns) return `${characters.slice(0, lastFit).join('')}…`
    if (taken < columns) lastFit = index + 1
  }
  return characters.join('')
}

/**
 * The most columns that a character takes in any terminal: below the first wide one of Unicode, and in the blocks of
 * punctuation, arrows and mathematics, it is one. That is what keeps a line from breaking; where a mark in truth
 * combines with what it follows, the line is shorter than it could be.
 */
function columnsOf(character: string): 1 | 2 {
  const code = character.codePointAt(0) ?? 0
  return code < 0x1100 || (code >= 0x2010 && code < 0x231a) ? 1 : 2
}
