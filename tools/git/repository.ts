/**
 * A repository as the tools see it: refs and commits through isomorphic-git, objects through our own store. Only
 * HEAD, packed-refs, shallow, refs and objects are ever read; the configuration is not.
 */
import { readdir, readFile } from 'node:fs/promises'
import git from 'isomorphic-git'
import type { PromiseFsClient, ReadCommitResult } from 'isomorphic-git'
import type { HostCalls } from './blocks.ts'
import { ObjectStore, unlessMissing } from './objects.ts'

const GITDIR = '.git'

const NOT_A_REPOSITORY =
  'not a git repository: the workspace has no .git/HEAD; ' +
  'run at the top folder of the repository, or name it with --workspace'

export interface Repository {
  readonly objects: ObjectStore
  readonly calls: HostCalls
  /** The oid that a full ref name, a branch, a tag or HEAD stands for; undefined if there is none. */
  resolveRef(name: string): Promise<string | undefined>
  /** Every object whose name starts so; at least four hex digits. */
  expand(prefix: string): Promise<string[]>
  /** The commit, through any tags; a shallow clone's boundary has no parents. */
  commit(oid: string): Promise<ReadCommitResult>
  log(oid: string, limit: number): Promise<ReadCommitResult[]>
  mergeBase(left: string, right: string): Promise<string | undefined>
  /** Commits whose parents a shallow clone left out. */
  readonly shallow: ReadonlySet<string>
  /** What HEAD points at, such as `refs/heads/main`; undefined when it is detached. */
  readonly branch: string | undefined
}

/** Opens the repository of the workspace, hands it over, and closes its files. */
export async function withRepository<Result>(use: (repository: Repository) => Promise<Result>): Promise<Result> {
  const calls: HostCalls = { count: 0 }
  const objects = new ObjectStore(GITDIR, calls)
  try {
    return await use(await openRepository(objects, calls))
  } finally {
    await objects.close()
  }
}

async function openRepository(objects: ObjectStore, calls: HostCalls): Promise<Repository> {
  const files = new RefFiles(calls)
  const head = (await files.read('HEAD'))?.trim()
  if (head === undefined || head === '') throw new Error(NOT_A_REPOSITORY)
  if (head === 'ref: refs/heads/.invalid') throw new Error('repositories with reftable refs are not supported yet')
  const shallow = new Set(((await files.read('shallow')) ?? '').split('\n').filter((line) => line !== ''))
  const fs = gitFs(files, objects)
  const cache = {}
  const at = { fs, gitdir: GITDIR, cache }
  return {
    objects,
    calls,
    shallow,
    branch: head.startsWith('ref: ') ? head.slice('ref: '.length) : undefined,
    resolveRef: (name) => orUndefined(git.resolveRef({ fs, gitdir: GITDIR, ref: name })),
    async expand(prefix) {
      const names = await objects.namesUnder(prefix.slice(0, 2))
      return names.map((rest) => `${prefix.slice(0, 2)}${rest}`).filter((oid) => oid.startsWith(prefix))
    },
    async commit(oid) {
      const read = await git.readCommit({ ...at, oid })
      return shallow.has(read.oid) ? { ...read, commit: { ...read.commit, parent: [] } } : read
    },
    log: (oid, limit) => git.log({ ...at, ref: oid, depth: limit }),
    async mergeBase(left, right) {
      const bases: string[] = await git.findMergeBase({ ...at, oids: [left, right] })
      return bases[0]
    },
  }
}

async function orUndefined<Value>(asked: Promise<Value>): Promise<Value | undefined> {
  try {
    return await asked
  } catch (thrown) {
    if (thrown instanceof Error && thrown.name === 'NotFoundError') return undefined
    throw thrown
  }
}

/** The small text files of a repository, each read once. */
class RefFiles {
  readonly #calls: HostCalls
  readonly #texts = new Map<string, Promise<string | undefined>>()

  constructor(calls: HostCalls) {
    this.#calls = calls
  }

  /** `path` is relative to the git folder; undefined where there is none, or where none may be read. */
  read(path: string): Promise<string | undefined> {
    if (!isRefFile(path)) return Promise.resolve(undefined)
    const known = this.#texts.get(path)
    if (known !== undefined) return known
    const text = this.#load(path)
    this.#texts.set(path, text)
    return text
  }

  async list(path: string): Promise<string[]> {
    if (path !== 'refs' && !isRefFile(path)) return []
    this.#calls.count += 1
    return (await unlessMissing(readdir(`${GITDIR}/${path}`))) ?? []
  }

  async #load(path: string): Promise<string | undefined> {
    this.#calls.count += 1
    try {
      const text = await unlessMissing(readFile(`${GITDIR}/${path}`, 'utf8'))
      if (text !== undefined && /^[0-9a-f]{64}\b/m.test(text)) {
        throw new Error('repositories with SHA-256 object names are not supported yet')
      }
      return text
    } catch (thrown) {
      // A folder of branches may bear the name that is asked for.
      if (thrown instanceof Error && 'code' in thrown && thrown.code === 'EISDIR') return undefined
      throw thrown
    }
  }
}

function isRefFile(path: string): boolean {
  if (path === 'HEAD' || path === 'packed-refs' || path === 'shallow') return true
  // What git itself refuses in the name of a ref, and so what could lead out of the folder.
  return path.startsWith('refs/') && !/(^|\/)\.|\.\.|\/\/|\/$|[\0-\x20~^:?*[\\\x7f]/.test(path)
}

function coded(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code })
}

/**
 * What isomorphic-git reads a repository through. It would load whole packs, so it sees none: each object looks
 * loose to it, made on the spot from wherever it is.
 */
function gitFs(files: RefFiles, objects: ObjectStore): PromiseFsClient {
  const readOnly = async (path: string): Promise<never> => {
    throw coded('EROFS', path)
  }
  const missing = async (path: string): Promise<never> => {
    throw coded('ENOENT', path)
  }
  const folder = { isDirectory: () => true, isFile: () => false, isSymbolicLink: () => false }
  const promises = {
    async readFile(path: string | undefined, options?: string | { readonly encoding?: string }) {
      // isomorphic-git calls without a path to see whether this returns a promise.
      const inside = path?.startsWith(`${GITDIR}/`) === true ? path.slice(GITDIR.length + 1) : ''
      const object = /^objects\/([0-9a-f]{2})\/([0-9a-f]{38})$/.exec(inside)
      const content =
        object === null ? await files.read(inside) : await objects.looseFile(`${object[1] ?? ''}${object[2] ?? ''}`)
      if (content === undefined) throw coded('ENOENT', path ?? '')
      const wantsText = options !== undefined && (typeof options === 'string' || options.encoding !== undefined)
      return wantsText || typeof content !== 'string' ? content : Buffer.from(content)
    },
    async readdir(path: string) {
      const inside = path.slice(GITDIR.length + 1)
      const prefix = /^objects\/([0-9a-f]{2})$/.exec(inside)?.[1]
      if (prefix !== undefined) return objects.namesUnder(prefix)
      return inside.startsWith('objects') ? [] : files.list(inside)
    },
    stat: async (path: string) => (path === GITDIR ? folder : missing(path)),
    lstat: async (path: string) => (path === GITDIR ? folder : missing(path)),
    readlink: missing,
    writeFile: readOnly,
    mkdir: readOnly,
    rmdir: readOnly,
    rm: readOnly,
    unlink: readOnly,
    symlink: readOnly,
    chmod: readOnly,
  }
  return { promises }
}
