/** The part of the perimeter that reads, and once makes, the file from which the key of the store is made. */

import { closeSync, constants, fstatSync, fsyncSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

import { codeOf, RunAgentError } from './errors.ts'
import { KEY_FILE_BYTES_MAX, KEY_FILE_WAIT_MS } from './limits.ts'
import { whyNotOwnFile } from './node-private-file.ts'

const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
const MAKE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

const RETRY_MS = 20

/**
 * The text of a key file or of an age identity file. Throws E_CREDENTIAL unless it is a regular file of this user,
 * 0600 or stricter, reached by no link, with one name and not too large. Its text is never quoted.
 */
export function readKeyFile(path: string): string {
  const sleep = new Int32Array(new SharedArrayBuffer(4))
  for (let waited = 0; ; waited += RETRY_MS) {
    const text = readOnce(path)
    if (text !== '') return text
    // Another process has just made it.
    if (waited >= KEY_FILE_WAIT_MS) throw refused(path, 'is empty', 'Restore it, or remove it if no store needs it.')
    Atomics.wait(sleep, 0, 0, RETRY_MS)
  }
}

/**
 * Makes the key file (0600) with `text` where there is none, durably, and returns what it then holds: of several
 * processes one makes it. Ask for it only while the store has no key yet: a new one opens no older store.
 */
export function makeKeyFile(path: string, text: string): string {
  let fd: number
  try {
    fd = openSync(path, MAKE, 0o600)
  } catch (thrown) {
    if (codeOf(thrown) === 'EEXIST') return readKeyFile(path)
    throw refused(path, `couldn't be made (${codeOf(thrown) ?? 'unknown error'})`, 'Its folder must be your own.')
  }
  try {
    // Whole or not at all: nobody reads half a key.
    if (writeSync(fd, text) !== Buffer.byteLength(text)) throw new Error('the disk is full')
    fsyncSync(fd)
    syncFolder(dirname(path))
  } catch (thrown) {
    unlinkSync(path)
    throw refused(path, `couldn't be written (${codeOf(thrown) ?? 'the disk is full'})`, 'Free some space.')
  } finally {
    closeSync(fd)
  }
  return readKeyFile(path)
}

function readOnce(path: string): string {
  let fd: number
  try {
    fd = openSync(path, READ)
  } catch (thrown) {
    const code = codeOf(thrown) ?? 'unknown error'
    if (code === 'ELOOP') throw refused(path, 'is a link')
    throw refused(path, code === 'ENOENT' ? 'does not exist' : `couldn't be read (${code})`)
  }
  try {
    const stats = fstatSync(fd)
    const wrong = whyNotOwnFile(stats)
    if (wrong !== undefined) throw refused(path, wrong)
    if ((stats.mode & 0o077) !== 0) throw refused(path, 'can be read or changed by others', `chmod 600 ${path}`)
    const bytes = Buffer.alloc(KEY_FILE_BYTES_MAX + 1)
    const length = readSync(fd, bytes, 0, bytes.byteLength, 0)
    if (length > KEY_FILE_BYTES_MAX) throw refused(path, `is larger than ${KEY_FILE_BYTES_MAX} bytes`)
    return bytes.toString('utf8', 0, length)
  } finally {
    closeSync(fd)
  }
}

/** Makes the file's name durable; a lost key is as bad as a lost store. */
function syncFolder(folder: string): void {
  const fd = openSync(folder, constants.O_RDONLY)
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function refused(path: string, why: string, hint = 'Name the key file itself, one of your own.'): RunAgentError {
  return new RunAgentError('E_CREDENTIAL', `the key file of the store is refused: ${path} ${why}`, { hint })
}
