/**
 * The parts of the guest platform: what each gives a guest. A part is loaded where a guest first names something of
 * it, so that one that is not used costs nothing. Names alone stand here; the host bundles `platform/NAME.ts`.
 */

import { NODE_PARTS } from './node-parts.ts'

interface PlatformPart {
  /** Globals of a guest, by the names under which the part exports them. */
  readonly globals: readonly string[]
  /** Node builtins, without `node:`, each all that the part exports, or what it exports under the name behind it. */
  readonly modules: readonly (readonly [module: string, exported?: string])[]
}

/** A part with neither serves other parts. */
const part = (globals: string, modules: PlatformPart['modules'] = []): PlatformPart => ({
  globals: globals.split(' ').filter((name) => name !== ''),
  modules,
})

const PARTS = {
  base64: part('atob btoa'),
  blob: part('Blob File'),
  compression: part('CompressionStream DecompressionStream'),
  console: part('console'),
  crypto: part('crypto Crypto'),
  digest: part(''),
  'dom-exception': part('DOMException'),
  encoding: part('TextDecoder TextEncoder'),
  'encoding-legacy': part(''),
  'encoding-streams': part('TextDecoderStream TextEncoderStream'),
  events: part(
    'AbortController AbortSignal CustomEvent ErrorEvent Event EventTarget MessageEvent PromiseRejectionEvent',
  ),
  'domain-names': part(''),
  fetch: part('FormData Headers Request Response fetch'),
  performance: part('Performance PerformanceEntry PerformanceMark PerformanceMeasure performance'),
  scope: part('navigator reportError'),
  streams: part(
    'ByteLengthQueuingStrategy CountQueuingStrategy ReadableByteStreamController ReadableStream ' +
      'ReadableStreamBYOBReader ReadableStreamBYOBRequest ReadableStreamDefaultController ReadableStreamDefaultReader ' +
      'TransformStream TransformStreamDefaultController WritableStream WritableStreamDefaultController ' +
      'WritableStreamDefaultWriter',
  ),
  'structured-clone': part('structuredClone'),
  subtle: part('CryptoKey SubtleCrypto'),
  url: part('URL URLSearchParams'),
  'url-pattern': part('URLPattern'),
  ...NODE_PARTS,
} as const satisfies Record<string, PlatformPart>

/** By name. A process that asks for another is not ours any more. */
export const PLATFORM_PARTS: ReadonlyMap<string, PlatformPart> = new Map(Object.entries(PARTS))

/** Those that the guest runtime itself holds. */
const RUNTIME_MODULES = ['fs/promises'] as const

/** Node builtins that have a counterpart in the guest, without `node:`. */
export const GUEST_MODULES: ReadonlySet<string> = new Set([
  ...RUNTIME_MODULES,
  ...[...PLATFORM_PARTS.values()].flatMap(({ modules }) => modules.map(([module]) => module)),
])

/** What packages of the platform get in the place of what they import: nine tenths of their code serve few hosts. */
export const PLATFORM_STAND_INS: ReadonlyMap<string, string> = new Map([
  ['tr46', 'platform/url/domain-names-later.ts'],
  ['@exodus/bytes/encoding.js', 'platform/url/no-encodings.ts'],
  ['@exodus/bytes/whatwg.js', 'platform/url/percent-encode.ts'],
])
