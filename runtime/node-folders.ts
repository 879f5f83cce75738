/** The perimeter's part for the user's own folders and for files that the operator names. */
import {
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  closeSync,
  readFileSync,
  realpathSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { homedir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { codeOf, RunAgentError } from './errors.ts'
import type { CacheFolder } from './tool/bundle-cache.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export interface UserFolders {
  readonly config: string
  readonly state: string
  readonly cache: string
}

/** XDG Base Directory Specification; a relative path in a variable counts as unset, as it demands. */
export function userFolders(environment: Environment): UserFolders {
  const folder = (name: string, ...fallback: string[]): string => {
    const value = environment[name]
    return join(value?.startsWith('/') === true ? value : join(homedir(), ...fallback), 'run-agent')
  }
  return {
    config: folder('XDG_CONFIG_HOME', '.config'),
    state: folder('XDG_STATE_HOME', '.local', 'state'),
    cache: folder('XDG_CACHE_HOME', '.cache'),
  }
}

export function currentUser(): { readonly name: string; readonly uid: number } {
  const uid = process.getuid?.() ?? -1
  try {
    return { name: userInfo().username, uid }
  } catch {
    return { name: `uid-${uid}`, uid }
  }
}

/** 0700, where there is none. */
export function makePrivateFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 })
}

/**
 * Makes a folder, 0700, and says why it is not this user's own, or nothing: it belongs to somebody else, others can
 * write to it, or it lies below one of the folders that a cloned repository brings along.
 */
export function whyNotOwn(path: string, uid: number, brought: readonly string[]): string | undefined {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  const stat = lstatSync(path)
  if (!stat.isDirectory()) return 'it is a link, or no folder'
  if (stat.uid !== uid) return 'it belongs to somebody else'
  if ((stat.mode & 0o022) !== 0) return 'others can write to it'
  const real = `${realpathSync(path)}/`
  const repositories = brought.map((folder) => repositoryOf(realpathSync(folder)))
  const isBrought = repositories.some((folder) => folder !== undefined && real.startsWith(`${folder}/`))
  return isBrought ? 'it lies in a folder that a repository may have brought along' : undefined
}

/**
 * A folder of this user's own. Where it is not, nothing is read from it or written to it: what a bundle's record says
 * of its code can be forged by whoever writes the record.
 */
export function openCacheFolder(path: string, uid: number, brought: readonly string[]): CacheFolder {
  let ours: boolean | undefined
  const usable = (): boolean => {
    try {
      return (ours ??= whyNotOwn(path, uid, brought) === undefined)
    } catch {
      return false
    }
  }
  return {
    read(name) {
      try {
        return usable() ? readFileSync(join(path, name)) : undefined
      } catch {
        return undefined
      }
    },
    pathOf(name) {
      const file = join(path, name)
      return usable() && lstatSync(file, { throwIfNoEntry: false })?.isFile() === true ? file : undefined
    },
    write(name, bytes) {
      if (!usable()) return
      const temporary = join(path, `${name}.${process.pid}.tmp`)
      try {
        writeFileSync(temporary, bytes, { mode: 0o600 })
        renameSync(temporary, join(path, name))
      } catch {
        // A cache that cannot be written costs time and nothing else.
      }
    },
  }
}

/** The outermost folder at or above this one that a repository may have brought; none holds the user's home. */
function repositoryOf(folder: string): string | undefined {
  const home = userInfo().homedir
  let found = folder
  for (let at = folder; at !== dirname(at) && at !== home; at = dirname(at)) {
    if (['.git', 'package.json'].some((name) => existsSync(join(at, name)))) found = at
  }
  return `${home}/`.startsWith(`${found}/`) ? undefined : found
}

export interface OperatorFile {
  readonly bytes: Uint8Array
  readonly uid: number
  readonly mode: number
}

/** undefined: there is no such file. */
export function readOperatorFile(path: string): OperatorFile | undefined {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw new RunAgentError('E_CONFIG', `couldn't read ${path}: ${codeOf(error) ?? 'unknown error'}`, {
      hint: 'It must be a file that you may read.',
    })
  }
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile())
      throw new RunAgentError('E_CONFIG', `couldn't read ${path}: it is not a regular file`, {
        hint: 'Name the file itself: no folder, pipe or device.',
      })
    return { bytes: readFileSync(fd), uid: stat.uid, mode: stat.mode }
  } finally {
    closeSync(fd)
  }
}

export function isFile(path: string): boolean {
  try {
    return statSync(path).isFile()
  } catch {
    return false
  }
}

export function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}

/** When a process began, in the kernel's own words: with the pid it names one process and no later one. */
export function processStartTime(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The second field is the program's name in parentheses, which may hold anything.
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
