/** FormData (XMLHttpRequest section 5). */
import { domString } from '../dom-string.ts'
import { asInterface } from '../interface.ts'

export type FormDataValue = string | File

let entriesOf: (form: FormData) => [string, FormDataValue][]

export class FormData {
  #entries: [string, FormDataValue][] = []

  constructor(...given: [form?: unknown]) {
    if (given[0] !== undefined) throw new TypeError('FormData: the sandbox has no forms')
  }

  static {
    entriesOf = (form) => form.#entries
  }

  append(...given: [name?: unknown, value?: unknown, filename?: unknown]): void {
    this.#entries.push(entryOf('append', given))
  }

  delete(...given: [name?: unknown]): void {
    const name = nameOf('delete', given)
    this.#entries = this.#entries.filter(([other]) => other !== name)
  }

  get(...given: [name?: unknown]): FormDataValue | null {
    const name = nameOf('get', given)
    return this.#entries.find(([other]) => other === name)?.[1] ?? null
  }

  getAll(...given: [name?: unknown]): FormDataValue[] {
    const name = nameOf('getAll', given)
    return this.#entries.filter(([other]) => other === name).map(([, value]) => value)
  }

  has(...given: [name?: unknown]): boolean {
    const name = nameOf('has', given)
    return this.#entries.some(([other]) => other === name)
  }

  set(...given: [name?: unknown, value?: unknown, filename?: unknown]): void {
    const entry = entryOf('set', given)
    const at = this.#entries.findIndex(([other]) => other === entry[0])
    this.#entries = this.#entries.filter(([other], index) => other !== entry[0] || index === at)
    if (at === -1) this.#entries.push(entry)
    else this.#entries[at] = entry
  }

  forEach(...given: [callback?: unknown, receiver?: unknown]): void {
    const [callback, receiver] = given
    if (typeof callback !== 'function') throw new TypeError('forEach needs a function')
    for (const [name, value] of this) Reflect.apply(callback, receiver, [value, name, this])
  }

  *entries(): IterableIterator<[string, FormDataValue]> {
    for (let at = 0; at < this.#entries.length; at += 1) {
      const entry = this.#entries[at]
      if (entry !== undefined) yield [...entry]
    }
  }

  *keys(): IterableIterator<string> {
    for (const [name] of this.entries()) yield name
  }

  *values(): IterableIterator<FormDataValue> {
    for (const [, value] of this.entries()) yield value
  }

  declare [Symbol.iterator]: () => IterableIterator<[string, FormDataValue]>
}

Object.defineProperty(FormData.prototype, Symbol.iterator, {
  value: FormData.prototype.entries,
  writable: true,
  configurable: true,
})
asInterface(FormData, 'FormData')

/** Throws TypeError for what is no FormData. */
export function formEntries(form: FormData): readonly (readonly [string, FormDataValue])[] {
  return entriesOf(form)
}

function nameOf(method: string, given: readonly unknown[]): string {
  if (given.length === 0) throw new TypeError(`FormData.${method} needs a name`)
  return domString(given[0]).toWellFormed()
}

function entryOf(method: string, given: readonly unknown[]): [string, FormDataValue] {
  if (given.length < 2) throw new TypeError(`FormData.${method} needs a name and a value`)
  const name = nameOf(method, given)
  const [, value, filename] = given
  if (!(value instanceof Blob)) {
    if (filename !== undefined) throw new TypeError(`FormData.${method}: only a Blob has a filename`)
    return [name, domString(value).toWellFormed()]
  }
  if (value instanceof File && filename === undefined) return [name, value]
  const called = filename === undefined ? 'blob' : domString(filename)
  return [name, new File([value], called, { type: value.type })]
}
