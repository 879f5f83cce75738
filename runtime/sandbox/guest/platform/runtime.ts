/** What the guest runtime gives the parts of the platform: to them, and to nobody else, it is the module `run-agent`. */
export interface PlatformRuntime {
  /** Sends one request; its ordinal is known at once. The answer rejects with the outcome's name, code and message. */
  readonly ask: (record: Readonly<Record<string, unknown>>) => {
    readonly ordinal: number
    readonly answer: Promise<unknown>
  }
  readonly log: (level: string, text: string) => void
  readonly base64Of: (bytes: Uint8Array) => string
  /** The same bytes in a new buffer; the old one is detached. */
  readonly moveBuffer: (buffer: ArrayBuffer) => ArrayBuffer
  /** All that another part exports, also what is no global. */
  readonly part: (name: string) => object
  readonly call: CallFacts
}

/** What the host says of the call. */
export interface CallFacts {
  /** 32 hexadecimal digits. */
  readonly seed: string
  /** The clock at its start, in milliseconds since the Unix epoch. */
  readonly now: number
  readonly logBytesMax: number
  /** Texts that console prints, whatever their length. */
  readonly logLinesMax: number
  /** The body of one HTTP request. */
  readonly bodyBytesMax: number
  /** One after the other; the host counts as well. */
  readonly redirectsMax: number
}

/**
 * Not imported: for that, the bundler copies a module's members through what `Object` and its prototype hold by then,
 * and whoever has replaced those would be handed them.
 */
declare const require: (id: 'run-agent') => PlatformRuntime

export const runtime = require('run-agent')
