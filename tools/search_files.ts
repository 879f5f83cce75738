import { readFile, stat } from 'node:fs/promises'
import { defineTool, z } from 'run-agent'
import { decodeText } from './files/text.ts'
import { reasonOf, walk } from './files/walk.ts'
import type { Skipped } from './files/walk.ts'

const FILES_MAX = 50_000
const MATCHES_MAX = 1_000
const RESULT_BYTES_MAX = 600_000
const SKIPPED_MAX = 100
const LINE_CHARS_MAX = 500
const FILE_BYTES_MAX = 1024 * 1024

/** The host takes 10,000; the folders have had some of them. */
const READS_MAX = 9_000

/** Files read at once. */
const TOGETHER = 8

/** What is written by hand is read without asking for its size first, which halves the calls. */
const SOURCE =
  /\.(?:[cm]?[jt]sx?|py|rb|go|rs|java|kt|c|h|cc|cpp|hpp|cs|php|swift|scala|sh|md|css|scss|html|vue|ya?ml|toml)$/

interface Match {
  readonly path: string
  readonly line: number
  readonly text: string
}

function compile(pattern: string): RegExp {
  try {
    return new RegExp(pattern, 'u')
  } catch {
    // Many patterns in use escape what the stricter syntax does not let them escape.
    try {
      return new RegExp(pattern)
    } catch (thrown) {
      throw new Error(`\`pattern\` is no regular expression: ${thrown instanceof Error ? thrown.message : ''}`, {
        cause: thrown,
      })
    }
  }
}

/** The file's text, or why it was not searched. */
async function load(path: string): Promise<{ text: string } | { skipped: string }> {
  try {
    if (!SOURCE.test(path)) {
      const stats = await stat(path)
      if (!stats.isFile()) return { skipped: 'not an ordinary file' }
      if (stats.size > FILE_BYTES_MAX) return { skipped: `larger than ${FILE_BYTES_MAX} bytes` }
    }
    const bytes = await readFile(path)
    if (bytes.length > FILE_BYTES_MAX) return { skipped: `larger than ${FILE_BYTES_MAX} bytes` }
    const text = decodeText(bytes)
    return text === undefined ? { skipped: 'binary' } : { text }
  } catch (thrown) {
    return { skipped: reasonOf(thrown) }
  }
}

function matchesIn(path: string, text: string, regex: RegExp): Match[] {
  const matches: Match[] = []
  for (const [at, line] of text.split('\n').entries()) {
    if (!regex.test(line)) continue
    const shown = line.replace(/\r$/, '')
    matches.push({
      path,
      line: at + 1,
      text: shown.length > LINE_CHARS_MAX ? `${shown.slice(0, LINE_CHARS_MAX)}…` : shown,
    })
  }
  return matches
}

interface Found {
  readonly matches: readonly Match[]
  readonly searched: number
  readonly skipped: readonly Skipped[]
  readonly truncated: boolean
}

async function search(files: readonly string[], regex: RegExp): Promise<Found> {
  const matches: Match[] = []
  const skipped: Skipped[] = []
  let searched = 0
  let bytes = 0
  let reads = 0
  for (let at = 0; at < files.length; at += TOGETHER) {
    const together = files.slice(at, at + TOGETHER)
    reads += together.reduce((sum, path) => sum + (SOURCE.test(path) ? 1 : 2), 0)
    if (reads > READS_MAX) return { matches, searched, skipped, truncated: true }
    const loaded = await Promise.all(together.map(async (path) => ({ path, read: await load(path) })))
    for (const { path, read } of loaded) {
      if ('skipped' in read) {
        skipped.push({ path, reason: read.skipped })
        continue
      }
      searched += 1
      for (const match of matchesIn(path, read.text, regex)) {
        bytes += Buffer.byteLength(JSON.stringify(match)) + 1
        if (matches.length >= MATCHES_MAX || bytes > RESULT_BYTES_MAX)
          return { matches, searched, skipped, truncated: true }
        matches.push(match)
      }
    }
  }
  return { matches, searched, skipped, truncated: false }
}

/** A file stands for itself; a folder for all below it. */
async function filesAt(path: string): Promise<Awaited<ReturnType<typeof walk>>> {
  if (path !== '.' && (await stat(path)).isFile()) return { files: [path], skipped: [], truncated: false }
  return walk(path, FILES_MAX)
}

export default defineTool({
  description:
    'Searches the lines of text files with a JavaScript regular expression; gives path, line and text of each match. ' +
    'Says what it skipped: binary files and those over 1 MB.',
  parameters: z.object({
    pattern: z.string().describe('A JavaScript regular expression, matched against each line'),
    path: z.string().optional().describe('A file or folder, relative to the workspace. Default: the whole workspace'),
  }),
  needs: { read: true },
  async execute({ pattern, path = '.' }) {
    const regex = compile(pattern)
    const walked = await filesAt(path)
    const found = await search(walked.files, regex)
    const skipped = [...walked.skipped, ...found.skipped]
    const truncated = walked.truncated || found.truncated
    return {
      matches: found.matches,
      searched: found.searched,
      skipped: skipped.slice(0, SKIPPED_MAX),
      ...(skipped.length > SKIPPED_MAX ? { skippedTotal: skipped.length } : {}),
      ...(truncated ? { truncated: true, note: 'there may be more matches; narrow `path` or `pattern`' } : {}),
    }
  },
})
