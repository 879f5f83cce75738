/** Clients of HTTP services, as they are, in a tool and in plain Node, against the same server on the loopback. */
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { nodeClock } from '../../runtime/node-processes.ts'
import { GUEST_MODULES, PLATFORM_PARTS } from '../../runtime/sandbox/guest/platform-parts.ts'
import { bundleFolder } from '../support/bundling.ts'
import { httpAnswer } from '../support/http-answer.ts'
import { runTool } from '../support/run-tool.ts'
import { callOf, openSandbox, play, valueOf } from '../support/sandbox.ts'

const folder = fileURLToPath(new URL('tools', import.meta.url))
const sandbox = await openSandbox({ outerWall: false })
const servers: Server[] = []
afterAll(() => {
  sandbox.close()
  for (const server of servers) server.close()
})

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  servers.push(server)
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

async function inTool(name: string, args: object): Promise<unknown> {
  const { code, hash } = await bundleFolder(folder, `./${name}.ts`, { guestModules: GUEST_MODULES, clock: nodeClock })
  const schema = {
    type: 'object',
    properties: Object.fromEntries(Object.keys(args).map((key) => [key, { type: 'string' }])),
  }
  const call = callOf({ hash, name: `${name}.ts`, source: code }, { input: JSON.stringify(args), schema })
  return valueOf(await play(sandbox, call, httpAnswer()))
}

async function inNode(name: string, args: object): Promise<unknown> {
  const module: { readonly default: unknown } = await import(`./tools/${name}.ts`)
  return await runTool(module.default, args, folder)
}

// Without fetch there is nothing that they could ask with.
const hasFetch = PLATFORM_PARTS.has('fetch')

test.skipIf(!hasFetch)('octokit pages through issues and comments on one', async () => {
  const heard: string[] = []
  const base = await serve((request, response) => {
    void textOf(request).then((body) => {
      heard.push(`${request.method} ${request.url} ${body}`)
      const url = new URL(request.url ?? '', base)
      response.setHeader('content-type', 'application/json; charset=utf-8')
      if (request.method === 'POST') return response.writeHead(201).end(JSON.stringify({ id: 1, ...JSON.parse(body) }))
      if (!url.pathname.endsWith('/issues')) return response.writeHead(404).end('{"message":"Not Found"}')
      const page = Number(url.searchParams.get('page') ?? 1)
      if (page < 3) {
        url.searchParams.set('page', String(page + 1))
        response.setHeader('link', `<${url.href}>; rel="next"`)
      }
      return response.end(JSON.stringify([1, 2].map((n) => ({ number: page * 2 + n - 2, title: `é ${n}` }))))
    })
  })
  const value = await inTool('octokit', { baseUrl: base })
  expect(value).toEqual({
    issues: [1, 2, 3, 4, 5, 6].map((number) => [number, `é ${number % 2 === 1 ? 1 : 2}`]),
    comment: 'hé',
    missing: 404,
  })
  const asked = heard.splice(0)
  expect(await inNode('octokit', { baseUrl: base })).toEqual(value)
  expect(heard).toEqual(asked)
  expect(asked).toHaveLength(5)
})

test.skipIf(!hasFetch)('openai gets an answer whole and as a stream', async () => {
  const base = await serve((request, response) => {
    void textOf(request).then(async (body) => {
      if (request.method === 'GET') return response.writeHead(404).end('{}')
      const { stream, messages } = JSON.parse(body) as { stream?: boolean; messages: { content: string }[] }
      const text = `You said ${messages[0]?.content}`
      if (stream !== true) {
        response.setHeader('content-type', 'application/json')
        return response.end(JSON.stringify({ choices: [{ index: 0, message: { role: 'assistant', content: text } }] }))
      }
      response.setHeader('content-type', 'text/event-stream')
      for (const word of text.split(/(?= )/)) {
        const event = Buffer.from(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: word } }] })}\n\n`)
        // A character of more than one byte is cut in two on the way.
        response.write(event.subarray(0, event.length - 8))
        await new Promise((resolve) => setTimeout(resolve, 5))
        response.write(event.subarray(event.length - 8))
      }
      return response.end('data: [DONE]\n\n')
    })
  })
  const value = await inTool('openai', { baseURL: base })
  expect(value).toEqual({ whole: 'You said Hé?', streamed: 'You said Hé?', refused: 404 })
  expect(await inNode('openai', { baseURL: base })).toEqual(value)
})
