/**
 * V8's cache of the guest runtime, taken after it was used. A cache that is taken when code is compiled lacks every
 * function that runs later, and compiling those is most of the time that a fresh isolate takes to boot. isolated-vm
 * takes none later, so the runtime is used once outside of it. That is our own code and nobody's tool.
 */
import { createContext, Script } from 'node:vm'

type Factory = (module: { exports: unknown }, exports: object, require: Require) => void
type Boot = (
  out: () => undefined,
  need: { applySyncPromise(): undefined },
  onEntry: (entered: Promise<never>) => void,
) => { (text: string, tool: Factory): void; (ordinal: number, now: number, payload: string): void }
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
const ANSWER = { type: 'file', size: 1, modifiedMs: 0, mode: 0o644 }

/** `source` is an expression: the guest runtime (evaluate.ts). */
export async function cacheAfterUse(source: string): Promise<ArrayBuffer> {
  const script = new Script(source)
  const boot: Boot = script.runInContext(createContext())
  // Nobody looks for the rejection here but Node, which would end the process.
  const enter = boot(silent, { applySyncPromise: silent }, (entered) => void entered.catch(silent))
  enter(`${JSON.stringify(RECORD)}\n${JSON.stringify(INPUT)}`, loadTool)
  // What follows the first `await` of the call: the question, and after the answer the end.
  await turn()
  enter(0, 1, JSON.stringify({ ok: true, value: ANSWER }))
  await turn()
  const bytes = script.createCachedData()
  return new Uint8Array(bytes).buffer
}

const silent = (): undefined => undefined
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function loadTool(module: { exports: unknown }, _exports: object, load: Require): void {
  const execute = (): Promise<unknown> => load('fs/promises').stat('a')
  module.exports = { default: load('run-agent').defineTool({ execute }) }
}
