/** A sandbox process that is none: says that it is ready, and answers the start of a call with these frames. */
import type { SandboxChild } from '../../runtime/ports.ts'
import { createFrameReader, encodeFrame, FRAME } from '../../runtime/sandbox/frames.ts'

export function liar(frames: (call: number) => readonly Uint8Array[]): SandboxChild {
  let tell: (chunk: Buffer) => void = () => undefined
  let exit: (how: string) => void = () => undefined
  const read = createFrameReader(64 * 1024 * 1024)
  setImmediate(() => tell(encodeFrame(FRAME.ready, 0, 0, '{}')))
  return {
    write: (chunk) => {
      const starts = read(Buffer.from(chunk)).filter(({ kind }) => kind === FRAME.start)
      setImmediate(() => {
        for (const { call } of starts) for (const answer of frames(call)) tell(Buffer.from(answer))
      })
      return 0
    },
    onData: (listener) => (tell = listener),
    onExit: (listener) => (exit = listener),
    kill: () => setImmediate(() => exit('signal SIGKILL')),
    residentBytes: () => 0,
  }
}
