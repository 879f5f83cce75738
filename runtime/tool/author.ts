/**
 * What the author of a tool or of a script imports as `run-agent`. Everything here is plain data: a tool is a frozen
 * record, so that the same file runs in the sandbox, in a manifest reader and in a unit test in plain Node.
 */
import { z } from 'zod'

export { z }

declare global {
  interface RequestInit {
    /** The credential of the definition that goes with this request; without it, the one that its rule binds. */
    readonly credential?: string
  }
}

/** The most a tool could ever need. It declares and grants nothing. */
export interface Needs {
  readonly read?: true
  readonly write?: true
  readonly delete?: true
  /** The history of the repository: refs and objects, never its configuration. */
  readonly git?: true
  /** `true`, or the URL rules that bound it. */
  readonly http?: true | readonly string[]
  /** `true`, or the names that bound it. */
  readonly credentials?: true | readonly string[]
}

/** What a call receives beside its arguments. */
export interface ToolContext {
  /** Values that the operator or the command line chose; the model never sets them. */
  readonly settings: Readonly<Record<string, string>>
  readonly user: string
  /** Aborts when the call's deadline has passed or the run ends. */
  readonly signal: AbortSignal
  /** The same each time one call is repeated after a crash. */
  readonly idempotencyKey: string
}

/** JSON or a string, or a promise of it; `undefined` becomes `null`. */
export type ToolResult = unknown

export interface ToolSource<Parameters extends z.ZodObject> {
  readonly description: string
  readonly parameters: Parameters
  readonly needs?: Needs
  execute(args: z.output<Parameters>, context: ToolContext): ToolResult
}

export interface Tool<Parameters extends z.ZodObject = z.ZodObject> extends ToolSource<Parameters> {
  readonly kind: 'tool'
}

/** Declares a tool; the default export of a tool file. */
export function defineTool<Parameters extends z.ZodObject>(source: ToolSource<Parameters>): Tool<Parameters> {
  return Object.freeze({ kind: 'tool' as const, ...source })
}

/** What comes out of JSON; its shape is known to the tool's author alone. */
type FromJson = ReturnType<typeof JSON.parse>

/**
 * Calls one of the agent's tools. Resolves to its result with its type, or rejects with `{ name, code, message }`.
 * The caller states the type where it matters: `call<Changes>('git_changes')`.
 */
export type Call = <Result = FromJson>(tool: string, args?: Readonly<Record<string, unknown>>) => Promise<Result>

/** Plays the model: `task` is `''` when none was given; what it returns is the final answer. */
export type Play = (task: string, call: Call) => unknown

export interface Script {
  readonly kind: 'script'
  readonly play: Play
}

/** Declares a script; the default export of a script file. */
export function defineScript(play: Play): Script {
  return Object.freeze({ kind: 'script' as const, play })
}
