/**
 * An agent definition, as a person or an attacker wrote it, to AgentDefinition. Never a default in place of an
 * error: what is unknown, not supported yet or without effect is a problem, and every problem is reported at once.
 */

import { isMap } from 'yaml'
import { messageOf } from '../errors.ts'
import {
  DEFINITION_BYTES_MAX,
  DEFINITION_TOOLS_MAX,
  MODEL_OUTPUT_TOKENS_MAX,
  RUN_TIME_MS,
  RUN_TIME_MS_MAX,
  RUN_TURNS_LIMIT_MAX,
  RUN_TOKENS_MAX,
  RUN_TURNS_MAX,
  RUN_USD_MAX,
  RUN_USD_MIN,
} from '../limits.ts'
import type { Network } from '../policy/grant.ts'
import { isProtectedPath, RuleCheck } from './check-rules.ts'
import { MODEL_EFFORTS, WALLS } from './definition.ts'
import type { AgentDefinition, Budget, ModelChoice, ToolEntry } from './definition.ts'
import { folderPath } from './folder-path.ts'
import { DEFINITION_KEYS, MODEL_KEYS, INSTRUCTIONS_KEYS, BUDGET_KEYS, REQUIRE_KEYS } from './keys.ts'
import { NodeReader, quoted, type Field, type Fields } from './node-reader.ts'
import { splitMarkdown } from './markdown-source.ts'
import type { IsPublicSuffix } from './parse-http.ts'
import { readTests } from './parse-tests.ts'
import { parseTool } from './parse-tool.ts'
import { Settings, type SettingValues } from './settings.ts'
import { parseYaml } from './yaml-source.ts'

export interface DefinitionInput {
  /** The file's name as places show it. */
  readonly file: string
  readonly text: string | Uint8Array
  /**
   * Reads a file of the definition's folder, by its normalised path relative to that folder. It answers for links,
   * size and kind; what it throws is shown, so its message never quotes the file.
   */
  readonly readFile?: (path: string) => string | Uint8Array
  /** Normalised workspace-relative paths that the operator took off the list of protected ones, with all below. */
  readonly allowProtected?: readonly string[]
  /** Without it every domain counts as a public suffix, and no rule may have a wildcard for a host. */
  readonly isPublicSuffix?: IsPublicSuffix
  /** The operator's: where `http:` may be permitted. */
  readonly networks?: readonly Network[]
  /** Values for its settings; without them a definition can be read and locked, and not run. */
  readonly values?: SettingValues
}

const AGENT_NAME = /^[a-z][a-z0-9_-]*$/
const MODEL_NAME = /^(?<provider>[a-z][a-z0-9_-]*)\/(?<name>[^\s/][^\s]*)$/

/** Throws ProblemsError. */
export function parseDefinition(input: DefinitionInput): AgentDefinition {
  const { yaml, body } = splitMarkdown(input)
  const { root, problems } = parseYaml('definition', input.file, yaml)
  const reader = new NodeReader(problems)
  const rootAt = root?.range?.[0] ?? 0
  if (root === undefined || !isMap(root)) {
    problems.add(rootAt, root === undefined ? 'the definition is empty' : 'a definition must be a mapping')
    throw problems.error()
  }
  const top: Field = { key: 'definition', at: rootAt, value: root, valueAt: rootAt }
  const fields = reader.fields(top, DEFINITION_KEYS, 'a definition') ?? new Map<string, Field>()
  const definition = readDefinition(reader, fields, { ...input, body }, rootAt)
  problems.throwIfAny()
  // Without a problem there is a definition: every reader that returns undefined has noted why.
  if (definition === undefined) throw new Error('a definition was refused without a problem')
  return deepFreeze(definition)
}

function readDefinition(
  reader: NodeReader,
  fields: Fields,
  input: DefinitionInput & { readonly body: string | undefined },
  rootAt: number,
): AgentDefinition | undefined {
  const { problems } = reader
  const optional = <Value>(key: string, read: (field: Field) => Value | undefined): Value | undefined => {
    const field = fields.get(key)
    return field === undefined ? undefined : read(field)
  }
  if (!fields.has('name')) problems.add(rootAt, '`name` is missing')
  const name = optional('name', (field) => readName(reader, field))
  const description = optional('description', (field) => reader.text(field, { lines: true }))
  const model = optional('model', (field) => readModel(reader, field))
  const script = optional('script', (field) => readScript(reader, field))
  const fallback = optional('fallback', (field) => reader.choice(field, ['script'] as const))
  const instructions = readInstructions(reader, fields.get('instructions'), input)
  const workspace = optional('workspace', (field) => readWorkspace(reader, field)) ?? '.'
  const settings = new Settings(reader, fields.get('settings'), input.values)
  const tools = optional('tools', (field) => readTools(reader, field, settings, input)) ?? []
  const budget = optional('budget', (field) => readBudget(reader, field))
  // A tool with a mistake of its own is none that is missing.
  const toolNames = (optional('tools', (field) => reader.entries(field)) ?? []).map(({ key }) => key)
  const require = optional('require', (field) => readRequire(reader, field)) ?? []
  const tests = optional('tests', (field) => readTests(reader, field, settings, toolNames)) ?? []
  checkPlayers(reader, fields, rootAt)
  if (name === undefined) return undefined
  return {
    file: input.file,
    name,
    description,
    model,
    script,
    fallback,
    instructions: instructions?.text,
    instructionsFile: instructions?.file,
    workspace,
    tools,
    settings: settings.list,
    budget: {
      turns: budget?.turns ?? RUN_TURNS_MAX,
      timeMs: budget?.timeMs ?? RUN_TIME_MS,
      tokens: budget?.tokens,
      usd: budget?.usd,
    },
    require,
    tests,
    places: Object.fromEntries([...fields].map(([key, field]) => [key, problems.placeOf(field.at)])),
  }
}

function readName(reader: NodeReader, field: Field): string | undefined {
  const name = reader.text(field)
  if (name === undefined || AGENT_NAME.test(name)) return name
  reader.problems.add(field.valueAt, '`name` must be lower-case letters, digits, `_` and `-`, a letter first')
  return undefined
}

/** `provider/name`, or a mapping with that as its name. */
function readModel(reader: NodeReader, field: Field): ModelChoice | undefined {
  if (!isMap(field.value)) return readModelName(reader, field)
  const fields = reader.fields(field, MODEL_KEYS, '`model`')
  if (fields === undefined) return undefined
  const nameField = fields.get('name')
  if (nameField === undefined) {
    reader.problems.add(field.at, '`model` has no `name`', 'write name: provider/name')
    return undefined
  }
  const effort = fields.get('effort')
  const temperature = fields.get('temperature')
  const maxOutput = fields.get('maxOutput')
  const options = {
    effort: effort && reader.choice(effort, MODEL_EFFORTS),
    temperature: temperature && reader.number(temperature, 0, 2),
    maxOutput: maxOutput && reader.integer(maxOutput, 1, MODEL_OUTPUT_TOKENS_MAX),
  }
  const model = readModelName(reader, nameField)
  return model && { ...model, ...options }
}

function readModelName(reader: NodeReader, field: Field): ModelChoice | undefined {
  const text = reader.text(field)
  if (text === undefined) return undefined
  const { provider, name } = MODEL_NAME.exec(text)?.groups ?? {}
  if (provider === undefined || name === undefined) {
    reader.problems.add(field.valueAt, `${quoted(field.key)} must be \`provider/name\``, 'as in openai/gpt-5.6-luna')
    return undefined
  }
  return { provider, name, effort: undefined, temperature: undefined, maxOutput: undefined }
}

function readScript(reader: NodeReader, field: Field): string | undefined {
  const path = readFolderFile(reader, field)
  if (path === undefined || /\.m?[jt]s$/.test(path)) return path
  reader.problems.add(field.valueAt, '`script` must be a .ts or .js file')
  return undefined
}

/** The path of a file in the definition's folder. */
function readFolderFile(reader: NodeReader, field: Field): string | undefined {
  const text = reader.text(field)
  if (text === undefined) return undefined
  const path = folderPath(text)
  if (!path.ok) {
    const hint = path.reason === 'malformed' ? undefined : "a file must lie in the definition's folder"
    reader.problems.add(field.valueAt, `${quoted(field.key)} ${path.message}`, hint)
    return undefined
  }
  if (isProtectedPath(path.path)) {
    reader.problems.add(field.valueAt, `${quoted(field.key)} names a protected file`)
    return undefined
  }
  return path.path
}

function readInstructions(
  reader: NodeReader,
  field: Field | undefined,
  { body, readFile }: { readonly body: string | undefined; readonly readFile?: DefinitionInput['readFile'] },
): { readonly text: string; readonly file: string | undefined } | undefined {
  if (body !== undefined) {
    if (field !== undefined) reader.problems.add(field.at, 'the instructions of a Markdown definition are its body')
    return body.trim() === '' ? undefined : { text: body, file: undefined }
  }
  if (field === undefined) return undefined
  if (!isMap(field.value)) {
    const text = reader.text(field, { lines: true })
    return text === undefined ? undefined : { text, file: undefined }
  }
  const fileField = reader.fields(field, INSTRUCTIONS_KEYS, '`instructions`')?.get('file')
  if (fileField === undefined) {
    reader.problems.add(field.at, '`instructions` must be text or { file: ./prompt.md }')
    return undefined
  }
  const file = readFolderFile(reader, fileField)
  if (file === undefined) return undefined
  const refuse = (reason: string): undefined => {
    reader.problems.add(fileField.valueAt, `the instructions cannot be read: ${reason}`)
  }
  if (readFile === undefined) return refuse('files are not available here')
  let content: string | Uint8Array
  try {
    content = readFile(file)
  } catch (cause) {
    return refuse(messageOf(cause))
  }
  if (content.length > DEFINITION_BYTES_MAX) return refuse(`the file is larger than ${DEFINITION_BYTES_MAX / 1024} KiB`)
  const text = typeof content === 'string' ? content : new TextDecoder('utf-8').decode(content)
  // A replacement character stands for bytes that are no UTF-8, and no honest prompt holds one.
  if (/[\0\ufffd]/.test(text) || !text.isWellFormed()) return refuse('the file is not UTF-8 text')
  return text.trim() === '' ? refuse('the file is empty') : { text, file }
}

function readWorkspace(reader: NodeReader, field: Field): string | undefined {
  const text = reader.text(field)
  if (text === undefined) return undefined
  const path = folderPath(text)
  if (path.ok) return path.path
  const hint = path.reason === 'malformed' ? undefined : 'only --workspace names a folder outside the current directory'
  reader.problems.add(field.valueAt, `\`workspace\` ${path.message}`, hint)
  return undefined
}

function readTools(
  reader: NodeReader,
  field: Field,
  settings: Settings,
  { allowProtected = [], isPublicSuffix = () => true, networks = [] }: DefinitionInput,
): readonly ToolEntry[] | undefined {
  const entries = reader.entries(field)
  const surplus = entries?.[DEFINITION_TOOLS_MAX]
  if (surplus !== undefined) {
    reader.problems.add(surplus.at, `an agent has at most ${DEFINITION_TOOLS_MAX} tools`)
    return undefined
  }
  const ruleCheck = new RuleCheck(reader.problems, allowProtected)
  return entries
    ?.map((entry) => parseTool({ reader, ruleCheck, settings, isPublicSuffix, networks }, entry))
    .filter((tool) => tool !== undefined)
}

function readBudget(reader: NodeReader, field: Field): { readonly [Key in keyof Budget]: Budget[Key] | undefined } {
  const fields = reader.section(field, BUDGET_KEYS, '`budget`')
  const [turns, tokens, usd, time] = BUDGET_KEYS.supported.map((key) => fields?.get(key))
  return {
    turns: turns && reader.integer(turns, 1, RUN_TURNS_LIMIT_MAX),
    tokens: tokens && reader.integer(tokens, 1, RUN_TOKENS_MAX),
    usd: usd && reader.number(usd, RUN_USD_MIN, RUN_USD_MAX),
    timeMs: time && reader.duration(time, RUN_TIME_MS_MAX),
  }
}

function readRequire(reader: NodeReader, field: Field): AgentDefinition['require'] {
  const walls = reader.section(field, REQUIRE_KEYS, '`require`')?.get('walls')
  return ((walls && reader.items(walls)) ?? []).flatMap((item) => {
    const wall = reader.choice(item, WALLS)
    return wall === undefined ? [] : [{ wall, place: reader.problems.placeOf(item.at) }]
  })
}

/** Something must play, and a fallback needs both what it replaces and what replaces it. */
function checkPlayers(reader: NodeReader, fields: Fields, rootAt: number): void {
  const fallback = fields.get('fallback')
  if (!fields.has('model') && !fields.has('script')) {
    reader.problems.add(rootAt, 'the definition has neither `model` nor `script`')
  } else if (fallback !== undefined && !fields.has('script')) {
    reader.problems.add(fallback.at, '`fallback` can never take effect: there is no `script`')
  } else if (fallback !== undefined && !fields.has('model')) {
    reader.problems.add(
      fallback.at,
      '`fallback` can never take effect: there is no `model`, so the script always plays',
    )
  }
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  Object.freeze(value)
  for (const inner of Object.values(value)) deepFreeze(inner)
  return value
}
