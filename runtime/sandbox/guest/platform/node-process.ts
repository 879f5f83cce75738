/**
 * node:process and the global `process`: fixed answers, the same on every machine, so that nothing of the host shows
 * and a replay sees the same. The clock is the guest's.
 */
import { GUEST_CWD } from '../guest-paths.ts'
import { refused, refusedMembers, wrongType } from './node-refused.ts'

const VERSION = '24.0.0'
const RELEASE = Object.freeze({ name: 'node' })
const NANOSECONDS_IN_MS = 1_000_000n

type Tick = () => unknown
let ticks: Tick[] = []

/** All that waits runs in one microtask; what the ticks themselves add comes right behind them, as in Node. */
function drain(): void {
  for (let next = ticks.shift(); next !== undefined; next = ticks.shift()) {
    try {
      next()
    } catch (error) {
      // Where Node would end the process.
      queueMicrotask(() => {
        throw error
      })
    }
  }
  ticks = []
}

function nextTick(callback: unknown, ...args: unknown[]): void {
  if (typeof callback !== 'function') throw wrongType('callback', 'of type function', callback)
  ticks.push(() => Reflect.apply(callback, undefined, args))
  if (ticks.length === 1) void Promise.resolve().then(drain)
}

const started = Date.now()

function hrtime(previous?: readonly [number, number]): [number, number] {
  const ms = Date.now() - started
  const seconds = Math.floor(ms / 1000)
  const nanoseconds = (ms % 1000) * 1e6
  if (previous === undefined) return [seconds, nanoseconds]
  const [beforeSeconds, beforeNanoseconds] = previous
  return nanoseconds < beforeNanoseconds
    ? [seconds - beforeSeconds - 1, nanoseconds - beforeNanoseconds + 1e9]
    : [seconds - beforeSeconds, nanoseconds - beforeNanoseconds]
}
hrtime.bigint = (): bigint => BigInt(Date.now() - started) * NANOSECONDS_IN_MS

function emitWarning(warning: unknown): void {
  console.warn(warning instanceof Error ? `${warning.name}: ${warning.message}` : `Warning: ${String(warning)}`)
}

/** A tool has no process whose events it could hear: nobody ever emits one. */
const events = Object.fromEntries(
  'on once off addListener removeListener removeAllListeners prependListener prependOnceListener setMaxListeners'
    .split(' ')
    .map((name) => [
      name,
      function (this: unknown) {
        return this
      },
    ]),
)

const stream = (name: string, level: 'log' | 'error'): object =>
  Object.freeze({
    isTTY: false,
    fd: name === 'stdout' ? 1 : 2,
    columns: 80,
    write: (text: unknown) => {
      console[level](String(text).replace(/\n$/, ''))
      return true
    },
    end: () => undefined,
    on: () => undefined,
    once: () => undefined,
    off: () => undefined,
    removeListener: () => undefined,
    emit: () => false,
    hasColors: () => false,
    getColorDepth: () => 1,
  })

const own = {
  title: 'node',
  version: `v${VERSION}`,
  versions: Object.freeze({ node: VERSION }),
  release: RELEASE,
  platform: 'linux',
  arch: 'x64',
  argv: Object.freeze(['node', 'tool']),
  argv0: 'node',
  execArgv: Object.freeze([]),
  execPath: '/bin/node',
  env: Object.freeze({}),
  pid: 1,
  ppid: 0,
  exitCode: undefined,
  features: Object.freeze({}),
  config: Object.freeze({}),
  stdout: stream('stdout', 'log'),
  stderr: stream('stderr', 'error'),
  cwd: () => GUEST_CWD,
  umask: () => 0o22,
  uptime: () => (Date.now() - started) / 1000,
  getuid: () => 0,
  geteuid: () => 0,
  getgid: () => 0,
  getegid: () => 0,
  nextTick,
  hrtime,
  emitWarning,
  ...events,
  emit: () => false,
  listeners: () => [],
  listenerCount: () => 0,
  eventNames: () => [],
  getBuiltinModule: () => undefined,
  ...refusedMembers('process', 'exit reallyExit abort', 'a tool ends by returning or throwing'),
  ...refusedMembers('process', 'kill dlopen binding _linkedBinding', 'a tool has no processes and no native code'),
  ...refusedMembers('process', 'chdir', `the current directory is always ${GUEST_CWD}`),
  ...refusedMembers('process', 'setuid setgid seteuid setegid initgroups', 'a tool has no user of the system'),
  ...refusedMembers(
    'process',
    'memoryUsage resourceUsage cpuUsage threadCpuUsage availableMemory constrainedMemory',
    'its answer would differ from run to run',
  ),
  setUncaughtExceptionCaptureCallback: refused('process.setUncaughtExceptionCaptureCallback', 'it ends the call'),
}

Object.defineProperty(own, Symbol.toStringTag, { value: 'process' })

export const process: object = Object.freeze(own)
