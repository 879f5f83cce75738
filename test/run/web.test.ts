/** Tools that reach the network, in the program as a user has it, with real servers. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { writeFileSync } from 'node:fs'
import { generate } from 'selfsigned'
import { expect, test } from 'vitest'
import { openDesk } from '../support/program.ts'

interface Local extends AsyncDisposable {
  readonly port: number
  readonly asked: string[]
}

async function serve(server: Server, asked: string[], address: string): Promise<Local> {
  await new Promise<void>((resolve) => server.listen(0, address, resolve))
  const { port } = server.address() as AddressInfo
  return {
    port,
    asked,
    async [Symbol.asyncDispose]() {
      ;(server as import('node:http').Server).closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(Buffer.from(chunk as Uint8Array))
  return Buffer.concat(chunks).toString('utf8')
}

/** Echoes; `/moved` redirects, `/none` is 404, `/hang` never answers, `/bytes` is no text. */
function echo(asked: string[]): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) =>
    void bodyOf(request).then((body) => {
      const { method, url = '', headers } = request
      asked.push(`${method} ${url}`)
      if (url === '/hang') return
      if (url === '/moved') return void response.writeHead(302, { location: '/v1/items?page=2' }).end()
      if (url === '/none') return void response.writeHead(404).end('no such thing')
      if (url === '/bytes') return void response.writeHead(200).end(Buffer.from([0xff, 0xfe, 0]))
      response.writeHead(200, { 'content-type': 'application/json', 'set-cookie': 'session=1' })
      response.end(JSON.stringify({ method, url, headers, body }))
    })
}

async function echoServer(): Promise<Local> {
  const asked: string[] = []
  return await serve(createServer(echo(asked)), asked, '127.0.0.1')
}

const script = (body: string): string =>
  `import { defineScript } from 'run-agent'\nexport default defineScript(async (task, call) => {\n${body}\n})\n`

test('requests, redirects and bodies go out as they were granted, and replay without a server', async () => {
  const local = await echoServer()
  const base = `http://127.0.0.1:${local.port}`
  using desk = openDesk({
    'a.yaml': `name: a
script: ./a.script.ts
tools:
  fetch_url: { http: ["GET ${base}/moved", "GET ${base}/v1/items?page", "POST ${base}/v1/items"] }
  invoice:
    description: One invoice.
    request: "PUT ${base}/v1/invoices/{id}?state={state}"
    args: { id: { type: string }, state: { enum: [paid] } }
  save: { from: run-agent/download_file, http: ["GET ${base}/bytes"], write: ["out/*"] }
`,
    'a.script.ts': script(`
  const moved = await call('fetch_url', { url: '${base}/moved', headers: { authorization: 'Bearer x' } })
  const posted = await call('fetch_url', { url: '${base}/v1/items', method: 'POST', body: 'näh' })
  const invoice = await call('invoice', { id: 'a b/c', state: 'paid' }).catch((error) => error.code)
  const paid = await call('invoice', { id: 'a b', state: 'paid' })
  const saved = await call('save', { url: '${base}/bytes', path: 'out/b.bin' })
  const other = await call('fetch_url', { url: '${base}/v1/items?page=1&x' }).catch((error) => error.message)
  return JSON.stringify({ moved, posted, invoice, paid, saved, other })`),
  })
  const { exit, stdout, stderr } = await desk.run('a.yaml')
  expect({ exit, stderr: exit === 0 ? '' : stderr }).toEqual({ exit: 0, stderr: '' })
  const said = JSON.parse(stdout) as Record<string, { url: string; headers: object; body: Record<string, unknown> }>
  expect(said['moved']).toMatchObject({
    url: `${base}/v1/items?page=2`,
    body: { method: 'GET', url: '/v1/items?page=2' },
  })
  expect(said['moved']?.headers).not.toHaveProperty('set-cookie')
  expect(said['moved']?.body['headers']).not.toHaveProperty('authorization')
  expect(said['posted']).toMatchObject({ body: { method: 'POST', body: 'näh' } })
  expect(said['invoice']).toBe('E_DENIED')
  expect(said['paid']).toMatchObject({ method: 'PUT', url: '/v1/invoices/a%20b?state=paid' })
  expect(said['saved']).toMatchObject({ path: 'out/b.bin', bytes: 3 })
  expect(said['other']).toContain('`x` is not granted there')
  expect(local.asked).toEqual([
    'GET /moved',
    'GET /v1/items?page=2',
    'POST /v1/items',
    'PUT /v1/invoices/a%20b?state=paid',
    'GET /bytes',
  ])
  await local[Symbol.asyncDispose]()
  const replayed = await desk.run('replay', 'last')
  expect(replayed.stdout + replayed.stderr).toContain('identical')
})

test('a call that ends before the answer leaves its request in doubt, and says so', async () => {
  await using local = await echoServer()
  const base = `http://127.0.0.1:${local.port}`
  using desk = openDesk({
    'a.yaml': `name: a\nscript: ./a.script.ts\ntools:\n  fetch_url: { http: ["POST ${base}/hang"], limits: { timeout: 4s } }\n`,
    'a.script.ts': script(
      `return await call('fetch_url', { url: '${base}/hang', method: 'POST', body: '1' }).catch((error) => error.code)`,
    ),
  })
  const { stdout } = await desk.run('a.yaml')
  expect(stdout.trim()).toBe('E_LIMIT_TIMEOUT')
  const outcome = desk.events().find(({ kind, call }) => kind === 'host.outcome' && call === 'call_0')
  expect(outcome?.data['outcome']).toMatchObject({ ok: false, error: { code: 'E_INDETERMINATE' } })
  const replayed = await desk.run('replay', 'last')
  expect(replayed.stdout + replayed.stderr).toContain('identical')
})

test('a tool that gives up a body while it waits for it ends nothing else', async () => {
  const asked: string[] = []
  const slow = createServer((_, response) => void response.writeHead(200).write('x'))
  await using local = await serve(slow, asked, '127.0.0.1')
  const url = `http://127.0.0.1:${local.port}/`
  using desk = openDesk({
    'a.yaml': `name: a\nscript: ./a.script.ts\ntools:\n  slow: { from: ./slow.ts, http: ["GET ${url}"] }\n`,
    'slow.ts': `import { defineTool, z } from 'run-agent'
export default defineTool({ description: 'Slow.', parameters: z.object({}), needs: { http: true }, async execute() {
  const response = await fetch('${url}', { signal: AbortSignal.timeout(300) })
  const said = await response.text().catch((error) => error.name)
  await new Promise((resolve) => setTimeout(resolve, 200))
  return said
} })`,
    'a.script.ts': script(`return await call('slow', {})`),
  })
  const { exit, stdout } = await desk.run('a.yaml')
  expect({ exit, said: stdout.trim() }).toEqual({ exit: 0, said: 'TimeoutError' })
  const replayed = await desk.run('replay', 'last')
  expect(replayed.stdout + replayed.stderr).toContain('identical')
})

test('a failure has the code of what failed, and no part of this machine', async () => {
  await using local = await echoServer()
  const base = `http://127.0.0.1:${local.port}`
  const closed = 'http://127.0.0.1:9'
  using desk = openDesk({
    'a.yaml': `name: a
script: ./a.script.ts
tools:
  fetch_url: { http: ["GET ${base}/bytes", "GET ${closed}/", "GET https://localhost/", "GET https://nowhere.invalid/"] }
  gone: { description: Gone., request: "GET ${base}/none" }
`,
    'a.script.ts': script(`
  const ask = (tool, args) => call(tool, args).then(() => 'ok', (error) => error.name + ' ' + error.code + ' ' + error.message)
  return [
    await ask('gone', {}),
    await ask('fetch_url', { url: '${base}/bytes' }),
    await ask('fetch_url', { url: '${closed}/' }),
    await ask('fetch_url', { url: 'https://localhost/' }),
    await ask('fetch_url', { url: 'https://nowhere.invalid/' }),
  ].join('\\n')`),
  })
  const { stdout } = await desk.run('a.yaml')
  const lines = stdout.trim().split('\n')
  expect(lines[0]).toMatch(/^HttpError HTTP_404 HTTP 404 Not Found: no such thing/)
  expect(lines[1]).toMatch(/download_file takes it/)
  expect(lines[2]).toMatch(/fetch failed/)
  expect(lines[3]).toMatch(/^Denied E_DENIED localhost leads to .*this machine itself/)
  expect(lines[4]).toMatch(/fetch failed/)
  expect(stdout).not.toContain(desk.workspace)
})

const own = Object.values(networkInterfaces())
  .flatMap((list) => list ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address

test.skipIf(own === undefined)(
  "a server with the operator's own authority is believed where a network of his says so, and else not",
  async () => {
    const address = own ?? ''
    const { cert, private: key } = await generate([{ name: 'commonName', value: 'billing' }], {
      extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: address }] }],
    })
    const asked: string[] = []
    await using local = await serve(createTlsServer({ cert, key }, echo(asked)), asked, address)
    const base = `https://${address}:${local.port}`
    using desk = openDesk({
      'a.yaml': `name: a\nscript: ./a.script.ts\ntools:\n  fetch_url: { http: ["GET ${base}/v1/**"] }\n`,
      'a.script.ts': script(
        `return await call('fetch_url', { url: '${base}/v1/x' }).then((got) => got.body.url, (error) => error.code ?? error.message)`,
      ),
    })
    expect((await desk.run('a.yaml')).stdout).not.toContain('/v1/x')
    expect(asked).toEqual([])
    const config = join(desk.home, '..', 'config.yaml')
    writeFileSync(join(desk.home, '..', 'ca.pem'), cert, { mode: 0o600 })
    writeFileSync(config, `networks: [{ hosts: ["${address}"], addresses: ["${address}/32"], ca: ./ca.pem }]\n`, {
      mode: 0o600,
    })
    expect((await desk.run('a.yaml', '--config', config)).stdout.trim()).toBe('/v1/x')
    expect(asked).toEqual(['GET /v1/x'])
  },
)
