/**
 * The host's side of the sandbox: runs guest calls in supervised processes.
 *
 * Calls share a process until one of them brings it down. Which one did is known where the host killed for a
 * deadline; else every call that was alive is a suspect and is driven again alone, and the one that brings its own
 * process down is the offender. The others go on from what was delivered to them, with no new side effect.
 */
import { RunAgentError } from '../errors.ts'
import {
  REQUESTS_IN_FLIGHT_MAX,
  REQUESTS_UNDER_WAY_CHARS_MAX,
  SANDBOX_ALONE_MAX,
  SANDBOX_GRACE_MS,
  SANDBOX_STRAY_FRAMES_MAX,
  SANDBOX_YOUNG_BYTES,
  TOOL_LOG_LINES_MAX,
} from '../limits.ts'
import type { Clock, ProcessHost } from '../ports.ts'
import { FRAME, type Frame } from './frames.ts'
import type { GuestCall, GuestCode, GuestEnd, GuestListener, GuestRun } from './guest-run.ts'
import { PLATFORM_PARTS } from './guest/platform-parts.ts'
import { newLiveCall, type LiveCall } from './live-call.ts'
import { parseEnd } from './protocol.ts'
import { SandboxProcess } from './sandbox-process.ts'
import {
  bareCommand,
  findBubblewrap,
  walledCommand,
  type SandboxCommand,
  type SandboxFiles,
  type Wall,
} from './walls.ts'

export interface SandboxOptions {
  readonly processes: ProcessHost
  readonly clock: Clock
  readonly files: SandboxFiles
  /** The guest runtime, as one bundle; may still be under way while a process starts. */
  readonly runtime: GuestCode | Promise<GuestCode>
  /** The code of a part of the guest platform (guest/platform-parts.ts). */
  readonly platform: (part: string) => Promise<GuestCode>
  /** Off only in tests and measurements: `bubblewrap` is left out even where it would stand. */
  readonly outerWall?: boolean
}

export class Sandbox {
  readonly #options: SandboxOptions
  readonly #live = new Map<number, LiveCall>()
  readonly #processes = new Set<SandboxProcess>()
  /** Calls that have a process of their own, and those that wait for one. */
  readonly #alone = new Set<LiveCall>()
  readonly #waiting: LiveCall[] = []
  readonly #strays = new WeakMap<SandboxProcess, number>()
  #command: SandboxCommand | undefined
  #current: Promise<SandboxProcess> | undefined
  #ids = 0
  #closed = false

  constructor(options: SandboxOptions) {
    this.#options = options
  }

  /** Starts the first process ahead of the first call; resolves with the walls that stand around it. */
  async start(): Promise<readonly Wall[]> {
    const launched = (this.#current ??= this.#launch())
    try {
      await launched
    } catch (error) {
      if (this.#current === launched) this.#current = undefined
      throw error
    }
    return this.#command?.walls ?? []
  }

  /** Runs one guest call. Never rejects and never throws for what a guest does. */
  run(call: GuestCall, listener: GuestListener): GuestRun {
    const id = ++this.#ids
    const { promise, resolve } = Promise.withResolvers<GuestEnd>()
    const live = newLiveCall(id, call, listener, resolve, this.#options.clock.now())
    this.#live.set(id, live)
    this.#drive(live)
    return {
      ended: promise,
      deliver: (ordinal, now, payload) => {
        if (!this.#live.has(id)) return
        live.underWayChars -= live.underWay.get(ordinal) ?? 0
        live.underWay.delete(ordinal)
        live.tape.deliver({ ordinal, now, payload })
        this.#feed(live)
      },
      kill: (cause, message) => this.#end(live, { kind: 'killed', cause, message }, true),
    }
  }

  close(): void {
    this.#closed = true
    for (const live of this.#live.values())
      this.#end(live, { kind: 'killed', cause: 'closed', message: 'the run has ended' })
    for (const process of this.#processes) process.kill()
  }

  async #launch(): Promise<SandboxProcess> {
    const { processes, files, clock, runtime } = this.#options
    const listener = {
      onFrame: (process: SandboxProcess, frame: Frame) => this.#hear(process, frame),
      onExit: (process: SandboxProcess, how: string) => this.#buried(process, how),
      memoryBytes: (process: SandboxProcess) => this.#memoryOf(process),
    }
    const start = async (command: SandboxCommand): Promise<SandboxProcess> => {
      if (this.#closed) throw new RunAgentError('E_SANDBOX', 'the sandbox is closed')
      const process = new SandboxProcess(processes.spawnSandbox(command), clock, listener)
      this.#processes.add(process)
      await process.ready
      process.sendCode({ ...(await runtime), hash: 'runtime' })
      return process
    }
    if (this.#command !== undefined) return await start(this.#command)
    const bubblewrap = this.#options.outerWall === false ? undefined : findBubblewrap(processes)
    const walled = bubblewrap === undefined ? undefined : walledCommand(processes, files, bubblewrap)
    try {
      if (walled !== undefined) {
        const process = await start(walled)
        this.#command = walled
        return process
      }
    } catch (error) {
      if (this.#closed) throw error
      // The wall does not stand here (no user namespaces, say). That is reported through start().
    }
    const bare = bareCommand(processes, files)
    const process = await start(bare)
    this.#command = bare
    return process
  }

  /** Puts a call into a process, from the start. */
  #drive(live: LiveCall): void {
    live.seen = live.given = live.logsSeen = live.logBytes = 0
    live.process = undefined
    const launched = live.alone ? this.#launch() : (this.#current ??= this.#launch())
    const askedMs = this.#options.clock.now()
    launched.then(
      (process) => {
        // The call's time is its own: waiting for a process to come up is not part of it.
        live.startedMs += this.#options.clock.now() - askedMs
        if (!this.#live.has(live.id)) return live.alone ? process.kill() : undefined
        if (process.retired && !live.alone) {
          if (this.#current === launched) this.#current = undefined
          return this.#drive(live)
        }
        live.process = process
        process.startCall(live.id, live.call, this.#armBackstop(live), live.listener.onIdle !== undefined)
        this.#feed(live)
      },
      (error: unknown) => {
        if (this.#current === launched) this.#current = undefined
        const message = error instanceof RunAgentError ? error.message : 'the sandbox process did not start'
        this.#end(live, { kind: 'killed', cause: 'sandbox', message })
      },
    )
  }

  /** Hands over the deliveries that the guest, as it stands now, has asked for; strictly in their order. */
  #feed(live: LiveCall): void {
    const { process, tape } = live
    if (process === undefined) return
    for (let next = tape.deliveries[live.given]; next !== undefined; next = tape.deliveries[live.given]) {
      if (next.ordinal >= live.seen) return
      process.deliver(live.id, next)
      tape.forget(live.given)
      live.given += 1
    }
  }

  #hear(process: SandboxProcess, frame: Frame): void {
    // Whoever asked may have ended; others in the process may wait for the same part.
    if (frame.kind === FRAME.need) return this.#hearNeed(process, frame.payload)
    const live = this.#live.get(frame.call)
    // A call that has ended may still have frames under way, but not without end.
    if (live === undefined || live.process !== process) {
      const strays = (this.#strays.get(process) ?? 0) + 1
      if (strays > SANDBOX_STRAY_FRAMES_MAX) throw new RangeError('frames for no call')
      this.#strays.set(process, strays)
      return
    }
    if (frame.kind === FRAME.request) this.#hearRequest(live, frame)
    else if (frame.kind === FRAME.idle) {
      const settled = Number(frame.payload) === live.tape.deliveries.length && live.seen === live.tape.requests
      if (settled) live.listener.onIdle?.(live.seen)
    } else if (frame.kind === FRAME.log) this.#hearLog(live, frame.payload)
    else if (frame.kind === FRAME.end) this.#hearEnd(live, frame.payload)
    else throw new RangeError(`a frame of kind ${frame.kind}`)
  }

  #hearNeed(process: SandboxProcess, part: string): void {
    if (!PLATFORM_PARTS.has(part)) throw new RangeError('a part of no platform')
    const coming = this.#options.platform(part)
    if (!process.sendPart(part, coming)) throw new RangeError('a part that was sent already')
    // The first time it is bundled, which takes a second: that is not the time of any call.
    const askedMs = this.#options.clock.now()
    for (const live of this.#live.values()) {
      if (live.process !== process) continue
      live.stopBackstop()
      const goOn = (): void => {
        if (!this.#live.has(live.id) || live.process !== process) return
        live.startedMs += this.#options.clock.now() - askedMs
        live.stopBackstop()
        this.#armBackstop(live)
      }
      coming.then(goOn, goOn)
    }
  }

  /** How long the call may still take. */
  #armBackstop(live: LiveCall): number {
    const { clock } = this.#options
    const leftMs = Math.max(1, live.call.limits.wallMs - (clock.now() - live.startedMs))
    live.stopBackstop = clock.after(leftMs + SANDBOX_GRACE_MS, () => this.#overdue(live))
    return leftMs
  }

  #hearRequest(live: LiveCall, frame: Frame): void {
    if (frame.ordinal !== live.seen || live.seen >= live.call.limits.requestsMax)
      throw new RangeError('a request out of turn')
    live.seen += 1
    const known = live.tape.request(frame.ordinal, frame.payload)
    if (known === 'different') {
      this.#end(
        live,
        { kind: 'killed', cause: 'nondeterminism', message: 'driven again, the call asked for something else' },
        true,
      )
      return
    }
    if (known === 'new') this.#ask(live, frame)
    this.#feed(live)
  }

  /** Passes on a new request; whoever answers may be slower than the guest asks, and holds them all. */
  #ask(live: LiveCall, { ordinal, payload }: Frame): void {
    live.underWay.set(ordinal, payload.length)
    live.underWayChars += payload.length
    if (live.underWayChars > REQUESTS_UNDER_WAY_CHARS_MAX) {
      const message = `the call has requests of more than ${REQUESTS_UNDER_WAY_CHARS_MAX} characters under way`
      this.#end(live, { kind: 'killed', cause: 'requests', message }, true)
    } else if (live.underWay.size > REQUESTS_IN_FLIGHT_MAX) {
      // The guest's own count stops first; this one is for a guest that took its runtime apart.
      const message = `the call has more than ${REQUESTS_IN_FLIGHT_MAX} requests under way`
      this.#end(live, { kind: 'killed', cause: 'in-flight', message }, true)
    } else live.listener.onRequest(ordinal, payload)
  }

  #hearLog(live: LiveCall, payload: string): void {
    live.logsSeen += 1
    live.logBytes += payload.length + 1
    // The process stops at half of this.
    if (live.logBytes > 4 * live.call.limits.logBytesMax || live.logsSeen > 4 * TOOL_LOG_LINES_MAX)
      throw new RangeError('a log over its limit')
    if (live.logsSeen <= live.tape.logs) return
    live.tape.addLog()
    const cut = payload.indexOf('\n')
    live.listener.onLog(
      payload.slice(0, cut).slice(0, 8),
      payload.slice(cut + 1, cut + 1 + 2 * live.call.limits.logBytesMax),
    )
  }

  #hearEnd(live: LiveCall, payload: string): void {
    if (payload.length > 2 * live.call.limits.resultBytesMax + 65_536) throw new RangeError('a result over its limit')
    const said = parseEnd(payload)
    if (said.kind === 'ok') this.#end(live, { kind: 'ok', value: said.value })
    else if (said.kind === 'limit') {
      this.#end(live, { kind: 'killed', cause: said.limit, message: said.message }, true)
    } else {
      const { code, ...error } = said.error
      this.#end(live, { kind: 'failed', error: code === undefined ? error : { ...error, code } })
    }
  }

  /** The process did not end the call in time, so it is stuck or lies: it goes, and the call is the offender. */
  #overdue(live: LiveCall): void {
    const { process } = live
    const message = `the call ran longer than ${live.call.limits.wallMs} ms`
    this.#end(live, { kind: 'killed', cause: 'timeout', message })
    process?.kill('a deadline')
  }

  #buried(process: SandboxProcess, how: string): void {
    this.#processes.delete(process)
    void this.#current?.then(
      (current) => {
        if (current === process) this.#current = undefined
      },
      () => undefined,
    )
    if (this.#closed) return
    const suspects = [...this.#live.values()].filter((live) => live.process === process)
    const cause = process.killedFor === 'memory' ? 'memory' : 'crash'
    for (const live of suspects) {
      live.stopBackstop()
      const known = process.killedFor === 'a deadline'
      const isOffender = live.alone || (suspects.length === 1 && process.calls === 1)
      if (!known && (isOffender || !live.tape.canRedrive)) {
        const message =
          cause === 'memory' ? 'the call needed more memory than it may' : `the call brought its process down (${how})`
        this.#end(live, { kind: 'killed', cause, message })
        continue
      }
      if (known) this.#drive(live)
      else this.#driveAlone(live)
    }
  }

  #driveAlone(live: LiveCall): void {
    live.alone = true
    live.process = undefined
    if (this.#alone.size < SANDBOX_ALONE_MAX) {
      this.#alone.add(live)
      this.#drive(live)
      return
    }
    live.startedMs -= this.#options.clock.now()
    this.#waiting.push(live)
  }

  /** A process of one's own has become free. */
  #driveNext(): void {
    const next = this.#waiting.shift()
    if (next === undefined) return
    if (!this.#live.has(next.id)) return this.#driveNext()
    next.startedMs += this.#options.clock.now()
    this.#driveAlone(next)
  }

  #memoryOf(process: SandboxProcess): number {
    let bytes = 0
    for (const live of this.#live.values()) {
      if (live.process === process) bytes += live.call.limits.memoryBytes + SANDBOX_YOUNG_BYTES
    }
    return bytes
  }

  #end(
    live: LiveCall,
    end:
      | { kind: 'ok'; value: unknown }
      | { kind: 'failed'; error: { name: string; code?: string; message: string } }
      | { kind: 'killed'; cause: string; message: string },
    cancel = false,
  ): void {
    if (!this.#live.delete(live.id)) return
    live.stopBackstop()
    if (cancel && live.process !== undefined) {
      live.process.cancel(live.id)
      // What was cut off may not stop at once, and what it does until then must not fall on a later call.
      live.process.retired = true
    }
    if (live.process !== undefined && (live.alone || live.process.retired) && this.#memoryOf(live.process) === 0) {
      live.process.kill()
    }
    if (this.#alone.delete(live)) this.#driveNext()
    live.resolve({ ...end, requests: live.tape.requests, deliveries: live.tape.deliveries.length })
  }
}
