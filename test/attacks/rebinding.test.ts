/**
 * Names that lead elsewhere. resolve → addressTrouble → open must reach what was granted and nothing else, whatever a
 * DNS server says and when it says it.
 */
import { networkInterfaces } from 'node:os'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Agent, fetch } from 'undici'
import { nodeWebHost } from '../../runtime/node-web.ts'
import type { Network } from '../../runtime/policy/grant.ts'
import { addressTrouble } from '../../runtime/policy/address-rule.ts'
import type { HttpOpenRequest } from '../../runtime/ports.ts'
import { dnsServer } from '../support/dns-server.ts'
import type { DnsServer, Zone } from '../support/dns-server.ts'
import { answered, rawServer } from '../support/raw-server.ts'
import type { RawServer } from '../support/raw-server.ts'
import { bodyOf, webRequest } from '../support/web.ts'

/** Public by the rule, and given to nobody by IANA: no packet finds a way there. */
const NOWHERE = '3000::1'
const FORBIDDEN = '127.0.0.1'

/** An address of this machine that a network of the operator may open. */
const OWN = Object.values(networkInterfaces())
  .flatMap((each) => each ?? [])
  .find(({ internal, family }) => !internal && family === 'IPv4')?.address

const networks: readonly Network[] =
  OWN === undefined ? [] : [{ hosts: ['own.test', '*.own.test'], addresses: [`${OWN}/32`], http: true }]

let forbidden: RawServer
let own: RawServer | undefined

beforeAll(async () => {
  forbidden = await rawServer((socket) => socket.write(answered('forbidden')), { address: FORBIDDEN })
  if (OWN === undefined) return
  own = await rawServer((socket) => socket.write(answered('granted')), { address: OWN, port: forbidden.port })
})

afterAll(async () => {
  await forbidden[Symbol.asyncDispose]()
  await own?.[Symbol.asyncDispose]()
})

/** What a tool gets that asks for the name `times` times, as the broker composes the steps. */
async function attempts(dns: DnsServer, name: string, times: number, pool = name): Promise<readonly string[]> {
  const host = nodeWebHost({ lookup: dns.lookup })
  try {
    const signal = AbortSignal.timeout(10_000)
    const got: string[] = []
    for (let count = 0; count < times; count++) {
      const addresses = await host.resolve(name, signal)
      const trouble = addressTrouble(name, addresses, networks)
      const request = webRequest(`http://${name}:${forbidden.port}/`, {
        addresses,
        pool,
        signal,
        connectTimeoutMs: 300,
      })
      got.push(trouble ?? (await outcome(host.open, request)))
    }
    return got
  } finally {
    await host.close()
  }
}

async function outcome(
  open: (request: HttpOpenRequest) => ReturnType<ReturnType<typeof nodeWebHost>['open']>,
  request: HttpOpenRequest,
): Promise<string> {
  try {
    return await bodyOf(await open(request))
  } catch (thrown) {
    return (thrown as { code: string }).code
  }
}

/** A client that dials by name, and asks the same server for it. */
async function dialledByName(dns: DnsServer, name: string): Promise<string> {
  const agent = new Agent({
    connect: {
      timeout: 1000,
      lookup: (host, _options, callback) => {
        dns.lookup(host).then(
          (found) =>
            callback(
              null,
              found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
            ),
          (cause: Error) => callback(cause, []),
        )
      },
    },
  })
  try {
    return await (await fetch(`http://${name}:${forbidden.port}/`, { dispatcher: agent })).text()
  } finally {
    await agent.destroy()
  }
}

const zone: Zone = {
  'loopback.test': () => [FORBIDDEN],
  'mapped.test': () => ['::ffff:7f00:1'],
  'both.test': () => [NOWHERE, FORBIDDEN],
  'many.test': () => [...Array.from({ length: 10 }, (_, index) => `3000::${index + 1}`), FORBIDDEN],
  'flip.test': (lookup) => [lookup === 1 ? NOWHERE : FORBIDDEN],
  'cname.test': () => ['middle.test'],
  'middle.test': () => ['loopback.test'],
  'late.test': (lookup) => (lookup === 1 ? [NOWHERE] : ['loopback.test']),
  'own.test': () => (OWN === undefined ? [] : [OWN]),
  'both.own.test': () => (OWN === undefined ? [FORBIDDEN] : [OWN, FORBIDDEN]),
  'flip.own.test': (lookup) => [lookup === 1 && OWN !== undefined ? OWN : FORBIDDEN],
  'mixed.own.test': () => (OWN === undefined ? [FORBIDDEN] : [OWN, '::1']),
  'cname.own.test': () => ['loopback.test'],
}

const LOOPBACK = 'this machine itself'
const OUTSIDE = 'an address in none of the networks that hold the host'

describe('a name that leads elsewhere', () => {
  test.each([
    ['loopback.test', 1, [LOOPBACK]],
    ['mapped.test', 1, [LOOPBACK]],
    ['both.test', 1, [LOOPBACK]],
    ['many.test', 1, [LOOPBACK]],
    [
      'flip.test',
      3,
      [expect.stringMatching(/^(E[A-Z]+UNREACH|EADDRNOTAVAIL|HTTP_CONNECT_TIMEOUT)$/), LOOPBACK, LOOPBACK],
    ],
    ['cname.test', 1, [LOOPBACK]],
    ['late.test', 2, [expect.stringMatching(/^(E[A-Z]+UNREACH|EADDRNOTAVAIL|HTTP_CONNECT_TIMEOUT)$/), LOOPBACK]],
    ['cname.own.test', 1, [OWN === undefined ? LOOPBACK : OUTSIDE]],
    ['none.test', 1, ['no address']],
  ])('%s reaches no server, asked %i times', async (name, times, expected) => {
    await using dns = await dnsServer(zone)
    const before = forbidden.accepted.length
    expect(await attempts(dns, name, times)).toEqual(expected)
    expect(forbidden.accepted.length).toBe(before)
  })

  // Needs an address of this machine other than loopback, which no network opens.
  test.skipIf(OWN === undefined).each([
    ['own.test', 2, ['granted', 'granted']],
    ['both.own.test', 1, [OUTSIDE]],
    ['flip.own.test', 2, ['granted', OUTSIDE]],
    ['mixed.own.test', 1, [OUTSIDE]],
  ])('%s reaches what was granted and nothing else', async (name, times, expected) => {
    await using dns = await dnsServer(zone)
    const before = forbidden.accepted.length
    expect(await attempts(dns, name, times)).toEqual(expected)
    expect(forbidden.accepted.length).toBe(before)
  })

  test.each(['loopback.test', 'both.test', 'flip.test', 'cname.test', 'mapped.test'])(
    'control: dialled by name, %s reaches the server',
    async (name) => {
      await using dns = await dnsServer(zone)
      if (name === 'flip.test') await dns.lookup(name)
      expect(await dialledByName(dns, name)).toBe('forbidden')
    },
  )
})

describe('between the answer and the dial', () => {
  test('open() asks nobody: what was admitted is dialled, whatever the name leads to by then', async () => {
    await using dns = await dnsServer({ 'flip.test': (lookup) => [lookup === 1 ? '127.0.0.2' : FORBIDDEN] })
    await using granted = await rawServer((socket) => socket.write(answered('granted')), {
      address: '127.0.0.2',
      port: forbidden.port,
    })
    const before = forbidden.accepted.length
    const host = nodeWebHost({ lookup: dns.lookup })
    const signal = AbortSignal.timeout(10_000)
    const addresses = await host.resolve('flip.test', signal)
    expect(addresses).toEqual(['127.0.0.2'])
    expect(await dns.lookup('flip.test')).toEqual([FORBIDDEN])
    for (let count = 0; count < 3; count++) {
      const exchange = await host.open(webRequest(`http://flip.test:${forbidden.port}/`, { addresses, signal }))
      expect(exchange.address).toBe('127.0.0.2')
      expect(await bodyOf(exchange)).toBe('granted')
    }
    await host.close()
    expect(dns.asked.get('flip.test')).toBe(4)
    expect(granted.requests).toHaveLength(3)
    expect(forbidden.accepted.length).toBe(before)
    expect(await dialledByName(dns, 'flip.test')).toBe('forbidden')
  })

  test('a connection to what was admitted once does not serve where it is admitted no more', async () => {
    await using granted = await rawServer((socket) => socket.write(answered('granted')), {
      address: '127.0.0.2',
      port: forbidden.port,
    })
    const host = nodeWebHost()
    const url = `http://flip.test:${forbidden.port}/`
    expect(await bodyOf(await host.open(webRequest(url, { addresses: ['127.0.0.2'] })))).toBe('granted')
    await expect(host.open(webRequest(url, { addresses: ['127.0.0.3'] }))).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    })
    await expect(host.open(webRequest(url, { addresses: [] }))).rejects.toMatchObject({ code: 'HTTP_ADDRESS' })
    expect(granted.accepted).toHaveLength(1)
    await host.close()
  })
})
