/** Runs in readable lines and in JSON lines. Pure: takes what a TrailReader gives, prints nothing itself. */

import { RunAgentError } from '../errors.ts'
import { printable } from '../printable.ts'
import { encodeInline } from './encode.ts'
import type { Json, StoredEvent } from './event.ts'
import { type Fields, fieldsOf, itemsOf, numberOf, textOf } from './fields.ts'
import type { DamagedRun, RunSummary } from './reader.ts'
import { CallStory } from './timeline-call.ts'
import { count, cut, duration, errorOf, indented, inWords, time } from './timeline-words.ts'

/** Arguments, results and other values are cut to this many characters. */
const COLUMNS = 100

/** Lines of the run's answer. */
const OUTPUT_LINES_MAX = 20

/** Calls that a mistyped name is answered with. */
const SUGGESTIONS_MAX = 20

/** The line of one run in `audit list`. */
export function runLine(run: RunSummary | DamagedRun): string {
  if ('why' in run) return `${printable(run.id)} · ${run.status}: ${printable(run.why)}`
  return [
    time(run.startedMs),
    printable(run.id),
    cut(run.agent ?? '-', 30),
    run.playedBy === undefined ? '' : `played by ${cut(run.playedBy, 40)}`,
    cut(run.status, 30),
    count(run.calls, 'call'),
    `${run.denied} denied`,
    run.endedMs === undefined ? '' : duration(run.endedMs - run.startedMs),
  ]
    .filter(Boolean)
    .join(' · ')
}

/** The line of one run in `audit list --json`. */
export function runJsonLine(run: RunSummary | DamagedRun): string {
  return encodeInline({ ...run })
}

/** The line of one event in `audit show --json`; bytes as `{"$bytes": base64}`. */
export function eventJsonLine(event: StoredEvent): string {
  return encodeInline({ ...event })
}

/** A run turn by turn, in lines; `events` are read as the lines are taken. */
export function* showRun(events: Iterable<StoredEvent>): Iterable<string> {
  const story = new RunStory()
  for (const event of events) yield* story.next(event)
  yield* story.finish()
}

/** The events of one call; throws E_USAGE if the run has no such call. */
export function* eventsOfCall(events: Iterable<StoredEvent>, name: string): Iterable<StoredEvent> {
  const others = new Set<string>()
  let isFound = false
  for (const event of events) {
    if (event.call === name) {
      isFound = true
      yield event
    } else if (event.call !== undefined) others.add(event.call)
  }
  if (isFound) return
  const calls = [...others].slice(0, SUGGESTIONS_MAX).map((call) => printable(call))
  const hint =
    calls.length === 0 ? 'It has no calls.' : `Its calls: ${calls.join(', ')}${others.size > calls.length ? ', …' : ''}`
  throw new RunAgentError('E_USAGE', `the run has no call ${printable(name)}`, { hint })
}

/** One tool call with each of its host calls, in lines; throws E_USAGE if the run has no such call. */
export function* showCall(events: Iterable<StoredEvent>, name: string): Iterable<string> {
  const story = new CallStory(name)
  for (const event of eventsOfCall(events, name)) story.add(event)
  yield* story.detail(COLUMNS)
}

class RunStory {
  #start: StoredEvent | undefined
  #end: StoredEvent | undefined
  /** The request that the model has not answered yet. */
  #asked: StoredEvent | undefined
  /** Calls of this turn in the order in which they began; those that ran side by side are told one by one. */
  #calls = new Map<string, CallStory>()
  #callCount = 0
  #denied = 0

  #collect(event: StoredEvent): void {
    const name = event.call ?? 'no call'
    let call = this.#calls.get(name)
    if (call === undefined) this.#calls.set(name, (call = new CallStory(name)))
    if (event.kind === 'tool.call') this.#callCount += 1
    call.add(event)
  }

  *next(event: StoredEvent): Iterable<string> {
    switch (event.kind) {
      case 'run.start':
        this.#start ??= event
        yield* header(event)
        break
      case 'model.request':
        yield* this.#closeTurn()
        this.#asked = event
        break
      case 'model.response':
        yield* answer(event, this.#asked)
        this.#asked = undefined
        break
      case 'run.end':
        this.#end = event
        yield* this.#closeTurn()
        yield* this.#ending(event)
        break
      case 'message':
        break
      default:
        this.#collect(event)
    }
  }

  *finish(): Iterable<string> {
    yield* this.#closeTurn()
    if (this.#end === undefined) yield 'no end was recorded: the run is still going on, or its process died'
  }

  *#closeTurn(): Iterable<string> {
    if (this.#asked !== undefined) yield `${turnOf(this.#asked)} · the model's answer was not recorded`
    this.#asked = undefined
    for (const call of this.#calls.values()) {
      this.#denied += call.denied
      yield* call.summary(COLUMNS)
    }
    this.#calls = new Map()
  }

  *#ending({ ts, data }: StoredEvent): Iterable<string> {
    const took = this.#start === undefined ? [] : [duration(ts - this.#start.ts)]
    const counts = [count(this.#callCount, 'call'), `${this.#denied} denied`]
    yield ['ended', inWords(data['status'] ?? 'without a status', COLUMNS), ...counts, ...took]
      .join(' · ')
      .replace(' · ', ' ')
    if (data['error'] !== undefined) yield `error ${cut(errorOf(data['error']), 5 * COLUMNS)}`
    const tokens = tokensOf(data['usage'])
    if (tokens.length > 0) yield tokens.join(' · ')
    if (data['output'] === undefined) return
    yield 'output'
    const output = textOf(data['output']) ?? inWords(data['output'], 20 * COLUMNS)
    yield* indented(output, '  ', OUTPUT_LINES_MAX)
  }
}

function* header({ run, ts, data }: StoredEvent): Iterable<string> {
  const definition = fieldsOf(data['definition'])
  const lines: readonly (readonly [label: string, value: string])[] = [
    ['run', printable(run)],
    ['agent', inWords(data['agent'], COLUMNS)],
    ['user', inWords(data['user'], COLUMNS)],
    ['started', time(ts)],
    ['played by', inWords(data['playedBy'], COLUMNS)],
    [
      'definition',
      ['file', 'hash']
        .map((key) => inWords(definition[key], COLUMNS))
        .filter(Boolean)
        .join(' · '),
    ],
    ['workspace', inWords(data['workspace'], COLUMNS)],
    ['walls', wallsOf(data['walls'])],
    ['versions', pairs(fieldsOf(data['versions']))],
    ['tools', toolsOf(data['tools'])],
    ['limits', pairs(fieldsOf(data['limits']))],
    ['budget', pairs(fieldsOf(data['budget']))],
    ['task', inWords(data['task'], COLUMNS)],
  ]
  for (const [label, value] of lines) if (value !== '') yield `${label.padEnd(10)} ${value}`
}

function* answer(event: StoredEvent, asked: StoredEvent | undefined): Iterable<string> {
  const { data } = event
  const took = asked === undefined ? [] : [duration(event.ts - asked.ts)]
  yield [turnOf(event), ...took, ...tokensOf(data['usage'])].join(' · ')
  if (data['ok'] === false) yield `  the model failed: ${cut(errorOf(data['error']), 5 * COLUMNS)}`
  for (const item of itemsOf(data['items'])) {
    const text = spokenText(fieldsOf(item))
    if (text !== '') yield `  says ${cut(text, COLUMNS)}`
  }
}

function tokensOf(usage: Json | undefined): readonly string[] {
  const [input, output] = ['inputTokens', 'outputTokens'].map((key) => numberOf(fieldsOf(usage)[key]))
  return [
    ...(input === undefined ? [] : [`${count(input, 'token')} in`]),
    ...(output === undefined ? [] : [`${count(output, 'token')} out`]),
  ]
}

function turnOf({ data }: StoredEvent): string {
  return `turn ${inWords(data['turn'] ?? '?', 10)}`
}

/** What an item of the model says to people; a function call shows as the tool call that it leads to. */
function spokenText(item: Fields): string {
  const content = item['content'] ?? item['text']
  if (typeof content === 'string') return content
  return itemsOf(content)
    .map((part) => textOf(fieldsOf(part)['text']) ?? '')
    .join('')
}

/** A missing wall is worth a word. */
function wallsOf(walls: Json | undefined): string {
  if (walls === undefined) return ''
  return (
    cut(
      itemsOf(walls)
        .map((wall) => inWords(wall, COLUMNS))
        .join(', '),
      COLUMNS,
    ) || 'none'
  )
}

function toolsOf(tools: Json | undefined): string {
  const names = itemsOf(tools).map((tool) => textOf(fieldsOf(tool)['name']) ?? inWords(tool, 40))
  return cut(names.join(', '), 2 * COLUMNS)
}

/** `node 26.10.0, v8 14.6`. */
function pairs(fields: Fields): string {
  const parts = Object.entries(fields).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key} ${inWords(value, 40)}`],
  )
  return cut(parts.join(', '), 2 * COLUMNS)
}
