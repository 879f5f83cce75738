/**
 * `run-agent test-tool`, which testTool() of `run-agent/test` starts: one question on standard input, one answer on
 * standard output. Not for people, and so in no help.
 */
import { basename, dirname, relative, sep } from 'node:path'
import { parseDefinition } from '../definition/parse.ts'
import { ProblemsError, RunAgentError } from '../errors.ts'
import { loadAgent } from '../load-agent.ts'
import { createMemoryFiles } from '../memory-files.ts'
import { callInPlainNode } from '../node-plain-tool.ts'
import { nodeClock } from '../node-processes.ts'
import { matchesWhole } from '../node-regexp.ts'
import type { PlannedTool } from '../plan.ts'
import { normalisePath } from '../policy/path-rule.ts'
import { callOnBench } from '../tool-bench.ts'
import { decodeQuestion, encodeAnswer, type ToolTestSaid, type ToolTestQuestion } from '../tool/test-tool-wire.ts'
import { readEnvironment } from './environment.ts'
import { EXIT } from './exit-codes.ts'
import { openWorkshop, type Workshop } from './workshop.ts'

/** Where a definition's name would stand. */
const RULES = 'rules'

export async function testToolCommand(): Promise<number> {
  const question = checked(decodeQuestion(await readAll()))
  const answer = question.in === 'node' ? await inNode(question) : await inSandbox(question)
  process.stdout.write(encodeAnswer(answer))
  return EXIT.completed
}

async function readAll(): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk as Uint8Array))
  return Buffer.concat(chunks).toString('utf8')
}

/** Paths as rules and requests name them. */
function checked(question: ToolTestQuestion): ToolTestQuestion {
  const files = new Map<string, Uint8Array>()
  for (const [path, bytes] of question.files) {
    const normalised = normalisePath(path)
    if (!normalised.ok || normalised.path === '') {
      throw new RunAgentError('E_USAGE', `the files of the test hold ${path}, which is no path of a workspace`)
    }
    if (files.has(normalised.path)) throw new RunAgentError('E_USAGE', `the files of the test hold ${path} twice`)
    files.set(normalised.path, bytes)
  }
  return { ...question, files }
}

async function inSandbox(question: ToolTestQuestion): Promise<ToolTestSaid> {
  const environment = readEnvironment()
  const folder = folderOf(question, environment.installation.root)
  const workshop = openWorkshop(environment, folder)
  try {
    const [sandbox, tool] = await Promise.all([workshop.toolSandbox(), loadTool(question, folder, workshop)])
    const files = createMemoryFiles(question.files, question.nowMs)
    const argumentsJson = JSON.stringify(question.args)
    const { settings: values, user, nowMs, seed, http: answers } = question
    const call = { tool, argumentsJson, files, answers, sandbox, clock: nodeClock, values, user, nowMs, seed }
    const { result, requests, logs } = await callOnBench(call)
    const ended = result.ok ? { output: result.output, error: undefined } : { output: undefined, error: result.error }
    return { ...ended, files: files.contents(), requests, logs }
  } finally {
    workshop.close()
  }
}

async function inNode(question: ToolTestQuestion): Promise<ToolTestSaid> {
  const { installation } = readEnvironment()
  const path = isBuiltin(question) ? `${installation.root}/tools/${builtinName(question)}.ts` : question.tool
  const { args, settings, user, http } = question
  const answers = [...http].map(([request, { body, ...said }]) => [request, { ...said, body: [...body] }] as const)
  const folder = folderOf(question, installation.root)
  const timeoutMs = definitionOf(question, folder).tools[0]?.limits.timeoutMs ?? 0
  const { end, files } = await callInPlainNode(
    { path, folder, args, answers, settings, user },
    question.files,
    timeoutMs,
  )
  if (end.kind === 'not-loaded') throw new RunAgentError('E_TOOL_LOAD', `couldn't load ${path}: ${end.message}`)
  const ended = end.kind === 'ok' ? { output: end.output, error: undefined } : { output: undefined, error: end.error }
  return { ...ended, files, requests: [], logs: end.logs }
}

function isBuiltin({ tool }: ToolTestQuestion): boolean {
  return tool.startsWith('run-agent/')
}

function builtinName({ tool }: ToolTestQuestion): string {
  return tool.slice('run-agent/'.length)
}

function folderOf(question: ToolTestQuestion, root: string): string {
  return question.folder ?? (isBuiltin(question) ? `${root}/tools` : dirname(question.tool))
}

/** A definition with this tool alone, so that rules mean here what they mean there. */
function definitionOf(question: ToolTestQuestion, folder: string): ReturnType<typeof parseDefinition> {
  const way = relative(folder, question.tool).split(sep).join('/')
  const name = toolName(isBuiltin(question) ? builtinName(question) : basename(question.tool))
  const from = isBuiltin(question) ? question.tool : `./${way}`
  const settings = Object.entries(question.settings).map(([key, value]) => [key, { oneOf: [value] }] as const)
  const definition = {
    name: 'test',
    model: 'nobody/plays',
    ...(settings.length === 0 ? {} : { settings: Object.fromEntries(settings) }),
    tools: { [name]: { from, ...question.rules } },
  }
  const given = new Map(Object.entries(question.settings))
  const values = { user: question.user, given, configured: new Map<string, string>(), matchesWhole }
  try {
    return parseDefinition({ file: RULES, text: JSON.stringify(definition), values })
  } catch (error) {
    throw inWords(error)
  }
}

async function loadTool(question: ToolTestQuestion, folder: string, workshop: Workshop): Promise<PlannedTool> {
  const definition = definitionOf(question, folder)
  const place = { folder, named: folder, name: RULES, shown: RULES, realPath: undefined }
  const workspace = { ownFiles: () => [], neverGranted: [] }
  try {
    const agent = await loadAgent(
      workshop.loader,
      place,
      { definition, hash: '', allowProtected: [], networks: [] },
      workspace,
    )
    const [tool] = agent.tools
    if (tool === undefined) throw new Error('the definition of a test has one tool')
    return tool
  } catch (error) {
    throw inWords(error)
  }
}

/** Places in rules that stand in no file would say nothing; those in the tool's own files do. */
function inWords(error: unknown): unknown {
  if (!(error instanceof ProblemsError) || error.problems.some(({ file }) => file !== RULES)) return error
  const words = error.problems.map(({ message, hint }) => [message, hint].filter(Boolean).join('; '))
  return new RunAgentError('E_USAGE', `the rules of the test: ${words.join('\n')}`)
}

function toolName(file: string): string {
  const name = file
    .replace(/\.[cm]?[jt]s$/, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9_]/g, '_')
  return /^[a-z]/.test(name) ? name : `tool_${name}`
}
