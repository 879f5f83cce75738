import { expect, test } from 'vitest'
import { forbiddenHeader } from '../../runtime/policy/http-header.ts'

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

test('the encodings of an answer are those that the host can undo, whatever a definition says', () => {
  expect(forbiddenHeader('accept-encoding')).toBe('it belongs to the connection')
  expect(forbiddenHeader('accept_encoding')).toBe('it belongs to the connection')
})
