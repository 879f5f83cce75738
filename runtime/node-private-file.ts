/**
 * The part of the perimeter that makes the files of SQLite: the trail, and the store of secrets. Each is a regular
 * file of this user (0600), reached by no link and with no second name, and so are its companions.
 */

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

const FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** What differs between the two. */
interface Kind {
  /** Why a folder may not hold the file; undefined where it may. */
  readonly whyNotFolder: (stats: Stats) => string | undefined
  readonly refused: (path: string, why: string, cause?: unknown) => RunAgentError
}

const TRAIL: Kind = {
  // In a folder with the sticky bit, such as /tmp, only the owner of a file can replace it.
  whyNotFolder: ({ mode }) =>
    (mode & 0o002) !== 0 && (mode & 0o1000) === 0 ? 'is a folder that everybody may write to' : undefined,
  refused: (path, why, cause) =>
    new RunAgentError('E_TRAIL', `the trail is refused: ${path} ${why}`, {
      hint: 'Name another file with --audit.',
      cause,
    }),
}

const STORE: Kind = {
  whyNotFolder: ({ uid, mode }) => {
    if (uid !== process.getuid?.()) return 'belongs to somebody else'
    return (mode & 0o077) === 0 ? undefined : 'is a folder that others can look into'
  },
  refused: (path, why, cause) => {
    const hint = why.startsWith('is a folder') ? `chmod 700 ${path}` : 'Name another file, in a folder of your own.'
    return new RunAgentError('E_CREDENTIAL', `the store of secrets is refused: ${path} ${why}`, { hint, cause })
  },
}

/** Makes the trail's folder (0700) and file where they are missing. Throws E_TRAIL where others could swap it. */
export function prepareTrailFile(path: string): void {
  prepare(path, TRAIL)
}

/** Makes the store's folder (0700) and file where they are missing. Throws E_CREDENTIAL where others can look in. */
export function prepareCredentialsFile(path: string): void {
  prepare(path, STORE)
}

function prepare(path: string, kind: Kind): void {
  try {
    const folder = dirname(path)
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const wrongFolder = kind.whyNotFolder(statSync(folder))
    if (wrongFolder !== undefined) throw kind.refused(folder, wrongFolder)
    for (const companion of COMPANIONS) {
      const stats = lstatSync(path + companion, { throwIfNoEntry: false })
      const wrong = stats && whyNotOwnFile(stats)
      if (wrong !== undefined) throw kind.refused(path + companion, wrong)
    }
    makeFile(path, kind)
  } catch (thrown) {
    if (thrown instanceof RunAgentError) throw thrown
    if (codeOf(thrown) === 'ELOOP') throw kind.refused(path, 'is a link')
    throw kind.refused(path, `cannot be made: ${messageOf(thrown)}`, thrown)
  }
}

function makeFile(path: string, { refused }: Kind): void {
  const fd = openSync(path, FLAGS, 0o600)
  try {
    const stats = fstatSync(fd)
    const wrong = whyNotOwnFile(stats)
    if (wrong !== undefined) throw refused(path, wrong)
    if ((stats.mode & 0o077) !== 0) fchmodSync(fd, 0o600)
  } finally {
    closeSync(fd)
  }
}

/** Of the entry itself (lstat) or of the open file (fstat); undefined where it is this user's own and has one name. */
export function whyNotOwnFile(stats: Stats): string | undefined {
  if (stats.isSymbolicLink()) return 'is a link'
  if (!stats.isFile()) return 'is no regular file'
  if (stats.nlink !== 1) return 'has a second name'
  return stats.uid === process.getuid?.() ? undefined : 'belongs to somebody else'
}
