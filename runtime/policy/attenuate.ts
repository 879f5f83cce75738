/** A grant can only shrink: what a tool's manifest does not need, the tool does not get. */
import type { Grant, HttpRule, RulePlace } from './grant.ts'
import { compileHttpRule, coversRule, type HttpPattern } from './http-rule.ts'

/** What a tool's manifest says of its rights. Absent is not needed. */
export interface NeededRights {
  readonly read?: boolean
  readonly write?: boolean
  readonly delete?: boolean
  readonly git?: boolean
  /** `true`, or the HTTP rules that bound it. */
  readonly http?: true | readonly string[]
}

/** A right that a definition grants and the tool's manifest does not need. */
export interface DroppedRight {
  readonly right: 'read' | 'write' | 'delete' | 'git' | 'http'
  /** The rule in words, e.g. `write src/**`. */
  readonly rule: string
  readonly place: RulePlace
}

export interface Attenuated {
  readonly grant: Grant
  readonly dropped: readonly DroppedRight[]
}

/** The rules of the grant that `needs` asks for; deny rules and the agent's own files stay as they are. */
export function attenuate(grant: Grant, needs: NeededRights): Attenuated {
  const dropped: DroppedRight[] = grant.paths
    .filter((rule) => needs[rule.right] !== true)
    .map(({ right, pattern, place }) => ({ right, rule: `${right} ${pattern}`, place }))
  const git = needs.git === true ? grant.git : undefined
  if (grant.git !== undefined && git === undefined) {
    dropped.push({ right: 'git', rule: `git: ${grant.git.access}`, place: grant.git.place })
  }
  const paths = grant.paths.filter((rule) => needs[rule.right] === true)
  const http = grant.http.flatMap((rule) => {
    const kept = neededPart(rule, needs.http, grant.networks)
    if (kept.length === 0) dropped.push({ right: 'http', rule: rule.rule, place: rule.place })
    return kept
  })
  // Without a request there is nothing to redirect, and nothing to carry a header.
  const [redirects, headers] = http.length === 0 ? [[], []] : [grant.redirects, grant.headers]
  return { grant: { ...grant, paths, git, http, redirects, headers }, dropped }
}

/** Whether the tool says that it needs a right, and the grant gives it none that it needs. */
export function lacksAll(grant: Grant, needs: NeededRights): boolean {
  const isNeeded = Object.values(needs).some((need) => need === true || (Array.isArray(need) && need.length > 0))
  return isNeeded && grant.paths.length === 0 && grant.git === undefined && grant.http.length === 0
}

/** The rule where a need covers it, else the needs that it covers itself: both at the rule's place. */
function neededPart(rule: HttpRule, needs: NeededRights['http'], networks: Grant['networks']): readonly HttpRule[] {
  if (needs === true) return [rule]
  const granted = patternOf(rule.rule, networks)
  const needed = (needs ?? []).map((text) => ({ text, pattern: patternOf(text, networks) }))
  if (needed.some(({ pattern }) => coversRule(pattern, granted))) return [rule]
  return needed
    .filter(({ pattern }) => coversRule(granted, pattern))
    .map(({ text }) => ({ rule: text, place: rule.place }))
}

/** Rules were checked where they were read; one that does not compile here is a mistake of ours. */
function patternOf(text: string, networks: Grant['networks']): HttpPattern {
  const compiled = compileHttpRule(text, networks)
  if (!compiled.ok) throw new Error(`the rule ${text} does not compile: ${compiled.mistake.message}`)
  return compiled.pattern
}
