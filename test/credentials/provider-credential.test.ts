import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { resolveProvider } from '../../runtime/credentials/provider-credential.ts'
import type { ProviderQuestion } from '../../runtime/credentials/provider-credential.ts'
import { EMPTY_CONFIG, parseConfig } from '../../runtime/definition/config.ts'
import { RunAgentError } from '../../runtime/errors.ts'
import { deepText } from '../support/provider-imitation.ts'
import { liveSecret } from '../support/secrets.ts'

const SECRET = 'sk-imitation-0123456789'

/** `config` as the operator would write it, but in JSON. */
function question(config: object, more: Partial<ProviderQuestion> = {}): ProviderQuestion {
  return {
    model: 'openai/gpt-5.6-luna',
    config:
      Object.keys(config).length === 0
        ? EMPTY_CONFIG
        : parseConfig({ file: 'config.yaml', text: JSON.stringify(config) }),
    environment: { OPENAI_API_KEY: SECRET },
    assertUsable: async () => undefined,
    secretOf: async (credential) => liveSecret(credential, SECRET),
    ...more,
  }
}

async function headersFrom(asked: ProviderQuestion): Promise<Record<string, string>> {
  const headers = new Headers()
  await (await resolveProvider(asked)).dress(headers)
  return Object.fromEntries(headers)
}

const local = { baseURL: 'http://127.0.0.1:11434/v1/', api: 'chat' } as const

describe('resolveProvider()', () => {
  test('finds OpenAI with the key of the environment and nothing else', async () => {
    const found = await resolveProvider(question({}))
    expect(found).toMatchObject({
      provider: 'openai',
      name: 'gpt-5.6-luna',
      baseURL: 'https://api.openai.com/v1',
      api: 'responses',
    })
    expect(await headersFrom(question({}))).toEqual({ authorization: `Bearer ${SECRET}` })
    expect((await resolveProvider(question({ providers: { openai: { api: 'chat' } } }))).api).toBe('chat')
  })

  test('holds the secret nowhere but in its closures', async () => {
    const found = await resolveProvider(question({}))
    const seen = [deepText(found), JSON.stringify(found), inspect(found, { depth: 20, showHidden: true })].join('\n')
    expect(seen).not.toContain(SECRET)
    expect(seen).not.toContain(SECRET.slice(3))
    // The control: the same inspection finds a secret that is held.
    expect(deepText({ ...found, secret: SECRET })).toContain(SECRET)
  })

  test('sends the key of the environment to no other server', async () => {
    expect(await headersFrom(question({ providers: { openai: { baseURL: 'https://other.example/v1' } } }))).toEqual({})
    expect(await headersFrom(question({ providers: { local } }, { model: 'local/m' }))).toEqual({})
  })

  test('keeps slashes in a model name and none at the end of the base', async () => {
    expect(await resolveProvider(question({ providers: { local } }, { model: 'local/meta/llama' }))).toMatchObject({
      name: 'meta/llama',
      baseURL: 'http://127.0.0.1:11434/v1',
    })
  })

  test.each([
    [undefined, { authorization: `Bearer ${SECRET}` }],
    [{ header: 'api-key', format: '{secret}' }, { 'api-key': SECRET }],
    [{ basic: 'me' }, { authorization: `Basic ${Buffer.from(`me:${SECRET}`).toString('base64')}` }],
  ])('dresses with %j', async (inject, expected) => {
    const key = { source: { env: 'LOCAL_KEY' }, inject }
    const config = { providers: { local: { ...local, credential: 'key' } }, credentials: { key } }
    expect(await headersFrom(question(config, { model: 'local/m' }))).toEqual(expected)
  })

  const withKey = (key: object): object => ({
    providers: { openai: { credential: 'key' } },
    credentials: { key: { source: { env: 'OPENAI_API_KEY' }, ...key } },
  })

  test.each<[string, object, Partial<ProviderQuestion>, string, RegExp]>([
    ['no key', {}, { environment: {} }, 'E_PROVIDER', /OPENAI_API_KEY is not set/],
    ['an empty key', {}, { environment: { OPENAI_API_KEY: ' ' } }, 'E_PROVIDER', /OPENAI_API_KEY is not set/],
    ['an unknown provider', {}, { model: 'acme/m' }, 'E_PROVIDER', /acme is not configured/],
    ['a name from the prototype', { providers: {} }, { model: 'constructor/m' }, 'E_PROVIDER', /not configured/],
    ['no provider', {}, { model: 'gpt-5' }, 'E_PROVIDER', /names no provider/],
    ['no name', {}, { model: 'openai/' }, 'E_PROVIDER', /names no provider/],
    ['no base', { providers: { acme: {} } }, { model: 'acme/m' }, 'E_PROVIDER', /no baseURL/],
    [
      'a secret that cannot be had',
      withKey({}),
      { secretOf: () => Promise.reject(new RunAgentError('E_CREDENTIAL', 'not there')) },
      'E_PROVIDER',
      /not there/,
    ],
    [
      'a credential that may not be used, whatever its value',
      withKey({}),
      { assertUsable: () => Promise.reject(new RunAgentError('E_CREDENTIAL', 'not for you')) },
      'E_CREDENTIAL',
      /not for you/,
    ],
    [
      'the variable of a credential that another provider has',
      {
        providers: { work: { ...local, credential: 'work' } },
        credentials: { work: { source: { env: 'OPENAI_API_KEY' } } },
      },
      { model: 'openai/gpt-5' },
      'E_PROVIDER',
      /OPENAI_API_KEY is the credential work/,
    ],
    ['a slot in the query', withKey({ inject: { query: 'key' } }), {}, 'E_PROVIDER', /written to a query/],
    ['a short secret', {}, { environment: { OPENAI_API_KEY: 'abc' } }, 'E_CREDENTIAL', /shorter than 6/],
    [
      'a secret of two lines',
      {},
      { environment: { OPENAI_API_KEY: `${SECRET}\r\nx: y` } },
      'E_CREDENTIAL',
      /no header can carry/,
    ],
    [
      'OPENAI_BASE_URL',
      {},
      { environment: { OPENAI_API_KEY: SECRET, OPENAI_BASE_URL: 'http://x/' } },
      'E_PROVIDER',
      /OPENAI_BASE_URL/,
    ],
  ])('refuses %s', async (_name, config, more, code, message) => {
    const thrown: unknown = await resolveProvider(question(config, more)).catch((error: unknown) => error)
    expect(thrown).toMatchObject({ code, message: expect.stringMatching(message) })
    expect(deepText(thrown)).not.toContain(SECRET)
  })

  test('takes the value anew for each request, asks each time whether it may, and keeps all of them from showing', async () => {
    let [value, mayUse] = [SECRET, true]
    const { dress, scrub } = await resolveProvider(
      question(withKey({}), {
        assertUsable: async () => {
          if (!mayUse) throw new RunAgentError('E_CREDENTIAL', 'revoked')
        },
        secretOf: async (credential) => liveSecret(credential, value, { version: value.slice(-1) }),
      }),
    )
    const headers = new Headers()
    await dress(headers)
    expect([...headers.values()].join()).toContain(SECRET)
    value = 'sk-the-next-0123456788'
    await dress(headers)
    expect([...headers.values()].join()).toContain(value)
    expect(scrub(`${SECRET} ${value}`)).not.toMatch(/sk-/)
    mayUse = false
    await expect(dress(headers)).rejects.toThrow('revoked')
  })
})
