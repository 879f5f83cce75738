/**
 * The `exports` and `imports` of a package.json, as Node resolves them. Written here because the maps are hostile:
 * matching is by comparing prefixes and suffixes, never by a regular expression built from a key.
 */

import { EXPORTS_DEPTH_MAX } from '../limits.ts'

/** The target of `key` (`.`, `./sub` or `#name`), or undefined where the map has none for these conditions. */
export function packageTarget(map: unknown, key: string, conditions: ReadonlySet<string>): string | undefined {
  const entries = entriesOf(map)
  const exact = entries.get(key)
  if (exact !== undefined && !key.includes('*') && !key.endsWith('/')) return targetOf(exact, '', conditions, 0)
  let best: { readonly key: string; readonly prefixLength: number; readonly match: string } | undefined
  for (const candidate of entries.keys()) {
    const match = matchOf(candidate, key)
    if (match === undefined) continue
    const prefixLength = candidate.includes('*') ? candidate.indexOf('*') : candidate.length
    const better =
      best === undefined ||
      prefixLength > best.prefixLength ||
      (prefixLength === best.prefixLength && candidate.length > best.key.length)
    if (better) best = { key: candidate, prefixLength, match }
  }
  return best === undefined ? undefined : targetOf(entries.get(best.key), best.match, conditions, 0)
}

/** Sugar such as `"exports": "./index.js"` or a bare conditions object is the map of `.`. */
function entriesOf(map: unknown): Map<string, unknown> {
  if (typeof map !== 'object' || map === null || Array.isArray(map)) return new Map([['.', map]])
  const entries = Object.entries(map)
  const isMap = entries.every(([key]) => key.startsWith('.') || key.startsWith('#'))
  return isMap ? new Map(entries) : new Map<string, unknown>([['.', map]])
}

/** What a pattern's `*` (or a folder key's rest) stands for, or undefined if the pattern does not match. */
function matchOf(pattern: string, key: string): string | undefined {
  const star = pattern.indexOf('*')
  if (star === -1) {
    return pattern.endsWith('/') && key.length > pattern.length && key.startsWith(pattern)
      ? key.slice(pattern.length)
      : undefined
  }
  const prefix = pattern.slice(0, star)
  const suffix = pattern.slice(star + 1)
  if (suffix.includes('*') || key.length <= prefix.length + suffix.length) return undefined
  if (!key.startsWith(prefix) || !key.endsWith(suffix)) return undefined
  return key.slice(prefix.length, key.length - suffix.length)
}

function targetOf(value: unknown, match: string, conditions: ReadonlySet<string>, depth: number): string | undefined {
  if (depth > EXPORTS_DEPTH_MAX) return undefined
  if (typeof value === 'string') return value.endsWith('/') ? value + match : value.replaceAll('*', () => match)
  if (typeof value !== 'object' || value === null) return undefined
  if (Array.isArray(value)) {
    for (const item of value) {
      const target = targetOf(item, match, conditions, depth + 1)
      if (target !== undefined) return target
    }
    return undefined
  }
  for (const [condition, item] of Object.entries(value)) {
    if (condition !== 'default' && !conditions.has(condition)) continue
    if (item === null) return undefined
    const target = targetOf(item, match, conditions, depth + 1)
    if (target !== undefined) return target
  }
  return undefined
}
