/**
 * `crypto.subtle` (W3C Web Cryptography): SHA digests, HMAC and AES-GCM. Every other algorithm is NotSupportedError.
 */
import { viewOf } from './bytes.ts'
import { asInterface } from './interface.ts'
import { aesGcm } from './subtle/aes-gcm.ts'
import { CryptoKey, keyData, type Algorithm, type KeyUsage } from './subtle/crypto-key.ts'
import { hmac } from './subtle/hmac.ts'
import { hashNamed } from './subtle/hash.ts'

/** What one algorithm can do; what is absent is NotSupportedError. */
export interface Cipher {
  readonly name: string
  readonly usages: readonly KeyUsage[]
  generate(algorithm: Algorithm): { readonly bytes: Uint8Array; readonly algorithm: object }
  /** Throws DataError or NotSupportedError for a key that it cannot have. */
  import(algorithm: Algorithm, bytes: Uint8Array): object
  /** The `alg` of a JSON Web Key. */
  jwkName(algorithm: object): string
  sign?(key: Uint8Array, algorithm: object, data: Uint8Array): Uint8Array
  verify?(key: Uint8Array, algorithm: object, signature: Uint8Array, data: Uint8Array): boolean
  encrypt?(key: Uint8Array, parameters: Algorithm, data: Uint8Array): Uint8Array
  decrypt?(key: Uint8Array, parameters: Algorithm, data: Uint8Array): Uint8Array
}

const CIPHERS: readonly Cipher[] = [hmac, aesGcm]

interface JsonWebKey {
  readonly kty?: unknown
  readonly k?: unknown
  readonly alg?: unknown
  readonly ext?: unknown
  readonly key_ops?: unknown
}

const KEY_USAGES: ReadonlySet<string> = new Set([
  'encrypt',
  'decrypt',
  'sign',
  'verify',
  'deriveKey',
  'deriveBits',
  'wrapKey',
  'unwrapKey',
])
const MINE = Symbol('SubtleCrypto')

export class SubtleCrypto {
  constructor(mine?: unknown) {
    if (mine !== MINE) throw new TypeError('Illegal constructor')
  }

  async digest(algorithm: unknown, data: unknown): Promise<ArrayBuffer> {
    return bufferOf(hashNamed(normalized(algorithm).name)(bytesOf(data)))
  }

  async generateKey(algorithm: unknown, extractable: unknown, usages: Iterable<KeyUsage>): Promise<CryptoKey> {
    const asked = normalized(algorithm)
    const cipher = cipherOf(asked)
    const checked = usagesOf(cipher, usages)
    const made = cipher.generate(asked)
    return new CryptoKey(made.bytes, made.algorithm, Boolean(extractable), checked)
  }

  async importKey(
    format: unknown,
    given: unknown,
    algorithm: unknown,
    extractable: unknown,
    usages: Iterable<KeyUsage>,
  ): Promise<CryptoKey> {
    const asked = normalized(algorithm)
    const cipher = cipherOf(asked)
    const bytes = importedBytes(format, given)
    const checked = usagesOf(cipher, usages)
    const made = cipher.import(asked, bytes)
    if (format === 'jwk') checkJwk(given as JsonWebKey, cipher.jwkName(made), Boolean(extractable), checked)
    return new CryptoKey(bytes, made, Boolean(extractable), checked)
  }

  async exportKey(format: unknown, key: CryptoKey): Promise<unknown> {
    const { bytes, algorithm } = keyData(key)
    const cipher = cipherOf(algorithm)
    if (!key.extractable) throw new DOMException('the key is not extractable', 'InvalidAccessError')
    if (format === 'raw') return bufferOf(bytes)
    if (format !== 'jwk') throw new DOMException(`${String(format)} is no format of this key`, 'NotSupportedError')
    const k = base64Url(bytes)
    return { kty: 'oct', k, alg: cipher.jwkName(algorithm), ext: true, key_ops: [...key.usages] }
  }

  async sign(algorithm: unknown, key: CryptoKey, data: unknown): Promise<ArrayBuffer> {
    const { cipher, bytes, algorithm: own } = using(algorithm, key, 'sign')
    if (cipher.sign === undefined) throw unsupported(cipher.name, 'sign')
    return bufferOf(cipher.sign(bytes, own, bytesOf(data)))
  }

  async verify(algorithm: unknown, key: CryptoKey, signature: unknown, data: unknown): Promise<boolean> {
    const { cipher, bytes, algorithm: own } = using(algorithm, key, 'verify')
    if (cipher.verify === undefined) throw unsupported(cipher.name, 'verify')
    return cipher.verify(bytes, own, bytesOf(signature), bytesOf(data))
  }

  async encrypt(algorithm: unknown, key: CryptoKey, data: unknown): Promise<ArrayBuffer> {
    const { cipher, bytes, parameters } = using(algorithm, key, 'encrypt')
    if (cipher.encrypt === undefined) throw unsupported(cipher.name, 'encrypt')
    return bufferOf(cipher.encrypt(bytes, parameters, bytesOf(data)))
  }

  async decrypt(algorithm: unknown, key: CryptoKey, data: unknown): Promise<ArrayBuffer> {
    const { cipher, bytes, parameters } = using(algorithm, key, 'decrypt')
    if (cipher.decrypt === undefined) throw unsupported(cipher.name, 'decrypt')
    return bufferOf(cipher.decrypt(bytes, parameters, bytesOf(data)))
  }

  async deriveBits(): Promise<never> {
    throw unsupported('the sandbox', 'deriveBits')
  }

  async deriveKey(): Promise<never> {
    throw unsupported('the sandbox', 'deriveKey')
  }

  async wrapKey(): Promise<never> {
    throw unsupported('the sandbox', 'wrapKey')
  }

  async unwrapKey(): Promise<never> {
    throw unsupported('the sandbox', 'unwrapKey')
  }
}

asInterface(SubtleCrypto, 'SubtleCrypto')

export const subtle = new SubtleCrypto(MINE)
export { CryptoKey }

function unsupported(name: string, what: string): DOMException {
  return new DOMException(`${name} cannot ${what}`, 'NotSupportedError')
}

function normalized(algorithm: unknown): Algorithm {
  if (typeof algorithm === 'string') return { name: algorithm }
  const name: unknown = Reflect.get(Object(algorithm), 'name')
  if (name === undefined) throw new TypeError('an algorithm needs a name')
  return { ...(algorithm as object), name: String(name) }
}

function cipherOf({ name }: { readonly name: string }): Cipher {
  const found = CIPHERS.find((cipher) => cipher.name === name.toUpperCase())
  if (found === undefined) throw new DOMException(`the sandbox has no algorithm ${name}`, 'NotSupportedError')
  return found
}

function usagesOf(cipher: Cipher, usages: Iterable<KeyUsage>): readonly KeyUsage[] {
  const asked = [...usages]
  const wrong = asked.find((usage) => !KEY_USAGES.has(usage))
  if (wrong !== undefined) throw new TypeError(`${String(wrong)} is no usage of a key`)
  if (asked.length === 0 || asked.some((usage) => !cipher.usages.includes(usage))) {
    throw new DOMException(`a key of ${cipher.name} is for ${cipher.usages.join(', ')}`, 'SyntaxError')
  }
  return cipher.usages.filter((usage) => asked.includes(usage))
}

function using(
  algorithm: unknown,
  key: CryptoKey,
  usage: KeyUsage,
): { readonly cipher: Cipher; readonly bytes: Uint8Array; readonly algorithm: object; readonly parameters: Algorithm } {
  const parameters = normalized(algorithm)
  const cipher = cipherOf(parameters)
  const { bytes, algorithm: own } = keyData(key)
  if (own.name !== cipher.name || !key.usages.includes(usage)) {
    throw new DOMException(`the key is not for ${cipher.name} ${usage}`, 'InvalidAccessError')
  }
  return { cipher, bytes, algorithm: own, parameters }
}

function bytesOf(source: unknown): Uint8Array {
  const view = viewOf(source)
  if (view === undefined) throw new TypeError('the data must be an ArrayBuffer or a view of one')
  // A copy: whoever owns it may change it while others wait.
  return view.slice()
}

function bufferOf(bytes: Uint8Array): ArrayBuffer {
  return Uint8Array.from(bytes).buffer
}

function importedBytes(format: unknown, given: unknown): Uint8Array {
  if (format === 'raw') return bytesOf(given)
  if (format !== 'jwk') throw new DOMException(`${String(format)} is no format of such a key`, 'NotSupportedError')
  const { kty, k } = Object(given) as JsonWebKey
  if (kty !== 'oct' || typeof k !== 'string' || !/^[\w-]*$/.test(k)) {
    throw new DOMException('the JSON Web Key is no secret key', 'DataError')
  }
  return Uint8Array.from(atob(k.replaceAll('-', '+').replaceAll('_', '/')), (character) => character.charCodeAt(0))
}

function checkJwk(jwk: JsonWebKey, alg: string, extractable: boolean, usages: readonly string[]): void {
  const operations = jwk.key_ops === undefined ? usages : [...(jwk.key_ops as Iterable<string>)]
  const isFitting =
    (jwk.alg === undefined || jwk.alg === alg) &&
    (jwk.ext !== false || !extractable) &&
    usages.every((usage) => operations.includes(usage))
  if (!isFitting) throw new DOMException('the JSON Web Key is for another use', 'DataError')
}

function base64Url(bytes: Uint8Array): string {
  const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
  return text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}
