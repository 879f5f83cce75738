/**
 * @exodus/bytes takes the TextDecoder that it finds for one of the engine and asks it for every encoding first; ours
 * would ask it back. While it is loaded it finds one that has only what ours has of its own.
 */
const Real = globalThis.TextDecoder

class NativeStandIn extends Real {
  constructor(label = 'utf-8', options?: ConstructorParameters<typeof Real>[1]) {
    if (!/^(?:utf-8|utf-16[bl]e|latin1|windows-1252)$/.test(label)) throw new RangeError(`no encoding ${label}`)
    super(label, options)
  }
}

Reflect.set(globalThis, 'TextDecoder', NativeStandIn)

export function removeStandIn(): void {
  Reflect.set(globalThis, 'TextDecoder', Real)
}
