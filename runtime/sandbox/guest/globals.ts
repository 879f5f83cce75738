/**
 * Which of V8's globals a guest keeps. A global that is not on this list is removed, so one that a newer V8 adds
 * fails closed. Left out on purpose: WebAssembly, SharedArrayBuffer and Atomics (memory outside the heap limit,
 * blocking waits), WeakRef and FinalizationRegistry (the collector's timing), Temporal (the real clock), and V8's
 * own console (it belongs to the inspector).
 */
const KEPT: ReadonlySet<string> = new Set(
  (
    'Object Function Array Number parseFloat parseInt Infinity NaN undefined Boolean String Symbol Date Promise RegExp ' +
    'Error AggregateError EvalError RangeError ReferenceError SyntaxError TypeError URIError SuppressedError ' +
    'globalThis JSON Math Intl ArrayBuffer Uint8Array Int8Array Uint16Array Int16Array Uint32Array Int32Array ' +
    'Float16Array Float32Array Float64Array Uint8ClampedArray BigUint64Array BigInt64Array DataView Map BigInt Set ' +
    'Iterator WeakMap WeakSet Proxy Reflect DisposableStack AsyncDisposableStack ' +
    'decodeURI decodeURIComponent encodeURI encodeURIComponent escape unescape eval isFinite isNaN'
  ).split(' '),
)

export function removeGlobals(): void {
  for (const name of Object.getOwnPropertyNames(globalThis)) {
    if (!KEPT.has(name) && !Reflect.deleteProperty(globalThis, name)) throw new Error(`cannot remove ${name}`)
  }
  removeResizableBuffers()
}

/** Resizable and transferred buffers are not counted against the heap limit (825 MB grown under a limit of 64). */
function removeResizableBuffers(): void {
  const Real = ArrayBuffer
  // `resizable` and `maxByteLength` stay: they say of every buffer that it is not, and libraries ask.
  for (const name of ['resize', 'transfer', 'transferToFixedLength', 'transferToImmutable']) {
    Reflect.deleteProperty(Real.prototype, name)
  }
  const Guarded: ArrayBufferConstructor = new Proxy(Real, {
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.slice(0, 1), newTarget === Guarded ? target : newTarget),
  })
  for (const [owner, name] of [
    [Real.prototype, 'constructor'],
    [globalThis, 'ArrayBuffer'],
  ] as const) {
    Object.defineProperty(owner, name, { value: Guarded, writable: false, enumerable: false, configurable: false })
  }
}
