/** Plays one file of the Web Platform Tests as a tool in a real sandbox, by the testharness.js that comes with them. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import type { Sandbox } from '../../runtime/sandbox/sandbox.ts'
import { callOf, codeOf } from '../support/sandbox.ts'
import { exclusionOf, isExcludedSubtest } from './excluded.ts'

export interface Subtest {
  readonly name: string
  readonly passed: boolean
  readonly message: string
}

export interface PlayedFile {
  readonly file: string
  readonly subtests: readonly Subtest[]
}

/** testharness.js: Test.statuses. */
const PASSED = 0
const STATUSES = ['passed', 'failed', 'timed out', 'not run', 'precondition failed']
const WALL_MS = 30_000
const MEMORY_BYTES = 256 * 1024 * 1024
const RESULT_BYTES_MAX = 4 * 1024 * 1024
/** What a test may fetch beside itself. */
const RESOURCE_BYTES_MAX = 2 * 1024 * 1024

/** Files of a folder that can run without a document, and are not excluded. */
export function filesOf(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => `${folder}/${name}`)
    .filter((file) => /\.(?:any|window)\.js$/.test(file) && exclusionOf(file) === undefined)
    .toSorted()
}

/** Never rejects: a file that does not come to its end is a failed subtest. */
export async function playFile(sandbox: Sandbox, root: string, file: string): Promise<PlayedFile> {
  const test = readFileSync(join(root, file), 'utf8')
  const variants = [...test.matchAll(/^\/\/ META: variant=(\S*)/gm)].map(([, variant = '']) => variant)
  const subtests: Subtest[] = []
  for (const variant of variants.length === 0 ? [''] : variants) {
    const found = await playVariant(sandbox, toolSource(root, file, test, variant))
    subtests.push(...found.filter(({ name }) => !isExcludedSubtest(file, name)))
  }
  return { file, subtests }
}

async function playVariant(sandbox: Sandbox, source: string): Promise<readonly Subtest[]> {
  const startedMs = performance.now()
  const call = callOf(codeOf(source), {
    limits: {
      wallMs: WALL_MS,
      cpuMs: WALL_MS,
      memoryBytes: MEMORY_BYTES,
      resultBytesMax: RESULT_BYTES_MAX,
      requestsMax: 100_000,
    },
  })
  const run = sandbox.run(call, {
    onRequest: (ordinal, payload) => {
      const request = JSON.parse(payload) as { readonly op: string; readonly delayMs?: number }
      const answer = (text: string): void =>
        run.deliver(ordinal, call.now + Math.ceil(performance.now() - startedMs), text)
      if (request.op === 'timer') setTimeout(() => answer('{"ok":true}'), request.delayMs)
      else answer('{"ok":false,"error":{"name":"Error","message":"nothing answers here"}}')
    },
    onLog: () => undefined,
  })
  const end = await run.ended
  if (end.kind !== 'ok') return [{ name: '(the file)', passed: false, message: JSON.stringify(end) }]
  return (end.value as { name: string; status: number; message: string | null }[]).map(({ name, status, message }) => ({
    name,
    passed: status === PASSED,
    message: `${STATUSES[status]}: ${message ?? ''}`,
  }))
}

function toolSource(root: string, file: string, test: string, variant: string): string {
  const beside = (path: string): string => (path.startsWith('/') ? path.slice(1) : join(dirname(file), path))
  const scripts = [...test.matchAll(/^\/\/ META: script=(\S+)/gm)].map(([, path = '']) =>
    readFileSync(join(root, beside(path)), 'utf8'),
  )
  const harness = readFileSync(join(root, 'resources/testharness.js'), 'utf8')
  return `
const { defineTool } = require('run-agent')
const evaluate = eval
async function execute() {
  globalThis.GLOBAL = { isWindow: () => false, isWorker: () => false, isShadowRealm: () => false }
  globalThis.location = { href: 'http://web-platform.test/${file}', pathname: '/${file}', search: ${JSON.stringify(variant)} }
  const files = ${JSON.stringify(resourcesOf(root, file, test))}
  const { fetch } = globalThis
  globalThis.fetch = async (path, ...more) => path in files ? new Response(files[path]) : await fetch(path, ...more)
  // Tests of blobs read them with it; a guest has none.
  globalThis.FileReader = class extends EventTarget {
    readAsText(blob) { blob.text().then((text) => this.#end(text)) }
    readAsArrayBuffer(blob) { blob.arrayBuffer().then((bytes) => this.#end(bytes)) }
    #end(result) {
      this.result = result
      this.readyState = 2
      const event = new Event('load')
      this.onload?.(event)
      this.dispatchEvent(event)
      this.onloadend?.(event)
      this.dispatchEvent(new Event('loadend'))
    }
  }
  evaluate(${JSON.stringify(harness)})
  const results = new Promise((resolve) => add_completion_callback((tests, harness) => resolve([
    ...tests.map(({ name, status, message }) => ({ name, status, message })),
    ...(harness.status === 0 ? [] : [{ name: '(the harness)', status: 1, message: harness.message }]),
  ])))
  setup({ explicit_done: true })
  evaluate(${JSON.stringify([...scripts, test].join('\n;\n'))})
  ${/explicit_done|single_test/.test(test) ? '' : 'done()'}
  return await results
}
module.exports = { default: defineTool({ execute }) }`
}

/** Data that the test names, by the names that it uses. */
function resourcesOf(root: string, file: string, test: string): Record<string, string> {
  const found: Record<string, string> = {}
  for (const [, name = ''] of test.matchAll(/["'`]([\w./-]+\.json)["'`]/g)) {
    const path = join(root, name.startsWith('/') ? name.slice(1) : join(dirname(file), name))
    const isInside = !relative(root, path).startsWith('..')
    if (isInside && existsSync(path) && statSync(path).size <= RESOURCE_BYTES_MAX) {
      found[name] = readFileSync(path, 'utf8')
    }
  }
  return found
}
