import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decide } from '../../runtime/policy/decide.ts'
import type { Decision, Facts, Grant, HttpRequest } from '../../runtime/policy/grant.ts'
import { grantOf } from '../support/grants.ts'

function httpGrant(http: readonly string[], redirects: readonly string[] = []): Grant {
  const rules = (texts: readonly string[], line: number) =>
    texts.map((rule, index) => ({ rule, place: `probe.yaml:${line + index}:1` }))
  return { ...grantOf({ read: ['**'] }), http: rules(http, 20), redirects: rules(redirects, 40) }
}

function ask(grant: Grant, request: string, more: Partial<HttpRequest> = {}): Decision {
  const [method = '', url = ''] = request.split(' ')
  return decide(grant, { op: 'http', method, url, ...more }, {})
}

const ISSUES = 'GET https://api.example/repos/acme/shop/issues?page&state=open|closed'
const COMMENT = 'POST https://api.example/repos/acme/shop/issues/*/comments'
const GRAPHQL = 'POST https://api.example/graphql {query: issues|project}'
const BLOBS = 'GET https://*.blob.example/**?*'
const grant = httpGrant([ISSUES, COMMENT, GRAPHQL], [BLOBS])
const may = `probe may request ${ISSUES}; ${COMMENT}; ${GRAPHQL}`

describe('decideHttp', () => {
  test('permits by the rule, at its place', () => {
    expect(ask(grant, 'POST https://api.example/repos/acme/shop/issues/7/comments')).toEqual({
      kind: 'permit',
      rule: COMMENT,
      place: 'probe.yaml:21:1',
    })
  })

  test('denies what no rule permits, and everything without a rule', () => {
    const denial = { kind: 'deny', reason: 'default-deny', rule: 'no rule permits it' }
    expect(ask(grant, 'GET https://evil.example/?a=1&b')).toEqual({
      ...denial,
      allowed: `${may}; it would need GET https://evil.example/?a&b`,
    })
    expect(ask(httpGrant([]), 'GET https://api.example/')).toEqual({
      ...denial,
      allowed: 'probe has no right to any URL; it would need GET https://api.example/',
    })
    // Without a rule of its own, a rule for redirects permits nothing.
    expect(ask(httpGrant([], [BLOBS]), 'GET https://a.blob.example/b')).toMatchObject(denial)
  })

  test('names a URL that is none', () => {
    expect(ask(grant, 'GET https://api.example/a/../b')).toEqual({
      kind: 'deny',
      reason: 'bad-url',
      rule: 'no such URL: its path holds a segment that a server may take for `.` or `..`',
      allowed: may,
    })
  })

  const shop = 'https://api.example/repos/acme/shop'
  test.for([
    [`DELETE ${shop}/issues`, 'GET is granted there, DELETE is not'],
    [`GET ${shop}/issues/7/comments`, 'POST is granted there, GET is not'],
    [`GET ${shop}/issues?per_page=100`, 'the query key `per_page` is not granted there'],
    [`GET ${shop}/issues?state=all`, 'the query key `state` is not granted that value'],
    [`GET ${shop}/issues?page=1&page=2`, 'the query key `page` is there twice'],
    [`POST ${shop}/issues/7/comments?a`, 'no query is granted there'],
    [`POST ${shop}/issues/7%2F8/comments`, '`%2F` is granted only where a rule spells it'],
    ['POST https://api.example/graphql', 'the body must be application/json'],
    ['GET https://a.blob.example/b', 'that URL is reached by a redirect alone'],
  ] as const)('%s: %s', ([request, why]) => {
    const allowed = expect.stringMatching(new RegExp(`^${RegExp.escape(`${may}; ${why}`)}(?:; it would need .*)?$`))
    expect(ask(grant, request)).toMatchObject({ kind: 'deny', reason: 'default-deny', allowed })
  })

  test('a redirect reaches what a rule grants, and by GET what a rule for redirects does', () => {
    const redirected = { redirectOf: 0 } as const
    expect(ask(grant, 'GET https://a.blob.example/b/c?sig=x', redirected)).toEqual({
      kind: 'permit',
      rule: `redirect ${BLOBS}`,
      place: 'probe.yaml:40:1',
      byRedirect: true,
    })
    expect(ask(grant, `GET ${shop}/issues`, redirected)).toMatchObject({ kind: 'permit', rule: ISSUES })
    for (const request of [
      'POST https://a.blob.example/b',
      'GET https://blob.example/b',
      'GET https://evil.example/',
    ]) {
      expect(ask(grant, request, redirected).kind).toBe('deny')
    }
    // Even where a grant says otherwise, which no definition does.
    const posts = httpGrant([ISSUES], ['GET,POST https://a.example/b'])
    expect(ask(posts, 'GET https://a.example/b', redirected).kind).toBe('permit')
    expect(ask(posts, 'POST https://a.example/b', redirected).kind).toBe('deny')
  })

  test('what a redirect rule permits must have been named by the answer that the request names', () => {
    const url = 'https://a.blob.example/b?sig=x'
    const redirected = (redirect: Facts['redirect'], from = url): Decision =>
      decide(grant, { op: 'http', method: 'GET', url: from, redirectOf: 0 }, { redirect: redirect ?? null })
    const from = 'https://api.example/repos/acme/shop/issues'
    expect(redirected({ from, to: url }).kind).toBe('permit')
    for (const to of [null, { from, to: `${url}y` }, { from, to: 'https://a.blob.example/' }]) {
      expect(redirected(to)).toMatchObject({ kind: 'deny', reason: 'redirect' })
    }
    // What a rule of its own permits needs no redirect; but never from https to http.
    expect(redirected(null, from).kind).toBe('permit')
    const plain = httpGrant(['GET http://127.0.0.1:8080/a'])
    const ask = (before: string): Decision =>
      decide(
        plain,
        { op: 'http', method: 'GET', url: 'http://127.0.0.1:8080/a', redirectOf: 0 },
        { redirect: { from: before, to: 'http://127.0.0.1:8080/a' } },
      )
    expect(ask('https://h.example/')).toMatchObject({ kind: 'deny', reason: 'redirect' })
    expect(ask('http://127.0.0.1:8080/').kind).toBe('permit')
  })

  test('every address that a host resolved to is looked at', () => {
    const to = (...addresses: readonly string[]): Decision =>
      decide(
        httpGrant(['GET https://api.example/']),
        { op: 'http', method: 'GET', url: 'https://api.example/' },
        { addresses },
      )
    expect(to('93.184.215.14', '2606:2800:21f::1').kind).toBe('permit')
    for (const address of ['127.0.0.1', '10.0.0.1', '169.254.169.254', '::1', 'fd00::1']) {
      expect(to('93.184.215.14', address), address).toMatchObject({ kind: 'deny', reason: 'address' })
    }
  })

  test('says which headers go out, and refuses what is not granted', () => {
    const headers = (...pairs: readonly (readonly [string, string])[]): Decision =>
      ask(grant, `GET ${shop}/issues`, { headers: pairs })
    expect(headers(['accept', 'text/plain'], ['authorization', 'Bearer x']).kind).toBe('permit')
    for (const pair of [
      ['x-tenant', 'a'],
      ['x-http-method-override', 'DELETE'],
      ['content-encoding', 'gzip'],
      ['accept', 'a\r\nx: y'],
    ] as const) {
      expect(headers(pair), pair[0]).toMatchObject({ kind: 'deny', reason: 'header' })
    }
  })

  test('takes the body and the content type that are really sent', () => {
    const body = new TextEncoder().encode('{"query":"{ issues { id } }"}')
    const graphql = (more: Partial<HttpRequest>, of = grant): Decision =>
      ask(of, 'POST https://api.example/graphql', { body, headers: [['content-type', 'application/json']], ...more })
    expect(graphql({}).kind).toBe('permit')
    expect(graphql({ headers: [] }).kind).toBe('deny')
    expect(graphql({ headers: [['accept', 'application/json']] }).kind).toBe('deny')
    expect(graphql({ body: undefined }).kind).toBe('deny')
    expect(graphql({ body: new Uint8Array([0xff, ...body]) }).kind).toBe('deny')
    const [before, after] = ['{"query":"{ issues { id } }","variables":{"a":"', '"}}'].map((text) =>
      new TextEncoder().encode(text),
    )
    expect(graphql({ body: new Uint8Array([...before!, 0x61, ...after!]) }).kind).toBe('permit')
    expect(graphql({ body: new Uint8Array([...before!, 0xff, ...after!]) }).kind).toBe('deny')
    // A mark of the order of bytes is no JSON to some servers, and is not taken off here.
    expect(graphql({ body: new Uint8Array([0xef, 0xbb, 0xbf, ...body]) }).kind).toBe('deny')
    const fixed: Grant = { ...grant, headers: [{ name: 'content-type', value: 'text/plain', place: 'a.yaml:1:1' }] }
    expect(graphql({}, fixed).kind).toBe('deny')
  })

  test.for(['GET', 'HEAD', 'OPTIONS'])('a body with %s is refused', (method) => {
    const any = httpGrant(['GET,HEAD,OPTIONS,POST https://api.example/'])
    const body = new Uint8Array([1])
    expect(ask(any, `${method} https://api.example/`).kind).toBe('permit')
    expect(ask(any, `${method} https://api.example/`, { body })).toMatchObject({ kind: 'deny' })
    expect(ask(any, 'POST https://api.example/', { body }).kind).toBe('permit')
    expect(ask(any, 'POST https://api.example/').kind).toBe('permit')
  })

  test("the operator's networks hold for the addresses, and for http", () => {
    const networks = [{ hosts: ['a.corp.example'], addresses: ['10.0.0.0/8'], http: true }]
    const own: Grant = { ...httpGrant(['GET http://a.corp.example/', 'GET https://b.corp.example/']), networks }
    const at = (url: string, address: string): string =>
      decide(own, { op: 'http', method: 'GET', url }, { addresses: [address] }).kind
    expect(at('http://a.corp.example/', '10.1.1.1')).toBe('permit')
    expect(at('http://a.corp.example/', '93.184.215.14')).toBe('deny')
    expect(at('https://b.corp.example/', '10.1.1.1')).toBe('deny')
    expect(ask(own, 'GET http://c.corp.example/')).toMatchObject({
      allowed: expect.stringMatching(/it would need GET http:\/\/c\.corp\.example\/$/),
    })
  })

  test('what a permitted exchange goes on with is permitted', () => {
    for (const op of ['http.read', 'http.close'] as const) {
      expect(decide(httpGrant([]), { op, exchange: 3 }, {})).toEqual({
        kind: 'permit',
        rule: 'the permitted exchange',
        place: 'built in',
      })
    }
  })

  test.for([
    ['GET https://evil.example/a?x&x', ''],
    ['GET https://evil.example/a?x;y', ''],
    ['GET https://evil.example:8443/a%2Fb', 'GET https://evil.example:8443/a%2Fb'],
    ['GET http://127.0.0.1:80/', 'GET http://127.0.0.1/'],
    ['GET https://api.github.com/repositories', 'GET https://api.github.com/repositories'],
    ['GET https://api.github.com/repositories/1', 'GET https://api.github.com/repositories/1'],
    ['GET https://h.example/repositories/1/issues', 'GET https://h.example/repositories/1/issues'],
    ['GET https://api.github.com/repos/1/issues', 'GET https://api.github.com/repos/1/issues'],
  ] as const)('%s would need %j', ([request, needed]) => {
    const decision = ask(grant, request)
    const said = decision.kind === 'deny' ? (/; it would need (.*)$/.exec(decision.allowed)?.[1] ?? '') : 'permit'
    expect(said).toBe(needed)
  })

  test('names the rule for the further pages that GitHub names by number', () => {
    const pages = httpGrant(['GET https://api.github.com/repos/a/b/issues?page'])
    expect(ask(pages, 'GET https://api.github.com/repositories/1/issues?page=2')).toMatchObject({
      allowed: expect.stringContaining('for all pages GET https://api.github.com/repositories/*/issues?*'),
    })
  })

  test('a rule that does not compile is a mistake of ours, and no permit', () => {
    expect(() => ask(httpGrant(['GET https://h.example/a*']), 'GET https://h.example/ab')).toThrow('does not compile')
  })
})

/** A rule, a request that it permits, and the dimensions in which that can be changed. */
interface Dimensions {
  readonly scheme: string
  readonly host: string
  readonly port: string
  readonly method: string
  readonly segments: readonly string[]
  readonly slash: string
  readonly query: readonly (readonly [string, string])[]
  readonly field: string
}

const name = fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/)
const dimensions = fc.record<Dimensions>({
  scheme: fc.constant('https'),
  host: fc.tuple(name, name).map(([a, b]) => `${a}.${b}.example`),
  port: fc.constantFrom('', ':8443'),
  method: fc.constantFrom('GET', 'PUT', 'DELETE', 'POST'),
  segments: fc.array(name, { minLength: 1, maxLength: 4 }),
  slash: fc.constantFrom('', '/'),
  query: fc.uniqueArray(fc.tuple(name, name), { maxLength: 3, selector: ([key]) => key }),
  field: name,
})

/** A GraphQL rule has no query in its URL, so of POST that dimension is the field. */
function queryOf({ method, query }: Dimensions): string {
  return method === 'POST' || query.length === 0 ? '' : `?${query.map(([key, value]) => `${key}=${value}`).join('&')}`
}

function originAndPath({ scheme, host, port, segments, slash }: Dimensions): string {
  return `${scheme}://${host}${port}/${segments.join('/')}${slash}`
}

function ruleOf(of: Dimensions): string {
  const graphql = of.method === 'POST' ? ` {query: ${of.field}}` : ''
  return `${of.method} ${originAndPath(of)}${queryOf(of)}${graphql}`
}

function requestOf(of: Dimensions): HttpRequest {
  const body = new TextEncoder().encode(JSON.stringify({ query: `{ ${of.field} { id } }` }))
  const content = { body, headers: [['content-type', 'application/json']] } as const
  const url = `${originAndPath(of)}${queryOf(of)}`
  return { op: 'http', method: of.method, url, ...(of.method === 'POST' ? content : {}) }
}

/** One dimension changed; those that the request does not have are left out. */
function perturbed(of: Dimensions): ReadonlyMap<string, Dimensions> {
  const changes = new Map<string, Dimensions>([
    ['scheme', { ...of, scheme: 'http' }],
    ['a host more', { ...of, host: `x.${of.host}` }],
    ['another host', { ...of, host: `x${of.host}` }],
    ['a longer host', { ...of, host: `${of.host}.evil` }],
    ['port', { ...of, port: of.port === '' ? ':8080' : '' }],
    ['method', { ...of, method: of.method === 'GET' ? 'HEAD' : 'GET' }],
    ['slash', { ...of, slash: of.slash === '' ? '/' : '' }],
    ['a segment more', { ...of, segments: [...of.segments, 'x'] }],
    ['a segment less', { ...of, segments: of.segments.slice(0, -1) }],
    ...of.segments.flatMap((segment, at): [string, Dimensions][] => [
      [`segment ${at}`, { ...of, segments: of.segments.with(at, `${segment}x`) }],
      [`case of segment ${at}`, { ...of, segments: of.segments.with(at, segment.toUpperCase()) }],
    ]),
  ])
  if (of.method === 'POST') {
    changes.set('field', { ...of, field: `${of.field}x` })
    changes.set('alias', { ...of, field: `${of.field}: secret` })
    return changes
  }
  changes.set('a key more', { ...of, query: [...of.query, ['other-key', 'a']] })
  for (const [at, [key, value]] of of.query.entries()) {
    changes.set(`key ${at}`, { ...of, query: of.query.with(at, [`${key}-x`, value]) })
    changes.set(`value ${at}`, { ...of, query: of.query.with(at, [key, `${value}x`]) })
    changes.set(`key ${at} twice`, { ...of, query: [...of.query, [key, value]] })
  }
  return changes
}

describe('one dimension of a permitted request changed', () => {
  test('is denied', () => {
    fc.assert(
      fc.property(dimensions, (of) => {
        const granted = httpGrant([ruleOf(of)])
        expect(decide(granted, requestOf(of), {}).kind).toBe('permit')
        for (const [what, changed] of perturbed(of)) {
          expect([what, decide(granted, requestOf(changed), {}).kind]).toEqual([what, 'deny'])
        }
      }),
      { numRuns: 500 },
    )
  })

  test('is permitted where a rule says so, in that dimension and no other', () => {
    fc.assert(
      fc.property(dimensions, fc.nat(), (of, pick) => {
        const at = pick % of.segments.length
        const widened = { ...of, segments: of.segments.with(at, '*') }
        const granted = httpGrant([ruleOf(widened)])
        for (const [what, changed] of perturbed(of)) {
          const isWidened = what === `segment ${at}` || what === `case of segment ${at}`
          expect([what, decide(granted, requestOf(changed), {}).kind]).toEqual([what, isWidened ? 'permit' : 'deny'])
        }
      }),
      { numRuns: 300 },
    )
  })
})
