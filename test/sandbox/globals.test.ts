/** Exactly what a guest has, for each Node. Where a list differs from this one, a newer V8 brought something: judge it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PLATFORM_PARTS } from '../../runtime/sandbox/guest/platform-parts.ts'
import type { Sandbox } from '../../runtime/sandbox/sandbox.ts'
import { NODES } from '../support/node-24.ts'
import { callOf, openSandbox, play, toolOf, valueOf } from '../support/sandbox.ts'

const sorted = (text: string): readonly string[] => text.split(' ').toSorted()

const GLOBALS = sorted(
  'AggregateError Array ArrayBuffer AsyncDisposableStack BigInt BigInt64Array BigUint64Array Boolean DataView Date ' +
    'DisposableStack Error EvalError Float16Array Float32Array Float64Array Function Infinity Int16Array Int32Array ' +
    'Int8Array Intl Iterator JSON Map Math NaN Number Object Promise Proxy RangeError ReferenceError Reflect RegExp ' +
    'Set String SuppressedError Symbol SyntaxError TypeError URIError Uint16Array Uint32Array Uint8Array ' +
    'Uint8ClampedArray WeakMap WeakSet decodeURI decodeURIComponent encodeURI encodeURIComponent escape eval ' +
    'globalThis isFinite isNaN parseFloat parseInt undefined unescape ' +
    // What the guest runtime installs.
    'clearInterval clearTimeout global queueMicrotask self setInterval setTimeout',
)

/** By Node's major version; the second list holds from 26 on. */
const MEMBERS: Readonly<Record<string, readonly [always: string, from26?: string]>> = {
  Date: ['UTC length name now parse prototype'],
  'Date.prototype': [
    'constructor getDate getDay getFullYear getHours getMilliseconds getMinutes getMonth getSeconds getTime ' +
      'getTimezoneOffset getUTCDate getUTCDay getUTCFullYear getUTCHours getUTCMilliseconds getUTCMinutes getUTCMonth ' +
      'getUTCSeconds getYear setDate setFullYear setHours setMilliseconds setMinutes setMonth setSeconds setTime ' +
      'setUTCDate setUTCFullYear setUTCHours setUTCMilliseconds setUTCMinutes setUTCMonth setUTCSeconds setYear ' +
      'toDateString toGMTString toISOString toJSON toLocaleDateString toLocaleString toLocaleTimeString toString ' +
      'toTimeString toUTCString valueOf @toPrimitive',
    'toTemporalInstant',
  ],
  Intl: [
    'Collator DateTimeFormat DisplayNames DurationFormat ListFormat Locale NumberFormat PluralRules ' +
      'RelativeTimeFormat Segmenter getCanonicalLocales supportedValuesOf @toStringTag',
  ],
  'Intl.DateTimeFormat.prototype': [
    'constructor format formatRange formatRangeToParts formatToParts resolvedOptions @toStringTag',
  ],
  Math: [
    'E LN10 LN2 LOG10E LOG2E PI SQRT1_2 SQRT2 abs acos acosh asin asinh atan atan2 atanh cbrt ceil clz32 cos cosh exp ' +
      'expm1 f16round floor fround hypot imul log log10 log1p log2 max min pow random round sign sin sinh sqrt tan ' +
      'tanh trunc @toStringTag',
  ],
  Promise: ['all allSettled any length name prototype race reject resolve try withResolvers @species'],
  'Promise.prototype': ['catch constructor finally then @toStringTag'],
  Array: ['from fromAsync isArray length name of prototype @species'],
  'Array.prototype': [
    'at concat constructor copyWithin entries every fill filter find findIndex findLast findLastIndex flat flatMap ' +
      'forEach includes indexOf join keys lastIndexOf length map pop push reduce reduceRight reverse shift slice some ' +
      'sort splice toLocaleString toReversed toSorted toSpliced toString unshift values with @iterator @unscopables',
  ],
  Iterator: ['from length name prototype', 'concat'],
  'Iterator.prototype': [
    'constructor drop every filter find flatMap forEach map reduce some take toArray @dispose @iterator @toStringTag',
  ],
  Error: ['captureStackTrace isError length name prototype stackTraceLimit'],
  'Error.prototype': ['constructor message name toString'],
  Object: [
    'assign create defineProperties defineProperty entries freeze fromEntries getOwnPropertyDescriptor ' +
      'getOwnPropertyDescriptors getOwnPropertyNames getOwnPropertySymbols getPrototypeOf groupBy hasOwn is ' +
      'isExtensible isFrozen isSealed keys length name preventExtensions prototype seal setPrototypeOf values',
  ],
  Function: ['length name prototype'],
  ArrayBuffer: ['isView length name prototype @species'],
  'ArrayBuffer.prototype': ['byteLength constructor detached maxByteLength resizable slice @toStringTag'],
  Symbol: [
    'asyncDispose asyncIterator dispose for hasInstance isConcatSpreadable iterator keyFor length match matchAll name ' +
      'prototype replace search species split toPrimitive toStringTag unscopables',
  ],
  Reflect: [
    'apply construct defineProperty deleteProperty get getOwnPropertyDescriptor getPrototypeOf has isExtensible ' +
      'ownKeys preventExtensions set setPrototypeOf @toStringTag',
  ],
}

const TEMPORAL: Readonly<Record<string, string>> = {
  Temporal:
    'Duration Instant Now PlainDate PlainDateTime PlainMonthDay PlainTime PlainYearMonth ZonedDateTime @toStringTag',
  'Temporal.Now': 'instant plainDateISO plainDateTimeISO plainTimeISO timeZoneId zonedDateTimeISO @toStringTag',
  'Temporal.Instant': 'compare from fromEpochMilliseconds fromEpochNanoseconds length name prototype',
}

describe.each(NODES)('$name', ({ major, skip, processes, files }) => {
  let sandbox: Sandbox
  beforeAll(async () => {
    if (!skip) sandbox = await openSandbox({ outerWall: false, processes, files })
  })
  afterAll(() => sandbox?.close())

  const membersOf = async (path: string): Promise<unknown> => {
    const body = `return Reflect.ownKeys(${path}).map((key) => String(key).replace(/^Symbol\\(Symbol\\.(.*)\\)$/, '@$1')).sort()`
    return valueOf(await play(sandbox, callOf(toolOf(body))))
  }

  test.skipIf(skip)('the globals', async () => {
    const ofPlatform = [...PLATFORM_PARTS.values()].flatMap(({ globals }) => globals)
    const expected = [...GLOBALS, ...ofPlatform, ...(major >= 26 ? ['Temporal'] : [])].toSorted()
    expect(await membersOf('globalThis')).toEqual(expected)
  })

  test.skipIf(skip).each(Object.entries(MEMBERS))('%s', async (path, [always, from26]) => {
    const expected = sorted(major >= 26 && from26 !== undefined ? `${always} ${from26}` : always)
    expect(await membersOf(path)).toEqual(expected)
  })

  test.skipIf(skip || major < 26).each(Object.entries(TEMPORAL))('%s', async (path, members) => {
    expect(await membersOf(path)).toEqual(sorted(members))
  })

  test.skipIf(skip)('no other realm, no collector, no blocking wait, no way out', async () => {
    const gone =
      'ShadowRealm WebAssembly SharedArrayBuffer Atomics WeakRef FinalizationRegistry require module exports ' +
      'window importScripts gc d8 print load quit v8 ivm isolate Isolate Reference Callback ' +
      'AsyncIterator ContinuationPreservedEmbedderData Deno Bun'
    const body = `return ${JSON.stringify(gone.split(' '))}.filter((name) => name in globalThis)`
    expect(valueOf(await play(sandbox, callOf(toolOf(body))))).toEqual([])
  })
})
