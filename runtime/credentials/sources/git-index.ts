/** Which paths an index of git lists (gitformat-index, versions 2 to 4). The bytes are hostile: nothing is run. */

const STAT_BYTES = 40
const HASHES_BYTES = [20, 32] as const
const EXTENDED = 0x4000
const NAME_MASK = 0xfff
/** Within an entry. */
const MODE_AT = 24
const FOLDER_MODE = 0o040000
const SLASH = 0x2f
const HEADER_BYTES = 12

/**
 * Whether the index lists the path (relative to the work tree, with `/`), or a sparse folder that holds it. Undefined
 * for an index that is not understood whole, or is one of a pair (a split index).
 */
export function isInGitIndex(index: Uint8Array, path: string): boolean | undefined {
  const bytes = Buffer.from(index.buffer, index.byteOffset, index.byteLength)
  for (const hashBytes of HASHES_BYTES) {
    const isListed = search(bytes, hashBytes, Buffer.from(path))
    if (isListed !== undefined) return isListed
  }
  return undefined
}

/** Read to its end, found or not: what is not understood whole says nothing. */
function search(index: Buffer, hashBytes: number, path: Buffer): boolean | undefined {
  if (index.length < HEADER_BYTES + hashBytes || index.toString('latin1', 0, 4) !== 'DIRC') return undefined
  const version = index.readUInt32BE(4)
  const count = index.readUInt32BE(8)
  if (version < 2 || version > 4) return undefined
  let isListed = false
  let at = HEADER_BYTES
  let previous: Buffer = Buffer.alloc(0)
  for (let entry = 0; entry < count; entry++) {
    const flagsAt = at + STAT_BYTES + hashBytes
    if (flagsAt + 4 > index.length) return undefined
    const flags = index.readUInt16BE(flagsAt)
    const nameAt = flagsAt + ((flags & EXTENDED) === 0 ? 2 : 4)
    const found = version === 4 ? compressedName(index, nameAt, previous) : paddedName(index, nameAt, at)
    if (found === undefined) return undefined
    const { name, end } = found
    if ((flags & NAME_MASK) !== Math.min(name.length, NAME_MASK) || name.length === 0) return undefined
    const isFolder = index.readUInt32BE(at + MODE_AT) === FOLDER_MODE
    if (isFolder ? holds(name, path) : name.equals(path)) isListed = true
    previous = name
    at = end
  }
  return endsWell(index, at, hashBytes) ? isListed : undefined
}

/** A folder's name in a sparse index ends with a slash. */
function holds(folder: Buffer, path: Buffer): boolean {
  const whole = folder.at(-1) === SLASH ? folder : Buffer.concat([folder, Buffer.from('/')])
  return path.subarray(0, whole.length).equals(whole)
}

interface FoundName {
  readonly name: Buffer
  /** Where the next entry begins. */
  readonly end: number
}

function paddedName(index: Buffer, nameAt: number, entryAt: number): FoundName | undefined {
  const nameEnd = index.indexOf(0, nameAt)
  if (nameEnd < 0) return undefined
  const length = nameEnd - entryAt
  return { name: index.subarray(nameAt, nameEnd), end: entryAt + length + 8 - (length % 8) }
}

/** Version 4: how many bytes of the previous name are cut off, and what follows. */
function compressedName(index: Buffer, nameAt: number, previous: Buffer): FoundName | undefined {
  let at = nameAt
  let byte = index[at++] ?? 0
  let cut = byte & 0x7f
  while ((byte & 0x80) !== 0 && at < index.length && cut <= previous.length) {
    byte = index[at++] ?? 0
    cut = (cut + 1) * 128 + (byte & 0x7f)
  }
  const nameEnd = index.indexOf(0, at)
  if (nameEnd < 0 || cut > previous.length) return undefined
  const kept = previous.subarray(0, previous.length - cut)
  return { name: Buffer.concat([kept, index.subarray(at, nameEnd)]), end: nameEnd + 1 }
}

/** Extensions, and the digest. */
function endsWell(index: Buffer, start: number, hashBytes: number): boolean {
  const end = index.length - hashBytes
  let at = start
  while (at + 8 <= end) {
    if (index.toString('latin1', at, at + 4) === 'link') return false
    at += 8 + index.readUInt32BE(at + 4)
  }
  return at === end
}
