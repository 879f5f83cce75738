/** The index of a pack, version 2: where in the pack an object stands. Read by ranges, never whole. */
import type { BlockReader } from './blocks.ts'
import { CorruptObject } from './inflate.ts'

const FANOUT_AT = 8
const NAMES_AT = FANOUT_AT + 256 * 4
const MAGIC = 0xff744f63

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function compareBytes(left: Uint8Array, right: Uint8Array): number {
  for (let at = 0; at < left.length; at += 1) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

export class PackIndex {
  readonly path: string
  readonly #blocks: BlockReader
  /** How many objects have a name whose first byte is at most this one. */
  readonly #fanout: readonly number[]

  private constructor(path: string, blocks: BlockReader, fanout: readonly number[]) {
    this.path = path
    this.#blocks = blocks
    this.#fanout = fanout
  }

  static async open(blocks: BlockReader, path: string): Promise<PackIndex> {
    const head = await blocks.bytes(path, 0, NAMES_AT)
    if (head.length < NAMES_AT) throw new CorruptObject(`${path} is too short`)
    const view = viewOf(head)
    if (view.getUint32(0) !== MAGIC || view.getUint32(4) !== 2) {
      throw new Error(`${path} is a pack index of a version that is not supported; \`git gc\` rewrites it`)
    }
    const fanout = Array.from({ length: 256 }, (_, byte) => view.getUint32(FANOUT_AT + byte * 4))
    if (fanout.some((count, byte) => byte > 0 && count < (fanout[byte - 1] ?? 0))) {
      throw new CorruptObject(`${path} is not in order`)
    }
    return new PackIndex(path, blocks, fanout)
  }

  /** The object's offset in the pack; undefined if it is not there. */
  async find(oid: string): Promise<number | undefined> {
    const wanted = Buffer.from(oid, 'hex')
    let { low, high } = this.#bucket(wanted[0] ?? 0)
    while (low < high) {
      const middle = (low + high) >>> 1
      const order = compareBytes(wanted, await this.#name(middle))
      if (order === 0) return this.#offset(middle)
      if (order < 0) high = middle
      else low = middle + 1
    }
    return undefined
  }

  /** Every name that starts with this byte, in hex. */
  async names(firstByte: number): Promise<string[]> {
    const { low, high } = this.#bucket(firstByte)
    const bytes = Buffer.from(await this.#blocks.bytes(this.path, NAMES_AT + low * 20, (high - low) * 20))
    return Array.from({ length: high - low }, (_, at) => bytes.toString('hex', at * 20, at * 20 + 20))
  }

  #bucket(firstByte: number): { low: number; high: number } {
    return { low: firstByte === 0 ? 0 : (this.#fanout[firstByte - 1] ?? 0), high: this.#fanout[firstByte] ?? 0 }
  }

  async #name(position: number): Promise<Uint8Array> {
    const name = await this.#blocks.bytes(this.path, NAMES_AT + position * 20, 20)
    if (name.length < 20) throw new CorruptObject(`${this.path} is too short`)
    return name
  }

  async #offset(position: number): Promise<number> {
    const total = this.#fanout[255] ?? 0
    const offsetsAt = NAMES_AT + total * 24
    const bytes = await this.#blocks.bytes(this.path, offsetsAt + position * 4, 4)
    if (bytes.length < 4) throw new CorruptObject(`${this.path} is too short`)
    const offset = viewOf(bytes).getUint32(0)
    if (offset < 0x80000000) return offset
    const large = await this.#blocks.bytes(this.path, offsetsAt + total * 4 + (offset - 0x80000000) * 8, 8)
    if (large.length < 8) throw new CorruptObject(`${this.path} is too short`)
    return viewOf(large).getUint32(0) * 2 ** 32 + viewOf(large).getUint32(4)
  }
}
