/** Files as text: UTF-8 without loss, or a clear error. */
import { readFile, stat } from 'node:fs/promises'

/** The result of a call is at most 1 MB as JSON. */
const TEXT_BYTES_MAX = 900_000

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The text, or undefined where the bytes are no UTF-8 text. */
export function decodeText(bytes: Uint8Array): string | undefined {
  if (bytes.includes(0)) return undefined
  try {
    return strict.decode(bytes)
  } catch {
    return undefined
  }
}

export async function readText(path: string): Promise<string> {
  const { size } = await checkedStat(path)
  if (size > TEXT_BYTES_MAX) {
    throw new Error(
      `${path} has ${size} bytes; at most ${TEXT_BYTES_MAX} fit in a result, search_files finds parts of it`,
    )
  }
  const text = decodeText(await readFile(path))
  if (text === undefined) throw new Error(`${path} is a binary file (${size} bytes), not UTF-8 text`)
  return text
}

async function checkedStat(path: string): Promise<{ size: number }> {
  const stats = await stat(path)
  if (stats.isDirectory()) throw new Error(`${path} is a folder; list_files lists it`)
  if (!stats.isFile()) throw new Error(`${path} is not an ordinary file`)
  return stats
}
