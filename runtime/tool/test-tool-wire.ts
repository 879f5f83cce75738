/** What testTool() and the program say to one another: one JSON text each way, with bytes as base64. */
import { isAbsolute } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { WebAnswer } from '../memory-web.ts'
import type { ToolTestError, ToolTestFiles, ToolTestOptions, ToolTestRequest, ToolTestResult } from './test-tool.ts'

export interface ToolTestQuestion {
  /** An absolute path, or `run-agent/NAME`. */
  readonly tool: string
  readonly folder: string | undefined
  readonly args: Readonly<Record<string, unknown>>
  readonly rules: Readonly<Record<string, unknown>>
  readonly files: ReadonlyMap<string, Uint8Array>
  /** By `METHOD URL`, canonical. */
  readonly http: ReadonlyMap<string, WebAnswer>
  readonly settings: Readonly<Record<string, string>>
  readonly user: string
  readonly nowMs: number
  readonly seed: string
  readonly in: 'sandbox' | 'node'
}

export interface ToolTestSaid {
  readonly output: unknown
  readonly error: ToolTestError | undefined
  readonly files: ReadonlyMap<string, Uint8Array>
  readonly requests: readonly ToolTestRequest[]
  readonly logs: ToolTestResult['logs']
}

type WireAnswers = readonly (readonly [request: string, answer: Omit<WebAnswer, 'body'> & { readonly body: string }])[]

type WireFiles = readonly (readonly [path: string, base64: string])[]

const DEFAULT_NOW_MS = Date.UTC(2026, 0, 1)
const DEFAULT_SEED = '0123456789abcdef0123456789abcdef'
const OPTIONS: ReadonlySet<string> = new Set<keyof ToolTestOptions>([
  'args',
  'rules',
  'files',
  'http',
  'settings',
  'user',
  'now',
  'seed',
  'in',
  'folder',
])

/** Throws a TypeError for a mistake of the test's author. */
export function encodeQuestion(tool: string | URL, options: ToolTestOptions): string {
  const unknown = Object.keys(options).find((name) => !OPTIONS.has(name))
  if (unknown !== undefined) throw new TypeError(`testTool has no option ${unknown}; it has ${[...OPTIONS].join(', ')}`)
  const {
    args = {},
    rules = {},
    files = {},
    http = {},
    settings = {},
    user = 'ada',
    now,
    seed = DEFAULT_SEED,
    folder,
  } = options
  const where = options.in ?? 'sandbox'
  if (where !== 'sandbox' && where !== 'node') throw new TypeError("testTool: `in` must be 'sandbox' or 'node'")
  if (!/^[0-9a-f]{32}$/.test(seed)) throw new TypeError('testTool: `seed` must be 32 hexadecimal digits')
  const nowMs = now === undefined ? DEFAULT_NOW_MS : now.getTime()
  if (!Number.isSafeInteger(nowMs) || nowMs < 0) throw new TypeError('testTool: `now` must be a date from 1970 on')
  return JSON.stringify({
    tool: typeof tool === 'string' && tool.startsWith('run-agent/') ? tool : pathOf('the tool', tool),
    folder: folder === undefined ? undefined : pathOf('`folder`', folder),
    args,
    rules,
    files: wireFiles(Object.entries(files)),
    http: wireAnswers(http),
    settings,
    user,
    nowMs,
    seed,
    in: where,
  })
}

/** What `encodeQuestion` made. */
export function decodeQuestion(text: string): ToolTestQuestion {
  const wire = JSON.parse(text) as Omit<ToolTestQuestion, 'files' | 'http'> & {
    readonly files: WireFiles
    readonly http: WireAnswers
  }
  const http = wire.http.map(([request, answer]) => [request, { ...answer, body: fromBase64(answer.body) }] as const)
  return { ...wire, files: bytesOf(wire.files), http: new Map(http) }
}

export function encodeAnswer(answer: ToolTestSaid): string {
  return JSON.stringify({ ...answer, files: wireFiles([...answer.files]) })
}

export function decodeAnswer(text: string): ToolTestResult {
  const wire = JSON.parse(text) as Omit<ToolTestResult, 'files'> & { readonly files: WireFiles }
  const files: ToolTestFiles = Object.fromEntries([...bytesOf(wire.files)].map(([path, bytes]) => [path, shown(bytes)]))
  return { output: wire.output, error: wire.error, files, requests: wire.requests, logs: wire.logs }
}

function pathOf(what: string, place: string | URL): string {
  const path = typeof place === 'string' && !place.startsWith('file:') ? place : fileURLToPath(place)
  if (isAbsolute(path)) return path
  throw new TypeError(`testTool: ${what} must be an absolute path or a URL, as in new URL('./x.ts', import.meta.url)`)
}

function wireFiles(files: readonly (readonly [string, string | Uint8Array])[]): WireFiles {
  return files.map(([path, content]) => [path, toBase64(content)])
}

function wireAnswers(answers: NonNullable<ToolTestOptions['http']>): WireAnswers {
  return Object.entries(answers).map(([request, { status = 200, headers = {}, body = '' }]) => {
    const [method = '', url = ''] = request.split(' ')
    const parsed = URL.parse(url)
    if (parsed === null || !/^[A-Z]+$/.test(method)) {
      throw new TypeError(`testTool: ${JSON.stringify(request)} is not METHOD URL, as in "GET https://api.example/v1"`)
    }
    if (!Number.isInteger(status) || status < 200 || status > 599) {
      throw new TypeError(`testTool: the status of ${request} must be from 200 to 599`)
    }
    return [`${method} ${parsed.href}`, { status, headers, body: toBase64(body) }]
  })
}

function toBase64(content: string | Uint8Array): string {
  return Buffer.from(content as Uint8Array).toString('base64')
}

function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'))
}

function bytesOf(files: WireFiles): ReadonlyMap<string, Uint8Array> {
  return new Map(files.map(([path, base64]) => [path, fromBase64(base64)]))
}

function shown(bytes: Uint8Array): string | Uint8Array {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return bytes
  }
}
