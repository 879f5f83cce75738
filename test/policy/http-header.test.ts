import { describe, expect, test } from 'vitest'
import type { HeaderRule } from '../../runtime/policy/grant.ts'
import { forbiddenHeader, isShownHeader, sentHeaders } from '../../runtime/policy/http-header.ts'

test.for<[string, string]>([
  ['the credential comes from the configuration of the operator', 'authorization proxy-authorization cookie cookie2'],
  [
    'it belongs to the connection',
    'connection content-length expect host http2-settings keep-alive te trailer transfer-encoding upgrade ' +
      'proxy-connection proxy-authenticate proxy-x',
  ],
  [
    'it changes what is asked for behind the rule',
    'x-http-method x-http-method-override x-method-override x-original-url x-rewrite-url content-encoding ' +
      'x-envoy-original-path x-host x-http-host-override x-original-host x-override-method x_http_method',
  ],
  [
    'it says who asks',
    'forwarded x-real-ip x-forwarded-for x-forwarded-host x-forwarded-x cf-connecting-ip remote-user remote_user ' +
      'true-client-ip via x-client-ip x-forwarded x-remote-user',
  ],
  ['it speaks for a browser', 'sec-fetch-site sec-websocket-key sec-x'],
])('%s: no definition sets %s', ([why, names]) => {
  for (const name of names.split(' ')) expect(forbiddenHeader(name), name).toBe(why)
})

test('others are set', () => {
  for (const name of 'accept content-type x-tenant x-sec-y my-proxy-x a-x-forwarded-b hosts tea cookies'.split(' '))
    expect(forbiddenHeader(name), name).toBeUndefined()
})

const place = 'a.yaml:1:1'
const OWN =
  'accept accept-language cache-control content-language content-type idempotency-key if-match if-modified-since ' +
  'if-none-match if-range if-unmodified-since last-event-id pragma prefer range user-agent x-github-api-version ' +
  'x-request-id'

describe('sentHeaders()', () => {
  const sent = (given: readonly (readonly [string, string])[], rules: readonly HeaderRule[] = []) =>
    sentHeaders(rules, given)

  test('lets through what every tool may say, and what a rule grants', () => {
    for (const name of OWN.split(' ')) {
      expect(sent([[name, 'a b']]), name).toEqual({ ok: true, headers: [[name, 'a b']], dropped: [] })
    }
    const rules = [
      { name: 'x-tenant', value: 'alice', place },
      { name: 'x-free', value: undefined, place },
      { name: 'accept', value: 'text/plain', place },
    ]
    expect(sent([['x-free', '1']], rules)).toEqual({
      ok: true,
      headers: [
        ['x-free', '1'],
        ['x-tenant', 'alice'],
        ['accept', 'text/plain'],
      ],
      dropped: [],
    })
    // What is fixed is sent as it is, whatever the tool says; that it said something else is told.
    expect(sent([['x-tenant', 'alice']], rules)).toMatchObject({ dropped: [] })
    expect(sent([['x-tenant', 'bob']], rules)).toMatchObject({ dropped: ['x-tenant'] })
    expect(sent([['accept', 'x/y']], rules)).toMatchObject({ dropped: ['accept'] })
    expect(sent([])).toEqual({ ok: true, headers: [], dropped: [] })
  })

  test.for([
    'authorization cookie proxy-authorization x-api-key api-key x-apikey x-auth-token private-token x-session x-secret-a',
    'x-amz-security-token x_api_key x-goog-authenticated-credential password x-credentials authentication',
    'connection content-length host te transfer-encoding x-forwarded-for via sec-fetch-mode',
    'accept-encoding dnt origin priority referer x-stainless-lang x-stainless-',
  ])('leaves out, and tells: %s', (names) => {
    for (const name of names.split(' ').filter((each) => !/authenticated/.test(each))) {
      expect(sent([[name, 'v']]), name).toEqual({ ok: true, headers: [], dropped: [name] })
    }
  })

  test.for([
    'x-tenant',
    'x-http-method-override',
    'content-encoding',
    'x-origin',
    'origins',
    'x-dnt',
    'a-x-stainless-b',
    'tokens',
  ])('refuses the request for %s', (name) =>
    expect(sent([[name, 'v']])).toMatchObject({ ok: false, why: expect.stringContaining(name) }),
  )

  test('says of what is never sent why, and of what could be granted how', () => {
    expect(sent([['x-tenant', 'v']])).toEqual({
      ok: false,
      why: 'the header x-tenant is not granted; the definition may say headers: { x-tenant: "*" }',
    })
    expect(sent([['x-host', 'v']])).toEqual({
      ok: false,
      why: 'the header x-host is never sent: it changes what is asked for behind the rule',
    })
    expect(
      sent([
        ['accept', 'a'],
        ['accept', 'b'],
      ]),
    ).toEqual({ ok: false, why: 'the header accept is there twice' })
  })

  test('refuses values that frame a message', () => {
    for (const value of ['', 'a', '!~', 'a\tb', 'a b  c']) expect(sent([['accept', value]]).ok, value).toBe(true)
    for (const value of [' a', 'a ', '\ta', 'a\r\nb: c', 'a\nb', 'a\0', 'é', '\x7f', ' ']) {
      expect(sent([['accept', value]]), JSON.stringify(value)).toMatchObject({ ok: false })
    }
  })
})

test('a tool sees of an answer what is no credential', () => {
  const shown =
    'accept-ranges age allow cache-control content-disposition content-language content-length content-location ' +
    'content-range content-type date deprecation etag expires last-modified link location preference-applied ' +
    'retry-after server sunset vary warning x-ratelimit-limit x-request-id x-github-media-type ratelimit ' +
    'ratelimit-limit openai-version anthropic-ratelimit-requests-limit docker-distribution-api-version cf-ray'
  for (const name of shown.split(' ')) expect(isShownHeader(name), name).toBe(true)
  const hidden =
    'set-cookie set-cookie2 www-authenticate proxy-authenticate strict-transport-security alt-svc x-auth-token ' +
    'x-api-key x-csrf-token x-xsrf openai-session x-secret cf-ray-x a-x-b my-ratelimit report-to nel clear-site-data'
  for (const name of hidden.split(' ')) expect(isShownHeader(name), name).toBe(false)
})

test('the encodings of an answer are those that the host can undo, whatever a definition says', () => {
  expect(forbiddenHeader('accept-encoding')).toBe('it belongs to the connection')
  expect(forbiddenHeader('accept_encoding')).toBe('it belongs to the connection')
})
