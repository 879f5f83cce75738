/**
 * The walls around a sandbox process.
 *
 * The inner wall is Node's permission model: no file but its own, no child process, no worker and, from Node 26 on,
 * no socket. It does not bind native code, so on Linux an outer wall is put around it: bubblewrap with every
 * namespace of its own, no capability, only the files below, and a seccomp filter. A wall is found by running it,
 * never by looking for a file, and one that does not stand is reported, never passed over.
 */
import type { ProcessHost } from '../ports.ts'
import { seccompProgram } from './seccomp.ts'

/** Absolute paths of what a sandbox process is made of. */
export interface SandboxFiles {
  /** The entry, `process.ts` in a checkout and `process.js` in the package; its siblings that it imports follow. */
  readonly entry: string
  readonly modules: readonly string[]
  /** The package.json that makes them ES modules. */
  readonly packageJson: string
  readonly addon: string
}

export type Wall = 'bubblewrap' | 'node-permission'

export interface SandboxCommand {
  readonly file: string
  readonly args: readonly string[]
  readonly seccomp?: Uint8Array
  readonly walls: readonly Wall[]
}

/** Only here: a `bwrap` found through PATH or node_modules could be planted by the repository under review. */
const BUBBLEWRAP_PATHS = ['/usr/bin/bwrap', '/bin/bwrap', '/usr/local/bin/bwrap']

/**
 * The environment of a sandbox process, all of it. en_US rather than C, whose ICU locale (en-US-u-va-posix) formats
 * unlike what tools are tested with.
 */
export const SANDBOX_ENVIRONMENT = { TZ: 'UTC', LC_ALL: 'en_US.UTF-8' } as const

export function findBubblewrap(processes: ProcessHost): string | undefined {
  if (processes.platform !== 'linux') return undefined
  return BUBBLEWRAP_PATHS.find((path) => processes.isOwnedByRoot(path))
}

export function bareCommand(processes: ProcessHost, files: SandboxFiles): SandboxCommand {
  const own = [files.entry, ...files.modules, files.packageJson, files.addon]
  return { file: processes.nodePath, args: nodeArgs(files.entry, files.addon, own), walls: ['node-permission'] }
}

export function walledCommand(
  processes: ProcessHost,
  files: SandboxFiles,
  bubblewrap: string,
): SandboxCommand | undefined {
  const seccomp = seccompProgram(processes.architecture)
  if (seccomp === undefined) return undefined
  // Behind the wall every file has a place of its own, so that not even a path tells of the host.
  const inside = (path: string): string => `/sandbox/${path.slice(path.lastIndexOf('/') + 1)}`
  const own = [files.entry, ...files.modules, files.packageJson, files.addon]
  const binds = [
    ...own.map((path) => [path, inside(path)] as const),
    [processes.nodePath, '/sandbox/node'] as const,
    ...processes.sharedObjects().map((path) => [path, path] as const),
  ]
  const args = [
    [
      '--unshare-all',
      '--hostname',
      'sandbox',
      '--die-with-parent',
      '--new-session',
      '--cap-drop',
      'ALL',
      '--as-pid-1',
      '--clearenv',
      '--chdir',
      '/',
    ],
    Object.entries(SANDBOX_ENVIRONMENT).flatMap(([name, value]) => ['--setenv', name, value]),
    ['--ro-bind-try', '/etc/ld.so.cache', '/etc/ld.so.cache'],
    binds.flatMap(([from, to]) => ['--ro-bind', from, to]),
    ['--remount-ro', '/', '--info-fd', '4', '--seccomp', '5', '--', '/sandbox/node'],
    nodeArgs(inside(files.entry), inside(files.addon), own.map(inside)),
  ].flat()
  return { file: bubblewrap, args, seccomp, walls: ['bubblewrap', 'node-permission'] }
}

function nodeArgs(entry: string, addon: string, own: readonly string[]): string[] {
  return [
    '--permission',
    ...own.map((path) => `--allow-fs-read=${path}`),
    '--allow-addons',
    // node:sqlite ignores the permission model: it read and forged the trail when it was tried.
    '--no-experimental-sqlite',
    // isolated-vm crashes where isolates with different snapshots share a heap.
    '--no-node-snapshot',
    '--disable-warning=SecurityWarning',
    '--disable-warning=ExperimentalWarning',
    entry,
    addon,
  ]
}
