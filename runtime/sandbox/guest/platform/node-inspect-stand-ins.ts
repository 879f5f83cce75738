/** The printer takes these apart when it is loaded; a guest has none of them. */
const absent = {
  Atomics: {},
  FinalizationRegistry: function FinalizationRegistry() {},
  WeakRef: function WeakRef() {},
}
const names = Object.keys(absent).filter((name) => !Reflect.has(globalThis, name))

for (const name of names) Reflect.set(globalThis, name, Reflect.get(absent, name))

export function removeInspectStandIns(): void {
  for (const name of names) Reflect.deleteProperty(globalThis, name)
}
