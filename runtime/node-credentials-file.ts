/** The part of the perimeter that makes the file of the store of secrets. */

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

import { codeOf, RunAgentError } from './errors.ts'

/** SQLite keeps its log and its locks beside the file and opens them by name. */
const COMPANIONS = ['-wal', '-shm', '-journal']

const FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK

/**
 * Makes the folder (0700) and the file (0600) where they are missing. Throws E_CREDENTIAL unless the file and its
 * companions are regular files of this user, reached by no link, in a folder that nobody else can look into.
 */
export function prepareCredentialsFile(path: string): void {
  try {
    const folder = dirname(path)
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const wrongFolder = whyNotOwnFolder(statSync(folder))
    if (wrongFolder !== undefined) throw refused(folder, wrongFolder, `chmod 700 ${folder}`)
    for (const companion of COMPANIONS) {
      const stats = lstatSync(path + companion, { throwIfNoEntry: false })
      const wrong = stats && whyNotOwnFile(stats)
      if (wrong !== undefined) throw refused(path + companion, wrong)
    }
    const fd = openSync(path, FLAGS, 0o600)
    try {
      const stats = fstatSync(fd)
      const wrong = whyNotOwnFile(stats)
      if (wrong !== undefined) throw refused(path, wrong)
      if ((stats.mode & 0o077) !== 0) fchmodSync(fd, 0o600)
    } finally {
      closeSync(fd)
    }
  } catch (thrown) {
    if (thrown instanceof RunAgentError) throw thrown
    if (codeOf(thrown) === 'ELOOP') throw refused(path, 'is a link')
    throw refused(path, `cannot be made (${codeOf(thrown) ?? 'unknown error'})`)
  }
}

/** Of the entry itself (lstat) or of the open file (fstat); undefined where it is this user's own and has one name. */
export function whyNotOwnFile(stats: Stats): string | undefined {
  if (stats.isSymbolicLink()) return 'is a link'
  if (!stats.isFile()) return 'is no regular file'
  if (stats.nlink !== 1) return 'has a second name'
  return stats.uid === process.getuid?.() ? undefined : 'belongs to somebody else'
}

function whyNotOwnFolder(stats: Stats): string | undefined {
  if (stats.uid !== process.getuid?.()) return 'belongs to somebody else'
  return (stats.mode & 0o077) === 0 ? undefined : 'is a folder that others can look into'
}

function refused(path: string, why: string, hint = 'Name another file, in a folder of your own.'): RunAgentError {
  return new RunAgentError('E_CREDENTIAL', `the store of secrets is refused: ${path} ${why}`, { hint })
}
