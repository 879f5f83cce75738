export interface Figures {
  readonly median: number
  readonly p99: number
  readonly count: number
}

export function figuresOf(samples: readonly number[]): Figures {
  const sorted = samples.toSorted((one, other) => one - other)
  return { median: quantile(sorted, 0.5), p99: quantile(sorted, 0.99), count: sorted.length }
}

/** Linear between neighbours. */
function quantile(sorted: readonly number[], share: number): number {
  const at = (sorted.length - 1) * share
  const low = sorted[Math.floor(at)] ?? Number.NaN
  const high = sorted[Math.ceil(at)] ?? Number.NaN
  return low + (high - low) * (at - Math.floor(at))
}
