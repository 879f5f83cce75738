/**
 * The encoding of an event's data, both ways. The format is in the header of event.ts; decodeData is the exact
 * inverse of encodeData, but for undefined, which is left out (null within an array).
 */

import { hash } from 'node:crypto'
import { isUint8Array } from 'node:util/types'

import { RunAgentError } from '../errors.ts'
import {
  TRAIL_BODY_BYTES_MAX,
  TRAIL_BODY_BYTES_MIN,
  TRAIL_DEPTH_MAX,
  TRAIL_JSON_BODY_CHARS_MIN,
  TRAIL_TEXT_BYTES_MAX,
} from '../limits.ts'
import { printableJson } from '../printable.ts'
import type { Json, NewEvent } from './event.ts'

type EventData = NewEvent['data']

export type BodyForm = 'bytes' | 'text' | 'utf16' | 'json'

/** Where an encoded text leaves out a value; stands for it where bodies are not read, and encodes as itself. */
export class BodyReference {
  /** SHA-256, hex. */
  readonly hash: string
  readonly as: BodyForm
  /** How deep the value lies in its event. */
  readonly depth: number

  constructor(name: string, as: BodyForm, depth: number) {
    this.hash = name
    this.as = as
    this.depth = depth
  }
}

export interface EncodedData {
  readonly text: string
  /** By hash; the bytes are copies, whose buffers hold nothing else. */
  readonly bodies: ReadonlyMap<string, Uint8Array<ArrayBuffer>>
}

type Bodies = Map<string, Uint8Array<ArrayBuffer>>

/** Throws E_TRAIL for what is too large, too deep, or no data at all. */
export function encodeData(data: EventData): EncodedData {
  const bodies: Bodies = new Map()
  const text = encodeObject(data, bodies, 0)
  const bytes = Buffer.byteLength(text)
  if (bytes > TRAIL_TEXT_BYTES_MAX) throw tooLarge('the text of an event', bytes, TRAIL_TEXT_BYTES_MAX)
  return { text, bodies }
}

/** The same encoding with nothing taken out, on one line, safe to print: for people and programs, not for storage. */
export function encodeInline(value: Json): string {
  return printableJson(encodeValue(value, undefined, 0))
}

/** Throws E_TRAIL for text that encodeData never makes, and passes on what `bodyOf` throws. */
export function decodeData(text: string, bodyOf: (hash: string) => Uint8Array): EventData {
  const decode = (reference: BodyReference): Json => decodeBody(reference, bodyOf(reference.hash), decode)
  return assertData(decodeValue(parse(text), decode, 0))
}

export interface CheckedData {
  /** With a BodyReference for each body. */
  readonly data: { readonly [key: string]: unknown }
  /** Those that `json` bodies name are not among them. */
  readonly references: readonly BodyReference[]
}

/** Throws E_TRAIL for any text but the one that encodeData makes of this data. */
export function checkData(text: string): CheckedData {
  const references: BodyReference[] = []
  const data = assertData(decodeValue(parse(text), (reference) => keep(reference, references), 0))
  if (encodeData(data).text !== text) throw malformed('the data of an event is not in its one form')
  return { data, references }
}

/** What a body names. Throws E_TRAIL for any bytes but those that encodeData makes of this value. */
export function checkBody(reference: BodyReference, bytes: Uint8Array): readonly BodyReference[] {
  const references: BodyReference[] = []
  const value = decodeBody(reference, bytes, (inner) => keep(inner, references))
  // The container itself counts one level, and the encoder adds it.
  if (encodeValue(value, new Map(), reference.depth - 1) !== encodeReference(reference)) {
    throw malformed(`body ${reference.hash} is not in its one form`)
  }
  return references
}

function encodeValue(value: unknown, bodies: Bodies | undefined, depth: number): string {
  switch (typeof value) {
    case 'string':
      return encodeString(value, bodies)
    case 'number':
      return encodeNumber(value)
    case 'boolean':
      return value ? 'true' : 'false'
    case 'undefined':
      return 'null'
    case 'object':
      break
    default:
      throw new RunAgentError('E_TRAIL', `a ${typeof value} cannot be recorded in the trail`)
  }
  if (value === null) return 'null'
  if (isUint8Array(value)) return encodeBytes(value, bodies)
  if (value instanceof BodyReference) return encodeReference(value)
  const text = Array.isArray(value)
    ? encodeArray(value, bodies, depth + 1)
    : encodeObject(value as EventData, bodies, depth + 1)
  if (bodies === undefined || text.length < TRAIL_JSON_BODY_CHARS_MIN) return text
  return putBody(bodies, 'json', utf8Of(text))
}

function encodeArray(value: readonly unknown[], bodies: Bodies | undefined, depth: number): string {
  assertDepth(depth)
  const rows = value.length > 1 && depth + PLAIN_DEPTH_MAX <= TRAIL_DEPTH_MAX ? plainRows(value) : undefined
  if (rows !== undefined) return JSON.stringify(rows)
  let text = '['
  // By index, because a hole must become null.
  for (let index = 0; index < value.length; index++) {
    text += (index === 0 ? '' : ',') + encodeValue(value[index], bodies, depth)
  }
  return `${text}]`
}

function encodeObject(value: EventData, bodies: Bodies | undefined, depth: number): string {
  assertDepth(depth)
  let text = '{'
  for (const { key, start } of writtenKeys(Object.keys(value))) {
    const item = value[key]
    if (item === undefined) continue
    text += (text.length === 1 ? '' : ',') + start + encodeValue(item, bodies, depth)
  }
  return `${text}}`
}

/** How deep the rows of a list are looked into. */
const PLAIN_DEPTH_MAX = 4

/**
 * The list as JSON.stringify, which is several times as fast, writes it in the very text of the encoding: rows with
 * sorted keys, of short texts and finite numbers, of which nothing is taken out. Undefined: it cannot be.
 */
function plainRows(list: readonly unknown[]): readonly unknown[] | undefined {
  const rows: unknown[] = []
  const plain = new Plain()
  // By index, because a hole must become null.
  for (let index = 0; index < list.length; index++) {
    plain.chars = 0
    const row = plain.of(list[index], PLAIN_DEPTH_MAX - 1)
    if (row === undefined) return undefined
    rows.push(row)
  }
  return rows
}

class Plain {
  /** The most that JSON.stringify writes for what was looked at. */
  chars = 0

  /** The value, its keys sorted; undefined where the encoding is, or may be, another one. */
  of(value: unknown, depthLeft: number): unknown {
    switch (typeof value) {
      case 'string':
        // A code unit takes six characters at most, as in \u001f.
        this.chars += 2 + value.length * 6
        return value.length < SHORT_CHARS ? value : undefined
      case 'number':
        this.chars += NUMBER_CHARS_MAX
        return Number.isFinite(value) && !Object.is(value, -0) ? value : undefined
      case 'boolean':
        this.chars += 5
        return value
      case 'object':
        this.chars += 4
        if (value === null) return value
        if (depthLeft === 0 || this.chars >= TRAIL_JSON_BODY_CHARS_MIN) return undefined
        return Array.isArray(value) ? this.#items(value, depthLeft - 1) : this.#pairs(value, depthLeft - 1)
      default:
        return undefined
    }
  }

  #items(list: readonly unknown[], depthLeft: number): readonly unknown[] | undefined {
    const items: unknown[] = []
    for (let index = 0; index < list.length; index++) {
      this.chars += 1
      const item = this.of(list[index], depthLeft)
      if (item === undefined || this.chars >= TRAIL_JSON_BODY_CHARS_MIN) return undefined
      items.push(item)
    }
    return items
  }

  #pairs(value: object, depthLeft: number): object | undefined {
    if (Object.getPrototypeOf(value) !== Object.prototype) return undefined
    const pairs: Record<string, unknown> = {}
    for (const { key, start } of writtenKeys(Object.keys(value))) {
      // Numbers come first in every object; `__proto__` is not stored, and `$` is escaped.
      if (/^(?:\d|\$|__proto__$)/.test(key)) return undefined
      this.chars += 1 + start.length
      const item = this.of((value as EventData)[key], depthLeft)
      if (item === undefined || this.chars >= TRAIL_JSON_BODY_CHARS_MIN) return undefined
      pairs[key] = item
    }
    return pairs
  }
}

/** As in -1.7976931348623157e+308. */
const NUMBER_CHARS_MAX = 24

interface WrittenKey {
  readonly key: string
  /** As it is written, with its colon. */
  readonly start: string
}

interface Shape {
  readonly keys: readonly string[]
  readonly written: readonly WrittenKey[]
}

/** By their first key; events, and the rows that tools return, come many with the same keys. */
const shapes = new Map<string, Shape>()
const SHAPES_MAX = 256
const SHAPE_KEYS_MAX = 64
/** Of all keys of one together. */
const SHAPE_CHARS_MAX = 4096

function writtenKeys(keys: readonly string[]): readonly WrittenKey[] {
  const [first = ''] = keys
  const known = shapes.get(first)
  if (known !== undefined && isSame(known.keys, keys)) return known.written
  const named = keys.map((key) => ({ key, name: key.startsWith('$') ? `$${key}` : key }))
  // By UTF-16 code units.
  named.sort((one, other) => (one.name < other.name ? -1 : 1))
  const written = named.map(({ key, name }) => ({ key, start: `${JSON.stringify(name)}:` }))
  // What a tool makes up must not be kept without end.
  if (known === undefined && shapes.size >= SHAPES_MAX) shapes.clear()
  const chars = written.reduce((sum, { key }) => sum + key.length, 0)
  if (keys.length <= SHAPE_KEYS_MAX && chars <= SHAPE_CHARS_MAX) shapes.set(first, { keys, written })
  return written
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  if (one.length !== other.length) return false
  for (let index = 0; index < one.length; index += 1) if (one[index] !== other[index]) return false
  return true
}

function encodeNumber(value: number): string {
  if (Number.isFinite(value) && !Object.is(value, -0)) return String(value)
  return `{"$number":"${Object.is(value, -0) ? '-0' : String(value)}"}`
}

/** Nothing that JSON.stringify escapes: quotes, backslashes, control characters, surrogates (lone ones only, of these). */
const UNESCAPED = /^[ !#-[\]-\ud7ff\ue000-\uffff]*$/
/** Below this, looking is cheaper than the call. */
const SHORT_CHARS = 200

function encodeString(value: string, bodies: Bodies | undefined): string {
  if (value.length < SHORT_CHARS && UNESCAPED.test(value)) return `"${value}"`
  // A UTF-16 code unit takes three bytes at most.
  if (bodies === undefined || value.length * 3 < TRAIL_BODY_BYTES_MIN) return JSON.stringify(value)
  if (Buffer.byteLength(value) < TRAIL_BODY_BYTES_MIN) return JSON.stringify(value)
  if (value.isWellFormed()) return putBody(bodies, 'text', utf8Of(value))
  return putBody(bodies, 'utf16', new Uint8Array(Buffer.from(value, 'utf16le')))
}

function encodeBytes(value: Uint8Array, bodies: Bodies | undefined): string {
  if (bodies !== undefined && value.length >= TRAIL_BODY_BYTES_MIN) {
    return putBody(bodies, 'bytes', new Uint8Array(value))
  }
  return `{"$bytes":"${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')}"}`
}

function utf8Of(text: string): Uint8Array<ArrayBuffer> {
  const size = Buffer.byteLength(text)
  const bytes = Buffer.allocUnsafeSlow(size)
  // As many bytes as UTF-16 code units: ASCII, which needs no encoder.
  bytes.write(text, size === text.length ? 'latin1' : 'utf8')
  return new Uint8Array(bytes.buffer)
}

function putBody(bodies: Bodies, as: BodyForm, bytes: Uint8Array<ArrayBuffer>): string {
  if (bytes.length > TRAIL_BODY_BYTES_MAX) throw tooLarge('one value of an event', bytes.length, TRAIL_BODY_BYTES_MAX)
  const name = hash('sha256', bytes, 'hex')
  if (!bodies.has(name)) bodies.set(name, bytes)
  return encodeReference({ hash: name, as })
}

function encodeReference({ hash: name, as }: Pick<BodyReference, 'hash' | 'as'>): string {
  return `{"$body":"${name}","as":"${as}"}`
}

type DecodeReference = (reference: BodyReference) => Json

/** For texts that are checked: a reference is no Json, and nothing but the encoder takes it for a value. */
function keep(reference: BodyReference, references: BodyReference[]): Json {
  references.push(reference)
  return reference as unknown as Json
}

function decodeValue(value: unknown, decode: DecodeReference, depth: number): Json {
  if (typeof value !== 'object' || value === null) return value as Json
  const special = Array.isArray(value) ? undefined : specialOf(value, depth)
  if (special instanceof BodyReference) return decode(special)
  if (special !== undefined) return special.value
  assertDepth(depth)
  if (Array.isArray(value)) return value.map((item) => decodeValue(item, decode, depth + 1))
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [unescapeKey(key), decodeValue(item, decode, depth + 1)]),
  )
}

/** What an object stands for if its first key starts with a single `$`. */
function specialOf(value: object, depth: number): BodyReference | { readonly value: Json } | undefined {
  const entries: readonly (readonly [string, unknown])[] = Object.entries(value)
  const [key, content] = entries[0] ?? ['', undefined]
  if (!key.startsWith('$') || key.startsWith('$$')) return undefined
  if (typeof content !== 'string') throw malformed(`"${key}" holds no string`)
  if (key === '$body' && entries.length === 2) {
    const form = entries[1]
    if (form?.[0] === 'as' && isBodyForm(form[1])) return new BodyReference(content, form[1], depth)
  }
  if (key === '$bytes' && entries.length === 1) return { value: new Uint8Array(Buffer.from(content, 'base64')) }
  if (key === '$number' && entries.length === 1) return { value: Number(content) }
  throw malformed(`an object starts with "${key}"`)
}

function decodeBody({ as, depth }: BodyReference, bytes: Uint8Array, decode: DecodeReference): Json {
  switch (as) {
    case 'bytes':
      return new Uint8Array(bytes)
    case 'text':
      return decodeUtf8(bytes)
    case 'utf16':
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf16le')
    case 'json':
      return decodeValue(parse(decodeUtf8(bytes)), decode, depth)
  }
}

function assertData(value: Json): EventData {
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && !isUint8Array(value)) {
    if (!(value instanceof BodyReference)) return value as EventData
  }
  throw malformed('the data of an event is no object')
}

function unescapeKey(key: string): string {
  if (!key.startsWith('$')) return key
  if (!key.startsWith('$$')) throw malformed(`"${key}" is no key`)
  return key.slice(1)
}

function isBodyForm(value: unknown): value is BodyForm {
  return value === 'bytes' || value === 'text' || value === 'utf16' || value === 'json'
}

function decodeUtf8(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new RunAgentError('E_TRAIL', 'the trail is broken: the data of an event is no JSON', { cause: error })
  }
}

function assertDepth(depth: number): void {
  if (depth <= TRAIL_DEPTH_MAX) return
  throw new RunAgentError(
    'E_TRAIL',
    `data nested deeper than ${TRAIL_DEPTH_MAX} levels cannot be recorded in the trail`,
  )
}

function malformed(what: string): RunAgentError {
  return new RunAgentError('E_TRAIL', `the trail is broken: ${what}`)
}

function tooLarge(what: string, bytes: number, max: number): RunAgentError {
  return new RunAgentError('E_TRAIL', `${what} has ${bytes} bytes; the trail records at most ${max}`)
}
