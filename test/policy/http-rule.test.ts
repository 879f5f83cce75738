import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compileHttpRule, coversRule, mismatch, type HttpPattern } from '../../runtime/policy/http-rule.ts'
import { canonicalUrl } from '../../runtime/policy/http-url.ts'

function pattern(rule: string): HttpPattern {
  const compiled = compileHttpRule(rule)
  if (!compiled.ok) throw new Error(`${rule}: ${compiled.mistake.message} at ${compiled.mistake.offset}`)
  return compiled.pattern
}

/** `permit`, or the stage at which the rule fails. */
function said(rule: string, request: string): string {
  const [method = '', text = ''] = request.split(' ')
  const canonical = canonicalUrl(text)
  if (!canonical.ok) return canonical.why
  return (
    mismatch(pattern(rule), { method, url: canonical.url, body: undefined, contentType: undefined })?.stage ?? 'permit'
  )
}

describe('compileHttpRule', () => {
  test.for([
    ['', 0, 'a method, one space and a URL'],
    ['GET', 0, 'a method, one space and a URL'],
    [' https://h.example/', 0, 'a method'],
    ['GET  https://h.example/', 0, 'a method'],
    ['https://h.example/', 0, 'a method'],
    ['get https://h.example/', 0, 'capitals'],
    ['GET,post https://h.example/', 4, 'capitals'],
    ['FETCH https://h.example/', 0, 'begins with its methods'],
    ['CONNECT https://h.example/', 0, 'begins with its methods'],
    ['* https://h.example/', 0, 'begins with its methods'],
    ['GET, https://h.example/', 4, 'begins with its methods'],
    ['GET,POST,GET https://h.example/', 9, 'written twice'],
    ['GET h.example/', 4, 'no scheme'],
    ['GET //h.example/', 4, 'no scheme'],
    ['GET ftp://h.example/', 4, 'must be https'],
    ['GET HTTPS://h.example/', 4, 'must be https'],
    ['GET http://h.example/', 4, 'literal loopback'],
    ['GET http://localhost:8080/', 4, 'literal loopback'],
    ['GET http://127.0.0.1/', 4, 'literal loopback'],
    ['GET http://10.0.0.1:80/', 4, 'literal loopback'],
    ['GET http://127.0.0.1.evil.example:80/', 4, 'literal loopback'],
    ['GET http://[::2]:80/', 4, 'literal loopback'],
    ['GET wss://h.example/', 4, 'must be https'],
    ['GET https://h.example', 21, 'no path'],
    ['GET https://h.example?a', 21, 'no path'],
    ['GET https:///a', 12, 'no valid host'],
    ['GET https://u:p@h.example/', 12, 'user name or password'],
    ['GET https://H.example/', 12, 'canonical form, which is h.example'],
    ['GET https://bücher.example/', 12, 'punycode'],
    ['GET https://h.example./', 12, 'dot'],
    ['GET https://h..example/', 12, 'empty label'],
    ['GET https://0x7f.1/', 12, 'canonical form, which is 127.0.0.1'],
    ['GET https://1.2.3/', 12, 'canonical form, which is 1.2.0.3'],
    ['GET https://010.0.0.1/', 12, 'canonical form, which is 8.0.0.1'],
    ['GET https://[::0]/', 12, 'canonical form, which is [::]'],
    ['GET https://h.ex%61mple/', 12, 'canonical'],
    ['GET https://*/', 12, 'whole first label'],
    ['GET https://a*.example/', 13, 'whole first label'],
    ['GET https://a.*.example/', 14, 'whole first label'],
    ['GET https://*.*.example/', 14, 'whole first label'],
    ['GET https://**.example/', 13, 'whole first label'],
    ['GET https://*./', 12, 'one host'],
    ['GET https://*.1.2.3.4/', 12, 'one host'],
    ['GET https://*.0.0.1/', 12, 'one host'],
    ['GET https://*.[::1]/', 12, 'one host'],
    ['GET https://h.example:/', 22, 'a port'],
    ['GET https://h.example:0/', 22, 'a port'],
    ['GET https://h.example:080/', 22, 'a port'],
    ['GET https://h.example:65536/', 22, 'a port'],
    ['GET https://h.example:*/', 22, 'a port'],
    ['GET https://h.example/a#b', 23, 'fragment'],
    ['GET https://h.example/a*', 23, 'one whole segment'],
    ['GET https://h.example/a/*.json', 24, 'one whole segment'],
    ['GET https://h.example/***', 22, 'one whole segment'],
    ['GET https://h.example/**/a', 22, 'at the end'],
    ['GET https://h.example/**/', 22, 'at the end'],
    ['GET https://h.example/a//b', 24, 'empty segment'],
    ['GET https://h.example//', 22, 'empty segment'],
    ['GET https://h.example/a/../b', 24, 'never take effect'],
    ['GET https://h.example/.', 22, 'never take effect'],
    ['GET https://h.example/%2e%2e/b', 22, 'never take effect'],
    ['GET https://h.example/a%5cb', 22, 'never take effect'],
    ['GET https://h.example/a%252fb', 22, 'never take effect'],
    ['GET https://h.example/..;/b', 22, 'never take effect'],
    ['GET https://h.example/a\\b', 23, 'percent-encoded'],
    ['GET https://h.example/é', 22, 'percent-encoded'],
    ['GET https://h.example/{a}', 22, 'percent-encoded'],
    ['GET https://h.example/a%', 23, 'percent-encoded'],
    ['GET https://h.example/a%ff', 22, 'encodes no text'],
    ['GET https://h.example/a b', 24, 'nothing but a GraphQL part'],
    ['GET https://h.example/a ', 24, 'nothing but a GraphQL part'],
    ['GET https://h.example/a?', 24, 'empty'],
    ['GET https://h.example/a?*&b', 24, 'stands alone'],
    ['GET https://h.example/a?b=*', 26, 'stands alone'],
    ['GET https://h.example/a?**', 24, 'stands alone'],
    ['GET https://h.example/a?b&b', 26, 'written twice'],
    ['GET https://h.example/a?b&%62', 26, 'written twice'],
    ['GET https://h.example/a?b=1|1', 24, 'written twice'],
    ['GET https://h.example/a?b&', 26, 'empty'],
    ['GET https://h.example/a?=1', 24, 'empty'],
    ['GET https://h.example/a?b=1=2', 27, 'percent-encoded'],
    ['GET https://h.example/a?b+c', 25, 'percent-encoded'],
    ['GET https://h.example/a?b;c', 25, 'percent-encoded'],
    ['POST https://h.example/g {subscription: a}', 25, 'GraphQL part'],
    ['POST https://h.example/g {query:a}', 25, 'GraphQL part'],
    ['POST https://h.example/g {query: a} ', 25, 'GraphQL part'],
    ['POST https://h.example/g {query: }', 25, 'a name'],
    ['POST https://h.example/g {query: a|*}', 25, 'a name'],
    ['POST https://h.example/g {query: a||b}', 25, 'a name'],
    ['POST https://h.example/g {query: __schema}', 25, 'introspection'],
    ['GET https://h.example/g {query: a}', 0, 'POST alone'],
    ['GET,POST https://h.example/g {query: a}', 0, 'POST alone'],
    ['POST https://h.example/g?* {query: a}', 25, 'no query in the URL'],
  ] as const)('%j is refused at %d: %s', ([rule, offset, message]) => {
    expect(compileHttpRule(rule)).toMatchObject({
      ok: false,
      mistake: { offset, message: expect.stringContaining(message) },
    })
  })

  test('tells what to write', () => {
    const hint = (rule: string): string | undefined => {
      const compiled = compileHttpRule(rule)
      return compiled.ok ? undefined : compiled.mistake.hint
    }
    expect(hint('Get https://h.example/')).toBe('write GET')
    expect(hint('GET https://bücher.example/')).toBe('write xn--bcher-kva.example')
    expect(hint('GET https://127.1/')).toBe('write 127.0.0.1')
    expect(hint('GET https://h.example/é')).toBe('write %C3%A9')
    expect(hint('GET https://h.example/\ud800')).toBe('write %EF%BF%BD')
  })
})

describe('what a rule covers', () => {
  const H = 'https://h.example'
  test.for([
    [`GET ${H}/a`, `GET ${H}/a`],
    [`GET,POST ${H}/a`, `POST ${H}/a`],
    [`GET ${H}:8443/a`, `GET ${H}:8443/a`],
    [`GET ${H}:443/a`, `GET ${H}/a`],
    [`GET ${H}/a`, `GET ${H}:443/a`],
    [`GET ${H}/`, `GET ${H}`],
    ['GET https://*.h.example/a', 'GET https://b.h.example/a'],
    ['GET http://127.0.0.1:80/a', 'GET http://127.0.0.1/a'],
    ['GET http://[::1]:8080/a', 'GET http://[::1]:8080/a'],
    [`GET ${H}/a%20b`, `GET ${H}/a%20b`],
    [`GET ${H}/a%2fb`, `GET ${H}/a%2Fb`],
    [`GET ${H}/issues`, `GET ${H}/%69ssues`],
    [`GET ${H}/*/b`, `GET ${H}/a/b`],
    [`GET ${H}/*/`, `GET ${H}/a/`],
    [`GET ${H}/**`, `GET ${H}/a`],
    [`GET ${H}/a/**`, `GET ${H}/a/b/c`],
    [`GET ${H}/a/**`, `GET ${H}/a/b/`],
    [`GET ${H}/*/**`, `GET ${H}/a/b`],
    [`GET ${H}/a?*`, `GET ${H}/a`],
    [`GET ${H}/a?*`, `GET ${H}/a?b=%ff;&b&b`],
    [`GET ${H}/a?page&state=open|closed`, `GET ${H}/a`],
    [`GET ${H}/a?page&state=open|closed`, `GET ${H}/a?page`],
    [`GET ${H}/a?page&state=open|closed`, `GET ${H}/a?state=closed&page=2`],
    [`GET ${H}/a?q=a%20b`, `GET ${H}/a?q=a+b`],
    [`GET ${H}/a?q=`, `GET ${H}/a?q=`],
  ] as const)('%s covers %s', ([rule, request]) => {
    expect(said(rule, request)).toBe('permit')
  })

  test.for([
    [`GET ${H}/a`, `POST ${H}/a`, 'method'],
    [`GET ${H}/a`, `HEAD ${H}/a`, 'method'],
    [`GET ${H}/a`, `get ${H}/a`, 'method'],
    [`GET ${H}/a`, `GET ${H}:8443/a`, 'origin'],
    [`GET ${H}/a`, 'GET http://h.example/a', 'origin'],
    [`GET ${H}:80/a`, 'GET http://h.example/a', 'origin'],
    [`GET ${H}/a`, 'GET https://x.h.example/a', 'origin'],
    ['GET https://*.h.example/a', 'GET https://h.example/a', 'origin'],
    ['GET https://*.h.example/a', 'GET https://b.c.h.example/a', 'origin'],
    ['GET https://*.h.example/a', 'GET https://bh.example/a', 'origin'],
    ['GET http://127.0.0.1:80/a', 'GET http://127.0.0.2/a', 'origin'],
    ['GET http://127.0.0.1:80/a', 'GET https://127.0.0.1:80/a', 'origin'],
    [`GET ${H}/a`, `GET ${H}/A`, 'path'],
    [`GET ${H}/a`, `GET ${H}/a/`, 'path'],
    [`GET ${H}/a/`, `GET ${H}/a`, 'path'],
    [`GET ${H}/a`, `GET ${H}//a`, 'path'],
    [`GET ${H}/*`, `GET ${H}/`, 'path'],
    [`GET ${H}/*`, `GET ${H}/a/b`, 'path'],
    [`GET ${H}/*`, `GET ${H}/a%2Fb`, 'path'],
    [`GET ${H}/*/b`, `GET ${H}//b`, 'path'],
    [`GET ${H}/**`, `GET ${H}/`, 'path'],
    [`GET ${H}/**`, `GET ${H}//evil.example`, 'path'],
    [`GET ${H}/**`, `GET ${H}/a%2Fb`, 'path'],
    [`GET ${H}/a/**`, `GET ${H}/a`, 'path'],
    [`GET ${H}/a/**`, `GET ${H}/a/`, 'path'],
    [`GET ${H}/a/**`, `GET ${H}/a/b//c`, 'path'],
    [`GET ${H}/a%2Fb`, `GET ${H}/a/b`, 'path'],
    [`GET ${H}/a/b`, `GET ${H}/a%2Fb`, 'path'],
    [`GET ${H}/a`, `GET ${H}/a?`, 'query'],
    [`GET ${H}/a`, `GET ${H}/a?b`, 'query'],
    [`GET ${H}/a?b`, `GET ${H}/a?`, 'query'],
    [`GET ${H}/a?b`, `GET ${H}/a?B`, 'query'],
    [`GET ${H}/a?b`, `GET ${H}/a?b&b`, 'query'],
    [`GET ${H}/a?b`, `GET ${H}/a?b&%62`, 'query'],
    [`GET ${H}/a?b`, `GET ${H}/a?b[]=1`, 'query'],
    [`GET ${H}/a?b`, `GET ${H}/a?b=1;c=2`, 'query'],
    [`GET ${H}/a?b`, `GET ${H}/a?b=1&`, 'query'],
    [`GET ${H}/a?b=1|2`, `GET ${H}/a?b`, 'query'],
    [`GET ${H}/a?b=1|2`, `GET ${H}/a?b=3`, 'query'],
    [`GET ${H}/a?b=1|2`, `GET ${H}/a?b=1|2`, 'query'],
    [`POST ${H}/g {query: a}`, `POST ${H}/g`, 'operation'],
  ] as const)('%s does not cover %s: %s', ([rule, request, stage]) => {
    expect(said(rule, request)).toBe(stage)
  })
})

describe('coversRule', () => {
  const H = 'https://h.example'
  test.for([
    [`GET,POST ${H}/a`, `GET ${H}/a`],
    [`GET ${H}/a`, `GET ${H}:443/%61`],
    ['GET https://*.h.example/a', 'GET https://b.h.example/a'],
    [`GET ${H}/*`, `GET ${H}/a`],
    [`GET ${H}/**`, `GET ${H}/a/*/c`],
    [`GET ${H}/**`, `GET ${H}/a/`],
    [`GET ${H}/**`, `GET ${H}/a/**`],
    [`GET ${H}/*/**`, `GET ${H}/a/**`],
    [`GET ${H}/a?*`, `GET ${H}/a?b=1`],
    [`GET ${H}/a?b&c`, `GET ${H}/a?b=1|2`],
    [`GET ${H}/a?b=1|2`, `GET ${H}/a`],
    [`POST ${H}/g`, `POST ${H}/g {query: a}`],
    [`POST ${H}/g {query: a|b}`, `POST ${H}/g {query: b}`],
  ] as const)('%s covers %s, and not the other way round unless they are the same', ([wide, narrow]) => {
    expect(coversRule(pattern(wide), pattern(narrow))).toBe(true)
    const isSame = narrow.includes(':443')
    expect(coversRule(pattern(narrow), pattern(wide))).toBe(isSame)
  })

  test.for([
    [`GET ${H}/a`, `GET,POST ${H}/a`],
    ['GET https://*.h.example/a', 'GET https://h.example/a'],
    ['GET https://*.h.example/a', 'GET https://*.b.h.example/a'],
    [`GET ${H}/*`, `GET ${H}/a%2Fb`],
    [`GET ${H}/*`, `GET ${H}/`],
    [`GET ${H}/**`, `GET ${H}/`],
    [`GET ${H}/a/**`, `GET ${H}/a/`],
    [`GET ${H}/a/**`, `GET ${H}/a`],
    [`GET ${H}/**`, `GET ${H}/a%2Fb/**`],
    [`GET ${H}/a/**`, `GET ${H}/**`],
    [`GET ${H}/**`, `GET ${H}/a%2Fb/c`],
    [`GET ${H}/*/*`, `GET ${H}/a/**`],
    [`GET ${H}/a?b`, `GET ${H}/a?b&c`],
    [`GET ${H}/a?b=1`, `GET ${H}/a?b`],
    [`GET ${H}/a`, `GET ${H}/a?*`],
    [`POST ${H}/g {query: a}`, `POST ${H}/g`],
    [`POST ${H}/g {query: a}`, `POST ${H}/g {mutation: a}`],
  ] as const)('%s does not cover %s', ([wide, narrow]) => {
    expect(coversRule(pattern(wide), pattern(narrow))).toBe(false)
  })
})

describe('over all rules', () => {
  test('a mistake stands within the text, and nothing is thrown', () => {
    const pieces =
      'GET   , https http :// h.example *. 127.0.0.1 [::1] : 80 / * ** %2F % é \ud800 ? & = | {query: { } # @ . a POST \\ \0'
    const piece = fc.constantFrom(...pieces.split(' '), ' ')
    const text = fc.array(piece, { maxLength: 14 }).map((pieces) => pieces.join(''))
    const near = text.map((rest) => `GET https://h.example/${rest}`)
    fc.assert(
      fc.property(fc.oneof(text, near, fc.string({ unit: 'binary' })), (rule) => {
        const compiled = compileHttpRule(rule)
        if (compiled.ok) return
        expect(compiled.mistake.offset).toBeGreaterThanOrEqual(0)
        expect(compiled.mistake.offset).toBeLessThanOrEqual(rule.length)
      }),
      { numRuns: 3000 },
    )
  })

  const rule = fc
    .record({
      methods: fc.constantFrom('GET', 'GET,PUT', 'PUT'),
      host: fc.constantFrom('h.example', '*.h.example', 'a.h.example'),
      path: fc.array(fc.constantFrom('a', '*', 'a%2Fb'), { minLength: 1, maxLength: 2 }),
      end: fc.constantFrom('', '/', '/**'),
      query: fc.constantFrom('', '?*', '?k', '?k=1', '?k=1|2', '?k&l'),
    })
    .map(({ methods, host, path, end, query }) => `${methods} https://${host}/${path.join('/')}${end}${query}`)

  const names = ['a', 'b', 'a%2Fb', '']
  const paths = [...names, ...names.flatMap((one) => names.flatMap((two) => [`${one}/${two}`, `${one}/${two}/`]))]
  const requests = ['GET', 'PUT'].flatMap((method) =>
    ['h.example', 'a.h.example', 'b.h.example'].flatMap((host) =>
      paths.flatMap((path) =>
        ['', '?k', '?k=1', '?k=2', '?k=2&l', '?m'].map((query) => `${method} https://${host}/${path}${query}`),
      ),
    ),
  )

  test('one that covers another covers each request of it', () => {
    let permitted = 0
    fc.assert(
      fc.property(rule, rule, (wide, narrow) => {
        if (!coversRule(pattern(wide), pattern(narrow))) return
        for (const request of requests.filter((one) => said(narrow, one) === 'permit')) {
          permitted += 1
          expect([wide, request, said(wide, request)]).toEqual([wide, request, 'permit'])
        }
      }),
      { numRuns: 3000 },
    )
    // The property is about something.
    expect(permitted).toBeGreaterThan(50)
  })
})
