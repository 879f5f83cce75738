/** Standard output and error as long as somebody reads them. */
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
