/** Bodies that were compressed for the way: one encoding, decompressed piece by piece, no faster than they are read. */

import { pipeline, Readable } from 'node:stream'
import type { Transform } from 'node:stream'
import { constants, createGunzip, createInflate, createZstdDecompress } from 'node:zlib'
import { HTTP_RATIO_FREE_BYTES, ZSTD_WINDOW_LOG_MAX } from './limits.ts'
import { tooLarge } from './node-web-body.ts'
import type { WireBody } from './node-web-body.ts'
import { codeOf, webFailure } from './node-web-failure.ts'

type Decompressor = Transform & { readonly bytesWritten: number }

const gunzip = (): Decompressor => createGunzip({ rejectGarbageAfterEnd: true })

const DECOMPRESSORS: ReadonlyMap<string, () => Decompressor> = new Map([
  ['gzip', gunzip],
  ['x-gzip', gunzip],
  ['deflate', () => createInflate({ rejectGarbageAfterEnd: true })],
  [
    'zstd',
    () =>
      createZstdDecompress({
        rejectGarbageAfterEnd: true,
        params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX },
      }),
  ],
])

/** What is asked for. Not `br`: an answer of a few bytes makes its decompressor hold 16 MB, and nothing bounds that. */
export const ACCEPT_ENCODING = 'gzip, deflate, zstd'

/** The encoding that a `content-encoding` names; undefined where the body stands as it is. Throws `HTTP_ENCODING`. */
export function encodingOf(values: readonly string[]): string | undefined {
  const encoding = values.join(', ').trim().toLowerCase()
  if (encoding === '' || encoding === 'identity') return undefined
  if (DECOMPRESSORS.has(encoding)) return encoding
  throw webFailure(
    'HTTP_ENCODING',
    `its encoding ${JSON.stringify(encoding.slice(0, 60))} is not one that was asked for`,
  )
}

export interface DecompressionLimits {
  readonly maxBytes: number
  /** How many times its own size it may become, once it is larger than HTTP_RATIO_FREE_BYTES. */
  readonly maxRatio: number
}

/**
 * The bytes of a body, decompressed; a body without a byte is empty whatever its encoding. Throws `HTTP_ENCODING` where
 * it is cut off, damaged or followed by more, `HTTP_BODY_TOO_LARGE`, `HTTP_BODY_RATIO`, or what ended the body.
 */
export async function* decompressed(
  body: WireBody,
  encoding: string,
  { maxBytes, maxRatio }: DecompressionLimits,
): AsyncGenerator<Buffer, void, undefined> {
  const first = await body.next()
  if (first === undefined) return
  const decompressor = DECOMPRESSORS.get(encoding)!()
  // Its outcome is that of the decompressor, which is read below.
  pipeline(Readable.from(chunksOf(first, body)), decompressor, () => undefined)
  let length = 0
  try {
    for await (const chunk of decompressor as AsyncIterable<Buffer>) {
      length += chunk.byteLength
      if (length > maxBytes) throw tooLarge(maxBytes)
      if (length > HTTP_RATIO_FREE_BYTES && length > maxRatio * decompressor.bytesWritten) {
        throw webFailure('HTTP_BODY_RATIO', `the body becomes more than ${maxRatio} times as large as it was sent`)
      }
      yield chunk
    }
  } catch (thrown) {
    if (body.failure !== undefined) throw body.failure
    if (codeOf(thrown)?.startsWith('HTTP_') === true) throw thrown
    throw webFailure('HTTP_ENCODING', `the body is not ${encoding}, or not all of it`)
  } finally {
    decompressor.destroy()
  }
}

async function* chunksOf(first: Buffer, body: WireBody): AsyncGenerator<Buffer, void, undefined> {
  yield first
  for (let chunk = await body.next(); chunk !== undefined; chunk = await body.next()) yield chunk
}

/** The bytes of a body as they came. */
export async function* plain(body: WireBody): AsyncGenerator<Buffer, void, undefined> {
  for (let chunk = await body.next(); chunk !== undefined; chunk = await body.next()) yield chunk
}
