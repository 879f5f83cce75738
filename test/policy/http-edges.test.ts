/** One step beyond what an HTTP rule covers, at every edge where a slip of the hand would cover it. */
import { describe, expect, test } from 'vitest'
import { compileHttpRule, coversRule, mismatch, type HttpPattern } from '../../runtime/policy/http-rule.ts'
import { canonicalUrl } from '../../runtime/policy/http-url.ts'

function compiled(rule: string): HttpPattern {
  const result = compileHttpRule(rule)
  return result.ok ? result.pattern : expect.fail(`${rule}: ${result.mistake.message}`)
}

function permits(rule: string, url: string): boolean {
  const canonical = canonicalUrl(url)
  if (!canonical.ok) return false
  const attempt = { method: 'GET', url: canonical.url, body: undefined, contentType: undefined }
  return mismatch(compiled(rule), attempt) === undefined
}

describe('a rule', () => {
  test.for<[rule: string, permitted: string, not: readonly string[]]>([
    [
      'GET https://h.example/**',
      'https://h.example/x/y',
      ['https://h.example/x/a%2Fb', 'https://h.example/a%2Fb', 'https://h.example/', 'https://h.example/x//'],
    ],
    ['GET https://h.example/**', 'https://h.example/x/', ['https://h.example//', 'https://h.example/x//y']],
    ['GET https://h.example/*', 'https://h.example/x', ['https://h.example/', 'https://h.example/a%2Fb']],
    ['GET https://h.example/a/*', 'https://h.example/a/x', ['https://h.example/a/', 'https://h.example/b/x']],
    ['GET https://*.example/', 'https://a.example/', ['https://example/', 'https://a.b.example/', 'https://aexample/']],
    [
      'GET https://h.example/',
      'https://h.example/',
      ['https://a.h.example/', 'https://h.example:444/', 'http://h.example/'],
    ],
    ['GET https://h.example:65535/', 'https://h.example:65535/', ['https://h.example/', 'https://h.example:65534/']],
    ['GET https://h.example/?a=1|', 'https://h.example/?a=', ['https://h.example/?a=2', 'https://h.example/?b=1']],
    ['GET http://127.0.0.1:80/', 'http://127.0.0.1/', ['http://127.0.0.2/', 'https://127.0.0.1:80/']],
  ])('%s permits %s and none of what is next to it', ([rule, permitted, not]) => {
    expect(permits(rule, permitted)).toBe(true)
    for (const url of not) expect(permits(rule, url), url).toBe(false)
  })

  test('holds every character that stands for itself', () => {
    for (const character of "AZaz09-._~!$&'()+,;=:@") {
      const rule = `GET https://h.example/x${character}y`
      expect(compileHttpRule(rule).ok, rule).toBe(true)
    }
    for (const character of "AZaz09-._~!$'(),/:@") {
      const rule = `GET https://h.example/?k${character}k=v${character}v`
      expect(compileHttpRule(rule).ok, rule).toBe(true)
    }
    for (const encoded of ['%2A', '%2a', '%C3%A9', '%c3%a9']) {
      expect(compileHttpRule(`GET https://h.example/${encoded}?${encoded}=${encoded}`).ok, encoded).toBe(true)
    }
    expect(permits('GET https://h.example/%c3%a9?%c3%a9', 'https://h.example/%C3%A9?%C3%A9=1')).toBe(true)
  })

  test.for(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])('has the method %s', (method) => {
    expect([...compiled(`${method} https://h.example/`).methods]).toEqual([method])
  })

  test.for([
    'GET https://h.example:8e1/',
    'GET https://h.example:80x/',
    'GET https://h.example:0/',
    'GET https://h.example:080/',
    'GET https://h.example:65536/',
    'GET https://h.example:/',
    'GET https://h.example/%ff',
    'GET https://h.example/?a=%ff',
    'GET https://h.example/?%ff',
    'GET https://h.example/?%ff=1',
    'GET https://h.example/?a=1|%c3',
    'GET https://h.example/?',
    'GET https://h.example/?=1',
    'GET http://a127.0.0.1:80/',
    'GET http://127.0.0:80/',
    'GET http://127.0.0.1.example:80/',
    'GET http://128.0.0.1:80/',
    'GET http://localhost:80/',
    'GET http://127.0.0.1/',
    'GET,POST https://h.example/ {query: a}',
    'POST,GET https://h.example/ {query: a}',
    'POST,PUT https://h.example/ {query: a}',
    'GET https://h.example/ {query: a}',
    'POST https://h.example/ x{query: a}',
    'POST https://h.example/ {query: a}x',
    'POST https://h.example/ {query: 1a}',
    'POST https://h.example/ {query: a-b}',
    'POST https://h.example/ {query: a b}',
    'POST https://h.example/ {query: a}b}',
    'POST https://h.example/ {query: {a}',
    'POST https://h.example/ {query: __a}',
    'POST https://h.example/ {query: a|__schema}',
    'POST https://h.example/ {query: }',
    'POST https://h.example/ {query: a|}',
    'POST https://h.example/ {subscription: a}',
    'POST https://h.example/?* {query: a}',
  ])('is not %s', (rule) => {
    expect(compileHttpRule(rule).ok).toBe(false)
  })

  test('names any field that GraphQL has', () => {
    const { graphql } = compiled('POST https://h.example/ {mutation: aB|Ab|_9|a__b}')
    expect(graphql).toEqual({ type: 'mutation', fields: new Set(['aB', 'Ab', '_9', 'a__b']) })
  })
})

describe('a rule covers another', () => {
  const covers = (wide: string, narrow: string): boolean => coversRule(compiled(wide), compiled(narrow))
  const H = 'https://h.example'

  test.for<[wide: string, narrow: string]>([
    [`GET,POST ${H}/a`, `POST ${H}/a`],
    ['GET https://*.h.example/', 'GET https://a.h.example/'],
    ['GET https://*.h.example/', 'GET https://*.h.example/'],
    [`GET ${H}/*`, `GET ${H}/a`],
    [`GET ${H}/*`, `GET ${H}/*`],
    [`GET ${H}/**`, `GET ${H}/a/*/`],
    [`GET ${H}/**`, `GET ${H}/*/**`],
    [`GET ${H}/a/**`, `GET ${H}/a/b/**`],
    [`GET ${H}/?*`, `GET ${H}/?a`],
    [`GET ${H}/?a`, `GET ${H}/?a=1|2`],
    [`GET ${H}/?a=1|2&b`, `GET ${H}/?a=2`],
    [`POST ${H}/`, `POST ${H}/ {query: a}`],
    [`POST ${H}/ {query: a|b}`, `POST ${H}/ {query: b}`],
  ])('%s, %s', ([wide, narrow]) => {
    expect(covers(wide, narrow)).toBe(true)
  })

  test.for<[wide: string, narrow: string]>([
    [`POST ${H}/a`, `GET,POST ${H}/a`],
    [`GET ${H}/a`, `POST ${H}/a`],
    ['GET https://127.0.0.1:8080/', 'GET http://127.0.0.1:8080/'],
    ['GET http://127.0.0.1:8080/', 'GET https://127.0.0.1:8080/'],
    [`GET ${H}/`, `GET ${H}:8443/`],
    [`GET ${H}:8443/`, `GET ${H}/`],
    [`GET ${H}/`, 'GET https://g.example/'],
    [`GET ${H}/`, 'GET https://*.h.example/'],
    [`GET ${H}/`, 'GET https://*.example/'],
    ['GET https://*.h.example/', `GET ${H}/`],
    ['GET https://*.h.example/', 'GET https://a.b.h.example/'],
    ['GET https://*.h.example/', 'GET https://*.g.example/'],
    [`GET ${H}/a`, `GET ${H}/b`],
    [`GET ${H}/a`, `GET ${H}/*`],
    [`GET ${H}/a`, `GET ${H}/a/`],
    [`GET ${H}/a`, `GET ${H}/a/b`],
    [`GET ${H}/a/b`, `GET ${H}/a`],
    [`GET ${H}/a`, `GET ${H}/a/**`],
    [`GET ${H}/a/b`, `GET ${H}/a/b/**`],
    [`GET ${H}/*/b`, `GET ${H}/*/**`],
    [`GET ${H}/a/*`, `GET ${H}/a/**`],
    [`GET ${H}/*`, `GET ${H}/`],
    [`GET ${H}/*`, `GET ${H}/a%2Fb`],
    [`GET ${H}/*`, `GET ${H}/**`],
    [`GET ${H}/a/**`, `GET ${H}/a`],
    [`GET ${H}/a/**`, `GET ${H}/a/`],
    [`GET ${H}/a/**`, `GET ${H}/**`],
    [`GET ${H}/a/b/**`, `GET ${H}/a/**`],
    [`GET ${H}/a/*/**`, `GET ${H}/a/**`],
    [`GET ${H}/a/*/c/**`, `GET ${H}/a`],
    [`GET ${H}/**`, `GET ${H}/a%2Fb/**`],
    [`GET ${H}/**`, `GET ${H}/a%2Fb`],
    [`GET ${H}/`, `GET ${H}/?a`],
    [`GET ${H}/?a&n&y`, `GET ${H}/?*`],
    [`GET ${H}/?a`, `GET ${H}/?b`],
    [`GET ${H}/?a=1`, `GET ${H}/?a`],
    [`GET ${H}/?a=1`, `GET ${H}/?a=1|2`],
    [`GET ${H}/?a=1`, `GET ${H}/?a=2`],
    [`POST ${H}/ {query: a}`, `POST ${H}/`],
    [`POST ${H}/ {query: a}`, `POST ${H}/ {query: a|b}`],
    [`POST ${H}/ {query: a}`, `POST ${H}/ {mutation: a}`],
  ])('and not: %s, %s', ([wide, narrow]) => {
    expect(covers(wide, narrow)).toBe(false)
  })
})
