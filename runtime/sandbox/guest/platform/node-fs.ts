/**
 * node:fs with callbacks and streams, over the guarded node:fs/promises. What would have to answer at once cannot:
 * every operation is a request that somebody decides and records.
 */
import { Buffer } from 'node:buffer'
import promises from 'node:fs/promises'
import { Dir, Dirent, Stats } from '../fs-entries.ts'
import { fsConstants } from '../fs-constants.ts'
import { FdTable } from './node-fs-descriptors.ts'
import { ReadStream, WriteStream } from './node-fs-streams.ts'
import { refused, wrongType } from './node-refused.ts'

type Call = (...args: unknown[]) => unknown
type Done = (error: unknown, ...values: unknown[]) => void

const CALLBACKS =
  'access appendFile chmod chown copyFile cp lchmod lchown link lstat lutimes mkdir mkdtemp opendir readdir readFile ' +
  'readlink realpath rename rm rmdir stat statfs symlink truncate unlink utimes writeFile glob'
const SYNC =
  'access appendFile chmod chown close copyFile cp exists fchmod fchown fdatasync fstat fsync ftruncate futimes glob ' +
  'lchmod lchown link lstat lutimes mkdir mkdtemp open opendir read readdir readFile readlink readv realpath rename ' +
  'rm rmdir stat statfs symlink truncate unlink utimes write writeFile writev'

/** The last argument, which must be a function. What it throws is nobody's answer, as in Node. */
function withCallback(act: Call): Call {
  return (...args) => {
    const done = args.pop()
    if (typeof done !== 'function') throw wrongType('cb', 'of type function', done)
    const call = done as Done
    void (async () => await act(...args))().then(
      (value) => queueMicrotask(() => (value === undefined ? call(null) : call(null, value))),
      (error: unknown) => queueMicrotask(() => call(error)),
    )
  }
}

/** Callbacks that get more than one value (`read`, `write`) say which. */
function withCallbackOf(act: Call, names: readonly string[]): Call {
  return (...args) => {
    const done = args.pop()
    if (typeof done !== 'function') throw wrongType('cb', 'of type function', done)
    const spread: Done = (error, result) =>
      error === null
        ? (done as Done)(null, ...names.map((name) => Reflect.get(Object(result), name)))
        : (done as Done)(error)
    withCallback(act)(...args, spread)
  }
}

const files = new FdTable()
const promised = (name: string): Call => Reflect.get(promises, name) as Call

const callbacks = Object.fromEntries(CALLBACKS.split(' ').map((name) => [name, withCallback(promised(name))]))
/** What of node:fs/promises does the same. */
const insteadOf = (name: string): string =>
  name === 'exists' ? 'access' : Object.hasOwn(promises, name) ? name : 'a FileHandle'

const sync = Object.fromEntries(
  SYNC.split(' ').map((name) => [
    `${name}Sync`,
    refused(`fs.${name}Sync`, `it is a request that is decided first; await ${insteadOf(name)} of node:fs/promises`),
  ]),
)

const exists = (path: unknown, done: (found: boolean) => void): void => {
  void promises.access(path as string).then(
    () => done(true),
    () => done(false),
  )
}

export const fs = {
  ...callbacks,
  ...sync,
  exists,
  open: withCallback((path, flags) => files.open(path, flags)),
  close: withCallback((fd) => files.close(fd)),
  read: withCallbackOf((fd, ...rest) => files.read(fd, rest), ['bytesRead', 'buffer']),
  write: withCallbackOf((fd, ...rest) => files.write(fd, rest), ['bytesWritten', 'buffer']),
  fstat: withCallback((fd) => files.of(fd).stat()),
  fsync: withCallback((fd) => files.of(fd).sync()),
  fdatasync: withCallback((fd) => files.of(fd).sync()),
  createReadStream: (path: unknown, options?: object) => new ReadStream(path, options),
  createWriteStream: (path: unknown, options?: object) => new WriteStream(path, options),
  ReadStream,
  WriteStream,
  FileReadStream: ReadStream,
  FileWriteStream: WriteStream,
  Stats,
  Dirent,
  Dir,
  watch: refused('fs.watch', 'a call ends, so it has nothing to wait for'),
  watchFile: refused('fs.watchFile', 'a call ends, so it has nothing to wait for'),
  unwatchFile: () => undefined,
  openAsBlob: async (path: string) => new Blob([new Uint8Array(Buffer.from(await promises.readFile(path)))]),
  promises,
  constants: fsConstants,
  F_OK: fsConstants.F_OK,
  R_OK: fsConstants.R_OK,
  W_OK: fsConstants.W_OK,
  X_OK: fsConstants.X_OK,
}

// `promisify(fs.exists)` gives the answer itself, and that of `read` and `write` an object (Node's own contract).
const custom = Symbol.for('nodejs.util.promisify.custom')
Object.defineProperty(exists, custom, {
  value: (path: unknown) => new Promise<boolean>((resolve) => exists(path, resolve)),
})
Object.defineProperty(fs.read, custom, { value: (fd: unknown, ...rest: unknown[]) => files.read(fd, rest) })
Object.defineProperty(fs.write, custom, { value: (fd: unknown, ...rest: unknown[]) => files.write(fd, rest) })
const realpath: object = Reflect.get(fs, 'realpath')
Object.assign(realpath, { native: realpath })
