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

/** Tells rows apart whose fields have the types of HashedRow; for what a file holds, row.ts sees to that. */
export function leafOf(row: HashedRow): Buffer {
  const parts: Uint8Array[] = [Buffer.of(0x00)]
  for (const field of [row.seq, row.run, row.run_seq, row.ts, row.kind, row.call, row.ordinal, row.data]) {
    putField(parts, field === null ? null : Buffer.from(String(field)))
  }
  putField(parts, row.run_prev)
  return hash('sha256', Buffer.concat(parts), 'buffer')
}

function putField(parts: Uint8Array[], field: Uint8Array | null): void {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(field === null ? 0xffffffff : field.length)
  parts.push(length)
  if (field !== null) parts.push(field)
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

function nodeOf(left: Uint8Array, right: Uint8Array): Uint8Array {
  return hash('sha256', Buffer.concat([Buffer.of(0x01), left, right]), 'buffer')
}
