/**
 * The process in which testTool() runs a tool as plain Node does: the real builtins, the real zod, no sandbox. It
 * reads one call from standard input and writes its end to file descriptor 3.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { pathToFileURL } from 'node:url'
import { format } from 'node:util'
import { codeOf, messageOf } from './errors.ts'
import { z, type Tool } from './tool/author.ts'

export interface PlainCall {
  /** The tool's module, absolute. */
  readonly path: string
  /** Holds its own files, absolute. */
  readonly folder: string
  readonly args: Readonly<Record<string, unknown>>
  /** By `METHOD URL`; the body byte by byte. */
  readonly answers: readonly (readonly [
    request: string,
    answer: {
      readonly status: number
      readonly headers: Readonly<Record<string, string>>
      readonly body: readonly number[]
    },
  ])[]
  readonly settings: Readonly<Record<string, string>>
  readonly user: string
}

export type PlainEnd = {
  readonly logs: readonly { readonly level: string; readonly text: string }[]
} & (
  | { readonly kind: 'ok'; readonly output: unknown }
  | {
      readonly kind: 'failed'
      readonly error: { readonly name: string; readonly code?: string; readonly message: string }
    }
  /** Nothing was called. */
  | { readonly kind: 'not-loaded'; readonly message: string }
)

const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js'
const authorUrl = new URL(`./tool/author${extension}`, import.meta.url).href

/** This very run-agent, wherever the tool lies; and its files are modules, whatever a package.json above them says. */
function installHooks(folder: string): void {
  const own = pathToFileURL(`${folder}/`).href
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === 'run-agent' ? { url: authorUrl, shortCircuit: true } : next(specifier, context),
    load: (url, context, next) =>
      url.startsWith(own) && url.endsWith('.ts') && !url.includes('/node_modules/')
        ? next(url, { ...context, format: 'module-typescript' })
        : next(url, context),
  })
}

/** The test's network instead of the real one. */
function installAnswers(answers: PlainCall['answers']): void {
  const known = new Map(answers)
  globalThis.fetch = async (input, init) => {
    const { method, url } = new Request(input, init)
    const answer = known.get(`${method} ${url}`)
    if (answer === undefined) throw new TypeError(`fetch failed: the test has no answer for ${method} ${url}`)
    const { status, headers, body } = answer
    const isEmpty = body.length === 0 || method === 'HEAD'
    return new Response(isEmpty ? null : new Uint8Array(body), { status, headers })
  }
}

async function callTool(
  { path, folder, args, answers, settings, user }: PlainCall,
  logs: PlainEnd['logs'][number][],
): Promise<PlainEnd> {
  installHooks(folder)
  installAnswers(answers)
  let tool: Tool
  try {
    tool = ((await import(pathToFileURL(path).href)) as { default: Tool }).default
    if (tool?.kind !== 'tool') throw new Error("the module's default export must be made by defineTool of run-agent")
  } catch (error) {
    return { kind: 'not-loaded', message: messageOf(error), logs }
  }
  for (const level of ['log', 'info', 'warn', 'error', 'debug', 'trace'] as const) {
    Reflect.set(console, level, (...words: unknown[]) => void logs.push({ level, text: format(...words) }))
  }
  try {
    const parsed = tool.parameters.strict().safeParse(args)
    if (!parsed.success) {
      return {
        kind: 'failed',
        error: { name: 'InvalidArguments', code: 'E_ARGUMENTS', message: z.prettifyError(parsed.error) },
        logs,
      }
    }
    const context = { settings, user, signal: new AbortController().signal, idempotencyKey: '0'.repeat(32) }
    const output: unknown = await tool.execute(parsed.data, context)
    return { kind: 'ok', output: JSON.parse(JSON.stringify(output) ?? 'null') as unknown, logs }
  } catch (error) {
    const code = codeOf(error)
    const name = error instanceof Error ? error.name : 'Error'
    return { kind: 'failed', error: { name, ...(code === undefined ? {} : { code }), message: messageOf(error) }, logs }
  }
}

const end = await callTool(JSON.parse(readFileSync(0, 'utf8')) as PlainCall, [])
writeFileSync(3, JSON.stringify(end))
// What the tool left running is of no interest any more.
process.exit(0)
