/**
 * V8's cache of the guest runtime, taken after it was used. A cache that is taken when code is compiled lacks every
 * function that runs later, and compiling those is most of the time that a fresh isolate takes to boot. isolated-vm
 * takes none later, so the runtime is used once outside of it. That is our own code and nobody's tool.
 */
import { createContext, Script } from 'node:vm'

type Factory = (module: object, exports: object, require: () => undefined) => void
type Boot = (
  send: () => undefined,
  need: () => undefined,
) => {
  start(text: string, tool: (module: { exports: unknown }, exports: object, require: Require) => void): void
  entered(): Promise<never> | undefined
}
type Require = (id: string) => { defineTool(tool: object): unknown; stat(path: string): Promise<unknown> }

/** One call of a tool as most are: arguments that are checked, a question to the host. */
const RECORD = {
  entry: 'tool',
  schema: {
    type: 'object',
    properties: { text: { type: 'string' }, count: { type: 'integer' } },
    required: ['text'],
    additionalProperties: false,
  },
  settings: {},
  seed: '0'.repeat(32),
  now: 0,
  resultBytesMax: 1024,
  logBytesMax: 1024,
  logLinesMax: 8,
  inFlightMax: 8,
}
const INPUT = { text: 'a', count: 1 }

/** `source` is an expression: the factory of the guest runtime (guest/boot.ts). */
export async function cacheAfterUse(source: string): Promise<ArrayBuffer> {
  const script = new Script(source)
  const factory: Factory = script.runInContext(createContext())
  const module: { exports: { boot?: Boot } } = { exports: {} }
  factory(module, module.exports, () => undefined)
  const booted = module.exports.boot?.(silent, silent)
  booted?.start(`${JSON.stringify(RECORD)}\n${JSON.stringify(INPUT)}`, loadTool)
  // Nobody looks for it here but Node, which would end the process.
  booted?.entered()?.catch(silent)
  // What follows the first `await` of the call.
  await new Promise((resolve) => setImmediate(resolve))
  const bytes = script.createCachedData()
  return new Uint8Array(bytes).buffer
}

const silent = (): undefined => undefined

function loadTool(module: { exports: unknown }, _exports: object, load: Require): void {
  const execute = (): Promise<unknown> => load('fs/promises').stat('a')
  module.exports = { default: load('run-agent').defineTool({ execute }) }
}
