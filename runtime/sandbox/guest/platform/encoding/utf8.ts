/** UTF-8 both ways (WHATWG Encoding sections 8.1 and 8.2). */

const REPLACEMENT = 0xfffd
/** Code units that become a string at once; more would overflow the stack. */
const UNITS = 8192
/** In a run of ASCII, bytes are taken as they are. */
const NOT_ASCII = 0x80

/** Where a chunk ended within a character: what came of it so far. */
export interface Utf8State {
  codePoint: number
  seen: number
  needed: number
  lower: number
  upper: number
}

export function utf8State(): Utf8State {
  return { codePoint: 0, seen: 0, needed: 0, lower: 0x80, upper: 0xbf }
}

/** Throws TypeError on what is no UTF-8 where `fatal`; else puts U+FFFD there. `state` goes on in the next chunk. */
export function decodeUtf8(bytes: Uint8Array, state: Utf8State, fatal: boolean, isLast: boolean): string {
  const units = new Uint16Array(Math.min(bytes.length + 3, UNITS))
  const pieces: string[] = []
  let used = 0
  const flush = (): void => {
    pieces.push(Reflect.apply(String.fromCharCode, undefined, units.subarray(0, used)))
    used = 0
  }
  const bad = (): void => {
    if (fatal) throw new TypeError('the data is not valid utf-8')
    units[used++] = REPLACEMENT
  }
  for (let at = 0; at < bytes.length; at += 1) {
    if (used >= UNITS - 3) flush()
    const byte = bytes[at] ?? 0
    if (state.needed === 0) {
      if (byte < NOT_ASCII) units[used++] = byte
      else if (!begin(byte, state)) bad()
      continue
    }
    if (byte < state.lower || byte > state.upper) {
      reset(state)
      at -= 1
      bad()
      continue
    }
    state.lower = 0x80
    state.upper = 0xbf
    state.codePoint = (state.codePoint << 6) | (byte & 0x3f)
    state.seen += 1
    if (state.seen < state.needed) continue
    const { codePoint } = state
    reset(state)
    if (codePoint < 0x10000) units[used++] = codePoint
    else {
      units[used++] = 0xd7c0 + (codePoint >> 10)
      units[used++] = 0xdc00 + (codePoint & 0x3ff)
    }
  }
  if (isLast && state.needed > 0) {
    reset(state)
    bad()
  }
  flush()
  return pieces.length === 1 ? (pieces[0] ?? '') : pieces.join('')
}

/** False: no byte that a character begins with. */
function begin(byte: number, state: Utf8State): boolean {
  if (byte >= 0xc2 && byte <= 0xdf) {
    state.needed = 1
    state.codePoint = byte & 0x1f
  } else if (byte >= 0xe0 && byte <= 0xef) {
    if (byte === 0xe0) state.lower = 0xa0
    if (byte === 0xed) state.upper = 0x9f
    state.needed = 2
    state.codePoint = byte & 0xf
  } else if (byte >= 0xf0 && byte <= 0xf4) {
    if (byte === 0xf0) state.lower = 0x90
    if (byte === 0xf4) state.upper = 0x8f
    state.needed = 3
    state.codePoint = byte & 0x7
  } else return false
  return true
}

function reset(state: Utf8State): void {
  state.codePoint = state.seen = state.needed = 0
  state.lower = 0x80
  state.upper = 0xbf
}

/** Encodes as much of the text as the target takes, whole characters only. */
export function encodeUtf8Into(text: string, target: Uint8Array): { readonly read: number; readonly written: number } {
  let at = 0
  let read = 0
  const room = target.length
  while (read < text.length) {
    const unit = text.charCodeAt(read)
    if (unit < 0x80) {
      if (at + 1 > room) break
      target[at++] = unit
    } else if (unit < 0x800) {
      if (at + 2 > room) break
      target[at++] = 0xc0 | (unit >> 6)
      target[at++] = 0x80 | (unit & 0x3f)
    } else {
      const next = (unit & 0xfc00) === 0xd800 ? text.charCodeAt(read + 1) : 0
      if ((next & 0xfc00) === 0xdc00) {
        if (at + 4 > room) break
        const codePoint = ((unit - 0xd800) << 10) + next - 0xdc00 + 0x10000
        target[at++] = 0xf0 | (codePoint >> 18)
        target[at++] = 0x80 | ((codePoint >> 12) & 0x3f)
        target[at++] = 0x80 | ((codePoint >> 6) & 0x3f)
        target[at++] = 0x80 | (codePoint & 0x3f)
        read += 1
      } else {
        if (at + 3 > room) break
        const scalar = (unit & 0xf800) === 0xd800 ? REPLACEMENT : unit
        target[at++] = 0xe0 | (scalar >> 12)
        target[at++] = 0x80 | ((scalar >> 6) & 0x3f)
        target[at++] = 0x80 | (scalar & 0x3f)
      }
    }
    read += 1
  }
  return { read, written: at }
}

/** Unpaired surrogates become U+FFFD. */
export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
  let length = text.length
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at)
    if (unit < 0x80) continue
    if (unit < 0x800) length += 1
    else {
      length += 2
      // A pair has four bytes in two units.
      if ((unit & 0xfc00) === 0xd800 && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00) at += 1
    }
  }
  const bytes = new Uint8Array(length)
  encodeUtf8Into(text, bytes)
  return bytes
}
