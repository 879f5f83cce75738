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

/** The one place of a request that a credential is written to (contract: `inject`). */
export type CredentialSlot =
  | {
      readonly kind: 'header'
      /** In lower case. */
      readonly header: string
      /** Holds `{secret}` once. */
      readonly format: string
    }
  /** RFC 7617: the secret is the password. */
  | { readonly kind: 'basic'; readonly username: string }
  /** A key of the query: it stands in the logs of servers and proxies. */
  | { readonly kind: 'query'; readonly key: string }

/** A credential that a tool may have put into its requests, and the most that it may be used for. */
export interface CredentialRule {
  readonly name: string
  /** The operator's; without one it is used for nothing. */
  readonly rules: readonly HttpRule[]
  readonly slot: CredentialSlot
  /** Where the definition names it. */
  readonly place: RulePlace
}

/** Hosts of the operator's that lie at private addresses (contract: networks). */
export interface Network {
  /** Exact, or `*.` and a domain. */
  readonly hosts: readonly string[]
  /** CIDR; every address of such a host must lie in one. */
  readonly addresses: readonly string[]
  /** Whether `http:` is permitted there. */
  readonly http: boolean
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
  /** The operator's networks: the only private addresses that a host may resolve to. */
  readonly networks?: readonly Network[]
  readonly credentials?: readonly CredentialRule[]
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
  | HttpRequest
  | { readonly op: 'http.read'; readonly exchange: number }
  | { readonly op: 'http.close'; readonly exchange: number }
  | { readonly op: 'timer'; readonly delayMs: number }

/**
 * One HTTP request; a redirect that is followed is a new one. Its answer is the status and the headers; the exchange
 * is known by the ordinal of this request, and its body is taken piece by piece with `http.read` (null: its end) until
 * `http.close`.
 */
export interface HttpRequest {
  readonly op: 'http'
  /** In upper case. */
  readonly method: string
  readonly url: string
  /** Names in lower case, each at most once. */
  readonly headers?: readonly (readonly [name: string, value: string])[] | undefined
  /** Whole: rules look into it, and its digest is recorded before it is sent. */
  readonly body?: Uint8Array | undefined
  /** The credential that the tool names. */
  readonly credential?: string | undefined
  /** The exchange of the same call whose answer named this URL. The performer looks whether it did. */
  readonly redirectOf?: number | undefined
}

/** What policy decides. */
export type Question = CapabilityRequest

export type FileRequest = Extract<CapabilityRequest, { op: `fs.${string}` }>

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
  /** For a request with `redirectOf`: the exchange's own URL and the one that its answer named; null: none. */
  readonly redirect?: { readonly from: string; readonly to: string } | null
  /** Headers that the tool gave and that were not sent. */
  readonly dropped?: readonly string[]
  /** Every address that the host of an HTTP request resolved to, in the resolver's order; none: it has none. */
  readonly addresses?: readonly string[]
  /** The credential that the request was sent with: its version, and the chain of grants that its use rests on. */
  readonly credential?: UsedCredential
  /** Why the credential that the request is for could not be used: revoked, used up, not there any more. */
  readonly refused?: string
  /** The same in the operator's words, which may name files of the machine: no guest hears it. */
  readonly reason?: string
  /** Credentials of which something stood in what came back, and was taken out. */
  readonly withheld?: readonly string[]
}

export interface UsedCredential {
  readonly name: string
  /** Tells two values apart without telling either. */
  readonly version: string
  /** Ids of its grants: user, agent, tool, action. */
  readonly chain: readonly string[]
  /** What it was sent with before, which the server answered with 401. */
  readonly rejected?: { readonly version: string; readonly chain: readonly string[] }
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
  | 'address'
  | 'redirect'
  | 'header'
  | 'credential'
  | 'link'

/** What policy says of one request; always with the rule that said it. */
export type Decision =
  | {
      readonly kind: 'permit'
      readonly rule: string
      readonly place: RulePlace
      /** Permitted as the target of a redirect alone: no credential goes there. */
      readonly byRedirect?: true
      /** The credential that the request is dressed with. */
      readonly credential?: string
      /** Why none of those that the tool has is. */
      readonly undressed?: string
    }
  | {
      readonly kind: 'deny'
      readonly reason: DenyReason
      /** The rule in words, e.g. `deny src/vendor/**`. */
      readonly rule: string
      readonly place?: RulePlace
      /** What the tool may do instead, in one sentence. */
      readonly allowed: string
    }
