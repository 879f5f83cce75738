/**
 * What a lock covers, its digest, and the lock file.
 *
 * A lock covers everything of an agent that decides what it does: the bytes of the definition, the prompt that stands
 * in a file of its own, and the bundles of the script and of each tool, with whatever those import. A tool that comes
 * with run-agent is covered by its name alone, so that a lock survives an upgrade; values of settings, the workspace
 * and the user are not covered, because the same agent runs with others.
 *
 * The digest is `sha256-` and the SHA-256, in hex, of the text `run-agent lock 1` and one line `PART HASH` for each
 * part, each line with its line break. Parts stand in the order of the definition; no name and no hash holds a space
 * more or a line break, so two agents with one text are one agent.
 *
 * The lock file is JSON: `lock` (the version of this format), `digest`, `parts`, `words` (the version of the wording)
 * and `rights`, what the agent may do in words, one a line, for whoever reviews a change of it.
 */
import { createHash } from 'node:crypto'
import type { AgentDefinition } from './definition/definition.ts'
import { printable } from './printable.ts'

/** The parts of an agent by name, each with its hash, in the order of the definition. */
export type AgentParts = ReadonlyMap<string, string>

export interface AgentLock {
  readonly digest: string
  readonly parts: AgentParts
  readonly words: number
  readonly rights: readonly string[]
}

export type ParsedLock = { readonly ok: true; readonly lock: AgentLock } | { readonly ok: false; readonly why: string }

const LOCK_FORMAT = 1
/** Raised with every change of the wording of rights: a lock in older words is compared by its parts alone. */
const LOCK_WORDS = 1

/** `reviewer.yaml` is locked by `reviewer.lock`, in the same folder. */
export function lockFileName(definition: string): string {
  return `${definition.replace(/(?<=.)\.[^.]*$/, '')}.lock`
}

/** Hashes are SHA-256 in hex; `toolHash` gives that of a tool's bundle, by the tool's name. */
export function agentParts(
  definition: AgentDefinition,
  hash: string,
  scriptHash: string | undefined,
  toolHash: (tool: string) => string | undefined,
): AgentParts {
  const { instructions, instructionsFile, tools } = definition
  const parts = new Map<string, string>([['definition', `sha256-${hash}`]])
  if (instructionsFile !== undefined) parts.set('prompt', `sha256-${sha256(instructions ?? '')}`)
  if (scriptHash !== undefined) parts.set('script', `sha256-${scriptHash}`)
  for (const { name, from } of tools) {
    // A tool without code is a rule of the definition and nothing else.
    if (from.kind === 'request') continue
    if (from.kind === 'builtin') parts.set(`tool ${name}`, `run-agent/${from.tool}`)
    else {
      const bundle = toolHash(name)
      if (bundle === undefined) throw new Error(`a lock covers the bundle of ${name}, and it was not made`)
      parts.set(`tool ${name}`, `sha256-${bundle}`)
    }
  }
  return parts
}

export function digestOf(parts: AgentParts): string {
  const lines = [...parts].map(([part, hash]) => `${part} ${hash}\n`)
  return `sha256-${sha256(`run-agent lock ${LOCK_FORMAT}\n${lines.join('')}`)}`
}

export function makeLock(parts: AgentParts, rights: readonly string[]): AgentLock {
  return { digest: digestOf(parts), parts, words: LOCK_WORDS, rights }
}

export function lockText({ digest, parts, words, rights }: AgentLock): string {
  const file = { lock: LOCK_FORMAT, digest, parts: Object.fromEntries(parts), words, rights }
  return `${JSON.stringify(file, null, 2)}\n`
}

export function parseLock(text: string): ParsedLock {
  const refused = (why: string): ParsedLock => ({ ok: false, why })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return refused('it is not JSON')
  }
  if (typeof value !== 'object' || value === null) return refused('it is no lock')
  const { lock, digest, parts, words, rights } = value as Readonly<Record<string, unknown>>
  if (lock !== LOCK_FORMAT) return refused('it was written by another version of run-agent')
  if (typeof digest !== 'string' || typeof words !== 'number' || !isTexts(rights)) return refused('it is no whole lock')
  if (typeof parts !== 'object' || parts === null || !isTexts(Object.values(parts))) {
    return refused('it is no whole lock')
  }
  if (words > LOCK_WORDS) return refused('it was written by a newer version of run-agent')
  return { ok: true, lock: { digest, parts: new Map(Object.entries(parts as Record<string, string>)), words, rights } }
}

/** What differs, a line each: parts, then rights that were added (+) and removed (-). Nothing where all is the same. */
export function lockDifferences(held: AgentLock, now: AgentLock): readonly string[] {
  const changed = [...new Set([...held.parts.keys(), ...now.parts.keys()])].flatMap((part) => {
    const [before, after] = [held.parts.get(part), now.parts.get(part)]
    if (before === after) return []
    if (before === undefined) return [`+ ${part}`]
    return [after === undefined ? `- ${part}` : `${part} changed${whatOf(part)}`]
  })
  const rights = held.words === now.words ? rightsDifferences(held.rights, now.rights) : []
  const found = [...changed, ...rights]
  if (found.length > 0 || held.digest === now.digest) return found.map((line) => printable(line))
  return ['the digest is not that of the parts: the lock was edited']
}

function whatOf(part: string): string {
  if (part.startsWith('tool ') || part === 'script') return ': its file, or one that it imports'
  return ''
}

function rightsDifferences(held: readonly string[], now: readonly string[]): readonly string[] {
  const removed = without(held, now).map((line) => `- ${line.trim()}`)
  const added = without(now, held).map((line) => `+ ${line.trim()}`)
  if (removed.length > 0 || added.length > 0) return [...removed, ...added]
  return held.join('\n') === now.join('\n') ? [] : ['the rights stand in another order']
}

/** The lines of `lines` that are left when each line of `others` takes one like it away. */
function without(lines: readonly string[], others: readonly string[]): readonly string[] {
  const counts = new Map<string, number>()
  for (const line of others) counts.set(line, (counts.get(line) ?? 0) + 1)
  return lines.filter((line) => {
    const count = counts.get(line) ?? 0
    counts.set(line, count - 1)
    return count <= 0
  })
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
