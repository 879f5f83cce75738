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

export type { CheckedTool } from './effective-rights.ts'

/** What stands before a line that should be looked at twice. */
export const SURPRISE_MARK = '!'

/** Lines without line breaks, ready for a terminal; the same definition always gives the same lines. */
export function rightsInWords(definition: AgentDefinition, tools: readonly CheckedTool[]): readonly string[] {
  return wordsOf(effectiveRights(definition, tools)).map(({ text, place }) =>
    // Whatever a repository wrote into it, this is the only way out.
    printable(place === undefined ? text : `${text} · ${place}`),
  )
}

/** As `rightsInWords`, without places: what differs between two of them differs in rights. */
export function rightsWithoutPlaces(definition: AgentDefinition, tools: readonly CheckedTool[]): readonly string[] {
  return wordsOf(effectiveRights(definition, tools)).map(({ text }) => printable(text))
}

interface Line {
  readonly text: string
  readonly place?: RulePlace | undefined
}

function wordsOf(rights: AgentRights): readonly Line[] {
  return [...surprisesIn(rights), ...rights.tools.flatMap(toolLines), ...agentLines(rights)]
}

/** The gravest kind of surprise first, then in the definition's order. */
const GRAVITY: Readonly<Record<RightKind, number>> = { history: 0, delete: 1, write: 1, http: 2, redirect: 2, read: 3 }

function surprisesIn({ tools }: AgentRights): readonly Line[] {
  const found = tools.flatMap(({ tool, rights }) => rights.map((right) => ({ tool, right })))
  const surprising = found.filter(({ right }) => right.surprises.length > 0)
  const sorted = surprising.toSorted((a, b) => GRAVITY[a.right.kind] - GRAVITY[b.right.kind])
  const unsafe = tools.filter(({ repeat, rights }) => repeat === 'safe' && rights.some(changes))
  return [
    ...sorted.map(({ tool, right }) => ({ text: `${SURPRISE_MARK} ${tool} ${surpriseWords(right)}`, place: right.place })),
    ...unsafe.map(({ tool, place }) => ({
      text: `${SURPRISE_MARK} ${tool} can change something and is run again after a crash`,
      place,
    })),
  ]
}

function surpriseWords({ kind, rule, surprises }: Right): string {
  if (kind === 'history') return `may read ${surprises.join('; ')} (${rule})`
  return `${VERBS[kind]} ${quotedRule(rule)}: ${surprises.join('; ')}`
}

/** Whether a right lets a tool change what is there. */
function changes({ kind, rule }: Right): boolean {
  return kind === 'write' || kind === 'delete' || (kind === 'http' && !/^(?:GET|HEAD)(?:,HEAD|,GET)* /.test(rule))
}

const VERBS: Readonly<Record<Exclude<RightKind, 'history'>, string>> = {
  read: 'may read',
  write: 'may write',
  delete: 'may delete',
  http: 'may request',
  redirect: 'may be redirected to',
}

function toolLines(rights: ToolRights): readonly Line[] {
  const { tool, from, place, never, headers, args, limits, repeat, required } = rights
  const nothing = rights.rights.length === 0 ? [{ text: '    may reach nothing' }] : []
  const bounds = limitWords(limits)
  return [
    { text: `  ${tool} (${fromWords(from)})`, place },
    ...nothing,
    ...rights.rights.map((right) => ({ text: `    ${rightWords(right)}`, place: right.place })),
    ...never.map((rule) => ({ text: `    never ${quotedRule(rule.rule)}`, place: rule.place })),
    ...headers.map(({ name, value, place: at }) => ({
      text: value === undefined ? `    may set the header ${name}` : `    sends the header ${name}: ${value}`,
      place: at,
    })),
    ...args.map(({ argument, schema, place: at }) => ({
      text: `    its argument ${argument} must be ${JSON.stringify(schema)}`,
      place: at,
    })),
    ...(bounds.length > 0 ? [{ text: `    limits: ${bounds.join(', ')}` }] : []),
    ...(repeat === 'safe' && !rights.rights.some(changes) ? [] : [{ text: `    ${REPEAT_WORDS[repeat]}` }]),
    ...(required ? [{ text: '    required: without one successful call the run has failed' }] : []),
  ]
}

function fromWords(from: string): string {
  if (from === 'request') return 'without code'
  return from.startsWith('./') ? quotedRule(from) : `comes with run-agent: ${from}`
}

function rightWords({ kind, rule, surprises }: Right): string {
  return kind === 'history' ? `may read ${surprises.join('; ')}` : `${VERBS[kind]} ${quotedRule(rule)}`
}

const REPEAT_WORDS: Readonly<Record<ToolRights['repeat'], string>> = {
  safe: 'after a crash: run again',
  keyed: 'after a crash: run again, with its idempotency key',
  ask: 'after a crash: somebody is asked before it is run again',
}

function limitWords({ timeoutMs, memoryBytes, calls, requests, resultBytes, logBytes }: Partial<ToolLimits>): string[] {
  return [
    ...(timeoutMs === undefined ? [] : [`timeout ${duration(timeoutMs)}`]),
    ...(memoryBytes === undefined ? [] : [`memory ${size(memoryBytes)}`]),
    ...(calls === undefined ? [] : [`at most ${calls} calls in a run`]),
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
  return /^[\p{L}\p{N}\p{M}\p{Cf}./*?{},$@+~=:&|%_\\-]+$/u.test(text) || isHttpRule(text) ? text : `\`${text}\``
}

function isHttpRule(text: string): boolean {
  return /^[A-Z,]+ https?:\/\/[\x21-\x5f\x61-\x7e]+$/.test(text)
}

function duration(milliseconds: number): string {
  for (const [unit, long] of [['h', 3_600_000], ['m', 60_000], ['s', 1_000]] as const) {
    if (milliseconds % long === 0) return `${milliseconds / long}${unit}`
  }
  return `${milliseconds}ms`
}

function size(bytes: number): string {
  for (const [unit, large] of [['GB', 1024 ** 3], ['MB', 1024 ** 2], ['KB', 1024]] as const) {
    if (bytes % large === 0) return `${bytes / large}${unit}`
  }
  return `${bytes} bytes`
}
