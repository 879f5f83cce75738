/**
 * `run-agent/test`: runs a tool as a run would, with the files and the rules that a test names. Works under every Node
 * from 20 on: the work is done by the program run-agent, on the Node that comes with it. No guest can import this.
 */
import { askProgram } from '../node-program.ts'
import { decodeAnswer, encodeQuestion } from './test-tool-wire.ts'

/** Files by their path relative to the workspace. A text is UTF-8. */
export type ToolTestFiles = Readonly<Record<string, string | Uint8Array>>

/** What the network of a test says to one request. */
export interface ToolTestAnswer {
  /** 200 where it is left out. */
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** A text is UTF-8. */
  readonly body?: string | Uint8Array
}

export interface ToolTestOptions {
  /** The call's arguments, as a model would give them. */
  readonly args?: Readonly<Record<string, unknown>>
  /**
   * The tool's entry as a definition has it: `read`, `write`, `delete`, `deny`, `git`, `http`, `redirects`, `headers`, `args`,
   * `limits`. Without it
   * nothing is granted.
   */
  readonly rules?: Readonly<Record<string, unknown>>
  /** What the workspace holds before the call. */
  readonly files?: ToolTestFiles
  /** What the network says, by `METHOD URL`; any other request fails, and nothing reaches the real network. */
  readonly http?: Readonly<Record<string, ToolTestAnswer>>
  readonly settings?: Readonly<Record<string, string>>
  readonly user?: string
  /** What time it is when the call starts; in the sandbox alone. Default: 2026-01-01. */
  readonly now?: Date
  /** 32 hexadecimal digits that random numbers come from; in the sandbox alone. */
  readonly seed?: string
  /**
   * `sandbox` (default): as a run does it. `node`: the module in plain Node, in a temporary folder, with the rights of
   * whoever runs the test and no rule enforced.
   */
  readonly in?: 'sandbox' | 'node'
  /** The definition's folder, which holds whatever the tool imports by a path. Default: the tool's own folder. */
  readonly folder?: string | URL
}

export interface ToolTestError {
  /** `Denied`, `Killed`, `InvalidArguments`, or the name of what the tool threw. */
  readonly name: string
  readonly code?: string
  readonly message: string
}

export interface ToolTestRequest {
  /** `fs.read`, `fs.write`, `http`, `timer` … */
  readonly op: string
  readonly path?: string
  /** Of `http`. */
  readonly method?: string
  readonly url?: string
  /** Of `fs.rename`. */
  readonly from?: string
  readonly to?: string
  readonly decision: 'permit' | 'deny'
  /** Which rule said so. */
  readonly rule: string
}

export interface ToolTestResult {
  /** What the tool returned; undefined where it failed. */
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly output: any
  /** Undefined where it succeeded. */
  readonly error: ToolTestError | undefined
  /** Every file of the workspace after the call: a text where it is UTF-8, else bytes. */
  readonly files: ToolTestFiles
  /** What the tool asked for, in order; in plain Node nobody sees it, and the list is empty. */
  readonly requests: readonly ToolTestRequest[]
  /** What it printed. */
  readonly logs: readonly { readonly level: string; readonly text: string }[]
}

/**
 * Calls `tool`, a file (an absolute path or a `file:` URL) or the name of one that comes with run-agent
 * (`run-agent/read_file`). What the tool does, a failure, a denial or a limit, is the result; rejects where there is
 * nothing to call: a tool that cannot be loaded, or rules that a definition could not have.
 */
export async function testTool(tool: string | URL, options: ToolTestOptions = {}): Promise<ToolTestResult> {
  const asked = await askProgram(['test-tool'], encodeQuestion(tool, options))
  if (asked.exit === 0) return decodeAnswer(asked.stdout)
  throw new Error(asked.stderr.trim() || `run-agent ended with exit code ${asked.exit}`)
}
