/** Attacks on URL rules. Each row fools a naive matcher that products have used, and must not fool ours. */
import { describe, expect, test } from 'vitest'
import { decide } from '../../runtime/policy/decide.ts'
import { grantOf } from '../support/grants.ts'

function isPermitted(rule: string, request: string): boolean {
  const [method = '', ...url] = request.split(' ')
  const grant = { ...grantOf({}), http: [{ rule, place: 'probe.yaml:1:1' }] }
  return decide(grant, { op: 'http', method, url: url.join(' ') }, {}).kind === 'permit'
}

/** The URL of the rule as a prefix of the request's. */
function byPrefix(rule: string, request: string): boolean {
  return request.startsWith(rule.replace(/\/\*\*.*$/, ''))
}

/** The host of a parsed URL, by its end. */
function byHostEnd(rule: string, request: string): boolean {
  const domain = new URL(rule.split(' ')[1]!.replace('*.', '')).hostname
  return URL.parse(request.slice(request.indexOf(' ') + 1))?.hostname.endsWith(domain) === true
}

/** An expression made of the rule. */
function byExpression(rule: string, request: string): boolean {
  const source = rule.replaceAll('**', '\u0001').replaceAll('*', '[^/]+').replaceAll('\u0001', '.+')
  return new RegExp(`^${source}`).test(request)
}

/** The text of the path, once everything is decoded. */
function byDecodedPath(rule: string, request: string): boolean {
  const wanted = new URL(rule.split(' ')[1]!.replace('*.', ''))
  const asked = URL.parse(request.slice(request.indexOf(' ') + 1))
  const path = decodeURIComponent(asked?.pathname ?? '')
  return asked?.hostname === wanted.hostname && path.startsWith(wanted.pathname.replace(/\*.*$/, ''))
}

const REPO = 'GET https://api.example/repos/acme/**'
const ITEM = 'GET https://api.example/items/*'
const FIXED = 'GET https://api.example/v1/status'
const SUB = 'GET https://*.api.example/**'

describe('the naive matcher is fooled, and ours is not', () => {
  test.for([
    // Hosts.
    [byHostEnd, FIXED, 'GET https://evil-api.example/v1/status'],
    [byHostEnd, SUB, 'GET https://evilapi.example/a'],
    [byHostEnd, SUB, 'GET https://a.b.api.example/a'],
    [byHostEnd, SUB, 'GET https://api.example/a'],
    [byHostEnd, FIXED, 'GET http://api.example/v1/status'],
    [byHostEnd, FIXED, 'GET https://api.example:8443/v1/status'],
    [byHostEnd, FIXED, 'GET https://user:pw@api.example/v1/status'],
    [byHostEnd, FIXED, 'GET https://API。example/v1/status'],
    [byHostEnd, FIXED, 'GET https://api.ex%61mple/v1/status'],
    [byExpression, FIXED, 'GET https://apixexample/v1/status'],
    [byExpression, 'GET https://*.api.example/a', 'GET https://evil.example#.api.example/a'],
    [byExpression, 'GET https://*.api.example/a', 'GET https://evil.example?.api.example/a'],
    [byExpression, 'GET https://*.api.example/a', 'GET https://evil.example\\.api.example/a'],
    [byExpression, 'GET https://*.api.example/a', 'GET https://user@evil.example:443?.api.example/a'],
    [byPrefix, 'GET https://api.example/**', 'GET https://api.example.evil.example/'],
    [byPrefix, 'GET https://api.example/**', 'GET https://api.example@evil.example/a'],
    [byPrefix, 'GET https://api.example/**', 'GET https://api.example:pw@evil.example/a'],
    // Paths that lead out of what was granted.
    [byPrefix, REPO, 'GET https://api.example/repos/acme-evil/secrets'],
    [byPrefix, REPO, 'GET https://api.example/repos/acme/../victim/secrets'],
    [byPrefix, REPO, 'GET https://api.example/repos/acme/%2e%2e/victim/secrets'],
    [byPrefix, REPO, 'GET https://api.example/repos/acme/.%2E/victim/secrets'],
    [byPrefix, REPO, 'GET https://api.example/repos/acme/..%2fvictim/secrets'],
    [byPrefix, REPO, 'GET https://api.example/repos/acme/..%5cvictim/secrets'],
    [byPrefix, REPO, 'GET https://api.example/repos/acme/..\\victim/secrets'],
    [byPrefix, REPO, 'GET https://api.example/repos/acme/%252e%252e/victim/secrets'],
    [byPrefix, REPO, 'GET https://api.example/repos/acme/..;/victim/secrets'],
    [byPrefix, REPO, 'GET https://api.example/repos/acme/..;a=b/victim/secrets'],
    [byPrefix, REPO, 'GET https://api.example/repos/acme/.\t./victim/secrets'],
    [byPrefix, REPO, 'GET https://api.example/repos/acme/%c0%ae%c0%ae/victim'],
    [byPrefix, REPO, 'GET https://api.example/repos/acme/a%00.html'],
    [byPrefix, REPO, 'GET https://api.example/repos/acme/a%0d%0aHost:%20evil'],
    [byPrefix, REPO, 'GET https://api.example/repos/acme/a?admin=true'],
    [byPrefix, REPO, 'GET https://api.example/repos/acme/a#/admin'],
    // To be read otherwise by what decodes once more, or folds characters.
    [byPrefix, REPO, 'GET https://api.example/repos/acme/%252%65%252%65/secret'],
    [byPrefix, REPO, 'GET https://api.example/repos/acme/%25%32%65%25%32%65/secret'],
    [byPrefix, REPO, 'GET https://api.example/repos/acme/x%25%32fy'],
    [byPrefix, REPO, 'GET https://api.example/repos/acme/x%252%66y'],
    [byPrefix, REPO, 'GET https://api.example/repos/acme/..%253b/x'],
    [byPrefix, REPO, 'GET https://api.example/repos/acme/..%2520/x'],
    [byPrefix, REPO, 'GET https://api.example/repos/acme/..%2500'],
    [byPrefix, REPO, 'GET https://api.example/repos/acme/x%250d%250aHost:y'],
    [byPrefix, REPO, 'GET https://api.example/repos/acme/..%3fx'],
    [byPrefix, REPO, 'GET https://api.example/repos/acme/..%23x'],
    [byPrefix, REPO, 'GET https://api.example/repos/acme/x%3fy'],
    [byPrefix, REPO, 'GET https://api.example/repos/acme/x%23y'],
    [byPrefix, REPO, 'GET https://api.example/repos/acme/x%253fy'],
    [byPrefix, REPO, 'GET https://api.example/repos/acme/%ef%bc%8e%ef%bc%8e/secret'],
    [byPrefix, REPO, 'GET https://api.example/repos/acme/%E2%80%A4%E2%80%A4/secret'],
    [byPrefix, REPO, 'GET https://api.example/repos/acme/x%ef%bc%8fy'],
    [byPrefix, REPO, 'GET https://api.example/repos/acme/x%ef%bc%bcy'],
    [byPrefix, REPO, 'GET https://api.example/repos/acme/.%e2%80%8b./secret'],
    [byPrefix, REPO, 'GET https://api.example/repos/acme/%ef%bc%852e%ef%bc%852e/secret'],
    [byPrefix, REPO, 'GET https://api.example/repos/acme/100%25-%2525%32%65/x'],
    [byDecodedPath, REPO, 'GET https://api.example/repos%2Facme/secrets'],
    [byDecodedPath, REPO, 'GET https://api.example/repos/acme%2Fsecrets'],
    [byDecodedPath, REPO, 'GET https://api.example/repos/acme/a%252Fb'],
    [byDecodedPath, REPO, 'POST https://api.example/repos/acme/a'],
    // One segment is one.
    [byExpression, ITEM, 'GET https://api.example/items/1/delete'],
    [byExpression, ITEM, 'GET https://api.example/items/1%2Fdelete'],
    [byExpression, ITEM, 'GET https://api.example/items/..'],
    [byExpression, ITEM, 'GET https://api.example/items/1?force'],
    [byExpression, ITEM, 'GET https://api.example/items/1;x?force'],
    // What follows the end.
    [byPrefix, FIXED, 'GET https://api.example/v1/status/../../admin'],
    [byPrefix, FIXED, 'GET https://api.example/v1/statuses'],
    [byPrefix, FIXED, 'GET https://api.example/v1/status/'],
    [byPrefix, FIXED, 'GET https://api.example/v1/status?'],
    [byPrefix, FIXED, 'GET https://api.example/v1/status '],
    [byPrefix, FIXED, 'GET https://api.example/v1/status\n'],
  ] as const)('%o: %s against %j', ([naive, rule, request]) => {
    expect(naive(rule, request)).toBe(true)
    expect(isPermitted(rule, request)).toBe(false)
  })

  // The matchers are naive and not broken: what is honest they permit as ours does.
  test.for([
    [byPrefix, REPO, 'GET https://api.example/repos/acme/shop/issues'],
    [byHostEnd, SUB, 'GET https://eu.api.example/a'],
    [byExpression, ITEM, 'GET https://api.example/items/1'],
    [byDecodedPath, REPO, 'GET https://api.example/repos/acme/a%20b'],
    ...['a%20b', '%C3%A4', '100%25', '%25', 'a%2520b', 'a%3Bb', '.well-known', 'v1.2', 'wait%E2%80%A6'].map(
      (name) => [byPrefix, REPO, `GET https://api.example/repos/acme/${name}`] as const,
    ),
    [byPrefix, FIXED, 'GET https://api.example/v1/status'],
  ] as const)('%o: %s permits %j in both', ([naive, rule, request]) => {
    expect(naive(rule, request)).toBe(true)
    expect(isPermitted(rule, request)).toBe(true)
  })

  test('nor do addresses written otherwise reach one that is granted', () => {
    const rule = 'GET http://127.0.0.1:8080/a'
    expect(isPermitted(rule, 'GET http://127.0.0.1:8080/a')).toBe(true)
    for (const host of [
      '127.1',
      '0x7f.1',
      '0177.0.0.1',
      '2130706433',
      '127.0.0.1.',
      '[::ffff:127.0.0.1]',
      '127.0.0.2',
    ]) {
      expect([host, isPermitted(rule, `GET http://${host}:8080/a`)]).toEqual([host, false])
    }
  })
})
