/**
 * The forms of a secret that are looked for as they are. What replaces single characters (percent-encoding, escapes
 * of JSON, entities of HTML, hexadecimal, quoted-printable) is undone instead (scrub-view.ts), in any mixture.
 */

import { SCRUB_NESTING_MAX, SECRET_LENGTH_MIN } from '../../limits.ts'
import { CharacterEscapes } from './escapes.ts'
import { undoEscapes, View } from './scrub-view.ts'

/** None twice. `without`: kinds to leave out, for proving that each is needed. */
export function needlesOf(value: string, without: ReadonlySet<string> = new Set()): readonly Uint8Array[] {
  const found = new Map<string, Uint8Array>()
  const add = (bytes: Uint8Array): void => {
    // What was undone may be so short that it occurs by chance.
    if (bytes.length >= SECRET_LENGTH_MIN) found.set(Buffer.from(bytes).toString('latin1'), bytes)
  }
  const bare = without.has('undone') ? [] : undone(value)
  const spellings = new Set([
    value,
    ...(without.has('normal-form') ? [] : [value.normalize('NFC'), value.normalize('NFD')]),
    ...bare.map((bytes) => Buffer.from(bytes).toString()),
  ])
  bare.forEach(add)
  for (const spelling of spellings) {
    for (const [kind, write] of Object.entries(CHARACTERS)) if (!without.has(kind)) write(spelling).forEach(add)
  }
  for (const [kind, write] of Object.entries(WHOLE)) if (!without.has(kind)) write(value).forEach(add)
  return [...found.values()]
}

type Forms = (text: string) => readonly Uint8Array[]

/** By how characters are written as bytes. */
const CHARACTERS: { readonly [kind: string]: Forms } = {
  raw: (text) => [utf8(text)],
  /** Latin-1, and what `escape()` of JavaScript makes of text once it is undone. */
  'latin-1': (text) =>
    isAscii(text) ? [] : [byUnit(text, (unit) => (unit < 0x100 ? Uint8Array.of(unit) : unitBytes(unit)))],
  /** UTF-8 that was read as Latin-1, or as windows-1252 (Encoding Standard), and written as UTF-8. */
  mojibake: (text) =>
    isAscii(text)
      ? []
      : [utf8(utf8(text).toString('latin1')), utf8(new TextDecoder('windows-1252').decode(utf8(text)))],
  /** Each surrogate for itself (Unicode Technical Report 26), as `\ud83d\ude00` undone one by one. */
  'cesu-8': (text) => (/[\ud800-\udfff]/.test(text) ? [byUnit(text, unitBytes)] : []),
  /** Where all are of Latin-1, a view that leaves out zeros finds them. */
  'utf-16': (text) => {
    if (isLatin1(text)) return []
    const little = Buffer.from(text, 'utf16le')
    return [little, Buffer.from(little).swap16()]
  },
}

/** By what became of the whole. */
const WHOLE: { readonly [kind: string]: Forms } = {
  /** application/x-www-form-urlencoded (URL Standard); its percents are undone by the view. */
  form: (text) => (text.includes(' ') ? [utf8(text.replaceAll(' ', '+'))] : []),
  reversed: (text) => [utf8(Array.from(text).toReversed().join(''))],
  base64: (text) => [0, 1, 2].map((offset) => Buffer.from(base64Inside(utf8(text), offset))),
  base64url: (text) =>
    [0, 1, 2].map((offset) => Buffer.from(base64Inside(utf8(text), offset).replaceAll('+', '-').replaceAll('/', '_'))),
}

/**
 * What becomes of a secret that itself looks like an escape, when it is undone with what stands around it: all kinds
 * of escapes, or some, because an outer encoding may have kept the others whole. And without its end, where that may
 * be the beginning of an escape that goes on behind it.
 */
function undone(text: string): readonly Uint8Array[] {
  return ['%', '\\', '&', '%\\', '%&', '\\&', '%\\&'].flatMap((starts) => {
    const syntax = new CharacterEscapes([...Buffer.from(starts)])
    return [true, false].flatMap((isFinal) => undoneBy(syntax, utf8(text), isFinal, SCRUB_NESTING_MAX))
  })
}

function undoneBy(syntax: CharacterEscapes, bytes: Uint8Array, isFinal: boolean, levels: number): Uint8Array[] {
  const result = new View(new Uint8Array(0), 0)
  const end = levels > 0 ? undoEscapes(syntax, new View(bytes, bytes.length), result, false, isFinal) : undefined
  if (end === undefined) return []
  const once = result.bytes.slice(0, result.length)
  return [once, ...undoneBy(syntax, once, isFinal, levels - 1)]
}

/** The characters of base64 that `bytes` alone decides when `offset` (mod 3) bytes stand before it. */
function base64Inside(bytes: Uint8Array, offset: number): string {
  const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64')
  return text.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.byteLength) * 8) / 6))
}

function byUnit(text: string, write: (unit: number) => Uint8Array): Uint8Array {
  return Buffer.concat(Array.from({ length: text.length }, (_, index) => write(text.charCodeAt(index))))
}

function unitBytes(unit: number): Uint8Array {
  return unit >= 0xd800 && unit <= 0xdfff
    ? Uint8Array.of(0xe0 | (unit >> 12), 0x80 | ((unit >> 6) & 0x3f), 0x80 | (unit & 0x3f))
    : utf8(String.fromCharCode(unit))
}

function utf8(text: string): Buffer {
  return Buffer.from(text, 'utf8')
}

function isAscii(text: string): boolean {
  return /^[\0-\x7f]*$/.test(text)
}

function isLatin1(text: string): boolean {
  return /^[\0-\xff]*$/.test(text)
}
