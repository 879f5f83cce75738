import { defineTool, z } from 'run-agent'

/** What the host takes as one result, less its envelope. */
const RESULT_BYTES_MAX = 1_000_000

export default defineTool({
  description:
    'Makes one HTTP request and returns the status, the headers and the body: JSON as it is, everything else as text.',
  parameters: z.object({
    url: z.string().describe('Absolute'),
    method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']).optional().describe('GET by default'),
    headers: z.record(z.string(), z.string()).optional(),
    body: z.string().optional(),
  }),
  needs: { http: true, credentials: true },
  async execute({ url, method = 'GET', headers = {}, body }) {
    const answer = await fetch(url, { method, headers, ...(body === undefined ? {} : { body }) })
    const bytes = new Uint8Array(await answer.arrayBuffer())
    const text = textOf(bytes)
    if (text === undefined) {
      throw new Error(`the answer is no UTF-8 text (${answer.headers.get('content-type')}); download_file takes it`)
    }
    const read = { status: answer.status, url: answer.url, headers: Object.fromEntries(answer.headers), body: text }
    const result = isJson(answer.headers.get('content-type')) && text !== '' ? { ...read, body: parsed(text) } : read
    const size = JSON.stringify(result).length
    if (size > RESULT_BYTES_MAX) {
      throw new Error(`the answer has ${size} characters as JSON, which is too large for a result; ask for less of it`)
    }
    return result
  },
})

function isJson(type: string | null): boolean {
  return /^application\/(?:[\w.+-]+\+)?json\b/i.test(type ?? '')
}

/** A server that calls something JSON which is none has still said something. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}
