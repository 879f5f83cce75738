/** A real server that answers with what it was sent: httpbin of Debian, under gunicorn. */

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { gunzipSync, inflateSync } from 'node:zlib'

const PYTHON = '/usr/bin/python3'

/** Why it cannot be started here; undefined where it can. */
export function httpbinTrouble(): string | undefined {
  const { status } = spawnSync(PYTHON, ['-c', 'import gunicorn, httpbin'], { timeout: 20_000 })
  return status === 0 ? undefined : 'needs the Debian packages python3-httpbin and gunicorn'
}

export interface Asked {
  readonly path: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

export interface Answered {
  readonly status: number
  readonly statusText: string
  readonly headers: IncomingHttpHeaders
  /** With the content encoding undone. */
  readonly body: Uint8Array
}

export interface Httpbin extends AsyncDisposable {
  readonly origin: string
  /** Follows no redirect. */
  ask(asked: Asked): Promise<Answered>
}

export async function startHttpbin(): Promise<Httpbin> {
  const port = await freePort()
  const child = spawn(PYTHON, ['-m', 'gunicorn', '-b', `127.0.0.1:${port}`, 'httpbin:app'], { stdio: 'ignore' })
  const ended = once(child, 'exit')
  const ask = (asked: Asked): Promise<Answered> => askAt(port, asked)
  const deadline = Date.now() + 30_000
  for (;;) {
    try {
      await ask({ path: '/status/204' })
      break
    } catch (error) {
      if (child.exitCode !== null || Date.now() > deadline) {
        child.kill()
        throw error
      }
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
  return {
    origin: `http://127.0.0.1:${port}`,
    ask,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await ended
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function askAt(port: number, { path, method = 'GET', headers = {}, body }: Asked): Promise<Answered> {
  const outgoing = request({ host: '127.0.0.1', port, path, method, headers: { ...headers }, timeout: 20_000 })
  outgoing.on('timeout', () => outgoing.destroy(new Error('httpbin is silent')))
  return await new Promise((resolve, reject) => {
    outgoing.on('error', reject)
    outgoing.on('response', (incoming) => {
      const chunks: Buffer[] = []
      incoming.on('error', reject)
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('end', () => {
        const bytes = Buffer.concat(chunks)
        const coding = incoming.headers['content-encoding']
        resolve({
          status: incoming.statusCode ?? 0,
          statusText: incoming.statusMessage ?? '',
          headers: incoming.headers,
          body: coding === 'gzip' ? gunzipSync(bytes) : coding === 'deflate' ? inflateSync(bytes) : bytes,
        })
      })
    })
    outgoing.end(body)
  })
}
