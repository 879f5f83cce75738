import { copyFileSync } from 'node:fs'
import { inspect } from 'node:util'

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import type { NewSecret } from '../../runtime/credentials/store/secret-payload.ts'
import { SecretStore } from '../../runtime/credentials/store/secret-store.ts'
import { openStoreKey } from '../../runtime/credentials/store/store-key.ts'
import { SECRET_GRACE_MS, SECRET_USED_STEP_MS } from '../../runtime/limits.ts'
import { bytesOf, formsOf, keyFileSource, temporaryPlace, temporaryStore } from '../support/store.ts'
import type { TemporaryStore } from '../support/store.ts'

const DAY_MS = 24 * 60 * 60_000

function refusal(message: RegExp): unknown {
  return expect.objectContaining({ code: 'E_CREDENTIAL', message: expect.stringMatching(message) as unknown })
}

function statesOf({ store }: TemporaryStore, user = 'alice'): readonly string[] {
  return store.list(user).map(({ credential, version, state }) => `${credential} ${version} ${state}`)
}

const put = (at: TemporaryStore, value: string, state: 'next' | 'current' = 'current'): number =>
  at.store.put('alice', 'github', { value }, state)

describe('a version', () => {
  test('is read with all that belongs to it', async () => {
    using at = await temporaryStore()
    const secret: NewSecret = {
      value: 'an access token',
      related: { refreshToken: 'a refresh token' },
      meta: { issuer: 'https://issuer.example' },
      expiresAtMs: at.clock.now() + DAY_MS,
      scopes: ['repo', 'user'],
    }
    expect(at.store.put('alice', 'github', secret, 'current')).toBe(1)
    const found = at.store.read('alice', 'github')
    expect(found).toEqual({ ...secret, user: 'alice', credential: 'github', version: 1, state: 'current' })
    expect([at.store.read('alice', 'other'), at.store.read('bob', 'github')]).toEqual([undefined, undefined])
  })

  test('goes from next to current to previous to destroyed', async () => {
    using at = await temporaryStore()
    put(at, 'the first value')
    put(at, 'the second value', 'next')
    expect(statesOf(at)).toEqual(['github 1 current', 'github 2 next'])
    expect(at.store.read('alice', 'github')?.value).toBe('the first value')
    expect(at.store.read('alice', 'github', 'next')?.value).toBe('the second value')
    // Pinned by number, what waits cannot be used yet.
    expect(at.store.read('alice', 'github', 2)).toBeUndefined()
    at.store.promote('alice', 'github', 2)
    expect(statesOf(at)).toEqual(['github 1 previous', 'github 2 current'])
    expect(at.store.read('alice', 'github')?.value).toBe('the second value')
    expect(at.store.read('alice', 'github', 1)?.value).toBe('the first value')
    at.store.promote('alice', 'github', 2)
    expect(statesOf(at)).toEqual(['github 1 previous', 'github 2 current'])
    expect(at.store.destroy('alice', 'github', 1)).toBe(true)
    expect(at.store.destroy('alice', 'github', 1)).toBe(false)
    expect(at.store.destroy('alice', 'github', 9)).toBe(false)
    expect(at.store.read('alice', 'github', 1)).toBeUndefined()
    expect(statesOf(at)).toEqual(['github 1 destroyed', 'github 2 current'])
  })

  test('that is previous is read for as long as its grace, and destroyed at the next chance', async () => {
    using at = await temporaryStore()
    put(at, 'the first value')
    put(at, 'the second value')
    at.clock.go(SECRET_GRACE_MS - 1)
    expect(at.store.destroyLapsed('alice', 'github')).toBe(0)
    expect(at.store.read('alice', 'github', 1)?.value).toBe('the first value')
    at.clock.go(1)
    expect(at.store.read('alice', 'github', 1)).toBeUndefined()
    put(at, 'the third value')
    expect(statesOf(at)).toEqual(['github 1 destroyed', 'github 2 previous', 'github 3 current'])
    at.clock.go(SECRET_GRACE_MS)
    expect(at.store.destroyLapsed('alice', 'github')).toBe(1)
  })

  test('that waited is destroyed by what takes its place', async () => {
    using at = await temporaryStore()
    put(at, 'the first value', 'next')
    put(at, 'the second value', 'next')
    expect(statesOf(at)).toEqual(['github 1 destroyed', 'github 2 next'])
    put(at, 'the third value')
    expect(statesOf(at)).toEqual(['github 1 destroyed', 'github 2 destroyed', 'github 3 current'])
    expect(() => at.store.promote('alice', 'github', 2)).toThrow(refusal(/is destroyed, not next/))
    expect(() => at.store.promote('alice', 'github', 4)).toThrow(refusal(/is missing, not next/))
  })

  test('has a number that never comes again', async () => {
    using at = await temporaryStore()
    put(at, 'the first value')
    at.store.destroy('alice', 'github', 1)
    expect(put(at, 'the second value')).toBe(2)
    expect(at.store.put('alice', 'other', { value: 'another' }, 'current')).toBe(1)
  })

  test.each(['', 'a\nb', 'a\0', '\ud800', 'x'.repeat(257)])('has no name like %j', async (name) => {
    using at = await temporaryStore()
    const wrong = refusal(/the name of a (tenant|user|credential) is empty, too long/)
    expect(() => at.store.put(name, 'github', { value: 'a value' }, 'current')).toThrow(wrong)
    expect(() => at.store.read('alice', name)).toThrow(wrong)
    expect(() => at.store.list(name)).toThrow(wrong)
    expect(() => at.storeOf({ tenant: name })).toThrow(wrong)
    expect(at.store.put('x'.repeat(256), 'github', { value: 'a value' }, 'current')).toBe(1)
  })

  test('that could not be withheld is not taken', async () => {
    using at = await temporaryStore()
    expect(() => put(at, 'short')).toThrow(refusal(/shorter than 6/))
    expect(statesOf(at)).toEqual([])
  })
})

describe('list()', () => {
  test('shows times, and never a value', async () => {
    using at = await temporaryStore()
    const [value, refreshToken] = ['sk-live-0123456789', 'rt-live-9876543210']
    const start = at.clock.now()
    at.store.put('alice', 'github', { value, related: { refreshToken }, expiresAtMs: start + 5 }, 'current')
    at.clock.go(1)
    expect(at.store.markExposed('alice', 'github', 1)).toBe(true)
    at.clock.go(1)
    expect(at.store.markExposed('alice', 'github', 1)).toBe(true)
    expect(at.store.markExposed('alice', 'github', 2)).toBe(false)
    at.store.markUsed('alice', 'github', 1)
    at.clock.go(SECRET_USED_STEP_MS - 1)
    at.store.markUsed('alice', 'github', 1)
    expect(at.store.list('alice')).toEqual([
      {
        user: 'alice',
        credential: 'github',
        version: 1,
        state: 'current',
        createdAtMs: start,
        expiresAtMs: start + 5,
        exposedAtMs: start + 1,
        lastUsedAtMs: start + 2,
      },
    ])
    at.clock.go(1)
    at.store.markUsed('alice', 'github', 1)
    expect(at.store.list('alice')[0]?.lastUsedAtMs).toBe(start + 2 + SECRET_USED_STEP_MS)
    const shown = inspect([at.store, at.store.list('alice'), at.store.due('alice', start, 0)], { depth: 9 })
    for (const secret of [value, refreshToken]) expect(shown).not.toContain(secret)
  })
})

describe('due()', () => {
  test('finds what is old or exposed, until it was rotated once', async () => {
    using at = await temporaryStore()
    const due = (): readonly string[] =>
      at.store.due('alice', at.clock.now(), 7).map(({ credential, version }) => `${credential} ${version}`)
    put(at, 'the first value')
    at.store.put('bob', 'github', { value: 'the value of bob' }, 'current')
    at.clock.go(7 * DAY_MS - 1)
    at.store.put('alice', 'fresh', { value: 'a fresh value' }, 'current')
    expect(due()).toEqual([])
    at.clock.go(1)
    expect(due()).toEqual(['github 1'])
    expect(due()).toEqual(['github 1'])
    at.store.markExposed('alice', 'fresh', 1)
    expect(due()).toEqual(['fresh 1', 'github 1'])
    const rotate = (): void => {
      for (const { credential } of at.store.due('alice', at.clock.now(), 7)) {
        at.store.promote('alice', credential, at.store.put('alice', credential, { value: 'a new value' }, 'next'))
      }
    }
    rotate()
    const rotated = statesOf(at)
    expect(rotated).toEqual(['fresh 1 previous', 'fresh 2 current', 'github 1 previous', 'github 2 current'])
    rotate()
    expect(statesOf(at)).toEqual(rotated)
    expect(() => at.store.due('alice', at.clock.now(), Number.NaN)).toThrow(
      expect.objectContaining({ code: 'E_USAGE' }),
    )
  })
})

describe('the file', () => {
  const values = ['sk-live-Zm9vYmFy0123456789', 'päss wörd “quoted” 0123456789']

  test('holds no form of a secret, while it lives and after', async () => {
    using at = await temporaryStore()
    const forms = values.flatMap((value) => formsOf(value))
    expect(forms.every(([, bytes]) => bytes.length > 12)).toBe(true)
    const assertNone = (): void => {
      const bytes = bytesOf(at.path)
      // What must be in it is found by the same means.
      expect(bytes.includes('github')).toBe(true)
      for (const [form, found] of forms) expect([form, bytes.includes(found)]).toEqual([form, false])
    }
    for (const [index, value] of values.entries()) {
      at.store.put('alice', 'github', { value, related: { value }, meta: { value }, scopes: [value] }, 'current')
      at.store.read('alice', 'github')
      assertNone()
      at.store.put('alice', 'github', { value: `${value} more` }, 'next')
      at.store.promote('alice', 'github', index * 2 + 2)
      at.store.destroy('alice', 'github', index * 2 + 1)
      assertNone()
    }
    at.file.database.exec('VACUUM')
    assertNone()
    at.file.close()
    assertNone()
  })

  test('would show a secret that is not sealed', async () => {
    using at = await temporaryStore()
    for (const [form, bytes] of formsOf(values[0] ?? '')) {
      at.file.database.prepare('INSERT OR REPLACE INTO user_key VALUES (?, ?, ?)').run('t', form, bytes)
      expect([form, bytesOf(at.path).includes(bytes)]).toEqual([form, true])
    }
  })

  test('keeps of a destroyed version not one sealed byte', async () => {
    using at = await temporaryStore()
    // Larger than a page of SQLite, so that it lies in several.
    put(at, 'x'.repeat(20_000))
    const sealed = (): readonly Buffer[] =>
      at.file.database.prepare<[], Buffer[]>('SELECT wrapped_key, ciphertext FROM secret').raw().get() ?? []
    const [wrappedKey = Buffer.alloc(0), ciphertext = Buffer.alloc(0)] = sealed()
    const slices = [wrappedKey, ...Array.from({ length: 20 }, (_, n) => ciphertext.subarray(n * 1000, n * 1000 + 64))]
    const left = (): number => slices.filter((slice) => bytesOf(at.path).includes(slice)).length
    expect(left()).toBeGreaterThan(18)
    at.store.destroy('alice', 'github', 1)
    expect(left()).toBe(0)
    expect(sealed().map((bytes) => bytes.every((byte) => byte === 0))).toEqual([true, true])
  })

  test('opens for nobody who stole it', async () => {
    using at = await temporaryStore()
    using thief = temporaryPlace()
    put(at, 'sk-live-0123456789')
    for (const suffix of ['', '-wal', '-shm']) copyFileSync(at.path + suffix, thief.path + suffix)
    const stolen = thief.open()
    await expect(openStoreKey(stolen, keyFileSource())).rejects.toThrow(refusal(/does not open the store/))
    // With a key of their own in the place of ours, the rows remain.
    stolen.database.exec('DELETE FROM store_key')
    const key = await openStoreKey(stolen, keyFileSource())
    const theirs = new SecretStore(stolen, { key, clock: at.clock })
    expect(() => theirs.read('alice', 'github')).toThrow(refusal(/the key of alice .* does not open/))
    stolen.database.exec('PRAGMA foreign_keys = OFF; DELETE FROM user_key')
    theirs.put('alice', 'other', { value: 'a value of theirs' }, 'current')
    expect(() => theirs.read('alice', 'github')).toThrow(refusal(/does not open/))
    // The owner's key opens the copy.
    using again = temporaryPlace()
    for (const suffix of ['', '-wal', '-shm']) copyFileSync(at.path + suffix, again.path + suffix)
    const copy = again.open()
    const own = new SecretStore(copy, { key: await openStoreKey(copy, at.source), clock: at.clock })
    expect(own.read('alice', 'github')?.value).toBe('sk-live-0123456789')
  })
})

describe('who can write to the file', () => {
  const columns = ['tenant', 'user', 'credential', 'version'] as const
  type Row = Readonly<Record<(typeof columns)[number], string | number>>

  async function filled(): Promise<TemporaryStore> {
    const at = await temporaryStore()
    for (const tenant of ['local', 'acme']) {
      const store = at.storeOf({ tenant })
      for (const user of ['alice', 'bob']) {
        for (const credential of ['github', 'linear']) {
          for (const version of [1, 2]) {
            store.put(user, credential, { value: `${tenant} ${user} ${credential} ${version}` }, 'current')
          }
        }
      }
    }
    return at
  }

  test('cannot give a secret to another tenant, user, credential or version', async () => {
    using at = await filled()
    const { database } = at.file
    const rows = database.prepare<[], Row>('SELECT tenant, user, credential, version FROM secret').all()
    const where = 'tenant = @tenant AND user = @user AND credential = @credential AND version = @version'
    const sealedOf = database.prepare<[Row], { wrapped_key: Buffer; ciphertext: Buffer }>(
      `SELECT wrapped_key, ciphertext FROM secret WHERE ${where}`,
    )
    const overwrite = database.prepare(
      `UPDATE secret SET wrapped_key = @wrapped_key, ciphertext = @ciphertext WHERE ${where}`,
    )
    const read = (row: Row): unknown =>
      at.storeOf({ tenant: String(row.tenant) }).read(String(row.user), String(row.credential), Number(row.version))
        ?.value
    let moved = 0
    for (const from of rows) {
      for (const to of rows.filter((row) => columns.filter((column) => row[column] !== from[column]).length === 1)) {
        const own = sealedOf.get(to)
        expect(read(to)).toBe(`${to.tenant} ${to.user} ${to.credential} ${to.version}`)
        overwrite.run({ ...to, ...sealedOf.get(from) })
        expect(() => read(to)).toThrow(refusal(/does not open/))
        overwrite.run({ ...to, ...own })
        moved += 1
      }
    }
    expect(moved).toBe(16 * 4)
  })

  test('cannot give a user the key of another, with or without the secrets', async () => {
    using at = await filled()
    at.file.database.exec(`UPDATE user_key SET wrapped =
      (SELECT wrapped FROM user_key WHERE tenant = 'local' AND user = 'bob') WHERE tenant = 'local' AND user = 'alice'`)
    expect(() => at.store.read('alice', 'github')).toThrow(refusal(/the key of alice .* does not open/))
    expect(() => at.store.put('alice', 'github', { value: 'a new value' }, 'current')).toThrow(refusal(/does not open/))
    expect(at.store.read('bob', 'github')?.value).toBe('local bob github 2')
  })

  test('cannot rename a user', async () => {
    using at = await filled()
    at.file.database.exec(`PRAGMA foreign_keys = OFF;
      DELETE FROM secret WHERE user = 'alice'; DELETE FROM user_key WHERE user = 'alice';
      UPDATE secret SET user = 'alice' WHERE user = 'bob'; UPDATE user_key SET user = 'alice' WHERE user = 'bob'`)
    expect(() => at.store.read('alice', 'github')).toThrow(refusal(/does not open/))
  })

  test('cannot change any byte unnoticed', async () => {
    using at = await temporaryStore()
    put(at, 'a value to change')
    const { database } = at.file
    const select = (column: string): Buffer =>
      database.prepare<[], Buffer>(`SELECT ${column} FROM secret`).pluck().get() ?? Buffer.alloc(0)
    fc.assert(
      fc.property(fc.constantFrom('wrapped_key', 'ciphertext'), fc.nat(10_000), (column, bit) => {
        const bytes = select(column)
        const changed = Buffer.from(bytes)
        const index = Math.floor(bit / 8) % changed.length
        changed[index] = (changed[index] ?? 0) ^ (1 << (bit % 8))
        const set = database.prepare(`UPDATE secret SET ${column} = ?`)
        set.run(changed)
        expect(() => at.store.read('alice', 'github')).toThrow(refusal(/does not open/))
        set.run(bytes)
        expect(at.store.read('alice', 'github')?.value).toBe('a value to change')
      }),
      { numRuns: 60 },
    )
  })
})

describe('several processes', () => {
  test('number their versions one after the other', async () => {
    using at = await temporaryStore()
    const other = new SecretStore(at.open(), { key: at.key, clock: at.clock })
    const versions = Array.from({ length: 10 }, (_, n) =>
      (n % 2 === 0 ? at.store : other).put('alice', 'github', { value: `value number ${n}` }, 'current'),
    )
    expect(versions).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    expect(at.store.read('alice', 'github')?.value).toBe('value number 9')
  })

  test('a write that is refused changes nothing', async () => {
    using at = await temporaryStore()
    put(at, 'the first value')
    expect(() => at.store.put('alice', 'github', { value: 'a later value' }, 'current', 1)).toThrow(
      refusal(/was taken over/),
    )
    expect(statesOf(at)).toEqual(['github 1 current'])
  })
})
