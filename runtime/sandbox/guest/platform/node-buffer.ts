/** node:buffer and the global Buffer: the package of that name, with what Node added since. */
import * as base from 'buffer/index.js'
import { refused, wrongType } from './node-refused.ts'

const { Buffer } = base
type Encoding = BufferEncoding

const isUrl = (encoding: unknown): boolean => typeof encoding === 'string' && encoding.toLowerCase() === 'base64url'
const plain = (encoding: unknown): unknown => (isUrl(encoding) ? 'base64' : encoding)
const define = (owner: object, members: Readonly<Record<string, unknown>>): void => {
  for (const [name, value] of Object.entries(members)) {
    Object.defineProperty(owner, name, { value, writable: true, enumerable: false, configurable: true })
  }
}
// Where a Node is old or a tool took them away, the package's own way in JavaScript remains.
const toBase64: ((options: object) => string) | undefined = Reflect.get(Uint8Array.prototype, 'toBase64')
const toHex: (() => string) | undefined = Reflect.get(Uint8Array.prototype, 'toHex')

// The bundler has renamed it.
Object.defineProperty(Buffer, 'name', { value: 'Buffer', configurable: true })

function addEncodings(): void {
  const { isEncoding, byteLength } = Buffer
  const { toString, write } = Buffer.prototype
  define(Buffer, {
    isEncoding: (encoding: unknown) => isEncoding(String(plain(encoding))),
    byteLength: (data: string, encoding?: Encoding) => {
      if (typeof data === 'string' && isUrl(encoding)) return Math.floor((data.replace(/=+$/, '').length * 3) / 4)
      return byteLength(data, encoding)
    },
    copyBytesFrom: (view: NodeJS.TypedArray, offset = 0, length = view.length - offset) => {
      const part = view.slice(offset, offset + length)
      return Buffer.from(part.buffer, part.byteOffset, part.byteLength)
    },
  })
  const name = function (this: Buffer, encoding?: Encoding, start?: number, end?: number): string {
    const lower = typeof encoding === 'string' ? encoding.toLowerCase() : 'utf8'
    if (lower === 'base64' || lower === 'base64url' || lower === 'hex') {
      const whole = start === undefined && end === undefined ? this : this.subarray(start, end)
      if (lower === 'hex' && toHex !== undefined) return toHex.call(whole)
      if (lower !== 'hex' && toBase64 !== undefined) {
        return toBase64.call(whole, lower === 'base64' ? {} : { alphabet: 'base64url', omitPadding: true })
      }
      const text: string = toString.call(whole, lower === 'hex' ? 'hex' : 'base64')
      return lower === 'base64url' ? text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '') : text
    }
    return toString.call(this, encoding, start, end)
  }
  define(Buffer.prototype, {
    toString: name,
    write(this: Buffer, ...args: unknown[]): number {
      return Reflect.apply(write, this, args.map(plain))
    },
  })
}

addEncodings()

const bytesOf = (input: unknown): Buffer => {
  if (input instanceof ArrayBuffer) return Buffer.from(input)
  if (ArrayBuffer.isView(input)) return Buffer.from(input.buffer as ArrayBuffer, input.byteOffset, input.byteLength)
  throw wrongType('input', 'an instance of ArrayBuffer, Buffer, or TypedArray', input)
}

const isAscii = (input: unknown): boolean => bytesOf(input).every((byte) => byte < 0x80)

function isUtf8(input: unknown): boolean {
  const bytes = bytesOf(input)
  for (let at = 0; at < bytes.length;) {
    const lead = bytes[at] ?? 0
    const more = lead < 0x80 ? 0 : lead < 0xc2 ? -1 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : lead < 0xf5 ? 3 : -1
    if (more === -1 || at + more >= bytes.length) return false
    // The second byte's range excludes overlong forms, surrogates and what lies above U+10FFFF (RFC 3629 section 4).
    const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
    const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
    for (let next = 1; next <= more; next += 1) {
      const byte = bytes[at + next] ?? 0
      if (byte < (next === 1 ? low : 0x80) || byte > (next === 1 ? high : 0xbf)) return false
    }
    at += more + 1
  }
  return true
}

function transcode(source: Uint8Array, from: Encoding, to: Encoding): Buffer {
  const text = bytesOf(source).toString(from)
  const single = to === 'latin1' || to === 'binary' || to === 'ascii'
  if (!single) return Buffer.from(text, to)
  const limit = to === 'ascii' ? 0x7f : 0xff
  return Buffer.from(
    Array.from(text, (character) => ((character.codePointAt(0) ?? 0) > limit ? '?' : character)).join(''),
    'latin1',
  )
}

/** Named by their names, so that the part which has them is loaded by those who use them alone. */
const WEB = ['Blob', 'File', 'atob', 'btoa'] as const

export { Buffer }

export const buffer = Object.defineProperties(
  {
    ...base,
    isAscii,
    isUtf8,
    transcode,
    constants: Object.freeze({ MAX_LENGTH: base.kMaxLength, MAX_STRING_LENGTH: 2 ** 29 - 24 }),
    kStringMaxLength: 2 ** 29 - 24,
    resolveObjectURL: refused('buffer.resolveObjectURL', 'there are no blob: URLs'),
  },
  Object.fromEntries(
    WEB.map((name) => [
      name,
      { get: (): unknown => Reflect.get(globalThis, name), enumerable: true, configurable: true },
    ]),
  ),
)
