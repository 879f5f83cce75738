/** The perimeter's part for a tool in plain Node: a temporary folder, a process of its own, a deadline. */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { PlainCall, PlainEnd } from './node-plain-tool-process.ts'

export interface PlainResult {
  readonly end: PlainEnd
  readonly files: ReadonlyMap<string, Uint8Array>
}

/** `files` by normalised relative path. The code runs with the rights of this process's user. */
export async function callInPlainNode(
  call: PlainCall,
  files: ReadonlyMap<string, Uint8Array>,
  timeoutMs: number,
): Promise<PlainResult> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'run-agent-tool-')))
  try {
    for (const [path, bytes] of files) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), bytes)
    }
    return { end: await run(call, folder, timeoutMs), files: filesBelow(folder) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What it prints past `console` is dropped; its last word comes over a pipe of its own. */
function run(call: PlainCall, folder: string, timeoutMs: number): Promise<PlainEnd> {
  const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js'
  const program = join(dirname(fileURLToPath(import.meta.url)), `node-plain-tool-process${extension}`)
  // A tool in a folder whose package.json says nothing of modules is a module all the same.
  const quiet = ['--disable-warning=MODULE_TYPELESS_PACKAGE_JSON']
  const child = spawn(process.execPath, [...quiet, program], {
    cwd: folder,
    stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
  })
  const [input, , errors, output] = child.stdio as unknown as [NodeJS.WritableStream, null, ...NodeJS.ReadableStream[]]
  let [said, complaint] = ['', '']
  output?.setEncoding('utf8').on('data', (text: string) => void (said += text))
  errors?.setEncoding('utf8').on('data', (text: string) => void (complaint += text))
  input.on('error', () => undefined)
  input.end(JSON.stringify(call))
  let isOverdue = false
  const overdue = setTimeout(() => {
    isOverdue = true
    child.kill('SIGKILL')
  }, timeoutMs)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(overdue)
      if (isOverdue) return resolve(failed('Killed', 'E_LIMIT_TIMEOUT', `limit timeout: more than ${timeoutMs} ms`))
      if (said !== '') return resolve(JSON.parse(said) as PlainEnd)
      const how = signal ?? `exit code ${code}`
      resolve(failed('Killed', 'E_LIMIT_EXIT', `the process ended with ${how} ${complaint.slice(-1000).trim()}`.trim()))
    })
  })
}

function failed(name: string, code: string, message: string): PlainEnd {
  return { kind: 'failed', error: { name, code, message }, logs: [] }
}

function filesBelow(folder: string): ReadonlyMap<string, Uint8Array> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const paths = entries.map((entry) => relative(folder, join(entry.parentPath, entry.name)))
  return new Map(paths.toSorted().map((path) => [path, new Uint8Array(readFileSync(join(folder, path)))]))
}
