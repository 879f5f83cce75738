/** util.types: what a value is, by its internal slots where JavaScript lets one feel for them. */

type Test = (value: unknown) => boolean

/** True where this method, which demands its own kind of receiver, does not throw. */
const accepts =
  (method: Function | undefined, ...args: unknown[]): Test =>
  (value) => {
    if (method === undefined || typeof value !== 'object' || value === null) return false
    try {
      Reflect.apply(method, value, args)
      return true
    } catch {
      return false
    }
  }

const getterOf = (owner: object, name: PropertyKey): Function | undefined =>
  Object.getOwnPropertyDescriptor(owner, name)?.get
const tagOf = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1)
const tagged =
  (...tags: readonly string[]): Test =>
  (value) =>
    tags.includes(tagOf(value))

const typedArrayTag = getterOf(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)
const typedTag = (value: unknown): unknown =>
  typedArrayTag === undefined ? undefined : Reflect.apply(typedArrayTag, value, [])
const typed =
  (name: string): Test =>
  (value) =>
    typedTag(value) === name

const functionTag =
  (tags: readonly string[]): Test =>
  (value) =>
    typeof value === 'function' && tags.includes(tagOf(value))
const isNumberObject = accepts(Number.prototype.valueOf)
const isStringObject = accepts(String.prototype.valueOf)
const isBooleanObject = accepts(Boolean.prototype.valueOf)
const isBigIntObject = accepts(BigInt.prototype.valueOf)
const isSymbolObject = accepts(Symbol.prototype.valueOf)
const isArrayBuffer = accepts(getterOf(ArrayBuffer.prototype, 'byteLength'))
const isNativeError: Test = (value) => {
  const isError: unknown = Reflect.get(Error, 'isError')
  return typeof isError === 'function' ? Boolean(Reflect.apply(isError, Error, [value])) : value instanceof Error
}

const TYPED =
  'Uint8Array Uint8ClampedArray Uint16Array Uint32Array Int8Array Int16Array Int32Array Float16Array Float32Array ' +
  'Float64Array BigInt64Array BigUint64Array'

export const types = {
  isDate: accepts(Date.prototype.getTime),
  isRegExp: accepts(getterOf(RegExp.prototype, 'source')),
  isMap: accepts(Map.prototype.has, 0),
  isSet: accepts(Set.prototype.has, 0),
  isWeakMap: accepts(WeakMap.prototype.has, {}),
  isWeakSet: accepts(WeakSet.prototype.has, {}),
  isPromise: (value: unknown) => value instanceof Promise,
  isNativeError,
  isArgumentsObject: tagged('Arguments'),
  isMapIterator: tagged('Map Iterator'),
  isSetIterator: tagged('Set Iterator'),
  isGeneratorObject: tagged('Generator', 'AsyncGenerator'),
  isModuleNamespaceObject: tagged('Module'),
  isAsyncFunction: functionTag(['AsyncFunction', 'AsyncGeneratorFunction']),
  isGeneratorFunction: functionTag(['GeneratorFunction', 'AsyncGeneratorFunction']),
  isNumberObject,
  isStringObject,
  isBooleanObject,
  isBigIntObject,
  isSymbolObject,
  isBoxedPrimitive: (value: unknown) =>
    [isNumberObject, isStringObject, isBooleanObject, isBigIntObject, isSymbolObject].some((is) => is(value)),
  isArrayBuffer,
  isAnyArrayBuffer: isArrayBuffer,
  isSharedArrayBuffer: () => false,
  isDataView: accepts(getterOf(DataView.prototype, 'byteLength')),
  isArrayBufferView: (value: unknown) => ArrayBuffer.isView(value),
  isTypedArray: (value: unknown) => typedTag(value) !== undefined,
  ...Object.fromEntries(TYPED.split(' ').map((name) => [`is${name}`, typed(name)])),
  // JavaScript cannot tell a proxy from its target.
  isProxy: () => false,
  isExternal: () => false,
  isKeyObject: () => false,
  isCryptoKey: tagged('CryptoKey'),
}
