/** What an agent may do, in words that a security reviewer can sign; the surprising first. */
import type { AgentDefinition, ToolLimits } from './definition/definition.ts'
import {
  effectiveRights,
  type AgentRights,
  type CheckedTool,
  type Right,
  type RightKind,
  type ToolRights,
} from './effective-rights.ts'
import type { RulePlace } from './policy/grant.ts'
import { printable } from './printable.ts'
import { asWritten } from './unbound-settings.ts'

export type { CheckedTool } from './effective-rights.ts'

/** What stands before a line that should be looked at twice. */
export const SURPRISE_MARK = '!'

/**
 * Lines without line breaks, ready for a terminal; the same definition always gives the same lines. `unbound`: it was
 * read without values, and its settings stand as `${name}`.
 */
export function rightsInWords(
  definition: AgentDefinition,
  tools: readonly CheckedTool[],
  values: 'bound' | 'unbound' = 'bound',
): readonly string[] {
  const shown = (text: string): string => (values === 'bound' ? text : asWritten(definition, text))
  return wordsOf(effectiveRights(definition, tools)).map(({ text, place }) =>
    // Whatever a repository wrote into it, this is the only way out.
    printable(place === undefined ? shown(text) : `${shown(text)} · ${place}`),
  )
}

/**
 * The rights of a definition that was read without values, as a lock names them: no places, which move with every
 * line, and nothing that a workspace or an operator adds.
 */
export function lockedRights(definition: AgentDefinition): readonly string[] {
  const tools = definition.tools.map((entry): CheckedTool => {
    const { name, paths, deny, git, http, redirects, headers } = entry
    return { entry, grant: { tool: name, paths, deny, git, http, redirects, headers, ownFiles: [] } }
  })
  return wordsOf(effectiveRights(definition, tools)).map(({ text, tool }) => {
    // Each line for itself: what differs between two locks is read without the lines around it.
    const whole = tool === undefined ? text : `${tool} ${text.trimStart()}`
    return printable(asWritten(definition, whole.trimStart()))
  })
}

/** What no rule grants and code holds all the same, each in a line like those of `rightsInWords`. */
export function carriedInWords(carried: readonly { readonly by: string; readonly file: string }[]): readonly string[] {
  return carried.map(({ by, file }) =>
    printable(`${SURPRISE_MARK} ${by} carries the file ${quotedRule(file)}, whatever its rules say`),
  )
}

interface Line {
  readonly text: string
  /** The tool that the line stands below. */
  readonly tool?: string
  readonly place?: RulePlace | undefined
}

function wordsOf(rights: AgentRights): readonly Line[] {
  return [...surprisesIn(rights), ...rights.tools.flatMap(toolLines), ...agentLines(rights)]
}

/** The gravest kind of surprise first, then in the definition's order. */
const GRAVITY: Readonly<Record<RightKind, number>> = {
  history: 0,
  credential: 0,
  delete: 1,
  write: 1,
  http: 2,
  redirect: 2,
  read: 3,
}

function surprisesIn({ tools }: AgentRights): readonly Line[] {
  const found = tools.flatMap(({ tool, rights }) => rights.map((right) => ({ tool, right })))
  const surprising = found.filter(({ right }) => right.surprises.length > 0)
  const sorted = surprising.toSorted((a, b) => GRAVITY[a.right.kind] - GRAVITY[b.right.kind])
  const unsafe = tools.filter(({ repeat, rights }) => repeat === 'safe' && rights.some(({ changes }) => changes))
  return [
    ...sorted.map(({ tool, right }) => ({
      text: `${SURPRISE_MARK} ${tool} ${surpriseWords(right)}`,
      place: right.place,
    })),
    ...unsafe.map(({ tool, place }) => ({
      text: `${SURPRISE_MARK} ${tool} can change something and is run again after a crash`,
      place,
    })),
  ]
}

function surpriseWords({ kind, rule, surprises }: Right): string {
  if (kind === 'history') return `may read ${surprises.join('; ')} (${rule})`
  if (kind === 'credential') return `${VERBS[kind]} ${rule} ${surprises.join('; ')}`
  return `${VERBS[kind]} ${quotedRule(rule)}: ${surprises.join('; ')}`
}

const VERBS: Readonly<Record<Exclude<RightKind, 'history'>, string>> = {
  read: 'may read',
  write: 'may write',
  delete: 'may delete',
  http: 'may request',
  redirect: 'may be redirected to',
  credential: 'may use the credential',
}

function toolLines(rights: ToolRights): readonly Line[] {
  const { tool, from, place, never, headers, args, limits, repeat, required } = rights
  const nothing = rights.rights.length === 0 ? [{ text: 'may reach nothing' }] : []
  const bounds = limitWords(limits)
  const below: readonly Line[] = [
    ...nothing,
    ...rights.rights.map((right) => ({ text: rightWords(right), place: right.place })),
    ...never.map((rule) => ({ text: `never ${quotedRule(rule.rule)}`, place: rule.place })),
    ...headers.map(({ name, value, place: at }) => ({
      text: value === undefined ? `may set the header ${name}` : `sends the header ${name}: ${quotedRule(value)}`,
      place: at,
    })),
    ...args.map(({ argument, schema, place: at }) => ({
      text: `takes as ${quotedRule(argument)} only ${JSON.stringify(schema)}`,
      place: at,
    })),
    ...(bounds.length > 0 ? [{ text: `is limited to ${bounds.join(', ')}` }] : []),
    // What is asked before it is repeated surprises nobody.
    ...(repeat === 'ask' || (repeat === 'safe' && !rights.rights.some(({ changes }) => changes))
      ? []
      : [{ text: REPEAT_WORDS[repeat] }]),
    ...(required ? [{ text: 'is required: a run without one successful call of it has failed' }] : []),
  ]
  return [
    { text: `  ${tool} (${fromWords(from)})`, place },
    ...below.map((line) => ({ ...line, text: `    ${line.text}`, tool })),
  ]
}

function fromWords(from: string): string {
  if (from === 'request') return 'without code'
  return from.startsWith('./') ? quotedRule(from) : `comes with run-agent: ${from}`
}

function rightWords({ kind, rule, surprises }: Right): string {
  if (kind === 'history') return `may read ${surprises.join('; ')}`
  return kind === 'credential' ? `${VERBS[kind]} ${rule} ${surprises.join('; ')}` : `${VERBS[kind]} ${quotedRule(rule)}`
}

const REPEAT_WORDS: Readonly<Record<Exclude<ToolRights['repeat'], 'ask'>, string>> = {
  safe: 'is run again after a crash',
  keyed: 'is run again after a crash, with its idempotency key',
}

function limitWords({ timeoutMs, memoryBytes, calls, requests, resultBytes, logBytes }: Partial<ToolLimits>): string[] {
  return [
    ...(timeoutMs === undefined ? [] : [`timeout ${duration(timeoutMs)}`]),
    ...(memoryBytes === undefined ? [] : [`memory ${size(memoryBytes)}`]),
    ...(calls === undefined ? [] : [`${calls} calls in a run`]),
    ...(requests === undefined ? [] : [`${requests} requests a call`]),
    ...(resultBytes === undefined ? [] : [`result ${size(resultBytes)}`]),
    ...(logBytes === undefined ? [] : [`log ${size(logBytes)}`]),
  ]
}

function agentLines({ budget, walls, players, settings, tools }: AgentRights): readonly Line[] {
  const { turns, timeMs, tokens, usd } = budget
  const bounds = [
    `${turns} turns`,
    duration(timeMs),
    tokens === undefined ? 'any number of tokens' : `${tokens} tokens`,
    usd === undefined ? 'any number of dollars' : `$${usd}`,
  ]
  return [
    ...(tools.length === 0 ? [{ text: '  no tools: it reaches nothing' }] : []),
    { text: `  budget: ${bounds.join(', ')}` },
    { text: `  played by ${players.join(', or ')}` },
    ...walls.map(({ wall, place }) => ({ text: `  runs only behind ${wall}`, place })),
    ...settings.map(({ name, value, place }) => ({
      text: value === undefined ? `  setting ${name}: given when it runs` : `  setting ${name}: ${quotedRule(value)}`,
      place,
    })),
  ]
}

/** As it stands where nothing in it could be taken for words of ours. */
function quotedRule(text: string): string {
  return /^[\p{L}\p{N}\p{M}\p{Cf}./*?{},$@+~=:&|%_\\-]+$/u.test(text) || isHttpRule(text)
    ? text
    : `\`${text.replaceAll('`', '\\`')}\``
}

function isHttpRule(text: string): boolean {
  return /^[A-Z,]+ https?:\/\/[\x21-\x5f\x61-\x7e]+$/.test(text)
}

function duration(milliseconds: number): string {
  for (const [unit, long] of [
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1_000],
  ] as const) {
    if (milliseconds % long === 0) return `${milliseconds / long}${unit}`
  }
  return `${milliseconds}ms`
}

function size(bytes: number): string {
  for (const [unit, large] of [
    ['GB', 1024 ** 3],
    ['MB', 1024 ** 2],
    ['KB', 1024],
  ] as const) {
    if (bytes % large === 0) return `${bytes / large}${unit}`
  }
  return `${bytes} bytes`
}
