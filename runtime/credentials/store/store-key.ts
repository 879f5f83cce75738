/**
 * The key of the store: it wraps the keys of the users (sealing.ts) and a random root, from which keys for other
 * purposes are derived. What it is made from can be changed without sealing any secret anew, and the root stays.
 *
 * Limit: who once had both the key and a copy of the file has the users' keys and opens what they sealed, whatever is
 * changed later. After such a loss the secrets themselves are replaced.
 */

import { hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

import { RunAgentError } from '../../errors.ts'
import { emptyLog, snapshot, transact } from './credentials-file.ts'
import type { CredentialsFile } from './credentials-file.ts'
import { deriveStoreKey, newMaterial } from './key-source.ts'
import type { KeyMaterial, KeySource } from './key-source.ts'
import {
  decrypt,
  encodeFields,
  encrypt,
  KEY_BYTES,
  makeUserKey,
  secretKey,
  unwrapUserKey,
  wrapUserKey,
} from './sealing.ts'
import type { Owner } from './sealing.ts'

const CHECK_INFO = 'run-agent store of secrets 1: check'
const PURPOSE_INFO = 'run-agent store of secrets 1: purpose '
const ROOT_FIELDS = encodeFields(['root'])

interface KeyRow {
  readonly kind: KeySource['kind']
  readonly salt: Buffer
  readonly master: Buffer | null
  /** Derived from the key: tells a wrong key from a row that was changed. */
  readonly key_check: Buffer
  readonly root: Buffer
}

/** An open key. It belongs to one file, and to no other process: `rewrap` elsewhere ends its use here. */
export class StoreKey {
  readonly kind: KeySource['kind']
  readonly #key: KeyObject
  readonly #root: KeyObject
  readonly #check: Uint8Array

  constructor(kind: KeySource['kind'], key: KeyObject, root: KeyObject) {
    this.kind = kind
    this.#key = key
    this.#root = root
    this.#check = checkOf(key)
  }

  /**
   * 32 bytes by HKDF-SHA256 (RFC 5869) for one purpose: the same for this file as long as it lives, another for each
   * purpose, and of no use for finding any other key.
   */
  deriveKey(purpose: string): Uint8Array {
    return new Uint8Array(hkdfSync('sha256', this.#root, '', PURPOSE_INFO + purpose, KEY_BYTES))
  }

  /** undefined where this user has no key yet. Throws E_CREDENTIAL where the key of the store was changed meanwhile. */
  openUserKey(file: CredentialsFile, owner: Owner): KeyObject | undefined {
    this.assertCurrent(file)
    const wrapped = file.database
      .prepare<Owner, Buffer>('SELECT wrapped FROM user_key WHERE tenant = @tenant AND user = @user')
      .pluck()
      .get(owner)
    return wrapped && secretKey(unwrapUserKey(this.#key, wrapped, owner))
  }

  /** As `openUserKey`, and makes the key where there is none; within the caller's transaction. */
  ensureUserKey(file: CredentialsFile, owner: Owner): KeyObject {
    const found = this.openUserKey(file, owner)
    if (found !== undefined) return found
    const wrapped = makeUserKey(this.#key, owner)
    file.database.prepare('INSERT INTO user_key VALUES (@tenant, @user, @wrapped)').run({ ...owner, wrapped })
    return secretKey(unwrapUserKey(this.#key, wrapped, owner))
  }

  /** @throws RunAgentError E_CREDENTIAL: what is sealed under a key that is no longer the file's could not be opened. */
  assertCurrent(file: CredentialsFile): void {
    const row = readRow(file)
    if (row !== undefined && isSame(row.key_check, this.#check)) return
    throw new RunAgentError('E_CREDENTIAL', `the key of the store ${file.path} was changed by another process`, {
      hint: 'Start again with the new key.',
    })
  }

  /** Wraps every user's key and the root under another key; within the caller's transaction. */
  wrapAnew(file: CredentialsFile, kind: KeySource['kind'], key: KeyObject, material: KeyMaterial): StoreKey {
    const { database } = file
    const update = database.prepare('UPDATE user_key SET wrapped = @wrapped WHERE tenant = @tenant AND user = @user')
    const rows = database.prepare<[], Owner & { readonly wrapped: Buffer }>('SELECT * FROM user_key').all()
    for (const { tenant, user, wrapped } of rows) {
      const userKey = unwrapUserKey(this.#key, wrapped, { tenant, user })
      update.run({ tenant, user, wrapped: wrapUserKey(key, userKey, { tenant, user }) })
      userKey.fill(0)
    }
    writeRow(file, kind, key, material, this.#root.export())
    return new StoreKey(kind, key, this.#root)
  }
}

/** From what the key of this file is made; undefined where it has none yet. */
export function keyKindOf(file: CredentialsFile): KeySource['kind'] | undefined {
  return snapshot(file, () => readRow(file))?.kind
}

/**
 * Opens the key of the file, or makes it where the file has none. Throws E_CREDENTIAL where the source is of another
 * kind or another one than the key was made from.
 */
export async function openStoreKey(file: CredentialsFile, source: KeySource): Promise<StoreKey> {
  let row = snapshot(file, () => readRow(file))
  if (row === undefined) {
    const material = await newMaterial(source)
    const key = await deriveStoreKey(source, material)
    row = transact(file, () => {
      // Another process may have been first.
      if (readRow(file) === undefined) writeRow(file, source.kind, key, material, randomBytes(KEY_BYTES))
      return readRow(file)
    })
    if (row === undefined) throw new Error('the row that was just written is not there')
  }
  if (row.kind !== source.kind) {
    throw new RunAgentError('E_CREDENTIAL', `the store ${file.path} is opened by ${IN_WORDS[row.kind]}`, {
      hint: `It was given ${IN_WORDS[source.kind]}.`,
    })
  }
  const key = await deriveStoreKey(source, { salt: row.salt, master: row.master ?? undefined })
  if (!isSame(row.key_check, checkOf(key))) throw wrongKey(file, source.kind)
  const root = decrypt(key, row.root, ROOT_FIELDS)
  if (root !== undefined) return new StoreKey(row.kind, key, secretKey(root))
  throw new RunAgentError('E_CREDENTIAL', `the row of the key in the store ${file.path} was changed`, {
    hint: 'Restore the store from a copy.',
  })
}

/**
 * Makes the file's key from another source. Only keys are wrapped anew, in one transaction, and the old wrapping is
 * overwritten; whoever opened the file with the old key must open it again. Throws E_CREDENTIAL.
 */
export async function rewrap(file: CredentialsFile, old: StoreKey, source: KeySource): Promise<StoreKey> {
  const material = await newMaterial(source)
  const key = await deriveStoreKey(source, material)
  const made = transact(file, () => {
    old.assertCurrent(file)
    return old.wrapAnew(file, source.kind, key, material)
  })
  emptyLog(file)
  return made
}

const IN_WORDS: Readonly<Record<KeySource['kind'], string>> = {
  'key-file': 'a key file',
  'age-identity': 'an age identity',
  passphrase: 'a passphrase',
}

function readRow(file: CredentialsFile): KeyRow | undefined {
  return file.database.prepare<[], KeyRow>('SELECT kind, salt, master, key_check, root FROM store_key').get()
}

function writeRow(
  file: CredentialsFile,
  kind: KeySource['kind'],
  key: KeyObject,
  { salt, master }: KeyMaterial,
  root: Uint8Array,
): void {
  file.database
    .prepare('INSERT OR REPLACE INTO store_key VALUES (0, @kind, @salt, @master, @check, @root)')
    .run({ kind, salt, master: master ?? null, check: checkOf(key), root: encrypt(key, root, ROOT_FIELDS) })
}

function checkOf(key: KeyObject): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key, '', CHECK_INFO, KEY_BYTES))
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && timingSafeEqual(a, b)
}

function wrongKey(file: CredentialsFile, kind: KeySource['kind']): RunAgentError {
  return new RunAgentError('E_CREDENTIAL', `${IN_WORDS[kind]} was given that does not open the store ${file.path}`, {
    hint: 'Give the one that the store was made with. Without it nothing in the store can be opened, by anybody.',
  })
}
