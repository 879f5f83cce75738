/** The classes Hash and Hmac of node:crypto over @noble/hashes. */
import { Buffer } from 'node:buffer'
import { Transform, type TransformCallback } from 'node:stream'
import { blake2b, blake2s } from '@noble/hashes/blake2.js'
import { hmac } from '@noble/hashes/hmac.js'
import { md5, ripemd160, sha1 } from '@noble/hashes/legacy.js'
import { sha224, sha256, sha384, sha512, sha512_224, sha512_256 } from '@noble/hashes/sha2.js'
import { sha3_224, sha3_256, sha3_384, sha3_512, shake128, shake256 } from '@noble/hashes/sha3.js'
import type { CHash, Hash as Running } from '@noble/hashes/utils.js'
import { wrongType } from './node-refused.ts'

export type Data = string | NodeJS.ArrayBufferView | ArrayBuffer

/** What a running digest is asked for here. */
type State = Pick<Running<unknown>, 'update' | 'digest'> & { clone(): unknown; xof?(bytes: number): Uint8Array }

// The names that OpenSSL has for them.
const HASHES: ReadonlyMap<string, CHash> = new Map<string, CHash>([
  ['md5', md5],
  ['sha1', sha1],
  ['sha224', sha224],
  ['sha256', sha256],
  ['sha384', sha384],
  ['sha512', sha512],
  ['sha512-224', sha512_224],
  ['sha512-256', sha512_256],
  ['sha3-224', sha3_224],
  ['sha3-256', sha3_256],
  ['sha3-384', sha3_384],
  ['sha3-512', sha3_512],
  ['ripemd160', ripemd160],
  ['rmd160', ripemd160],
  ['blake2b512', blake2b as CHash],
  ['blake2s256', blake2s as CHash],
])

/** Lengths in bytes where none is given, as OpenSSL has them. */
const EXTENDABLE = new Map([
  ['shake128', { create: () => shake128.create({}), bytes: 16 }],
  ['shake256', { create: () => shake256.create({}), bytes: 32 }],
])

export const hashNames = (): string[] => [...HASHES.keys(), ...EXTENDABLE.keys()]

const nameOf = (algorithm: unknown): string =>
  String(algorithm)
    .toLowerCase()
    .replace(/^rsa-/, '')
    .replace(/^sha-(\d)/, 'sha$1')
    .replace('sha512/', 'sha512-')

export function hashOf(algorithm: unknown): CHash {
  const found = HASHES.get(nameOf(algorithm))
  if (found !== undefined) return found
  throw Object.assign(new Error(`Digest method not supported: ${String(algorithm)}`), {
    code: 'ERR_CRYPTO_INVALID_DIGEST',
  })
}

export function bytesOf(data: unknown, encoding?: BufferEncoding, name = 'data'): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data, encoding)
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength)
  if (data instanceof ArrayBuffer) return new Uint8Array(data)
  throw wrongType(name, 'of type string or an instance of Buffer, TypedArray, or DataView', data)
}

export const encoded = (bytes: Uint8Array, encoding: unknown): string | Buffer => {
  const buffer = Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength)
  return typeof encoding === 'string' && encoding !== 'buffer' ? buffer.toString(encoding as BufferEncoding) : buffer
}

class Digest extends Transform {
  protected readonly state: State
  readonly #bytes: number | undefined
  #digest: Uint8Array | undefined
  #isDone = false

  constructor(state: State, bytes?: number) {
    super()
    this.state = state
    this.#bytes = bytes
  }

  update(data: unknown, encoding?: BufferEncoding): this {
    if (this.#isDone) throw finalized()
    this.state.update(bytesOf(data, encoding))
    return this
  }

  digest(encoding?: unknown): string | Buffer {
    if (this.#isDone) throw finalized()
    this.#isDone = true
    return encoded(this.#result(), encoding)
  }

  /** Of a stream that has ended the digest can be read and asked for, both. */
  #result(): Uint8Array {
    const { state } = this
    this.#digest ??= this.#bytes !== undefined && state.xof ? state.xof(this.#bytes) : state.digest()
    return this.#digest
  }

  protected copyState(): State {
    if (this.#isDone) throw finalized()
    return this.state.clone() as State
  }

  override _transform(chunk: unknown, encoding: BufferEncoding, done: TransformCallback): void {
    this.update(chunk, encoding)
    done()
  }

  override _flush(done: TransformCallback): void {
    this.push(encoded(this.#result(), undefined))
    done()
  }
}

function finalized(): Error {
  return Object.assign(new Error('Digest already called'), { code: 'ERR_CRYPTO_HASH_FINALIZED' })
}

export class Hash extends Digest {
  readonly #length: number | undefined

  constructor(state: State, bytes?: number) {
    super(state, bytes)
    this.#length = bytes
  }

  copy(): Hash {
    return new Hash(this.copyState(), this.#length)
  }
}

export class Hmac extends Digest {}

export function createHash(algorithm: unknown, { outputLength }: { readonly outputLength?: number } = {}): Hash {
  if (typeof algorithm !== 'string') throw wrongType('algorithm', 'of type string', algorithm)
  const extendable = EXTENDABLE.get(nameOf(algorithm))
  if (extendable !== undefined) return new Hash(extendable.create() as State, outputLength ?? extendable.bytes)
  const hash = hashOf(algorithm)
  if (outputLength !== undefined && outputLength !== hash.outputLen) {
    throw Object.assign(new Error('Unsupported state or unable to set the output length'), {
      code: 'ERR_OSSL_EVP_NOT_XOF_OR_INVALID_LENGTH',
    })
  }
  return new Hash(hash.create() as State)
}

export function createHmac(algorithm: unknown, key: unknown): Hmac {
  if (typeof algorithm !== 'string') throw wrongType('hmac', 'of type string', algorithm)
  return new Hmac(hmac.create(hashOf(algorithm), bytesOf(key, undefined, 'key')) as State)
}
