/** A real server returns a secret in every way that it has, and nothing of it can be read in what was scrubbed. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createScrubber } from '../../runtime/credentials/scrub/scrub.ts'
import { SECRETS } from '../support/echo-shapes.ts'
import { httpbinTrouble, startHttpbin, type Asked, type Httpbin } from '../support/httpbin.ts'
import { isReadable } from '../support/secret-oracle.ts'

const trouble = httpbinTrouble()

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const uri = encodeURIComponent
const isHeaderSafe = (secret: string): boolean => /^[\x20-\x7e]+$/.test(secret)
const base64 = (text: string): string => Buffer.from(text).toString('base64')
/** Of what a path may hold without being split. */
const inPath = (secret: string): string => uri(secret.replaceAll('/', '-'))

/** Undefined where a secret cannot be sent in this way. */
const WAYS: readonly (readonly [string, (secret: string) => Asked | undefined])[] = [
  [
    'a header, as JSON',
    (secret) => (isHeaderSafe(secret) ? { path: '/headers', headers: { 'x-api-key': secret } } : undefined),
  ],
  [
    'a bearer token',
    (secret) =>
      isHeaderSafe(secret) ? { path: '/bearer', headers: { authorization: `Bearer ${secret}` } } : undefined,
  ],
  [
    'Basic authentication',
    (secret) => ({ path: '/anything', headers: { authorization: `Basic ${base64(`user:${secret}`)}` } }),
  ],
  [
    'a header, compressed with gzip',
    (secret) => (isHeaderSafe(secret) ? { path: '/gzip', headers: { 'x-api-key': secret } } : undefined),
  ],
  [
    'a header, compressed with deflate',
    (secret) => (isHeaderSafe(secret) ? { path: '/deflate', headers: { 'x-api-key': secret } } : undefined),
  ],
  ['a path', (secret) => (secret.includes('/') ? undefined : { path: `/anything/${inPath(secret)}/x` })],
  ['a query', (secret) => ({ path: `/anything?token=${uri(secret)}&more=1` })],
  ['a query, encoded twice', (secret) => ({ path: `/anything?token=${uri(uri(secret))}` })],
  ['a cookie', (secret) => ({ path: '/cookies', headers: { cookie: `session=${uri(secret)}` } })],
  ['a body of text', (secret) => ({ path: '/anything', method: 'POST', body: `a ${secret} b` })],
  [
    'a body of JSON',
    (secret) => ({
      path: '/anything',
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ secret }),
    }),
  ],
  [
    'a body of JSON in JSON',
    (secret) => ({ path: '/anything', method: 'POST', body: JSON.stringify(JSON.stringify({ secret })) }),
  ],
  [
    'a body that is no text',
    (secret) => ({ path: '/anything', method: 'POST', body: Buffer.concat([Buffer.of(0xff), Buffer.from(secret)]) }),
  ],
  [
    'a form',
    (secret) => ({
      path: '/anything',
      method: 'POST',
      headers: FORM,
      body: new URLSearchParams({ secret }).toString(),
    }),
  ],
  [
    'headers of the answer',
    (secret) => (isHeaderSafe(secret) ? { path: `/response-headers?x-echo=${uri(secret)}` } : undefined),
  ],
  [
    'base64 that it decodes',
    (secret) => ({ path: `/base64/${base64(secret).replaceAll('+', '-').replaceAll('/', '_')}` }),
  ],
  ['a redirect', (secret) => ({ path: `/redirect-to?url=${uri(`/anything?token=${uri(secret)}`)}` })],
  [
    'a cookie that it sets',
    (secret) => (/^[\w.-]+$/.test(secret) ? { path: `/cookies/set?session=${uri(secret)}` } : undefined),
  ],
]

describe.skipIf(trouble !== undefined)(`httpbin${trouble === undefined ? '' : `: ${trouble}`}`, () => {
  let httpbin: Httpbin
  beforeAll(async () => {
    httpbin = await startHttpbin()
  })
  afterAll(async () => {
    await httpbin[Symbol.asyncDispose]()
  })

  test.each(WAYS)('returns a secret in %s, and it is cut out', async (_name, ask) => {
    const sent = SECRETS.flatMap((secret) => {
      const asked = ask(secret)
      return asked === undefined ? [] : [{ secret, asked }]
    })
    expect(sent.length).toBeGreaterThanOrEqual(2)
    for (const { secret, asked } of sent) {
      const answer = await httpbin.ask(asked)
      const texts = [
        answer.statusText,
        ...Object.entries(answer.headers).map(([name, value]) => `${name}: ${String(value)}`),
      ]
      const shown = [answer.body, ...texts.map((text) => Buffer.from(text))]
      const scrubber = createScrubber()
      scrubber.add({ credential: 'echoed', version: '1', value: secret, related: [] })
      const scrubbed = shown.map((bytes) => scrubber.bytes(bytes))
      // The control: without scrubbing it is there to be read.
      expect(
        shown.some((bytes) => isReadable(bytes, secret)),
        `${secret}: ${Buffer.from(answer.body).toString()}`,
      ).toBe(true)
      expect(
        scrubbed.filter(({ bytes }) => isReadable(bytes, secret)),
        secret,
      ).toEqual([])
      expect(scrubbed.flatMap(({ hits }) => hits)).toContainEqual({ credential: 'echoed', version: '1', how: 'cut' })

      const stream = scrubber.stream()
      const pieces = Array.from(answer.body, (_, index) => stream.push(answer.body.subarray(index, index + 1)))
      expect(Buffer.concat([...pieces, stream.end()]).equals(scrubbed[0]?.bytes ?? Buffer.of())).toBe(true)
    }
  })
})
