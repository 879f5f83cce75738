/** A desk with a server that a credential is for, a stranger's server, and an agent whose one tool requests what it is told. */
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { openDesk, type Desk } from './program.ts'

export interface Asked {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

export interface CredentialServer extends AsyncDisposable {
  readonly base: string
  readonly port: number
  readonly asked: Asked[]
  answer: (asked: Asked, response: ServerResponse) => void
}

export async function credentialServer(answer: CredentialServer['answer'] = echo): Promise<CredentialServer> {
  const asked: Asked[] = []
  const server = createServer((request, response) => void hear(request, response))
  const hear = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(Buffer.from(chunk as Uint8Array))
    const { method = '', url = '', headers } = request
    const one = { method, url, headers, body: Buffer.concat(chunks).toString('utf8') }
    asked.push(one)
    made.answer(one, response)
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const made: CredentialServer = {
    base: `http://127.0.0.1:${port}`,
    port,
    asked,
    answer,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return made
}

export function echo({ method, url, headers, body }: Asked, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ method, url, headers, body }))
}

export interface CredentialDesk extends Desk {
  /** The operator's configuration; written 0600. */
  configure(text: string): void
  readonly config: string
  /** Files below the desk that hold one of the texts, but for the operator's own. */
  filesHolding(texts: readonly (string | Buffer)[]): readonly string[]
}

const TOOL = `import { defineTool, z } from 'run-agent'
export default defineTool({
  description: 'Requests what it is told.',
  parameters: z.object({ url: z.string(), init: z.string().optional() }),
  async execute({ url, init }) {
    try {
      const response = await fetch(url, init === undefined ? undefined : JSON.parse(init))
      return { status: response.status, url: response.url, headers: Object.fromEntries(response.headers), text: await response.text() }
    } catch (error) {
      return { name: error.name, code: error.code ?? error.cause?.code, message: error.cause?.message ?? error.message }
    }
  },
})
`

const SCRIPT = `import { defineScript } from 'run-agent'
export default defineScript(async (task, call) => {
  const results = []
  for (const { url, init } of JSON.parse(task)) results.push(await call('get', { url, ...(init && { init: JSON.stringify(init) }) }).catch((error) => ({ ...error, message: error.message })))
  return JSON.stringify(results)
})
`

/** `rules`: of the tool; `credentials`: those that it names. */
export function credentialDesk(rules: readonly string[], credentials: readonly string[], more = ''): CredentialDesk {
  const desk = openDesk({
    'agents/a.yaml': `name: a
script: ./a.script.ts
tools:
  get:
    from: ./get.ts
    http: ${JSON.stringify(rules)}
    ${credentials.length === 0 ? '' : `credentials: ${JSON.stringify(credentials)}`}
${more}`,
    'agents/get.ts': TOOL,
    'agents/a.script.ts': SCRIPT,
  })
  const config = join(desk.home, 'config/config.yaml')
  return Object.assign(Object.create(desk) as Desk, {
    config,
    configure(text: string) {
      mkdirSync(dirname(config), { recursive: true })
      writeFileSync(config, text)
      chmodSync(config, 0o600)
    },
    filesHolding: (texts: readonly (string | Buffer)[]) => holding(dirname(desk.workspace), texts, dirname(config)),
    [Symbol.dispose]: () => desk[Symbol.dispose](),
  })
}

function holding(folder: string, texts: readonly (string | Buffer)[], but: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (path === but) return []
    if (entry.isDirectory()) return holding(path, texts, but)
    if (!statSync(path).isFile()) return []
    const bytes = readFileSync(path)
    return texts.some((text) => bytes.includes(text)) ? [path] : []
  })
}
