/**
 * node:crypto: digests, codes, derivation of keys and random values by @noble/hashes. Its random values come from
 * the recorded seed of the call, so that a replay draws the same.
 */
import { Buffer } from 'node:buffer'
import { hkdf as derive } from '@noble/hashes/hkdf.js'
import { pbkdf2 as stretch } from '@noble/hashes/pbkdf2.js'
import { scrypt as stretchHard } from '@noble/hashes/scrypt.js'
import { bytesOf, createHash, createHmac, encoded, Hash, hashNames, hashOf, Hmac } from './node-hash.ts'
import { fillRandom, randomBetween } from './node-random.ts'
import { refusal, refusedMembers, wrongType } from './node-refused.ts'

type Done = (error: unknown, value?: unknown) => void

const KEYS =
  'createSign createVerify sign verify createPrivateKey createPublicKey createSecretKey generateKeyPair ' +
  'generateKeyPairSync generateKey generateKeySync privateDecrypt privateEncrypt publicDecrypt publicEncrypt ' +
  'createDiffieHellman createDiffieHellmanGroup createECDH getDiffieHellman diffieHellman checkPrime checkPrimeSync ' +
  'generatePrime generatePrimeSync X509Certificate Certificate KeyObject encapsulate decapsulate'
const CIPHERS = 'createCipheriv createDecipheriv getCipherInfo'

/** The form with a callback of a function that returns at once; `done` is the last argument. */
function later(act: (...args: unknown[]) => unknown): (...args: unknown[]) => void {
  return (...args) => {
    const done = args.pop()
    if (typeof done !== 'function') throw wrongType('callback', 'of type function', done)
    const value = act(...args)
    queueMicrotask(() => (done as Done)(null, value))
  }
}

function randomBytes(size: unknown, done?: Done): Buffer | undefined {
  if (typeof size !== 'number') throw wrongType('size', 'of type number', size)
  if (!(size >= 0 && size < 2 ** 31)) {
    throw Object.assign(new RangeError(`The value of "size" is out of range. Received ${size}`), {
      code: 'ERR_OUT_OF_RANGE',
    })
  }
  const bytes = Buffer.alloc(size)
  fillRandom(bytes)
  if (done === undefined) return bytes
  queueMicrotask(() => done(null, bytes))
  return undefined
}

function randomFillSync<View extends NodeJS.ArrayBufferView>(view: View, offset = 0, size?: number): View {
  const bytes = bytesOf(view)
  fillRandom(bytes.subarray(offset, size === undefined ? undefined : offset + size))
  return view
}

function randomFill(view: NodeJS.ArrayBufferView, ...rest: unknown[]): void {
  const done = rest.pop() as Done
  const filled = randomFillSync(view, ...(rest as number[]))
  queueMicrotask(() => done(null, filled))
}

function randomInt(...args: unknown[]): number | undefined {
  const done = typeof args.at(-1) === 'function' ? (args.pop() as Done) : undefined
  const [min, max] = args.length < 2 ? [0, args[0]] : args
  const value = randomBetween(min, max)
  if (done === undefined) return value
  queueMicrotask(() => done(null, value))
  return undefined
}

/** RFC 9562, version 4. */
function randomUUID(): string {
  const bytes = Buffer.alloc(16)
  fillRandom(bytes)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

/** Looks at every byte whatever the first ones are. */
function timingSafeEqual(left: unknown, right: unknown): boolean {
  if (typeof left === 'string')
    throw wrongType('buf1', 'an instance of ArrayBuffer, Buffer, TypedArray, or DataView', left)
  if (typeof right === 'string')
    throw wrongType('buf2', 'an instance of ArrayBuffer, Buffer, TypedArray, or DataView', right)
  const [a, b] = [bytesOf(left, undefined, 'buf1'), bytesOf(right, undefined, 'buf2')]
  if (a.length !== b.length) {
    throw Object.assign(new RangeError('Input buffers must have the same byte length'), {
      code: 'ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH',
    })
  }
  return a.reduce((difference, byte, index) => difference | (byte ^ (b[index] ?? 0)), 0) === 0
}

function pbkdf2Sync(password: unknown, salt: unknown, iterations: number, bytes: number, digest: unknown): Buffer {
  const hash = hashOf(digest)
  return Buffer.from(
    stretch(hash, bytesOf(password, undefined, 'password'), bytesOf(salt, undefined, 'salt'), {
      c: iterations,
      dkLen: bytes,
    }),
  )
}

interface ScryptOptions {
  readonly N?: number
  readonly cost?: number
  readonly r?: number
  readonly blockSize?: number
  readonly p?: number
  readonly parallelization?: number
  readonly maxmem?: number
}

function scryptSync(password: unknown, salt: unknown, bytes: number, options: ScryptOptions = {}): Buffer {
  const { N = options.cost ?? 16_384, r = options.blockSize ?? 8, p = options.parallelization ?? 1 } = options
  const { maxmem = 32 * 1024 * 1024 } = options
  if (128 * N * r > maxmem) {
    throw Object.assign(new RangeError('Invalid scrypt params: memory limit exceeded'), {
      code: 'ERR_CRYPTO_INVALID_SCRYPT_PARAMS',
    })
  }
  const [secret, grain] = [bytesOf(password, undefined, 'password'), bytesOf(salt, undefined, 'salt')]
  return Buffer.from(stretchHard(secret, grain, { N, r, p, dkLen: bytes, maxmem: maxmem + 2 ** 20 }))
}

function hkdfSync(digest: unknown, key: unknown, salt: unknown, info: unknown, bytes: number): ArrayBuffer {
  const derived = derive(hashOf(digest), bytesOf(key), bytesOf(salt), bytesOf(info), bytes)
  return new Uint8Array(derived).buffer
}

function hash(algorithm: string, data: unknown, options: unknown = 'hex'): string | Buffer {
  const encoding: unknown =
    typeof options === 'string' ? options : (Reflect.get(Object(options), 'outputEncoding') ?? 'hex')
  return encoded(createHash(algorithm).update(data).digest() as Buffer, encoding)
}

const webOf = (): Crypto => {
  const found: Crypto | undefined = Reflect.get(globalThis, 'crypto')
  if (found === undefined) throw refusal('crypto.webcrypto', 'the sandbox has no Web Crypto')
  return found
}

export const crypto = Object.defineProperties(
  {
    createHash,
    createHmac,
    hash,
    getHashes: hashNames,
    getCiphers: () => [],
    getCurves: () => [],
    getFips: () => 0,
    Hash,
    Hmac,
    randomBytes,
    pseudoRandomBytes: randomBytes,
    randomFill,
    randomFillSync,
    randomInt,
    randomUUID,
    getRandomValues: randomFillSync,
    timingSafeEqual,
    pbkdf2: later((...args) => Reflect.apply(pbkdf2Sync, undefined, args)),
    pbkdf2Sync,
    scrypt: later((...args) => Reflect.apply(scryptSync, undefined, args)),
    scryptSync,
    hkdf: later((...args) => Reflect.apply(hkdfSync, undefined, args)),
    hkdfSync,
    constants: Object.freeze({}),
    ...refusedMembers('crypto', KEYS, 'a tool holds no keys; credentials are added to requests outside of it'),
    ...refusedMembers('crypto', CIPHERS, 'use AES-GCM of crypto.subtle'),
    ...refusedMembers('crypto', 'setFips setEngine secureHeapUsed', 'it concerns the machine'),
  },
  {
    webcrypto: { get: webOf, enumerable: true, configurable: true },
    subtle: { get: () => webOf().subtle, enumerable: true, configurable: true },
  },
)
