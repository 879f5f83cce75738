/** The same code in plain Node and in a sandbox: what it returns, as JSON, must be the same. */
import { createRequire } from 'node:module'
import type { Sandbox } from '../../runtime/sandbox/sandbox.ts'
import { callOf, play, toolOf, valueOf, type Answer } from './sandbox.ts'

const nodeRequire = createRequire(import.meta.url)
const AsyncFunction = async function none(): Promise<void> {}.constructor as new (
  ...parts: string[]
) => (require: NodeJS.Require) => Promise<unknown>

/**
 * `body` is that of an async function with `require` in sight. A failure is a value too: its name. (Codes of wrong
 * arguments are Node's own; libraries have the names.)
 */
const guarded = (body: string): string => `const settled = async () => {
${body}
}
return settled().catch((error) => ({ failed: String(error?.name) }))`

/** What a pair is compared by; `module` is required as `name`. */
export const requiring = (module: string, name: string, body: string): string =>
  `const ${name} = require('node:${module}'); return ${body}`

export async function inNode(body: string): Promise<unknown> {
  const value = await new AsyncFunction('require', guarded(body))(nodeRequire)
  return JSON.parse(JSON.stringify(value ?? null))
}

export async function inSandbox(sandbox: Sandbox, body: string, answer?: Answer): Promise<unknown> {
  return valueOf(await play(sandbox, callOf(toolOf(guarded(body))), answer))
}
