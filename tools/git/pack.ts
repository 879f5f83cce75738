/**
 * One object out of a pack of any size: its header tells its kind and size, a chain of deltas is followed without
 * recursion, and nothing over the limit is inflated.
 */
import type { BlockReader } from './blocks.ts'
import { applyDelta, deltaResultSize } from './delta.ts'
import { CorruptObject, inflateExactly, inflateStart } from './inflate.ts'
import type { PackIndex } from './pack-index.ts'

export type ObjectType = 'commit' | 'tree' | 'blob' | 'tag'

export interface GitObject {
  readonly type: ObjectType
  readonly data: Uint8Array
}

/** An object, or why it was not read whole: only its size is known then. */
export type ObjectRead =
  | { readonly kind: 'object'; readonly object: GitObject }
  | { readonly kind: 'too large'; readonly bytes: number }
  | { readonly kind: 'binary'; readonly bytes: number }

/** git's own rule: a file with a NUL among its first 8,000 bytes is binary. */
const BINARY_PROBE_BYTES = 8000

/** Of larger blobs the start is looked at before the rest is read. */
export const WHOLE_BYTES_MAX = 64 * 1024

export function looksBinary(start: Uint8Array): boolean {
  return start.subarray(0, BINARY_PROBE_BYTES).includes(0)
}

/** Whether the content that follows a header of `skipped` bytes is binary, by the start of the deflated stream. */
export function startsBinary(deflated: Uint8Array, skipped: number): boolean {
  return looksBinary(inflateStart(deflated, skipped + BINARY_PROBE_BYTES).subarray(skipped))
}

/** What a delta rests on may be larger than what is asked for; past this it is not worth the heap. */
const BASE_BYTES_MAX = 8 * 1024 * 1024

/** git itself writes at most 4,095. */
const CHAIN_MAX = 4096

/** 8 MB of bases: neighbours in a chain share them. */
const CACHED_BYTES_MAX = 8 * 1024 * 1024

/** The longest header: a size, and a base's offset or name. */
const HEADER_BYTES_MAX = 40

const TYPES: Readonly<Record<number, ObjectType>> = { 1: 'commit', 2: 'tree', 3: 'blob', 4: 'tag' }

interface Entry {
  readonly type: ObjectType | undefined
  /** Of the inflated data: the object itself, or the delta. */
  readonly size: number
  readonly dataAt: number
  readonly base: { readonly offset: number } | { readonly oid: string } | undefined
}

/** Reads a base that a delta gives by name: it may be in another pack, or loose. `depth` counts such steps. */
type ReadElsewhere = (oid: string, limit: number, depth: number) => Promise<GitObject>

/** Objects that deltas rested on, the least recently used dropped first. */
export class BaseCache {
  readonly #objects = new Map<string, GitObject>()
  #bytes = 0

  get(key: string): GitObject | undefined {
    const found = this.#objects.get(key)
    if (found !== undefined) {
      this.#objects.delete(key)
      this.#objects.set(key, found)
    }
    return found
  }

  set(key: string, object: GitObject): void {
    if (object.data.length > CACHED_BYTES_MAX / 4 || this.#objects.has(key)) return
    this.#objects.set(key, object)
    this.#bytes += object.data.length
    for (const [oldest, { data }] of this.#objects) {
      if (this.#bytes <= CACHED_BYTES_MAX) break
      this.#objects.delete(oldest)
      this.#bytes -= data.length
    }
  }
}

/** How an object is wanted. */
export interface ReadRequest {
  readonly limit: number
  /** Whether a binary blob is wanted too: a delta may rest on it. */
  readonly whole: boolean
  /** How many packs have sent on to this one for a base. */
  readonly depth: number
}

export class PackReader {
  readonly #path: string
  readonly #index: PackIndex
  readonly #blocks: BlockReader
  readonly #bases: BaseCache
  readonly #readElsewhere: ReadElsewhere

  constructor(path: string, index: PackIndex, blocks: BlockReader, bases: BaseCache, readElsewhere: ReadElsewhere) {
    this.#path = path
    this.#index = index
    this.#blocks = blocks
    this.#bases = bases
    this.#readElsewhere = readElsewhere
  }

  async read(offset: number, { limit, whole, depth }: ReadRequest): Promise<ObjectRead> {
    const cached = this.#cached(offset)
    if (cached !== undefined) {
      return cached.data.length > limit
        ? { kind: 'too large', bytes: cached.data.length }
        : { kind: 'object', object: cached }
    }
    let at = offset
    let entry = await this.#entry(at)
    const bytes = entry.base === undefined ? entry.size : await this.#resultSize(entry)
    if (bytes > limit) return { kind: 'too large', bytes }
    if (!whole && entry.base === undefined && (await this.#isBinary(entry))) return { kind: 'binary', bytes }
    const chain: Entry[] = []
    let object: GitObject | undefined
    while (object === undefined) {
      if (entry.size > BASE_BYTES_MAX) return { kind: 'too large', bytes }
      if (entry.base === undefined) {
        object = await this.#plain(entry)
        if (chain.length > 0) this.#bases.set(`${this.#path}:${at}`, object)
        break
      }
      chain.push(entry)
      if (chain.length > CHAIN_MAX) throw new CorruptObject(`a chain of deltas in ${this.#path} has no end`)
      const base = 'offset' in entry.base ? entry.base.offset : await this.#index.find(entry.base.oid)
      if (base === undefined) {
        object = await this.#readElsewhere('oid' in entry.base ? entry.base.oid : '', BASE_BYTES_MAX, depth + 1)
        break
      }
      at = base
      object = this.#cached(at)
      if (object === undefined) entry = await this.#entry(at)
    }
    return { kind: 'object', object: await this.#unfold(object, chain, offset) }
  }

  #cached(offset: number): GitObject | undefined {
    return this.#bases.get(`${this.#path}:${offset}`)
  }

  /** Applies the deltas from the innermost out. */
  async #unfold(base: GitObject, chain: readonly Entry[], offset: number): Promise<GitObject> {
    let { data } = base
    for (const entry of chain.toReversed()) {
      data = applyDelta(data, await this.#inflate(entry), BASE_BYTES_MAX)
    }
    const object = { type: base.type, data }
    // A version of a file is often the base of the version before it.
    if (chain.length > 0) this.#bases.set(`${this.#path}:${offset}`, object)
    return object
  }

  async #isBinary({ type, size, dataAt }: Entry): Promise<boolean> {
    if (type !== 'blob' || size <= WHOLE_BYTES_MAX) return false
    return startsBinary(await this.#blocks.from(this.#path, dataAt), 0)
  }

  async #plain(entry: Entry): Promise<GitObject> {
    if (entry.type === undefined) throw new CorruptObject(`${this.#path} has an object of an unknown type`)
    return { type: entry.type, data: await this.#inflate(entry) }
  }

  async #inflate(entry: Entry): Promise<Uint8Array> {
    let at = entry.dataAt
    return inflateExactly(entry.size, async () => {
      const input = await this.#blocks.from(this.#path, at)
      at += input.length
      return input
    })
  }

  /** What a delta makes, from its first bytes; the table of codes before them is at most some hundred bytes. */
  async #resultSize(entry: Entry): Promise<number> {
    return deltaResultSize(inflateStart(await this.#blocks.bytes(this.#path, entry.dataAt, 512), 32))
  }

  async #entry(offset: number): Promise<Entry> {
    const head = await this.#blocks.bytes(this.#path, offset, HEADER_BYTES_MAX)
    let at = 0
    const next = (): number => {
      const byte = head[at]
      if (byte === undefined) throw new CorruptObject(`${this.#path} ends too early`)
      at += 1
      return byte
    }
    let byte = next()
    const code = (byte >> 4) & 7
    let size = byte & 15
    for (let scale = 16; byte >= 0x80; scale *= 128) {
      byte = next()
      size += (byte & 0x7f) * scale
    }
    if (code === 6) {
      byte = next()
      let distance = byte & 0x7f
      while (byte >= 0x80) {
        byte = next()
        distance = (distance + 1) * 128 + (byte & 0x7f)
      }
      if (distance <= 0 || distance > offset) throw new CorruptObject(`a delta in ${this.#path} has no base`)
      return { type: undefined, size, dataAt: offset + at, base: { offset: offset - distance } }
    }
    if (code === 7) {
      const oid = Buffer.from(head.subarray(at, at + 20)).toString('hex')
      return { type: undefined, size, dataAt: offset + at + 20, base: { oid } }
    }
    return { type: TYPES[code], size, dataAt: offset + at, base: undefined }
  }
}
