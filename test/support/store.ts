/** Stores of secrets in real files, each in a folder of its own. */

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { openCredentialsFile } from '../../runtime/credentials/store/credentials-file.ts'
import type { CredentialsFile } from '../../runtime/credentials/store/credentials-file.ts'
import { newKeyText } from '../../runtime/credentials/store/key-source.ts'
import type { KeySource } from '../../runtime/credentials/store/key-source.ts'
import { SecretStore } from '../../runtime/credentials/store/secret-store.ts'
import type { SecretStoreOptions } from '../../runtime/credentials/store/secret-store.ts'
import { openStoreKey } from '../../runtime/credentials/store/store-key.ts'
import type { StoreKey } from '../../runtime/credentials/store/store-key.ts'
import { prepareCredentialsFile } from '../../runtime/node-private-file.ts'

export interface Place {
  readonly folder: string
  readonly path: string
  open(tables?: readonly string[]): CredentialsFile
}

/** A new private folder, which goes away at the end of the `using` block with every file that was opened in it. */
export function temporaryPlace(): Place & Disposable {
  const folder = mkdtempSync(join(tmpdir(), 'store-'))
  const path = join(folder, 'credentials.db')
  const opened: CredentialsFile[] = []
  return {
    folder,
    path,
    open(tables = []) {
      const file = openFile(path, tables)
      opened.push(file)
      return file
    },
    [Symbol.dispose]() {
      for (const file of opened) file.close()
      rmSync(folder, { recursive: true })
    },
  }
}

export function openFile(path: string, tables: readonly string[] = []): CredentialsFile {
  return openCredentialsFile(path, { prepareFile: prepareCredentialsFile, tables })
}

export function keyFileSource(): KeySource {
  return { kind: 'key-file', text: newKeyText() }
}

/** A clock that stands until it is told to go on. */
export function standingClock(): { now(): number; go(ms: number): void } {
  let now = 1_800_000_000_000
  return { now: () => now, go: (ms) => void (now += ms) }
}

export type TemporaryStore = Place &
  Disposable & {
    readonly file: CredentialsFile
    readonly source: KeySource
    readonly key: StoreKey
    readonly clock: ReturnType<typeof standingClock>
    readonly store: SecretStore
    storeOf(options?: Partial<SecretStoreOptions>): SecretStore
  }

export async function temporaryStore(): Promise<TemporaryStore> {
  const place = temporaryPlace()
  const file = place.open()
  const source = keyFileSource()
  const key = await openStoreKey(file, source)
  const clock = standingClock()
  const storeOf = (options: Partial<SecretStoreOptions> = {}): SecretStore =>
    new SecretStore(file, { key, clock, ...options })
  return { ...place, file, source, key, clock, store: storeOf(), storeOf, [Symbol.dispose]: place[Symbol.dispose] }
}

/** Every byte that SQLite keeps of the file. */
export function bytesOf(path: string): Buffer {
  const names = ['', '-wal', '-shm', '-journal'].map((suffix) => path + suffix)
  return Buffer.concat(names.filter((name) => existsSync(name)).map((name) => readFileSync(name)))
}

/** The forms of a text that a careless program leaves in a file. */
export function formsOf(text: string): readonly (readonly [form: string, bytes: Buffer])[] {
  const bytes = Buffer.from(text)
  const inner = [0, 1, 2].map((offset) => {
    const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64')
    return encoded.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6))
  })
  return [
    ['raw', bytes],
    ['utf-16le', Buffer.from(text, 'utf16le')],
    ['utf-16be', Buffer.from(text, 'utf16le').swap16()],
    ['hex', Buffer.from(bytes.toString('hex'))],
    ['HEX', Buffer.from(bytes.toString('hex').toUpperCase())],
    ...inner.map((form, offset) => [`base64 +${offset}`, Buffer.from(form)] as const),
    ...inner.map(
      (form, offset) => [`base64url +${offset}`, Buffer.from(form.replaceAll('+', '-').replaceAll('/', '_'))] as const,
    ),
  ]
}
