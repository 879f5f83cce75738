/** What a definition says, checked, frozen and JSON; nothing in it has been read from the world but its prompt. */

import type { DenyRule, PathRule, RulePlace } from '../policy/grant.ts'
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
  readonly budget: { readonly turns: number; readonly timeMs: number }
  /** Where each key of the definition was written. */
  readonly places: DefinitionPlaces
}

type DefinitionKey =
  | 'name'
  | 'description'
  | 'model'
  | 'script'
  | 'fallback'
  | 'instructions'
  | 'workspace'
  | 'tools'
  | 'budget'

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

export interface ToolEntry {
  readonly name: string
  readonly from: ToolSource
  readonly paths: readonly PathRule[]
  readonly deny: readonly DenyRule[]
  readonly git: { readonly access: 'read'; readonly place: RulePlace } | undefined
  readonly limits: ToolLimits
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
}
