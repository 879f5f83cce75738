import { describe, expect, test } from 'vitest'

import type { SecretSource } from '../../runtime/credentials/secret.ts'
import { createStoreSource } from '../../runtime/credentials/sources/source-store.ts'
import { SECRET_GRACE_MS } from '../../runtime/limits.ts'
import { temporaryStore } from '../support/store.ts'
import type { TemporaryStore } from '../support/store.ts'

const signal = new AbortController().signal

function sourceOf({ store, clock }: TemporaryStore): SecretSource {
  return createStoreSource({ store, clock, credential: 'github' })
}

/** The version and the value, or what the refusal says. */
async function fetched(source: SecretSource, rejected?: string, user = 'alice'): Promise<string> {
  try {
    const { version, value } = await source.fetch({ user, signal, ...(rejected !== undefined && { rejected }) })
    return `${version} ${value}`
  } catch (thrown) {
    const { code, message } = thrown as { readonly code?: string; readonly message: string }
    return `${code}: ${message.replaceAll(/\S*\/credentials.db/g, 'FILE')}`
  }
}

function put({ store }: TemporaryStore, value: string, more: { readonly expiresAtMs?: number } = {}): number {
  return store.put('alice', 'github', { value, ...more }, 'current')
}

describe('a source over the store', () => {
  test('says what it is without opening anything', async () => {
    using at = await temporaryStore()
    expect(sourceOf(at)).toMatchObject({ origin: `the store ${at.path}`, isPerUser: true })
  })

  test('gives the current version with all that belongs to it, and notes its use', async () => {
    using at = await temporaryStore()
    const expiresAtMs = at.clock.now() + 1
    const related = { refreshToken: 'a refresh token', clientSecret: 'a client secret' }
    at.store.put('alice', 'github', { value: 'the value', related, expiresAtMs, scopes: ['repo'] }, 'current')
    expect(await sourceOf(at).fetch({ user: 'alice', signal })).toEqual({
      credential: 'github',
      user: 'alice',
      version: '1',
      value: 'the value',
      related: ['a refresh token', 'a client secret'],
      expiresAtMs,
      scopes: ['repo'],
    })
    expect(at.store.list('alice')[0]?.lastUsedAtMs).toBe(at.clock.now())
  })

  test('keeps to the version that it gave first, in this run and for this user', async () => {
    using at = await temporaryStore()
    put(at, 'the first value')
    at.store.put('bob', 'github', { value: 'the value of bob' }, 'current')
    const source = sourceOf(at)
    expect(await fetched(source)).toBe('1 the first value')
    put(at, 'the second value')
    at.store.put('bob', 'github', { value: 'the new value of bob' }, 'current')
    expect(await fetched(source)).toBe('1 the first value')
    expect(await fetched(source, undefined, 'bob')).toBe('2 the new value of bob')
    expect(await fetched(sourceOf(at))).toBe('2 the second value')
  })

  test('falls forward once when it is rejected, also for calls that ran side by side', async () => {
    using at = await temporaryStore()
    put(at, 'the first value')
    const source = sourceOf(at)
    await fetched(source)
    put(at, 'the second value')
    expect(await fetched(source, '1')).toBe('2 the second value')
    expect(await fetched(source, '1')).toBe('2 the second value')
    expect(await fetched(source)).toBe('2 the second value')
    put(at, 'the third value')
    expect(await fetched(source, '2')).toBe(
      'E_CREDENTIAL: the server rejected two versions of the credential github of alice, or they are gone',
    )
    // Another run begins with it.
    expect(await fetched(sourceOf(at))).toBe('3 the third value')
  })

  test('has nothing else while there is no newer version', async () => {
    using at = await temporaryStore()
    put(at, 'the first value')
    const source = sourceOf(at)
    await fetched(source)
    const refused = 'E_CREDENTIAL: the server rejected version 1 of the credential github of alice'
    expect(await fetched(source, '1')).toBe(refused)
    expect(await fetched(sourceOf(at), '1')).toBe(refused)
    at.store.put('alice', 'github', { value: 'what only waits' }, 'next')
    expect(await fetched(source, '1')).toBe(refused)
    at.store.promote('alice', 'github', 2)
    expect(await fetched(source, '1')).toBe('2 what only waits')
  })

  test.each<[string, (at: TemporaryStore) => void]>([
    ['its grace is over', (at) => at.clock.go(SECRET_GRACE_MS)],
    ['it was destroyed', (at) => at.store.destroy('alice', 'github', 1)],
    ['it expired', (at) => at.clock.go(1_000)],
  ])('falls forward once when %s', async (_, end) => {
    using at = await temporaryStore()
    put(at, 'the first value', { expiresAtMs: at.clock.now() + 1_000 })
    const source = sourceOf(at)
    await fetched(source)
    put(at, 'the second value')
    expect(await fetched(source)).toBe('1 the first value')
    end(at)
    expect(await fetched(source)).toBe('2 the second value')
    put(at, 'the third value')
    expect(await fetched(source, '2')).toMatch(/^E_CREDENTIAL: the server rejected two versions/)
  })

  test('says what is missing, and for whom', async () => {
    using at = await temporaryStore()
    const source = sourceOf(at)
    expect(await fetched(source)).toBe('E_CREDENTIAL: the store FILE holds no value for the credential github of alice')
    put(at, 'the first value', { expiresAtMs: at.clock.now() })
    expect(await fetched(source)).toBe('E_CREDENTIAL: version 1 of the credential github of alice has expired')
    expect(await fetched(source, undefined, 'bob')).toMatch(/holds no value for the credential github of bob$/)
  })

  test('does nothing for a run that is over', async () => {
    using at = await temporaryStore()
    put(at, 'the first value')
    const over = sourceOf(at).fetch({ user: 'alice', signal: AbortSignal.abort(new Error('over')) })
    await expect(over).rejects.toThrow('over')
    expect(at.store.list('alice')[0]?.lastUsedAtMs).toBeUndefined()
  })
})
