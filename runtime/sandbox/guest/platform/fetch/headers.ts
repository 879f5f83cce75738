/** Headers (Fetch section 5.1). No name is forbidden here: what a tool may send is the policy's to say. */
import { domString } from '../dom-string.ts'
import { asInterface } from '../interface.ts'

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
// oxlint-disable-next-line no-control-regex
const VALUE = /^[^\0\n\r]*$/
const SET_COOKIE = 'set-cookie'

export type Guard = 'none' | 'immutable'

let guardOf: (headers: Headers, guard?: Guard) => Guard

/** Each name in lower case, in the order in which it came first; the values of a name apart. */
type HeaderList = Map<string, string[]>

export class Headers {
  #list: HeaderList = new Map()
  #guard: Guard = 'none'

  constructor(init?: unknown) {
    if (init !== undefined) fill(this, init)
  }

  static {
    guardOf = (headers, guard) => (guard === undefined ? headers.#guard : (headers.#guard = guard))
  }

  append(...given: [name?: unknown, value?: unknown]): void {
    const { name, value } = pairOf('append', given)
    this.#checkGuard()
    const values = this.#list.get(name)
    if (values === undefined) this.#list.set(name, [value])
    else values.push(value)
  }

  delete(...given: [name?: unknown]): void {
    const name = nameOf('delete', given)
    this.#checkGuard()
    this.#list.delete(name)
  }

  get(...given: [name?: unknown]): string | null {
    return this.#list.get(nameOf('get', given))?.join(', ') ?? null
  }

  getSetCookie(): string[] {
    return [...(this.#list.get(SET_COOKIE) ?? [])]
  }

  has(...given: [name?: unknown]): boolean {
    return this.#list.has(nameOf('has', given))
  }

  set(...given: [name?: unknown, value?: unknown]): void {
    const { name, value } = pairOf('set', given)
    this.#checkGuard()
    this.#list.set(name, [value])
  }

  forEach(...given: [callback?: unknown, receiver?: unknown]): void {
    const [callback, receiver] = given
    if (typeof callback !== 'function') throw new TypeError('forEach needs a function')
    for (const [name, value] of this) Reflect.apply(callback, receiver, [value, name, this])
  }

  entries(): IterableIterator<[string, string]> {
    return iterate(
      () => this.#sorted(),
      (pair) => pair,
    )
  }

  keys(): IterableIterator<string> {
    return iterate(
      () => this.#sorted(),
      ([name]) => name,
    )
  }

  values(): IterableIterator<string> {
    return iterate(
      () => this.#sorted(),
      ([, value]) => value,
    )
  }

  declare [Symbol.iterator]: () => IterableIterator<[string, string]>

  #checkGuard(): void {
    if (this.#guard === 'immutable') throw new TypeError('these headers cannot be changed')
  }

  /** Fetch: sort and combine. */
  #sorted(): [string, string][] {
    const names = [...this.#list.keys()].toSorted()
    return names.flatMap((name): [string, string][] => {
      const values = this.#list.get(name) ?? []
      return name === SET_COOKIE ? values.map((value) => [name, value]) : [[name, values.join(', ')]]
    })
  }
}

Object.defineProperty(Headers.prototype, Symbol.iterator, {
  value: Headers.prototype.entries,
  writable: true,
  configurable: true,
})
asInterface(Headers, 'Headers')

export function setGuard(headers: Headers, guard: Guard): void {
  guardOf(headers, guard)
}

export function fill(headers: Headers, init: unknown): void {
  if ((typeof init !== 'object' && typeof init !== 'function') || init === null) {
    throw new TypeError('Headers: the headers must be a record or a sequence of pairs')
  }
  const iterator: unknown = Reflect.get(init, Symbol.iterator)
  if (iterator === undefined || iterator === null) {
    for (const key of Reflect.ownKeys(init)) {
      if (Reflect.getOwnPropertyDescriptor(init, key)?.enumerable !== true) continue
      if (typeof key === 'symbol') throw new TypeError('Headers: a name must be a string')
      headers.append(key, Reflect.get(init, key))
    }
    return
  }
  if (typeof iterator !== 'function') throw new TypeError('Headers: the headers cannot be iterated')
  for (const given of init as Iterable<unknown>) {
    if ((typeof given !== 'object' && typeof given !== 'function') || given === null) {
      throw new TypeError('Headers: a header must be a pair of name and value')
    }
    const pair = [...(given as Iterable<unknown>)]
    if (pair.length !== 2) throw new TypeError('Headers: a header must be a pair of name and value')
    headers.append(pair[0], pair[1])
  }
}

function byteString(value: unknown): string {
  const text = domString(value)
  // oxlint-disable-next-line no-control-regex
  if (/[^\0-\xff]/.test(text)) throw new TypeError(`Headers: ${JSON.stringify(text)} holds a character above U+00FF`)
  return text
}

function nameOf(method: string, given: readonly unknown[]): string {
  if (given.length === 0) throw new TypeError(`Headers.${method} needs a name`)
  const name = byteString(given[0])
  if (!NAME.test(name)) throw new TypeError(`Headers.${method}: ${JSON.stringify(name)} is no name of a header`)
  return name.toLowerCase()
}

function pairOf(method: string, given: readonly unknown[]): { readonly name: string; readonly value: string } {
  if (given.length < 2) throw new TypeError(`Headers.${method} needs a name and a value`)
  byteString(given[0])
  const value = byteString(given[1]).replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '')
  const name = nameOf(method, given)
  if (!VALUE.test(value)) throw new TypeError(`Headers.${method}: the value of ${name} holds a line break or a NUL`)
  return { name, value }
}

const iteratorPrototype: object = Object.create(
  Reflect.getPrototypeOf(Reflect.getPrototypeOf([][Symbol.iterator]()) ?? {}),
)
const iterations = new WeakMap<object, () => IteratorResult<unknown>>()

Object.defineProperties(iteratorPrototype, {
  next: {
    value: function next(this: object): IteratorResult<unknown> {
      const step = iterations.get(this)
      if (step === undefined) throw new TypeError('Illegal invocation: this is no iterator of Headers')
      return step()
    },
    writable: true,
    enumerable: true,
    configurable: true,
  },
  [Symbol.toStringTag]: { value: 'Headers Iterator', configurable: true },
})

/** Web IDL section 3.7.10: what is added while somebody iterates is seen. */
function iterate<Item>(
  list: () => readonly [string, string][],
  pick: (pair: [string, string]) => Item,
): IterableIterator<Item> {
  const iterator: object = Object.create(iteratorPrototype)
  let at = 0
  iterations.set(iterator, () => {
    const pair = list()[at++]
    return pair === undefined ? { value: undefined, done: true } : { value: pick(pair), done: false }
  })
  return iterator as IterableIterator<Item>
}
