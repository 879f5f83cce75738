import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalUrl, queryPairs } from '../../runtime/policy/http-url.ts'

function whyNot(text: string): string | undefined {
  const result = canonicalUrl(text)
  return result.ok ? undefined : result.why
}

describe('canonicalUrl', () => {
  test('is one record of what is dialled', () => {
    expect(canonicalUrl('HTTPS://API.Example:443/a b/%c3%a9/?q=a b&r')).toEqual({
      ok: true,
      url: {
        href: 'https://api.example/a%20b/%c3%a9/?q=a%20b&r',
        scheme: 'https',
        host: 'api.example',
        port: 443,
        segments: ['a b', 'é', ''],
        query: 'q=a%20b&r',
      },
    })
  })

  test.for([
    ['https://h.example', { port: 443, segments: [''], query: undefined }],
    ['https://h.example?', { segments: [''], query: '' }],
    ['https://h.example:8443/a', { port: 8443, segments: ['a'] }],
    ['http://127.0.0.1:80/', { scheme: 'http', host: '127.0.0.1', port: 80 }],
    ['http://[::1]:8080/', { host: '[::1]', port: 8080 }],
    ['https://xn--bcher-kva.example/', { host: 'xn--bcher-kva.example' }],
    ['https://h.example/a%2Fb', { segments: ['a/b'] }],
    ['https://h.example/a...b/.well-known', { segments: ['a...b', '.well-known'] }],
    ['https://h.example/@scope;v=1/a', { segments: ['@scope;v=1', 'a'] }],
    ['https://h.example/a%20b/%C3%A4/a%CC%88', { segments: ['a b', 'ä', 'a\u0308'] }],
    ['https://h.example/100%25/50%25%20off/%25', { segments: ['100%', '50% off', '%'] }],
    ['https://h.example/a%2520b/a%2525', { segments: ['a%20b', 'a%25'] }],
    ['https://h.example/a%3Bb/a%26b%3Dc/%40me', { segments: ['a;b', 'a&b=c', '@me'] }],
    ['https://h.example/wait%E2%80%A6/%EF%AC%81/%C2%BD', { segments: ['wait…', 'ﬁ', '½'] }],
    ['https://h.example/%F0%9F%91%A9%E2%80%8D%F0%9F%92%BB', { segments: ['👩\u200d💻'] }],
  ] as const)('%s is read', ([text, url]) => {
    expect(canonicalUrl(text)).toMatchObject({ ok: true, url })
  })

  test.for([
    ['', 'begin'],
    ['/a', 'begin'],
    ['//h.example/', 'begin'],
    ['https:h.example/', 'begin'],
    ['https:/h.example/', 'begin'],
    ['https:///h.example/', 'begin'],
    ['ftp://h.example/', 'begin'],
    ['file:///etc/passwd', 'begin'],
    ['javascript:alert(1)//https://h.example/', 'begin'],
    [' https://h.example/', 'space'],
    ['https://h.example/ ', 'space'],
    ['https://h.example\\@evil.example/', 'backslash'],
    ['https://h.ex\tample/', 'control character'],
    ['https://h.example/a\nb', 'control character'],
    ['https://h.example/\x7f', 'control character'],
    ['https://h.example/\ud800', 'control character'],
    ['https://h.example/#a', 'fragment'],
    ['https://user@h.example/', 'user name'],
    ['https://h.example:pw@evil.example/', 'user name'],
    ['https://@h.example/', 'user name'],
    ['https://h.example./', 'dot'],
    ['https://h..example/', 'empty label'],
    ['https://.h.example/', 'empty label'],
    ['https://bücher.example/', 'punycode'],
    ['https://ｈ.example/', 'punycode'],
    ['https://h。example/', 'punycode'],
    ['https://h.ex%61mple/', 'canonical'],
    ['https://0x7f.1/', 'canonical form, which is 127.0.0.1'],
    ['https://2130706433/', 'canonical form, which is 127.0.0.1'],
    ['https://127.1/', 'canonical'],
    ['https://0177.0.0.1/', 'canonical'],
    ['https://[0:0:0:0:0:0:0:1]/', 'canonical'],
    ['https://[::ffff:127.0.0.1]/', 'canonical'],
    ['https://1.2.3.999/', 'no valid host'],
    ['https://h.example:99999/', 'no valid host or port'],
    ['https://h.example/a/../b', 'take for'],
    ['https://h.example/./a', 'take for'],
    ['https://h.example/a/..', 'take for'],
    ['https://h.example/..;/a', 'take for'],
    ['https://h.example/a/;x/b', 'take for'],
    ['https://h.example/..%20/a', 'take for'],
    ['https://h.example/..%3bx/a', 'take for'],
    ['https://h.example/.../a', 'take for'],
    ['https://h.example/%2e%2e/a', 'encoded'],
    ['https://h.example/a%2Ehtml', 'encoded'],
    ['https://h.example/a%5cb', 'encoded'],
    ['https://h.example/a%252fb', 'encoded twice'],
    ['https://h.example/a%25252Fb', 'encoded twice'],
    ['https://h.example/%252e%252e/a', 'encoded'],
    ['https://h.example/a%00', 'control character'],
    ['https://h.example/a%0d%0a', 'control character'],
    ['https://h.example/..%3b/a', 'take for'],
    ['https://h.example/..%3fx', 'take for'],
    ['https://h.example/..%20x', 'take for'],
    ['https://h.example/a%2F..%2Fb', 'take for'],
    ['https://h.example/..%253b/x', 'take for'],
    ['https://h.example/..%2520/x', 'take for'],
    ['https://h.example/%e2%80%8b/x', 'take for'],
    ['https://h.example/a%3fb', '`?` or `#`'],
    ['https://h.example/a%2523b', '`?` or `#`'],
    ['https://h.example/%25e2%2580%25', 'encodes no text'],
    ['https://h.example/%25c0%25ae', 'encodes no text'],
    [`https://h.example/%${'25'.repeat(9)}20`, 'more than 7 times'],
    ['https://h.example/%', 'encodes no text'],
    ['https://h.example/%zz', 'encodes no text'],
    ['https://h.example/%c0%af', 'encodes no text'],
    ['https://h.example/%e9', 'encodes no text'],
  ] as const)('%j is refused: %s', ([text, why]) => {
    expect(whyNot(text)).toContain(why)
  })

  test('what it accepts is its own canonical form, and is what WHATWG dials', () => {
    const piece = fc.constantFrom(
      'a',
      'B',
      '/',
      '.',
      '..',
      '%2F',
      '%20',
      ' ',
      '?',
      '&',
      '=',
      'é',
      '%',
      ';',
      ':',
      '@',
      '{',
      '|',
    )
    const text = fc.array(piece, { maxLength: 12 }).map((pieces) => `https://h.example/${pieces.join('')}`)
    fc.assert(
      fc.property(text, (url) => {
        const once = canonicalUrl(url)
        if (!once.ok) return
        expect(canonicalUrl(once.url.href)).toEqual(once)
        expect(new URL(url).href).toBe(once.url.href)
        expect(once.url.segments.filter((segment) => /^\.+$/.test(segment))).toEqual([])
      }),
      { numRuns: 3000 },
    )
  })

  test('takes linear time', () => {
    for (const part of ['%25', '%', '.', ';', ':1', '25', '/', ' ']) {
      const started = performance.now()
      canonicalUrl(`https://h.example/%${part.repeat(200_000)}`)
      canonicalUrl(`https://h.example${part.repeat(200_000)}`)
      // A tenth of it on a quiet machine; quadratic would be hours.
      expect(performance.now() - started).toBeLessThan(5000)
    }
  })
})

describe('queryPairs', () => {
  test.for([
    ['', [['', '']]],
    ['a', [['a', '']]],
    [
      'a=b=c&d=',
      [
        ['a', 'b=c'],
        ['d', ''],
      ],
    ],
    ['a+b=%2B+c', [['a b', '+ c']]],
    ['%61=1', [['a', '1']]],
  ] as const)('%j', ([query, pairs]) => {
    expect(queryPairs(query)).toEqual(pairs)
  })

  test.for(['a;b', 'a=%', 'a=%ff', '%c0%af=1'])('%j is refused', (query) => {
    expect(queryPairs(query)).toBe(undefined)
  })
})
