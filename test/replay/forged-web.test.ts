/** Recordings of requests that somebody rewrote who computes every hash anew; each row is one lie, told consistently. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { StoredEvent } from '../../runtime/audit/event.ts'
import { replayRun } from '../../runtime/replay.ts'
import type { Sandbox } from '../../runtime/sandbox/sandbox.ts'
import { openDesk } from '../support/program.ts'
import { openSandbox } from '../support/sandbox.ts'

/** What a forger writes has no shape. */
interface Loose {
  // oxlint-disable-next-line typescript/no-explicit-any
  [key: string]: any
}

let sandbox: Sandbox
let recorded: readonly StoredEvent[]

beforeAll(async () => {
  sandbox = await openSandbox()
  const server = createServer(({ url }, response) => {
    if (url === '/a') response.writeHead(302, { location: '/b' }).end()
    else response.writeHead(200).end('x')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  using desk = openDesk({
    'a.yaml': `name: a\nscript: ./a.script.ts\ntools:\n  fetch_url: { http: ["GET ${base}/a"], redirects: ["GET ${base}/b"] }\n`,
    'a.script.ts': `import { defineScript } from 'run-agent'
export default defineScript(async (task, call) => (await call('fetch_url', { url: '${base}/a' })).body)\n`,
  })
  expect(await desk.run('a.yaml')).toMatchObject({ exit: 0, stdout: 'x\n' })
  recorded = desk.events()
  server.close()
})
afterAll(() => sandbox.close())

async function verdictOf(change: (outcomes: readonly Loose[]) => void): Promise<string> {
  const events = structuredClone(recorded)
  // Those of the two requests, of the close of the first, and of the pieces of the second.
  change(
    events.filter(({ kind, call }) => kind === 'host.outcome' && call === 'call_0').map(({ data }) => data as Loose),
  )
  try {
    await replayRun({ events, sandbox, scriptSandbox: sandbox })
    return 'identical'
  } catch (error) {
    return String(Reflect.get(Object(error), 'code') ?? error)
  }
}

const redirected = (outcomes: readonly Loose[]): Loose =>
  outcomes.find(({ facts }) => facts.redirect !== undefined) ?? expect.fail('nothing was redirected')

/** Without facts nothing is decided again. */
function unlearned(outcome: Loose): void {
  outcome['facts'] = {}
  delete outcome['decision']
}

test('what nobody rewrote is identical', async () => {
  expect(await verdictOf(() => undefined)).toBe('identical')
})

test.each<[string, (outcomes: readonly Loose[]) => void]>([
  [
    'the answer redirected elsewhere',
    ([first]) => (first!['outcome'].value.headers.find(([name]: string[]) => name === 'location')[1] = '/c'),
  ],
  ['the answer redirected nowhere', ([first]) => (first!['outcome'].value.status = 200)],
  ['the redirect came from somewhere else', (all) => (redirected(all)['facts'].redirect.from = 'http://127.0.0.1:9/')],
  ['nobody looked where the redirect came from', (all) => delete redirected(all)['facts'].redirect],
  ['nobody looked at anything', (all) => unlearned(redirected(all))],
  ['nobody looked at an address', ([first]) => unlearned(first!)],
  ['there was no address', ([first]) => (first!['facts'].addresses = [])],
  ['a literal had another address', ([first]) => (first!['facts'].addresses = ['127.0.0.2'])],
  ['a request learned of a link', ([first]) => (first!['facts'].resolved = 'a')],
  ['a read learned of an address', (all) => (all.at(-1)!['facts'].addresses = ['127.0.0.1'])],
])('%s', async (_, change) => {
  expect(await verdictOf(change)).not.toBe('identical')
})
