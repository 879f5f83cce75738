/** The decoders of encodings that are no UTF (WHATWG Encoding sections 9 to 14). */
import { removeStandIn } from './encoding/native-stand-in.ts'
import { normalizeEncoding } from '@exodus/bytes/encoding-lite.js'
import { createMultibyteDecoder } from '@exodus/bytes/multi-byte.js'
import { createSinglebyteDecoder } from '@exodus/bytes/single-byte.js'
import type { ChunkDecoder } from './encoding.ts'

removeStandIn()

const MULTI_BYTE: ReadonlySet<string> = new Set([
  'big5',
  'euc-jp',
  'euc-kr',
  'gb18030',
  'gbk',
  'iso-2022-jp',
  'shift_jis',
])

/** The name of an encoding, in lower case; null where nothing is called so. */
export function encodingOf(label: string): string | null {
  return normalizeEncoding(label)
}

/** `encoding` is the name of one, in lower case. */
export function legacyDecoder(encoding: string, fatal: boolean): ChunkDecoder {
  if (MULTI_BYTE.has(encoding)) {
    const decode = createMultibyteDecoder(encoding, !fatal)
    return (bytes, isLast) => decode(bytes, !isLast)
  }
  return createSinglebyteDecoder(encoding, !fatal)
}
