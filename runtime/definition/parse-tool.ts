/** One entry under `tools`. */

import {
  PATTERNS_PER_LIST_MAX,
  TOOL_PATTERN_CHARACTERS_MAX,
  TOOL_CALLS_MAX,
  TOOL_LOG_BYTES_LIMIT_MAX,
  TOOL_LOG_BYTES_MAX,
  TOOL_MEMORY_BYTES,
  TOOL_MEMORY_BYTES_MAX,
  TOOL_MEMORY_BYTES_MIN,
  TOOL_REQUESTS_LIMIT_MAX,
  TOOL_REQUESTS_MAX,
  TOOL_RESULT_BYTES_LIMIT_MAX,
  TOOL_RESULT_BYTES_MAX,
  TOOL_TIMEOUT_MS,
  TOOL_TIMEOUT_MS_MAX,
} from '../limits.ts'
import type { DenyRule, Network, PathRight } from '../policy/grant.ts'
import { BUILTIN_TOOLS, BUILTIN_TOOL_NAMES, isBuiltinTool } from './builtin-tools.ts'
import type { BuiltinTool, ToolRight } from './builtin-tools.ts'
import { isProtectedPath, readDeny, readPattern, type PatternAt, type RuleCheck } from './check-rules.ts'
import { REPEATS, type ToolEntry, type ToolLimits, type ToolSource } from './definition.ts'
import { folderPath } from './folder-path.ts'
import { TOOL_KEYS, LIMITS_KEYS } from './keys.ts'
import type { Expand } from './http-template.ts'
import { quoted, type Field, type Fields, type NodeReader } from './node-reader.ts'
import { readArgs } from './parse-args.ts'
import {
  readHeaders,
  readHttpRules,
  readRedirects,
  readRequest,
  type HttpReading,
  type IsPublicSuffix,
  type RequestRule,
} from './parse-http.ts'
import type { Settings } from './settings.ts'
import type { JsonSchema } from '../tool/check-schema.ts'
import { didYouMean } from './suggest.ts'

const PATH_RIGHTS: readonly PathRight[] = ['read', 'write', 'delete']
const TOOL_NAME = /^[a-z][a-z0-9_]*$/
const CREDENTIAL_NAME = /^[a-z][a-z0-9_-]*$/
const KILOBYTE = 1024
const BUILTIN_PREFIX = 'run-agent/'

export interface ToolParsing {
  readonly reader: NodeReader
  readonly ruleCheck: RuleCheck
  readonly settings: Settings
  readonly isPublicSuffix: IsPublicSuffix
  /** The operator's. */
  readonly networks: readonly Network[]
}

/** Undefined if a problem was noted that leaves no tool. */
export function parseTool(parsing: ToolParsing, field: Field): ToolEntry | undefined {
  const { reader, ruleCheck, settings } = parsing
  const { problems } = reader
  const name = field.key
  if (!TOOL_NAME.test(name)) {
    const hint = name.startsWith('x-')
      ? 'x-… keys are free in a tool and beside `tools`, not among the tools'
      : undefined
    const message = `the tool name ${quoted(name)} must be lower-case letters, digits and \`_\`, a letter first`
    problems.add(field.at, message, hint)
    if (hint !== undefined) return undefined
  }
  const fields = reader.fields(field, TOOL_KEYS, 'a tool')
  if (fields === undefined) return undefined
  const web = readWeb(parsing, fields)
  const from = fields.has('request')
    ? readRequestTool(reader, fields, web)
    : readFrom(reader, field, fields.get('from'))
  const rules = [...fields.values()].flatMap((list) => {
    const right = PATH_RIGHTS.find((candidate) => candidate === list.key)
    return right === undefined ? [] : readPatterns(reader, list, settings).map((pattern) => ({ ...pattern, right }))
  })
  const denyField = fields.get('deny')
  const deny = denyField === undefined ? [] : readPatterns(reader, denyField, settings)
  const gitField = fields.get('git')
  const git = gitField && reader.choice(gitField, ['read'] as const)
  const approval = fields.get('approval')
  if (approval !== undefined) reader.choice(approval, ['never'] as const, ['ask'])
  const limits = readLimits(reader, fields.get('limits'))
  checkRights(reader, field, from, fields)
  ruleCheck.tool(rules, deny)
  const characters = [...rules, ...deny].reduce((sum, { pattern }) => sum + pattern.length, 0)
  if (characters > TOOL_PATTERN_CHARACTERS_MAX) {
    problems.add(field.at, `the patterns of a tool have at most ${TOOL_PATTERN_CHARACTERS_MAX} characters together`)
  }
  const credentials = readCredentials(reader, fields, web)
  const description = fields.get('description')
  const args = fields.get('args')
  const repeat = fields.get('repeat')
  const required = fields.get('required')
  if (required !== undefined) reader.flag(required)
  const isSafe = rules.every(({ right }) => right === 'read') && web.http.every(({ rule }) => rule.startsWith('GET '))
  const words = {
    description: description && reader.text(description, { lines: true }),
    args: args === undefined ? [] : ownArgs(reader, args, settings, fields.has('request')),
    repeat: (repeat && reader.choice(repeat, REPEATS)) ?? (isSafe ? 'safe' : 'ask'),
    required: required && problems.placeOf(required.at),
  }
  if (from === undefined) return undefined
  const place = (at: PatternAt): DenyRule => ({ pattern: at.pattern, place: problems.placeOf(at.at) })
  return {
    name,
    from,
    paths: rules.map((rule) => ({ right: rule.right, ...place(rule) })),
    deny: deny.map(place),
    git:
      git === undefined || gitField === undefined ? undefined : { access: git, place: problems.placeOf(gitField.at) },
    http: web.http,
    redirects: web.redirects,
    headers: web.headers,
    credentials: credentials.map(({ name, at }) => ({ name, place: problems.placeOf(at) })),
    limits,
    ...words,
    place: problems.placeOf(field.at),
  }
}

interface WebRules extends Pick<ToolEntry, 'http' | 'redirects' | 'headers'> {
  readonly request: RequestRule | undefined
}

function readWeb({ settings, ...parsing }: ToolParsing, fields: Fields): WebRules {
  const expand: Expand = (template, part, at) => settings.expand(template, part, at)
  const reading: HttpReading = { ...parsing, expand }
  const [requestField, httpField, redirectsField, headersField] = ['request', 'http', 'redirects', 'headers'].map(
    (key) => fields.get(key),
  )
  const request = requestField && readRequest(reading, requestField)
  const http = requestField === undefined ? httpField && readHttpRules(reading, httpField) : request && [request.http]
  // Where the rules have mistakes of their own, what rests on them is not to blame.
  const base = http ?? (requestField === undefined && httpField === undefined ? [] : undefined)
  return {
    request,
    http: http ?? [],
    redirects: (redirectsField && readRedirects(reading, redirectsField, base)) ?? [],
    headers: (headersField && readHeaders(reading, headersField, base)) ?? [],
  }
}

/** Names of the operator's configuration; each once, and of use only where something is requested. */
function readCredentials(
  reader: NodeReader,
  fields: Fields,
  { http }: WebRules,
): readonly { readonly name: string; readonly at: number }[] {
  const field = fields.get('credentials')
  if (field === undefined) return []
  const { problems } = reader
  if (http.length === 0 && !fields.has('http') && !fields.has('request')) {
    problems.add(field.at, '`credentials` can never take effect: the tool has no right to any URL')
  }
  const seen = new Map<string, number>()
  for (const item of reader.items(field) ?? []) {
    const name = reader.text(item)
    if (name === undefined) continue
    if (!CREDENTIAL_NAME.test(name)) {
      const message = `the credential ${quoted(name)} must be a name: lower-case letters, digits, \`_\` and \`-\``
      problems.add(item.valueAt, message, 'its value comes from the configuration of the operator')
    } else if (seen.has(name)) problems.add(item.at, `${quoted(name)} is written twice`)
    else seen.set(name, item.at)
  }
  return [...seen].map(([name, at]) => ({ name, at }))
}

/** What stands in a URL is one text. */
const URL_TYPES: ReadonlySet<unknown> = new Set(['string', 'number', 'integer', 'boolean'])

function isOneText(schema: JsonSchema): boolean {
  if (typeof schema !== 'object') return false
  const { type, const: only, enum: some } = schema
  if (type !== undefined) return URL_TYPES.has(type)
  const values = Array.isArray(some) ? some : [only]
  return values.every((value) => ['string', 'number', 'boolean'].includes(typeof value))
}

function ownArgs(reader: NodeReader, field: Field, settings: Settings, inUrl: boolean): ToolEntry['args'] {
  const rules = readArgs(reader, field, settings, inUrl)
  if (!inUrl) return rules
  for (const { at, key } of reader.entries(field) ?? []) {
    const rule = rules.find(({ argument }) => argument === key)
    if (rule === undefined || isOneText(rule.schema)) continue
    reader.problems.add(
      at,
      `the argument ${quoted(key)} stands in a URL, so its type is string, number, integer or boolean`,
    )
  }
  return rules
}

/** A tool without code: nothing of it but the request takes effect, and its arguments have no other schema. */
function readRequestTool(reader: NodeReader, fields: Fields, { request }: WebRules): ToolSource | undefined {
  const { problems } = reader
  for (const key of ['from', 'http', 'git', 'deny', ...PATH_RIGHTS]) {
    const field = fields.get(key)
    if (field !== undefined) problems.add(field.at, `\`${key}\` can never take effect: the tool is its \`request\``)
  }
  const field = fields.get('request')
  if (field !== undefined && !fields.has('description')) {
    problems.add(field.at, 'a tool without code must have a `description`', 'it is all that the model learns of it')
  }
  if (request === undefined) return undefined
  const args = fields.get('args')
  const given = new Map((args && reader.entries(args))?.map((entry) => [entry.key, entry.at]))
  for (const name of request.args) {
    if (!given.has(name))
      problems.add(field?.valueAt ?? 0, `the argument ${quoted(name)} has no schema`, 'give it one under `args`')
  }
  for (const [name, at] of given) {
    if (!request.args.includes(name)) problems.add(at, `the argument ${quoted(name)} stands nowhere in the request`)
  }
  return { kind: 'request', request: request.request }
}

function readFrom(reader: NodeReader, tool: Field, field: Field | undefined): ToolSource | undefined {
  const { problems } = reader
  if (field === undefined) {
    const own = `a tool of your own needs \`from: ./tools/${TOOL_NAME.test(tool.key) ? tool.key : 'name'}.ts\``
    return builtin(reader, tool.key, tool.at, own)
  }
  const text = reader.text(field)
  if (text === undefined) return undefined
  if (text.startsWith(BUILTIN_PREFIX)) return builtin(reader, text.slice(BUILTIN_PREFIX.length), field.valueAt)
  const path = folderPath(text)
  if (!path.ok) {
    problems.add(field.valueAt, `\`from\` ${path.message}`, "a tool must lie in the definition's folder")
  } else if (!text.startsWith('./')) {
    const hint = text.includes('.') ? `did you mean ${quoted(`./${path.path}`)}?` : undefined
    problems.add(field.valueAt, '`from` must begin with `./` or `run-agent/`; a package is not supported yet', hint)
  } else if (isProtectedPath(path.path)) {
    problems.add(field.valueAt, '`from` names a protected file')
  } else if (!/\.m?[jt]s$/.test(path.path)) {
    problems.add(field.valueAt, '`from` must be a .ts or .js file')
  } else return { kind: 'file', path: path.path }
  return undefined
}

function builtin(reader: NodeReader, name: string, at: number, own?: string): ToolSource | undefined {
  if (isBuiltinTool(name)) return { kind: 'builtin', tool: name }
  const hint = didYouMean(name, BUILTIN_TOOL_NAMES) ?? own
  reader.problems.add(at, `no tool ${quoted(name)} comes with run-agent`, hint)
  return undefined
}

/** The patterns of one list that are well formed; each once. */
function readPatterns(reader: NodeReader, list: Field, settings: Settings): readonly PatternAt[] {
  const items = reader.items(list) ?? []
  const surplus = items[PATTERNS_PER_LIST_MAX]
  if (surplus !== undefined) {
    reader.problems.add(surplus.at, `\`${list.key}\` holds more than ${PATTERNS_PER_LIST_MAX} patterns`)
    return []
  }
  const seen = new Map<string, number>()
  return items.flatMap((item) => {
    const pattern = (list.key === 'deny' ? readDeny : readPattern)(reader, item, settings)
    if (pattern === undefined) return []
    const first = seen.get(pattern.pattern)
    if (first !== undefined) {
      const line = reader.problems.lineOf(first)
      reader.problems.add(item.at, `${quoted(pattern.pattern)} is written twice, first in line ${line}`)
      return []
    }
    seen.set(pattern.pattern, item.at)
    return [pattern]
  })
}

const EXAMPLES: Partial<Record<ToolRight, string>> = {
  git: 'git: read',
  http: 'http: ["GET https://api.example/v1/**"]',
}

/** A right that a built-in tool lacks, one that it can never use, and a `deny` with nothing to deny. */
function checkRights(reader: NodeReader, tool: Field, from: ToolSource | undefined, fields: Fields): void {
  const { problems } = reader
  const deny = fields.get('deny')
  if (deny !== undefined && !PATH_RIGHTS.some((right) => fields.has(right))) {
    problems.add(deny.at, '`deny` can never take effect: the tool has no path rule')
  }
  if (from?.kind !== 'builtin') return
  const { needs, requires }: BuiltinTool = BUILTIN_TOOLS[from.tool]
  const rights: readonly ToolRight[] = [...PATH_RIGHTS, 'git', 'http']
  for (const right of rights) {
    const field = fields.get(right)
    if (field !== undefined && !needs.includes(right)) {
      problems.add(field.at, `\`${right}\` can never take effect: \`${from.tool}\` does not need it`)
    }
    if (field === undefined && requires.includes(right)) {
      const example = EXAMPLES[right] ?? `${right}: ["**"]`
      problems.add(tool.at, `${quoted(tool.key)} lacks a right that it needs: \`${right}\``, `as in ${example}`)
    }
  }
}

function readLimits(reader: NodeReader, field: Field | undefined): ToolLimits {
  const fields = field && reader.section(field, LIMITS_KEYS, '`limits`')
  const timeout = fields?.get('timeout')
  const memory = fields?.get('memory')
  const calls = fields?.get('calls')
  const requests = fields?.get('requests')
  const result = fields?.get('result')
  const log = fields?.get('log')
  return {
    resultBytes: (result && reader.size(result, KILOBYTE, TOOL_RESULT_BYTES_LIMIT_MAX)) ?? TOOL_RESULT_BYTES_MAX,
    logBytes: (log && reader.size(log, KILOBYTE, TOOL_LOG_BYTES_LIMIT_MAX)) ?? TOOL_LOG_BYTES_MAX,
    timeoutMs: (timeout && reader.duration(timeout, TOOL_TIMEOUT_MS_MAX)) ?? TOOL_TIMEOUT_MS,
    memoryBytes: (memory && reader.size(memory, TOOL_MEMORY_BYTES_MIN, TOOL_MEMORY_BYTES_MAX)) ?? TOOL_MEMORY_BYTES,
    calls: calls && reader.integer(calls, 1, TOOL_CALLS_MAX),
    requests: (requests && reader.integer(requests, 1, TOOL_REQUESTS_LIMIT_MAX)) ?? TOOL_REQUESTS_MAX,
  }
}
