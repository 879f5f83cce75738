/** Names of files in a history: what a tree holds need not be a path that any file system accepts. */

export interface FileName {
  /** What is shown, and what the read rules are asked about. */
  readonly path: string
  /** False where the bytes are no UTF-8 or the path could not be that of a file here; its content is not read. */
  readonly valid: boolean
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function fileName(rawPath: string): FileName {
  const bytes = Buffer.from(rawPath, 'latin1')
  const isPath = rawPath
    .split('/')
    .every((part) => part !== '' && part !== '.' && part !== '..' && !/^\.git$/i.test(part))
  try {
    return { path: strict.decode(bytes), valid: isPath }
  } catch {
    return { path: escaped(bytes), valid: false }
  }
}

/** As git shows it: each byte that is not ASCII in octal. */
function escaped(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) =>
    byte < 0x80 ? String.fromCharCode(byte) : `\\${byte.toString(8).padStart(3, '0')}`,
  ).join('')
}
