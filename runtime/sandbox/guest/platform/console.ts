/** `console` (WHATWG Console): what it prints goes to the trail, with the level of its method. */
import { domString } from './dom-string.ts'
import { format, inspect } from './console/inspect.ts'
import { tableOf } from './console/table.ts'
import { runtime } from './runtime.ts'

type Level = 'debug' | 'error' | 'info' | 'log' | 'trace' | 'warn'

const INDENT = '  '
const REACHED = 'limit log reached; nothing more is recorded'
/** Counted here so that a flood stops before it crosses the wall. */
let left = runtime.call.logBytesMax
let lines = runtime.call.logLinesMax
let indent = ''
const counts = new Map<string, number>()
const times = new Map<string, number>()

function print(level: Level, text: string): void {
  if (left <= 0) return
  if (lines <= 0) {
    left = 0
    return runtime.log(level, `… (${REACHED})`)
  }
  lines -= 1
  let line = indent === '' ? text : indent + text.replaceAll('\n', `\n${indent}`)
  if (line.length >= left) line = `${line.slice(0, left)} … (${REACHED})`
  left -= line.length + 1
  runtime.log(level, line)
}

function printed(level: Level): (...data: unknown[]) => void {
  // What is over the limit is not even made.
  return (...data) => (left <= 0 ? undefined : print(level, format(data)))
}

function stackHere(): string {
  const place = { stack: '' }
  Error.captureStackTrace(place, stackHere)
  return place.stack.split('\n').slice(2).join('\n')
}

function groupStart(...data: unknown[]): void {
  if (data.length > 0) print('log', format(data))
  indent += INDENT
}

function time(label: string): string | undefined {
  const started = times.get(label)
  if (started === undefined) print('warn', `Timer '${label}' does not exist`)
  return started === undefined ? undefined : `${label}: ${Date.now() - started}ms`
}

export const console = {
  log: printed('log'),
  info: printed('info'),
  warn: printed('warn'),
  error: printed('error'),
  debug: printed('debug'),
  trace(...data: unknown[]) {
    print('trace', `Trace${data.length === 0 ? '' : `: ${format(data)}`}\n${stackHere()}`)
  },
  assert(condition: unknown = false, ...data: unknown[]) {
    if (condition) return
    const [first, ...others] = data
    if (data.length === 0) print('error', 'Assertion failed')
    else if (typeof first === 'string') print('error', format([`Assertion failed: ${first}`, ...others]))
    else print('error', format(['Assertion failed:', ...data]))
  },
  clear() {
    indent = ''
  },
  count(label: unknown = 'default') {
    const name = domString(label)
    const count = (counts.get(name) ?? 0) + 1
    counts.set(name, count)
    print('info', `${name}: ${count}`)
  },
  countReset(label: unknown = 'default') {
    const name = domString(label)
    if (counts.has(name)) counts.set(name, 0)
    else print('warn', `Count for '${name}' does not exist`)
  },
  dir(item?: unknown, options?: unknown) {
    const depth: unknown = Reflect.get(Object(options), 'depth')
    print('log', inspect(item, depth === null ? Infinity : typeof depth === 'number' ? depth : undefined))
  },
  dirxml: printed('log'),
  group: groupStart,
  groupCollapsed: groupStart,
  groupEnd() {
    indent = indent.slice(INDENT.length)
  },
  table(data?: unknown, columns?: readonly string[]) {
    print('log', tableOf(data, columns) ?? format([data]))
  },
  time(label: unknown = 'default') {
    const name = domString(label)
    if (times.has(name)) print('warn', `Timer '${name}' already exists`)
    else times.set(name, Date.now())
  },
  timeLog(label: unknown = 'default', ...data: unknown[]) {
    const text = time(domString(label))
    if (text !== undefined) print('info', format([text, ...data]))
  },
  timeEnd(label: unknown = 'default') {
    const text = time(domString(label))
    times.delete(domString(label))
    if (text !== undefined) print('info', text)
  },
  timeStamp() {},
  profile() {},
  profileEnd() {},
}

Object.setPrototypeOf(console, {})
Object.defineProperty(console, Symbol.toStringTag, { value: 'console', configurable: true })
