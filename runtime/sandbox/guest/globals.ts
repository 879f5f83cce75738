/**
 * Which of V8's globals a guest keeps. A global that is not on this list is removed, so one that a newer V8 adds
 * fails closed; so does a new member of those that know of clock, chance, language or stack. Left out on purpose:
 * WebAssembly, SharedArrayBuffer and Atomics (memory outside the heap limit, blocking waits), WeakRef and
 * FinalizationRegistry (the collector's timing), ShadowRealm (another Date), V8's own console (it belongs to the
 * inspector), its break iterator, and its Temporal (clock.ts has another).
 *
 * Import this before anything that could keep a reference to what is replaced here.
 */
import { end } from './wire.ts'

const KEPT = names(
  'Object Function Array Number parseFloat parseInt Infinity NaN undefined Boolean String Symbol Date Promise RegExp ' +
    'Error AggregateError EvalError RangeError ReferenceError SyntaxError TypeError URIError SuppressedError ' +
    'globalThis JSON Math Intl ArrayBuffer Uint8Array Int8Array Uint16Array Int16Array Uint32Array Int32Array ' +
    'Float16Array Float32Array Float64Array Uint8ClampedArray BigUint64Array BigInt64Array DataView Map BigInt Set ' +
    'Iterator WeakMap WeakSet Proxy Reflect DisposableStack AsyncDisposableStack ' +
    'decodeURI decodeURIComponent encodeURI encodeURIComponent escape unescape eval isFinite isNaN',
)

const KEPT_MEMBERS: readonly (readonly [global: string, members: ReadonlySet<string>])[] = [
  ['Date', names('length name prototype now parse UTC')],
  [
    'Math',
    names(
      'E LN10 LN2 LOG10E LOG2E PI SQRT1_2 SQRT2 abs acos acosh asin asinh atan atan2 atanh cbrt ceil clz32 cos cosh ' +
        'exp expm1 f16round floor fround hypot imul log log10 log1p log2 max min pow random round sign sin sinh sqrt ' +
        'tan tanh trunc',
    ),
  ],
  [
    'Intl',
    names(
      'getCanonicalLocales supportedValuesOf DateTimeFormat NumberFormat Collator PluralRules RelativeTimeFormat ' +
        'ListFormat Locale DisplayNames Segmenter DurationFormat',
    ),
  ],
  ['Error', names('length name prototype captureStackTrace isError stackTraceLimit')],
]

// A guest may replace them; what is guarded here calls the real ones.
const ToObject = Object
const { apply, construct, deleteProperty, get } = Reflect
const { defineProperty, getOwnPropertyDescriptor, getOwnPropertyNames, getPrototypeOf } = Object

for (const name of getOwnPropertyNames(globalThis)) if (!KEPT.has(name)) remove(globalThis, name)
for (const [global, members] of KEPT_MEMBERS) {
  const owner: unknown = get(globalThis, global)
  if (owner === undefined) continue
  for (const name of getOwnPropertyNames(owner)) if (!members.has(name)) remove(Object(owner), name)
}
removeResizableBuffers()
guardAllocations()

function names(text: string): ReadonlySet<string> {
  return new Set(text.split(' '))
}

function remove(owner: object, name: string): void {
  if (!deleteProperty(owner, name)) throw new Error(`cannot remove ${name}`)
}

/** Resizable and transferred buffers are not counted against the heap limit (825 MB grown under a limit of 64). */
function removeResizableBuffers(): void {
  // `resizable` and `maxByteLength` stay: they say of every buffer that it is not, and libraries ask.
  for (const name of ['resize', 'transfer', 'transferToFixedLength', 'transferToImmutable', 'sliceToImmutable']) {
    deleteProperty(ArrayBuffer.prototype, name)
  }
}

/**
 * Whether one more buffer fits hangs on what the collector did before, so a guest that could see the refusal and go
 * on would not do the same again. The first refusal is therefore the end of the call; what the guest does with the
 * error is not heard any more.
 */
function guardAllocations(): void {
  guard('ArrayBuffer', 1)
  const TypedArray: unknown = getPrototypeOf(Uint8Array)
  for (const name of getOwnPropertyNames(globalThis)) {
    const value: unknown = get(globalThis, name)
    if (typeof value === 'function' && getPrototypeOf(value) === TypedArray) guard(name, 3)
  }
  // These allocate without asking for a constructor, or where they are told of none: `constructor` or its
  // `Symbol.species` may be undefined.
  for (const name of ['fromBase64', 'fromHex']) guardMethod(Uint8Array, name)
  const views = Object(get(Object(TypedArray), 'prototype'))
  for (const name of ['toReversed', 'toSorted', 'with', 'slice', 'map', 'filter']) guardMethod(views, name)
  guardMethod(ArrayBuffer.prototype, 'slice')
}

/** Replaces a constructor of buffers; `argumentsMax` leaves off the options of ArrayBuffer. */
function guard(name: string, argumentsMax: number): void {
  const Real: unknown = get(globalThis, name)
  if (typeof Real !== 'function') return
  const handler: ProxyHandler<Function> & { readonly __proto__: null } = {
    // What a handler inherits is a trap as well: `Object.prototype.get` would be handed the real constructor.
    __proto__: null,
    construct(target, args: unknown[], newTarget) {
      if (args.length > argumentsMax) args.length = argumentsMax
      try {
        return construct(target, args, newTarget === Guarded ? target : newTarget)
      } catch (error) {
        throw judged(error)
      }
    },
  }
  const Guarded: Function = new Proxy(Real, handler)
  for (const [owner, key] of [
    [Real.prototype, 'constructor'],
    [globalThis, name],
  ] as const) {
    defineProperty(owner, key, { value: Guarded, writable: false, enumerable: false, configurable: false })
  }
}

function guardMethod(owner: object, name: string): void {
  const real: unknown = get(owner, name)
  if (typeof real !== 'function') return
  const value = {
    [name](this: unknown, ...args: unknown[]): unknown {
      try {
        return apply(real, this, args)
      } catch (error) {
        throw judged(error)
      }
    },
  }[name]
  defineProperty(Object(value), 'length', { value: real.length, configurable: true })
  defineProperty(owner, name, { value, writable: true, enumerable: false, configurable: true })
}

/** V8's words for a buffer that was refused; a guest that forges them ends its own call. */
const REFUSED = 'Array buffer allocation failed'
const OF_MEMORY = '{"kind":"limit","limit":"memory","message":"the call needed more memory than it may"}'

function judged(error: unknown): unknown {
  // A RangeError of V8's own is read without running anything of the guest's: it has its message itself.
  if (getOwnPropertyDescriptor(ToObject(error), 'message')?.value === REFUSED) end(OF_MEMORY)
  return error
}
