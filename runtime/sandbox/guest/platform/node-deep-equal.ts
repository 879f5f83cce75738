/** Node's comparison of `isDeepStrictEqual` and, where `strict` is false, of the legacy `deepEqual`. */

type Pair = readonly [unknown, unknown]

const tagOf = (value: object): string => Object.prototype.toString.call(value)

export function isDeepEqual(left: unknown, right: unknown, strict: boolean): boolean {
  return new Comparison(strict).equal(left, right)
}

class Comparison {
  readonly #strict: boolean
  /** What is being compared further up: a cycle is equal where it leads back to the same pair. */
  readonly #open: Pair[] = []

  constructor(strict: boolean) {
    this.#strict = strict
  }

  equal(left: unknown, right: unknown): boolean {
    if (Object.is(left, right)) return true
    const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null
    if (!isObject(left) || !isObject(right)) return this.#primitives(left, right)
    if (this.#open.some(([a, b]) => a === left && b === right)) return true
    this.#open.push([left, right])
    try {
      return this.#objects(left, right)
    } finally {
      this.#open.pop()
    }
  }

  #primitives(left: unknown, right: unknown): boolean {
    if (this.#strict) return false
    if (typeof left === 'object' || typeof right === 'object')
      return left === null ? right === undefined : right === null && left === undefined
    if (Number.isNaN(left) && Number.isNaN(right)) return true
    // oxlint-disable-next-line eqeqeq -- the legacy comparison is this one
    return left == right
  }

  #objects(left: object, right: object): boolean {
    if (this.#strict && Object.getPrototypeOf(left) !== Object.getPrototypeOf(right)) return false
    if (tagOf(left) !== tagOf(right) || Array.isArray(left) !== Array.isArray(right)) return false
    return sameContent(left, right) && this.#collections(left, right) && this.#members(left, right)
  }

  #collections(left: object, right: object): boolean {
    if (left instanceof Set && right instanceof Set) {
      return this.#matched(
        [...left].map((value) => [value, 0]),
        [...right].map((value) => [value, 0]),
      )
    }
    if (left instanceof Map && right instanceof Map) return this.#matched([...left], [...right])
    if (left instanceof Error && right instanceof Error) {
      return (
        this.equal(Reflect.get(left, 'cause'), Reflect.get(right, 'cause')) &&
        this.equal(Reflect.get(left, 'errors'), Reflect.get(right, 'errors'))
      )
    }
    return true
  }

  /** Without order: each entry has a partner of its own. */
  #matched(left: readonly Pair[], right: readonly Pair[]): boolean {
    if (left.length !== right.length) return false
    const free = new Set(right)
    return left.every(([key, value]) => {
      for (const candidate of free) {
        if (!this.equal(key, candidate[0]) || !this.equal(value, candidate[1])) continue
        free.delete(candidate)
        return true
      }
      return false
    })
  }

  #members(left: object, right: object): boolean {
    const isIndexed = ArrayBuffer.isView(left) && !(left instanceof DataView)
    const keysOf = (value: object): readonly (string | symbol)[] => {
      const keys = Object.keys(value).filter((key) => !isIndexed || !/^\d+$/.test(key))
      if (!this.#strict) return keys
      const isEnumerable = (key: symbol): boolean => Object.prototype.propertyIsEnumerable.call(value, key)
      return [...keys, ...Object.getOwnPropertySymbols(value).filter(isEnumerable)]
    }
    const keys = keysOf(left)
    if (keys.length !== keysOf(right).length) return false
    if (!keys.every((key) => Object.prototype.propertyIsEnumerable.call(right, key))) return false
    return keys.every((key) => this.equal(Reflect.get(left, key), Reflect.get(right, key)))
  }
}

/** What lies in an object's internal slots. */
function sameContent(left: object, right: object): boolean {
  if (Array.isArray(left) && Array.isArray(right)) return left.length === right.length
  if (left instanceof Date && right instanceof Date) return Object.is(left.getTime(), right.getTime())
  if (left instanceof RegExp && right instanceof RegExp) {
    return left.source === right.source && left.flags === right.flags && left.lastIndex === right.lastIndex
  }
  if (left instanceof Error && right instanceof Error) return left.message === right.message && left.name === right.name
  if (ArrayBuffer.isView(left) && ArrayBuffer.isView(right)) return sameBytes(left, right)
  if (left instanceof ArrayBuffer && right instanceof ArrayBuffer) {
    return sameBytes(new Uint8Array(left), new Uint8Array(right))
  }
  for (const Boxed of [Number, String, Boolean, BigInt, Symbol]) {
    if (left instanceof Boxed && right instanceof Boxed) return Object.is(left.valueOf(), right.valueOf())
  }
  return left instanceof Promise || left instanceof WeakMap || left instanceof WeakSet ? left === right : true
}

function sameBytes(left: ArrayBufferView, right: ArrayBufferView): boolean {
  if (left.byteLength !== right.byteLength) return false
  if (left instanceof Float32Array || left instanceof Float64Array) {
    const other = right as Float64Array
    return left.every((value, index) => Object.is(value, other[index]))
  }
  const bytes = new Uint8Array(right.buffer, right.byteOffset, right.byteLength)
  return new Uint8Array(left.buffer, left.byteOffset, left.byteLength).every((byte, index) => byte === bytes[index])
}
