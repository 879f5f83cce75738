/** CryptoKey (W3C Web Cryptography section 13). */
import { asInterface } from '../interface.ts'

export type KeyUsage = 'encrypt' | 'decrypt' | 'sign' | 'verify' | 'deriveKey' | 'deriveBits' | 'wrapKey' | 'unwrapKey'

/** An algorithm by its name, with the parameters of its kind. */
export interface Algorithm {
  readonly name: string
  readonly [parameter: string]: unknown
}

let dataOf: (key: CryptoKey) => { readonly bytes: Uint8Array; readonly algorithm: Algorithm }

export class CryptoKey {
  readonly #bytes: Uint8Array
  readonly #algorithm: Algorithm
  readonly #extractable: boolean
  readonly #usages: readonly KeyUsage[]

  constructor(bytes: Uint8Array, algorithm: object, extractable: boolean, usages: readonly KeyUsage[]) {
    if (!(bytes instanceof Uint8Array)) throw new TypeError('Illegal constructor')
    this.#bytes = bytes
    this.#algorithm = Object.freeze(algorithm) as Algorithm
    this.#extractable = extractable
    this.#usages = Object.freeze([...usages])
  }

  static {
    dataOf = (key) => ({ bytes: key.#bytes, algorithm: key.#algorithm })
  }

  get type(): string {
    return 'secret'
  }

  get extractable(): boolean {
    return this.#extractable
  }

  get algorithm(): Algorithm {
    return this.#algorithm
  }

  get usages(): readonly KeyUsage[] {
    return this.#usages
  }
}

asInterface(CryptoKey, 'CryptoKey')

/** Throws TypeError for what is no CryptoKey. */
export function keyData(key: unknown): { readonly bytes: Uint8Array; readonly algorithm: Algorithm } {
  return dataOf(key as CryptoKey)
}
