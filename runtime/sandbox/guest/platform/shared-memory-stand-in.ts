/** webidl-conversions takes SharedArrayBuffer's getters when it is loaded; a guest has no such thing. */
class SharedArrayBuffer {
  get byteLength(): number {
    throw new TypeError('not a SharedArrayBuffer')
  }
  get growable(): boolean {
    throw new TypeError('not a SharedArrayBuffer')
  }
}

Reflect.set(globalThis, 'SharedArrayBuffer', SharedArrayBuffer)

export function removeStandIn(): void {
  Reflect.deleteProperty(globalThis, 'SharedArrayBuffer')
}
