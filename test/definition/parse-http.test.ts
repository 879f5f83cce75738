import { describe, expect, it } from 'vitest'
import {
  readHeaders,
  readHttpRules,
  readRedirects,
  readRequest,
  type HttpReading,
} from '../../runtime/definition/parse-http.ts'
import type { Expand } from '../../runtime/definition/http-template.ts'
import { publicSuffixesFor } from '../../runtime/definition/public-suffixes.ts'
import { NodeReader, type Field } from '../../runtime/definition/node-reader.ts'
import { parseYaml } from '../../runtime/definition/yaml-source.ts'
import type { HttpRule, Network } from '../../runtime/policy/grant.ts'
import { problemsOf, summaries } from '../support/problems.ts'

const VALUES: Readonly<Record<string, string>> = { api: 'billing.example', pull: '17', user: 'al b', name: '..' }

type Read<Value> = (reading: HttpReading, field: Field) => Value | undefined

/** What a reader makes of the value behind `key: `, in line 1. */
function read<Value>(key: string, yaml: string, by: Read<Value>, networks: readonly Network[] = []): Value {
  const { root, problems } = parseYaml('definition', 'a.yaml', `${key}: ${yaml}\n`)
  const reader = new NodeReader(problems)
  const [field] = reader.entries({ key: 'tool', at: 0, value: root, valueAt: 0 }) ?? []
  const expand: Expand = (template, part, at) =>
    template.replaceAll(/\$\{(\w+)\}/g, (whole, name: string, index: number) => {
      const value = VALUES[name]
      if (value === undefined) problems.add(at(index), `no setting ${whole}`)
      return value === undefined ? '' : part === 'segment' || part === 'query' ? encodeURIComponent(value) : value
    })
  const value = by({ reader, expand, isPublicSuffix, networks }, field!)
  problems.throwIfAny()
  // A reader that returns undefined has noted why, and one that noted something returns nothing.
  if (value === undefined) throw new Error('nothing was read, without a problem')
  return value
}

const http = (yaml: string): readonly HttpRule[] => read('http', yaml, readHttpRules)
const texts = (yaml: string): readonly string[] => http(yaml).map(({ rule }) => rule)
const mistakes = (act: () => unknown): readonly string[] => summaries(problemsOf(act))

const isPublicSuffix = (await publicSuffixesFor(Buffer.from('*.'))) ?? expect.fail('no list')

describe('readHttpRules', () => {
  it('reads the forms of the contract', () => {
    const rules = [
      'POST https://api.github.com/repos/acme/shop/issues/*/comments',
      'GET,PUT https://api.github.com/repos/acme/**?*',
      'GET https://h.example/a?page&state=open|closed',
      'POST https://api.linear.app/graphql {query: issues|project}',
      'GET http://127.0.0.1:8080/',
      'GET https://*.eu.example.com/',
      'GET https://10.0.0.1/',
    ]
    expect(texts(JSON.stringify(rules))).toEqual(rules)
    expect(http('[GET https://h.example/]')).toEqual([{ rule: 'GET https://h.example/', place: 'a.yaml:1:8' }])
  })

  it.each([
    ['GET https://h.example/a*', '1:32 `*` stands for one whole segment'],
    ['get https://h.example/', '1:9 a method is written in capitals (write GET)'],
    ['GET h.example/', '1:13 the URL has no scheme (write https://…)'],
    ['GET https://h.example', '1:30 the URL has no path (write `/` for the root, `/**` for all below it)'],
    ['GET https://bücher.example/a', '(write xn--bcher-kva.example)'],
    ['GET http://h.example:80/', '1:13 http is for a literal loopback address with a port (write https, or'],
  ])('%s: %s', (rule, problem) => {
    expect(mistakes(() => http(`["${rule}"]`))).toEqual([expect.stringContaining(problem)])
  })

  it('stands on no public suffix', () => {
    for (const domain of ['com', 'co.uk', 'github.io', 'blob.core.windows.net', 'compute.amazonaws.com', 'internal']) {
      expect(mistakes(() => http(`["GET https://*.${domain}/**"]`))).toEqual([
        `1:9 \`${domain}\` is a public suffix: anybody can have a host below it (name the hosts, or a domain that has one owner)`,
      ])
    }
    for (const domain of ['example.com', 'a.co.uk', 'acme.github.io', 'corp.internal', 'city.kawasaki.jp']) {
      expect(texts(`["GET https://*.${domain}/**"]`)).toHaveLength(1)
    }
    expect(texts('["GET https://github.io/**"]')).toHaveLength(1)
  })

  it('refuses a rule that could never be the reason for anything', () => {
    expect(mistakes(() => http('["GET https://h.example/a", "GET https://h.example/a"]'))).toEqual([
      '1:35 `GET https://h.example/a` is written twice, first in line 1',
    ])
    const why = 'can never be the reason for anything: `GET,HEAD https://h.example/**` in line 1 covers all of it'
    for (const order of [0, 1]) {
      const rules = ['GET https://h.example/a', 'GET,HEAD https://h.example/**']
      const found = mistakes(() => http(JSON.stringify(order === 0 ? rules : rules.toReversed())))
      expect(found).toEqual([expect.stringContaining(why)])
    }
    // Of two that say the same in other words, the second.
    expect(mistakes(() => http('["GET https://h.example/a", "GET https://h.example:443/%61"]'))[0]).toMatch(/^1:35 /)
    expect(texts('["GET https://h.example/*", "GET https://h.example/a?q", "PUT https://h.example/a"]')).toHaveLength(3)
  })

  it('is a list of bounded length and rules of bounded length', () => {
    expect(mistakes(() => http('"GET https://h.example/"'))[0]).toContain('`http` must be a list')
    expect(mistakes(() => http('[]'))).toEqual(['1:1 `http` is empty'])
    const many = Array.from({ length: 129 }, (_, index) => `GET https://h.example/${index}`)
    expect(mistakes(() => http(JSON.stringify(many)))[0]).toContain('more than 128 rules')
    expect(mistakes(() => http(`["GET https://h.example/${'a'.repeat(1024)}"]`))[0]).toContain('at most 1024')
  })
})

describe('a setting in a rule', () => {
  it.each([
    ['GET https://${api}/a', 'GET https://billing.example/a'],
    ['GET https://${api}:8443/a', 'GET https://billing.example:8443/a'],
    ['GET https://h.example/${pull}/b', 'GET https://h.example/17/b'],
    ['GET https://h.example/${user}', 'GET https://h.example/al%20b'],
    ['GET https://h.example/${pull}.tar.gz', 'GET https://h.example/17.tar.gz'],
    ['GET https://h.example/a?b=${user}|${pull}&c', 'GET https://h.example/a?b=al%20b|17&c'],
  ])('%s is %s', (rule, text) => {
    expect(texts(`['${rule}']`)).toEqual([text])
  })

  it.each([
    ['${pull} https://h.example/', 1],
    ['GET ${api}://h.example/', 5],
    ['GET https://*.${api}/', 15],
    ['GET https://a.${api}/', 15],
    ['GET https://${api}.example/', 13],
    ['GET https://h.example:${pull}/', 23],
    ['GET https://h.example/a${pull}', 24],
    ['GET https://h.example/${pull}a', 23],
    ['GET https://h.example/${pull}${pull}', 23],
    ['GET https://h.example/a.${pull}', 25],
    ['GET https://h.example/${pull}.${pull}', 31],
    ['GET https://h.example/a?${pull}', 25],
    ['GET https://h.example/a?b=${pull}1', 27],
    ['GET https://h.example/a?b=1${pull}', 28],
    ['POST https://h.example/g {query: ${pull}}', 34],
  ])('may not stand in %s', (rule, offset) => {
    const [first] = mistakes(() => http(`['${rule}']`))
    expect(first).toMatch(new RegExp(`^1:${8 + offset} a setting stands for a whole host, a whole segment`))
  })

  it('is named by its form, and is none of the loopback', () => {
    expect(mistakes(() => http("['GET https://h.example/${Pull}']"))).toEqual([
      '1:31 `${Pull}` names no setting (write ${name})',
    ])
    expect(mistakes(() => http("['GET https://h.example/${pull']"))[0]).toContain('1:31 `${pull` names no setting')
    expect(mistakes(() => http("['GET https://h.example/${other}']"))).toEqual(['1:31 no setting ${other}'])
    expect(mistakes(() => http("['GET http://${api}:80/']"))[0]).toContain('a setting is none')
  })

  it('that makes the rule another one is a mistake at its place', () => {
    expect(mistakes(() => http("['GET https://h.example/a/${name}/b']"))).toEqual([
      expect.stringMatching(/^1:33 the rule can never take effect/),
    ])
    // What stands behind it keeps its own place.
    expect(mistakes(() => http("['GET https://${api}/${pull}/é']"))).toEqual([
      '1:36 this character of a URL is percent-encoded (write %C3%A9)',
    ])
  })
})

describe('http:', () => {
  const networks = [{ hosts: ['billing.corp.example', '*.svc.example'], addresses: ['10.0.0.0/8'], http: true }]
  const plain = (rule: string) => read('http', `["${rule}"]`, readHttpRules, networks)

  it.each(['GET http://billing.corp.example/', 'GET http://a.svc.example:8080/v1', 'GET http://*.svc.example/'])(
    "is for hosts of the operator's networks: %s",
    (rule) => expect(plain(rule).map((found) => found.rule)).toEqual([rule]),
  )

  it.each(['GET http://corp.example/', 'GET http://a.b.svc.example/', 'GET http://*.corp.example/'])(
    'and for no others: %s',
    (rule) => expect(mistakes(() => plain(rule))).toEqual([expect.stringContaining('http is for a literal loopback')]),
  )
})

describe('readRequest', () => {
  const request = (text: string) => read('request', `'${text}'`, readRequest)

  it('takes arguments as whole segments and values, each as wide as a rule says', () => {
    expect(request('GET https://${api}/v1/tenants/${user}/invoices/{id}?page={page}&state=open&of={id}')).toEqual({
      request: {
        rule: 'GET https://billing.example/v1/tenants/al%20b/invoices/{id}?page={page}&state=open&of={id}',
        place: 'a.yaml:1:1',
      },
      http: {
        rule: 'GET https://billing.example/v1/tenants/al%20b/invoices/*?page&state=open&of',
        place: 'a.yaml:1:1',
      },
      args: ['id', 'page'],
    })
    expect(request('DELETE https://h.example/')).toMatchObject({
      http: { rule: 'DELETE https://h.example/' },
      args: [],
    })
  })

  it.each([
    ['GET,POST https://h.example/', '1:15 a request has one method'],
    ['GET https://h.example/*', '1:33 a request is one URL, without `*`'],
    ['GET https://h.example/**', '1:33 a request is one URL'],
    ['GET https://*.example.com/', '1:23 a request is one URL'],
    ['GET https://h.example/a?*', '1:35 a request is one URL'],
    ['GET https://h.example/a?b', '1:35 each query key of a request has one value'],
    ['GET https://h.example/a?b=1|2', '1:35 each query key of a request has one value'],
    ['POST https://h.example/g {query: issues}', '1:36 behind the URL of a request stands nothing'],
    ['GET https://h.example/{id}.json', '1:33 an argument of a request stands for'],
    ['GET https://h.example/a{id}', '1:34 an argument'],
    ['GET https://h.example/{id}{id}', '1:33 an argument'],
    ['GET https://h.example/{1d}', '1:33 an argument'],
    ['GET https://h.example/{}', '1:33 an argument'],
    ['GET https://h.example/a}', '1:34 an argument'],
    ['GET https://{host}/a', '1:23 an argument'],
    ['GET https://h.example:{port}/a', '1:33 an argument'],
    ['GET https://h.example/a?{key}=1', '1:35 an argument'],
    ['GET https://h.example/a?b={c}d', '1:37 an argument'],
    ['GET https://h.example/{id}?b={c}&b=1', '1:44 a query key is written twice'],
    ['GET https://${api}/{id}/é', '1:35 this character of a URL is percent-encoded'],
    ['{method} https://h.example/', '1:11 an HTTP rule begins with its methods'],
  ])('%s: %s', (text, problem) => {
    expect(mistakes(() => request(text))).toEqual([expect.stringContaining(problem)])
  })
})

const BASE: readonly HttpRule[] = [{ rule: 'GET,POST https://h.example/**', place: 'a.yaml:9:9' }]

describe('readRedirects', () => {
  const redirects = (yaml: string, rules: readonly HttpRule[] | undefined = BASE) =>
    read('redirects', yaml, (reading, field) => readRedirects(reading, field, rules))

  it('may stand on a public suffix', () => {
    const rule = 'GET https://*.blob.core.windows.net/**?*'
    expect(redirects(`["${rule}"]`)).toEqual([{ rule, place: 'a.yaml:1:13' }])
  })

  it('are by GET alone, and say something that `http` does not', () => {
    for (const method of ['POST', 'GET,HEAD', 'HEAD']) {
      expect(mistakes(() => redirects(`["${method} https://a.example/"]`))).toEqual([
        '1:14 a redirect is followed by GET alone (begin the rule with GET)',
      ])
    }
    expect(mistakes(() => redirects('["GET https://h.example/a"]'))).toEqual([
      '1:13 `GET https://h.example/a` can never be the reason for anything:' +
        " `GET,POST https://h.example/**` of the tool's own requests covers all of it",
    ])
  })

  it('take no effect without an http rule, and are not blamed for broken ones', () => {
    expect(mistakes(() => redirects('["GET https://a.example/"]', []))).toEqual([
      '1:1 `redirects` can never take effect: the tool has no `http` rule',
    ])
    const undecided = read('redirects', '["GET https://a.example/"]', (reading, field) =>
      readRedirects(reading, field, undefined),
    )
    expect(undecided).toHaveLength(1)
  })
})

describe('readHeaders', () => {
  const headers = (yaml: string, rules: readonly HttpRule[] = BASE) =>
    read('headers', yaml, (reading, field) => readHeaders(reading, field, rules))

  it('are fixed, or free for the tool', () => {
    expect(headers('{ X-Tenant: "t-${pull}", x-api-version: "*", accept: "application/*" }')).toEqual([
      { name: 'x-tenant', value: 't-17', place: 'a.yaml:1:12' },
      { name: 'x-api-version', value: undefined, place: 'a.yaml:1:35' },
      { name: 'accept', value: 'application/*', place: 'a.yaml:1:55' },
    ])
  })

  it.each([
    'Authorization',
    'authorization',
    'Proxy-Authorization',
    'proxy-anything',
    'Cookie',
    'Host',
    'Content-Length',
    'Connection',
    'Transfer-Encoding',
    'TE',
    'Upgrade',
    'Sec-Fetch-Site',
    'X-HTTP-Method-Override',
    'X-Original-URL',
    'X-Forwarded-For',
    'X_Forwarded_For',
    'X-HTTP_Method_Override',
    'Content_Length',
    'X-Override-Method',
    'X-Original-Host',
    'X-Host',
    'X-HTTP-Host-Override',
    'True-Client-IP',
    'X-Client-IP',
    'CF-Connecting-IP',
    'X-Forwarded',
    'Via',
    'Remote-User',
    'Remote_User',
    'X-Remote-User',
    'X-Envoy-Original-Path',
    'Content-Encoding',
  ])('%s is set by no definition', (name) => {
    for (const value of ['a', '*']) {
      expect(mistakes(() => headers(`{ ${name}: "${value}" }`))).toEqual([
        expect.stringContaining(`1:12 no definition sets the header \`${name}\`: `),
      ])
    }
  })

  it.each([
    ['{ "a b": x }', '1:12 `a b` is not the name of an HTTP header'],
    ['{ "a:": x }', '1:12 `a:` is not the name'],
    ['{ x-ä: x }', '1:12 `x-ä` is not the name'],
    ['{ a: x, A: y }', '1:18 the header `A` is written twice, first in line 1'],
    ['{ a: "x\\r\\nb: c" }', '1:15 `a` holds a control character or a line break'],
    ['{ a: "x\\tb" }', '1:15 `a` holds a control character'],
    ['{ a: "é" }', '1:15 the value of a header is printable ASCII'],
    ['{ a: " x" }', '1:15 the value of a header is printable ASCII, without spaces around it'],
    ['{ a: "" }', '`a` is empty'],
    ['{ a: 1 }', '`a` must be text, not a number'],
    ['{ a: "x-${other}" }', '1:18 no setting ${other}'],
    ['{}', '1:1 `headers` is empty'],
  ])('%s: %s', (yaml, problem) => {
    expect(mistakes(() => headers(yaml))).toEqual([expect.stringContaining(problem)])
  })

  it('take no effect without an http rule', () => {
    expect(mistakes(() => headers('{ a: b }', []))).toEqual([
      '1:1 `headers` can never take effect: the tool has no `http` rule',
    ])
  })
})
