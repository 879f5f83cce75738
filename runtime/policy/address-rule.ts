/**
 * Which addresses are dialled. A name that a rule grants may resolve to anything, so every address that it resolved to
 * is looked at: only the public ones, unless the rule names that very address or the operator's networks hold both.
 */
import ipaddr from 'ipaddr.js'
import type { Network } from './grant.ts'

type Address = ipaddr.IPv4 | ipaddr.IPv6

/** Services of clouds that hand out credentials to whoever reaches them, as far as their range does not say so. */
const METADATA: ReadonlySet<string> = new Set(['100.100.100.200', '168.63.129.16', '192.0.0.192', 'fd00:ec2::254'])

/** Of what a name leads to, the ranges that no network of an operator opens. */
const NEVER: ReadonlySet<string> = new Set(['loopback', 'link-local', 'metadata', 'unspecified', 'multicast'])

/** In the order in which they are tried; NAT64 and 6to4 carry an IPv4 address that is the one reached. */
const CARRIERS: readonly { readonly range: [ipaddr.IPv6, number]; readonly at: number }[] = [
  { range: cidr6('64:ff9b::/96'), at: 12 },
  { range: cidr6('2002::/16'), at: 2 },
  // Deprecated IPv4-compatible addresses (RFC 4291 section 2.5.5.1); `::` and `::1` are among them and no host.
  { range: cidr6('::/96'), at: 12 },
]

/**
 * Why one of the addresses that `host` resolved to is not dialled, in words; undefined where all may be.
 * `host` as in a canonical URL.
 */
export function addressTrouble(
  host: string,
  addresses: readonly string[],
  networks: readonly Network[],
): string | undefined {
  const literal = literalAddress(host)
  // The rule spells the address itself: there is nothing that it could turn into.
  if (literal !== undefined && addresses.every((address) => address === literal)) return undefined
  const own = networks.filter(({ hosts }) => hosts.some((pattern) => hostMatches(pattern, host)))
  for (const text of addresses) {
    const address = ipaddr.isValid(text) ? ipaddr.parse(text) : undefined
    const kind = address === undefined ? 'unreadable' : kindOf(address)
    const isOwn = address !== undefined && own.some((network) => holds(network, address))
    if (own.length > 0 && !isOwn) return `${text}, which lies in none of the networks of ${host}`
    if (kind !== 'public' && (!isOwn || NEVER.has(kind))) return `${text}, which is ${WORDS.get(kind) ?? kind}`
  }
  return undefined
}

const WORDS: ReadonlyMap<string, string> = new Map([
  ['loopback', 'this machine itself'],
  ['link-local', 'a link-local address'],
  ['metadata', 'a metadata service'],
  ['private', 'a private address'],
  ['unreadable', 'no address'],
])

/** The networks of which a host is part. */
export function networkOf(host: string, networks: readonly Network[]): Network | undefined {
  return networks.find(({ hosts }) => hosts.some((pattern) => hostMatches(pattern, host)))
}

/** The address that a host of a URL is, as a resolver writes it; undefined for a name. */
function literalAddress(host: string): string | undefined {
  const text = host.startsWith('[') ? host.slice(1, -1) : host
  return ipaddr.isValid(text) ? text : undefined
}

/** `pattern`: a host, or `*.` and a domain, for one label more. */
export function hostMatches(pattern: string, host: string): boolean {
  if (!pattern.startsWith('*.')) return pattern === host
  const dot = host.indexOf('.')
  return dot > 0 && host.slice(dot + 1) === pattern.slice(2)
}

function holds({ addresses }: Network, address: Address): boolean {
  const plain = unmapped(address)
  return addresses.some((text) => {
    const [range, bits] = ipaddr.parseCIDR(text)
    return range.kind() === plain.kind() && plain.match(range, bits)
  })
}

function kindOf(address: Address): string {
  const plain = unmapped(address)
  if (METADATA.has(plain.toString()) || METADATA.has(plain.toNormalizedString())) return 'metadata'
  if (plain.toString() === '169.254.169.254') return 'metadata'
  if (plain instanceof ipaddr.IPv6) {
    if (plain.range() === 'loopback' || plain.range() === 'unspecified') return plain.range()
    for (const { range, at } of CARRIERS) {
      if (!plain.match(range)) continue
      const inner = ipaddr.fromByteArray(plain.toByteArray().slice(at, at + 4))
      const kind = kindOf(inner)
      return kind === 'public' ? 'a transition address' : kind
    }
    // Global unicast is all of 2000::/3 and nothing else (RFC 4291 section 2.4, IANA registry).
    if (plain.range() === 'linkLocal') return 'link-local'
    if (plain.range() === 'multicast') return 'multicast'
    return plain.range() === 'unicast' && plain.match(GLOBAL_UNICAST) ? 'public' : 'private'
  }
  switch (plain.range()) {
    case 'unicast':
      return 'public'
    case 'linkLocal':
      return 'link-local'
    case 'loopback':
    case 'unspecified':
    case 'multicast':
      return plain.range()
    default:
      return 'private'
  }
}

const GLOBAL_UNICAST = cidr6('2000::/3')

/** An IPv4 address in the form of IPv6 is that address. */
function unmapped(address: Address): Address {
  return address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() ? address.toIPv4Address() : address
}

function cidr6(text: string): [ipaddr.IPv6, number] {
  return ipaddr.IPv6.parseCIDR(text)
}

/** Whether a text is a range of addresses in CIDR notation, with nothing behind its prefix. */
export function isCidr(text: string): boolean {
  if (!ipaddr.isValidCIDR(text)) return false
  const [address, bits] = ipaddr.parseCIDR(text)
  const network =
    address.kind() === 'ipv4' ? ipaddr.IPv4.networkAddressFromCIDR(text) : ipaddr.IPv6.networkAddressFromCIDR(text)
  return `${network.toString()}/${bits}` === `${address.toString()}/${bits}`
}

/** Whether a range, which `isCidr`, begins at an address that no network of an operator opens. */
export function isNeverDialled(range: string): boolean {
  return NEVER.has(kindOf(ipaddr.parseCIDR(range)[0]))
}
