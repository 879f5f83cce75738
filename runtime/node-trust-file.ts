/**
 * The perimeter's part for the digests that a user trusts: one file in the user's own state folder, a line each, only
 * ever added to. What a repository brought along, what a link leads to and what others can write to is not it.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { codeOf, messageOf } from './errors.ts'
import { whyNotOwn } from './node-folders.ts'

export interface TrustFile {
  readonly path: string
  has(digest: string): boolean
  /** `name`: for whoever reads the file; nothing rests on it. */
  add(digest: string, name: string): void
}

export type OpenedTrustFile =
  | { readonly ok: true; readonly file: TrustFile }
  | { readonly ok: false; readonly why: string }

const FLAGS = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK
const LINE_BREAK = 0x0a

/** `brought`: folders of which nothing is believed, with the repositories around them. */
export function openTrustFile(folder: string, uid: number, brought: readonly string[]): OpenedTrustFile {
  const path = join(folder, 'trusted')
  const refused = (why: string): OpenedTrustFile => ({ ok: false, why: `couldn't use ${path}: ${why}` })
  try {
    const why = whyNotOwn(folder, uid, brought)
    if (why !== undefined) return refused(`of its folder, ${why}`)
    const fd = openSync(path, FLAGS, 0o600)
    try {
      const wrong = whyNotOurs(fd, uid)
      return wrong === undefined ? { ok: true, file: trustFile(path, readFileSync(fd)) } : refused(wrong)
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    return refused(codeOf(error) === 'ELOOP' ? 'it is a link' : (codeOf(error) ?? messageOf(error)))
  }
}

function whyNotOurs(fd: number, uid: number): string | undefined {
  const stat = fstatSync(fd)
  if (!stat.isFile()) return 'it is no regular file'
  if (stat.nlink !== 1) return 'it has a second name'
  if (stat.uid !== uid) return 'it belongs to somebody else'
  return (stat.mode & 0o077) === 0 ? undefined : 'others can read or change it; run chmod 600 on it'
}

function trustFile(path: string, bytes: Buffer): TrustFile {
  const digests = new Set(
    bytes
      .toString('utf8')
      .split('\n')
      .map((line) => line.split(' ', 1)[0] ?? ''),
  )
  return {
    path,
    has: (digest) => digests.has(digest),
    add(digest, name) {
      const fd = openSync(path, FLAGS, 0o600)
      try {
        // One write to a file that is only added to: several processes at once each add a line of their own.
        const rest = bytes.length > 0 && bytes.at(-1) !== LINE_BREAK ? '\n' : ''
        const line = Buffer.from(`${rest}${digest} ${name}\n`)
        if (writeSync(fd, line) !== line.length) throw new Error('the disk is full')
        digests.add(digest)
      } finally {
        closeSync(fd)
      }
    },
  }
}
