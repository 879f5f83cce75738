import { isIP, isIPv4 } from 'node:net'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { networkOf, addressTrouble, isCidr } from '../../runtime/policy/address-rule.ts'
import type { Network } from '../../runtime/policy/grant.ts'

const trouble = (address: string, networks: readonly Network[] = []): string | undefined =>
  addressTrouble('a.test', [address], networks)

const everything: Network = { hosts: ['a.test'], addresses: ['0.0.0.0/0', '::/0'], http: false }

/** Words, and whether a network of the operator opens it. */
const SELF = ['this machine itself', false] as const
const LINK = ['a link-local address', false] as const
const METADATA = ['a metadata service', false] as const
const GROUP = ['an address of no single host', false] as const
const CARRIER = ['an address that stands for another one', false] as const
const PRIVATE = ['a private address', true] as const
const SHARED = ['an address shared behind a provider', true] as const
const RESERVED = ['a reserved address', true] as const

/** First and last addresses of each range, as a resolver returns them. */
const refused: readonly (readonly [string, readonly [words: string, byNetwork: boolean]])[] = [
  ...['127.0.0.1', '127.255.255.255', '127.0.0.53', '0.0.0.0', '0.255.255.255', '::', '::1'].map(
    (a) => [a, SELF] as const,
  ),
  ...['169.254.0.0', '169.254.255.255', 'fe80::', 'fe80::1', 'fe90::1', 'febf:ffff::1'].map((a) => [a, LINK] as const),
  ...['169.254.169.254', '169.254.170.2', '169.254.170.23', '169.254.42.42', '100.100.100.200', '168.63.129.16'].map(
    (a) => [a, METADATA] as const,
  ),
  ...['192.0.0.192', 'fd00:ec2::254', 'fd00:ec2::23', 'fd00:ec2::253', 'fd20:ce::254', 'fd00:c1::a9fe:a9fe'].map(
    (a) => [a, METADATA] as const,
  ),
  ...['fd00:42::42', 'fd00:a9fe:a9fe::1', 'fd00:100::100:200'].map((a) => [a, METADATA] as const),
  ...['224.0.0.0', '239.255.255.255', '255.255.255.255', 'ff00::', 'ff02::1', 'ff0e::1'].map(
    (a) => [a, GROUP] as const,
  ),
  ...['10.0.0.0', '10.255.255.255', '172.16.0.0', '172.31.255.255', '192.168.0.0', '192.168.255.255'].map(
    (a) => [a, PRIVATE] as const,
  ),
  ...['fc00::', 'fdff:ffff::', 'fd00:ec3::254', 'fec0::', 'feff:ffff::1'].map((a) => [a, PRIVATE] as const),
  ...['100.64.0.0', '100.127.255.255', '100.100.100.201'].map((a) => [a, SHARED] as const),
  ...['192.0.0.0', '192.0.0.255', '192.0.0.9', '192.0.0.170', '192.0.2.0', '192.0.2.255', '198.51.100.1'].map(
    (a) => [a, RESERVED] as const,
  ),
  ...['203.0.113.255', '198.18.0.0', '198.19.255.255', '240.0.0.0', '255.255.255.254', '192.31.196.1'].map(
    (a) => [a, RESERVED] as const,
  ),
  ...['192.52.193.1', '192.175.48.1', '100::1', '100:0:0:1::1', '2001:2::1', '2001:4:112::1', '2001:10::1'].map(
    (a) => [a, RESERVED] as const,
  ),
  ...['2001:20::1', '2001:30::1', '2001:1::1', '2001:1ff:ffff::', '2001:db8::', '2001:db8:ffff::1', '3fff::1'].map(
    (a) => [a, RESERVED] as const,
  ),
  ...['3fff:fff:ffff::1', '2620:4f:8000::1', '4000::1', '1fff::1', '1::1', 'e000::1', 'fe00::1'].map(
    (a) => [a, RESERVED] as const,
  ),
  ...['192.88.99.1', '::8.8.8.8', '::127.0.0.1', '::7f00:1', '::ffff:0:8.8.8.8', '64:ff9b:1::8.8.8.8'].map(
    (a) => [a, CARRIER] as const,
  ),
  ...['64:ff9b:1:a00:0:100::', '2001::1', '2001:0:4136:e378:8000:63bf:3fff:fdd2', '2002:7f00:1::', '2002::'].map(
    (a) => [a, CARRIER] as const,
  ),
  ...['2001:3::1', '5f00::1', '2606:4700::5efe:10.0.0.1', '2606:4700::200:5efe:8.8.8.8'].map(
    (a) => [a, CARRIER] as const,
  ),
  // Through the one translator that carries public addresses: what it leads to, and no network opens that.
  ['64:ff9b::127.0.0.1', SELF],
  ['64:ff9b::a9fe:a9fe', METADATA],
  ['64:ff9b::10.0.0.1', ['a private address', false]],
  ['64:ff9b::c612:1', ['a reserved address', false]],
]

const permitted = [
  '1.1.1.1',
  '8.8.8.8',
  '9.255.255.255',
  '11.0.0.0',
  '100.63.255.255',
  '100.128.0.0',
  '126.255.255.255',
  '128.0.0.0',
  '168.63.129.15',
  '169.253.255.255',
  '169.255.0.0',
  '172.15.255.255',
  '172.32.0.0',
  '192.0.1.0',
  '192.0.3.0',
  '192.167.255.255',
  '192.169.0.0',
  '198.17.255.255',
  '198.20.0.0',
  '223.255.255.255',
  '2001:200::1',
  '2001:db7::1',
  '2001:db9::1',
  '2001:4860:4860::8888',
  '2003::1',
  '2606:4700:4700::1111',
  '2606:4700::1:5efe:a00:1',
  '3ffe::1',
  '3fff:1000::1',
  '64:ff9b::8.8.8.8',
]

/** Spellings of one address that a resolver returns, or that `new URL` makes of a literal. */
function spellings(address: string): readonly string[] {
  const inUrl = new URL(`http://${isIPv4(address) ? address : `[${address}]`}/`).hostname.replace(/^\[(.*)\]$/, '$1')
  if (!isIPv4(address)) return [address, inUrl, address.toUpperCase()]
  const bytes = address.split('.').map(Number)
  const mapped = new URL(`http://[::ffff:${address}]/`).hostname.slice(1, -1)
  const long = `0:0:0:0:0:ffff:${bytes
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('')
    .replace(/(.{4})/, '$1:')}`
  return [address, inUrl, `::ffff:${address}`, `::FFFF:${address}`, mapped, long]
}

describe('an address of no public host is refused', () => {
  test.each(refused)('%s', (address, [words, byNetwork]) => {
    for (const spelling of spellings(address)) {
      expect(trouble(spelling)).toBe(words)
      expect(trouble(spelling, [everything])).toBe(byNetwork ? undefined : words)
    }
  })

  test.each([
    ['2130706433'],
    ['0x7f000001'],
    ['0177.0.0.1'],
    ['127.1'],
    ['0x7f.1'],
    ['01.1.1.1'],
    ['1.1.1.1.'],
    [' 1.1.1.1'],
    ['1.1.1.256'],
    ['::ffff:0x7f.0.0.1'],
    ['::ffff:01.1.1.1'],
    ['::ffff:1.1.1'],
    ['fe80::1%eth0'],
    ['2606:4700::1%1'],
    ['[2606:4700::1]'],
    ['2606:4700:::1'],
    ['2606:4700'],
    ['1:2:3:4:5:6:7:8:9'],
    [':'],
    [''],
    ['a.test'],
    ['1'.repeat(100_000)],
    ['1:'.repeat(50_000)],
  ])('%j, which no resolver writes', (address) => {
    const before = performance.now()
    expect(trouble(address)).toBe('what is no address')
    expect(trouble(address, [everything])).toBe('what is no address')
    expect(performance.now() - before).toBeLessThan(100)
  })
})

test.each(permitted)('the public address %s is permitted', (address) => {
  for (const spelling of spellings(address)) expect(trouble(spelling)).toBeUndefined()
})

test('every address counts, and no address is none', () => {
  expect(addressTrouble('a.test', ['1.1.1.1', '8.8.8.8'], [])).toBeUndefined()
  expect(addressTrouble('a.test', ['1.1.1.1', '10.0.0.1', '8.8.8.8'], [])).toBe('a private address')
  expect(addressTrouble('a.test', [], [])).toBe('no address')
  expect(addressTrouble('127.0.0.1', [], [])).toBe('no address')
  expect(addressTrouble('a.test', [], [everything])).toBe('no address')
})

describe('a literal that the rule spells', () => {
  test.each([
    ['127.0.0.1', '127.0.0.1'],
    ['10.1.2.3', '10.1.2.3'],
    ['169.254.169.254', '169.254.169.254'],
    ['[::1]', '::1'],
    ['[fd00::1]', 'fd00::1'],
    ['[::ffff:7f00:1]', '::ffff:7f00:1'],
    ['[fe80::1]', 'fe80:0::1'],
  ])('%s is permitted, and nothing else with it', (host, address) => {
    expect(addressTrouble(host, [address], [])).toBeUndefined()
    expect(addressTrouble(host, [address, '127.0.0.2'], [])).toBe('this machine itself')
    expect(addressTrouble(host, ['10.0.0.9'], [])).toBe('a private address')
  })

  test('no name is one', () => {
    for (const name of ['localhost', '127.0.0.1.test', 'metadata.google.internal', '[::1', '::1]']) {
      expect(addressTrouble(name, ['127.0.0.1'], [])).toBe('this machine itself')
    }
  })
})

describe('a network', () => {
  const corp: Network = {
    hosts: ['wiki.corp.test', '*.git.corp.test'],
    addresses: ['10.1.0.0/16', 'fd12::/16'],
    http: true,
  }

  test.each([
    ['wiki.corp.test', ['10.1.0.1']],
    ['wiki.corp.test', ['10.1.255.255', 'fd12::1', '::ffff:10.1.0.1']],
    ['a.git.corp.test', ['10.1.0.1']],
  ])('opens %s at %j', (host, addresses) => {
    expect(addressTrouble(host, addresses, [corp])).toBeUndefined()
  })

  test.each([
    ['an address beside it', 'wiki.corp.test', ['10.2.0.1']],
    ['one address of two beside it', 'wiki.corp.test', ['10.1.0.1', '10.2.0.1']],
    ['a public address, too', 'wiki.corp.test', ['8.8.8.8']],
    ['this machine', 'wiki.corp.test', ['127.0.0.1']],
  ])('does not open %s', (_what, host, addresses) => {
    const outside = 'an address in none of the networks that hold the host'
    expect(addressTrouble(host, addresses, [corp])).toBe(outside)
  })

  test.each([
    'a.corp.test',
    'git.corp.test',
    'a.b.git.corp.test',
    'wiki.corp.test.evil.test',
    'xgit.corp.test',
    '.git.corp.test',
  ])('does not hold %s', (host) => {
    expect(addressTrouble(host, ['10.1.0.1'], [corp])).toBe('a private address')
  })

  test('of several that hold a host, any may hold the address', () => {
    const second: Network = { hosts: ['wiki.corp.test'], addresses: ['192.168.0.0/24'], http: false }
    expect(addressTrouble('wiki.corp.test', ['10.1.0.1', '192.168.0.1'], [corp, second])).toBeUndefined()
    expect(addressTrouble('wiki.corp.test', ['10.1.0.1', '192.168.1.1'], [corp, second])).toContain(
      'none of the networks',
    )
  })

  test('with no address opens nothing, and one that is malformed is a mistake', () => {
    const none: Network = { hosts: ['a.test'], addresses: [], http: false }
    expect(trouble('10.0.0.1', [none])).toContain('none of the networks')
    expect(() => trouble('10.0.0.1', [{ ...none, addresses: ['10.0.0.1'] }])).toThrow()
  })
})

/** The registries once more, as arithmetic over whole numbers, written without a look at the rule. */
const V4 = [
  '0/8 10/8 100.64/10 127/8 169.254/16 172.16/12 192.0.0/24 192.0.2/24 192.31.196/24 192.52.193/24 192.88.99/24',
  '192.168/16 192.175.48/24 198.18/15 198.51.100/24 203.0.113/24 224/4 240/4 168.63.129.16/32',
]
  .join(' ')
  .split(' ')
  .map((text) => {
    const [start = '', bits = ''] = text.split('/')
    const bytes = [...start.split('.'), '0', '0', '0'].slice(0, 4).map(Number)
    return { start: bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n), shift: 32n - BigInt(bits) }
  })

const isPublic4 = (value: bigint): boolean => V4.every(({ start, shift }) => value >> shift !== start >> shift)

const SPECIAL_6 = [
  [0x2001n, 0n, 23n],
  [0x2001n, 0xdb8n, 32n],
  [0x2002n, 0n, 16n],
  [0x3fffn, 0n, 20n],
  [0x2620n, 0x4fn, 48n],
] as const

function isPublic6(value: bigint): boolean {
  if (value >> 32n === 0xffffn) return isPublic4(value & 0xffff_ffffn)
  if (value >> 32n === 0x0064_ff9bn << 64n) return isPublic4(value & 0xffff_ffffn)
  if (value >> 125n !== 1n) return false
  const low = (value >> 32n) & 0xffff_ffffn
  if (low === 0x5efen || low === 0x0200_5efen) return false
  return SPECIAL_6.every(([first, second, bits]) => {
    const start = (first << 112n) | (second << 96n) | (first === 0x2620n ? 0x8000n << 80n : 0n)
    return value >> (128n - bits) !== start >> (128n - bits)
  })
}

const text4 = (value: bigint): string => [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.')
const text6 = (value: bigint): string =>
  Array.from({ length: 8 }, (_, index) => ((value >> BigInt(112 - 16 * index)) & 0xffffn).toString(16)).join(':')

/** Around the edges of every range, and anywhere. */
const value4 = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }),
  fc
    .tuple(fc.constantFrom(...V4), fc.bigInt({ min: -2n, max: 2n }), fc.boolean())
    .map(([{ start, shift }, by, isEnd]) => BigInt.asUintN(32, start + (isEnd ? 1n << shift : 0n) + by)),
)

const value6 = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }),
  fc.bigInt({ min: 0n, max: 2n ** 125n - 1n }).map((low) => (1n << 125n) | low),
  fc
    .tuple(fc.constantFrom(...SPECIAL_6), fc.bigInt({ min: -2n, max: 2n }), fc.boolean())
    .map(([[first, second, bits], by, isEnd]) => {
      const start = (first << 112n) | (second << 96n) | (first === 0x2620n ? 0x8000n << 80n : 0n)
      return BigInt.asUintN(128, start + (isEnd ? 1n << (128n - bits) : 0n) + by)
    }),
  // What carries an address of IPv4.
  fc
    .tuple(
      fc.constantFrom(0n, 0xffffn << 32n, 0xffff_0000n << 32n, 0x0064_ff9bn << 96n, 0x0064_ff9b_0001n << 80n),
      value4,
    )
    .map(([prefix, value]) => prefix | value),
  fc
    .tuple(fc.bigInt({ min: 0n, max: 2n ** 61n - 1n }), fc.constantFrom(0x5efen, 0x0200_5efen, 0x0100_5efen), value4)
    .map(([prefix, mark, value]) => (1n << 125n) | (prefix << 64n) | (mark << 32n) | value),
)

test('agrees with the registries on every address', () => {
  fc.assert(
    fc.property(value4, (value) => {
      for (const text of spellings(text4(value))) expect(trouble(text) === undefined).toBe(isPublic4(value))
    }),
    { numRuns: 1000 },
  )
  fc.assert(
    fc.property(value6, (value) => {
      for (const text of spellings(text6(value))) expect(trouble(text) === undefined).toBe(isPublic6(value))
    }),
    { numRuns: 2000 },
  )
})

test('reads as an address what Node does, and nothing else', () => {
  const piece = fc.constantFrom(
    ':',
    '::',
    '.',
    '0',
    '1',
    '255',
    '256',
    'ffff',
    'FFFF',
    '10000',
    '%',
    'x',
    '[',
    ' ',
    '-',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 16 }), (pieces) => {
      const text = pieces.join('')
      expect(trouble(text) === 'what is no address').toBe(isIP(text) === 0 || text.includes('%'))
    }),
    { numRuns: 3000 },
  )
})

test.each(['010.20.0.0/16', '0x0a.20.0.0/16', '::ffff:10.20.0.0/112', '::ffff:a14:0/112'])(
  '%s is no range: it would hold other addresses than it seems to, or none',
  (range) => {
    expect(isCidr(range)).toBe(false)
  },
)

test('a host belongs to the network that names it', () => {
  const one = { hosts: ['a.example', '*.svc.example'], addresses: ['10.0.0.0/8'], http: false }
  const other = { hosts: ['b.example'], addresses: ['10.0.0.0/8'], http: true }
  expect(networkOf('a.example', [one, other])).toBe(one)
  expect(networkOf('x.svc.example', [other, one])).toBe(one)
  expect(networkOf('b.example', [one, other])).toBe(other)
  for (const host of ['svc.example', 'x.y.svc.example', 'c.example', 'aa.example']) {
    expect(networkOf(host, [one, other]), host).toBeUndefined()
  }
})
