/** Grants of a test, written as a definition writes them. */
import type { Grant, PathRight } from '../../runtime/policy/grant.ts'

export interface GrantText {
  readonly read?: readonly string[]
  readonly write?: readonly string[]
  readonly delete?: readonly string[]
  readonly deny?: readonly string[]
  readonly git?: boolean
  readonly ownFiles?: readonly string[]
  readonly allowProtected?: readonly string[]
}

export function grantOf(text: GrantText): Grant {
  const rights: readonly PathRight[] = ['read', 'write', 'delete']
  return {
    tool: 'probe',
    paths: rights.flatMap((right) =>
      (text[right] ?? []).map((pattern, index) => ({ right, pattern, place: `probe.yaml:${index + 1}:1` })),
    ),
    deny: (text.deny ?? []).map((pattern) => ({ pattern, place: 'probe.yaml:9:1' })),
    git: text.git === true ? { access: 'read', place: 'probe.yaml:8:1' } : undefined,
    http: [],
    redirects: [],
    headers: [],
    ownFiles: text.ownFiles ?? [],
    allowProtected: text.allowProtected ?? [],
  }
}
