/**
 * The parts that hold the builtins of Node (platform-parts.ts says what a part is). `node:fs/promises` is no part: the
 * guest runtime itself holds it.
 */
export const NODE_PARTS = {
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
      ['util', 'formatting'],
      ['util/types', 'types'],
      ['sys', 'formatting'],
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
} as const
