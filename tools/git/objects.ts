/**
 * The objects of a repository, loose or packed. Packs are asked first: their indexes stay in the cache, while each
 * look at a loose object is a call of the host.
 */
import { readdir, readFile } from 'node:fs/promises'
import { BLOCK_BYTES, BlockReader } from './blocks.ts'
import type { HostCalls } from './blocks.ts'
import { CorruptObject, inflateExactly, inflateStart, wrapStored } from './inflate.ts'
import { BaseCache, PackReader, startsBinary, WHOLE_BYTES_MAX } from './pack.ts'
import type { GitObject, ObjectRead, ObjectType, ReadRequest } from './pack.ts'
import { PackIndex } from './pack-index.ts'

/** Commits, trees and tags; a larger one is not the work of a person. */
const STRUCTURE_BYTES_MAX = 8 * 1024 * 1024

/** A type and a size in decimal. */
const HEADER_BYTES_MAX = 32

/** How often one pack may send to another for a base. */
const ELSEWHERE_MAX = 50

const TYPES: ReadonlySet<string> = new Set<ObjectType>(['commit', 'tree', 'blob', 'tag'])

interface Pack {
  readonly index: PackIndex
  readonly reader: PackReader
}

interface Place {
  readonly pack: Pack
  readonly offset: number
}

export class MissingObject extends Error {
  readonly oid: string

  constructor(oid: string) {
    super(`object ${oid} is not in this repository; a shallow or partial clone lacks it`)
    this.name = 'MissingObject'
    this.oid = oid
  }
}

function isMissing(thrown: unknown): boolean {
  const code = typeof thrown === 'object' && thrown !== null && 'code' in thrown ? thrown.code : undefined
  return code === 'ENOENT' || code === 'ENOTDIR'
}

/** The value, or undefined where the file or folder is not there. */
export async function unlessMissing<Value>(reading: Promise<Value>): Promise<Value | undefined> {
  try {
    return await reading
  } catch (thrown) {
    if (isMissing(thrown)) return undefined
    throw thrown
  }
}

export class ObjectStore {
  readonly #gitdir: string
  readonly #calls: HostCalls
  readonly #blocks: BlockReader
  readonly #bases = new BaseCache()
  #packs: Promise<Pack[]> | undefined

  constructor(gitdir: string, calls: HostCalls) {
    this.#gitdir = gitdir
    this.#calls = calls
    this.#blocks = new BlockReader(calls)
  }

  /** Reads an object of at most `limit` bytes; `small` spares two calls where a loose one is known not to be large. */
  async read(oid: string, limit: number, small: boolean): Promise<ObjectRead> {
    return this.#read(oid, { limit, whole: false, depth: 0 }, small)
  }

  /** A commit, a tree or a tag. */
  async structure(oid: string): Promise<GitObject> {
    const read = await this.read(oid, STRUCTURE_BYTES_MAX, true)
    if (read.kind !== 'object') throw new Error(`object ${oid} is ${read.kind}: ${read.bytes} bytes`)
    return read.object
  }

  /** The bytes of the file that would hold the object if it were loose; undefined if the repository lacks it. */
  async looseFile(oid: string): Promise<Uint8Array | undefined> {
    const place = await this.#locate(oid)
    if (place === undefined) return this.#readLooseFile(oid)
    const { type, data } = await this.structure(oid)
    return wrapStored(Buffer.concat([Buffer.from(`${type} ${data.length}\0`), data]))
  }

  /** The rest of the name of each object that starts with these two hex digits. */
  async namesUnder(prefix: string): Promise<string[]> {
    this.#calls.count += 1
    const loose = (await unlessMissing(readdir(`${this.#gitdir}/objects/${prefix}`))) ?? []
    const packs = await this.#allPacks()
    const packed = await Promise.all(packs.map((pack) => pack.index.names(Number.parseInt(prefix, 16))))
    const names = [...loose.filter((name) => /^[0-9a-f]{38}$/.test(name)), ...packed.flat().map((oid) => oid.slice(2))]
    return [...new Set(names)]
  }

  async close(): Promise<void> {
    await this.#blocks.close()
  }

  async #read(oid: string, request: ReadRequest, small: boolean): Promise<ObjectRead> {
    if (request.depth > ELSEWHERE_MAX) throw new CorruptObject(`a chain of deltas at ${oid} has no end`)
    const place = await this.#locate(oid)
    if (place !== undefined) return place.pack.reader.read(place.offset, request)
    const read = small ? await this.#readSmallLoose(oid, request) : await this.#readLoose(oid, request)
    if (read === undefined) throw new MissingObject(oid)
    return read
  }

  async #locate(oid: string): Promise<Place | undefined> {
    const packs = await this.#allPacks()
    for (const pack of packs) {
      const offset = await pack.index.find(oid)
      if (offset === undefined) continue
      // The pack that had this object most likely has the next one.
      if (packs[0] !== pack) packs.unshift(...packs.splice(packs.indexOf(pack), 1))
      return { pack, offset }
    }
    return undefined
  }

  #allPacks(): Promise<Pack[]> {
    this.#packs ??= this.#openPacks()
    return this.#packs
  }

  async #openPacks(): Promise<Pack[]> {
    await this.#refuseAlternates()
    const folder = `${this.#gitdir}/objects/pack`
    this.#calls.count += 1
    const names = ((await unlessMissing(readdir(folder))) ?? []).toSorted()
    const packs = names.filter((name) => name.endsWith('.idx') && names.includes(name.replace(/idx$/, 'pack')))
    const elsewhere = async (oid: string, limit: number, depth: number): Promise<GitObject> => {
      const read = await this.#read(oid, { limit, whole: true, depth }, false)
      if (read.kind !== 'object') throw new CorruptObject(`the base ${oid} of a delta is ${read.kind}`)
      return read.object
    }
    return Promise.all(
      packs.map(async (name) => {
        const index = await PackIndex.open(this.#blocks, `${folder}/${name}`)
        const path = `${folder}/${name.replace(/idx$/, 'pack')}`
        return { index, reader: new PackReader(path, index, this.#blocks, this.#bases, elsewhere) }
      }),
    )
  }

  /** Alternates lie outside the workspace; half a history without a word would be worse than none. */
  async #refuseAlternates(): Promise<void> {
    this.#calls.count += 1
    const text = await unlessMissing(readFile(`${this.#gitdir}/objects/info/alternates`, 'utf8'))
    const entries = (text ?? '').split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'))
    if (entries.length === 0) return
    throw new Error(
      'this repository borrows objects from another one (.git/objects/info/alternates), which is not followed; ' +
        '`git repack -a -d` followed by removing that file makes it whole',
    )
  }

  #loosePath(oid: string): string {
    return `${this.#gitdir}/objects/${oid.slice(0, 2)}/${oid.slice(2)}`
  }

  async #readLooseFile(oid: string): Promise<Uint8Array | undefined> {
    this.#calls.count += 1
    return unlessMissing(readFile(this.#loosePath(oid)))
  }

  async #readSmallLoose(oid: string, request: ReadRequest): Promise<ObjectRead | undefined> {
    const file = await this.#readLooseFile(oid)
    return file === undefined ? undefined : inflateLoose(oid, file.subarray(0, BLOCK_BYTES), [file], request)
  }

  /** Looks at the header before it reads the rest. */
  async #readLoose(oid: string, request: ReadRequest): Promise<ObjectRead | undefined> {
    const path = this.#loosePath(oid)
    const start = await unlessMissing(this.#blocks.bytes(path, 0, BLOCK_BYTES))
    if (start === undefined) return undefined
    try {
      const blocks = this.#blocks
      async function* pieces(): AsyncGenerator<Uint8Array> {
        for (let at = 0; ;) {
          const piece = await blocks.from(path, at)
          if (piece.length === 0) return
          at += piece.length
          yield piece
        }
      }
      return await inflateLoose(oid, start, pieces(), request)
    } finally {
      await this.#blocks.release(path)
    }
  }
}

/** A loose object is `type size\0content`, deflated. */
async function inflateLoose(
  oid: string,
  start: Uint8Array,
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  { limit, whole }: ReadRequest,
): Promise<ObjectRead> {
  const head = inflateStart(start.subarray(0, 256), HEADER_BYTES_MAX)
  const end = head.indexOf(0)
  const [type = '', size = ''] = Buffer.from(head.subarray(0, Math.max(0, end)))
    .toString('latin1')
    .split(' ')
  if (!TYPES.has(type) || !/^[0-9]{1,15}$/.test(size)) throw new CorruptObject(`${oid} has no header`)
  const bytes = Number(size)
  if (bytes > limit) return { kind: 'too large', bytes }
  if (!whole && type === 'blob' && bytes > WHOLE_BYTES_MAX && startsBinary(start, end + 1))
    return { kind: 'binary', bytes }
  const input = toAsync(pieces)
  const inflated = await inflateExactly(end + 1 + bytes, async () => (await input.next()).value ?? new Uint8Array(0))
  return { kind: 'object', object: { type: type as ObjectType, data: inflated.subarray(end + 1) } }
}

async function* toAsync(
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, undefined, undefined> {
  yield* pieces
  return undefined
}
