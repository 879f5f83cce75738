/**
 * Bundles kept between runs. A record is reused only if every path that was looked at still gives the same answer,
 * so that nothing is trusted but the sources; without a change, the bundler is not even loaded.
 */

import esbuildPackage from 'esbuild/package.json' with { type: 'json' }
import type { Bundle, BundleOptions } from './bundle.ts'
import { inputAt, sha256 } from './source-ledger.ts'
import type { BundleInput } from './source-ledger.ts'
import type { Sources } from './source-tree.ts'

/** In the key of a cached bundle: another value makes every older one unusable. */
const BUNDLE_FORMAT = 2

/** One folder of files, written whole or not at all. */
export interface CacheFolder {
  /** Undefined if there is no such file, or if it cannot be read. */
  read(name: string): Uint8Array | undefined
  write(name: string, bytes: Uint8Array): void
  /** The absolute path of a file in it; undefined if there is none. */
  pathOf(name: string): string | undefined
}

export interface CachedBundle {
  readonly bundle: Bundle
  readonly reused: boolean
}

/** `identity` tells one definition's folder from another, e.g. its real path; it is hashed, never written. */
export async function bundleWithCache(
  cache: CacheFolder,
  identity: string,
  entry: string,
  sources: Sources,
  options: BundleOptions,
): Promise<CachedBundle> {
  const name = recordName(identity, entry, options)
  const known = parseRecord(cache.read(`${name}.json`), (hash) => cache.read(codeName(hash)))
  if (known !== undefined && isCurrent(known, sources, options.isInstallation === true))
    return { bundle: known, reused: true }
  const { bundle } = await import('./bundle.ts')
  const made = await bundle(entry, sources, options)
  const { code, ...record } = made
  const encoder = new TextEncoder()
  cache.write(codeName(made.hash), encoder.encode(code))
  cache.write(`${name}.json`, encoder.encode(JSON.stringify(record)))
  return { bundle: made, reused: false }
}

function recordName(identity: string, entry: string, options: BundleOptions): string {
  const guestModules = [...options.guestModules].toSorted()
  const key = JSON.stringify([
    BUNDLE_FORMAT,
    esbuildPackage.version,
    identity,
    entry,
    guestModules,
    options.isInstallation,
    [...(options.standIns ?? [])],
  ])
  return sha256(key)
}

/** Apart from its record: parsing half a megabyte of code as JSON takes longer than all else together. */
export function codeName(hash: string): string {
  return `${hash}.cjs`
}

/** A package of the installation is taken to be the same while its version is. */
function isCurrent(record: Bundle, sources: Sources, isInstallation: boolean): boolean {
  return record.inputs.every((input) => {
    const isVersion = input.path.endsWith('/package.json') && input.hash !== 'absent'
    if (isInstallation && input.tree !== 'definition' && !isVersion) return true
    const now = inputAt(sources, input)
    return now.hash === input.hash && now.target === input.target
  })
}

/** Undefined for anything but a whole record whose code has the hash that it states. */
function parseRecord(
  bytes: Uint8Array | undefined,
  readCode: (hash: string) => Uint8Array | undefined,
): Bundle | undefined {
  if (bytes === undefined) return undefined
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return undefined
  }
  if (!isRecord(value)) return undefined
  const { hash, inputs, builtins, data, packages } = value
  if (typeof hash !== 'string' || !/^[0-9a-f]{64}$/.test(hash)) return undefined
  const codeBytes = readCode(hash)
  if (codeBytes === undefined || sha256(codeBytes) !== hash) return undefined
  const code = new TextDecoder().decode(codeBytes)
  if (
    !isListOf(inputs, isInput) ||
    !isListOf(builtins, isString) ||
    !isListOf(data, isString) ||
    !isListOf(packages, isPackage)
  )
    return undefined
  return inputs.length === 0 ? undefined : { code, hash, inputs, builtins, data, packages }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isListOf<Item>(value: unknown, isItem: (item: unknown) => item is Item): value is readonly Item[] {
  return Array.isArray(value) && value.every(isItem)
}

function isString(value: unknown): value is string {
  return typeof value === 'string'
}

function isInput(value: unknown): value is BundleInput {
  if (!isRecord(value)) return false
  const { tree, path, hash, target } = value
  const isTree = tree === 'definition' || (typeof tree === 'number' && Number.isInteger(tree) && tree >= 0)
  return isTree && isString(path) && isString(hash) && isString(target)
}

function isPackage(value: unknown): value is { readonly name: string; readonly version: string } {
  return isRecord(value) && isString(value['name']) && isString(value['version'])
}
