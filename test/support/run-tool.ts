/** Runs a tool's code in plain Node, as the author of a tool would in a unit test. */
import type { Tool, ToolContext } from 'run-agent'

const CONTEXT: ToolContext = {
  settings: {},
  user: 'ada',
  signal: new AbortController().signal,
  idempotencyKey: 'key',
}

/** The result as it would cross the wall: plain JSON. The caller knows its type. */
export async function runTool<Result>(tool: unknown, args: object, dir: string): Promise<Result> {
  const before = process.cwd()
  process.chdir(dir)
  try {
    const result: unknown = await (tool as Tool).execute({ ...args }, CONTEXT)
    return JSON.parse(JSON.stringify(result)) as Result
  } finally {
    process.chdir(before)
  }
}
