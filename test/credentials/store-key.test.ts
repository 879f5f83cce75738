import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'

import { Encrypter, generateHybridIdentity, generateX25519Identity, identityToRecipient } from 'age-encryption'
import { describe, expect, test } from 'vitest'

import { newKeyText } from '../../runtime/credentials/store/key-source.ts'
import type { KeySource } from '../../runtime/credentials/store/key-source.ts'
import { SecretStore } from '../../runtime/credentials/store/secret-store.ts'
import { keyKindOf, openStoreKey, rewrap } from '../../runtime/credentials/store/store-key.ts'
import { SCRYPT_COST } from '../../runtime/limits.ts'
import { bytesOf, keyFileSource, standingClock, temporaryPlace, temporaryStore } from '../support/store.ts'

const VALUE = 'sk-live-0123456789'
const hasAge = spawnSync('age', ['--version']).status === 0

function refusal(message: RegExp): unknown {
  return expect.objectContaining({ code: 'E_CREDENTIAL', message: expect.stringMatching(message) as unknown })
}

async function ageSource(): Promise<KeySource> {
  return { kind: 'age-identity', text: `# a comment\n\n${await generateX25519Identity()}\n` }
}

function passphrase(text = `${Math.random()} is random`): KeySource {
  return { kind: 'passphrase', text }
}

const sources: readonly (readonly [string, () => Promise<KeySource>])[] = [
  ['a key file', async () => keyFileSource()],
  ['an age identity', ageSource],
  ['a passphrase', async () => passphrase()],
]

describe.each(sources)('a store that is opened by %s', (_, newSource) => {
  test('opens again with it, and with no other', async () => {
    using place = temporaryPlace()
    const file = place.open()
    expect(keyKindOf(file)).toBeUndefined()
    const source = await newSource()
    const key = await openStoreKey(file, source)
    expect(keyKindOf(file)).toBe(source.kind)
    new SecretStore(file, { key, clock: standingClock() }).put('alice', 'github', { value: VALUE }, 'current')
    const again = new SecretStore(file, { key: await openStoreKey(place.open(), source), clock: standingClock() })
    expect(again.read('alice', 'github')?.value).toBe(VALUE)
    await expect(openStoreKey(file, await newSource())).rejects.toThrow(refusal(/does not open the (store|key)/))
  })

  test('is opened by nothing of another kind', async () => {
    using place = temporaryPlace()
    const file = place.open()
    const source = await newSource()
    await openStoreKey(file, source)
    const others = [keyFileSource(), await ageSource(), passphrase()].filter(({ kind }) => kind !== source.kind)
    expect(others).toHaveLength(2)
    for (const other of others) await expect(openStoreKey(file, other)).rejects.toThrow(refusal(/is opened by an? /))
  })

  test('has a key of its own, and one that no table holds', async () => {
    using one = temporaryPlace()
    using other = temporaryPlace()
    const source = await newSource()
    const [first, second] = [one.open(), other.open()]
    await openStoreKey(first, source)
    await openStoreKey(second, source)
    const check = 'SELECT key_check, salt FROM store_key'
    expect(first.database.prepare(check).get()).not.toEqual(second.database.prepare(check).get())
    expect(bytesOf(one.path).includes(source.text.trim().slice(-20))).toBe(false)
  })

  test('is the same for all that make it at once', async () => {
    using place = temporaryPlace()
    const source = await newSource()
    const keys = await Promise.all([1, 2, 3].map(() => openStoreKey(place.open(), source)))
    expect(new Set(keys.map((key) => Buffer.from(key.deriveKey('p')).toString('hex'))).size).toBe(1)
  })
})

test('of two that make the key of one store from two sources one is refused', async () => {
  using place = temporaryPlace()
  const made = await Promise.allSettled([1, 2].map(() => openStoreKey(place.open(), keyFileSource())))
  expect(made.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
})

describe('a source that is not what it should be', () => {
  const one = 'AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33'

  test.each<[string, KeySource, RegExp]>([
    ['a short passphrase', passphrase('eleven char'), /fewer than 12 characters/],
    ['an empty passphrase', passphrase(''), /fewer than 12 characters/],
    ['an empty key file', { kind: 'key-file', text: '\n' }, /does not hold 32 bytes/],
    ['a key of 31 bytes', { kind: 'key-file', text: Buffer.alloc(31, 7).toString('base64url') }, /hold 32 bytes/],
    ['a key of 33 bytes', { kind: 'key-file', text: Buffer.alloc(33, 7).toString('base64url') }, /hold 32 bytes/],
    ['a key in base64', { kind: 'key-file', text: Buffer.alloc(32, 255).toString('base64') }, /hold 32 bytes/],
    ['two keys', { kind: 'key-file', text: newKeyText() + newKeyText() }, /hold 32 bytes/],
    ['no identity', { kind: 'age-identity', text: '# public key: age1xyz\n' }, /holds no age identity/],
    ['two identities', { kind: 'age-identity', text: `${one}\n${one}\n` }, /more than one line/],
    ['an identity with a typing error', { kind: 'age-identity', text: one.replace('GQ97', 'GQ79') }, /no valid age/],
    [
      'a recipient',
      { kind: 'age-identity', text: 'age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj' },
      /no age/,
    ],
  ])('%s is refused, and not quoted', async (_, source, message) => {
    using place = temporaryPlace()
    const file = place.open()
    const refused = openStoreKey(file, source)
    await expect(refused).rejects.toThrow(refusal(message))
    const shown = inspect(await refused.catch((error: unknown) => error), { depth: 9 })
    const words = source.text.split(/\s+/).filter((word) => word.length > 4)
    for (const word of words.filter((word) => word !== 'public')) expect(shown).not.toContain(word)
    expect(keyKindOf(file)).toBeUndefined()
  })

  test('an identity of another kind is refused', async () => {
    using place = temporaryPlace()
    const source: KeySource = { kind: 'age-identity', text: await generateHybridIdentity() }
    await expect(openStoreKey(place.open(), source)).rejects.toThrow(refusal(/holds no age identity/))
  })

  test('twelve characters are enough, and spelling them in another form of Unicode does not matter', async () => {
    using place = temporaryPlace()
    await openStoreKey(place.open(), passphrase('Grüße an Anné'.normalize('NFC')))
    await expect(openStoreKey(place.open(), passphrase('Grüße an Anné'.normalize('NFD')))).resolves.toBeDefined()
  })

  test('guessing a passphrase costs as much as it should', async () => {
    using place = temporaryPlace()
    const file = place.open()
    await openStoreKey(file, passphrase('the first of them'))
    const start = performance.now()
    await expect(openStoreKey(file, passphrase('the second of them'))).rejects.toThrow(/does not open/)
    expect(SCRYPT_COST).toBe(131_072)
    expect(performance.now() - start).toBeGreaterThan(50)
  })
})

describe('deriveKey()', () => {
  test('gives 32 bytes for each purpose, the same whenever the store is opened, others for another store', async () => {
    using at = await temporaryStore()
    using other = await temporaryStore()
    const grant = at.key.deriveKey('grant-root')
    expect(grant).toHaveLength(32)
    expect((await openStoreKey(at.open(), at.source)).deriveKey('grant-root')).toEqual(grant)
    expect(at.key.deriveKey('fingerprint')).not.toEqual(grant)
    expect(other.key.deriveKey('grant-root')).not.toEqual(grant)
    expect(bytesOf(at.path).includes(grant)).toBe(false)
  })

  test('a key shows itself in no log', async () => {
    using at = await temporaryStore()
    const shown = inspect(at.key, { depth: 9, showHidden: true }) + JSON.stringify(at.key)
    expect(shown).toMatch(/^StoreKey \{ kind: 'key-file' \}\{"kind":"key-file"\}$/)
  })
})

describe('rewrap()', () => {
  const secrets = 'SELECT * FROM secret ORDER BY user, version'

  test.each(sources)('opens by %s what was sealed, without sealing it anew', async (_, newSource) => {
    using at = await temporaryStore()
    for (const user of ['alice', 'bob']) at.store.put(user, 'github', { value: VALUE + user }, 'current')
    const wrapped = at.file.database.prepare<[], Buffer>('SELECT wrapped FROM user_key').pluck().all()
    const row = at.file.database.prepare<[], Buffer[]>('SELECT salt, key_check, root FROM store_key').raw().get() ?? []
    const before = at.file.database.prepare(secrets).all()
    const root = at.key.deriveKey('grant-root')
    const source = await newSource()
    const key = await rewrap(at.file, at.key, source)
    expect(at.file.database.prepare(secrets).all()).toEqual(before)
    for (const opened of [key, await openStoreKey(at.open(), source)]) {
      const store = at.storeOf({ key: opened })
      expect(['alice', 'bob'].map((user) => store.read(user, 'github')?.value)).toEqual([
        `${VALUE}alice`,
        `${VALUE}bob`,
      ])
      expect(opened.deriveKey('grant-root')).toEqual(root)
    }
    await expect(openStoreKey(at.file, at.source)).rejects.toThrow(refusal(/does not open|is opened by/))
    expect([wrapped, row]).toMatchObject([{ length: 2 }, { length: 3 }])
    for (const bytes of [...wrapped, ...row]) expect(bytesOf(at.path).includes(bytes)).toBe(false)
  })

  test('ends the use of the old key in every process that had it open', async () => {
    using at = await temporaryStore()
    at.store.put('alice', 'github', { value: VALUE }, 'current')
    const elsewhere = at.open()
    await rewrap(elsewhere, at.key, keyFileSource())
    const changed = refusal(/was changed by another process/)
    expect(() => at.store.read('alice', 'github')).toThrow(changed)
    // Sealed under the old key, it would be lost.
    expect(() => at.store.put('carol', 'github', { value: VALUE }, 'current')).toThrow(changed)
    await expect(rewrap(at.file, at.key, keyFileSource())).rejects.toThrow(changed)
    expect(at.file.database.prepare('SELECT count(*) FROM user_key').pluck().get()).toBe(1)
  })

  test('changes nothing where one user key was tampered with', async () => {
    using at = await temporaryStore()
    for (const user of ['alice', 'bob']) at.store.put(user, 'github', { value: VALUE }, 'current')
    at.file.database.exec("UPDATE user_key SET wrapped = zeroblob(60) WHERE user = 'bob'")
    const dump = (): unknown => at.file.database.prepare('SELECT * FROM store_key, user_key').all()
    const before = dump()
    await expect(rewrap(at.file, at.key, keyFileSource())).rejects.toThrow(refusal(/key of bob .* does not open/))
    expect(dump()).toEqual(before)
    expect(at.store.read('alice', 'github')?.value).toBe(VALUE)
  })
})

describe('who can write to the file', () => {
  test.each(['root', 'salt', 'key_check'])('cannot change the %s of its key unnoticed', async (column) => {
    using at = await temporaryStore()
    await expect(openStoreKey(at.file, at.source)).resolves.toBeDefined()
    at.file.database.exec(`UPDATE store_key SET ${column} = zeroblob(length(${column}))`)
    await expect(openStoreKey(at.file, at.source)).rejects.toThrow(refusal(/was changed|does not open/))
  })

  test('and knows the recipient of an age identity cannot put a key of their own in its place', async () => {
    using place = temporaryPlace()
    using theirs = temporaryPlace()
    const source = await ageSource()
    const [file, other] = [place.open(), theirs.open()]
    await openStoreKey(file, source)
    // A row made from a master key that they know, in which everything fits but the identity.
    const known = newKeyText()
    await openStoreKey(other, { kind: 'key-file', text: known })
    const row = other.database.prepare('SELECT * FROM store_key').get() as Record<string, unknown>
    const encrypter = new Encrypter()
    encrypter.addRecipient(await identityToRecipient(source.text.trim().split('\n').at(-1) ?? ''))
    const master = Buffer.from(await encrypter.encrypt(Buffer.from(known.trim(), 'base64url')))
    const put = file.database.prepare(
      'INSERT OR REPLACE INTO store_key VALUES (0, @kind, @salt, @master, @key_check, @root)',
    )
    put.run(row)
    await expect(openStoreKey(file, { kind: 'key-file', text: known })).resolves.toBeDefined()
    put.run({ ...row, kind: 'age-identity', master })
    await expect(openStoreKey(file, source)).rejects.toThrow(refusal(/does not open the store/))
  })
})

describe.runIf(hasAge)("Debian's age", () => {
  test('reads the master key that we wrote, and we read one that it wrote', async () => {
    using place = temporaryPlace()
    const identity = join(place.folder, 'identity.txt')
    execFileSync('age-keygen', ['-o', identity], { stdio: 'ignore' })
    const source: KeySource = { kind: 'age-identity', text: readFileSync(identity, 'utf8') }
    const file = place.open()
    const key = await openStoreKey(file, source)
    const master = file.database.prepare<[], Buffer>('SELECT master FROM store_key').pluck().get()
    const opened = execFileSync('age', ['-d', '-i', identity], { input: master })
    expect(opened).toHaveLength(32)
    const sealed = join(place.folder, 'sealed.age')
    const recipient = execFileSync('age-keygen', ['-y', identity], { encoding: 'utf8' }).trim()
    writeFileSync(sealed, execFileSync('age', ['-r', recipient], { input: opened }))
    file.database.prepare('UPDATE store_key SET master = ?').run(readFileSync(sealed))
    expect(readFileSync(sealed)).not.toEqual(master)
    expect((await openStoreKey(file, source)).deriveKey('p')).toEqual(key.deriveKey('p'))
  })
})
