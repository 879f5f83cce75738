/** windows-1252, which `latin1` and `ascii` are other names of (WHATWG Encoding section 9). */

/** 0x80 to 0x9F; every other byte is the code point of its number. */
const HIGH =
  '\u20AC\u0081\u201A\u0192\u201E\u2026\u2020\u2021\u02C6\u2030\u0160\u2039\u0152\u008D\u017D\u008F' +
  '\u0090\u2018\u2019\u201C\u201D\u2022\u2013\u2014\u02DC\u2122\u0161\u203A\u0153\u009D\u017E\u0178'
const PIECE = 8192

export function decodeWindows1252(bytes: Uint8Array): string {
  const pieces: string[] = []
  for (let at = 0; at < bytes.length; at += PIECE) {
    pieces.push(Reflect.apply(String.fromCharCode, undefined, bytes.subarray(at, at + PIECE)))
  }
  // oxlint-disable-next-line no-control-regex
  return pieces.join('').replace(/[\x80-\x9f]/g, (character) => HIGH.charAt(character.charCodeAt(0) - 0x80))
}
