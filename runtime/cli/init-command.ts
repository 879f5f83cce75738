/** `run-agent init`: a first agent with a first tool and its test, as copies of files that come with run-agent. */
import { dirname, join, relative, resolve } from 'node:path'
import { createWalker, type Walker } from '../broker/walker.ts'
import { codeOf, RunAgentError } from '../errors.ts'
import { nodeFileHost } from '../node-files.ts'
import { isDirectory } from '../node-folders.ts'
import { printable } from '../printable.ts'
import { readEnvironment } from './environment.ts'
import { EXIT } from './exit-codes.ts'

export interface InitArguments {
  /** Default: the current one. */
  readonly directory: string | undefined
}

/** The same paths in the installation and in the new folder. */
const FILES = [
  'agents/hello.yaml',
  'agents/hello.script.ts',
  'agents/tools/count_words.ts',
  'agents/tools/count_words.test.mjs',
] as const

const FILE_BYTES_MAX = 64 * 1024

/** Overwrites nothing: where one of the files is there already, none is written. */
export async function initCommand(args: InitArguments): Promise<number> {
  const environment = readEnvironment()
  const folder = resolve(environment.currentFolder, args.directory ?? '.')
  if (!isDirectory(folder)) makeFolder(folder)
  using from = createWalker(nodeFileHost, environment.installation.root)
  using to = createWalker(nodeFileHost, folder)
  const taken = FILES.filter((path) => isThere(to, path))
  if (taken.length > 0) {
    throw new RunAgentError('E_USAGE', `nothing was written: ${taken.join(', ')} is there already in ${folder}`, {
      hint: 'Move it away, or name another folder: run-agent init DIRECTORY.',
    })
  }
  for (const path of FILES) write(to, path, from.readConfined(path, FILE_BYTES_MAX))
  const way = relative(environment.currentFolder, folder)
  const lines = [
    ...FILES.map((path) => `wrote ${printable(way === '' ? path : `${way}/${path}`)}`),
    ...nextCommands(way, folder, environment.installation.root),
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
  return EXIT.completed
}

function nextCommands(way: string, folder: string, root: string): readonly string[] {
  const isInstalled = isInstalledFor(folder)
  const program = isInstalled ? 'npx run-agent' : `node ${quoted(`${root}/runtime/bin.js`)}`
  const missing = isInstalled
    ? []
    : ['', 'run-agent is not installed in that folder, and its test needs it: npm install it there first.']
  return [
    ...missing,
    '',
    'next:',
    ...(way === '' ? [] : [`  cd ${quoted(way)}`]),
    `  ${program} check agents/hello.yaml`,
    `  ${program} agents/hello.yaml --trust`,
    '  node --test agents/tools/count_words.test.mjs',
  ]
}

/** For a shell, and for the eye. */
function quoted(path: string): string {
  const shown = printable(path)
  return /^[\w./@+-]+$/.test(shown) && !shown.startsWith('-') ? shown : `'${shown.replaceAll("'", `'\\''`)}'`
}

/** As an import from a file there would find it. */
function isInstalledFor(folder: string): boolean {
  try {
    nodeFileHost.realPath(join(folder, 'node_modules/run-agent/package.json'))
    return true
  } catch {
    return folder !== dirname(folder) && isInstalledFor(dirname(folder))
  }
}

function makeFolder(folder: string): void {
  try {
    using walker = createWalker(nodeFileHost, '/')
    walker.walk(join(folder, 'agents').slice(1), { followLast: false, createDirectories: true })[Symbol.dispose]()
  } catch (error) {
    throw new RunAgentError('E_USAGE', `couldn't make the folder ${folder}: ${codeOf(error) ?? 'unknown error'}`)
  }
}

function isThere(walker: Walker, path: string): boolean {
  try {
    using place = walker.walk(path, { followLast: false })
    walker.files.statEntry(place.directory, place.name)
    return true
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw cannotWrite(path, error)
  }
}

/** In a folder that somebody else made, `agents` may be a link to anywhere: the walker stays inside. */
function write(walker: Walker, path: string, bytes: Uint8Array): void {
  const { files } = walker
  try {
    using place = walker.walk(path, { followLast: false, createDirectories: true })
    const handle = files.createForWrite(place.directory, place.name, NEW_FILE_MODE)
    try {
      files.write(handle, bytes)
    } finally {
      files.close(handle)
    }
  } catch (error) {
    throw cannotWrite(path, error)
  }
}

const NEW_FILE_MODE = 0o666

function cannotWrite(path: string, error: unknown): RunAgentError {
  const reasons: Readonly<Record<string, string>> = {
    E_OUTSIDE: 'a link leads out of the folder',
    ENOTDIR: 'a part of the path is not a folder',
    EACCES: 'this user may not write there',
    EROFS: 'the file system is read-only',
    EEXIST: 'it is there already',
  }
  const code = codeOf(error) ?? 'unknown error'
  return new RunAgentError('E_USAGE', `couldn't write ${path}: ${reasons[code] ?? code}`)
}
