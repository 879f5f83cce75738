/** Standard output and error as long as somebody reads them, and what may be written there. */
import { styleText } from 'node:util'
import { codeOf } from '../errors.ts'
import { printable, printableJson } from '../printable.ts'

let isReaderGone = false
let failure: Error | undefined

/** A reader that went away (`| head`) ends no run, whose effects go on; any other failure loses what was said. */
export function watchOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error) => {
      if (codeOf(error) === 'EPIPE') isReaderGone ||= stream === process.stdout
      else if (failure === undefined) {
        failure = error
        process.stderr.write(`run-agent: couldn't write the output: ${printable(error.message)}\n`)
      }
    })
  }
}

/** An object as one line of standard output, with nothing in it that a terminal obeys; bytes as in the trail. */
export function writeJson(value: object): void {
  const withBytes = (_key: string, item: unknown): unknown =>
    item instanceof Uint8Array ? { $bytes: Buffer.from(item).toString('base64') } : item
  process.stdout.write(`${printableJson(JSON.stringify(value, withBytes))}\n`)
}

export function outputFailed(): boolean {
  return failure !== undefined
}

/** Node's own `writable` says true of a standard output whatever became of it. */
export function hasReader(): boolean {
  return !isReaderGone
}

/** What stands behind a stream decides what is written there. */
export interface Terminal {
  /** False: a file, a pipe, nobody. */
  readonly isWatched: boolean
  /** Whether a line that is there can be written again. */
  readonly isLive: boolean
  readonly hasColour: boolean
}

type Stream = { readonly isTTY?: boolean }
type Environment = Readonly<Record<string, string | undefined>>

/** A log of a build is read later and from the top, so nothing is rewritten there even where it is a terminal. */
export function terminalOf({ isTTY = false }: Stream, variables: Environment = process.env): Terminal {
  const isGiven = (name: string): boolean => (variables[name] ?? '') !== ''
  const isDumb = variables['TERM'] === 'dumb'
  return {
    isWatched: isTTY,
    isLive: isTTY && !isDumb && !isGiven('CI'),
    hasColour: isTTY && !isDumb && !isGiven('NO_COLOR'),
  }
}

export type Style = 'green' | 'red' | 'yellow' | 'dim'
export type Paint = (style: Style, text: string) => string

export function painter({ hasColour }: Terminal): Paint {
  // Whether there is colour is decided above, and not again.
  return hasColour ? (style, text) => styleText(style, text, { validateStream: false }) : (_style, text) => text
}
