/** What Web IDL says of every interface: its members are enumerable, and it has a name of its own. */
export function asInterface(constructor: Function, name: string): void {
  const prototype: object = constructor.prototype
  for (const key of Reflect.ownKeys(prototype)) {
    const found = Reflect.getOwnPropertyDescriptor(prototype, key)
    if (key === 'constructor' || typeof key === 'symbol' || found === undefined) continue
    Object.defineProperty(prototype, key, { ...found, enumerable: true })
  }
  for (const key of Reflect.ownKeys(constructor)) {
    const found = Reflect.getOwnPropertyDescriptor(constructor, key)
    if (typeof key === 'symbol' || found === undefined || ['length', 'name', 'prototype'].includes(key)) continue
    if (found.configurable === true) Object.defineProperty(constructor, key, { ...found, enumerable: true })
  }
  Object.defineProperty(prototype, Symbol.toStringTag, { value: name, configurable: true })
  Object.defineProperty(constructor, 'name', { value: name, configurable: true })
}

/** Constants of an interface: on the constructor and on its prototype (Web IDL section 3.7.5). */
export function withConstants(constructor: Function, constants: Readonly<Record<string, number>>): void {
  for (const owner of [constructor, constructor.prototype]) {
    for (const [name, value] of Object.entries(constants)) {
      Object.defineProperty(owner, name, { value, writable: false, enumerable: true, configurable: false })
    }
  }
}
