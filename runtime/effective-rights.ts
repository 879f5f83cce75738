/** The effective rights of an agent as data: what `check --json` prints and what every wording of them starts from. */
import type { AgentDefinition, Budget, ToolEntry, ToolLimits } from './definition/definition.ts'
import {
  TOOL_LOG_BYTES_MAX,
  TOOL_MEMORY_BYTES,
  TOOL_REQUESTS_MAX,
  TOOL_RESULT_BYTES_MAX,
  TOOL_TIMEOUT_MS,
} from './limits.ts'
import { simpleFold } from './policy/fold.ts'
import type { Grant, PathRule, RulePlace } from './policy/grant.ts'
import { compileHttpRule } from './policy/http-rule.ts'
import { compileGlob, couldMatchBelow, matches, type Glob } from './policy/path-rule.ts'
import { executedByOthers } from './policy/protected-paths.ts'

/** A tool with its grant as a run would have it. */
export interface CheckedTool {
  readonly entry: ToolEntry
  readonly grant: Grant
}

export type RightKind = 'read' | 'write' | 'delete' | 'history' | 'http' | 'redirect' | 'credential'

export interface Right {
  readonly kind: RightKind
  /** As written, with every setting in place; of a credential its name. */
  readonly rule: string
  readonly place: RulePlace
  /** Whether it lets the tool change what is there, and not only see it. */
  readonly changes: boolean
  /** Why somebody who signs it should look twice. */
  readonly surprises: readonly string[]
}

export interface ToolRights {
  readonly tool: string
  /** Where its code comes from; `request` for a tool without code. */
  readonly from: string
  readonly place: RulePlace
  readonly rights: readonly Right[]
  readonly never: readonly { readonly rule: string; readonly place: RulePlace }[]
  /** Undefined: the tool may set it to what it likes. */
  readonly headers: readonly {
    readonly name: string
    readonly value: string | undefined
    readonly place: RulePlace
  }[]
  readonly args: readonly { readonly argument: string; readonly schema: object; readonly place: RulePlace }[]
  /** Those that differ from the defaults. */
  readonly limits: Partial<ToolLimits>
  readonly repeat: ToolEntry['repeat']
  readonly required: boolean
}

export interface AgentRights {
  readonly agent: string
  readonly workspace: string
  /** Who can play, the first choice first. */
  readonly players: readonly string[]
  readonly tools: readonly ToolRights[]
  readonly budget: Budget
  readonly walls: readonly { readonly wall: string; readonly place: RulePlace }[]
  readonly settings: AgentDefinition['settings']
}

export function effectiveRights(definition: AgentDefinition, tools: readonly CheckedTool[]): AgentRights {
  const { name, workspace, budget, require, settings } = definition
  return {
    agent: name,
    workspace,
    players: playersOf(definition),
    tools: tools.map(toolRights),
    budget,
    walls: require,
    settings,
  }
}

function playersOf({ model, script, fallback }: AgentDefinition): readonly string[] {
  if (model === undefined) return ['script']
  const played = [`${model.provider}/${model.name}`]
  if (script === undefined) return played
  return [...played, fallback === undefined ? 'script with --script' : 'script where the provider is not configured']
}

function toolRights({ entry, grant }: CheckedTool): ToolRights {
  const { name, from, place, args, limits, repeat, required } = entry
  const source = { builtin: 'run-agent', file: 'file', request: 'request' }[from.kind]
  return {
    tool: name,
    from: from.kind === 'builtin' ? `${source}/${from.tool}` : from.kind === 'file' ? `./${from.path}` : source,
    place,
    rights: [...rightsOf(grant), ...credentialRights(entry, grant)],
    never: grant.deny.map((rule) => ({ rule: rule.pattern, place: rule.place })),
    headers: grant.headers,
    args,
    limits: unusualLimits(limits),
    repeat,
    required: required !== undefined,
  }
}

function rightsOf(grant: Grant): readonly Right[] {
  const { git } = grant
  const history: readonly Right[] =
    git === undefined
      ? []
      : [{ kind: 'history', rule: 'git: read', place: git.place, changes: false, surprises: [HISTORY] }]
  return [
    ...history,
    ...grant.paths.map((rule) => ({
      kind: rule.right,
      rule: rule.pattern,
      place: rule.place,
      changes: rule.right !== 'read',
      surprises: pathSurprises(rule, grant),
    })),
    ...(['http', 'redirects'] as const).flatMap((list) =>
      grant[list].map(({ rule, place }): Right => {
        const kind = list === 'http' ? 'http' : 'redirect'
        return { kind, rule, place, ...httpRight(rule, grant.networks) }
      }),
    ),
  ]
}

/** What the operator gives it for is known where there is a configuration; a definition names it, whatever that says. */
function credentialRights(entry: ToolEntry, { credentials }: Grant): readonly Right[] {
  return entry.credentials.map(({ name, place }): Right => {
    const given = credentials?.find((credential) => credential.name === name)
    const surprises = [
      given === undefined ? 'for what the operator says' : `for ${given.rules.map(({ rule }) => rule).join(', ')}`,
      ...(given?.slot.kind === 'query' ? ['in the URL, which servers and proxies write down'] : []),
    ]
    return { kind: 'credential', rule: name, place, changes: false, surprises }
  })
}

const HISTORY = "the repository's history, whatever the path rules say of the files of today"

function pathSurprises(rule: PathRule, { allowProtected = [], ownFiles }: Grant): readonly string[] {
  const compiled = compileGlob(rule.pattern)
  // Patterns were checked where they were read; one that does not compile here is a mistake of ours.
  if (!compiled.ok) throw new Error(`the pattern ${rule.pattern} does not compile: ${compiled.message}`)
  const { glob } = compiled
  const unlocked = allowProtected.filter((path) => matches(glob, path) || couldMatchBelow(glob, path))
  const found = [...widthOf(glob), ...unlocked.map((path) => `the protected ${path}, which the operator allowed`)]
  if (rule.right === 'read') return found
  const { literal } = glob
  const last = rule.pattern.slice(rule.pattern.lastIndexOf('/') + 1)
  const executed = [
    ...glob.spelled.filter((name) => executedByOthers(name, 'folder').length > 0),
    ...(executedByOthers(literal ?? last).some(({ isLast }) => isLast) ? [last] : []),
  ]
  const isOwn = literal !== undefined && ownFiles.some((path) => simpleFold(path) === simpleFold(literal))
  return [
    ...found,
    ...executed.map((name) => `${name}, which something else executes or obeys`),
    ...(isOwn ? ["one of the agent's own files: what it is in the next run"] : []),
  ]
}

/** Names that nobody lists; a pattern that covers most of them was not written for one of them. */
const ARBITRARY_NAMES = Array.from('bdhkmqruwxz5').map((letter) => `${letter}${letter}.${letter}`)
const DEPTHS = [1, 2, 3, 4] as const

function widthOf(glob: Glob): readonly string[] {
  const hits = DEPTHS.map((depth) => {
    const covered = ARBITRARY_NAMES.filter((name) => matches(glob, Array<string>(depth).fill(name).join('/')))
    return covered.length / ARBITRARY_NAMES.length
  })
  if (hits.every((share) => share === 1)) return ['the whole workspace']
  if (hits.some((share) => share >= 0.5)) return ['whatever lies there, by almost any name']
  // However the name is written: no sample of names can stand for all that somebody may give his files.
  return glob.pattern.startsWith('**/') && glob.literal === undefined ? ['in every folder of the workspace'] : []
}

function httpRight(rule: string, networks: Grant['networks']): Pick<Right, 'changes' | 'surprises'> {
  const compiled = compileHttpRule(rule, networks)
  if (!compiled.ok) throw new Error(`the rule ${rule} does not compile: ${compiled.mistake.message}`)
  const { methods, isWildcard, isDeep, query } = compiled.pattern
  const changing = [...methods].filter((method) => method !== 'GET' && method !== 'HEAD')
  const surprises = [
    ...(changing.length > 0 ? [`${changing.join(', ')} can change what lies there`] : []),
    ...(isWildcard ? ['every host below that domain'] : []),
    ...(isDeep ? ['everything below that path'] : []),
    ...(query === 'any' ? ['any query: data can leave by it'] : []),
  ]
  return { changes: changing.length > 0, surprises }
}

const DEFAULT_LIMITS: ToolLimits = {
  timeoutMs: TOOL_TIMEOUT_MS,
  memoryBytes: TOOL_MEMORY_BYTES,
  calls: undefined,
  requests: TOOL_REQUESTS_MAX,
  resultBytes: TOOL_RESULT_BYTES_MAX,
  logBytes: TOOL_LOG_BYTES_MAX,
}

function unusualLimits(limits: ToolLimits): Partial<ToolLimits> {
  const names = ['timeoutMs', 'memoryBytes', 'calls', 'requests', 'resultBytes', 'logBytes'] as const
  return Object.fromEntries(
    names.filter((name) => limits[name] !== DEFAULT_LIMITS[name]).map((name) => [name, limits[name]]),
  )
}
