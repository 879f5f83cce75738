/** structuredClone (HTML section 2.7), for what a guest has: no ports, no shared memory, no streams. */
import { isArrayBuffer } from './bytes.ts'
import { runtime } from './runtime.ts'

const ERRORS: ReadonlyMap<string, ErrorConstructor> = new Map<string, ErrorConstructor>([
  ['EvalError', EvalError],
  ['RangeError', RangeError],
  ['ReferenceError', ReferenceError],
  ['SyntaxError', SyntaxError],
  ['TypeError', TypeError],
  ['URIError', URIError],
])

const WRAPPERS: readonly Function[] = [Boolean, Number, String, BigInt]

/** By Symbol.toStringTag. */
const VIEWS: ReadonlyMap<string, Uint8ArrayConstructor> = new Map(
  [
    DataView,
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
  ].map((constructor) => [constructor.name, constructor as unknown as Uint8ArrayConstructor]),
)

export function structuredClone(
  ...given: [value?: unknown, options?: { readonly transfer?: unknown } | null]
): unknown {
  if (given.length === 0) throw new TypeError('structuredClone needs a value')
  const [value, options] = given
  const moved = moving(options?.transfer)
  // What streams do with each chunk.
  if (moved.length === 1 && moved[0] === value) return runtime.moveBuffer(value as ArrayBuffer)
  // Copied like the rest and detached afterwards: nobody can tell, and where cloning fails nothing has been moved.
  const cloned = new Cloner().clone(value)
  for (const buffer of moved) runtime.moveBuffer(buffer)
  return cloned
}

function moving(transfer: unknown): ArrayBuffer[] {
  if (transfer === undefined) return []
  const list = [...(transfer as Iterable<unknown>)]
  for (const each of list) {
    if (!isArrayBuffer(each)) throw refused('only an ArrayBuffer can be transferred')
    if (each.detached) throw refused('an ArrayBuffer that is detached cannot be transferred')
  }
  if (new Set(list).size !== list.length) throw refused('an ArrayBuffer is transferred twice')
  return list as ArrayBuffer[]
}

function refused(message: string): DOMException {
  return new DOMException(message, 'DataCloneError')
}

class Cloner {
  readonly #seen = new Map<object, unknown>()

  clone(value: unknown): unknown {
    if (typeof value === 'symbol' || typeof value === 'function') throw refused(`${String(value)} cannot be cloned`)
    if (typeof value !== 'object' || value === null) return value
    if (this.#seen.has(value)) return this.#seen.get(value)
    if (isArrayBuffer(value)) return this.#buffer(value)
    if (ArrayBuffer.isView(value)) return this.#view(value)
    const plain = plainCopy(value)
    if (plain !== undefined) {
      this.#seen.set(value, plain)
      return plain
    }
    if (value instanceof Map) return this.#map(value)
    if (value instanceof Set) return this.#set(value)
    if (value instanceof Error) return this.#error(value)
    if (Array.isArray(value)) return this.#properties(value, Object.assign([], { length: value.length }))
    const tag = Object.prototype.toString.call(value)
    const isOrdinary =
      tag === '[object Object]' || tag === '[object Arguments]' || Object.hasOwn(value, Symbol.toStringTag)
    if (!isOrdinary || value instanceof WeakMap) throw refused(`${tag} cannot be cloned`)
    return this.#properties(value, {})
  }

  #buffer(value: ArrayBuffer): ArrayBuffer {
    if (value.detached) throw refused('an ArrayBuffer that is detached cannot be cloned')
    const copy = value.slice(0)
    this.#seen.set(value, copy)
    return copy
  }

  #view(value: ArrayBufferView): unknown {
    const length = value instanceof DataView ? value.byteLength : (value as Uint8Array).length
    const Constructor: Uint8ArrayConstructor | undefined = VIEWS.get(String(Reflect.get(value, Symbol.toStringTag)))
    if (Constructor === undefined) throw refused('a view of this kind cannot be cloned')
    const copy = new Constructor(this.clone(value.buffer) as ArrayBuffer, value.byteOffset, length)
    this.#seen.set(value, copy)
    return copy
  }

  #map(value: Map<unknown, unknown>): Map<unknown, unknown> {
    const copy = new Map<unknown, unknown>()
    this.#seen.set(value, copy)
    for (const [key, held] of Array.from(value)) copy.set(this.clone(key), this.clone(held))
    return copy
  }

  #set(value: Set<unknown>): Set<unknown> {
    const copy = new Set<unknown>()
    this.#seen.set(value, copy)
    for (const held of Array.from(value)) copy.add(this.clone(held))
    return copy
  }

  #error(value: Error): unknown {
    if (value instanceof DOMException) {
      const copy = new DOMException(value.message, value.name)
      this.#seen.set(value, copy)
      return copy
    }
    const Constructor = ERRORS.get(String(value.name)) ?? Error
    const copy = Object.create(Constructor.prototype) as Error
    Error.captureStackTrace(copy)
    this.#seen.set(value, copy)
    const fields: [string, unknown][] = []
    const message = Reflect.getOwnPropertyDescriptor(value, 'message')
    if (message !== undefined && 'value' in message) fields.push(['message', String(message.value)])
    if (typeof value.stack === 'string') fields.push(['stack', value.stack])
    if (Object.hasOwn(value, 'cause')) fields.push(['cause', this.clone(value.cause)])
    for (const [name, held] of fields) {
      Object.defineProperty(copy, name, { value: held, writable: true, enumerable: false, configurable: true })
    }
    return copy
  }

  #properties(value: object, copy: object): object {
    this.#seen.set(value, copy)
    for (const key of Object.keys(value)) {
      // A getter before may have taken it away.
      if (!Object.hasOwn(value, key)) continue
      const cloned = this.clone(Reflect.get(value, key))
      Object.defineProperty(copy, key, { value: cloned, writable: true, enumerable: true, configurable: true })
    }
    return copy
  }
}

/** What has no parts of its own that would need cloning; undefined for the others. */
function plainCopy(value: object): object | undefined {
  const tag = Object.prototype.toString.call(value)
  if (value instanceof Date) return new Date(value.getTime())
  if (value instanceof RegExp) return new RegExp(value.source, value.flags)
  if (WRAPPERS.some((wrapper) => value instanceof wrapper)) return Object(value.valueOf()) as object
  if (tag === '[object Symbol]') throw refused('a Symbol cannot be cloned')
  if (tag === '[object File]' && value instanceof File) {
    return new File([value], value.name, { type: value.type, lastModified: value.lastModified })
  }
  if (tag === '[object Blob]' && value instanceof Blob) return new Blob([value], { type: value.type })
  return undefined
}
