/** The files under a folder, links not followed, within the calls that one tool call may make. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'

/** Of the host's 10,000 calls; each folder costs one. */
const FOLDERS_MAX = 5_000

/** Folders listed at once. */
const TOGETHER = 32

export interface Walk {
  /** Relative to the workspace, sorted. */
  readonly files: readonly string[]
  /** Folders that could not be listed, with the reason. */
  readonly skipped: readonly Skipped[]
  readonly truncated: boolean
}

export interface Skipped {
  readonly path: string
  readonly reason: string
}

export function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown)
  return thrown.name === 'Denied' ? 'not permitted' : thrown.message
}

/** Walks from `start`, which must be a folder; `filesMax` bounds what is kept. */
export async function walk(start: string, filesMax: number): Promise<Walk> {
  const files: string[] = []
  const skipped: Skipped[] = []
  let level = [start]
  let folders = 0
  while (level.length > 0) {
    const next: string[] = []
    for (let at = 0; at < level.length; at += TOGETHER) {
      const together = level.slice(at, at + TOGETHER)
      folders += together.length
      if (folders > FOLDERS_MAX || files.length > filesMax) return finished(files, skipped, filesMax, true)
      const found = await Promise.all(together.map((folder) => list(folder, folder === start)))
      for (const one of found) {
        if (one.skipped !== undefined) skipped.push(one.skipped)
        for (const file of one.files) files.push(file)
        for (const folder of one.folders) next.push(folder)
      }
    }
    level = next
  }
  return finished(files, skipped, filesMax, files.length > filesMax)
}

function finished(files: string[], skipped: Skipped[], filesMax: number, truncated: boolean): Walk {
  return { files: files.toSorted().slice(0, filesMax), skipped, truncated }
}

interface Listed {
  readonly files: readonly string[]
  readonly folders: readonly string[]
  readonly skipped?: Skipped
}

async function list(folder: string, isStart: boolean): Promise<Listed> {
  try {
    const entries = await readdir(folder, { withFileTypes: true })
    const under = (name: string): string => join(folder, name)
    return {
      files: entries.filter((entry) => !entry.isDirectory()).map((entry) => under(entry.name)),
      folders: entries
        .filter((entry) => entry.isDirectory())
        .map((entry) => under(entry.name))
        .toSorted(),
    }
  } catch (thrown) {
    // Of the folder that was asked for, the caller must learn why; the others are reported.
    if (isStart) throw thrown
    return { files: [], folders: [], skipped: { path: folder, reason: reasonOf(thrown) } }
  }
}
