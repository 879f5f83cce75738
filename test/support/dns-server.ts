/** A DNS server on loopback (UDP) whose names lead wherever a test says, and a lookup that asks it. */

import { Resolver } from 'node:dns/promises'
import type { AddressInfo } from 'node:net'
import { isIPv6 } from 'node:net'
import dns2 from 'dns2'

export interface DnsServer extends AsyncDisposable {
  /** As a web host asks for the addresses of a name. */
  readonly lookup: (host: string) => Promise<readonly string[]>
  /** How often a name was asked for, of either kind. */
  readonly asked: Map<string, number>
}

/**
 * What the nth lookup of a name finds: addresses, or `name` for another name of the same zone. A lookup asks twice,
 * once for either kind of address, and both are one lookup. Undefined: there is no such name.
 */
export type Zone = Readonly<Record<string, (lookup: number) => readonly string[]>>

export async function dnsServer(zone: Zone): Promise<DnsServer> {
  const { Packet } = dns2
  const asked = new Map<string, number>()
  const server = dns2.createServer({
    udp: true,
    handle: (request, send) => {
      const response = Packet.createResponseFromRequest(request)
      const [question] = request.questions
      const name = question?.name.toLowerCase() ?? ''
      const count = (asked.get(name) ?? 0) + 1
      asked.set(name, count)
      const pending = [name]
      for (let at = pending.shift(); at !== undefined; at = pending.shift()) {
        for (const found of zone[at]?.(Math.ceil(count / 2)) ?? []) {
          const alias = zone[found] !== undefined
          const type = alias ? Packet.TYPE.CNAME : isIPv6(found) ? Packet.TYPE.AAAA : Packet.TYPE.A
          if (alias) pending.push(found)
          else if (type !== question?.type) continue
          const to = alias ? { domain: found } : { address: found }
          response.answers.push(
            Object.assign(new Packet.Resource(), { name: at, type, class: Packet.CLASS.IN, ttl: 0, ...to }),
          )
        }
      }
      if (zone[name] === undefined) response.header.rcode = 3
      void send(response)
    },
  })
  const { udp } = await server.listen({ udp: { port: 0, address: '127.0.0.1' } })
  const resolver = new Resolver({ timeout: 1000, tries: 1 })
  resolver.setServers([`127.0.0.1:${(udp as AddressInfo).port}`])
  return {
    asked,
    async lookup(host) {
      const found = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)])
      const addresses = found.flatMap((one) => (one.status === 'fulfilled' ? one.value : []))
      const failed = found.find((one) => one.status === 'rejected')
      if (addresses.length === 0 && failed !== undefined) throw failed.reason
      return addresses
    },
    async [Symbol.asyncDispose]() {
      resolver.cancel()
      await server.close()
    },
  }
}
