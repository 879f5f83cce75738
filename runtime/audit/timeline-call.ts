/** One tool call as the trail tells it: what was asked of the world, what was denied, how it ended. */

import { isUint8Array } from 'node:util/types'

import { printable } from '../printable.ts'
import type { Json, StoredEvent } from './event.ts'
import { type Fields, fieldsOf, itemsOf, numberOf, textOf } from './fields.ts'
import { count, cut, denialOf, duration, errorOf, indented, inWords, ruleOf } from './timeline-words.ts'

interface HostCall {
  readonly op: string
  readonly target: string
  /** How much it brings along. */
  readonly load: string
  readonly at: number
  decision: Fields
  /** Where the path led, if elsewhere. */
  resolved: string | undefined
  /** What was said of credentials, a line each. */
  credentials: readonly string[]
  end: { readonly ts: number; readonly ok: boolean; readonly words: string } | undefined
}

/** Singular and plural of what a host call does, and of what it does it to. */
const VERBS: Readonly<Record<string, readonly [one: string, many: string, object: string, objects: string]>> = {
  'fs.read': ['read', 'reads', 'file', 'files'],
  'fs.readRange': ['read', 'reads', 'file', 'files'],
  'fs.stat': ['look', 'looks', 'path', 'paths'],
  'fs.list': ['listing', 'listings', 'folder', 'folders'],
  'fs.readlink': ['link reading', 'link readings', 'link', 'links'],
  'fs.write': ['write', 'writes', 'file', 'files'],
  'fs.mkdir': ['making', 'makings', 'folder', 'folders'],
  'fs.delete': ['deletion', 'deletions', 'path', 'paths'],
  'fs.rename': ['renaming', 'renamings', 'path', 'paths'],
  timer: ['timer', 'timers', 'length', 'lengths'],
  http: ['HTTP request', 'HTTP requests', 'URL', 'URLs'],
  'http.read': ['read of an answer', 'reads of answers', 'exchange', 'exchanges'],
  'http.close': ['closing of an answer', 'closings of answers', 'exchange', 'exchanges'],
}

/** Lines of a result or of what a tool printed, in the view of one call. */
const DETAIL_LINES_MAX = 200

export class CallStory {
  readonly name: string
  #start: StoredEvent | undefined
  #end: StoredEvent | undefined
  readonly #hostCalls = new Map<number, HostCall>()
  readonly #logs: { readonly level: string; readonly text: string }[] = []

  constructor(name: string) {
    this.name = name
  }

  get denied(): number {
    const hostCalls = [...this.#hostCalls.values()].filter(isDenied).length
    return hostCalls + (this.#decision()['kind'] === 'deny' ? 1 : 0)
  }

  /** Only events of this call. */
  add(event: StoredEvent): void {
    const { data } = event
    switch (event.kind) {
      case 'tool.call':
        this.#start = event
        break
      case 'tool.outcome':
        this.#end = event
        break
      case 'host.request':
        this.#hostCalls.set(event.ordinal ?? this.#hostCalls.size, hostCallOf(event))
        break
      case 'host.outcome':
        this.#finish(event)
        break
      case 'log':
        this.#logs.push({ level: textOf(data['level']) ?? 'log', text: textOf(data['text']) ?? '' })
        break
      default:
        break
    }
  }

  /** A few lines: host calls of one kind together, but each denied one by itself. */
  *summary(columns: number): Iterable<string> {
    const args = inWords(this.#start?.data['arguments'], columns)
    yield `  ${this.#title()}${args && ` ${args}`}`
    if (this.#decision()['kind'] === 'deny') yield `    denied ${denialOf(this.#decision())}`
    const calls = [...this.#hostCalls.values()]
    const groups = groupsOf(calls.filter((call) => !isDenied(call) && call.end !== undefined))
    if (groups.length > 0) yield `    ${groups.join(' · ')}`
    const apart = new Map<string, number>()
    for (const call of calls) {
      if (!isDenied(call) && call.end !== undefined) continue
      const what = isDenied(call) ? `denied ${deedOf(call)} · ${denialOf(call.decision)}` : `no outcome ${deedOf(call)}`
      const line = [what, ...call.credentials].join(' · ')
      apart.set(line, (apart.get(line) ?? 0) + 1)
    }
    for (const [line, times] of apart) yield `    ${line}${times > 1 ? ` (${times} times)` : ''}`
    if (this.#logs.length > 0) yield `    printed ${count(this.#logs.length, 'line')}`
    const [how, what] = this.#ending()
    if (how !== '') yield `    ${cut([how, what].filter(Boolean).join(' '), columns)}${this.#took()}`
  }

  /** Everything about the call, one line per host call. */
  *detail(columns: number): Iterable<string> {
    yield this.#title()
    const { data } = this.#start ?? { data: {} as Fields }
    yield* labelled('arguments', data['arguments'])
    if (data['bundle'] !== undefined) yield `bundle ${inWords(data['bundle'], columns)}`
    const decision = this.#decision()
    if (decision['kind'] !== undefined) yield `${inWords(decision['kind'], columns)} ${denialOf(decision)}`
    const began = this.#start?.ts
    for (const [ordinal, call] of [...this.#hostCalls].toSorted(([a], [b]) => a - b)) {
      const after = began === undefined ? '' : ` +${duration(call.at - began)}`
      yield `#${ordinal}${after} ${deedOf(call)}`
      yield isDenied(call) ? `    denied ${denialOf(call.decision)}` : `    permitted ${ruleOf(call.decision)}`
      for (const line of call.credentials) yield `    ${line}`
      if (call.end === undefined) yield '    no outcome'
      else if (!isDenied(call)) yield `    ${cut(call.end.words, columns)} · ${duration(call.end.ts - call.at)}`
    }
    for (const { level, text } of this.#logs) {
      yield `printed (${printable(level)})`
      yield* indented(text, '    ', DETAIL_LINES_MAX)
    }
    const [how, what] = this.#ending()
    if (how === '') return
    const value = fieldsOf(this.#end?.data['end'])['value']
    yield `${how}${value === undefined && what !== '' ? ` ${what}` : ''}${this.#took()}`
    yield* labelled('value', value)
  }

  #title(): string {
    const tool = textOf(this.#start?.data['tool'])
    return printable(tool === undefined ? this.name : `${this.name} ${tool}`)
  }

  #decision(): Fields {
    return fieldsOf(this.#start?.data['decision'])
  }

  #finish(event: StoredEvent): void {
    const call = this.#hostCalls.get(event.ordinal ?? -1)
    if (call === undefined) return
    const outcome = fieldsOf(event.data['outcome'])
    const ok = outcome['ok'] === true
    const words = ok ? `ok ${resultOf(outcome)}` : `failed ${errorOf(outcome)}`
    call.end = { ts: event.ts, ok, words: words.trimEnd() }
    if (event.data['decision'] !== undefined) call.decision = fieldsOf(event.data['decision'])
    const facts = fieldsOf(event.data['facts'])
    const led = [facts['resolved'], facts['resolvedTo']].flatMap((path) => textOf(path) ?? []).join(' → ')
    if (led !== '' && led !== call.target) call.resolved = led
    call.credentials = credentialLines(facts, call.decision)
  }

  /** How the call ended, and with what; empty for what is no tool call. */
  #ending(): readonly [how: string, what: string] {
    if (this.#end === undefined) return [this.#start === undefined ? '' : 'in doubt: no outcome was recorded', '']
    const end = fieldsOf(this.#end.data['end'])
    const kind = textOf(end['kind'])
    if (kind === 'ok') return ['ok', inWords(end['value'], 4096)]
    if (kind === 'failed') return ['failed', errorOf(end)]
    if (kind !== 'killed') return [inWords(kind ?? 'ended', 100), '']
    const cause = [end['cause'], end['message']]
      .map((part) => inWords(part, 200))
      .filter(Boolean)
      .join(': ')
    const made = numberOf(end['requests'])
    return ['killed', made === undefined ? cause : `${cause} · after ${count(made, 'host call')}`]
  }

  #took(): string {
    return this.#start === undefined || this.#end === undefined ? '' : ` · ${duration(this.#end.ts - this.#start.ts)}`
  }
}

function hostCallOf(event: StoredEvent): HostCall {
  const request = fieldsOf(event.data['request'])
  const paths = [request['path'] ?? request['from'] ?? urlOf(request), request['to']]
  const delay = numberOf(request['delayMs'])
  const load = request['data'] ?? request['body']
  const target = paths.flatMap((path) => textOf(path) ?? []).join(' → ')
  return {
    op: textOf(request['op']) ?? 'unknown request',
    target: delay === undefined ? target : duration(delay),
    load: isUint8Array(load) ? count(load.length, 'byte') : '',
    at: event.ts,
    decision: fieldsOf(event.data['decision']),
    resolved: undefined,
    credentials: [],
    end: undefined,
  }
}

/** With which credential it was sent, or why with none; and what of one came back and was taken out. */
function credentialLines({ credential, refused, reason, withheld }: Fields, decision: Fields): readonly string[] {
  const { name, version, chain, rejected } = fieldsOf(credential)
  const before = fieldsOf(rejected)['version']
  const [, undressed] = [name, decision['undressed']].map((value) => textOf(value))
  const grant = itemsOf(chain).at(-1)
  return [
    ...(name === undefined
      ? []
      : [
          `sent with the credential ${inWords(name, 100)}, version ${inWords(version, 100)}, by ${inWords(grant, 100)}`,
        ]),
    ...(before === undefined ? [] : [`and before with version ${inWords(before, 100)}, which the server refused`]),
    ...(undressed === undefined ? [] : [`sent without a credential: ${inWords(undressed, 400)}`]),
    ...(refused === undefined ? [] : [`the credential could not be used: ${inWords(reason ?? refused, 400)}`]),
    ...itemsOf(withheld).map((each) => `the credential ${inWords(each, 100)} came back, and was taken out`),
  ]
}

/** Of an HTTP request with its method, of its answer with the request's ordinal. */
function urlOf({ method, url, exchange }: Fields): Json | undefined {
  const ordinal = numberOf(exchange)
  if (ordinal !== undefined) return `#${ordinal}`
  return textOf(url) === undefined ? undefined : [textOf(method), textOf(url)].filter(Boolean).join(' ')
}

function isDenied(call: HostCall): boolean {
  return call.decision['kind'] === 'deny'
}

/** `fs.read notes.txt (leads to src/notes.txt)`. */
function deedOf({ op, target, load, resolved }: HostCall): string {
  const led = resolved === undefined ? '' : `(leads to ${resolved})`
  return printable([op, target, led, load && `with ${load}`].filter(Boolean).join(' '))
}

/** `41 reads of 12 files`, each kind of host call once, in the order of its first. */
function groupsOf(calls: readonly HostCall[]): readonly string[] {
  return [...Map.groupBy(calls, ({ op }) => VERBS[op]?.[0] ?? op)].map(([name, group]) => {
    const [one, many, , objects] = VERBS[group[0]?.op ?? ''] ?? [name, name, 'target', 'targets']
    const targets = new Set(group.map(({ target }) => target).filter(Boolean))
    const [only] = targets
    const of =
      only === undefined ? '' : ` of ${targets.size === 1 ? cut(only, 80) : count(targets.size, objects, objects)}`
    const failed = Map.groupBy(
      group.filter(({ end }) => end?.ok === false),
      ({ end }) => end?.words.replace(/^failed /u, '').split(':')[0] ?? '',
    )
    const failures = [...failed].map(([code, list]) => `${list.length} failed with ${cut(code, 40)}`)
    const but = failures.length === 0 ? '' : ` (${failures.join(', ')})`
    return `${count(group.length, printable(one), printable(many))}${of}${but}`
  })
}

/** What a host call brought, by its size where it is large. */
function resultOf(outcome: Fields): string {
  const parts = Object.entries(outcome).flatMap(([key, value]) => {
    if (key === 'ok' || value === undefined || value === null) return []
    if (Array.isArray(value)) return [count(itemsOf(value).length, 'entry', 'entries')]
    return [inWords(value, 80)]
  })
  return parts.join(' ')
}

function* labelled(label: string, value: Json | undefined): Iterable<string> {
  if (value === undefined) return
  const text = typeof value === 'string' ? value : inWords(value, 64 * 1024)
  if (!text.includes('\n')) {
    yield `${label} ${printable(text)}`
    return
  }
  yield label
  yield* indented(text, '    ', DETAIL_LINES_MAX)
}
