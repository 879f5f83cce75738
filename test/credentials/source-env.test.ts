import { describe, expect, test } from 'vitest'
import { createEnvSource } from '../../runtime/credentials/sources/source-env.ts'
import { asked, refusalOf, VALUE_RULES } from '../support/secret-parts.ts'

const source = (environment: Record<string, string | undefined>, name = 'TOKEN') =>
  createEnvSource('github', name, { ...VALUE_RULES, environment })

describe('{ env: NAME }', () => {
  test('is one value for all users, trimmed, with a version that tells nothing of it', async () => {
    const found = await source({ TOKEN: ' token-12345\n' }).fetch(asked())
    expect(found).toEqual({
      credential: 'github',
      user: 'alice',
      value: 'token-12345',
      version: expect.stringMatching(/^h[0-9a-f]{32}$/),
      related: [],
      expiresAtMs: undefined,
      scopes: undefined,
    })
    const bobs = await source({ TOKEN: 'token-12345' }).fetch(asked({ user: 'bob' }))
    expect(bobs).toMatchObject({ user: 'bob', version: found.version })
    expect((await source({ TOKEN: 'token-12346' }).fetch(asked())).version).not.toBe(found.version)
    expect(source({}).isPerUser).toBe(false)
  })

  test.each<[string, Record<string, string | undefined>, string, RegExp]>([
    ['what is not set', {}, 'TOKEN', /TOKEN, which is not set \(Set TOKEN/],
    ['what is empty', { TOKEN: ' ' }, 'TOKEN', /not set/],
    ['a name of the prototype', {}, 'constructor', /not set/],
    ['several lines', { TOKEN: 'token-1\ntoken-2' }, 'TOKEN', /several lines/],
    ['a control character', { TOKEN: 'token-1\u0001' }, 'TOKEN', /control character/],
    ['what no header takes', { TOKEN: 'x'.repeat(16 * 1024 + 1) }, 'TOKEN', /longer than 16384/],
  ])('refuses %s', async (_name, environment, name, words) => {
    const said = await refusalOf(() => source(environment, name).fetch(asked()))
    expect(said).toMatch(words)
    expect(said).not.toContain('token-1')
  })

  test('has no other value for a server that refused this one', async () => {
    const env = source({ TOKEN: 'token-12345' })
    const { version } = await env.fetch(asked())
    expect(await refusalOf(() => env.fetch(asked({ rejected: version })))).toMatch(/refused.*has no other/)
    expect(await env.fetch(asked({ rejected: 'another' }))).toMatchObject({ version })
  })
})
