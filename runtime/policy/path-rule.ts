/**
 * What a path rule covers. Pure and linear: a glob becomes a small automaton over code points whose states are all
 * followed at once, so a match costs at most (length of the pattern) x (length of the path), whatever the pattern.
 *
 * Grammar: `*` within one segment, `?` one code point, `**` whole segments (none or more, dot files too), `{a,b}`
 * without nesting, `\` before a character takes it literally; every other character is literal.
 *
 * The automaton reads a path with a `/` behind every segment, the last included, so `src/**` covers `src` itself
 * and the root is the empty text; no rule needs a special case for either.
 */
import { fullFold, isAscii, simpleFold, type Fold } from './fold.ts'
import { parseGlob, type Program } from './glob-program.ts'

export interface Glob {
  readonly pattern: string
  /** The one path it covers, where the pattern holds no wildcard and no braces. */
  readonly literal: string | undefined
  /** The segments that it spells out in full. */
  readonly spelled: readonly string[]
  readonly exact: Program
  /** The pattern with its characters case-folded and in NFC; for both ways of folding. */
  readonly folded: readonly Folded[]
  /** Of an ASCII pattern both ways of folding make the same. */
  readonly isAscii: boolean
}

interface Folded {
  readonly fold: Fold
  readonly program: Program
}

export type NormalisedPath = { readonly ok: true; readonly path: string } | { readonly ok: false; readonly why: string }

export type CompiledGlob =
  | { readonly ok: true; readonly glob: Glob }
  | { readonly ok: false; readonly message: string; readonly offset: number }

/**
 * The path as rules see it: relative to the workspace, no `.`, no `..`, the root as the empty text. Lexical: the
 * world is not asked, so a `..` takes back the name before it, whatever that name is. A `\` is an ordinary character.
 */
export function normalisePath(text: string): NormalisedPath {
  if (text.includes('\0')) return { ok: false, why: 'it holds a NUL character' }
  if (!text.isWellFormed()) return { ok: false, why: 'it is not well-formed Unicode' }
  if (text.startsWith('/')) return { ok: false, why: 'it is absolute; paths are relative to the workspace' }
  const names: string[] = []
  const parts = (text.endsWith('/') ? text.slice(0, -1) : text).split('/')
  for (const part of parts) {
    if (part === '' && parts.length > 1) return { ok: false, why: 'it holds an empty name' }
    if (part === '' || part === '.') continue
    if (part !== '..') names.push(part)
    else if (names.pop() === undefined) return { ok: false, why: 'it leads out of the workspace' }
  }
  return { ok: true, path: names.join('/') }
}

export function compileGlob(pattern: string): CompiledGlob {
  const parsed = parseGlob(pattern)
  if (!parsed.ok) return parsed
  const { literal, spelled, program } = parsed
  const folded = [simpleFold, fullFold].map((fold): Folded => ({ fold, program: parsed.folded(fold) }))
  return { ok: true, glob: { pattern, literal, spelled, exact: program, folded, isAscii: isAscii(pattern) } }
}

/** Case-sensitive, code point by code point: how a permitting rule reads a normalised path. */
export function matches(glob: Glob, path: string): boolean {
  return glob.exact.accepts(closed(path))
}

/** As `matches`, or so once both are case-folded and in NFC: how a denying rule reads a normalised path. */
export function matchesFolded(glob: Glob, path: string): boolean {
  const text = closed(path)
  // Both foldings are one, and what matches unfolded matches folded.
  if (glob.isAscii && isAscii(text)) return glob.folded[0]!.program.accepts(text.toLowerCase())
  return glob.exact.accepts(text) || glob.folded.some(({ fold, program }) => program.accepts(fold(text)))
}

/** Whether the glob could cover any path below the directory; the directory itself does not count. */
export function couldMatchBelow(glob: Glob, directory: string): boolean {
  return glob.exact.canGoOn(closed(directory))
}

/** Closed before it is folded: a name of which nothing is left is still no root. */
function closed(path: string): string {
  return path === '' ? '' : `${path}/`
}

/** The pattern that covers exactly this path. */
export function escapeGlob(path: string): string {
  return path.replace(/[\\*?{}!]/g, '\\$&')
}
