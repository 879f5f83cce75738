/** What is measured: systems that run a piece of code in a sandbox, each behind the same two methods. */

/**
 * The body of an async function. In its sight are `input` (JSON, parsed in the sandbox), `host()` (one call of the
 * host that answers with a small record) and `wait(ms)` (one call that the host answers after so long).
 */
export interface Task {
  readonly body: string
  readonly inputJson?: string
}

export interface System {
  readonly name: string
  /** Runs the task in a sandbox that nothing ran in before; resolves with its result. */
  call(task: Task): Promise<unknown>
  /** So many sandboxes that are ready and idle, until `release`; undefined where the system cannot hold them. */
  readonly hold?: (count: number) => Promise<{ release(): Promise<void> }>
  close(): Promise<void>
}
