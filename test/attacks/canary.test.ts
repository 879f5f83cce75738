/**
 * One secret in a thousand requests, by every path that a request can take: it is found at the server that it is for,
 * and nowhere else: no file, no output, no trail, no environment or argument of a process, nothing that a guest reaches.
 */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { credentialDesk, credentialServer, type Asked } from '../support/credential-desk.ts'
import { descendantsOf } from '../support/descendants.ts'
import { ECHO_SHAPES } from '../support/echo-shapes.ts'

const SECRET = 'canary_9Qz4Vt7Lw2Rk8Ys3Hd6N'
const CAUGHT = ECHO_SHAPES.filter(({ fate }) => fate !== 'missed')
const CALLS = 20
const REQUESTS_A_CALL = 50

const forms = (text: string): readonly (string | Buffer)[] => [
  text,
  text.toUpperCase(),
  Array.from(text).toReversed().join(''),
  Buffer.from(text).toString('hex'),
  Buffer.from(text, 'utf16le'),
  ...['', 'x', 'xx'].map((before) =>
    Buffer.from(before + text)
      .toString('base64')
      .slice(4, -4),
  ),
]

const TOOL = `import { defineTool, z } from 'run-agent'

/** Every text that can be reached from the globals and from what is given. */
function reachable(roots) {
  const seen = new Set()
  const texts = []
  const waiting = [...roots]
  while (waiting.length > 0 && seen.size < 200000) {
    const value = waiting.pop()
    if (typeof value === 'string') texts.push(value)
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value)) continue
    seen.add(value)
    for (const key of Reflect.ownKeys(value)) {
      texts.push(String(key))
      const { value: held, get } = Reflect.getOwnPropertyDescriptor(value, key) ?? {}
      waiting.push(held, get)
    }
    waiting.push(Reflect.getPrototypeOf(value))
  }
  return texts
}

export default defineTool({
  description: 'Requests all of them.',
  parameters: z.object({ base: z.string(), from: z.number(), count: z.number(), wish: z.string().optional() }),
  async execute({ base, from, count, wish }, context) {
    if (wish === 'crash') { void fetch(base + '/shape/0'); const held = []; for (;;) held.push(new Array(1e6).fill(1)) }
    if (wish === 'timeout') { void fetch(base + '/hang'); for (;;) await new Promise((resolve) => setTimeout(resolve, 5)) }
    const one = async (index) => {
      const kinds = ['shape', 'shape', 'shape', 'shape', 'shape', 'error', 'redirect', 'reset', 'hang', 'stream']
      const kind = kinds[index % kinds.length]
      const signal = kind === 'hang' ? AbortSignal.timeout(300) : undefined
      try {
        const response = await fetch(base + '/' + kind + '/' + index, { signal, headers: { authorization: 'mine' } })
        return [response.status, response.statusText, [...response.headers], await response.text()]
      } catch (error) {
        return [error.name, error.message, error.stack, String(error.cause)]
      }
    }
    const answers = []
    // No more exchanges than a call may have open.
    for (let at = 0; at < count; at += 25) {
      answers.push(...(await Promise.all(Array.from({ length: 25 }, (_, index) => one(from + at + index)))))
    }
    const texts = reachable([globalThis, context, answers])
    return { answers: answers.length, texts: texts.length, found: texts.filter((text) => /canary_9Qz|yranac/i.test(text)) }
  },
})
`

const SCRIPT = `import { defineScript } from 'run-agent'
export default defineScript(async (base, call) => {
  const results = []
  for (let index = 0; index < ${CALLS}; index += 1) {
    results.push(await call('get', { base, from: index * ${REQUESTS_A_CALL}, count: ${REQUESTS_A_CALL} }).catch((error) => ({ ...error, message: error.message })))
  }
  for (const wish of ['crash', 'timeout']) {
    results.push(await call('get', { base, from: 0, count: 0, wish }).catch((error) => ({ code: error.code, message: error.message })))
  }
  return JSON.stringify(results)
})
`

test('a secret is found at the server that it is for, and nowhere else', { timeout: 180_000 }, async () => {
  await using api = await credentialServer()
  await using stranger = await credentialServer()
  api.answer = ({ url, headers }: Asked, response) => {
    const sent = String(headers['authorization']).replace('Bearer ', '')
    const [, kind, number = '0'] = url.split('/')
    const shape = CAUGHT[Number(number) % CAUGHT.length]
    const body = Buffer.from(shape?.make(sent) ?? sent)
    if (kind === 'hang') return
    if (kind === 'reset') return void response.destroy()
    if (kind === 'redirect')
      return void response.writeHead(302, { location: `${stranger.base}/x?from=${number}` }).end(sent)
    if (kind === 'error')
      return void response.writeHead(500, sent.slice(0, 40), { 'x-sent': sent, etag: sent }).end(body)
    response.writeHead(200, { 'x-sent': `Bearer ${sent}` })
    if (kind !== 'stream') return void response.end(body)
    // Byte by byte, each in a write of its own.
    const bytes = [...body]
    const next = (): void => {
      const byte = bytes.shift()
      if (byte === undefined) return void response.end()
      response.write(Buffer.from([byte]))
      setImmediate(next)
    }
    next()
  }
  using desk = credentialDesk([`GET ${api.base}/**`, `GET ${stranger.base}/**?*`], ['api'])
  desk.write({ 'agents/get.ts': TOOL, 'agents/a.script.ts': SCRIPT })
  const definition = readFileSync(`${desk.workspace}/agents/a.yaml`, 'utf8')
  desk.write({ 'agents/a.yaml': `${definition}    limits: { timeout: 20s, memory: 64MB }\nbudget: { turns: 40 }\n` })
  desk.configure(`credentials:
  api:
    source: { env: API_TOKEN }
    inject: { header: Authorization, format: "Bearer {secret}" }
    for: ["GET ${api.base}/**"]
    agents: { a: { from: ${desk.workspace}/agents/a.yaml, tools: [get] } }
`)
  const started = desk.start(['agents/a.yaml', api.base, '--config', desk.config], {
    environment: { API_TOKEN: SECRET },
  })
  const seenOfProcesses = new Set<string>()
  const watch = setInterval(() => {
    for (const name of descendantsOf(started.child.pid ?? 0)) {
      try {
        const [cmdline = '', environ = ''] = ['cmdline', 'environ'].map((part) =>
          readFileSync(`/proc/${name.split(' ')[0]}/${part}`, 'latin1'),
        )
        // Between fork and exec it is run-agent itself, which was given the variable.
        if (!cmdline.includes('runtime/bin.js')) seenOfProcesses.add(`${cmdline}\n${environ}`)
      } catch {
        // It is gone.
      }
    }
  }, 50)
  const { exit, stdout, stderr } = await started.finished
  clearInterval(watch)
  expect(stderr).toMatch(/completed/)
  expect(exit).toBe(0)
  const results = JSON.parse(stdout) as { answers?: number; texts?: number; found?: string[]; code?: string }[]
  for (const result of results.slice(0, CALLS)) {
    expect(result).toMatchObject({ answers: REQUESTS_A_CALL, found: [] })
    expect(result.texts).toBeGreaterThan(1000)
  }
  expect(results.slice(CALLS).map(({ code }) => code)).toEqual([
    expect.stringMatching(/MEMORY|CRASH/),
    'E_LIMIT_TIMEOUT',
  ])
  expect(api.asked.length).toBeGreaterThanOrEqual(CALLS * REQUESTS_A_CALL)
  expect(api.asked.every(({ headers }) => headers['authorization'] === `Bearer ${SECRET}`)).toBe(true)
  expect(stranger.asked.length).toBe((CALLS * REQUESTS_A_CALL) / 10)
  expect(JSON.stringify(stranger.asked)).not.toContain(SECRET)
  for (const form of forms(SECRET)) {
    expect(stdout.includes(String(form)) || stderr.includes(String(form))).toBe(false)
    expect([...seenOfProcesses].filter((text) => text.includes(String(form)))).toEqual([])
  }
  expect(seenOfProcesses.size).toBeGreaterThan(1)
  expect(desk.filesHolding(forms(SECRET))).toEqual([])
  const replay = await desk.run('replay', 'last')
  expect(replay.stdout).toMatch(/identical/)
})
