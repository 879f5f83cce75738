/** What Node says of the machine and of itself: fixed answers, the same everywhere (os, constants, tty, module, …). */
import { fsConstants } from '../fs-constants.ts'
import { GUEST_MODULES } from '../platform-parts.ts'
import { refused, refusedMembers } from './node-refused.ts'

const signals = Object.freeze({ SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGKILL: 9, SIGTERM: 15 })
const errno = Object.freeze({ EPERM: 1, ENOENT: 2, EACCES: 13, EEXIST: 17, ENOTDIR: 20, EISDIR: 21, EINVAL: 22 })

export const os = {
  EOL: '\n',
  devNull: '/dev/null',
  constants: Object.freeze({ signals, errno }),
  arch: () => 'x64',
  availableParallelism: () => 1,
  cpus: () => [],
  endianness: () => 'LE',
  freemem: () => 0,
  homedir: () => '/',
  hostname: () => 'sandbox',
  loadavg: () => [0, 0, 0],
  machine: () => 'x86_64',
  networkInterfaces: () => ({}),
  platform: () => 'linux',
  release: () => '0.0.0',
  tmpdir: () => '/tmp',
  totalmem: () => 0,
  type: () => 'Linux',
  uptime: () => 0,
  userInfo: () => ({ username: 'sandbox', uid: 0, gid: 0, shell: null, homedir: '/' }),
  version: () => '',
  ...refusedMembers('os', 'getPriority setPriority', 'a tool has no process'),
}

export const constants = Object.freeze({ ...signals, ...errno, ...fsConstants })

export const tty = {
  isatty: () => false,
  ...refusedMembers('tty', 'ReadStream WriteStream', 'there is no terminal'),
}

export const workerThreads = {
  isMainThread: true,
  parentPort: null,
  workerData: null,
  threadId: 0,
  resourceLimits: {},
  SHARE_ENV: Symbol.for('nodejs.worker_threads.SHARE_ENV'),
  getEnvironmentData: () => undefined,
  setEnvironmentData: () => undefined,
  markAsUntransferable: () => undefined,
  ...refusedMembers(
    'worker_threads',
    'Worker MessageChannel MessagePort BroadcastChannel receiveMessageOnPort moveMessagePortToContext postMessageToThread',
    'a tool call is one thread',
  ),
}

const builtins = [...GUEST_MODULES].toSorted()

export const module = {
  builtinModules: builtins,
  isBuiltin: (name: unknown) => GUEST_MODULES.has(String(name).replace(/^node:/, '')),
  ...refusedMembers(
    'module',
    'createRequire register registerHooks findPackageJSON syncBuiltinESMExports stripTypeScriptTypes Module SourceMap',
    'a tool is one bundle, and no other module is there when it runs',
  ),
  findSourceMap: () => undefined,
  enableCompileCache: refused('module.enableCompileCache', 'nothing is cached'),
}

export const perfHooks = Object.defineProperties(
  {
    constants: Object.freeze({}),
    ...refusedMembers(
      'perf_hooks',
      'monitorEventLoopDelay createHistogram eventLoopUtilization timerify',
      'the clock of a tool stands still while it computes',
    ),
  },
  Object.fromEntries(
    'performance Performance PerformanceEntry PerformanceMark PerformanceMeasure PerformanceObserver PerformanceObserverEntryList PerformanceResourceTiming'
      .split(' ')
      .map((name) => [
        name,
        { get: (): unknown => Reflect.get(globalThis, name), enumerable: true, configurable: true },
      ]),
  ),
)
