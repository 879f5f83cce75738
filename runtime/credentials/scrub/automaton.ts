/**
 * Finds many needles in one pass: the automaton of Aho and Corasick (CACM 18:6, 1975) as one table. Letters of ASCII
 * are compared without regard to case, because hexadecimal, percent-encoding and names of hosts have none; that base64
 * has one only makes it find a little more.
 */

export interface Needle {
  readonly bytes: Uint8Array
  /** What is reported with a find. */
  readonly owner: number
}

export interface Automaton {
  /** The column of `next` for each byte; 0 for those of no needle. */
  readonly columns: Uint8Array
  /** By state and column. A state is its row times the width of a row, which is `1 << shift`; 0 is the start. */
  readonly next: Int32Array
  readonly shift: number
  /** States from here on have found something. */
  readonly firstFound: number
  /** By row: how many of the bytes read last are the beginning of a needle, or all of one. */
  readonly depths: Int32Array
  /** By row: how many of the bytes read last are the beginning of a needle that has more. */
  readonly begun: Int32Array
  /** By row: the length of the longest needle that ends here. */
  readonly lengths: Int32Array
  /** By row: whose needles end here. */
  readonly owners: readonly (readonly number[])[]
  readonly longest: number
  readonly shortest: number
}

/** In time and room proportional to the bytes of all needles, times their distinct bytes. */
export function buildAutomaton(needles: readonly Needle[]): Automaton {
  const columns = columnsOf(needles)
  const shift = Math.ceil(Math.log2(Math.max(...columns) + 1)) || 1
  const width = 1 << shift
  const rowsMax = needles.reduce((sum, { bytes }) => sum + bytes.length, 1)
  const trie = new Int32Array(rowsMax * width)
  const depths = new Int32Array(rowsMax)
  const lengths = new Int32Array(rowsMax)
  const owners: (readonly number[])[] = [[]]
  let rows = 1
  for (const { bytes, owner } of needles) {
    let row = 0
    for (const byte of bytes) {
      const place = row * width + at(columns, byte)
      if (trie[place] === 0) {
        depths[rows] = at(depths, row) + 1
        owners.push([])
        trie[place] = rows++
      }
      row = at(trie, place)
    }
    lengths[row] = bytes.length
    owners[row] = [...new Set([...(owners[row] ?? []), owner])]
  }
  const begun = depths.slice()
  const order = linkFailures({ trie, width, lengths, owners, begun })
  return renumbered(needles, { columns, trie, shift, order, depths, begun, lengths, owners })
}

function columnsOf(needles: readonly Needle[]): Uint8Array {
  const columns = new Uint8Array(256)
  let count = 0
  for (const { bytes } of needles) {
    for (const byte of bytes) if (columns[folded(byte)] === 0) columns[folded(byte)] = ++count
  }
  for (let byte = 0x41; byte <= 0x5a; byte++) columns[byte] = at(columns, folded(byte))
  return columns
}

function folded(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte
}

/** Completes the trie to a table without gaps. The rows in the order of their depth. */
function linkFailures({
  trie,
  width,
  lengths,
  owners,
  begun,
}: {
  readonly trie: Int32Array
  readonly width: number
  readonly lengths: Int32Array
  readonly owners: (readonly number[])[]
  readonly begun: Int32Array
}): readonly number[] {
  const failures = new Int32Array(owners.length)
  const order = [0]
  for (let index = 0; index < order.length; index++) {
    const row = order[index] ?? 0
    const failure = at(failures, row)
    if (lengths[row] === 0) lengths[row] = at(lengths, failure)
    const [own = [], shorter = []] = [owners[row], owners[failure]]
    if (row !== 0 && shorter.length > 0) owners[row] = [...new Set([...own, ...shorter])]
    let isLast = true
    for (let column = 0; column < width; column++) {
      const place = row * width + column
      const elsewhere = row === 0 ? 0 : at(trie, failure * width + column)
      const child = at(trie, place)
      if (child === 0) {
        trie[place] = elsewhere
      } else {
        failures[child] = elsewhere
        order.push(child)
        isLast = false
      }
    }
    if (isLast) begun[row] = at(begun, failure)
  }
  return order
}

/** With the rows that have found something behind the others, so that one comparison tells. */
function renumbered(
  needles: readonly Needle[],
  built: {
    readonly columns: Uint8Array
    readonly trie: Int32Array
    readonly shift: number
    readonly order: readonly number[]
    readonly depths: Int32Array
    readonly begun: Int32Array
    readonly lengths: Int32Array
    readonly owners: readonly (readonly number[])[]
  },
): Automaton {
  const { columns, trie, shift, order, depths, begun, lengths, owners } = built
  const width = 1 << shift
  const silent = order.filter((row) => lengths[row] === 0)
  const kept = [...silent, ...order.filter((row) => lengths[row] !== 0)]
  const states = new Int32Array(kept.length)
  for (const [row, old] of kept.entries()) states[old] = row << shift
  const next = new Int32Array(kept.length * width)
  for (const [row, old] of kept.entries()) {
    for (let column = 0; column < width; column++) {
      next[row * width + column] = at(states, at(trie, old * width + column))
    }
  }
  return {
    columns,
    next,
    shift,
    firstFound: silent.length << shift,
    depths: Int32Array.from(kept, (old) => at(depths, old)),
    begun: Int32Array.from(kept, (old) => at(begun, old)),
    lengths: Int32Array.from(kept, (old) => at(lengths, old)),
    owners: kept.map((old) => owners[old] ?? []),
    longest: needles.reduce((longest, { bytes }) => Math.max(longest, bytes.length), 0),
    shortest: needles.reduce((shortest, { bytes }) => Math.min(shortest, bytes.length), Infinity),
  }
}

function at(array: Int32Array | Uint8Array, index: number): number {
  return array[index] ?? 0
}
