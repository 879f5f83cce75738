/** The hashes of the trail; the formulas are in the header of event.ts. */

import { hash } from 'node:crypto'

const HASH_BYTES = 32

/** `run_prev` of a run's first event. */
export const NO_LEAF: Uint8Array = new Uint8Array(HASH_BYTES)

/** The fields of a row that its leaf covers, named as the columns are. */
export interface HashedRow {
  readonly seq: number
  readonly run: string
  readonly run_seq: number
  readonly ts: number
  readonly kind: string
  readonly call: string | null
  readonly ordinal: number | null
  readonly data: string
  readonly run_prev: Uint8Array
}

/** Where the fields of one row are joined; a longer row gets a place of its own. */
const JOINED = Buffer.allocUnsafeSlow(32 * 1024)
const NULL_LENGTH = 0xffffffff
/** Of one UTF-16 code unit, in UTF-8. */
const UNIT_BYTES_MAX = 3

/** Tells rows apart whose fields have the types of HashedRow; for what a file holds, row.ts sees to that. */
export function leafOf(row: HashedRow): Buffer {
  const { run, kind, call, data } = row
  const ordinal = row.ordinal === null ? null : String(row.ordinal)
  const texts = [String(row.seq), run, String(row.run_seq), String(row.ts), kind, call, ordinal, data]
  let size = 1 + 4 + row.run_prev.length
  for (const text of texts) size += 4 + UNIT_BYTES_MAX * (text?.length ?? 0)
  const bytes = size <= JOINED.length ? JOINED : Buffer.allocUnsafe(size)
  bytes[0] = 0x00
  let at = 1
  for (const text of texts) at = putText(bytes, at, text)
  at = bytes.writeUInt32BE(row.run_prev.length, at)
  bytes.set(row.run_prev, at)
  return hash('sha256', bytes.subarray(0, at + row.run_prev.length), 'buffer')
}

function putText(bytes: Buffer, at: number, text: string | null): number {
  if (text === null) return bytes.writeUInt32BE(NULL_LENGTH, at)
  const length = bytes.write(text, at + 4)
  bytes.writeUInt32BE(length, at)
  return at + 4 + length
}

/** A Merkle tree of RFC 6962 that only grows: the roots of its perfect subtrees are all that it remembers. */
export class Frontier {
  #size: number
  readonly #roots: Uint8Array[]

  private constructor(size: number, roots: Uint8Array[]) {
    this.#size = size
    this.#roots = roots
  }

  static empty(): Frontier {
    return new Frontier(0, [])
  }

  /** Undefined if the bytes cannot be the frontier of a tree with that many leaves. */
  static from(size: number, bytes: Uint8Array): Frontier | undefined {
    let ones = 0
    for (let rest = size; rest >= 1; rest = Math.floor(rest / 2)) ones += rest % 2
    if (bytes.length !== ones * HASH_BYTES) return undefined
    const roots = Array.from({ length: ones }, (_, index) => bytes.slice(index * HASH_BYTES, (index + 1) * HASH_BYTES))
    return new Frontier(size, roots)
  }

  get size(): number {
    return this.#size
  }

  append(leaf: Uint8Array): void {
    let root = leaf
    for (let rest = this.#size; rest % 2 === 1; rest = Math.floor(rest / 2)) {
      const left = this.#roots.pop()
      if (left === undefined) throw new Error('a Merkle frontier lost a subtree')
      root = nodeOf(left, root)
    }
    this.#roots.push(root)
    this.#size += 1
  }

  /** The root of the whole tree, hex. */
  root(): string {
    const last = this.#roots.at(-1)
    if (last === undefined) return hash('sha256', '', 'hex')
    return Buffer.from(this.#roots.slice(0, -1).reduceRight((right, left) => nodeOf(left, right), last)).toString('hex')
  }

  bytes(): Buffer {
    return Buffer.concat(this.#roots)
  }
}

const NODE = Buffer.alloc(1 + 2 * HASH_BYTES, 0x01)

function nodeOf(left: Uint8Array, right: Uint8Array): Uint8Array {
  NODE.set(left, 1)
  NODE.set(right, 1 + HASH_BYTES)
  return hash('sha256', NODE, 'buffer')
}
