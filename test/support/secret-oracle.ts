/** Whether a secret can be read in some bytes: slow and simple, by other means than the scrubber's. */

type Decoding = (text: string) => readonly string[]

const fromHex = (digits: string): string =>
  Buffer.from(digits.replaceAll(/0x|[^0-9a-f]/gi, ''), 'hex').toString('latin1')
const utf8 = (text: string): string => Buffer.from(text).toString('latin1')
const point = (digits: string, base: number): string => {
  const value = Number.parseInt(digits, base)
  return value <= 0x10ffff ? utf8(String.fromCodePoint(value)) : ''
}
const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", eacute: utf8('é') }

/** Texts are bytes here, each a character of Latin-1. */
const DECODINGS: readonly Decoding[] = [
  (text) => [text.replaceAll(/%([0-9a-f]{2})/gi, (_, digits: string) => fromHex(digits))],
  (text) => [
    text
      .replaceAll(/%u([0-9a-f]{4})/gi, (_, digits: string) => point(digits, 16))
      .replaceAll(/%([0-9a-f]{2})/gi, (_, digits: string) => fromHex(digits)),
  ],
  (text) => [text.replaceAll('+', ' ').replaceAll(/%([0-9a-f]{2})/gi, (_, digits: string) => fromHex(digits))],
  (text) => [
    text.replaceAll(
      /(?:\\u[0-9a-f]{4})+|\\u\{([0-9a-f]+)\}|\\x([0-9a-f]{2})|\\([^a-z0-9])/gi,
      (all, braced?: string, byte?: string, other?: string) =>
        braced !== undefined
          ? point(braced, 16)
          : byte !== undefined
            ? fromHex(byte)
            : (other ?? utf8(JSON.parse(`"${all}"`) as string)),
    ),
  ],
  (text) => [
    text.replaceAll(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (all, digits?: string, decimal?: string, name?: string) =>
      digits !== undefined
        ? point(digits, 16)
        : decimal !== undefined
          ? point(decimal, 10)
          : (NAMED[name ?? ''] ?? all),
    ),
  ],
  (text) => [text.replaceAll(/=\r?\n/g, '').replaceAll(/=([0-9a-f]{2})/gi, (_, digits: string) => fromHex(digits))],
  (text) => [text.replaceAll('\0', '')],
  (text) => Array.from(text.matchAll(/(?:(?:0x)?[0-9a-f]{2}(?:, |[ :])?){6,}/gi), ([run]) => fromHex(run)),
  (text) =>
    Array.from(text.matchAll(/[\w+/-]{8,}(?:\r?\n[\w+/-]+)*/g), ([run]) => run.replaceAll(/\s/g, '')).flatMap((run) =>
      [0, 1, 2, 3].map((skipped) => Buffer.from(run.slice(skipped), 'base64').toString('latin1')),
    ),
]

/** Whether it shows as it is, or once or twice decoded. */
export function isReadable(bytes: Uint8Array, secret: string): boolean {
  const forms = formsOf(secret)
  const shows = (text: string): boolean => {
    const folded = text.toLowerCase()
    return forms.some((form) => folded.includes(form))
  }
  const whole = Buffer.from(bytes).toString('latin1')
  if (shows(whole)) return true
  const once = DECODINGS.flatMap((decode) => decode(whole)).filter((text) => text !== whole)
  return once.some(shows) || once.some((text) => DECODINGS.some((decode) => decode(text).some(shows)))
}

function formsOf(secret: string): readonly string[] {
  const wide = Buffer.from(secret, 'utf16le')
  const forms = [
    ...[secret, secret.normalize('NFC'), secret.normalize('NFD'), Array.from(secret).toReversed().join('')].map(utf8),
    utf8(utf8(secret)),
    utf8(new TextDecoder('windows-1252').decode(Buffer.from(secret))),
    wide.toString('latin1'),
    Buffer.from(wide).swap16().toString('latin1'),
    ...(/^[\0-\xff]*$/.test(secret) ? [secret] : []),
  ]
  return [...new Set(forms.map((form) => form.toLowerCase()))]
}
