import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { askIssuer, isDue, isProtected } from '../../runtime/credentials/sources/issuer-http.ts'
import { webFailure } from '../../runtime/node-web-failure.ts'
import { refusalOf } from '../support/secret-parts.ts'

test.each([
  ['https://id.example/', true],
  ['http://127.0.0.1:8080/', true],
  ['http://127.9.9.9/', true],
  ['http://[::1]/', true],
  ['http://2130706433/', true],
  ['http://localhost/', false],
  ['http://127.0.0.1.example/', false],
  ['http://0.0.0.0/', false],
  ['http://[::ffff:127.0.0.1]/', false],
  ['http://10.0.0.1/', false],
  ['ftp://127.0.0.1/', false],
  ['file:///etc/passwd', false],
])('isProtected(%s): %s', (url, expected) => expect(isProtected(new URL(url))).toBe(expected))

describe('isDue()', () => {
  test('is never for a token that nobody ends', () => {
    expect(isDue({ obtainedAtMs: 0, expiresAtMs: undefined }, Number.MAX_SAFE_INTEGER)).toBe(false)
  })

  test('is from five minutes before the end, or a tenth of a shorter life, and never before nine tenths', () => {
    const life = fc.integer({ min: 1, max: 10 * 24 * 3_600_000 })
    fc.assert(
      fc.property(life, fc.integer({ min: 0, max: 2_000_000_000_000 }), (lifeMs, obtainedAtMs) => {
        const token = { obtainedAtMs, expiresAtMs: obtainedAtMs + lifeMs }
        const dueMs = token.expiresAtMs - Math.min(300_000, lifeMs * 0.1)
        expect(isDue(token, Math.ceil(dueMs))).toBe(true)
        expect(isDue(token, Math.ceil(dueMs) - 1)).toBe(false)
        expect(isDue(token, obtainedAtMs)).toBe(false)
      }),
    )
    expect(isDue({ obtainedAtMs: 5, expiresAtMs: 5 }, 5)).toBe(true)
  })
})

describe('askIssuer()', () => {
  const request = { method: 'GET', url: 'https://id.example/a?secret', headers: {}, body: undefined }

  test('says the code of what failed and nothing else', async () => {
    const http = { request: () => Promise.reject(webFailure('HTTP_ENCODING', 'sekret')) }
    const said = await refusalOf(() => askIssuer(http, { ...request, signal: AbortSignal.timeout(1000) }))
    expect(said).toBe('E_CREDENTIAL id.example gave no answer: HTTP_ENCODING (Try again when it can be reached.)')
  })

  test('sends nothing without TLS but to this machine', async () => {
    const seen: string[] = []
    const http = {
      request: async ({ url }: { readonly url: string }) => {
        seen.push(url)
        return { status: 200, headers: {}, body: new Uint8Array() }
      },
    }
    const ask = (url: string) => askIssuer(http, { ...request, url, signal: AbortSignal.timeout(1000) })
    expect(await refusalOf(() => ask('http://id.example/a'))).toContain('over https alone')
    expect(await refusalOf(() => ask('no url'))).toContain('over https alone')
    await ask('https://id.example/a')
    await ask('http://127.0.0.1/a')
    expect(seen).toEqual(['https://id.example/a', 'http://127.0.0.1/a'])
  })

  test('rejects with the reason of who has left', async () => {
    const signal = AbortSignal.abort(new Error('left'))
    const http = { request: () => Promise.reject(webFailure('HTTP_ENCODING', 'sekret')) }
    await expect(askIssuer(http, { ...request, signal })).rejects.toThrow('left')
  })
})
