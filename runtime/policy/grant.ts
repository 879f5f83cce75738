/**
 * Authority as data. A Grant is what one tool may do in one run; an empty list grants nothing, and nothing but a
 * Grant permits anything.
 */

/** A right over the paths of the workspace. `read` includes listing and metadata. */
export type PathRight = 'read' | 'write' | 'delete'

/** Where a rule was written, `file:line:column`; recorded with each decision that rests on it. */
export type RulePlace = string

export interface PathRule {
  readonly right: PathRight
  /** The glob as written (contract: path rules). */
  readonly pattern: string
  readonly place: RulePlace
}

export interface DenyRule {
  readonly pattern: string
  readonly place: RulePlace
}

/** `METHOD[,METHOD] URL-pattern` (contract: HTTP rules), with every setting in place. */
export interface HttpRule {
  readonly rule: string
  readonly place: RulePlace
}

/** A header that is sent as `value`, or that the tool may set where that is undefined. */
export interface HeaderRule {
  /** In lower case. */
  readonly name: string
  readonly value: string | undefined
  readonly place: RulePlace
}

/** The authority of one tool in one run. Frozen, JSON, recorded in the trail. */
export interface Grant {
  readonly tool: string
  readonly paths: readonly PathRule[]
  readonly deny: readonly DenyRule[]
  /** `read`: the repository's history; undefined: nothing of it. */
  readonly git: { readonly access: 'read'; readonly place: RulePlace } | undefined
  readonly http: readonly HttpRule[]
  /** What a granted request may be redirected to, by GET and without a credential. */
  readonly redirects: readonly HttpRule[]
  readonly headers: readonly HeaderRule[]
  /** Workspace-relative paths that no write rule covers unless it spells them: the agent's own files. */
  readonly ownFiles: readonly string[]
  /** Paths, with all below them, that the operator took off the list of protected ones; a rule must grant them too. */
  readonly allowProtected?: readonly string[]
}

/** What a tool asks of the world: a plain copied record, made from hostile input by the sandbox's protocol. */
export type CapabilityRequest =
  | { readonly op: 'fs.read'; readonly path: string }
  | { readonly op: 'fs.readRange'; readonly path: string; readonly position: number; readonly length: number }
  | { readonly op: 'fs.stat'; readonly path: string; readonly followLinks: boolean }
  | { readonly op: 'fs.list'; readonly path: string }
  | { readonly op: 'fs.readlink'; readonly path: string }
  | {
      readonly op: 'fs.write'
      readonly path: string
      readonly data: Uint8Array
      readonly how: 'replace' | 'create' | 'append'
    }
  | { readonly op: 'fs.mkdir'; readonly path: string; readonly recursive: boolean }
  | { readonly op: 'fs.delete'; readonly path: string; readonly kind: 'file' | 'directory' }
  | { readonly op: 'fs.rename'; readonly from: string; readonly to: string }
  | { readonly op: 'timer'; readonly delayMs: number }

/** A request that policy decides and the broker does not perform yet. */
export interface HttpRequest {
  readonly op: 'http'
  readonly method: string
  readonly url: string
  /** Where a rule looks into it. */
  readonly body?: string
  /** The header that says how a server reads the body. */
  readonly contentType?: string
  /** The answer to a granted request named this URL. */
  readonly isRedirect?: true
}

/** What policy decides. */
export type Question = CapabilityRequest | HttpRequest

/**
 * What a decision needs and only the world knows. Learned by the performer one after another; recorded with the
 * outcome, so that a replay decides from these and never looks at the world.
 */
export interface Facts {
  /** The normalised path relative to the workspace once every link was followed; for `fs.rename` that of `from`. */
  readonly resolved?: string
  /** For `fs.stat` and `fs.list`: what is asked for is no folder, or is not there, and so leads to nothing. */
  readonly isFolder?: false
  /** As `resolved`, for the second path of `fs.rename`. */
  readonly resolvedTo?: string
}

export type DenyReason =
  | 'default-deny'
  | 'deny-rule'
  | 'protected'
  | 'executed-by-others'
  | 'own-file'
  | 'git-internal'
  | 'bad-path'
  | 'bad-url'
  | 'link'

/** What policy says of one request; always with the rule that said it. */
export type Decision =
  | { readonly kind: 'permit'; readonly rule: string; readonly place: RulePlace }
  | {
      readonly kind: 'deny'
      readonly reason: DenyReason
      /** The rule in words, e.g. `deny src/vendor/**`. */
      readonly rule: string
      readonly place?: RulePlace
      /** What the tool may do instead, in one sentence. */
      readonly allowed: string
    }
