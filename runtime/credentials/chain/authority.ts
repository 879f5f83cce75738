/**
 * What one link of a grant chain may do, and the order between two links. Pure.
 *
 * Each dimension has a partial order of its own, and nothing said is nothing allowed: an empty list, a bound of zero.
 * What has no bound says so in a word. A request is permitted where every dimension permits it.
 */

import { RULES_REMEMBERED_MAX } from '../../limits.ts'
import type { Network } from '../../policy/grant.ts'
import { compileHttpRule, coversRule, mismatch, type CompiledHttpRule, type Mismatch } from '../../policy/http-rule.ts'
import type { CanonicalUrl } from '../../policy/http-url.ts'

/** Of a provider's permissions (GitHub's names), each with all that stand before it. */
export const PERMISSION_LEVELS = ['none', 'read', 'write', 'admin'] as const

export type PermissionLevel = (typeof PERMISSION_LEVELS)[number]

export interface Authority {
  /** HTTP rules: scheme, host, port, method, path and query. A narrower one is covered by one wider one. */
  readonly rules: readonly string[]
  /** Media types of bodies, lower case, without parameters; none: no body is sent with the credential. */
  readonly contentTypes: readonly string[]
  readonly requestBytesMax: number
  /** The most of an answer's body that may be read. */
  readonly responseBytesMax: number
  /** Milliseconds since the Unix epoch. */
  readonly notBeforeMs: number
  /** Milliseconds since the Unix epoch; at this moment it is over. */
  readonly expiresAtMs: number | 'never'
  readonly usesMax: number | 'unlimited'
  /** Of the provider, each a word that stands for itself alone: `repo:write` says nothing of `repo:read`. */
  readonly scopes: readonly string[]
  /** Of the provider, ordered by PERMISSION_LEVELS. */
  readonly permissions: Readonly<Record<string, PermissionLevel>>
  /** As the provider spells them. */
  readonly repositories: readonly string[]
  /** How many links may follow. */
  readonly childDepth: number
}

export type Dimension = keyof Authority

export const NO_AUTHORITY: Authority = {
  rules: [],
  contentTypes: [],
  requestBytesMax: 0,
  responseBytesMax: 0,
  notBeforeMs: 0,
  expiresAtMs: 0,
  usesMax: 0,
  scopes: [],
  permissions: {},
  repositories: [],
  childDepth: 0,
}

/** One request that the broker is to dress, and what the secret it is dressed with may do at the provider. */
export interface Action {
  readonly method: string
  /** Of canonicalUrl: what is decided is what is dialled. */
  readonly url: CanonicalUrl
  /** Undefined and empty are the same. */
  readonly body: Uint8Array | undefined
  /** The header, as it is sent. */
  readonly contentType: string | undefined
  /** Where the broker stops to read the answer. */
  readonly responseBytesMax: number
  readonly scopes: readonly string[]
  readonly permissions: Readonly<Record<string, PermissionLevel>>
  readonly repositories: readonly string[]
}

export interface Beyond {
  readonly ok: false
  readonly dimension: Dimension
  readonly why: string
}

export type Within = { readonly ok: true } | Beyond

/** `rule`: the first that covers the request. */
export type Permitted = { readonly ok: true; readonly rule: string } | Beyond

export type RuleCompiler = (rule: string) => CompiledHttpRule

/** Remembers what it compiled: a text means the same each time. `networks`: of the operator's, for `http:`. */
export function ruleCompiler(networks: readonly Network[] = []): RuleCompiler {
  const known = new Map<string, CompiledHttpRule>()
  return (rule) => {
    const before = known.get(rule)
    if (before !== undefined) return before
    const compiled = compileHttpRule(rule, networks)
    if (known.size >= RULES_REMEMBERED_MAX) known.clear()
    known.set(rule, compiled)
    return compiled
  }
}

/**
 * Whether `child` allows nothing that `parent` does not. Where two rules of the parent only together cover one of the
 * child, it says no. Not reflexive: a child has fewer links below it than its parent.
 */
export function isWithin(child: Authority, parent: Authority, compile: RuleCompiler = compileHttpRule): Within {
  return (
    rulesBeyond(child.rules, parent.rules, compile) ??
    setBeyond('contentTypes', child.contentTypes, parent.contentTypes) ??
    boundBeyond('requestBytesMax', child.requestBytesMax, parent.requestBytesMax) ??
    boundBeyond('responseBytesMax', child.responseBytesMax, parent.responseBytesMax) ??
    (child.notBeforeMs >= parent.notBeforeMs ? undefined : beyond('notBeforeMs', 'it begins before what it is from')) ??
    boundBeyond('expiresAtMs', numberOf(child.expiresAtMs), numberOf(parent.expiresAtMs)) ??
    boundBeyond('usesMax', numberOf(child.usesMax), numberOf(parent.usesMax)) ??
    setBeyond('scopes', child.scopes, parent.scopes) ??
    permissionsBeyond(child.permissions, parent.permissions) ??
    setBeyond('repositories', child.repositories, parent.repositories) ??
    boundBeyond('childDepth', child.childDepth, parent.childDepth - 1) ?? { ok: true }
  )
}

/** Whether a request may be made at `now`. How often it was made already is not asked here, nor `childDepth`. */
export function permits(
  authority: Authority,
  action: Action,
  now: number,
  compile: RuleCompiler = compileHttpRule,
): Permitted {
  const covering = coveringRule(authority.rules, action, compile)
  return (
    timeBeyond(authority, now) ??
    (numberOf(authority.usesMax) >= 1 ? undefined : beyond('usesMax', 'no use is granted')) ??
    (covering.ok ? undefined : covering) ??
    bodyBeyond(authority, action) ??
    boundBeyond('responseBytesMax', action.responseBytesMax, authority.responseBytesMax) ??
    setBeyond('scopes', action.scopes, authority.scopes) ??
    permissionsBeyond(action.permissions, authority.permissions) ??
    setBeyond('repositories', action.repositories, authority.repositories) ??
    covering
  )
}

/** Undefined while it is valid: from `notBeforeMs` on, until just before `expiresAtMs`. */
export function timeBeyond({ notBeforeMs, expiresAtMs }: Authority, now: number): Beyond | undefined {
  if (!(now >= notBeforeMs)) return beyond('notBeforeMs', `it is not valid before ${timeText(notBeforeMs)}`)
  if (!(now < numberOf(expiresAtMs))) return beyond('expiresAtMs', `it expired at ${timeText(numberOf(expiresAtMs))}`)
  return undefined
}

/** The media type of a `Content-Type` in lower case; undefined where a parameter could change how a body is read. */
export function mediaType(contentType: string | undefined): string | undefined {
  const [, type, charset, boundary] = CONTENT_TYPE.exec(contentType ?? '') ?? []
  const essence = type?.toLowerCase()
  if (charset === undefined && boundary !== undefined && essence?.startsWith('multipart/') !== true) return undefined
  return essence
}

const TYPE = '[A-Za-z0-9!#$&^_.+-]+'
const CONTENT_TYPE = new RegExp(
  `^(${TYPE}/${TYPE})(?:; ?(?:(charset=(?:utf-8|"utf-8"))|(boundary="?[A-Za-z0-9'()+_,./:=?-]{1,70}"?)))?$`,
  'i',
)

function rulesBeyond(rules: readonly string[], parents: readonly string[], compile: RuleCompiler): Beyond | undefined {
  for (const rule of rules) {
    const narrow = compile(rule)
    if (!narrow.ok) return beyond('rules', `${rule}: ${narrow.mistake.message}`)
    const isCovered = parents.some((parent) => {
      const wide = compile(parent)
      return wide.ok && coversRule(wide.pattern, narrow.pattern)
    })
    if (!isCovered) return beyond('rules', `no rule of what it is from covers ${rule}`)
  }
  return undefined
}

const STAGES: readonly Mismatch['stage'][] = ['origin', 'path', 'method', 'query', 'operation']

/** Where none covers it, says what kept the rule that came nearest. */
function coveringRule(rules: readonly string[], action: Action, compile: RuleCompiler): Permitted {
  const attempt = { method: action.method, url: action.url, contentType: action.contentType }
  let nearest: Mismatch = { stage: 'origin' }
  for (const rule of rules) {
    const compiled = compile(rule)
    if (!compiled.ok) continue
    const { pattern } = compiled
    // Only a GraphQL part reads the body.
    const found = mismatch(pattern, { ...attempt, body: pattern.graphql && textOf(action.body) })
    if (found === undefined) return { ok: true, rule }
    if (STAGES.indexOf(found.stage) >= STAGES.indexOf(nearest.stage)) nearest = found
  }
  return beyond('rules', nearest.why ?? `no rule covers the ${nearest.stage} of the request`)
}

function bodyBeyond(authority: Authority, { body, contentType }: Action): Beyond | undefined {
  if (body === undefined || body.length === 0) return undefined
  const type = mediaType(contentType)
  if (type === undefined) return beyond('contentTypes', 'the body has no content type that is read in one way')
  return (
    setBeyond('contentTypes', [type], authority.contentTypes) ??
    boundBeyond('requestBytesMax', body.length, authority.requestBytesMax)
  )
}

function setBeyond(dimension: Dimension, child: readonly string[], parent: readonly string[]): Beyond | undefined {
  const extra = child.find((item) => !parent.includes(item))
  return extra === undefined ? undefined : beyond(dimension, `${JSON.stringify(extra.slice(0, 100))} is not granted`)
}

function boundBeyond(dimension: Dimension, child: number, parent: number): Beyond | undefined {
  if (child <= parent) return undefined
  return beyond(dimension, `${Number.isFinite(child) ? child : 'no bound'} is more than the granted ${parent}`)
}

function permissionsBeyond(child: Authority['permissions'], parent: Authority['permissions']): Beyond | undefined {
  for (const [name, level] of Object.entries(child)) {
    const granted = Object.hasOwn(parent, name) ? parent[name] : undefined
    // A level that nobody knows is as much as can be asked, and as little as can be granted.
    const asked = rankOf(level) === -1 ? Infinity : rankOf(level)
    if (asked > Math.max(rankOf(granted), 0)) {
      return beyond('permissions', `${name}: ${level} is more than the granted ${granted ?? 'none'}`)
    }
  }
  return undefined
}

function rankOf(level: string | undefined): number {
  return PERMISSION_LEVELS.indexOf(level as PermissionLevel)
}

/** Any word but the two that mean no bound is refused where it is compared. */
function numberOf(bound: number | 'never' | 'unlimited'): number {
  return bound === 'never' || bound === 'unlimited' ? Infinity : bound
}

function textOf(body: Uint8Array | undefined): string | undefined {
  try {
    return body && new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body)
  } catch {
    return undefined
  }
}

/** For messages, whatever the number. */
export function timeText(ms: number): string {
  return Number.isFinite(ms) && Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : 'no time'
}

function beyond(dimension: Dimension, why: string): Beyond {
  return { ok: false, dimension, why }
}
