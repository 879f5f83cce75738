import type { Clock } from '../ports.ts'

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** A ULID takes 80 bits of entropy. */
const ENTROPY_BYTES = 10

/** A ULID: 26 characters that sort by the time of their making; 48 bits of milliseconds, 80 of entropy. */
export function newRunId(clock: Pick<Clock, 'now'>, entropy: Uint8Array): string {
  if (entropy.length < ENTROPY_BYTES) throw new Error(`a run id takes ${ENTROPY_BYTES} bytes of entropy`)
  let bits = BigInt(Math.trunc(clock.now()))
  for (const byte of entropy.subarray(0, ENTROPY_BYTES)) bits = (bits << 8n) | BigInt(byte)
  let id = ''
  for (let shift = 125n; shift >= 0n; shift -= 5n) id += CROCKFORD[Number((bits >> shift) & 31n)]
  return id
}
