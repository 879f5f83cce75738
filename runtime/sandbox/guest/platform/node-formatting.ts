/** node:util. What prints is Node's own code (node-inspect-extracted). */
import { Buffer } from 'node:buffer'
import { removeInspectStandIns } from './node-inspect-stand-ins.ts'
import { format, formatWithOptions, inspect, stripVTControlCharacters } from 'node-inspect-extracted'
import { isDeepEqual } from './node-deep-equal.ts'
import { refusedMembers, wrongType } from './node-refused.ts'
import { types as valueTypes } from './node-value-types.ts'

removeInspectStandIns()

type AnyFunction = (...args: unknown[]) => unknown
type NodeCallback = (error: unknown, value?: unknown) => void

const promisified = Symbol.for('nodejs.util.promisify.custom')

function promisify(original: AnyFunction): AnyFunction {
  if (typeof original !== 'function') throw wrongType('original', 'of type function', original)
  const custom: unknown = Reflect.get(original, promisified)
  if (typeof custom === 'function') return custom as AnyFunction
  const promising = function (this: unknown, ...args: unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const done = (error: unknown, value: unknown): void => {
        if (error) reject(error as Error)
        else resolve(value)
      }
      void Reflect.apply(original, this, [...args, done])
    })
  }
  Object.setPrototypeOf(promising, Object.getPrototypeOf(original))
  Object.defineProperties(promising, Object.getOwnPropertyDescriptors(original))
  return Object.defineProperty(promising, promisified, { value: promising, enumerable: false, configurable: true })
}
promisify.custom = promisified

function callbackify(original: AnyFunction): AnyFunction {
  if (typeof original !== 'function') throw wrongType('original', 'of type function', original)
  return function (this: unknown, ...args: unknown[]): void {
    const done = args.pop()
    if (typeof done !== 'function') throw wrongType('last argument', 'of type function', done)
    const call = done as NodeCallback
    const later = (...results: Parameters<NodeCallback>): void => queueMicrotask(() => call(...results))
    Promise.resolve(Reflect.apply(original, this, args)).then(
      (value) => later(null, value),
      (error: unknown) => {
        if (error) return later(error)
        const wrapped = new Error('Promise was rejected with a falsy value')
        later(Object.assign(wrapped, { code: 'ERR_FALSY_VALUE_REJECTION', reason: error }))
      },
    )
  }
}

function inherits(derived: Function, base: Function): void {
  if (typeof derived !== 'function') throw wrongType('ctor', 'of type function', derived)
  if (typeof base !== 'function') throw wrongType('superCtor', 'of type function', base)
  Object.defineProperty(derived, 'super_', { value: base, writable: true, configurable: true })
  Object.setPrototypeOf(derived.prototype, base.prototype)
}

function deprecate(original: AnyFunction, message: string, code?: string): AnyFunction {
  let isSaid = false
  const replaced = function (this: unknown, ...args: unknown[]): unknown {
    if (!isSaid) console.warn(`DeprecationWarning: ${code === undefined ? '' : `[${code}] `}${message}`)
    isSaid = true
    return new.target === undefined
      ? Reflect.apply(original, this, args)
      : Reflect.construct(original, args, new.target === replaced ? original : new.target)
  }
  Object.setPrototypeOf(replaced, original)
  return Object.assign(replaced, { prototype: Reflect.get(original, 'prototype') })
}

/** Nothing sets NODE_DEBUG in a sandbox. */
const debuglog = (): AnyFunction => Object.assign(() => undefined, { enabled: false })

function styleText(style: string | readonly string[], text: string): string {
  const codesOf = (name: string): readonly [number, number] => {
    const codes = Reflect.get(inspect.colors, name) as readonly [number, number] | undefined
    if (codes !== undefined) return codes
    throw Object.assign(new TypeError(`The argument 'format' must be one of the known styles. Received '${name}'`), {
      code: 'ERR_INVALID_ARG_VALUE',
    })
  }
  const all = (Array.isArray(style) ? style : [style]).map(codesOf)
  return all.reduceRight((inner, [open, close]) => `\u001B[${open}m${inner}\u001B[${close}m`, text)
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })

const is =
  (kind: string): ((value: unknown) => boolean) =>
  (value) =>
    typeof value === kind

const legacy = {
  isArray: Array.isArray,
  isBoolean: is('boolean'),
  isNumber: is('number'),
  isString: is('string'),
  isSymbol: is('symbol'),
  isUndefined: is('undefined'),
  isFunction: is('function'),
  isNull: (value: unknown) => value === null,
  isNullOrUndefined: (value: unknown) => value === null || value === undefined,
  isObject: (value: unknown) => value !== null && typeof value === 'object',
  isPrimitive: (value: unknown) => value === null || (typeof value !== 'object' && typeof value !== 'function'),
  isRegExp: valueTypes.isRegExp,
  isDate: valueTypes.isDate,
  isError: (value: unknown) => valueTypes.isNativeError(value) || value instanceof Error,
  isBuffer: (value: unknown) => Buffer.isBuffer(value),
  _extend: (target: object, source: unknown) =>
    source !== null && typeof source === 'object' ? Object.assign(target, source) : target,
}

export const types = valueTypes

export const formatting = Object.defineProperties(
  {
    ...legacy,
    promisify,
    callbackify,
    inherits,
    deprecate,
    debuglog,
    debug: debuglog,
    format,
    formatWithOptions,
    inspect,
    stripVTControlCharacters,
    styleText,
    aborted,
    isDeepStrictEqual: (left: unknown, right: unknown) => isDeepEqual(left, right, true),
    toUSVString: (text: unknown) => String(text).toWellFormed(),
    log: (...args: readonly unknown[]) => console.log(format(...args)),
    types: valueTypes,
    ...refusedMembers('util', 'parseArgs parseEnv', 'a tool has no command line and no environment'),
    ...refusedMembers(
      'util',
      'getSystemErrorMap getSystemErrorName getCallSites transferableAbortSignal transferableAbortController MIMEType',
      'it has no counterpart here',
    ),
  },
  Object.fromEntries(
    ['TextEncoder', 'TextDecoder'].map((name) => [
      name,
      { get: (): unknown => Reflect.get(globalThis, name), enumerable: true, configurable: true },
    ]),
  ),
)
