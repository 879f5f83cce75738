/**
 * Says quickly of most stretches that no needle begins in them, by the method of Wu and Manber (TR-94-17, University of
 * Arizona, 1994): two bytes tell how far the next look may be away.
 */

import type { Automaton, Needle } from './automaton.ts'

export interface Screen {
  /** Bytes of each needle that are compared: as many as the shortest has. */
  readonly window: number
  /** By two bytes: how far the end of the next window that may be one of a needle is away. */
  readonly shifts: Uint8Array
}

/** A byte holds a shift. */
const WINDOW_MAX = 128

export function buildScreen(needles: readonly Needle[]): Screen {
  const window = needles.reduce((shortest, { bytes }) => Math.min(shortest, bytes.length), WINDOW_MAX)
  const shifts = new Uint8Array(0x10000).fill(window - 1)
  for (const { bytes } of needles) {
    for (let last = 1; last < window; last++) {
      for (const first of casesOf(bytes[last - 1] ?? 0)) {
        for (const second of casesOf(bytes[last] ?? 0)) {
          const pair = (first << 8) | second
          shifts[pair] = Math.min(shifts[pair] ?? 0, window - 1 - last)
        }
      }
    }
  }
  return { window, shifts }
}

/** Whether the first bytes of a needle stand anywhere within; never false where they do. */
export function mayHoldNeedle(
  automaton: Automaton,
  { window, shifts }: Screen,
  bytes: Uint8Array,
  start: number,
  end: number,
): boolean {
  let last = start + window - 1
  while (last < end) {
    const shift = shifts[((bytes[last - 1] as number) << 8) | (bytes[last] as number)] as number
    if (shift > 0) last += shift
    else if (isBeginning(automaton, bytes, last - window + 1, last)) return true
    else last++
  }
  return false
}

/** Whether a needle begins with these bytes. */
function isBeginning(
  { columns, next, shift, depths }: Automaton,
  bytes: Uint8Array,
  first: number,
  last: number,
): boolean {
  let state = 0
  for (let index = first; index <= last; index++) {
    state = next[state + (columns[bytes[index] as number] as number)] as number
    if ((depths[state >> shift] as number) <= index - first) return false
  }
  return true
}

function casesOf(byte: number): readonly number[] {
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x7a ? [lower, lower & 0xdf] : [byte]
}
