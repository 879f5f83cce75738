/**
 * Ranged reads of large files through a bounded cache of aligned blocks: each block is one call of the host, and the
 * cache is what keeps a repository of any size within the heap of one tool call.
 */
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'

/** Large enough that neighbours in a pack share it, small enough that a lone object does not waste the wire. */
export const BLOCK_BYTES = 64 * 1024

/** 12 MB: the working set of an index and of the packs, in a heap of 64 MB. */
const BLOCKS_MAX = 192

/** Counts the calls of the host that one tool call has made; its budget is the host's. */
export interface HostCalls {
  count: number
}

export class BlockReader {
  readonly #calls: HostCalls
  readonly #handles = new Map<string, Promise<FileHandle>>()
  /** In the order of use: the first is the one to drop. */
  readonly #blocks = new Map<string, Promise<Uint8Array>>()

  constructor(calls: HostCalls) {
    this.#calls = calls
  }

  /** The block that holds `position`, from that position on; empty past the end of the file. */
  async from(path: string, position: number): Promise<Uint8Array> {
    const block = await this.#block(path, Math.floor(position / BLOCK_BYTES))
    return block.subarray(position % BLOCK_BYTES)
  }

  /** Up to `length` bytes; fewer only where the file ends. */
  async bytes(path: string, position: number, length: number): Promise<Uint8Array> {
    const first = await this.from(path, position)
    if (first.length >= length) return first.subarray(0, length)
    const parts = [first]
    let have = first.length
    while (have < length && (position + have) % BLOCK_BYTES === 0) {
      const next = await this.from(path, position + have)
      if (next.length === 0) break
      parts.push(next)
      have += next.length
    }
    return Buffer.concat(parts).subarray(0, length)
  }

  /** Closes one file and forgets its blocks. */
  async release(path: string): Promise<void> {
    const handle = this.#handles.get(path)
    if (handle === undefined) return
    this.#handles.delete(path)
    for (const key of this.#blocks.keys()) if (key.startsWith(`${path}\0`)) this.#blocks.delete(key)
    this.#calls.count += 1
    await handle.then((opened) => opened.close()).catch(() => undefined)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#handles.keys()].map((path) => this.release(path)))
  }

  #block(path: string, index: number): Promise<Uint8Array> {
    const key = `${path}\0${index}`
    const cached = this.#blocks.get(key)
    if (cached !== undefined) {
      this.#blocks.delete(key)
      this.#blocks.set(key, cached)
      return cached
    }
    const block = this.#read(path, index * BLOCK_BYTES)
    this.#blocks.set(key, block)
    block.catch(() => this.#blocks.delete(key))
    const oldest = this.#blocks.size > BLOCKS_MAX ? this.#blocks.keys().next().value : undefined
    if (oldest !== undefined) this.#blocks.delete(oldest)
    return block
  }

  async #read(path: string, position: number): Promise<Uint8Array> {
    const handle = await this.#open(path)
    const buffer = Buffer.alloc(BLOCK_BYTES)
    this.#calls.count += 1
    const { bytesRead: have } = await handle.read(buffer, 0, BLOCK_BYTES, position)
    return have === BLOCK_BYTES ? buffer : Buffer.from(buffer.subarray(0, have))
  }

  #open(path: string): Promise<FileHandle> {
    const known = this.#handles.get(path)
    if (known !== undefined) return known
    this.#calls.count += 1
    const handle = open(path, 'r')
    this.#handles.set(path, handle)
    handle.catch(() => this.#handles.delete(path))
    return handle
  }
}
