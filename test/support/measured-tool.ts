/**
 * Runs one tool in a process of its own, with the heap of a sandbox, and prints what it cost: the calls of the host
 * (each call of node:fs/promises is one there), the time, and the most memory that was alive at once.
 * Arguments: the tool's file, the folder to run in, the tool's arguments as JSON.
 */
import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import type { Tool } from 'run-agent'

export interface Measured {
  readonly result: unknown
  readonly calls: number
  readonly ms: number
  readonly peakBytes: number
}

let calls = 0
let peakBytes = 0

/** Collecting at each call would take longer than the tool; garbage counts until the next collection. */
const CALLS_PER_COLLECTION = 200

function count(): void {
  calls += 1
  if (calls % CALLS_PER_COLLECTION !== 0) return
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  peakBytes = Math.max(peakBytes, heapUsed + external)
}

function counted<Args extends unknown[], Result>(real: (...args: Args) => Promise<Result>) {
  return (...args: Args): Promise<Result> => {
    count()
    return real(...args)
  }
}

const { open } = fs
Object.assign(fs, {
  readFile: counted(fs.readFile),
  readdir: counted(fs.readdir),
  lstat: counted(fs.lstat),
  stat: counted(fs.stat),
  async open(...args: Parameters<typeof open>) {
    count()
    const handle = await open(...args)
    const read = handle.read.bind(handle) as (...args: unknown[]) => Promise<unknown>
    const close = handle.close.bind(handle)
    return Object.assign(handle, { read: counted(read), close: counted(close) })
  },
})
syncBuiltinESMExports()

const [file = '', dir = '', args = '{}'] = process.argv.slice(2)
const { default: tool } = (await import(file)) as { default: Tool }
process.chdir(dir)
globalThis.gc?.()
const idle = process.memoryUsage()
const started = performance.now()
const result: unknown = await tool.execute(JSON.parse(args), {
  settings: {},
  user: 'ada',
  signal: new AbortController().signal,
  idempotencyKey: 'key',
})
const ms = Math.round(performance.now() - started)
const measured: Measured = { result, calls, ms, peakBytes: Math.max(0, peakBytes - idle.heapUsed - idle.external) }
process.stdout.write(JSON.stringify(measured))
