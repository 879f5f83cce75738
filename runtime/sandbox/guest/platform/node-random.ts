/** Random values for node:crypto: the guest's own `crypto`, which draws from the recorded seed of the call. */
import { wrongType } from './node-refused.ts'

/** What Web Crypto gives at once (W3C WebCrypto, getRandomValues). */
const QUOTA_BYTES = 65_536

export function fillRandom(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += QUOTA_BYTES) {
    const part = new Uint8Array(Math.min(QUOTA_BYTES, bytes.length - at))
    bytes.set(crypto.getRandomValues(part), at)
  }
}

const RANGE_MAX = 2 ** 48 - 1

/** A whole number from `min` up to and without `max`, each as likely as another. */
export function randomBetween(min: unknown, max: unknown): number {
  if (!Number.isSafeInteger(min)) throw wrongType('min', 'a safe integer', min)
  if (!Number.isSafeInteger(max)) throw wrongType('max', 'a safe integer', max)
  const [low, high] = [Number(min), Number(max)]
  const range = high - low
  if (range <= 0 || range > RANGE_MAX) {
    throw Object.assign(new RangeError(`The value of "max" is out of range: ${high} with a min of ${low}`), {
      code: 'ERR_OUT_OF_RANGE',
    })
  }
  const bytes = new Uint8Array(6)
  const fair = 2 ** 48 - (2 ** 48 % range)
  for (;;) {
    fillRandom(bytes)
    const drawn = bytes.reduce((sum, byte) => sum * 256 + byte, 0)
    if (drawn < fair) return low + (drawn % range)
  }
}
