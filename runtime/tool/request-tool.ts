/**
 * The code of a tool without code: the one request that its definition spells, with the arguments in their places. It
 * runs in the sandbox like any other, so the same rules decide what it asks for.
 */
import { createHash } from 'node:crypto'
import type { ArgumentRule } from '../definition/definition.ts'
import type { GuestCode } from '../sandbox/guest-run.ts'
import type { JsonSchema } from './check-schema.ts'
import type { ToolManifest } from './manifest.ts'

export interface RequestTool {
  readonly bundle: GuestCode
  readonly manifest: ToolManifest
}

/** `request`: `METHOD URL`, with `{name}` for each argument; each of them has a rule. */
export function requestTool(
  name: string,
  description: string,
  request: string,
  args: readonly ArgumentRule[],
): RequestTool {
  const space = request.indexOf(' ')
  const said = { method: request.slice(0, space), url: request.slice(space + 1) }
  const source = `const { defineTool } = require('run-agent')\nconst REQUEST = ${JSON.stringify(said)}\n${CODE}`
  const parameters: JsonSchema = {
    type: 'object',
    properties: Object.fromEntries(args.map(({ argument, schema }) => [argument, schema])),
    required: args.map(({ argument }) => argument),
    additionalProperties: false,
  }
  return {
    bundle: { hash: createHash('sha256').update(source).digest('hex'), name: `${name}.request.js`, source },
    manifest: { description, parameters, needs: { http: true, credentials: true } },
  }
}

/** An answer that is no success is the tool's failure; JSON keeps its type. */
const CODE = `
const ERROR_CHARACTERS = 2000
async function execute(args) {
  const url = REQUEST.url.replace(/\\{([^{}]*)\\}/g, (_, name) => encodeURIComponent(String(args[name])))
  const answer = await fetch(url, { method: REQUEST.method })
  const text = await answer.text()
  if (!answer.ok) {
    const message = 'HTTP ' + answer.status + ' ' + answer.statusText + ': ' + text.slice(0, ERROR_CHARACTERS)
    throw Object.assign(new Error(message), { name: 'HttpError', code: 'HTTP_' + answer.status })
  }
  const isJson = /^application\\/(?:[\\w.+-]+\\+)?json\\b/i.test(answer.headers.get('content-type') ?? '')
  return isJson && text !== '' ? JSON.parse(text) : text
}
module.exports = { default: defineTool({ execute }) }
`
