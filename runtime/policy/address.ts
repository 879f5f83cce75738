/** Addresses as resolvers, sockets and canonical URLs write them. */
import ipaddr from 'ipaddr.js'

export type Address = ipaddr.IPv4 | ipaddr.IPv6

/** As inet_ntop writes the longest one. */
const ADDRESS_LENGTH_MAX = 45

/**
 * Undefined where it is none: no other bases, no zone, no name. An IPv4 address in the form of IPv6 (`::ffff:…`) is that
 * address, and nothing else is.
 */
export function parsedAddress(text: string): Address | undefined {
  if (text.length > ADDRESS_LENGTH_MAX || text.includes('%')) return undefined
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text)
  const inHexadecimal = withoutDots(text)
  if (inHexadecimal === undefined || !ipaddr.IPv6.isValid(inHexadecimal)) return undefined
  const address = ipaddr.IPv6.parse(inHexadecimal)
  return address.isIPv4MappedAddress() ? address.toIPv4Address() : address
}

/** Dots at the end are read here: ipaddr.js takes `::1.2.3.4` for `::ffff:1.2.3.4`, and other bases for decimals. */
function withoutDots(text: string): string | undefined {
  const end = text.lastIndexOf(':') + 1
  const tail = text.slice(end)
  if (end === 0) return undefined
  if (!tail.includes('.')) return text
  if (!ipaddr.IPv4.isValidFourPartDecimal(tail)) return undefined
  const [a, b, c, d] = ipaddr.IPv4.parse(tail).octets as [number, number, number, number]
  return `${text.slice(0, end)}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
}
