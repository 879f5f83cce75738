/** The part of the perimeter that makes the trail's file; node-ports.ts exports it with the rest. */

import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  statSync,
  type Stats,
} from 'node:fs'
import { dirname } from 'node:path'

import { codeOf, messageOf, RunAgentError } from './errors.ts'

/** SQLite keeps its log and its locks beside the file and opens them by name. */
const COMPANIONS = ['-wal', '-shm', '-journal']

/**
 * Makes the trail's folder (0700) and file (0600) where they are missing. Throws E_TRAIL unless the file and its
 * companions are regular files of this user, reached by no link, in a folder where nobody else can swap them.
 */
export function prepareTrailFile(path: string): void {
  try {
    const folder = dirname(path)
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    assertFolder(folder)
    for (const companion of COMPANIONS) {
      const stats = lstatSync(path + companion, { throwIfNoEntry: false })
      if (stats !== undefined) assertOurs(stats, path + companion)
    }
    const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK, 0o600)
    try {
      const stats = fstatSync(fd)
      assertOurs(stats, path)
      if ((stats.mode & 0o077) !== 0) fchmodSync(fd, 0o600)
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    if (error instanceof RunAgentError) throw error
    if (codeOf(error) === 'ELOOP') throw refused(path, 'is a link')
    throw new RunAgentError('E_TRAIL', `the trail ${path} cannot be made: ${messageOf(error)}`, { cause: error })
  }
}

function assertFolder(folder: string): void {
  const { mode } = statSync(folder)
  // In a folder with the sticky bit, such as /tmp, only the owner of a file can replace it.
  if ((mode & 0o002) !== 0 && (mode & 0o1000) === 0) {
    throw refused(folder, 'is a folder that everybody may write to')
  }
}

function assertOurs(stats: Stats, path: string): void {
  if (stats.isSymbolicLink()) throw refused(path, 'is a link')
  if (!stats.isFile()) throw refused(path, 'is no regular file')
  if (stats.nlink !== 1) throw refused(path, 'has a second name')
  const user = process.getuid?.()
  if (user !== undefined && stats.uid !== user) throw refused(path, 'belongs to somebody else')
}

function refused(path: string, why: string): RunAgentError {
  return new RunAgentError('E_TRAIL', `the trail is refused: ${path} ${why}`, {
    hint: 'Name another file with --audit.',
  })
}
