/** The perimeter's part for files that hold secrets: what is judged is what was opened, not what its name leads to. */
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  readSync,
  realpathSync,
} from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { isInGitIndex } from './credentials/sources/git-index.ts'
import { whyRefused, type SecretFileHost, type SecretFileRule } from './credentials/sources/source-file.ts'
import { codeOf, RunAgentError } from './errors.ts'
import { GIT_INDEX_BYTES_MAX, SECRET_FILE_BYTES_MAX } from './limits.ts'
import { printable } from './printable.ts'

const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
const IN_MEMORY: ReadonlySet<string> = new Set(['tmpfs', 'ramfs'])
const GIT_FILE_BYTES_MAX = 8192
/** Some file systems say 0 of the size of what has content. */
const GROWTH_BYTES = 4096

/** `workspaces`: folders of agents, by whichever path; no secret may lie in them. */
export function nodeSecretFiles(uid: number, workspaces: readonly string[]): SecretFileHost {
  const roots = workspaces.map(realPathOf)
  return {
    read(path, rule) {
      const opened = open(path, rule)
      try {
        return readJudged(path, opened, { rule, uid, roots })
      } finally {
        closeSync(opened.fd)
      }
    },
  }
}

interface Opened {
  readonly fd: number
  readonly wasLink: boolean
  /** For platforms that do not say what was opened. */
  readonly path: string
}

/** The links of the folder are followed once; the last part may be a link only where that is judged. */
function open(path: string, rule: SecretFileRule): Opened {
  try {
    const real = join(realpathSync(dirname(path)), basename(path))
    try {
      return { fd: openSync(real, FLAGS), wasLink: false, path: real }
    } catch (error) {
      if (codeOf(error) !== 'ELOOP' || rule !== 'mounted') throw error
    }
    // Kubernetes: key → ..data/key, ..data → ..2026_11_28_…, all below the mount.
    const target = realpathSync(real)
    if (!target.startsWith(`${dirname(real)}/`)) throw refusal(path, 'it is a link', 'Name what it leads to.')
    return { fd: openSync(target, FLAGS), wasLink: true, path: target }
  } catch (error) {
    if (error instanceof RunAgentError) throw error
    const code = codeOf(error)
    if (code === 'ELOOP') throw refusal(path, 'it is a link', 'Name what it leads to.')
    if (code === 'ENOENT') throw refusal(path, 'there is no such file', 'A relative path starts at the configuration.')
    throw refusal(path, code ?? 'it cannot be opened', 'It must be a file that you may read.')
  }
}

function readJudged(
  written: string,
  { fd, wasLink, path }: Opened,
  { rule, uid, roots }: { readonly rule: SecretFileRule; readonly uid: number; readonly roots: readonly string[] },
): Uint8Array {
  const stat = fstatSync(fd)
  const real = openedPath(fd) ?? path
  const facts = {
    isRegular: stat.isFile(),
    uid: stat.uid,
    mode: stat.mode,
    links: stat.nlink,
    wasLink,
    isOnSecretMount: rule === 'mounted' && isOnSecretMount(fd),
    workspace: roots.find((root) => real === root || real.startsWith(root.endsWith('/') ? root : `${root}/`)),
    isTracked: stat.isFile() ? isTrackedByGit(real) : false,
  }
  const refused = whyRefused(facts, rule, uid)
  if (refused !== undefined) throw refusal(written, refused.why, refused.hint)
  if (stat.size > SECRET_FILE_BYTES_MAX) {
    throw refusal(written, `it is larger than ${SECRET_FILE_BYTES_MAX} bytes`, 'It must hold secrets and nothing else.')
  }
  return readAtMost(fd, Math.min(stat.size + GROWTH_BYTES, SECRET_FILE_BYTES_MAX))
}

function refusal(path: string, why: string, hint: string): RunAgentError {
  return new RunAgentError('E_CREDENTIAL', `couldn't use ${printable(path)}: ${why}`, {
    hint: hint.replaceAll('PATH', () => forShell(printable(path))),
  })
}

function forShell(path: string): string {
  return /^[\w./@:+-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`
}

/** Linux says which name the opened file has; one that lost its name has ` (deleted)` and is in no repository. */
function openedPath(fd: number): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return undefined
  }
}

/** /proc/self/mountinfo (proc_pid_mountinfo(5)), asked about the file that is open. */
function isOnSecretMount(fd: number): boolean {
  try {
    const id = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1]
    const mounts = readFileSync('/proc/self/mountinfo', 'latin1').split('\n')
    const fields = mounts.map((line) => line.split(' ')).find((words) => words[0] === id)
    const type = fields?.[fields.indexOf('-') + 1] ?? ''
    return id !== undefined && IN_MEMORY.has(type) && (fields?.[5] ?? '').split(',').includes('ro')
  } catch {
    return false
  }
}

/** Undefined: one of the repositories around it cannot be understood. */
function isTrackedByGit(path: string): boolean | undefined {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const git = join(folder, '.git')
    if (lstatSync(git, { throwIfNoEntry: false }) !== undefined) {
      const tracked = isInRepository(git, path.slice(folder === '/' ? 1 : folder.length + 1))
      if (tracked !== false) return tracked
    }
    if (folder === dirname(folder)) return false
  }
}

function isInRepository(git: string, path: string): boolean | undefined {
  try {
    const index = join(gitFolder(git), 'index')
    // Nothing was ever added there.
    if (lstatSync(index, { throwIfNoEntry: false }) === undefined) return false
    const bytes = readRegular(index, GIT_INDEX_BYTES_MAX)
    return bytes === undefined ? undefined : isInGitIndex(bytes, path)
  } catch {
    return undefined
  }
}

/** A work tree of several, or a submodule, has a file there that says `gitdir: PATH`. */
function gitFolder(git: string): string {
  if (lstatSync(realpathSync(git)).isDirectory()) return git
  const text = new TextDecoder().decode(readRegular(git, GIT_FILE_BYTES_MAX))
  const written = /^gitdir: ([^\n]+)\n?$/.exec(text)?.[1]
  if (written === undefined) throw new Error('no folder of git')
  return resolve(dirname(git), written)
}

function readRegular(path: string, bytesMax: number): Uint8Array | undefined {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const stat = fstatSync(fd)
    return stat.isFile() && stat.size <= bytesMax ? readAtMost(fd, stat.size) : undefined
  } finally {
    closeSync(fd)
  }
}

/** It may grow meanwhile. */
function readAtMost(fd: number, bytesMax: number): Uint8Array {
  const buffer = Buffer.alloc(bytesMax)
  let length = 0
  for (;;) {
    const read = readSync(fd, buffer, length, bytesMax - length, null)
    length += read
    if (read === 0 || length === bytesMax) return buffer.subarray(0, length)
  }
}

function realPathOf(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return resolve(path)
  }
}
