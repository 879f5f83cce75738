/**
 * Sources of one secret that need no other, and what all of `source` is read with. Nothing is read from where they
 * point to.
 */
import { dirname, isAbsolute, resolve } from 'node:path'
import { isMap, isScalar } from 'yaml'
import { COMMAND_ARGUMENTS_MAX } from '../limits.ts'
import { quoted, type Field, type Fields, type NodeReader } from './node-reader.ts'

/** A path or an argument may hold `${user}`; paths are absolute. A nested secret comes from one of these. */
export type PlainSource =
  | { readonly kind: 'env'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'env-file'; readonly path: string; readonly key: string }
  | { readonly kind: 'exec'; readonly file: string; readonly args: readonly string[] }
  | { readonly kind: 'store' }

const PLAIN_KINDS = ['env', 'file', 'env-file', 'exec', 'store'] as const
export const KINDS = [...PLAIN_KINDS, 'github-app', 'oauth'] as const
const UNSUPPORTED_KINDS = ['keyring', 'vault', 'aws-secret', 'aws-role'] as const
/** Keys that stand beside their kind. */
const BESIDE = { supported: ['key'], unsupported: ['field', 'auth', 'session'] } as const

const SOURCE_KEYS = {
  supported: [...KINDS, ...BESIDE.supported],
  unsupported: [...UNSUPPORTED_KINDS, ...BESIDE.unsupported],
} as const
const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/

export interface FoundKind<Kind extends string> {
  readonly kind: Kind
  readonly value: Field
  readonly fields: Fields
}

/** The one key that says which kind of source it is. */
export function readKind<Kind extends (typeof KINDS)[number]>(
  reader: NodeReader,
  field: Field,
  kinds: readonly Kind[],
  where: string,
): FoundKind<Kind> | undefined {
  const fields = reader.section(field, SOURCE_KEYS, where)
  if (fields === undefined) return undefined
  const written = KINDS.filter((kind) => fields.has(kind))
  const kind = kinds.find((candidate) => candidate === written[0])
  const value = kind && fields.get(kind)
  if (written.length !== 1 || kind === undefined || value === undefined) {
    // Where the only form is one that is not supported yet or is unknown, that has been said.
    if (written.length > 0 || !holdsOther(field, fields)) {
      reader.problems.add(field.at, `${where} must be exactly one of ${kinds.map(quoted).join(', ')}`)
    }
    return undefined
  }
  const key = fields.get('key')
  if (key !== undefined && kind !== 'env-file') {
    reader.problems.add(key.at, '`key` stands beside `env-file` alone')
    return undefined
  }
  return { kind, value, fields }
}

export function readPlain(
  reader: NodeReader,
  { kind, value, fields }: FoundKind<(typeof PLAIN_KINDS)[number]>,
  file: string,
): PlainSource | undefined {
  switch (kind) {
    case 'env': {
      const name = readMatching(reader, value, ENV_NAME, 'must be the name of an environment variable')
      return name === undefined ? undefined : { kind, name }
    }
    case 'file': {
      const path = readPath(reader, value, file)
      return path === undefined ? undefined : { kind, path }
    }
    case 'env-file': {
      const keyField = fields.get('key')
      if (keyField === undefined) reader.problems.add(value.at, '`env-file` needs a `key` beside it')
      const path = readPath(reader, value, file)
      const key = keyField && readMatching(reader, keyField, ENV_NAME, 'must be the name of a variable in the file')
      return path === undefined || key === undefined ? undefined : { kind, path, key }
    }
    case 'exec':
      return readCommand(reader, value)
    case 'store':
      return reader.flag(value) && { kind }
  }
}

export function readNested(reader: NodeReader, field: Field, file: string): PlainSource | undefined {
  const found = readKind(reader, field, PLAIN_KINDS, quoted(field.key))
  return found && readPlain(reader, found, file)
}

/** `${user}` is kept. */
function readPath(reader: NodeReader, field: Field, file: string): string | undefined {
  const path = readWithUser(reader, field)
  return path === undefined ? undefined : resolve(dirname(resolve(file)), path)
}

function readCommand(reader: NodeReader, field: Field): PlainSource | undefined {
  const items = reader.items(field)
  if (items !== undefined && items.length > COMMAND_ARGUMENTS_MAX) {
    reader.problems.add(field.at, `\`exec\` has more than ${COMMAND_ARGUMENTS_MAX} arguments`)
    return undefined
  }
  const words = items?.map((item) => readWithUser(reader, item))
  const [program, ...args] = words ?? []
  if (items === undefined || program === undefined || !args.every((word) => word !== undefined)) return undefined
  if (isAbsolute(program)) return { kind: 'exec', file: program, args }
  const hint = 'no shell is asked, and no PATH'
  reader.problems.add(items[0]?.valueAt ?? field.at, 'the command in `exec` must be an absolute path', hint)
  return undefined
}

function readWithUser(reader: NodeReader, field: Field): string | undefined {
  const text = reader.text(field)
  if (text === undefined || !text.replaceAll('${user}', '').includes('${')) return text
  reader.problems.add(field.valueAt, 'only `${user}` is replaced here')
  return undefined
}

/** `https`, or `http` to this machine by its address: a name could resolve to another. */
export function readServerUrl(reader: NodeReader, field: Field): string | undefined {
  const text = reader.text(field)
  if (text === undefined) return undefined
  const mistake = serverUrlMistake(text)
  if (mistake === undefined) return text
  reader.problems.add(field.valueAt, `${quoted(field.key)} ${mistake}`)
  return undefined
}

function serverUrlMistake(text: string): string | undefined {
  const url = URL.parse(text)
  if (url === null) return 'must be a URL'
  const isLoopback = /^127(?:\.\d+){3}$/.test(url.hostname) || url.hostname === '[::1]'
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback)) {
    return 'must be https, or http to a loopback address such as 127.0.0.1'
  }
  if (url.username !== '' || url.password !== '') return 'must not hold a user name or password'
  return /[?#]/.test(text) ? 'must not hold a query or fragment' : undefined
}

export function readList(
  reader: NodeReader,
  field: Field,
  shape: RegExp,
  mistake: string,
): readonly string[] | undefined {
  const items = reader.items(field)
  const texts = new Set<string>()
  for (const item of items ?? []) {
    const text = reader.text(item)
    if (text === undefined) continue
    if (!shape.test(text) || /^\.{1,2}$/.test(text)) reader.problems.add(item.valueAt, `${quoted(text)} ${mistake}`)
    else if (texts.has(text)) reader.problems.add(item.valueAt, `${quoted(text)} is written twice`)
    else texts.add(text)
  }
  return items !== undefined && texts.size === items.length ? [...texts] : undefined
}

export function readMatching(reader: NodeReader, field: Field, shape: RegExp, mistake: string): string | undefined {
  const text = reader.text(field)
  if (text === undefined || shape.test(text)) return text
  reader.problems.add(field.valueAt, `${quoted(field.key)} ${mistake}`)
  return undefined
}

export function hasAll(reader: NodeReader, field: Field, fields: Fields, keys: readonly string[]): boolean {
  const missing = keys.filter((key) => !fields.has(key))
  if (missing.length > 0) {
    reader.problems.add(field.at, `${quoted(field.key)} must have ${missing.map(quoted).join(', ')}`)
  }
  return missing.length === 0
}

/** Whether a key stands in it that is none of those that were read, and is not free. */
function holdsOther({ value }: Field, fields: Fields): boolean {
  if (!isMap(value)) return false
  return value.items.some(({ key }) => {
    const name = isScalar(key) ? String(key.value) : ''
    return !name.startsWith('x-') && !fields.has(name)
  })
}
