/**
 * The parts of the guest platform: what each gives a guest. A part is loaded where a guest first names something of
 * it, so that one that is not used costs nothing. Names alone stand here; the host bundles `platform/NAME.ts`.
 */

interface PlatformPart {
  /** Globals of a guest, by the names under which the part exports them. */
  readonly globals: readonly string[]
  /** Node builtins, without `node:`, each all that the part exports, or what it exports under the name behind it. */
  readonly modules: readonly (readonly [module: string, exported?: string])[]
}

const PARTS = {
  url: { globals: ['URL', 'URLSearchParams'], modules: [] },
  'node-assert': {
    globals: [],
    modules: [
      ['assert', 'assert'],
      ['assert/strict', 'strict'],
    ],
  },
  'node-async-hooks': {
    globals: [],
    modules: [
      ['async_hooks', 'asyncHooks'],
      ['diagnostics_channel', 'diagnosticsChannel'],
    ],
  },
  'node-buffer': { globals: ['Buffer'], modules: [['buffer', 'buffer']] },
  'node-crypto': { globals: [], modules: [['crypto', 'crypto']] },
  'node-events': { globals: [], modules: [['events', 'events']] },
  'node-formatting': {
    globals: [],
    modules: [
      ['util', 'util'],
      ['util/types', 'types'],
      ['sys', 'util'],
    ],
  },
  'node-fs': { globals: [], modules: [['fs', 'fs']] },
  'node-path': {
    globals: [],
    modules: [
      ['path', 'path'],
      ['path/posix', 'path'],
    ],
  },
  'node-process': { globals: ['process'], modules: [['process', 'process']] },
  'node-querystring': { globals: [], modules: [['querystring', 'querystring']] },
  'node-stream': {
    globals: [],
    modules: [
      ['stream', 'stream'],
      ['stream/promises', 'promises'],
      ['stream/consumers', 'consumers'],
      ['stream/web', 'web'],
    ],
  },
  'node-string-decoder': { globals: [], modules: [['string_decoder', 'stringDecoder']] },
  'node-surroundings': {
    globals: [],
    modules: [
      ['constants', 'constants'],
      ['module', 'module'],
      ['os', 'os'],
      ['perf_hooks', 'perfHooks'],
      ['tty', 'tty'],
      ['worker_threads', 'workerThreads'],
    ],
  },
  'node-timers': {
    globals: ['setImmediate', 'clearImmediate'],
    modules: [
      ['timers', 'timers'],
      ['timers/promises', 'timersPromises'],
    ],
  },
  'node-url': {
    globals: [],
    modules: [
      ['url', 'url'],
      ['punycode', 'punycode'],
    ],
  },
  'node-zlib': { globals: [], modules: [['zlib', 'zlib']] },
} as const satisfies Record<string, PlatformPart>

export type PlatformPartName = keyof typeof PARTS

/** By name. A process that asks for another is not ours any more. */
export const PLATFORM_PARTS: ReadonlyMap<string, PlatformPart> = new Map(Object.entries(PARTS))

/** Those that the guest runtime itself holds. */
const RUNTIME_MODULES = ['fs/promises'] as const

/** Node builtins that have a counterpart in the guest, without `node:`. */
export const GUEST_MODULES: ReadonlySet<string> = new Set([
  ...RUNTIME_MODULES,
  ...[...PLATFORM_PARTS.values()].flatMap(({ modules }) => modules.map(([module]) => module)),
])
