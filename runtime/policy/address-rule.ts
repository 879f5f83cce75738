/**
 * Which addresses are dialled. A name that a rule grants may resolve to anything, so every address that it resolved to
 * is looked at: only the public ones, unless the rule names that very address or the operator's networks hold both.
 *
 * Not seen from here: a translator to IPv4 behind a prefix of a provider's own (RFC 6052 section 2.2), whose addresses
 * look like any other.
 */
import ipaddr from 'ipaddr.js'
import { parsedAddress } from './address.ts'
import type { Address } from './address.ts'
import type { Network } from './grant.ts'

interface Kind {
  readonly words: string
  /** Whether a network of the operator opens it. */
  readonly byNetwork: boolean
}

const PUBLIC: Kind = { words: 'a public address', byNetwork: true }
const PRIVATE: Kind = { words: 'a private address', byNetwork: true }
const SHARED: Kind = { words: 'an address shared behind a provider', byNetwork: true }
const RESERVED: Kind = { words: 'a reserved address', byNetwork: true }
const LOOPBACK: Kind = { words: 'this machine itself', byNetwork: false }
const LINK_LOCAL: Kind = { words: 'a link-local address', byNetwork: false }
const METADATA: Kind = { words: 'a metadata service', byNetwork: false }
const GROUP: Kind = { words: 'an address of no single host', byNetwork: false }
const CARRIER: Kind = { words: 'an address that stands for another one', byNetwork: false }

type Range = readonly [range: readonly [Address, number], kind: Kind]

/**
 * Of IPv4 what is not public; the first range that holds an address says what it is. IANA's registries of special
 * purpose and of multicast addresses; whatever they hold is refused, those of anycast services too: none serves a tool.
 */
const SPECIAL_4: readonly Range[] = ranges([
  // Services of clouds that hand out credentials to whoever reaches them.
  [METADATA, '169.254.169.254/32', '169.254.170.2/32', '169.254.170.23/32', '169.254.42.42/32'],
  [METADATA, '100.100.100.200/32', '168.63.129.16/32', '192.0.0.192/32'],
  // The whole of 0.0.0.0/8 reaches this machine on some systems.
  [LOOPBACK, '0.0.0.0/8', '127.0.0.0/8'],
  [LINK_LOCAL, '169.254.0.0/16'],
  [GROUP, '224.0.0.0/4', '255.255.255.255/32'],
  [PRIVATE, '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'],
  [SHARED, '100.64.0.0/10'],
  // Protocols, documentation, AS112, AMT, benchmarking, and what is reserved for a future that has not come.
  [RESERVED, '192.0.0.0/24', '192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24', '192.31.196.0/24'],
  [RESERVED, '192.52.193.0/24', '192.175.48.0/24', '198.18.0.0/15', '240.0.0.0/4'],
  // 6to4 relays (RFC 7526).
  [CARRIER, '192.88.99.0/24'],
])

/** As above. Nothing outside of 2000::/3 is public (RFC 4291 section 2.4), so most of IPv6 needs no line. */
const SPECIAL_6: readonly Range[] = ranges([
  // AWS, Google, Oracle, Scaleway, Linode, Alibaba.
  [METADATA, 'fd00:ec2::/32', 'fd20:ce::254/128', 'fd00:c1::a9fe:a9fe/128', 'fd00:42::42/128'],
  [METADATA, 'fd00:a9fe:a9fe::1/128', 'fd00:100::100:200/128'],
  [LOOPBACK, '::/128', '::1/128'],
  [LINK_LOCAL, 'fe80::/10'],
  [GROUP, 'ff00::/8'],
  // fec0::/10 were private addresses of old (RFC 3879).
  [PRIVATE, 'fc00::/7', 'fec0::/10'],
  // IPv4-compatible (RFC 4291 2.5.5.1), translated (RFC 2765), NAT64 (RFC 6052, RFC 8215), Teredo, 6to4, AMT, SRv6.
  [CARRIER, '::/96', '::ffff:0:0:0/96', '64:ff9b::/96', '64:ff9b:1::/48', '2001::/32', '2002::/16'],
  [CARRIER, '2001:3::/32', '5f00::/16'],
  // 2001::/23 with all that was taken from it since; documentation (RFC 3849, RFC 9637), AS112.
  [RESERVED, '2001::/23', '2001:db8::/32', '3fff::/20', '2620:4f:8000::/48'],
])

const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3')

/** The one translator that carries public addresses alone (RFC 6052 section 3.1); DNS64 answers with these. */
const NAT64 = ipaddr.IPv6.parseCIDR('64:ff9b::/96')

/**
 * What is wrong with one of the addresses that `host` resolved to, in words; undefined where all may be dialled. The
 * tool hears them, so they do not say the address: how a network is laid out is no business of a tool's.
 * `host` as in a canonical URL. Throws where a network holds what is no CIDR: those are refused when they are read.
 */
export function addressTrouble(
  host: string,
  addresses: readonly string[],
  networks: readonly Network[],
): string | undefined {
  if (addresses.length === 0) return 'no address'
  const literal = parsedAddress(host.startsWith('[') ? host.slice(1, -1) : host)
  const own = networks.filter(({ hosts }) => hosts.some((pattern) => hostMatches(pattern, host)))
  return addresses.map((text) => troubleOf(text, literal, own)).find((trouble) => trouble !== undefined)
}

function troubleOf(text: string, literal: Address | undefined, own: readonly Network[]): string | undefined {
  const address = parsedAddress(text)
  if (address === undefined) return 'what is no address'
  // No wildcard covers a literal, so the rule spells the address itself: there is nothing that it could turn into.
  if (literal !== undefined && address.toString() === literal.toString()) return undefined
  const isOwn = own.some((network) => holds(network, address))
  if (own.length > 0 && !isOwn) return 'an address in none of the networks that hold the host'
  const kind = kindOf(address)
  return kind === PUBLIC || (isOwn && kind.byNetwork) ? undefined : kind.words
}

function kindOf(address: Address): Kind {
  if (address instanceof ipaddr.IPv4) return specialKind(address, SPECIAL_4) ?? PUBLIC
  if (address.match(NAT64)) {
    const kind = kindOf(ipaddr.fromByteArray(address.toByteArray().slice(12)))
    return kind === PUBLIC ? PUBLIC : { ...kind, byNetwork: false }
  }
  if (isIsatap(address)) return CARRIER
  return specialKind(address, SPECIAL_6) ?? (address.match(GLOBAL_UNICAST) ? PUBLIC : RESERVED)
}

function specialKind(address: Address, special: readonly Range[]): Kind | undefined {
  return special.find(([range]) => address.match(range[0], range[1]))?.[1]
}

/** RFC 5214 section 6.1: an IPv4 address behind `0:5efe` or `200:5efe`, below whatever prefix. */
function isIsatap({ parts }: ipaddr.IPv6): boolean {
  return (parts[4] === 0 || parts[4] === 0x200) && parts[5] === 0x5efe
}

/** `pattern`: a host, or `*.` and a domain, for one label more. */
export function hostMatches(pattern: string, host: string): boolean {
  if (!pattern.startsWith('*.')) return pattern === host
  const dot = host.indexOf('.')
  return dot > 0 && host.slice(dot + 1) === pattern.slice(2)
}

/** The operator's network that a host is part of. */
export function networkOf(host: string, networks: readonly Network[]): Network | undefined {
  return networks.find(({ hosts }) => hosts.some((pattern) => hostMatches(pattern, host)))
}

function holds({ addresses }: Network, address: Address): boolean {
  return addresses.some((text) => {
    const [range, bits] = ipaddr.parseCIDR(text)
    return range.kind() === address.kind() && address.match(range, bits)
  })
}

function ranges(rows: readonly (readonly [kind: Kind, ...cidrs: readonly string[]])[]): readonly Range[] {
  return rows.flatMap(([kind, ...cidrs]) => cidrs.map((cidr): Range => [ipaddr.parseCIDR(cidr), kind]))
}

/** Whether a text is a range of addresses in CIDR notation, with nothing behind its prefix. */
export function isCidr(text: string): boolean {
  if (!ipaddr.isValidCIDR(text)) return false
  const [address, bits] = ipaddr.parseCIDR(text)
  // ipaddr.js takes other bases, and keeps an IPv4 address in the form of IPv6, which no address is compared as.
  if (parsedAddress(text.slice(0, text.lastIndexOf('/')))?.kind() !== address.kind()) return false
  const network =
    address.kind() === 'ipv4' ? ipaddr.IPv4.networkAddressFromCIDR(text) : ipaddr.IPv6.networkAddressFromCIDR(text)
  return `${network.toString()}/${bits}` === `${address.toString()}/${bits}`
}

/** Whether a range, which `isCidr`, begins at an address that no network of an operator opens. */
export function isNeverDialled(range: string): boolean {
  return !kindOf(ipaddr.parseCIDR(range)[0]).byNetwork
}
