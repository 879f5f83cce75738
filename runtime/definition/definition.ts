/** What a definition says, checked, frozen and JSON; nothing in it has been read from the world but its prompt. */

import type { DenyRule, HeaderRule, HttpRule, PathRule, Question, RulePlace } from '../policy/grant.ts'
import type { JsonSchema } from '../tool/check-schema.ts'
import type { BuiltinToolName } from './builtin-tools.ts'

export interface AgentDefinition {
  /** The file as it was named to the parser; every place begins with it. */
  readonly file: string
  readonly name: string
  readonly description: string | undefined
  /** At least one of `model` and `script` is there. */
  readonly model: ModelChoice | undefined
  /** Path of the program that can play the model: relative to the definition's folder, normalised, within it. */
  readonly script: string | undefined
  /** `script`: the script plays where the model's provider is not configured; only with both. */
  readonly fallback: 'script' | undefined
  readonly instructions: string | undefined
  /** The file that the instructions were read from, in the form of `script`; undefined if they stand in place. */
  readonly instructionsFile: string | undefined
  /** Normalised, relative to the current directory, at or below it. */
  readonly workspace: string
  /** In the order in which they were written. */
  readonly tools: readonly ToolEntry[]
  readonly settings: readonly Setting[]
  readonly budget: Budget
  /** Walls without which it does not run. */
  readonly require: readonly { readonly wall: (typeof WALLS)[number]; readonly place: RulePlace }[]
  /** What `check` asks of its rights. */
  readonly tests: readonly RightsTest[]
  /** Where each key of the definition was written. */
  readonly places: DefinitionPlaces
}

/** A value that differs by run, place or user; the model never sets it. */
export interface Setting {
  readonly name: string
  /** Undefined where the definition was read without values, as a lock does. */
  readonly value: string | undefined
  readonly place: RulePlace
}

export interface Budget {
  readonly turns: number
  readonly timeMs: number
  /** Input and output of all model requests together; undefined: no limit. */
  readonly tokens: number | undefined
  /** US dollars; undefined: no limit. */
  readonly usd: number | undefined
}

export interface RightsTest {
  readonly tool: string
  readonly expected: 'permit' | 'deny'
  readonly request: Question
  /** The request as written. */
  readonly question: string
  readonly place: RulePlace
}

type DefinitionKey =
  | 'name'
  | 'description'
  | 'model'
  | 'script'
  | 'fallback'
  | 'instructions'
  | 'workspace'
  | 'settings'
  | 'tools'
  | 'budget'
  | 'require'
  | 'tests'

type DefinitionPlaces = Readonly<Partial<Record<DefinitionKey, RulePlace>>>

export interface ModelChoice {
  readonly provider: string
  /** The model's name at its provider. */
  readonly name: string
  readonly effort: ModelEffort | undefined
  readonly temperature: number | undefined
  /** Tokens that one answer may have. */
  readonly maxOutput: number | undefined
}

export const MODEL_EFFORTS = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh'] as const
type ModelEffort = (typeof MODEL_EFFORTS)[number]

export type ToolSource =
  | { readonly kind: 'builtin'; readonly tool: BuiltinToolName }
  /** Relative to the definition's folder, normalised, within it. */
  | { readonly kind: 'file'; readonly path: string }
  /** No code: the rule is the request itself; `{name}` in it stands for an argument. */
  | { readonly kind: 'request'; readonly request: HttpRule }

export interface ToolEntry {
  readonly name: string
  readonly from: ToolSource
  readonly paths: readonly PathRule[]
  readonly deny: readonly DenyRule[]
  readonly git: { readonly access: 'read'; readonly place: RulePlace } | undefined
  readonly http: readonly HttpRule[]
  readonly redirects: readonly HttpRule[]
  readonly headers: readonly HeaderRule[]
  /** Names only: where a value comes from, and what it is for, is the operator's. */
  readonly credentials: readonly NamedCredential[]
  /** What the definition says of it; a tool without code has no other description. */
  readonly description: string | undefined
  /** Narrows the tool's own parameters. */
  readonly args: readonly ArgumentRule[]
  readonly limits: ToolLimits
  /** After a crash: run again; again with its idempotency key; ask. */
  readonly repeat: Repeat
  /** Set where a run that completes without one successful call has failed. */
  readonly required: RulePlace | undefined
  readonly place: RulePlace
}

export interface NamedCredential {
  readonly name: string
  readonly place: RulePlace
}

/** Walls that a definition can insist on; what stands around a sandbox process anyway is not among them. */
export const WALLS = ['bubblewrap'] as const

export const REPEATS = ['safe', 'keyed', 'ask'] as const
export type Repeat = (typeof REPEATS)[number]

export interface ArgumentRule {
  readonly argument: string
  /** JSON Schema, checked: it says only what is enforced. */
  readonly schema: JsonSchema
  readonly place: RulePlace
}

/** The bounds of one call, and of the calls of one run. */
export interface ToolLimits {
  readonly timeoutMs: number
  readonly memoryBytes: number
  /** Calls in one run; undefined: as many as the budget allows. */
  readonly calls: number | undefined
  /** Requests to the broker in one call. */
  readonly requests: number
  readonly resultBytes: number
  readonly logBytes: number
}
