/** Stretches of bytes that are replaced. */

/** By the places of its bytes. */
export interface Stretch {
  readonly from: number
  readonly to: number
  /** Whose it is. */
  readonly owners: readonly number[]
}

/** In order, with those that overlap made one; the owner of the longest of the first comes first. */
export function joined(stretches: readonly Stretch[]): readonly Stretch[] {
  if (stretches.length === 0) return stretches
  const result: { from: number; to: number; owners: Set<number> }[] = []
  for (const { from, to, owners } of stretches.toSorted((one, other) => one.from - other.from || other.to - one.to)) {
    const last = result.at(-1)
    if (last === undefined || from >= last.to) {
      result.push({ from, to, owners: new Set(owners) })
    } else {
      last.to = Math.max(last.to, to)
      for (const owner of owners) last.owners.add(owner)
    }
  }
  return result.map(({ from, to, owners }) => ({ from, to, owners: [...owners] }))
}

/** Whether one of the joined cuts takes all of a stretch. */
export function isCutOut({ from, to }: Stretch, cuts: readonly Stretch[]): boolean {
  let low = 0
  let high = cuts.length
  // The first cut that ends at `to` or behind it.
  while (low < high) {
    const middle = (low + high) >> 1
    if ((cuts[middle]?.to ?? 0) < to) low = middle + 1
    else high = middle
  }
  const cut = cuts[low]
  return cut !== undefined && cut.from <= from
}

/**
 * The bytes up to the place `until`, with each of the cuts, which end before it, replaced. `position` is the place of
 * the first byte.
 */
export function cutOut(
  bytes: Uint8Array,
  position: number,
  until: number,
  cuts: readonly Stretch[],
  placeholder: (cut: Stretch) => Uint8Array,
): Uint8Array {
  if (cuts.length === 0) return until - position === bytes.length ? bytes : bytes.slice(0, until - position)
  const pieces: Uint8Array[] = []
  let place = position
  for (const cut of cuts) {
    pieces.push(bytes.subarray(place - position, cut.from - position), placeholder(cut))
    place = cut.to
  }
  pieces.push(bytes.subarray(place - position, until - position))
  return Buffer.concat(pieces)
}
