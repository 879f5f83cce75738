/**
 * One tool file and all that it imports, as one script. esbuild is a confused deputy: it follows whatever a source
 * names. So one plugin answers every question that it asks, and every byte comes from trees that nothing leaves.
 *
 * The output holds no trace of where the files lie, so that the same sources give the same bytes anywhere.
 */

import { resolve } from 'node:path'
import type {
  BuildOptions,
  Loader,
  Message,
  OnLoadArgs,
  OnLoadResult,
  OnResolveArgs,
  OnResolveResult,
  PartialMessage,
} from 'esbuild'
import type * as Esbuild from 'esbuild'
import { messageOf, ProblemsError, RunAgentError } from '../errors.ts'
import { BUNDLE_BYTES_MAX, BUNDLE_MODULES_MAX, BUNDLE_TIME_MS } from '../limits.ts'
import type { Clock } from '../ports.ts'
import { problemsOf } from './bundle-problems.ts'
import { findSuspect, neutraliseComputedImports } from './computed-imports.ts'
import { withEsbuild } from './esbuild-process.ts'
import { ImportResolver } from './resolve-import.ts'
import type { ImportKind, Resolution } from './resolve-import.ts'
import { createSourceLedger, sha256 } from './source-ledger.ts'
import type { BundleInput, SourceLedger } from './source-ledger.ts'
import type { Place, Sources } from './source-tree.ts'

export interface BundleOptions {
  /** Node builtins that the sandbox has, without `node:`; they stay outside the bundle, as `run-agent` does. */
  readonly guestModules: ReadonlySet<string>
  readonly clock: Clock
  /**
   * For what comes with run-agent: its packages are those that the host itself runs, so they are not searched for
   * computed imports, which takes longer than all else.
   */
  readonly isInstallation?: boolean
  /** Of the guest platform alone: what its packages import, by specifier, and the file that they get instead. */
  readonly standIns?: ReadonlyMap<string, string>
  /** Put before the definition's paths in problems, e.g. `agents/`; never part of the bundle. */
  readonly displayFolder?: string
}

export interface Bundle {
  /** A CommonJS script. */
  readonly code: string
  /** SHA-256 of the code in hex. */
  readonly hash: string
  /** Every path that was looked at, with what was found: the same answers give the same bundle. */
  readonly inputs: readonly BundleInput[]
  /** What it requires of the sandbox, e.g. `node:fs/promises`. */
  readonly builtins: readonly string[]
  /** Files of the definition's folder that it holds as data, by their paths there. */
  readonly data: readonly string[]
  readonly packages: readonly { readonly name: string; readonly version: string }[]
}

const LOADERS = new Map<string, Loader>([
  ['ts', 'ts'],
  ['mts', 'ts'],
  ['cts', 'ts'],
  ['js', 'js'],
  ['mjs', 'js'],
  ['cjs', 'js'],
  ['json', 'json'],
])
const SMALLER = 'Import less: the function that is needed rather than the whole package; read data with readFile.'
const ENTRY = 'entry'
/** The definition's folder itself: what an entry is relative to. */
const DEFINITION: Place = { tree: 'definition', path: 'definition' }

const BUILD_OPTIONS = {
  entryPoints: [ENTRY],
  bundle: true,
  write: false,
  format: 'cjs',
  platform: 'neutral',
  target: 'es2024',
  // Nothing is read or written there: the plugin answers before esbuild looks at a disk.
  absWorkingDir: resolve('/'),
  outfile: resolve('/bundle.cjs'),
  tsconfigRaw: {},
  legalComments: 'none',
  charset: 'utf8',
  sourcemap: false,
  treeShaking: true,
  logLevel: 'silent',
  logLimit: 0,
  define: { 'process.env.NODE_ENV': '"production"', global: 'globalThis' },
} as const satisfies BuildOptions

/**
 * `entry` is an import specifier as a file in the definition's folder would write it: `./tools/x.ts` or a package.
 * Throws ProblemsError for mistakes in the sources, and E_TOOL_LOAD for a limit or a missing entry.
 */
export async function bundle(entry: string, sources: Sources, options: BundleOptions): Promise<Bundle> {
  const collector = new ModuleCollector(entry, createSourceLedger(sources), options)
  const code = await withEsbuild((esbuild) => build(esbuild, collector, options))
  return {
    code,
    hash: sha256(code),
    inputs: collector.ledger.inputs(),
    builtins: [...collector.builtins].toSorted(),
    data: [...collector.data].toSorted(),
    packages: collector.packages(),
  }
}

async function build(esbuild: typeof Esbuild, collector: ModuleCollector, options: BundleOptions): Promise<string> {
  const late = Promise.withResolvers<never>()
  const cancel = options.clock.after(BUNDLE_TIME_MS, () => {
    late.reject(
      new RunAgentError('E_TOOL_LOAD', `${collector.entry}: bundling took over ${BUNDLE_TIME_MS} ms`, {
        hint: SMALLER,
      }),
    )
    void esbuild.stop()
  })
  try {
    const building = esbuild.build({ ...BUILD_OPTIONS, plugins: [collector.plugin(esbuild)] })
    const result = await Promise.race([building, late.promise])
    const bytes = result.outputFiles[0]?.contents ?? new Uint8Array()
    if (bytes.length > BUNDLE_BYTES_MAX) {
      throw new RunAgentError(
        'E_TOOL_LOAD',
        `${collector.entry}: its bundle is larger than ${BUNDLE_BYTES_MAX} bytes`,
        { hint: SMALLER },
      )
    }
    return new TextDecoder().decode(bytes)
  } catch (thrown) {
    if (thrown instanceof RunAgentError) throw thrown
    if (collector.failure !== undefined) throw collector.failure
    const messages = messagesOf(thrown)
    if (messages === undefined) {
      throw new RunAgentError('E_TOOL_LOAD', `${collector.entry}: the bundler failed: ${firstLine(messageOf(thrown))}`)
    }
    const entryMessage = messages.find((message) => message.location === null)
    if (entryMessage !== undefined) throw entryError(collector.entry, entryMessage)
    const problems = problemsOf(messages, options.displayFolder ?? '', (name) => collector.importerOf(name))
    throw new ProblemsError('E_DEFINITION', problems)
  } finally {
    cancel()
  }
}

/** The bundler's questions, answered; collects what the bundle is made of. */
class ModuleCollector {
  readonly entry: string
  readonly ledger: SourceLedger
  readonly builtins = new Set<string>()
  readonly data = new Set<string>()
  /** A limit that was reached: the build fails with it, whatever esbuild then reports. */
  failure: RunAgentError | undefined
  readonly #trustsPackages: boolean
  readonly #resolver: ImportResolver
  readonly #places = new Map<string, Place>()
  readonly #importers = new Map<string, string>()
  /** What each optional module says when it is reached after all. */
  readonly #missing = new Map<string, string>()
  readonly #packages = new Map<string, { readonly name: string; readonly version: string }>()

  constructor(entry: string, ledger: SourceLedger, options: BundleOptions) {
    const { guestModules, isInstallation = false, standIns = new Map() } = options
    this.#trustsPackages = isInstallation
    this.entry = entry
    this.ledger = ledger
    this.#resolver = new ImportResolver(ledger, guestModules, standIns)
  }

  plugin(esbuild: typeof Esbuild): Esbuild.Plugin {
    return {
      name: 'run-agent',
      setup: (pluginBuild) => {
        pluginBuild.onResolve({ filter: /.*/ }, (args) => this.#guarded(() => this.#onResolve(args)))
        pluginBuild.onLoad({ filter: /.*/ }, (args) => this.#guarded(() => this.#onLoad(esbuild, args)))
      },
    }
  }

  packages(): Bundle['packages'] {
    return [...this.#packages].toSorted(([left], [right]) => (left < right ? -1 : 1)).map(([, found]) => found)
  }

  /** The file of the definition through which a package's module came in. */
  importerOf(virtualName: string): string | undefined {
    let name: string | undefined = virtualName
    for (let hops = 0; name !== undefined && hops < BUNDLE_MODULES_MAX; hops++) {
      if (name.startsWith('tool:')) return name.slice('tool:'.length)
      name = this.#importers.get(name)
    }
    return undefined
  }

  async #guarded<Result>(
    answer: () => Result | Promise<Result>,
  ): Promise<Result | { readonly errors: PartialMessage[] }> {
    if (this.failure !== undefined) return { errors: [{ text: this.failure.message }] }
    try {
      return await answer()
    } catch (thrown) {
      const reason = messageOf(thrown)
      this.failure ??=
        thrown instanceof RunAgentError
          ? new RunAgentError(
              thrown.code,
              `${this.entry}: ${reason}`,
              thrown.hint === undefined ? {} : { hint: thrown.hint },
            )
          : new RunAgentError('E_INTERNAL', `${this.entry}: ${reason}`, { cause: thrown })
      return { errors: [{ text: reason }] }
    }
  }

  #onResolve(args: OnResolveArgs): OnResolveResult | undefined {
    if (args.kind === 'entry-point') return this.#answer(this.#resolver.resolve(this.entry, DEFINITION, 'import'), args)
    const from = this.#places.get(`${args.namespace}:${args.importer}`)
    const kind = kindOf(args.kind)
    // The sandbox's `require` has no `resolve`, so packages that feel for it find nothing.
    if (args.kind === 'require-resolve' && args.namespace === 'npm') return { path: args.path, external: true }
    if (from === undefined || kind === undefined) {
      return {
        errors: [{ text: `${args.kind} of ${args.path} is not possible in a tool: no file is there when it runs` }],
      }
    }
    const resolution = this.#resolver.resolve(args.path, from, kind)
    const attributes = attributeProblem(args.with, resolution)
    return attributes === undefined ? this.#answer(resolution, args) : { errors: [attributes] }
  }

  #answer(resolution: Resolution, args: OnResolveArgs): OnResolveResult | undefined {
    switch (resolution.type) {
      case 'guest':
        if (resolution.name !== 'run-agent') this.builtins.add(resolution.name)
        return { path: resolution.name, external: true }
      case 'empty':
        return { path: 'empty', namespace: 'empty' }
      case 'file':
        return this.#module(resolution.place, args)
      case 'missing':
        // `try { require('x') } catch {}` is how packages say that x is optional, so it fails when it is reached.
        if (args.kind === 'require-call' && args.namespace === 'npm') {
          this.#missing.set(args.path, resolution.message)
          return { path: args.path, namespace: 'missing' }
        }
        return { errors: [problemText(resolution)] }
      case 'refused':
        return { errors: [problemText(resolution)] }
    }
  }

  #module(place: Place, args: OnResolveArgs): OnResolveResult {
    const { namespace, path } = this.#resolver.virtualName(place)
    const name = `${namespace}:${path}`
    if (!this.#places.has(name)) {
      if (this.#places.size >= BUNDLE_MODULES_MAX) {
        throw new RunAgentError('E_TOOL_LOAD', `it imports more than ${BUNDLE_MODULES_MAX} modules`, { hint: SMALLER })
      }
      this.#places.set(name, place)
      if (args.kind !== 'entry-point') this.#importers.set(name, `${args.namespace}:${args.importer}`)
    }
    const owner = this.#resolver.packageOf(place)
    if (owner !== undefined) {
      const { name: packageName, version } = owner
      this.#packages.set(`${packageName}@${version}`, { name: packageName, version })
    }
    return { path, namespace, sideEffects: owner?.json.pure !== true }
  }

  async #onLoad(esbuild: typeof Esbuild, args: OnLoadArgs): Promise<OnLoadResult> {
    const { namespace, path } = args
    if (namespace === 'empty') return { contents: '', loader: 'js' }
    if (namespace === 'missing') {
      const message = JSON.stringify(this.#missing.get(path) ?? `there is no module ${path}`)
      return { contents: `throw Object.assign(new Error(${message}), { code: 'MODULE_NOT_FOUND' })`, loader: 'js' }
    }
    const place = this.#places.get(`${namespace}:${path}`)
    const loader = LOADERS.get(path.slice(path.lastIndexOf('.') + 1))
    const read = place === undefined ? undefined : this.ledger.read(place)
    if (read?.type !== 'file' || loader === undefined)
      return { errors: [{ text: 'a module that is found by looking through folders is not possible' }] }
    if (loader === 'json' && namespace === 'tool') this.data.add(path)
    const text = new TextDecoder().decode(read.bytes)
    const isTrusted = loader === 'json' || (this.#trustsPackages && namespace === 'npm')
    const suspect = isTrusted ? undefined : findSuspect(text)
    if (suspect === undefined) return { contents: text, loader }
    const file = `${namespace}:${path}`
    try {
      const neutral = await neutraliseComputedImports(esbuild, text, loader)
      if (neutral.count > 0 && namespace === 'tool') return { errors: [computedProblem(file, text, suspect)] }
      return { contents: neutral.code, loader: 'js' }
    } catch (thrown) {
      const failed = messagesOf(thrown) ?? [{ text: firstLine(messageOf(thrown)), location: null }]
      return { errors: failed.map(({ text: reason, location }) => ({ text: reason, location: { ...location, file } })) }
    }
  }
}

function computedProblem(file: string, text: string, offset: number): PartialMessage {
  const before = text.slice(0, offset).split('\n')
  const last = before.at(-1) ?? ''
  const lineText = last + (text.slice(offset).split('\n', 1)[0] ?? '')
  return {
    text: 'a tool cannot import a module whose name is computed',
    location: { file, line: before.length, column: new TextEncoder().encode(last).length, lineText },
    detail: { hint: 'Write each import with its whole name in quotes.' },
  }
}

function kindOf(kind: OnResolveArgs['kind']): ImportKind | undefined {
  if (kind === 'import-statement' || kind === 'dynamic-import') return 'import'
  return kind === 'require-call' ? 'require' : undefined
}

/** `with { type: 'json' }` is what Node asks for; every other attribute would change how a file is embedded. */
function attributeProblem(attributes: Record<string, string>, resolution: Resolution): PartialMessage | undefined {
  const entries = Object.entries(attributes)
  if (entries.length === 0) return undefined
  const isJson = resolution.type === 'file' && resolution.place.path.endsWith('.json')
  const onlyType = entries.length === 1 && attributes['type'] === 'json'
  if (isJson && onlyType) return undefined
  return problemText({
    message: "import attributes are refused, but for `with { type: 'json' }` on a .json file",
    hint: 'Read other files when the tool runs, with node:fs/promises and a read rule.',
  })
}

function problemText({ message, hint }: { readonly message: string; readonly hint?: string }): PartialMessage {
  return { text: message, ...(hint === undefined ? {} : { detail: { hint } }) }
}

function entryError(entry: string, message: Message): RunAgentError {
  const detail: unknown = message.detail
  const hint = typeof detail === 'object' && detail !== null && 'hint' in detail ? String(detail.hint) : undefined
  return new RunAgentError('E_TOOL_LOAD', `${entry}: ${message.text}`, hint === undefined ? {} : { hint })
}

function messagesOf(thrown: unknown): readonly Message[] | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('errors' in thrown)) return undefined
  return Array.isArray(thrown.errors) ? (thrown.errors as Message[]) : undefined
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? ''
}
