/**
 * isolated-vm, loaded from the one file that the sandbox process may read. Its own loader searches folders, which
 * the process may not.
 */
import type * as Ivm from 'isolated-vm'

export type IsolatedVm = typeof Ivm
export type Isolate = Ivm.Isolate
/** A function inside an isolate, held from outside. Nothing of the guest is ever copied out through it. */
export type GuestFunction = Ivm.Reference
export type Context = Ivm.Context
export type ScriptOptions = Ivm.CachedDataOptions & Ivm.ScriptOrigin
export type ExternalCopy<T> = Ivm.ExternalCopy<T>

export function loadIsolatedVm(addonPath: string): IsolatedVm {
  const loaded: { exports: { ivm?: IsolatedVm } } = { exports: {} }
  process.dlopen(loaded, addonPath)
  if (loaded.exports.ivm === undefined) throw new Error('the isolated-vm addon exports no ivm')
  return loaded.exports.ivm
}

/** Missing from isolated-vm's own types. */
export function cachedDataOf(script: Ivm.Script): ExternalCopy<ArrayBuffer> | undefined {
  const cached: ExternalCopy<ArrayBuffer> | undefined = Reflect.get(script, 'cachedData')
  return cached
}
