/**
 * `crypto` (W3C Web Cryptography). Its numbers come from ChaCha20 under a key that is derived from the seed of the
 * call: a replay draws the same, and what Math.random gave says nothing of them.
 */
import { chacha20 } from '@noble/ciphers/chacha.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { asInterface } from './interface.ts'
import { runtime } from './runtime.ts'

/** W3C Web Cryptography section 10.1.1. */
const DRAW_BYTES_MAX = 65_536
const BLOCK_BYTES = 64
const LABEL = 'run-agent crypto.getRandomValues'
const MINE = Symbol('Crypto')
const NONCE = new Uint8Array(12)

const key = sha256(new TextEncoder().encode(`${LABEL} ${runtime.call.seed}`))
let block = 0
let pool = new Uint8Array()

function draw(target: Uint8Array): void {
  let at = 0
  while (at < target.length) {
    if (pool.length === 0) {
      const blocks = Math.ceil((target.length - at) / BLOCK_BYTES)
      pool = Uint8Array.from(chacha20(key, NONCE, new Uint8Array(blocks * BLOCK_BYTES), undefined, block))
      block += blocks
    }
    const piece = pool.subarray(0, target.length - at)
    target.set(piece, at)
    pool = pool.subarray(piece.length)
    at += piece.length
  }
}

const WHOLE_NUMBERS: ReadonlySet<string> = new Set([
  'Int8Array',
  'Uint8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'BigInt64Array',
  'BigUint64Array',
])

export class Crypto {
  constructor(mine?: unknown) {
    if (mine !== MINE) throw new TypeError('Illegal constructor')
  }

  get subtle(): unknown {
    return Reflect.get(runtime.part('subtle'), 'subtle')
  }

  getRandomValues<View extends ArrayBufferView>(view: View): View {
    if (!ArrayBuffer.isView(view)) throw new TypeError('getRandomValues needs a typed array')
    const kind: unknown = Reflect.get(view, Symbol.toStringTag)
    if (!WHOLE_NUMBERS.has(String(kind))) {
      throw new DOMException('getRandomValues needs a typed array of whole numbers', 'TypeMismatchError')
    }
    if (view.byteLength > DRAW_BYTES_MAX) {
      throw new DOMException(`getRandomValues gives at most ${DRAW_BYTES_MAX} bytes at once`, 'QuotaExceededError')
    }
    draw(new Uint8Array(view.buffer, view.byteOffset, view.byteLength))
    return view
  }

  /** RFC 9562 section 5.4. */
  randomUUID(): string {
    const bytes = new Uint8Array(16)
    draw(bytes)
    bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
  }
}

asInterface(Crypto, 'Crypto')

export const crypto = new Crypto(MINE)
