/** A grant can only shrink: what a tool's manifest does not need, the tool does not get. */
import type { Grant, RulePlace } from './grant.ts'

/** The part of a tool's manifest that concerns files. Absent is not needed. */
export interface FileNeeds {
  readonly read?: boolean
  readonly write?: boolean
  readonly delete?: boolean
  readonly git?: boolean
}

/** A right that a definition grants and the tool's manifest does not need. */
export interface DroppedRight {
  readonly right: 'read' | 'write' | 'delete' | 'git'
  /** The rule in words, e.g. `write src/**`. */
  readonly rule: string
  readonly place: RulePlace
}

export interface Attenuated {
  readonly grant: Grant
  readonly dropped: readonly DroppedRight[]
}

/** The rules of the grant that `needs` asks for; deny rules and the agent's own files stay as they are. */
export function attenuate(grant: Grant, needs: FileNeeds): Attenuated {
  const dropped: DroppedRight[] = grant.paths
    .filter((rule) => needs[rule.right] !== true)
    .map(({ right, pattern, place }) => ({ right, rule: `${right} ${pattern}`, place }))
  const isGitDropped = grant.git !== undefined && needs.git !== true
  if (grant.git !== undefined && isGitDropped) {
    dropped.push({ right: 'git', rule: `git: ${grant.git.access}`, place: grant.git.place })
  }
  const paths = grant.paths.filter((rule) => needs[rule.right] === true)
  return { grant: { ...grant, paths, git: isGitDropped ? undefined : grant.git }, dropped }
}
