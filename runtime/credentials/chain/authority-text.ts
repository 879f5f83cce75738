/** An authority as the text that a grant keeps. */

import { RunAgentError } from '../../errors.ts'
import { AUTHORITY_LENGTH_MAX, AUTHORITY_RULES_MAX } from '../../limits.ts'
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
 * @throws RunAgentError E_CREDENTIAL for what is none, or is larger than AUTHORITY_LENGTH_MAX or AUTHORITY_RULES_MAX.
 */
export function writeAuthority(authority: Authority): string {
  const text = canonicalText(authority)
  if (readAuthority(text) === undefined) {
    throw new RunAgentError('E_CREDENTIAL', 'what is to be granted is no authority, or a very large one', {
      hint: `It has at most ${AUTHORITY_RULES_MAX} rules and ${AUTHORITY_LENGTH_MAX} characters; bounds are whole numbers.`,
    })
  }
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
  // Nothing is there twice, and no blank.
  return authority.rules.length <= AUTHORITY_RULES_MAX && JSON.stringify(value) === text ? authority : undefined
}

const KEYS = (Object.keys(NO_AUTHORITY) as Dimension[]).toSorted(byCodeUnits)

const FORMS: Readonly<Record<Dimension, (value: unknown) => boolean>> = {
  rules: isSet,
  contentTypes: (value) => isSet(value) && value.every((type) => mediaType(type) === type),
  requestBytesMax: isCount,
  responseBytesMax: isCount,
  notBeforeMs: isCount,
  expiresAtMs: (value) => value === 'never' || isCount(value),
  usesMax: (value) => value === 'unlimited' || isCount(value),
  scopes: isSet,
  permissions: arePermissions,
  repositories: isSet,
  childDepth: isCount,
}

/** Not a number, whose place in an object JavaScript chooses. */
const PERMISSION_NAME = /^[A-Za-z_][\w:.-]*$/

function arePermissions(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const levels: readonly unknown[] = Object.values(value)
  return (
    isSet(Object.keys(value)) &&
    Object.keys(value).every((name) => PERMISSION_NAME.test(name)) &&
    levels.every((level) => PERMISSION_LEVELS.includes(level as PermissionLevel))
  )
}

function canonicalText(authority: Authority): string {
  return `{${KEYS.map((key) => `${JSON.stringify(key)}:${canonicalValue(authority[key])}`).join(',')}}`
}

function canonicalValue(value: Authority[Dimension]): string {
  if (typeof value !== 'object') return JSON.stringify(value)
  if (isList(value)) return JSON.stringify([...new Set(value)].toSorted(byCodeUnits))
  const entries = Object.entries(value).toSorted(([one], [other]) => byCodeUnits(one, other))
  return `{${entries.map(([name, level]) => `${JSON.stringify(name)}:${JSON.stringify(level)}`).join(',')}}`
}

function isList(value: object): value is readonly string[] {
  return Array.isArray(value)
}

function byCodeUnits(one: string, other: string): number {
  if (one === other) return 0
  return one < other ? -1 : 1
}

/** Texts in order, none twice. */
function isSet(value: unknown): value is readonly string[] {
  return (
    Array.isArray(value) &&
    value.every(
      (item, index) =>
        typeof item === 'string' && item.isWellFormed() && (index === 0 || (value[index - 1] as string) < item),
    )
  )
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
