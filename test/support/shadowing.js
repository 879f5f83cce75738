// Replaces every method of V8's own by one that notes what it is handed, uses everything of the guest runtime, and
// then tries each thing that was noted for a road out. Plain text for an isolate; the last statement is the result.
const caught = new Set()
const { apply, construct, ownKeys, getOwnPropertyDescriptor, defineProperty } = Reflect
const real = { apply, construct, ownKeys, getOwnPropertyDescriptor, defineProperty }
const note = (value) => {
  if ((typeof value === 'object' && value !== null) || typeof value === 'function') real.apply(setAdd, caught, [value])
}
const setAdd = Set.prototype.add
const intrinsics = [
  JSON,
  Math,
  Reflect,
  Object,
  Array,
  String,
  Number,
  Promise,
  Symbol,
  RegExp,
  Map,
  Set,
  Error,
  Date,
  Intl,
  ArrayBuffer,
  Function.prototype,
  Object.prototype,
  Array.prototype,
  String.prototype,
  Number.prototype,
  Promise.prototype,
  RegExp.prototype,
  Map.prototype,
  Set.prototype,
  WeakMap.prototype,
  Error.prototype,
  Date.prototype,
  ArrayBuffer.prototype,
  DataView.prototype,
  Uint8Array,
  Uint8Array.prototype,
  Object.getPrototypeOf(Uint8Array),
  Object.getPrototypeOf(Uint8Array).prototype,
  Object.getPrototypeOf([][Symbol.iterator]()),
  Object.getPrototypeOf(new Map().entries()),
  Intl.DateTimeFormat.prototype,
]
const replaced = []
for (const owner of intrinsics) {
  for (const key of real.ownKeys(owner)) {
    const { value, writable, configurable } = real.getOwnPropertyDescriptor(owner, key)
    if (typeof value !== 'function' || key === 'constructor' || !(writable || configurable)) continue
    const spy = function (...args) {
      note(this)
      for (let at = 0; at < args.length; at++) note(args[at])
      return new.target === undefined ? real.apply(value, this, args) : real.construct(value, args)
    }
    if (real.defineProperty(owner, key, { __proto__: null, value: spy, writable: true, configurable })) {
      replaced[replaced.length] = [owner, key, value, writable, configurable]
    }
  }
}
// Traps and descriptors inherit from here.
const inherited = [
  'construct',
  'apply',
  'get',
  'set',
  'has',
  'getPrototypeOf',
  'ownKeys',
  'then',
  'toJSON',
  'ok',
  'bytes',
  'error',
  'value',
]
const trapped = (name) => {
  real.defineProperty(Object.prototype, name, {
    __proto__: null,
    get() {
      note(this)
      return undefined
    },
    set(value) {
      note(this)
      note(value)
      real.defineProperty(this, name, { __proto__: null, value, writable: true, enumerable: true, configurable: true })
    },
    configurable: true,
  })
}
const handlerTraps = ['construct', 'apply', 'get', 'set', 'has', 'getPrototypeOf', 'ownKeys']
for (const name of handlerTraps) {
  real.defineProperty(Object.prototype, name, {
    __proto__: null,
    value: function (target) {
      note(target)
      note(this)
      return undefined
    },
    writable: true,
    configurable: true,
  })
}
const tries = [
  () => new Date(),
  () => Date(),
  () => Date.now(),
  () => new Date(5).toLocaleString(),
  () => new (class extends Date {})(),
  () => new Intl.DateTimeFormat().format(),
  () => new Intl.DateTimeFormat().formatToParts(),
  () => Temporal.Now.instant(),
  () => Temporal.Now.plainDateTimeISO(),
  () => Temporal.Now.zonedDateTimeISO('Asia/Tokyo'),
  () => Math.random(),
  () => new ArrayBuffer(8),
  () => ArrayBuffer(8),
  () => ArrayBuffer.anything,
  () => 'x' in ArrayBuffer,
  () => new Uint8Array(8).slice(2),
  () => Uint8Array(3),
  () => Uint8Array.anything,
  () => Uint8Array.fromHex('00'),
  () => setTimeout(() => 0, 1),
  () => clearTimeout(1),
  () => queueMicrotask(() => 0),
  () => setInterval(() => 0, 1),
  () => console.log('x', { a: 1 }, new Error('e')),
  () => console.assert(false),
  () => new URL('https://h.example/'),
  () => new TextEncoder().encode('x'),
  () => new TextDecoder().decode(new Uint8Array(2)),
  () => Buffer.from('abc').toString('base64'),
  () => atob('YQ=='),
  () => require('path').resolve('x'),
  () => require('node:nothing'),
  () => require('run-agent').z.object({}),
  () =>
    require('fs/promises')
      .readFile('x')
      .catch(() => 0),
  () =>
    require('fs/promises')
      .writeFile('x', 'y')
      .catch(() => 0),
  () =>
    require('fs/promises')
      .stat('x')
      .catch(() => 0),
  () =>
    require('fs/promises')
      .readdir('x')
      .catch(() => 0),
]
for (let at = 0; at < tries.length; at++)
  try {
    tries[at]()
  } catch (error) {
    note(error)
  }
for (const name of handlerTraps) delete Object.prototype[name]
for (let at = 0; at < inherited.length; at++) trapped(inherited[at])
for (let at = 0; at < tries.length; at++)
  try {
    tries[at]()
  } catch (error) {
    note(error)
  }
for (let at = 0; at < inherited.length; at++) delete Object.prototype[inherited[at]]
await Promise.resolve()
for (let at = replaced.length - 1; at >= 0; at--) {
  const [owner, key, value, writable, configurable] = replaced[at]
  real.defineProperty(owner, key, { __proto__: null, value, writable, configurable })
}
// Now is 2023 here; the real clock is later.
const LATE = 1_750_000_000_000
const isLate = (value) => {
  const ms =
    typeof value === 'number'
      ? value
      : typeof value === 'string'
        ? Date.parse(value)
        : Number(value?.epochMilliseconds ?? value?.getTime?.())
  return ms > LATE && ms < 4_000_000_000_000
}
const leaks = []
const attempt = (what, act, test) => {
  try {
    if (test(act())) leaks.push(what)
  } catch {}
}
for (const value of caught) {
  // What ends the call is among them; every road to the real clock is a function of V8's own.
  if (typeof value === 'function' && Function.prototype.toString.call(value).includes('[native code]')) {
    attempt('a clock to call', () => value(), isLate)
    attempt('a clock to construct', () => new value(), isLate)
    attempt('a static clock', () => value.now(), isLate)
    attempt('a clock of a formatter', () => real.apply(value, new Intl.DateTimeFormat('en-CA'), []), isLate)
    attempt('a getter of a clock', () => real.apply(value, new Intl.DateTimeFormat('en-CA'), [])(), isLate)
    attempt(
      'a resizable buffer',
      () => new value(8, { maxByteLength: 1e6 }).resizable,
      (is) => is === true,
    )
  }
  const name = (() => {
    try {
      return value?.constructor?.name
    } catch {}
  })()
  if (/^(Reference|Callback|ExternalCopy)$/.test(name ?? '')) leaks.push(`a ${name}`)
}
const left = walk([...caught]).found
return { leaks: [...leaks, ...left], caught: caught.size > 100, replaced: replaced.length > 300 }
