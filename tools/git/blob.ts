/** The content of a file in the history, as far as it is worth having. */
import { MissingObject } from './objects.ts'
import type { ObjectStore } from './objects.ts'
import { looksBinary } from './pack.ts'

export type Blob =
  | { readonly kind: 'text'; readonly text: string; readonly bytes: number }
  | { readonly kind: 'binary'; readonly bytes: number }
  | { readonly kind: 'too large'; readonly bytes: number }
  | { readonly kind: 'missing' }

/** A larger file has no place in one tool result, and is not written by hand. */
export const BLOB_BYTES_MAX = 1024 * 1024

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

export async function readBlob(objects: ObjectStore, oid: string, limit: number, small: boolean): Promise<Blob> {
  try {
    const read = await objects.read(oid, limit, small)
    if (read.kind !== 'object') return read
    const { data } = read.object
    if (looksBinary(data)) return { kind: 'binary', bytes: data.length }
    return { kind: 'text', text: utf8.decode(data), bytes: data.length }
  } catch (thrown) {
    // A partial clone lacks contents, while its commits and trees are whole.
    if (thrown instanceof MissingObject) return { kind: 'missing' }
    throw thrown
  }
}
