/** `store` of the operator's configuration: the file of secrets and grants, and what its key is made from. */
import { dirname, resolve } from 'node:path'
import { readNested, type PlainSource } from './config-plain-source.ts'
import type { Field, NodeReader } from './node-reader.ts'

export interface StoreConfig {
  /** Absolute; undefined: in the user's own state folder. */
  readonly file: string | undefined
  /** Undefined: a key file in the user's own configuration folder, which is made when it is first needed. */
  readonly key: StoreKeyConfig | undefined
}

/** Paths are absolute. */
export type StoreKeyConfig =
  | { readonly kind: 'key-file'; readonly path: string }
  | { readonly kind: 'age-identity'; readonly path: string }
  | { readonly kind: 'passphrase'; readonly source: PlainSource }

const STORE_KEYS = { supported: ['file', 'key'], unsupported: [] } as const
const KEY_KEYS = { supported: ['file', 'age', 'passphrase'], unsupported: [] } as const

/** `file`: the configuration; relative paths in it start at its folder. */
export function readStore(reader: NodeReader, field: Field | undefined, file: string): StoreConfig {
  const fields = field && reader.section(field, STORE_KEYS, '`store`')
  const [fileField, keyField] = STORE_KEYS.supported.map((key) => fields?.get(key))
  const path = fileField && reader.text(fileField)
  return {
    file: path === undefined ? undefined : resolve(dirname(resolve(file)), path),
    key: keyField && readKey(reader, keyField, file),
  }
}

function readKey(reader: NodeReader, field: Field, file: string): StoreKeyConfig | undefined {
  const fields = reader.section(field, KEY_KEYS, '`key`')
  if (fields === undefined) return undefined
  if (fields.size !== 1) {
    reader.problems.add(field.at, '`key` must be exactly one of `file`, `age` and `passphrase`')
    return undefined
  }
  const [fileField, ageField, passphraseField] = KEY_KEYS.supported.map((key) => fields.get(key))
  if (passphraseField !== undefined) {
    const source = readNested(reader, passphraseField, file)
    if (source?.kind === 'store') {
      reader.problems.add(passphraseField.at, 'the passphrase of the store cannot lie in the store')
      return undefined
    }
    return source && { kind: 'passphrase', source }
  }
  const named = fileField ?? ageField
  const text = named && reader.text(named)
  if (text === undefined) return undefined
  const path = resolve(dirname(resolve(file)), text)
  return { kind: fileField === undefined ? 'age-identity' : 'key-file', path }
}
