/**
 * The guest's end of the wall. Requests go out as strings under a running number (the ordinal); answers come back
 * by that number. Nothing here is trusted by the other side: it counts and checks again.
 */

export interface GuestError {
  readonly name: string
  readonly code?: string
  readonly message: string
}

/** `bytes` is base64; bytes never travel inside `value`. */
type Delivery =
  | { readonly ok: true; readonly value?: unknown; readonly bytes?: string }
  | { readonly ok: false; readonly error: GuestError }

export type Send = (kind: 'request' | 'log' | 'end', ordinal: number, payload: string) => void

interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

// A tool may replace them; what crosses the wall is written with the real ones.
const { stringify, parse } = JSON
// It would be handed what is called through these.
const { apply } = Reflect
const waiting = new Map<number, Waiting>()
let sendOut: Send = () => undefined
let ordinals = 0
let inFlight = 0
let inFlightMax = Number.POSITIVE_INFINITY
let ended = false

export function connect(send: Send): void {
  sendOut = send
}

export function boundInFlight(max: number): void {
  inFlightMax = max
}

/** A request that is under way; later ones name it by its ordinal. */
export interface Asked {
  readonly ordinal: number
  /** Rejects with an Error that carries the outcome's name, code and message. */
  readonly answer: Promise<unknown>
}

/** Sends one request. */
export function ask(record: Readonly<Record<string, unknown>>): Asked {
  if (ended) return { ordinal: -1, answer: Promise.reject(new Error('the call has ended')) }
  // Counted here, a replay comes to it at the same request: what the host has heard of depends on the moment.
  if (inFlight >= inFlightMax) {
    const message = `the call has more than ${inFlightMax} requests in flight`
    end(stringify({ kind: 'limit', limit: 'in-flight', message }))
    return { ordinal: -1, answer: new Promise(() => undefined) }
  }
  const payload = stringify(record)
  const ordinal = ordinals++
  inFlight += 1
  const answer = new Promise((resolve, reject) => {
    waiting.set(ordinal, { resolve, reject })
    sendOut('request', ordinal, payload)
  })
  return { ordinal, answer }
}

/** The same where nobody names it later. */
export function request(record: Readonly<Record<string, unknown>>): Promise<unknown> {
  return ask(record).answer
}

/** How the host writes an answer of bytes (protocol.ts); base64 needs no unescaping, and parsing it would copy it. */
const BYTES = '{"ok":true,"bytes":"'

/** Called by the sandbox process for each answer, in the order in which the trail holds them. */
export function settle(ordinal: number, payload: string): void {
  const waiter = waiting.get(ordinal)
  if (waiter === undefined) return
  waiting.delete(ordinal)
  inFlight -= 1
  if (payload.startsWith(BYTES)) return waiter.resolve(bytesOf(payload.slice(BYTES.length, -2)))
  const delivery: Delivery = parse(payload)
  if (delivery.ok) waiter.resolve(delivery.bytes === undefined ? delivery.value : bytesOf(delivery.bytes))
  else waiter.reject(errorOf(delivery.error))
}

export function log(level: string, text: string): void {
  if (!ended) sendOut('log', 0, `${level}\n${text}`)
}

const UNHANDLED_CHARS_MAX = 4096

/** An error that no caller is there for; Node would end the process. */
export function logUnhandled(error: unknown): void {
  let text = 'unreadable'
  try {
    text = String(error instanceof Error ? error.message : error)
  } catch {
    // As it says.
  }
  log('error', `unhandled error: ${text.slice(0, UNHANDLED_CHARS_MAX)}`)
}

/** Ends the call, once; whatever the guest does afterwards is not heard. */
export function end(payload: string): void {
  if (ended) return
  sendOut('end', 0, payload)
  ended = true
}

function errorOf(error: GuestError): Error {
  const made = new Error(error.message)
  made.name = error.name
  if (error.code !== undefined) Object.assign(made, { code: error.code })
  return made
}

const fromBase64: ((text: string) => Uint8Array) | undefined = Reflect.get(Uint8Array, 'fromBase64')
const toBase64: (() => string) | undefined = Reflect.get(Uint8Array.prototype, 'toBase64')

/** V8 has both natively from version 14 (Node 26); on Node 24 the slower way through a string. */
function bytesOf(base64: string): Uint8Array {
  if (fromBase64 !== undefined) return apply(fromBase64, Uint8Array, [base64])
  return decodeBase64(base64)
}

export function base64Of(bytes: Uint8Array): string {
  if (toBase64 !== undefined) return apply(toBase64, bytes, [])
  return encodeBase64(bytes)
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

function decodeBase64(text: string): Uint8Array {
  const clean = text.replace(/=+$/, '')
  const bytes = new Uint8Array(Math.floor((clean.length * 3) / 4))
  let bits = 0
  let held = 0
  let at = 0
  for (const character of clean) {
    bits = ((bits << 6) | ALPHABET.indexOf(character)) & 0xffffff
    held += 6
    if (held < 8) continue
    held -= 8
    bytes[at++] = (bits >> held) & 0xff
  }
  return bytes
}

function encodeBase64(bytes: Uint8Array): string {
  const parts: string[] = []
  for (let at = 0; at < bytes.length; at += 3) {
    const group = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0)
    const left = bytes.length - at
    parts.push(
      ALPHABET.charAt(group >> 18) +
        ALPHABET.charAt((group >> 12) & 63) +
        (left > 1 ? ALPHABET.charAt((group >> 6) & 63) : '=') +
        (left > 2 ? ALPHABET.charAt(group & 63) : '='),
    )
  }
  return parts.join('')
}
