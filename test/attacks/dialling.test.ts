/** Who is dialled, and who may answer: certificates, names, remote addresses, proxies, shared connections. */
import { spawn } from 'node:child_process'
import type { NetConnectOpts } from 'node:net'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { HTTP_IDLE_CONNECTIONS_MAX, HTTP_POOL_EXCHANGES_MAX } from '../../runtime/limits.ts'
import { nodeWebHost } from '../../runtime/node-web.ts'
import { authority, selfSigned } from '../support/authority.ts'
import type { Authority } from '../support/authority.ts'
import { answered, rawServer } from '../support/raw-server.ts'
import type { Answer } from '../support/raw-server.ts'
import { bodyOf, webRequest } from '../support/web.ts'

/** Where the machine's own network sends every connection instead, as a rule of its packet filter could. */
const diverted: { to?: string } = {}

vi.mock('node:net', async (original) => {
  const net = await original<typeof import('node:net')>()
  return {
    ...net,
    connect: (options: NetConnectOpts) =>
      net.connect(diverted.to === undefined ? options : { ...options, host: diverted.to }),
  }
})

const host = nodeWebHost()
const ok: Answer = (socket) => socket.write(answered('ok'))

let ours: Authority
let others: Authority

beforeAll(async () => {
  ours = await authority('ours')
  others = await authority('others')
})

afterAll(() => host.close())

describe('TLS', () => {
  test.each([
    ['a name', 'a.test', 'a.test'],
    ['a wildcard', '*.b.test', 'a.b.test'],
    ['an address of IPv4', '127.0.0.1', '127.0.0.1'],
    ['an address of IPv6', '::1', '[::1]'],
  ])('is spoken with a certificate for %s', async (_what, certified, name) => {
    const address = name === '[::1]' ? '::1' : '127.0.0.1'
    await using at = await rawServer(ok, { tls: await ours.certify([certified]), address })
    const request = webRequest(`https://${name}:${at.port}/`, { authorities: ours.cert, addresses: [address] })
    const exchange = await host.open(request)
    expect(await bodyOf(exchange)).toBe('ok')
    expect(exchange.address).toBe(address)
    expect(at.serverNames).toEqual([name.endsWith('.test') ? name : false])
    expect(at.requests[0]).toContain(`host: ${name}:${at.port}\r\n`)
  })

  test.each([
    ['of another name', ['b.test'], undefined, 'a.test', 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['of a name below', ['*.a.test'], undefined, 'a.test', 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['of a name for an address', ['a.test'], undefined, '127.0.0.1', 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['of the address for a name', ['127.0.0.1'], undefined, 'a.test', 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['of another address', ['127.0.0.2'], undefined, '127.0.0.1', 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['that has expired', ['a.test'], { from: -3, to: -2 }, 'a.test', 'CERT_HAS_EXPIRED'],
    ['that is not valid yet', ['a.test'], { from: 2, to: 3 }, 'a.test', 'CERT_NOT_YET_VALID'],
  ])('is refused with a certificate %s', async (_what, names, validity, name, code) => {
    await using at = await rawServer(ok, { tls: await ours.certify(names, validity) })
    const request = webRequest(`https://${name}:${at.port}/`, { authorities: ours.cert })
    await expect(host.open(request)).rejects.toMatchObject({ code, message: expect.not.stringMatching(/127|\/|test/) })
    expect(at.requests).toEqual([])
    expect(await at.openSockets(0)).toBe(0)
  })

  test('is refused with a certificate signed by itself, and with one of another authority', async () => {
    await using itself = await rawServer(ok, { tls: await selfSigned(['a.test']) })
    const url = `https://a.test:${itself.port}/`
    await expect(host.open(webRequest(url))).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
    await using known = await rawServer(ok, { tls: await ours.certify(['a.test']) })
    const other = `https://a.test:${known.port}/`
    await expect(host.open(webRequest(other))).rejects.toMatchObject({ code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' })
    await expect(host.open(webRequest(other, { authorities: others.cert }))).rejects.toMatchObject({
      code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    })
    expect([...itself.requests, ...known.requests]).toEqual([])
  })

  test('is refused where the server speaks none, or stops in the middle', async () => {
    await using cleartext = await rawServer((socket) => socket.end(answered('ok')))
    cleartext.accepted.length = 0
    const url = `https://a.test:${cleartext.port}/`
    const silent = host.open(webRequest(url, { connectTimeoutMs: 200 }))
    await expect(silent).rejects.toMatchObject({ code: 'HTTP_CONNECT_TIMEOUT' })
    const reset = host.open(webRequest(url))
    setTimeout(() => cleartext.accepted.at(-1)?.destroy(), 100)
    await expect(reset).rejects.toMatchObject({ code: 'ECONNRESET' })
    const answering = host.open(webRequest(url))
    setTimeout(() => cleartext.accepted.at(-1)?.write(answered('ok')), 100)
    await expect(answering).rejects.toThrow('no TLS connection came about')
    expect(await cleartext.openSockets(0)).toBe(0)
  })
})

describe('dialling', () => {
  test('goes on to the next address, in order, where nobody answers at one', async () => {
    await using at = await rawServer(ok)
    const addresses = ['127.0.0.9', '::ffff:127.0.0.1', '127.0.0.1']
    const exchange = await host.open(webRequest(`http://a.test:${at.port}/`, { addresses }))
    expect(exchange.address).toBe('::ffff:127.0.0.1')
    expect(await bodyOf(exchange)).toBe('ok')
  })

  test('does not go on where somebody answered who may not', async () => {
    await using wrong = await rawServer(ok, { tls: await ours.certify(['b.test']) })
    await using right = await rawServer(ok, {
      tls: await ours.certify(['a.test']),
      address: '127.0.0.2',
      port: wrong.port,
    })
    const changes = { authorities: ours.cert, addresses: ['127.0.0.1', '127.0.0.2'] }
    await expect(host.open(webRequest(`https://a.test:${wrong.port}/`, changes))).rejects.toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    })
    expect(right.accepted).toEqual([])
  })

  test.each([['localhost'], ['2130706433'], ['0x7f.1'], ['127.1'], ['::1%lo'], ['']])(
    'takes nothing for an address that a resolver would have to be asked for: %j',
    async (address) => {
      await using at = await rawServer(ok)
      const open = host.open(webRequest(`http://a.test:${at.port}/`, { addresses: [address] }))
      await expect(open).rejects.toMatchObject({ code: 'HTTP_ADDRESS' })
      expect(at.accepted).toEqual([])
    },
  )
})

describe('a connection that leads elsewhere than it was dialled', () => {
  test.each(['http', 'https'])('gets no byte over %s', async (scheme) => {
    await using at = await rawServer(ok, scheme === 'https' ? { tls: await ours.certify(['a.test']) } : {})
    let bytes = 0
    const count = vi.spyOn(at.accepted, 'push').mockImplementation((socket) => {
      socket.on('data', (chunk: Buffer) => (bytes += chunk.byteLength))
      return 1
    })
    diverted.to = '127.0.0.1'
    const request = webRequest(`${scheme}://a.test:${at.port}/`, { addresses: ['127.0.0.2'], authorities: ours.cert })
    try {
      await expect(host.open(request)).rejects.toMatchObject({ code: 'HTTP_ADDRESS' })
      expect(count).toHaveBeenCalled()
      await new Promise((resolve) => setTimeout(resolve, 50))
      expect([bytes, at.requests]).toEqual([0, []])
      // What was admitted in another spelling is the same.
      const mapped = await host.open({ ...request, addresses: ['127.0.0.2', '::ffff:7f00:1'] })
      expect(await bodyOf(mapped)).toBe('ok')
    } finally {
      delete diverted.to
    }
  })
})

describe('connections', () => {
  const twice = async (first: object, second: object): Promise<number> => {
    await using at = await rawServer(ok, { tls: await ours.certify(['a.test']) })
    for (const changes of [first, second]) {
      const request = webRequest(`https://a.test:${at.port}/`, { authorities: ours.cert, ...changes })
      expect(await bodyOf(await host.open(request))).toBe('ok')
    }
    return at.accepted.length
  }

  test.each([
    ['the same of everything', {}, {}],
    [
      'the same addresses in another order and spelling',
      { addresses: ['127.0.0.1', '127.0.0.2'] },
      { addresses: ['::ffff:127.0.0.2', '127.0.0.1', '127.0.0.1'] },
    ],
  ])('are shared with %s', async (_what, first, second) => {
    expect(await twice(first, second)).toBe(1)
  })

  test.each([
    ['pools', { pool: 'a' }, { pool: 'b' }],
    ['addresses', { addresses: ['127.0.0.1', '127.0.0.2'] }, { addresses: ['127.0.0.1'] }],
    ['authorities', {}, { authorities: 'ADD' }],
  ])('are never shared between %s', async (_what, first, second) => {
    const both = 'authorities' in second ? { authorities: `${ours.cert}\n${others.cert}` } : second
    expect(await twice(first, both)).toBe(2)
  })

  test('that wait are few, and end by themselves', async () => {
    await using at = await rawServer(ok)
    const own = nodeWebHost()
    await Promise.all(
      Array.from({ length: 40 }, async (_, index) => {
        const request = webRequest(at.origin, { pool: `pool ${index}` })
        return bodyOf(await own.open(request))
      }),
    )
    expect(at.accepted).toHaveLength(40)
    expect(await at.openSockets(HTTP_IDLE_CONNECTIONS_MAX)).toBe(HTTP_IDLE_CONNECTIONS_MAX)
    await own.close()
    expect(await at.openSockets(0)).toBe(0)
    await expect(own.open(webRequest(at.origin))).rejects.toMatchObject({ code: 'HTTP_CLOSED' })
  })

  test('are so many at once of a pool; who comes later waits, and may give up', async () => {
    const waiting: (() => void)[] = []
    await using at = await rawServer((socket) => waiting.push(() => socket.write(answered('ok'))))
    const own = nodeWebHost()
    const bodies = Array.from({ length: HTTP_POOL_EXCHANGES_MAX + 2 }, async () =>
      bodyOf(await own.open(webRequest(at.origin))),
    )
    while (waiting.length < HTTP_POOL_EXCHANGES_MAX) await new Promise((resolve) => setTimeout(resolve, 5))
    const impatient = AbortSignal.timeout(100)
    await expect(own.open(webRequest(at.origin, { signal: impatient }))).rejects.toMatchObject({
      name: 'TimeoutError',
    })
    expect(at.accepted).toHaveLength(HTTP_POOL_EXCHANGES_MAX)
    const other = own.open(webRequest(at.origin, { pool: 'another' }))
    while (waiting.length <= HTTP_POOL_EXCHANGES_MAX) await new Promise((resolve) => setTimeout(resolve, 5))
    const answering = setInterval(() => waiting.shift()?.(), 1)
    expect(await Promise.all(bodies)).toEqual(bodies.map(() => 'ok'))
    expect(await bodyOf(await other)).toBe('ok')
    clearInterval(answering)
    await own.close()
  })
})

/** What a Node of its own says, under an environment; it prints one line of JSON. */
async function elsewhere(source: string, environment: Readonly<Record<string, string>>): Promise<unknown> {
  const child = spawn(process.execPath, ['--no-warnings', '--input-type=module', '--eval', source], {
    env: { PATH: '/usr/bin:/bin', ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 20_000,
  })
  let text = ''
  for await (const chunk of child.stdout) text += String(chunk)
  return JSON.parse(text)
}

const moduleAt = (path: string): string => new URL(path, import.meta.url).href

describe('the environment', () => {
  const client = (request: object): string => `
    import { nodeWebHost } from '${moduleAt('../../runtime/node-web.ts')}'
    import { bodyOf, webRequest } from '${moduleAt('../support/web.ts')}'
    const host = nodeWebHost()
    const { url, ...changes } = ${JSON.stringify(request)}
    const got = await host.open(webRequest(url, changes)).then(bodyOf, ({ code }) => code)
    console.log(JSON.stringify(got))
    await host.close()`

  test('names no proxy', async () => {
    await using proxy = await rawServer((socket) => socket.write(answered('proxy')))
    await using at = await rawServer(ok, { address: '127.0.0.2' })
    const variables = Object.fromEntries(
      ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY'].flatMap((name) => [
        [name, proxy.origin],
        [name.toLowerCase(), proxy.origin],
      ]),
    )
    const environment = { ...variables, NODE_USE_ENV_PROXY: '1' }
    const url = `http://a.test:${at.port}/`
    expect(await elsewhere(client({ url, addresses: ['127.0.0.2'] }), environment)).toBe('ok')
    expect(proxy.accepted).toEqual([])
    // Control: what is not ours obeys.
    const control = `console.log(JSON.stringify(await (await fetch('${url}')).text()))`
    await elsewhere(control, environment).catch(() => undefined)
    expect(proxy.accepted).toHaveLength(1)
  })

  test('accepts no certificate', async () => {
    await using at = await rawServer(ok, { tls: await selfSigned(['a.test']) })
    const environment = { NODE_TLS_REJECT_UNAUTHORIZED: '0' }
    const url = `https://a.test:${at.port}/`
    expect(await elsewhere(client({ url }), environment)).toBe('DEPTH_ZERO_SELF_SIGNED_CERT')
    const control = `console.log(JSON.stringify(await (await fetch('${at.origin}')).text()))`
    expect(await elsewhere(control, environment)).toBe('ok')
  })
})
