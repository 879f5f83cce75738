/** An authority as the text that a grant keeps. */

import { AUTHORITY_LENGTH_MAX, AUTHORITY_RULES_MAX } from '../limits.ts'
import {
  mediaType,
  NO_AUTHORITY,
  PERMISSION_LEVELS,
  type Authority,
  type Dimension,
  type PermissionLevel,
} from './authority.ts'

/**
 * Canonical JSON: keys and sets in order, nothing twice. Two authorities that say the same have one text.
 * @throws RangeError for what is no authority, or one larger than AUTHORITY_LENGTH_MAX or AUTHORITY_RULES_MAX.
 */
export function writeAuthority(authority: Authority): string {
  const text = canonicalText(authority)
  if (readAuthority(text) === undefined) throw new RangeError('this is no authority, or a very large one')
  return text
}

/** Undefined for any text but one that writeAuthority makes. */
export function readAuthority(text: string): Authority | undefined {
  if (text.length > AUTHORITY_LENGTH_MAX) return undefined
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const fields = value as Readonly<Record<string, unknown>>
  // Nothing more and nothing less: a dimension that is not known here cannot be held.
  if (Object.keys(fields).join() !== KEYS.join()) return undefined
  if (!KEYS.every((key) => FORMS[key](fields[key]))) return undefined
  const authority = fields as unknown as Authority
  return authority.rules.length <= AUTHORITY_RULES_MAX && canonicalText(authority) === text ? authority : undefined
}

const KEYS = (Object.keys(NO_AUTHORITY) as Dimension[]).toSorted(byCodeUnits)

const FORMS: Readonly<Record<Dimension, (value: unknown) => boolean>> = {
  rules: isTexts,
  contentTypes: (value) => isTexts(value) && value.every((type) => mediaType(type) === type),
  requestBytesMax: isCount,
  responseBytesMax: isCount,
  notBeforeMs: isCount,
  expiresAtMs: (value) => value === 'never' || isCount(value),
  usesMax: (value) => value === 'unlimited' || isCount(value),
  scopes: isTexts,
  permissions: (value) =>
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((level) => PERMISSION_LEVELS.includes(level as PermissionLevel)),
  repositories: isTexts,
  childDepth: isCount,
}

function canonicalText(authority: Authority): string {
  return `{${KEYS.map((key) => `${JSON.stringify(key)}:${canonicalValue(authority[key])}`).join(',')}}`
}

function canonicalValue(value: Authority[Dimension]): string {
  if (typeof value !== 'object') return JSON.stringify(value)
  if (isTexts(value)) return JSON.stringify([...new Set(value)].toSorted(byCodeUnits))
  const entries = Object.entries(value).toSorted(([one], [other]) => byCodeUnits(one, other))
  return `{${entries.map(([name, level]) => `${JSON.stringify(name)}:${JSON.stringify(level)}`).join(',')}}`
}

function byCodeUnits(one: string, other: string): number {
  if (one === other) return 0
  return one < other ? -1 : 1
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string' && item.isWellFormed())
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
