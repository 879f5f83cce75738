/** One sandbox process: its frames, its memory, its end. */
import { RunAgentError } from '../errors.ts'
import {
  FILE_WRITE_BYTES_MAX,
  FRAME_BYTES_MAX,
  HTTP_REDIRECTS_MAX,
  REQUESTS_IN_FLIGHT_MAX,
  SANDBOX_BACKLOG_BYTES_MAX,
  SANDBOX_BASE_BYTES,
  SANDBOX_START_MS,
  SANDBOX_WATCH_MS,
  TOOL_LOG_LINES_MAX,
} from '../limits.ts'
import type { Clock, SandboxChild } from '../ports.ts'
import { createFrameReader, createFrameWriter, FRAME, type Frame, type SendFrame } from './frames.ts'
import type { Delivery, GuestCall, GuestCode } from './guest-run.ts'

export interface ProcessListener {
  /** May throw: what a process sends that makes no sense ends it. */
  onFrame(process: SandboxProcess, frame: Frame): void
  onExit(process: SandboxProcess, how: string): void
  /** What the heaps of the calls in this process may hold together. */
  memoryBytes(process: SandboxProcess): number
}

export class SandboxProcess {
  readonly ready: Promise<void>
  readonly #child: SandboxChild
  readonly #clock: Clock
  readonly #listener: ProcessListener
  readonly #codes = new Set<string>()
  readonly #send: SendFrame
  #exited = false
  #stopWatch: () => void = () => undefined
  /** No new call is put into it; it ends with its last one. */
  retired = false
  killedFor: string | undefined
  /** Calls that were ever put into it: what an earlier one left behind may bring it down under a later one. */
  calls = 0

  constructor(child: SandboxChild, clock: Clock, listener: ProcessListener) {
    this.#child = child
    this.#clock = clock
    this.#listener = listener
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.ready = promise
    const stopTimer = clock.after(SANDBOX_START_MS, () => this.kill('no start'))
    this.#send = createFrameWriter((bytes) => this.#write(bytes), process.nextTick)
    const read = createFrameReader(FRAME_BYTES_MAX)
    let isReady = false
    child.onData((chunk) => {
      try {
        for (const frame of read(chunk)) {
          if (this.#exited || this.killedFor !== undefined) return
          if (isReady === (frame.kind === FRAME.ready)) throw new RangeError('`ready` is the first frame and no other')
          if (isReady) this.#listener.onFrame(this, frame)
          else {
            isReady = true
            stopTimer()
            this.#watch()
            resolve()
          }
        }
      } catch {
        this.kill('malformed frames')
      }
    })
    child.onExit((how) => {
      this.#exited = true
      this.retired = true
      stopTimer()
      this.#stopWatch()
      reject(new RunAgentError('E_SANDBOX', `the sandbox process ended before it was ready (${how})`))
      this.#listener.onExit(this, this.killedFor ?? how)
    })
  }

  sendCode(code: GuestCode): void {
    if (this.#codes.has(code.hash)) return
    this.#codes.add(code.hash)
    this.#send(FRAME.code, 0, 0, `${code.hash}\n${code.name}\n${code.source}`)
  }

  /** A part of the guest platform, once; false: it was sent already, and a process that is ours asks but once. */
  sendPart(name: string, part: Promise<GuestCode>): boolean {
    const hash = `part ${name}`
    if (this.#codes.has(hash)) return false
    this.#codes.add(hash)
    part.then(
      (code) => this.#send(FRAME.code, 0, 0, `${hash}\n${code.name}\n${code.source}`),
      () => this.kill(`without the platform's part ${name}`),
    )
    return true
  }

  startCall(id: number, call: GuestCall, wallMs: number, tellsIdle: boolean): void {
    this.sendCode(call.bundle)
    if (call.describer !== undefined) this.sendCode(call.describer)
    const { limits, bundle, describer } = call
    const { entry, input, schema, narrowing, settings, seed, now, user, idempotencyKey } = call
    const { resultBytesMax, logBytesMax } = limits
    const spec = {
      bundle: bundle.hash,
      describer: describer?.hash,
      memoryBytes: limits.memoryBytes,
      wallMs,
      limitMs: limits.wallMs,
      cpuMs: limits.cpuMs,
      requestsMax: limits.requestsMax,
      logBytesMax,
      logLinesMax: TOOL_LOG_LINES_MAX,
      tellsIdle,
    }
    const record = {
      entry,
      schema,
      narrowing,
      settings,
      seed,
      now,
      user,
      idempotencyKey,
      resultBytesMax,
      logBytesMax,
      bodyBytesMax: FILE_WRITE_BYTES_MAX,
      redirectsMax: HTTP_REDIRECTS_MAX,
      logLinesMax: TOOL_LOG_LINES_MAX,
      inFlightMax: REQUESTS_IN_FLIGHT_MAX,
    }
    this.calls += 1
    // The input is text as it is; within the JSON it would be escaped twice and read three times.
    this.#send(FRAME.start, id, 0, `${JSON.stringify(spec)}\n${JSON.stringify(record)}\n${input}`)
  }

  deliver(id: number, { ordinal, now, payload }: Delivery): void {
    this.#send(FRAME.deliver, id, ordinal, `${now}\n${payload}`)
  }

  cancel(id: number): void {
    this.#send(FRAME.cancel, id, 0, '')
  }

  kill(why = 'retired'): void {
    this.killedFor ??= why
    this.retired = true
    this.#stopWatch()
    this.#child.kill()
  }

  #write(bytes: Buffer): void {
    if (this.#exited || this.killedFor !== undefined) return
    const waiting = this.#child.write(bytes)
    if (waiting > SANDBOX_BACKLOG_BYTES_MAX) this.kill('it does not read')
  }

  /**
   * The memory of the process is read from outside; nothing inside can hide it. Also when no call is alive in it:
   * what a call that has ended still runs (a fill of a huge array cannot be interrupted) allocates on.
   */
  #watch(): void {
    const look = (): void => {
      if (this.#exited) return
      const allowed = this.#listener.memoryBytes(this)
      if ((this.#child.residentBytes() ?? 0) > SANDBOX_BASE_BYTES + allowed) return this.kill('memory')
      this.#stopWatch = this.#clock.after(SANDBOX_WATCH_MS, look)
    }
    this.#stopWatch = this.#clock.after(SANDBOX_WATCH_MS, look)
  }
}
