import { Buffer } from 'buffer/'

/** UTF-8 only; another label is refused (WHATWG Encoding names many more). */
class GuestTextDecoder {
  readonly encoding = 'utf-8'
  readonly fatal: boolean
  readonly ignoreBOM: boolean
  readonly #other: string | undefined

  constructor(label = 'utf-8', options: { readonly fatal?: boolean; readonly ignoreBOM?: boolean } = {}) {
    // A library tries these out when it is loaded.
    this.#other = /^(latin1|utf-16[bl]e)$/.exec(label)?.[0]
    if (this.#other === undefined && !/^\s*(utf-?8|unicode-1-1-utf-8)\s*$/i.test(label))
      throw new RangeError(`TextDecoder: "${label}" is not supported; only utf-8 is`)
    this.fatal = options.fatal === true
    this.ignoreBOM = options.ignoreBOM === true
  }

  decode(input?: ArrayBuffer | ArrayBufferView): string {
    const bytes = viewOf(input)
    if (this.#other === 'latin1') return bytes.toString('latin1')
    if (this.#other !== undefined)
      return (this.#other === 'utf-16be' ? Buffer.from(bytes).swap16() : bytes).toString('utf16le')
    const text = bytes.toString('utf8')
    if (this.fatal && !Buffer.from(text, 'utf8').equals(bytes)) throw new TypeError('the data is not valid utf-8')
    return !this.ignoreBOM && text.startsWith('\uFEFF') ? text.slice(1) : text
  }
}

class GuestTextEncoder {
  readonly encoding = 'utf-8'

  encode(text = ''): Uint8Array {
    const bytes = Buffer.from(String(text), 'utf8')
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }
}

function viewOf(input: ArrayBuffer | ArrayBufferView | undefined): Buffer {
  if (input === undefined) return Buffer.alloc(0)
  if (ArrayBuffer.isView(input)) return Buffer.from(input.buffer as ArrayBuffer, input.byteOffset, input.byteLength)
  return Buffer.from(input)
}

export function installEncoding(): void {
  const define = (name: string, value: unknown): void => {
    Object.defineProperty(globalThis, name, { value, writable: true, enumerable: false, configurable: true })
  }
  define('Buffer', Buffer)
  define('TextDecoder', GuestTextDecoder)
  define('TextEncoder', GuestTextEncoder)
  define('atob', (text: string) => Buffer.from(String(text), 'base64').toString('latin1'))
  define('btoa', (text: string) => Buffer.from(String(text), 'latin1').toString('base64'))
}
