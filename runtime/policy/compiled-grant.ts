/** The patterns of a grant, compiled once for as long as the grant lives. */
import { fullFold, simpleFold } from './fold.ts'
import type { DenyRule, Grant, PathRight, PathRule } from './grant.ts'
import { compileGlob, type Glob } from './path-rule.ts'
import type { ExecutedName } from './protected-paths.ts'

/** What a pattern spells out in full, in every way of folding. */
export interface Spelled {
  readonly names: ReadonlySet<string>
  /** Its last segment, where that is spelled. */
  readonly last: ReadonlySet<string>
}

export interface CompiledRule {
  readonly rule: PathRule
  readonly glob: Glob
  readonly spelled: Spelled
}

export interface CompiledGrant {
  readonly grant: Grant
  readonly paths: Readonly<Record<PathRight, readonly CompiledRule[]>>
  readonly deny: readonly { readonly rule: DenyRule; readonly glob: Glob }[]
  /** Case-folded. */
  readonly ownFiles: ReadonlySet<string>
}

const cache = new WeakMap<Grant, CompiledGrant>()

export function compiledGrant(grant: Grant): CompiledGrant {
  const known = cache.get(grant)
  if (known !== undefined) return known
  const rules = grant.paths.map(compileRule)
  const compiled: CompiledGrant = {
    grant,
    paths: {
      read: rules.filter(({ rule }) => rule.right === 'read'),
      write: rules.filter(({ rule }) => rule.right === 'write'),
      delete: rules.filter(({ rule }) => rule.right === 'delete'),
    },
    deny: grant.deny.map((rule) => ({ rule, glob: compileDeny(rule.pattern) })),
    ownFiles: new Set(grant.ownFiles.map(simpleFold)),
  }
  cache.set(grant, compiled)
  return compiled
}

/** A deny rule holds at any depth, and for everything below what it covers. */
export function compileDeny(pattern: string): Glob {
  return compileChecked(`**/${pattern}/**`)
}

export function spelledNames({ pattern, spelled }: Glob): Spelled {
  const end = pattern.slice(pattern.lastIndexOf('/') + 1)
  const isSpelled = !/[*?{}]/.test(end.replace(/\\[^]/gu, ''))
  return { names: everyFolding(spelled), last: everyFolding(isSpelled ? spelled.slice(-1) : []) }
}

export function spells({ names, last }: Spelled, { name, isLast }: ExecutedName): boolean {
  return (isLast ? last : names).has(name)
}

function everyFolding(names: readonly string[]): ReadonlySet<string> {
  return new Set(names.flatMap((name) => [simpleFold(name), fullFold(name)]))
}

function compileRule(rule: PathRule): CompiledRule {
  const glob = compileChecked(rule.pattern)
  return { rule, glob, spelled: spelledNames(glob) }
}

/** Patterns were checked where they were read; one that does not compile here is a mistake of ours. */
function compileChecked(pattern: string): Glob {
  const result = compileGlob(pattern)
  if (!result.ok) throw new Error(`the pattern ${pattern} of a grant does not compile: ${result.message}`)
  return result.glob
}
