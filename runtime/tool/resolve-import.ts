/**
 * What an import means: Node's and the bundlers' rules, over trees that nothing leaves. It reads only names with
 * an extension of a source file, so that no other file can be embedded by whatever route an import takes.
 */

import { isBuiltin } from 'node:module'
import { dirname, join } from 'node:path/posix'
import { PATH_BYTES_MAX } from '../limits.ts'
import { packageTarget } from './package-exports.ts'
import { parsePackageJson } from './package-json.ts'
import type { PackageJson } from './package-json.ts'
import type { SourceLedger } from './source-ledger.ts'
import type { Place } from './source-tree.ts'

export type ImportKind = 'import' | 'require'

export type Resolution =
  | { readonly type: 'file'; readonly place: Place }
  /** Stays outside the bundle: the sandbox provides it. */
  | { readonly type: 'guest'; readonly name: string }
  /** A package says that this module is nothing outside Node. */
  | { readonly type: 'empty' }
  | { readonly type: 'missing'; readonly message: string; readonly hint?: string }
  | { readonly type: 'refused'; readonly message: string; readonly hint?: string }

export interface PackageAt {
  readonly name: string
  readonly version: string
  /** Where its package.json lies; the definition's folder is a package without a name. */
  readonly root: Place
  readonly json: PackageJson
}

const EXTENSIONS = ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs', '.json']
/** TypeScript's habit of importing a file by the name that it would have after compiling. */
const WRITTEN_AS = new Map([
  ['.js', '.ts'],
  ['.mjs', '.mts'],
  ['.cjs', '.cts'],
])
// oxlint-disable-next-line no-control-regex
const UNSPEAKABLE = /[\0-\x1f\\]/
const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*:/
const PACKAGE_NAME = /^(?:@[A-Za-z0-9~-][\w.~-]*\/)?[A-Za-z0-9~-][\w.~-]*$/
const CONDITIONS: Readonly<Record<ImportKind, ReadonlySet<string>>> = {
  import: new Set(['import', 'module', 'browser']),
  require: new Set(['require', 'module', 'browser']),
}

function isSourceFile(path: string): boolean {
  return EXTENSIONS.some((extension) => path.endsWith(extension))
}

/** `guestModules` are Node builtins that the sandbox has, without `node:`. */
export class ImportResolver {
  readonly #ledger: SourceLedger
  readonly #guestModules: ReadonlySet<string>
  readonly #standIns: ReadonlyMap<string, string>
  readonly #packages = new Map<string, PackageAt | undefined>()

  /** `standIns`: files of the definition's folder that packages get in the place of what they import. */
  constructor(ledger: SourceLedger, guestModules: ReadonlySet<string>, standIns: ReadonlyMap<string, string>) {
    this.#ledger = ledger
    this.#guestModules = guestModules
    this.#standIns = standIns
  }

  resolve(specifier: string, from: Place, kind: ImportKind): Resolution {
    if (specifier === 'run-agent') return { type: 'guest', name: 'run-agent' }
    if (specifier.length > PATH_BYTES_MAX || UNSPEAKABLE.test(specifier)) {
      return { type: 'refused', message: 'this is no name of a module' }
    }
    if (specifier.startsWith('run-agent/')) return notFound(specifier)
    if (specifier.startsWith('/')) return outside(specifier)
    if (specifier.startsWith('#')) return this.#resolvePrivate(specifier, from, kind)
    if (/^\.{1,2}(?:\/|$)/.test(specifier)) return this.#resolveRelative(specifier, from)
    return this.#resolveBare(specifier, from, kind)
  }

  #packageAt(tree: Place['tree'], folder: string, name: string): PackageAt | undefined {
    const key = `${tree} ${folder}`
    if (this.#packages.has(key)) return this.#packages.get(key)
    const read = this.#ledger.read({ tree, path: join(folder, 'package.json') })
    const json = read.type === 'file' ? parsePackageJson(read.bytes) : undefined
    const found =
      read.type === 'file' && json !== undefined
        ? { name, version: json.version, root: { tree, path: folderOf(read.path) }, json }
        : undefined
    this.#packages.set(key, found)
    return found
  }

  /** The package that a file belongs to; undefined for a file of the definition. */
  packageOf(place: Place): PackageAt | undefined {
    if (place.tree === 'definition') return undefined
    const folder = packageFolderOf(place.path)
    return this.#packageAt(place.tree, folder, nameOf(folder))
  }

  /** The package that node_modules folders offer under this name, nearest first. */
  #findPackage(name: string, from: Place): PackageAt | undefined {
    let outermost = 0
    if (from.tree !== 'definition') {
      for (let folder = folderOf(from.path); folder !== ''; folder = folderOf(folder)) {
        if (folder.endsWith('node_modules')) continue
        const nested = this.#packageAt(from.tree, `${folder}/node_modules/${name}`, name)
        if (nested !== undefined) return nested
      }
      outermost = from.tree
    }
    for (let tree = outermost; tree < this.#ledger.packageTrees; tree++) {
      const found = this.#packageAt(tree, name, name)
      if (found !== undefined) return found
    }
    return undefined
  }

  #refusalOf(name: string): string | undefined {
    for (let tree = 0; tree < this.#ledger.packageTrees; tree++) {
      const read = this.#ledger.read({ tree, path: `${name}/package.json` })
      if (read.type === 'refused') return read.reason
    }
    return undefined
  }

  /** A name as written, or as some map gave it: with an extension left out, or naming a folder. */
  #probe(tree: Place['tree'], path: string, written: string, followMain = true): Resolution {
    const candidates: string[] = []
    if (path !== '' && isSourceFile(path)) candidates.push(path)
    for (const [from, to] of WRITTEN_AS) {
      if (path.endsWith(from)) candidates.push(path.slice(0, -from.length) + to)
    }
    if (path !== '') candidates.push(...EXTENSIONS.map((extension) => path + extension))
    const file = this.#firstOf(tree, candidates)
    if (file !== undefined) return file
    const main = followMain && tree !== 'definition' && path !== '' ? this.#mainOf(tree, path) : undefined
    if (main !== undefined) return main
    return (
      this.#firstOf(
        tree,
        EXTENSIONS.map((extension) => join(path, `index${extension}`)),
      ) ?? notFound(written)
    )
  }

  #mainOf(tree: Place['tree'], folder: string): Resolution | undefined {
    const read = this.#ledger.read({ tree, path: `${folder}/package.json` })
    const json = read.type === 'file' ? parsePackageJson(read.bytes) : undefined
    const main = json?.module ?? json?.main
    const path = main === undefined ? undefined : inside(folder, main)
    return path === undefined || path === folder ? undefined : this.#probe(tree, path, path, false)
  }

  #firstOf(tree: Place['tree'], paths: readonly string[]): Resolution | undefined {
    for (const path of paths) {
      if (tree === 'definition' && isHidden(path)) return refusedHidden(path)
      const read = this.#ledger.read({ tree, path })
      if (read.type === 'refused') return { type: 'refused', message: `${path} may not be read: ${read.reason}` }
      if (read.type === 'absent') continue
      // A link may give a file of another kind a source file's name, or the other way round.
      if (!isSourceFile(read.path)) return { type: 'refused', message: `${path} may not be read: it is no source file` }
      if (tree === 'definition' && isHidden(read.path)) return refusedHidden(path)
      return { type: 'file', place: { tree, path: read.path } }
    }
    return undefined
  }

  /** What the importing package puts in the place of a file or a specifier outside Node. */
  #replaced(owner: PackageAt | undefined, keys: readonly string[]): string | false | undefined {
    const browser = owner?.json.browser
    if (browser === undefined || typeof browser === 'string') return undefined
    for (const key of keys) {
      const found = browser.get(key)
      if (found !== undefined) return found
    }
    return undefined
  }

  #withReplacement(resolution: Resolution, owner: PackageAt | undefined): Resolution {
    if (owner === undefined || resolution.type !== 'file') return resolution
    const root = owner.root.path
    if (resolution.place.tree !== owner.root.tree || !resolution.place.path.startsWith(`${root}/`)) return resolution
    const file = `.${resolution.place.path.slice(root.length)}`
    const bare = file.slice(2)
    const replacement = this.#replaced(owner, [file, bare, withoutExtension(file), withoutExtension(bare)])
    if (replacement === undefined) return resolution
    if (replacement === false) return { type: 'empty' }
    const path = inside(root, replacement)
    return path === undefined ? outside(replacement) : this.#probe(owner.root.tree, path, replacement)
  }

  #resolveRelative(specifier: string, from: Place): Resolution {
    const path = inside(folderOf(from.path), specifier)
    if (path === undefined) return outside(specifier)
    return this.#withReplacement(this.#probe(from.tree, path, specifier), this.packageOf(from))
  }

  #resolveInPackage(found: PackageAt, subpath: string, kind: ImportKind, specifier: string): Resolution {
    const { json, root } = found
    if (json.exports !== undefined && json.exports !== null) {
      const target = packageTarget(json.exports, subpath === '' ? '.' : `.${subpath}`, CONDITIONS[kind])
      if (target === undefined) {
        return { type: 'missing', message: `the package ${found.name} does not export ${specifier}` }
      }
      return this.#exactTarget(root, target, specifier)
    }
    if (subpath !== '') {
      const path = inside(root.path, subpath.slice(1))
      return path === undefined || !isBelow(root.path, path)
        ? outside(specifier)
        : this.#withReplacement(this.#probe(root.tree, path, specifier), found)
    }
    const browser = typeof json.browser === 'string' ? json.browser : undefined
    const fields = kind === 'import' ? [browser, json.module, json.main] : [browser, json.main, json.module]
    const main = fields.find((field) => field !== undefined && field !== '') ?? 'index'
    const path = inside(root.path, main)
    if (path === undefined || (path !== root.path && !isBelow(root.path, path))) {
      return outside(`${specifier} (${main})`)
    }
    return this.#withReplacement(
      this.#probe(root.tree, path === root.path ? join(path, 'index') : path, specifier),
      found,
    )
  }

  #exactTarget(root: Place, target: string, specifier: string): Resolution {
    const path = target.startsWith('./') ? inside(root.path, target) : undefined
    if (path === undefined || !isBelow(root.path, path)) return outside(`${specifier} (${target})`)
    if (!isSourceFile(path)) return notSource(specifier)
    return this.#firstOf(root.tree, [path]) ?? notFound(specifier)
  }

  #resolvePrivate(specifier: string, from: Place, kind: ImportKind): Resolution {
    const owner = this.packageOf(from) ?? this.#packageAt('definition', '', '')
    const target = packageTarget(owner?.json.imports, specifier, CONDITIONS[kind])
    if (owner === undefined || target === undefined) return notFound(specifier)
    if (target.startsWith('./')) return this.#withReplacement(this.#exactTarget(owner.root, target, specifier), owner)
    return target.startsWith('#') ? notFound(specifier) : this.#resolveBare(target, from, kind)
  }

  #resolveBare(specifier: string, from: Place, kind: ImportKind): Resolution {
    if (SCHEME.test(specifier) && !specifier.startsWith('node:')) return refusedScheme(specifier)
    const owner = this.packageOf(from)
    const replacement = this.#replaced(owner, [specifier])
    if (replacement === false) return { type: 'empty' }
    if (replacement !== undefined && owner !== undefined && replacement !== specifier) {
      const path = inside(owner.root.path, replacement)
      if (replacement.startsWith('.')) {
        return path === undefined ? outside(replacement) : this.#probe(owner.root.tree, path, replacement)
      }
      return this.#resolvePackage(replacement, from, kind)
    }
    return this.#resolvePackage(specifier, from, kind)
  }

  #resolvePackage(specifier: string, from: Place, kind: ImportKind): Resolution {
    const standIn = from.tree === 'definition' ? undefined : this.#standIns.get(specifier)
    if (standIn !== undefined) return this.#probe('definition', standIn, specifier)
    const builtin = specifier.startsWith('node:') ? specifier.slice('node:'.length) : specifier
    if (isBuiltin(specifier) && this.#guestModules.has(builtin)) return { type: 'guest', name: `node:${builtin}` }
    // The package of this name stands in for the builtin elsewhere, and makes a timer of each `nextTick`: a request.
    if (specifier === 'process/' && this.#guestModules.has('process')) return { type: 'guest', name: 'node:process' }
    const { name, subpath } = splitSpecifier(specifier)
    // `buffer/` is the habit of naming the package where Node has a builtin of the same name.
    const found = PACKAGE_NAME.test(name) ? this.#findPackage(name, from) : undefined
    if (found !== undefined) return this.#resolveInPackage(found, subpath === '/' ? '' : subpath, kind, specifier)
    if (isBuiltin(specifier) || specifier.startsWith('node:')) return noCounterpart(builtin, this.#guestModules)
    if (!PACKAGE_NAME.test(name)) return { type: 'refused', message: `'${specifier}' is no name of a package` }
    const reason = this.#refusalOf(name)
    if (reason !== undefined) return { type: 'refused', message: `the package ${name} may not be read: ${reason}` }
    return {
      type: 'missing',
      message: `the package ${name} is not installed beside the definition or above it`,
      hint: `Install it: npm install ${name}`,
    }
  }

  /** A name for the file that says nothing of where its tree lies, and that no other file of the bundle has. */
  virtualName(place: Place): { readonly namespace: 'tool' | 'npm'; readonly path: string } {
    if (place.tree === 'definition') return { namespace: 'tool', path: place.path }
    const folder = packageFolderOf(place.path)
    const owner = this.packageOf(place)
    const parents = folder.slice(0, folder.length - nameOf(folder).length).replaceAll('/node_modules/', '>')
    const shadowed = parents === '' && this.#isShadowed(place.tree, folder) ? `^${place.tree}>` : ''
    const rest = place.path.slice(folder.length)
    return { namespace: 'npm', path: `${shadowed}${parents}${nameOf(folder)}@${owner?.version ?? '0.0.0'}${rest}` }
  }

  /** True if a nearer node_modules folder has a package of this name too, so that both may be in the bundle. */
  #isShadowed(tree: number, name: string): boolean {
    for (let nearer = 0; nearer < tree; nearer++) {
      if (this.#packageAt(nearer, name, name) !== undefined) return true
    }
    return false
  }
}

/** The normalised path below the tree's root, or undefined if it leaves it. */
function inside(folder: string, relative: string): string | undefined {
  if (relative.startsWith('/') || relative.length > PATH_BYTES_MAX || UNSPEAKABLE.test(relative)) return undefined
  const path = join(folder, relative).replace(/\/$/, '')
  if (path === '..' || path.startsWith('../')) return undefined
  return path === '.' ? '' : path
}

/** Tools' settings and credentials lie in hidden folders, some of them as .json files. */
function isHidden(path: string): boolean {
  return path.split('/').some((segment) => segment.startsWith('.'))
}

function refusedHidden(path: string): Resolution {
  return { type: 'refused', message: `${path} may not be read: a hidden file or folder is no source` }
}

function folderOf(path: string): string {
  const folder = dirname(path)
  return folder === '.' ? '' : folder
}

/** `a/node_modules/@b/c/dist/x.js` lies in the package `a/node_modules/@b/c`. */
function packageFolderOf(path: string): string {
  const nested = path.lastIndexOf('/node_modules/')
  const start = nested === -1 ? 0 : nested + '/node_modules/'.length
  const segments = path.slice(start).split('/')
  return path.slice(0, start) + segments.slice(0, path[start] === '@' ? 2 : 1).join('/')
}

function nameOf(folder: string): string {
  const nested = folder.lastIndexOf('/node_modules/')
  return nested === -1 ? folder : folder.slice(nested + '/node_modules/'.length)
}

function splitSpecifier(specifier: string): { readonly name: string; readonly subpath: string } {
  const first = specifier.indexOf('/')
  const end = specifier.startsWith('@') && first !== -1 ? specifier.indexOf('/', first + 1) : first
  return end === -1
    ? { name: specifier, subpath: '' }
    : { name: specifier.slice(0, end), subpath: specifier.slice(end) }
}

function withoutExtension(path: string): string {
  return path.replace(/\.[a-z]+$/, '')
}

function notFound(specifier: string): Resolution {
  const dot = specifier.lastIndexOf('.')
  const hasOtherExtension = dot > specifier.lastIndexOf('/') + 1 && !isSourceFile(specifier)
  return hasOtherExtension ? notSource(specifier) : { type: 'missing', message: `there is no module ${specifier}` }
}

function notSource(specifier: string): Resolution {
  return {
    type: 'missing',
    message: `there is no module ${specifier}: only .ts, .js and .json files are bundled`,
    hint: 'Read other files when the tool runs, with node:fs/promises and a read rule, or write them as a .ts file.',
  }
}

function outside(specifier: string): Resolution {
  return {
    type: 'refused',
    message: `${specifier} lies outside the folder that this module may import from`,
    hint: "A tool may import files of its definition's folder and packages from node_modules.",
  }
}

function refusedScheme(specifier: string): Resolution {
  const scheme = specifier.slice(0, specifier.indexOf(':') + 1)
  return { type: 'refused', message: `a tool cannot import a ${scheme} URL` }
}

/** What a tool does instead, by the builtin that it asked for. */
const INSTEAD: ReadonlyMap<string, string> = new Map([
  ...'http https http2 net tls dgram dns dns/promises'.split(' ').map((name) => [name, 'Use fetch. '] as const),
  ...'child_process cluster'.split(' ').map((name) => [name, 'A tool starts no process. '] as const),
])

function noCounterpart(builtin: string, guestModules: ReadonlySet<string>): Resolution {
  const known = [...guestModules].toSorted().map((name) => `node:${name}`)
  return {
    type: 'missing',
    message: `the Node builtin node:${builtin} has no counterpart in the sandbox`,
    hint: `${INSTEAD.get(builtin) ?? ''}A tool may import ${known.length === 0 ? 'no builtin' : known.join(', ')}.`,
  }
}

/** Whether a path lies in a folder of its tree; the tree's own root is the empty path. */
function isBelow(folder: string, path: string): boolean {
  return folder === '' ? path !== '' : path.startsWith(`${folder}/`)
}
