/**
 * The forms of a secret that are looked for as they are. What replaces single characters (percent-encoding, escapes
 * of JSON, entities of HTML, hexadecimal, quoted-printable) is undone instead (scrub-view.ts), in any mixture.
 */

import { CharacterEscapes } from './escapes.ts'
import { undoEscapes, View } from './scrub-view.ts'

export type NeedleKind =
  | 'raw'
  | 'normal-form'
  | 'undone'
  | 'form'
  | 'latin-1'
  | 'mojibake'
  | 'cesu-8'
  | 'utf-16'
  | 'reversed'
  | 'base64'
  | 'base64url'

/** A shorter encoding occurs by chance; that of the shortest secret is as long as this in base64. */
const ENCODED_BYTES_MIN = 7

/** None twice. `without` is for proving that a kind is needed. */
export function needlesOf(value: string, without: ReadonlySet<string> = new Set()): readonly Uint8Array[] {
  const found = new Map<string, Uint8Array>()
  for (const [kind, make] of Object.entries(FORMS)) {
    if (without.has(kind)) continue
    for (const bytes of make(value)) {
      if (kind === 'raw' || bytes.length >= ENCODED_BYTES_MIN) found.set(Buffer.from(bytes).toString('latin1'), bytes)
    }
  }
  return [...found.values()]
}

const FORMS: { readonly [kind in NeedleKind]: (value: string) => readonly Uint8Array[] } = {
  raw: (value) => [utf8(value)],
  'normal-form': (value) => ['NFC', 'NFD'].map((form) => utf8(value.normalize(form))),
  /** A secret that itself looks like an escape is undone with what stands around it. */
  undone: (value) => {
    const once = undone(utf8(value))
    return once === undefined ? [] : [once, undone(once) ?? once]
  },
  /** application/x-www-form-urlencoded (URL Standard); its percents are undone by the view. */
  form: (value) => (value.includes(' ') ? [utf8(value.replaceAll(' ', '+'))] : []),
  'latin-1': (value) => (isAscii(value) || !/^[\0-\xff]*$/.test(value) ? [] : [Buffer.from(value, 'latin1')]),
  /** UTF-8 that was read as Latin-1, or as windows-1252 (Encoding Standard), and written as UTF-8. */
  mojibake: (value) =>
    isAscii(value)
      ? []
      : [utf8(utf8(value).toString('latin1')), utf8(new TextDecoder('windows-1252').decode(utf8(value)))],
  /** Each surrogate for itself (Unicode Technical Report 26), as `\ud83d\ude00` undone one by one. */
  'cesu-8': (value) =>
    /[\ud800-\udfff]/.test(value)
      ? [Buffer.concat(Array.from({ length: value.length }, (_, index) => unitBytes(value.charCodeAt(index))))]
      : [],
  /** Where all are of Latin-1, a view that leaves out zeros finds them. */
  'utf-16': (value) => {
    if (/^[\0-\xff]*$/.test(value)) return []
    const little = Buffer.from(value, 'utf16le')
    return [little, Buffer.from(little).swap16()]
  },
  reversed: (value) => [utf8(Array.from(value).toReversed().join(''))],
  base64: (value) => [0, 1, 2].map((offset) => Buffer.from(base64Inside(utf8(value), offset))),
  base64url: (value) =>
    [0, 1, 2].map((offset) => Buffer.from(base64Inside(utf8(value), offset).replaceAll('+', '-').replaceAll('/', '_'))),
}

/** The characters of base64 that `bytes` alone decides when `offset` (mod 3) bytes stand before it. */
function base64Inside(bytes: Uint8Array, offset: number): string {
  const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64')
  return text.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.byteLength) * 8) / 6))
}

function unitBytes(unit: number): Uint8Array {
  return unit >= 0xd800 && unit <= 0xdfff
    ? Uint8Array.of(0xe0 | (unit >> 12), 0x80 | ((unit >> 6) & 0x3f), 0x80 | (unit & 0x3f))
    : utf8(String.fromCharCode(unit))
}

/** Undefined where nothing was. */
function undone(bytes: Uint8Array): Uint8Array | undefined {
  const result = new View(new Uint8Array(0), 0)
  const end = undoEscapes(new CharacterEscapes(), new View(bytes, bytes.length), result, false, true)
  return end === undefined ? undefined : result.bytes.slice(0, result.length)
}

function utf8(text: string): Buffer {
  return Buffer.from(text, 'utf8')
}

function isAscii(text: string): boolean {
  return /^[\0-\x7f]*$/.test(text)
}
