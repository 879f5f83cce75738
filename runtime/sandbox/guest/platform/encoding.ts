/** TextEncoder and TextDecoder (WHATWG Encoding). What no UTF is lies in a part of its own. */
import { domString } from './dom-string.ts'
import { viewOf } from './bytes.ts'
import { utf16Decoder } from './encoding/utf16.ts'
import { decodeUtf8, encodeUtf8, encodeUtf8Into, utf8State } from './encoding/utf8.ts'
import { decodeWindows1252 } from './encoding/windows-1252.ts'
import { asInterface } from './interface.ts'
import { runtime } from './runtime.ts'

/** Decodes a stream of chunks; the last says so. */
export type ChunkDecoder = (bytes: Uint8Array, isLast: boolean) => string

/** What nearly everybody asks for; the other labels are known to the other part. */
const COMMON: ReadonlyMap<string, string> = new Map([
  ['utf-8', 'utf-8'],
  ['utf8', 'utf-8'],
  ['unicode-1-1-utf-8', 'utf-8'],
  ['utf-16', 'utf-16le'],
  ['utf-16le', 'utf-16le'],
  ['utf-16be', 'utf-16be'],
  ['ascii', 'windows-1252'],
  ['latin1', 'windows-1252'],
  ['windows-1252', 'windows-1252'],
])

interface Legacy {
  readonly encodingOf: (label: string) => string | null
  readonly legacyDecoder: (encoding: string, fatal: boolean) => ChunkDecoder
}

interface DecodeOptions {
  readonly fatal?: unknown
  readonly ignoreBOM?: unknown
  readonly stream?: unknown
}

export class TextDecoder {
  readonly #encoding: string
  readonly #fatal: boolean
  readonly #ignoreBOM: boolean
  /** A stream that goes on; undefined before its first chunk and after its last. */
  #decode: ChunkDecoder | undefined
  #bomMayCome = true

  constructor(label: unknown = 'utf-8', options?: DecodeOptions | null) {
    const text = domString(label)
    const name = COMMON.get(text.replace(/^[\t\n\f\r ]+|[\t\n\f\r ]+$/g, '').toLowerCase()) ?? legacy().encodingOf(text)
    if (name === null || name === 'replacement') throw new RangeError(`TextDecoder: "${String(label)}" is no encoding`)
    this.#encoding = name
    this.#fatal = Boolean(dictionary(options).fatal)
    this.#ignoreBOM = Boolean(dictionary(options).ignoreBOM)
  }

  get encoding(): string {
    return this.#encoding
  }

  get fatal(): boolean {
    return this.#fatal
  }

  get ignoreBOM(): boolean {
    return this.#ignoreBOM
  }

  decode(input?: unknown, options?: DecodeOptions | null): string {
    const bytes = input === undefined ? new Uint8Array() : viewOf(input)
    if (bytes === undefined) throw new TypeError('TextDecoder: what is decoded must be an ArrayBuffer or a view of one')
    const goesOn = Boolean(dictionary(options).stream)
    if (this.#decode === undefined) {
      this.#decode = decoderOf(this.#encoding, this.#fatal)
      this.#bomMayCome = !this.#ignoreBOM && this.#encoding.startsWith('utf-')
    }
    const decode = this.#decode
    if (!goesOn) this.#decode = undefined
    const text = decode(bytes, !goesOn)
    if (!this.#bomMayCome || text === '') return text
    this.#bomMayCome = false
    return text.startsWith('\uFEFF') ? text.slice(1) : text
  }
}

export class TextEncoder {
  get encoding(): string {
    return 'utf-8'
  }

  encode(input: unknown = ''): Uint8Array {
    return encodeUtf8(domString(input))
  }

  encodeInto(source: unknown, destination: unknown): { readonly read: number; readonly written: number } {
    if (!(destination instanceof Uint8Array)) throw new TypeError('TextEncoder: the destination must be a Uint8Array')
    return encodeUtf8Into(domString(source), destination)
  }
}

asInterface(TextDecoder, 'TextDecoder')
asInterface(TextEncoder, 'TextEncoder')

function dictionary(options: DecodeOptions | null | undefined): DecodeOptions {
  if (options === undefined || options === null) return {}
  if (typeof options !== 'object' && typeof options !== 'function') throw new TypeError('the options must be an object')
  return options
}

function decoderOf(encoding: string, fatal: boolean): ChunkDecoder {
  if (encoding === 'utf-8') {
    const state = utf8State()
    return (bytes, isLast) => decodeUtf8(bytes, state, fatal, isLast)
  }
  if (encoding.startsWith('utf-16')) return utf16Decoder(encoding === 'utf-16be', fatal)
  if (encoding === 'windows-1252') return decodeWindows1252
  return legacy().legacyDecoder(encoding, fatal)
}

function legacy(): Legacy {
  return runtime.part('encoding-legacy') as Legacy
}
