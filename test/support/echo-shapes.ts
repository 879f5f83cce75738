/** How a secret comes back from servers that return what they were sent, and what becomes of each shape. */

import { createHash } from 'node:crypto'
import { deflateSync, gzipSync } from 'node:zlib'

export interface EchoShape {
  readonly name: string
  readonly make: (secret: string) => string | Uint8Array
  /** `missed`: SECURITY.md names it, by this name. */
  readonly fate: 'cut' | 'withheld' | 'missed'
}

/** Of ASCII alone, with all that is escaped, of Latin-1, beyond it, with spaces, decomposed, and the shortest. */
export const SECRETS: readonly string[] = [
  'ghp_16C7e42F292c6912E7710c838347Ae178B4a',
  'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY==',
  'p@ss "w\'rd/\\+&<%41é>😀',
  'Übergrößenträger-7',
  'correct horse battery staple',
  'cafe\u0301-au-lait',
  's3cr3t',
]

const json = (text: string): string => JSON.stringify(text).slice(1, -1)
const eachUnit = (text: string, write: (unit: number) => string): string =>
  Array.from({ length: text.length }, (_, index) => write(text.charCodeAt(index))).join('')
const eachPoint = (text: string, write: (point: number) => string): string =>
  Array.from(text, (character) => write(character.codePointAt(0) ?? 0)).join('')
const eachByte = (text: string, write: (byte: number) => string, between = ''): string =>
  Array.from(Buffer.from(text), write).join(between)
const hex = (value: number, digits = 2): string => value.toString(16).padStart(digits, '0')

const unicode = (text: string): string => eachUnit(text, (unit) => `\\u${hex(unit, 4)}`)
const percent = (text: string): string => eachByte(text, (byte) => `%${hex(byte).toUpperCase()}`)
const entities = (text: string): string => eachPoint(text, (point) => `&#${point};`)
const html = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
    .replaceAll('é', '&eacute;')
const base64 = (text: string | Uint8Array, before = ''): string =>
  Buffer.concat([Buffer.from(before), Buffer.from(text as string)]).toString('base64')
const base64url = (text: string, before = ''): string => Buffer.from(before + text).toString('base64url')
const hexOf = (text: string): string => Buffer.from(text).toString('hex')
const quotedPrintable = (text: string): string => eachByte(text, (byte) => `=${hex(byte).toUpperCase()}`)
const utf16be = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16()
const twice =
  (encode: (text: string) => string) =>
  (text: string): string =>
    encode(encode(text))
const thrice =
  (encode: (text: string) => string) =>
  (text: string): string =>
    encode(encode(encode(text)))

/** What servers do to a text, for doing it one after the other. */
export const ENCODINGS: readonly ((text: string) => string)[] = [
  (text) => text,
  json,
  unicode,
  encodeURIComponent,
  percent,
  html,
  entities,
  quotedPrintable,
  hexOf,
  (text) => base64(text),
  (text) => base64url(text),
]

const CUT: readonly (readonly [string, EchoShape['make']])[] = [
  ['as it is', (secret) => secret],
  ['in upper case', (secret) => secret.replaceAll(/[a-z]/g, (letter) => letter.toUpperCase())],
  ['in lower case', (secret) => secret.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase())],
  ['composed', (secret) => secret.normalize('NFC')],
  ['decomposed', (secret) => secret.normalize('NFD')],
  ['in JSON', json],
  ['in JSON with escaped slashes', (secret) => json(secret).replaceAll('/', '\\/')],
  ['in JSON, escaped wholly', unicode],
  ['in JSON, escaped wholly in upper case', (secret) => eachUnit(secret, (unit) => `\\u${hex(unit, 4).toUpperCase()}`)],
  ['in JSON, ASCII alone', (secret) => json(secret).replaceAll(/[^\0-\x7f]/g, unicode)],
  ['in JSON in JSON', twice(json)],
  ['in JSON in JSON, escaped wholly', twice(unicode)],
  ['in JavaScript by code points', (secret) => eachPoint(secret, (point) => `\\u{${point.toString(16)}}`)],
  ['in a string of bytes', (secret) => eachByte(secret, (byte) => `\\x${hex(byte)}`)],
  ['percent-encoded', encodeURIComponent],
  ['percent-encoded but for slashes', (secret) => encodeURIComponent(secret).replaceAll('%2F', '/')],
  ['percent-encoded in lower case', (secret) => percent(secret).toLowerCase()],
  ['percent-encoded wholly', percent],
  [
    'percent-encoded in part',
    (secret) =>
      eachPoint(secret, (point) =>
        point % 2 ? percent(String.fromCodePoint(point)) : String.fromCodePoint(point),
      ).replaceAll(/[^%\w]/gu, percent),
  ],
  ['percent-encoded twice', twice(encodeURIComponent)],
  ['percent-encoded twice, wholly', twice(percent)],
  [
    'percent-encoded by code units',
    (secret) => eachUnit(secret, (unit) => (unit < 256 ? `%${hex(unit)}` : `%u${hex(unit, 4)}`)),
  ],
  ['in a form', (secret) => new URLSearchParams({ '': secret }).toString().slice(1)],
  ['in HTML', html],
  ['in HTML, decimal', entities],
  ['in HTML, hexadecimal', (secret) => eachPoint(secret, (point) => `&#x${point.toString(16)};`)],
  ['in HTML, with zeros', (secret) => eachPoint(secret, (point) => `&#${String(point).padStart(7, '0')};`)],
  ['in HTML in HTML', twice(html)],
  ['in HTML in HTML, decimal', twice(entities)],
  ['in HTML in JSON', (secret) => json(entities(secret))],
  ['in JSON in HTML', (secret) => html(json(secret))],
  ['in JSON, percent-encoded', (secret) => encodeURIComponent(json(secret))],
  ['percent-encoded, in JSON', (secret) => unicode(percent(secret))],
  ['percent-encoded, in HTML', (secret) => entities(percent(secret))],
  ['quoted-printable', quotedPrintable],
  ['quoted-printable with soft line breaks', (secret) => quotedPrintable(secret).replaceAll(/.{12}/g, '$&=\r\n')],
  ['quoted-printable of JSON', (secret) => quotedPrintable(unicode(secret))],
  ['hexadecimal', hexOf],
  ['hexadecimal in upper case', (secret) => hexOf(secret).toUpperCase()],
  ['hexadecimal with colons', (secret) => eachByte(secret, (byte) => hex(byte), ':')],
  ['hexadecimal with spaces', (secret) => eachByte(secret, (byte) => hex(byte), ' ')],
  ['hexadecimal as numbers', (secret) => eachByte(secret, (byte) => `0x${hex(byte)}`, ', ')],
  ['hexadecimal twice', twice(hexOf)],
  ['hexadecimal of percent-encoding', (secret) => hexOf(percent(secret))],
  ['hexadecimal of base64', (secret) => hexOf(base64(secret))],
  ['UTF-16, little endian', (secret) => Buffer.from(secret, 'utf16le')],
  ['UTF-16, big endian', utf16be],
  ['UTF-16 of JSON, escaped wholly', (secret) => Buffer.from(unicode(secret), 'utf16le')],
  ['Latin-1', (secret) => (/^[\0-\xff]*$/.test(secret) ? Buffer.from(secret, 'latin1') : secret)],
  ['UTF-8 read as Latin-1', (secret) => Buffer.from(secret).toString('latin1')],
  ['UTF-8 read as windows-1252', (secret) => new TextDecoder('windows-1252').decode(Buffer.from(secret))],
  ['reversed', (secret) => Array.from(secret).toReversed().join('')],
  ['base64', (secret) => base64(secret)],
  ['base64 behind one byte', (secret) => base64(secret, ':')],
  ['base64 behind two bytes', (secret) => base64(secret, 'a:')],
  ['base64url', (secret) => base64url(secret)],
  ['base64url behind one byte', (secret) => base64url(secret, ':')],
  ['base64url behind two bytes', (secret) => base64url(secret, 'a:')],
  ['base64, percent-encoded', (secret) => encodeURIComponent(base64(secret))],
  ['base64, percent-encoded wholly', (secret) => percent(base64(secret))],
  ['base64 in JSON with escaped slashes', (secret) => base64(secret).replaceAll('/', '\\/')],
  ['Basic authentication', (secret) => `Basic ${base64(secret, 'user:')}`],
]

const WITHHELD: readonly (readonly [string, EchoShape['make']])[] = [
  ['base64 in lines', (secret) => base64(secret).replaceAll(/.{6}/g, '$&\r\n')],
  ['base64 twice', twice(base64)],
  ['base64 three times', thrice(base64)],
  ['base64url three times', thrice(base64url)],
  ['base64 of percent-encoding', (secret) => base64(percent(secret))],
  ['base64 of JSON, escaped wholly', (secret) => base64(unicode(secret))],
  ['base64 of HTML, decimal', (secret) => base64(entities(secret))],
  ['base64 of hexadecimal', (secret) => base64(hexOf(secret))],
  ['base64 of UTF-16', (secret) => base64(Buffer.from(secret, 'utf16le'))],
  ['base64 of base64, percent-encoded wholly', (secret) => percent(base64(base64(secret)))],
]

const MISSED: readonly (readonly [string, EchoShape['make']])[] = [
  ['split by a line break', (secret) => `${secret.slice(0, 3)}\n${secret.slice(3)}`],
  ['with spaces between its characters', (secret) => Array.from(secret).join(' ')],
  ['with dots between its characters', (secret) => Array.from(secret).join('.')],
  ['with zero-width characters between its characters', (secret) => Array.from(secret).join('\u200b')],
  ['with tags between its characters', (secret) => Array.from(secret, (each) => `<b>${each}</b>`).join('')],
  ['as a list of characters', (secret) => JSON.stringify(Array.from(secret))],
  ['as a list of decimal numbers', (secret) => JSON.stringify(Array.from(Buffer.from(secret)))],
  ['in octal escapes', (secret) => eachByte(secret, (byte) => `\\${byte.toString(8).padStart(3, '0')}`)],
  ['in escapes of CSS', (secret) => eachPoint(secret, (point) => `\\${point.toString(16)} `)],
  ['as a hexadecimal dump in lines', dump],
  ['in base32', (secret) => base32(Buffer.from(secret))],
  ['in binary digits', (secret) => eachByte(secret, (byte) => byte.toString(2).padStart(8, '0'))],
  ['with its letters rotated', (secret) => secret.replaceAll(/[a-z]/gi, rotated)],
  ['hashed', (secret) => createHash('sha256').update(secret).digest('hex')],
  ['in part', (secret) => secret.slice(0, Math.ceil(secret.length / 2))],
  ['compressed with gzip, undecoded', (secret) => gzipSync(secret.repeat(3))],
  ['compressed with deflate, undecoded', (secret) => deflateSync(secret.repeat(3))],
  ['percent-encoded wholly three times', thrice(percent)],
  ['base64 four times', (secret) => base64(thrice(base64)(secret))],
]

export const ECHO_SHAPES: readonly EchoShape[] = [
  ...CUT.map(([name, make]) => ({ name, make, fate: 'cut' as const })),
  ...WITHHELD.map(([name, make]) => ({ name, make, fate: 'withheld' as const })),
  ...MISSED.map(([name, make]) => ({ name, make, fate: 'missed' as const })),
]

function rotated(letter: string): string {
  const base = letter < 'a' ? 65 : 97
  return String.fromCharCode(((letter.charCodeAt(0) - base + 13) % 26) + base)
}

/** As `hexdump -C` writes it, four bytes a line so that the shortest is split too. */
function dump(secret: string): string {
  const bytes = Buffer.from(secret)
  const lines = Array.from({ length: Math.ceil(bytes.length / 4) }, (_, index) =>
    bytes.subarray(index * 4, index * 4 + 4),
  )
  return lines
    .map(
      (line, index) =>
        `${hex(index * 4, 8)}  ${line.toString('hex')}  |${line.toString('latin1').replaceAll(/[^ -~]/g, '.')}|`,
    )
    .join('\n')
}

function base32(bytes: Uint8Array): string {
  const bits = Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0')).join('')
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  return bits.replaceAll(/.{1,5}/g, (five) => digits[Number.parseInt(five.padEnd(5, '0'), 2)] ?? '')
}
