/**
 * The guest runtime: runs in each fresh isolate before any code of a tool, takes away what no guest may have,
 * installs what every guest gets, and then plays one entry of one bundle to its end.
 */
// First: what moves a buffer keeps what is taken away, and nothing that follows may.
import { moveBuffer } from './detach.ts'
import './globals.ts'
import { installClock, setClock } from './clock.ts'
import * as fsPromises from './fs-promises.ts'
import { provideBuffer } from './fs-values.ts'
import { installPlatform, partOf, platformModule, type Factory, type Require } from './platform.ts'
import type { PlatformRuntime } from './platform/runtime.ts'
import { installRandom } from './random.ts'
import { installTimers } from './timers.ts'
import { ENTERED } from './entered.ts'
import { validateArguments } from './validate.ts'
import { ask, base64Of, boundInFlight, connect, end, log, request, settle, type GuestError, type Send } from './wire.ts'

/** What the host says of the call; made by `sandbox/`, read once. */
interface StartRecord {
  readonly entry: 'tool' | 'script' | 'describe'
  readonly seed: string
  readonly now: number
  readonly resultBytesMax: number
  readonly logBytesMax: number
  readonly logLinesMax: number
  readonly inFlightMax: number
  readonly bodyBytesMax: number
  readonly redirectsMax: number
  readonly schema?: Record<string, unknown>
  readonly narrowing?: Record<string, unknown>
  readonly settings?: Record<string, string>
  readonly user?: string
  readonly idempotencyKey?: string
}

// A tool may replace them; what crosses the wall is written with the real ones.
const { stringify, parse } = JSON

installClock()
installTimers()
for (const name of ['self', 'global']) {
  Reflect.defineProperty(globalThis, name, { value: globalThis, writable: true, enumerable: false, configurable: true })
}

/** Parts ask for it when they are loaded; that is after the start of the call. */
let record: StartRecord | undefined
const given: PlatformRuntime = {
  ask,
  log,
  base64Of,
  moveBuffer,
  part: partOf,
  get call() {
    if (record === undefined) throw new Error('the call has not begun')
    return record
  },
}

/** The sandbox process's end of a need (isolated-vm's Reference): the code of a part, as an expression. */
interface CodeReference {
  applySyncPromise(receiver: undefined, args: readonly [part: string]): string | undefined
}

// Indirect: it sees nothing of this scope. Of `undefined` it makes `undefined`.
// oxlint-disable-next-line no-eval -- code of ours, compiled on the guest's own thread and in its own time
const evaluate = eval

/** The one way into a guest: a text and factories start its call, an ordinal, a time and a payload are a delivery. */
interface Enter {
  (text: string, bundle: Factory, describer?: Factory): void
  (ordinal: number, now: number, payload: string): void
}

/** `onEntry` is told of each entry's rejection (below), where somebody else than isolated-vm looks for such. */
export function boot(out: Send, need: CodeReference, onEntry?: (entered: Promise<never>) => void): Enter {
  connect((kind, ordinal, payload) => out(kind, ordinal, payload))
  installPlatform((part) => evaluate(need.applySyncPromise(undefined, [part]) as string), requireBuiltin, given)
  provideBuffer(() => (requireBuiltin('node:buffer') as { readonly Buffer: typeof Buffer }).Buffer)
  return (first: string | number, second: Factory | number, third?: Factory | string) => {
    entered = apply(reject, RealPromise, [ENTERED])
    onEntry?.(entered)
    if (typeof first === 'string') start(first, second as Factory, third as Factory | undefined)
    else deliver(first, second as number, third as string)
  }
}

// A tool may replace it.
const { apply } = Reflect
const RealPromise = Promise
const { reject } = Promise
/**
 * Rejected first in each entry. isolated-vm looks, when an entry has run, for the first rejection that nobody has
 * handled, unless the collector has taken it, and reads its message: whether a guest's own is found hangs on the
 * collector, and its getters would tell a guest. This one is always found, and is nobody's. It is kept, so that it is
 * not collected.
 */
let entered: Promise<never> | undefined

function deliver(ordinal: number, now: number, payload: string): void {
  setClock(now)
  settle(ordinal, payload)
}

/** `text` is the record, JSON on one line, and below it the input as it is. */
function start(text: string, bundle: Factory, describer?: Factory): void {
  const cut = text.indexOf('\n')
  const started: StartRecord = (record = parse(text.slice(0, cut)))
  setClock(started.now)
  installRandom(started.seed)
  boundInFlight(started.inFlightMax)
  const finish = (value: unknown): void => endWith(value, started.resultBytesMax)
  // A result that is no JSON (a cycle, a BigInt) throws in `finish`, which is the tool's failure too.
  Promise.resolve()
    .then(() => play(started, text.slice(cut + 1), bundle, describer))
    .then(finish)
    .catch((error: unknown) => end(failure(error)))
}

async function play(
  record: StartRecord,
  input: string,
  bundle: Factory,
  describer: Factory | undefined,
): Promise<unknown> {
  if (describer !== undefined) {
    const { describeTool, z } = load(describer, none) as {
      describeTool: (tool: unknown, z: unknown) => unknown
      z: unknown
    }
    return describeTool(entryOf(load(bundle, requireWith(z)), 'tool'), z)
  }
  const entry = entryOf(load(bundle, requireWith(inertZod())), record.entry)
  if (record.entry === 'script') {
    return Reflect.apply(memberOf(entry, 'play'), undefined, [input, callTool])
  }
  const checked = validateArguments(record.schema ?? {}, argumentsOf(input))
  if (!checked.ok) throw Object.assign(named('InvalidArguments', checked.message), { code: 'E_ARGUMENTS' })
  // What is checked is what the tool gets: a rule adds nothing to it.
  const narrowed =
    record.narrowing === undefined
      ? checked
      : validateArguments(record.narrowing, checked.value, { ignoreDefaults: true })
  if (!narrowed.ok) {
    argsDenial = Object.assign(named('Denied', `args: ${narrowed.message}`), { code: ARGS_CODE })
    throw argsDenial
  }
  const context = Object.freeze({
    settings: Object.freeze({ ...record.settings }),
    user: record.user,
    get signal() {
      return (signal ??= neverAborted())
    },
    idempotencyKey: record.idempotencyKey,
  })
  return Reflect.apply(memberOf(entry, 'execute'), entry, [checked.value, context])
}

function argumentsOf(input: string): unknown {
  try {
    return parse(input)
  } catch {
    throw Object.assign(named('InvalidArguments', 'the arguments are not JSON'), { code: 'E_ARGUMENTS' })
  }
}

/** One call of the script becomes one tool call of the model's turn. */
function callTool(tool: unknown, args: unknown = {}): Promise<unknown> {
  return request({ op: 'call', tool: String(tool), arguments: JSON.stringify(args) ?? '{}' })
}

function load(factory: Factory, require: Require): unknown {
  const module: { exports: unknown } = { exports: {} }
  factory(module, module.exports, require)
  return module.exports
}

function entryOf(exports: unknown, kind: StartRecord['entry']): object {
  const wanted = kind === 'script' ? 'defineScript' : 'defineTool'
  const entry: unknown = Reflect.get(Object(exports), 'default')
  const found: unknown = Reflect.get(Object(entry), 'kind')
  if (found !== (kind === 'script' ? 'script' : 'tool')) {
    throw named('LoadError', `the module's default export must be made by ${wanted} of run-agent`)
  }
  return Object(entry)
}

function memberOf(entry: object, name: string): Function {
  const member: unknown = Reflect.get(entry, name)
  if (typeof member !== 'function') throw named('LoadError', `${name} must be a function`)
  return member
}

function requireWith(z: unknown): Require {
  const own = Object.freeze({
    defineTool: (tool: object) => Object.freeze({ kind: 'tool', ...tool }),
    defineScript: (script: unknown) => Object.freeze({ kind: 'script', play: script }),
    z,
  })
  return (id) => (id === 'run-agent' ? own : requireBuiltin(id))
}

function requireBuiltin(id: string): unknown {
  const name = id.replace(/^node:/, '')
  const found = name === 'fs/promises' ? fsPromises : platformModule(name)
  if (found === undefined) throw named('LoadError', `the sandbox has no module ${JSON.stringify(id)}`)
  return found
}

const none: Require = (id) => {
  throw named('LoadError', `the sandbox has no module ${JSON.stringify(id)}`)
}

/**
 * Where tools execute, the schema was read already and `z` builds nothing. Parsing with it would silently accept
 * anything, so that throws.
 */
function inertZod(): unknown {
  const refuse = (): never => {
    throw new Error(
      'z of run-agent only describes parameters and is inert where tools execute; import zod itself to check other data',
    )
  }
  const inert: unknown = new Proxy(function inert() {}, {
    get(_target, key) {
      if (typeof key === 'symbol') return undefined
      if (/^(safe)?(parse|encode|decode|spa$)/i.test(key)) return refuse
      return inert
    },
    apply: () => inert,
    construct: () => Object(inert),
  })
  return inert
}

/** A call that ends early ends with its whole isolate, so the guest never lives to see this signal abort. */
function neverAborted(): AbortSignal {
  const { AbortController: Controller } = partOf('events') as { AbortController: typeof AbortController }
  return new Controller().signal
}

let signal: AbortSignal | undefined

function named(name: string, message: string): Error {
  const error = new Error(message)
  error.name = name
  return error
}

function endWith(value: unknown, bytesMax: number): void {
  const text = stringify(value) ?? 'null'
  if (text.length > bytesMax) {
    end(
      stringify({
        kind: 'limit',
        limit: 'result',
        message: `the result is ${text.length} bytes; the limit is ${bytesMax}`,
      }),
    )
    return
  }
  end(`{"kind":"ok","value":${text}}`)
}

const TEXT_MAX = 4096

/** The host counts it as a denial of the definition's. */
const ARGS_CODE = 'E_ARGS'
let argsDenial: Error | undefined

function failure(thrown: unknown): string {
  const error: GuestError = { name: 'Error', message: 'the tool threw something that cannot be read' }
  try {
    const name = thrown instanceof Error ? String(thrown.name) : 'Error'
    const message = thrown instanceof Error ? String(thrown.message) : String(thrown)
    const code: unknown = Reflect.get(Object(thrown), 'code')
    // A tool that throws it itself was not denied anything.
    const isKnown = typeof code === 'string' && (code !== ARGS_CODE || thrown === argsDenial)
    const known = isKnown ? { code: code.slice(0, 64) } : {}
    return stringify({
      kind: 'failed',
      error: { name: name.slice(0, 64), ...known, message: message.slice(0, TEXT_MAX) },
    })
  } catch {
    return stringify({ kind: 'failed', error })
  }
}
