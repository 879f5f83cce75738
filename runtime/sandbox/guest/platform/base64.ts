/** atob and btoa (HTML section 8.3, Infra: forgiving-base64). */
import { domString } from './dom-string.ts'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const PIECE = 0x2000

export function atob(...args: readonly unknown[]): string {
  if (args.length === 0) throw new TypeError('atob needs one argument')
  const text = domString(args[0]).replace(/[\t\n\f\r ]+/g, '')
  const clean = text.length % 4 === 0 ? text.replace(/={1,2}$/, '') : text
  if (clean.length % 4 === 1 || /[^A-Za-z0-9+/]/.test(clean)) throw invalid('the string is no base64')
  const pieces: string[] = []
  const codes: number[] = []
  let held = 0
  let bits = 0
  for (const character of clean) {
    held = ((held << 6) | ALPHABET.indexOf(character)) & 0xffff
    bits += 6
    if (bits < 8) continue
    bits -= 8
    if (codes.push((held >> bits) & 0xff) === PIECE) pieces.push(String.fromCharCode(...codes.splice(0)))
  }
  return pieces.join('') + String.fromCharCode(...codes)
}

export function btoa(...args: readonly unknown[]): string {
  if (args.length === 0) throw new TypeError('btoa needs one argument')
  const text = domString(args[0])
  const pieces: string[] = []
  for (let at = 0; at < text.length; at += 3) {
    const left = text.length - at
    const codes = [text.charCodeAt(at), left > 1 ? text.charCodeAt(at + 1) : 0, left > 2 ? text.charCodeAt(at + 2) : 0]
    const [first = 0, second = 0, third = 0] = codes
    if (first > 255 || second > 255 || third > 255) throw invalid('the string holds a character above U+00FF')
    const group = (first << 16) | (second << 8) | third
    pieces.push(
      ALPHABET.charAt(group >> 18) +
        ALPHABET.charAt((group >> 12) & 63) +
        (left > 1 ? ALPHABET.charAt((group >> 6) & 63) : '=') +
        (left > 2 ? ALPHABET.charAt(group & 63) : '='),
    )
  }
  return pieces.join('')
}

function invalid(message: string): DOMException {
  return new DOMException(message, 'InvalidCharacterError')
}
