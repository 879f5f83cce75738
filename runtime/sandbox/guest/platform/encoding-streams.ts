/** TextDecoderStream and TextEncoderStream (WHATWG Encoding sections 7.5 and 7.6). */
import { domString } from './dom-string.ts'
import { viewOf } from './bytes.ts'
import { asInterface } from './interface.ts'

export class TextDecoderStream {
  readonly #decoder: TextDecoder
  readonly #transform: TransformStream<unknown, string>

  constructor(label?: string, options?: { readonly fatal?: boolean; readonly ignoreBOM?: boolean }) {
    const decoder = new TextDecoder(label, options)
    this.#decoder = decoder
    this.#transform = new TransformStream<unknown, string>({
      transform(chunk, controller) {
        const bytes = viewOf(chunk)
        if (bytes === undefined)
          throw new TypeError('TextDecoderStream: a chunk must be an ArrayBuffer or a view of one')
        const text = decoder.decode(bytes, { stream: true })
        if (text !== '') controller.enqueue(text)
      },
      flush(controller) {
        const text = decoder.decode()
        if (text !== '') controller.enqueue(text)
      },
    })
  }

  get encoding(): string {
    return this.#decoder.encoding
  }

  get fatal(): boolean {
    return this.#decoder.fatal
  }

  get ignoreBOM(): boolean {
    return this.#decoder.ignoreBOM
  }

  get readable(): ReadableStream<string> {
    return this.#transform.readable
  }

  get writable(): WritableStream<unknown> {
    return this.#transform.writable
  }
}

export class TextEncoderStream {
  readonly #transform: TransformStream<unknown, Uint8Array>

  constructor() {
    const encoder = new TextEncoder()
    // The first half of a pair whose second half may be in the next chunk.
    let lead = ''
    this.#transform = new TransformStream<unknown, Uint8Array>({
      transform(chunk, controller) {
        const text = lead + domString(chunk)
        const endsInLead = (text.charCodeAt(text.length - 1) & 0xfc00) === 0xd800
        lead = endsInLead ? text.slice(-1) : ''
        const whole = endsInLead ? text.slice(0, -1) : text
        if (whole !== '') controller.enqueue(encoder.encode(whole))
      },
      flush(controller) {
        if (lead !== '') controller.enqueue(encoder.encode(lead))
      },
    })
  }

  get encoding(): string {
    return 'utf-8'
  }

  get readable(): ReadableStream<Uint8Array> {
    return this.#transform.readable
  }

  get writable(): WritableStream<unknown> {
    return this.#transform.writable
  }
}

asInterface(TextDecoderStream, 'TextDecoderStream')
asInterface(TextEncoderStream, 'TextEncoderStream')
