/**
 * What every command starts from: the only place that reads the environment, and where the parts of the program
 * are put together.
 */
import { homedir } from 'node:os'
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path'
import { sourceFiles } from '../credentials/sources/source-files.ts'
import { checkConfigOwner, EMPTY_CONFIG, parseConfig, type OperatorConfig } from '../definition/config.ts'
import { RunAgentError } from '../errors.ts'
import type { WorkspaceFiles } from '../load-agent.ts'
import type { DefinitionPlace } from '../read-definition.ts'
import { nodeFileHost } from '../node-files.ts'
import {
  currentUser,
  isDirectory,
  readOperatorFile,
  userFolders,
  type Environment,
  type UserFolders,
} from '../node-folders.ts'
import { findInstallation, type Installation } from '../node-installation.ts'

export interface CommandEnvironment {
  readonly variables: Environment
  readonly currentFolder: string
  readonly folders: UserFolders
  readonly user: { readonly name: string; readonly uid: number }
  readonly installation: Installation
}

let taken: Environment | undefined

/** What is no secret of anybody's, and what Node and terminals ask for later. */
const LEFT =
  /^(?:CI|COLORTERM|FORCE_COLOR|HOME|LANG|LC_[A-Z]+|LOGNAME|NO_COLOR|PATH|RUN_AGENT_[A-Z_]+|SHELL|TERM|TMPDIR|TZ|USER|XDG_[A-Z_]+)$/

/**
 * Takes the environment away from whatever this program starts: a variable may hold a secret, and which ones do is
 * known only once the configuration was read. Once, before anything is started.
 */
export function takeEnvironment(): void {
  taken ??= { ...process.env }
  for (const name of Object.keys(process.env)) if (!LEFT.test(name)) delete process.env[name]
}

export function readEnvironment(): CommandEnvironment {
  const variables = taken ?? process.env
  return {
    variables,
    currentFolder: process.cwd(),
    folders: userFolders(variables),
    user: currentUser(),
    installation: findInstallation(),
  }
}

/** `--config FILE` must exist; the user's own may be missing. */
export function readConfig(environment: CommandEnvironment, named: string | undefined): OperatorConfig {
  const path =
    named === undefined ? `${environment.folders.config}/config.yaml` : resolve(environment.currentFolder, named)
  const file = readOperatorFile(path)
  if (file === undefined) {
    if (named === undefined) return EMPTY_CONFIG
    throw new RunAgentError('E_CONFIG', `couldn't read the configuration ${path}: there is no such file`, {
      hint: 'Name one that exists with --config, or leave it out: without one there are no providers and no credentials.',
    })
  }
  const problem = checkConfigOwner(file, environment.user.uid)
  if (problem !== undefined)
    throw new RunAgentError('E_CONFIG', `couldn't use the configuration ${path}: ${problem}`, {
      hint: 'Whoever can write it says where secrets come from, so it must be yours alone: chmod 600 on it.',
    })
  return parseConfig({ file: path, text: file.bytes })
}

/** `--audit`, else the configuration's, else the user's own. */
export function trailPath(environment: CommandEnvironment, config: OperatorConfig, named: string | undefined): string {
  if (named !== undefined) return resolve(environment.currentFolder, named)
  const { file } = config.audit
  if (file === undefined) return `${environment.folders.state}/audit.db`
  return resolve(dirname(config.file ?? environment.currentFolder), file)
}

export function definitionPlace(environment: CommandEnvironment, path: string): DefinitionPlace {
  const absolute = resolve(environment.currentFolder, path)
  const name = absolute.slice(dirname(absolute).length).replace(/^\//, '')
  // With links followed once and for all: a folder that is swapped later is not the one that is read.
  const folder = real(dirname(absolute))
  const file = real(join(folder, name))
  return { folder, named: dirname(absolute), name, shown: path, realPath: isWithin(folder, file) ? file : undefined }
}

/** The operator's own, which no tool is granted wherever they lie: what is written there is believed. */
export function operatorFiles(
  environment: CommandEnvironment,
  config: OperatorConfig,
  audit: string | undefined,
): readonly (string | undefined)[] {
  const { file, key } = config.store
  const owner = [environment.user.name]
  const ofCredentials = [...config.credentials.values()].flatMap(({ source, users }) =>
    sourceFiles(source, users ?? owner),
  )
  return [
    ...(config.file === undefined ? [] : linksOf(config.file)),
    trailPath(environment, config, audit),
    trailPath(environment, config, undefined),
    file,
    ...(key?.kind === 'passphrase' ? sourceFiles(key.source, owner) : [key?.path]),
    ...ofCredentials,
    ...config.networks.map(({ ca }) => ca),
  ]
}

const LINKS_MAX = 40

/** The path, and where each link on the way from it leads: whoever replaces one replaces what it leads to. */
function linksOf(path: string): readonly string[] {
  const steps = [path]
  for (let last = path; steps.length < LINKS_MAX;) {
    const target = linkTarget(last)
    if (target === undefined) break
    last = resolve(real(dirname(last)), target)
    steps.push(last)
  }
  return steps
}

/** Undefined where it is no link. */
function linkTarget(path: string): string | undefined {
  try {
    const folder = nodeFileHost.openRoot(real(dirname(path)))
    try {
      return nodeFileHost.readLink(folder, basename(path))
    } finally {
      nodeFileHost.close(folder)
    }
  } catch {
    return undefined
  }
}

/**
 * The folder that path rules are relative to. What a definition names lies at or below the current directory and is
 * never `/` or the home directory; `--workspace` alone names another.
 */
export function workspaceFolder(environment: CommandEnvironment, named: string | undefined, defined: string): string {
  const folder = resolve(environment.currentFolder, named ?? defined)
  if (!isDirectory(folder)) {
    throw new RunAgentError(
      'E_DEFINITION',
      `couldn't open the workspace ${named ?? defined}: there is no such directory`,
      { hint: 'It is relative to the current folder; --workspace names another.' },
    )
  }
  if (named === undefined && !isWithin(real(environment.currentFolder), real(folder))) {
    throw new RunAgentError('E_DEFINITION', `the workspace ${defined} is a link that leads out of the current folder`, {
      hint: 'Name the folder with --workspace if that is meant.',
    })
  }
  if (named === undefined && [real('/'), real(homedir())].includes(real(folder))) {
    throw new RunAgentError('E_DEFINITION', `the workspace would be ${folder}, which holds more than any agent needs`, {
      hint: 'Run in a folder below it, or name it with --workspace.',
    })
  }
  return folder
}

function real(path: string): string {
  try {
    return nodeFileHost.realPath(path)
  } catch {
    return path
  }
}

function isWithin(folder: string, path: string): boolean {
  const way = relative(folder, path)
  return way !== '..' && !way.startsWith('../') && !isAbsolute(way)
}

/** With every link followed, as far as the path exists. */
function realFolder(path: string): string {
  try {
    return nodeFileHost.realPath(path)
  } catch {
    const above = dirname(path)
    return above === path ? path : join(realFolder(above), basename(path))
  }
}

/** What of the workspace belongs to the agent and what to run-agent itself; `kept` are files that the operator named. */
export function workspaceFiles(
  environment: CommandEnvironment,
  workspace: string,
  { folder, named }: Pick<DefinitionPlace, 'folder' | 'named'>,
  kept: readonly (string | undefined)[],
): WorkspaceFiles {
  // As written and with every link followed: a folder of the user's may be reached by either.
  const roots = [...new Set([workspace, realFolder(workspace)])]
  const inside = (paths: readonly string[]): readonly string[] => [
    ...new Set(
      roots.flatMap((root) =>
        paths
          .flatMap((path) => [path, realFolder(path)])
          .flatMap((path) => {
            // A workspace within such a folder is wholly its own: '' stands for all of it.
            if (isWithin(path, root)) return ['']
            return isWithin(root, path) ? [relative(root, path)] : []
          }),
      ),
    ),
  ]
  const { config, state, cache } = environment.folders
  const keptFiles = kept.flatMap((path) =>
    path === undefined ? [] : [path, `${path}-wal`, `${path}-shm`, `${path}-journal`],
  )
  return {
    ownFiles: (paths) =>
      inside(paths.flatMap((path) => [resolve(folder, path), resolve(named, path)])).filter((path) => path !== ''),
    neverGranted: inside([config, state, cache, ...keptFiles]),
  }
}
