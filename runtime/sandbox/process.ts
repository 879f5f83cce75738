/**
 * The sandbox process: holds isolates and nothing else. It is started by the host with an empty environment, no
 * files but its own and one pipe (fd 3); what it says over that pipe is hostile input to the host.
 *
 * A call's life: `start` takes a spare isolate and runs the bundle's entry; the guest's requests go out as frames;
 * each `deliver` runs the guest again; when no entry runs any more the call is idle, and a call that is idle with
 * nothing to wait for can never settle. Deadlines are kept here (the main thread is never blocked by a guest) and,
 * as a backstop, by the host.
 */
import { Socket } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { createCollector } from './collector.ts'
import { disarm } from './disarm.ts'
import { createFrameReader, createFrameWriter, FRAME, type Frame } from './frames.ts'
import { evaluate, wrapped, wrappedRuntime, type Code } from './evaluate.ts'
import { ENTERED } from './guest/entered.ts'
import { PLATFORM_PARTS } from './guest/platform-parts.ts'
import { loadIsolatedVm, type GuestFunction, type Isolate, type IsolatedVm } from './isolated-vm.ts'
import { createSpares } from './spares.ts'
import { cacheAfterUse } from './warm-code.ts'

interface StartFrame {
  readonly bundle: string
  readonly describer?: string
  readonly memoryBytes: number
  /** What is left of the limit where the call is driven again. */
  readonly wallMs: number
  readonly limitMs: number
  readonly cpuMs: number
  readonly requestsMax: number
  readonly logBytesMax: number
  readonly logLinesMax: number
  /** Whether the host wants to hear when the call only waits. */
  readonly tellsIdle: boolean
}

interface Booted {
  readonly isolate: Isolate
  readonly context: Awaited<ReturnType<Isolate['createContext']>>
  readonly enter: GuestFunction
  /** The call that the isolate was given to; its guest cannot send before there is one. */
  owner: Call | undefined
}

interface Call {
  readonly id: number
  readonly spec: StartFrame
  wall: NodeJS.Timeout | undefined
  /** On performance.now(); moved on while it waits for a part of the platform. */
  startedMs: number
  booted: Booted | undefined
  requests: number
  delivered: number
  /** Entries into the isolate that have not returned yet. */
  running: number
  logBytes: number
  logLines: number
  /** Its code is compiled; what fails from here on is the guest's own doing. */
  loaded: boolean
  ended: boolean
}

const READ_BYTES = 64 * 1024
const FRAME_FROM_HOST_BYTES_MAX = 64 * 1024 * 1024
const SPARE_MEMORY_BYTES = 64 * 1024 * 1024
const CPU_SAMPLE_MS = 20
/** Of each half of the room in which V8 makes objects; it has another one for large ones. Unused, it costs nothing. */
const YOUNG_SPACE_MB = 16
/** isolated-vm takes no less. */
const OLD_SPACE_MB_MIN = 8
/** A guest returns as soon as it has said its end; one that goes on may be in what cannot be interrupted. */
const RETURN_MS = 250
const RUNTIME = 'runtime'
/** A part of the platform is code under its name behind this. */
const PART = 'part '

const [addon = ''] = process.argv.slice(2)
const ivm: IsolatedVm = loadIsolatedVm(addon)
const die = disarm()
// Young objects get room in one step: in many small ones, a tool that makes many of them works half as fast as in Node.
setFlagsFromString(`--max-semi-space-size=${YOUNG_SPACE_MB}`)
setFlagsFromString(`--semi-space-growth-factor=${YOUNG_SPACE_MB}`)
const collect = createCollector()
const codes = new Map<string, Code>()
/** Parts of the platform that were asked for, until they come. */
const parts = new Map<string, PromiseWithResolvers<void>>()
const calls = new Map<number, Call>()
const pipe = new Socket({
  fd: 3,
  readable: true,
  writable: true,
  // One buffer for all that is read: frames are copied out of it at once.
  onread: { buffer: Buffer.allocUnsafeSlow(READ_BYTES), callback: hearHost },
})
const read = createFrameReader(FRAME_FROM_HOST_BYTES_MAX)
const send = createFrameWriter((bytes) => void pipe.write(bytes), setImmediate)
let isRuntimeWarm = false
const spares = createSpares({ boot: () => bootIsolate(SPARE_MEMORY_BYTES), drop: dispose })

pipe.on('close', die)
pipe.on('error', die)
setInterval(checkCpu, CPU_SAMPLE_MS)
send(FRAME.ready, 0, 0, JSON.stringify({ node: process.version, v8: process.versions.v8 }))

/** `buffer` is read anew when this returns. */
function hearHost(bytes: number, buffer: Uint8Array): boolean {
  let payloads = 0
  for (const frame of read(Buffer.from(buffer.buffer, buffer.byteOffset, bytes))) {
    receive(frame)
    payloads += frame.payload.length
  }
  if (payloads > 0) collect(payloads)
  return true
}

function receive(frame: Frame): void {
  if (frame.kind === FRAME.code) return addCode(frame.payload)
  if (frame.kind === FRAME.start) return startCall(frame.call, frame.payload)
  const call = calls.get(frame.call)
  if (call === undefined) return
  if (frame.kind === FRAME.deliver) deliver(call, frame.ordinal, frame.payload)
  if (frame.kind === FRAME.cancel) release(call)
}

/** `hash \n name \n source` */
function addCode(payload: string): void {
  const first = payload.indexOf('\n')
  const second = payload.indexOf('\n', first + 1)
  const hash = payload.slice(0, first)
  const isOurs = hash === RUNTIME || hash.startsWith(PART)
  codes.set(hash, { name: payload.slice(first + 1, second), source: payload.slice(second + 1), isOurs })
  if (hash === RUNTIME) spares.fill()
  parts.get(hash)?.resolve()
}

function codeOf(hash: string): Code {
  const code = codes.get(hash)
  if (code === undefined) throw new Error(`no code ${hash}`)
  return code
}

/**
 * A guest waits for a part of the platform. It gets the text and compiles it itself, on its own thread and in its own
 * time: whatever enters the isolate from here while it waits (isolated-vm reads rejections that nobody has handled,
 * with their getters, and runs microtasks) would run a guest's code where nobody can end it.
 * Never rejects: what is thrown here would show the guest our stack.
 */
async function partOf({ owner }: Booted, name: unknown): Promise<string | undefined> {
  // The host takes a process that asks for another for one that was taken over.
  if (typeof name !== 'string' || !PLATFORM_PARTS.has(name) || owner === undefined) return undefined
  const hash = `${PART}${name}`
  try {
    if (!codes.has(hash)) {
      let asked = parts.get(hash)
      if (asked === undefined) {
        parts.set(hash, (asked = Promise.withResolvers()))
        send(FRAME.need, owner.id, 0, name)
      }
      await outOfTime(owner, asked.promise)
    }
    const code = codeOf(hash)
    return `${wrapped(code)}\n//# sourceURL=file:///${code.name}`
  } catch {
    return undefined
  }
}

/** Waits for what is no part of the call's time. */
async function outOfTime(call: Call, coming: Promise<void>): Promise<void> {
  const fromMs = performance.now()
  clearTimeout(call.wall)
  await coming
  call.startedMs += performance.now() - fromMs
  if (!call.ended) armWall(call)
}

/**
 * isolated-vm ends an isolate that holds more than its limit and the room for young objects together. Some of that room
 * is taken off the limit, so that no tool holds much more than its definition says; all of it would make it slow.
 */
function oldSpaceMb(memoryBytes: number): number {
  return Math.max(OLD_SPACE_MB_MIN, Math.ceil(memoryBytes / 2 ** 20) - YOUNG_SPACE_MB / 2)
}

async function bootIsolate(memoryBytes: number): Promise<Booted> {
  const isolate = new ivm.Isolate({ memoryLimit: oldSpaceMb(memoryBytes) })
  const context = await isolate.createContext()
  const code = codeOf(RUNTIME)
  const boot = await evaluate(isolate, context, code, wrappedRuntime(code))
  const holder: { booted: Booted | undefined } = { booted: undefined }
  const out = new ivm.Callback(
    (kind: unknown, ordinal: unknown, payload: unknown) => {
      const call = holder.booted?.owner
      if (call !== undefined) hear(call, kind, ordinal, payload)
    },
    { ignored: true },
  )
  const need = new ivm.Reference((name: unknown) => holder.booted && partOf(holder.booted, name))
  const enter: GuestFunction = await boot.apply(undefined, [out, need], { result: { reference: true } })
  holder.booted = { isolate, context, enter, owner: undefined }
  if (!isRuntimeWarm) setImmediate(warmRuntime)
  isRuntimeWarm = true
  return holder.booted
}

/** After the first isolate, which is waited for. */
function warmRuntime(): void {
  const code = codeOf(RUNTIME)
  cacheAfterUse(wrappedRuntime(code)).then(
    (bytes) => (code.cached = new ivm.ExternalCopy(bytes)),
    () => undefined,
  )
}

function takeIsolate(memoryBytes: number): Promise<Booted> {
  return memoryBytes === SPARE_MEMORY_BYTES ? spares.take() : bootIsolate(memoryBytes)
}

function armWall(call: Call): void {
  const { wallMs, limitMs } = call.spec
  const end = (): void => endLimit(call, 'timeout', `the call ran longer than ${limitMs} ms`)
  call.wall = setTimeout(end, Math.max(1, call.startedMs + wallMs - performance.now()))
}

/** `spec \n record \n input`, the first two JSON on one line. */
function startCall(id: number, payload: string): void {
  const cut = payload.indexOf('\n')
  const spec: StartFrame = JSON.parse(payload.slice(0, cut))
  const call: Call = {
    id,
    spec,
    wall: undefined,
    startedMs: performance.now(),
    booted: undefined,
    requests: 0,
    delivered: 0,
    running: 0,
    logBytes: 0,
    logLines: 0,
    loaded: false,
    ended: false,
  }
  calls.set(id, call)
  armWall(call)
  runEntry(call, async () => {
    const booted = await takeIsolate(spec.memoryBytes)
    if (call.ended) return dispose(booted)
    call.booted = booted
    booted.owner = call
    const bundle = await evaluate(booted.isolate, booted.context, codeOf(spec.bundle))
    const more =
      spec.describer === undefined ? [] : [await evaluate(booted.isolate, booted.context, codeOf(spec.describer))]
    const factories = [bundle, ...more].map((reference) => reference.derefInto())
    call.loaded = true
    await booted.enter.apply(undefined, [payload.slice(cut + 1), ...factories])
  })
}

/** `now \n json` */
function deliver(call: Call, ordinal: number, payload: string): void {
  const { booted } = call
  if (booted === undefined) return
  const cut = payload.indexOf('\n')
  const now = Number(payload.slice(0, cut))
  call.delivered += 1
  runEntry(call, () => booted.enter.apply(undefined, [ordinal, now, payload.slice(cut + 1)]))
}

/** Runs the guest once and looks at what is left when nothing of it runs any more. */
function runEntry(call: Call, entry: () => Promise<unknown>): void {
  call.running += 1
  const done = (): void => {
    call.running -= 1
    if (call.ended && call.running === 0 && call.booted !== undefined) dispose(call.booted)
    if (call.ended || call.running > 0) return
    // While it waits there is time for the next one's isolate.
    spares.fill()
    if (call.spec.tellsIdle) send(FRAME.idle, call.id, call.requests, String(call.delivered))
    if (call.requests > call.delivered) return
    endFailed(
      call,
      'NeverSettles',
      'E_NEVER_SETTLES',
      'the promise can never settle: nothing is left that it waits for',
    )
  }
  entry().then(done, (error: unknown) => {
    if (call.ended || error === ENTERED) return done()
    if (call.booted?.isolate.isDisposed === true) {
      const limit = Math.round(call.spec.memoryBytes / 2 ** 20)
      return endLimit(call, 'memory', `the call needed more than ${limit} MB`)
    }
    const text = error instanceof Error ? String(error.message).slice(0, 4096) : 'unreadable'
    if (!call.loaded) return endFailed(call, 'LoadError', 'E_TOOL_LOAD', text)
    // The guest took its runtime apart. The text is its own.
    hearLog(call, `error\nunhandled error: ${text}`)
    done()
  })
}

/** What a guest sends; nothing but strings and a number ever crosses. */
function hear(call: Call, kind: unknown, ordinal: unknown, payload: unknown): void {
  if (call.ended || typeof payload !== 'string' || typeof ordinal !== 'number') return
  if (kind === 'request') {
    if (ordinal !== call.requests) return
    if (call.requests >= call.spec.requestsMax) {
      return endLimit(call, 'requests', `the call made more than ${call.spec.requestsMax} requests`)
    }
    call.requests += 1
    send(FRAME.request, call.id, ordinal, payload)
  } else if (kind === 'log') hearLog(call, payload)
  else if (kind === 'end') finishOwn(call, payload)
}

function hearLog(call: Call, payload: string): void {
  call.logBytes += payload.length
  call.logLines += 1
  const { logBytesMax, logLinesMax } = call.spec
  // The guest's own count stops first, by a marker; this one is for a guest that took its runtime apart.
  if (call.logBytes < 2 * logBytesMax && call.logLines <= 2 * logLinesMax) send(FRAME.log, call.id, 0, payload)
}

function checkCpu(): void {
  for (const call of calls.values()) {
    const { booted, spec } = call
    if (booted === undefined || booted.isolate.isDisposed) continue
    if (Number(booted.isolate.cpuTime) / 1e6 > spec.cpuMs)
      endLimit(call, 'cpu', `the call used more than ${spec.cpuMs} ms of CPU time`)
  }
}

function endLimit(call: Call, limit: string, message: string): void {
  if (!call.ended) finish(call, JSON.stringify({ kind: 'limit', limit, message }))
}

function endFailed(call: Call, name: string, code: string, message: string): void {
  if (!call.ended) finish(call, JSON.stringify({ kind: 'failed', error: { name, code, message } }))
}

function finish(call: Call, payload: string): void {
  send(FRAME.end, call.id, call.requests, payload)
  release(call)
}

/** The guest's own end: its isolate goes when its code has returned. Where it does not, the process goes. */
function finishOwn(call: Call, payload: string): void {
  const { booted } = call
  if (booted === undefined || call.running === 0) return finish(call, payload)
  call.booted = undefined
  finish(call, payload)
  call.booted = booted
  booted.owner = undefined
  setTimeout(() => {
    if (!booted.isolate.isDisposed) die()
  }, RETURN_MS)
}

function release(call: Call): void {
  call.ended = true
  clearTimeout(call.wall)
  calls.delete(call.id)
  spares.fill()
  if (call.booted !== undefined) dispose(call.booted)
}

function dispose(booted: Booted): void {
  booted.owner = undefined
  if (!booted.isolate.isDisposed) booted.isolate.dispose()
}
