/**
 * Puts together what loads and runs agents: bundles from the cache, sandbox processes, manifests. Started early and
 * lazily, so that a process starts while the definition is still being parsed.
 */
import { createHash } from 'node:crypto'
import { RunAgentError } from '../errors.ts'
import { DESCRIBE_WALL_MS, TOOL_LOG_BYTES_MAX, TOOL_MEMORY_BYTES, TOOL_RESULT_BYTES_MAX } from '../limits.ts'
import type { AgentLoader, BundledEntry, BundleEntry, DescribeTool } from '../load-agent.ts'
import { nodeFileHost } from '../node-files.ts'
import { openCacheFolder } from '../node-folders.ts'
import { createProcessHost, nodeClock } from '../node-processes.ts'
import { GUEST_MODULES, PLATFORM_STAND_INS } from '../sandbox/guest/platform-parts.ts'
import type { GuestCode } from '../sandbox/guest-run.ts'
import type { Sandbox } from '../sandbox/sandbox.ts'
import { SANDBOX_ENVIRONMENT, type SandboxFiles } from '../sandbox/walls.ts'
import type { Bundle } from '../tool/bundle.ts'
import { bundleWithCache, codeName, type CacheFolder } from '../tool/bundle-cache.ts'
import { openSources } from '../tool/confined-sources.ts'
import { parseManifest, type ManifestResult, type ToolManifest } from '../tool/manifest.ts'
import { createTurns } from '../turns.ts'
import type { CommandEnvironment } from './environment.ts'

export interface Workshop {
  readonly loader: AgentLoader
  /** A new sandbox of processes of its own. */
  createSandbox(): Promise<Sandbox>
  /** The one that reads manifests and runs tools. */
  toolSandbox(): Promise<Sandbox>
  close(): void
}

/** What the sandbox process itself imports. */
const PROCESS_MODULES: ReadonlySet<string> = new Set(['net', 'v8', 'vm'])
const NONE: ReadonlySet<string> = new Set()
const NO_STAND_INS: ReadonlyMap<string, string> = new Map()

interface InstallationFolders {
  readonly sandboxFolder: string
  readonly guestFolder: string
  readonly builtinFolder: string
}

function foldersOf(root: string): InstallationFolders {
  const sandboxFolder = `${root}/runtime/sandbox`
  return { sandboxFolder, guestFolder: `${sandboxFolder}/guest`, builtinFolder: `${root}/tools` }
}

/** Bundles through the cache; `modules`: the builtins that stay outside. */
type BundleWith = (...wanted: [...Parameters<BundleEntry>, modules: ReadonlySet<string>]) => Promise<BundledEntry>

function bundlerOf(cache: CacheFolder, root: string): BundleWith {
  const { sandboxFolder, guestFolder, builtinFolder } = foldersOf(root)
  const own = new Set([guestFolder, sandboxFolder, builtinFolder, `${root}/agents`])
  return async (folder, entry, displayFolder, modules) => {
    using sources = openSources(nodeFileHost, folder)
    const identity = nodeFileHost.realPath(folder)
    const isInstallation = own.has(folder)
    const standIns = folder === guestFolder ? PLATFORM_STAND_INS : NO_STAND_INS
    const options = { guestModules: modules, clock: nodeClock, displayFolder, isInstallation, standIns }
    const { bundle } = await bundleWithCache(cache, identity, entry, sources, options)
    return bundledEntry(entry, bundle)
  }
}

/** `definitionFolder`: what it holds is nobody's cache; undefined where no definition is read. */
export function openWorkshop(environment: CommandEnvironment, definitionFolder?: string): Workshop {
  const { installation, folders, user } = environment
  const brought = [environment.currentFolder, ...(definitionFolder === undefined ? [] : [definitionFolder])]
  const cache = openCacheFolder(`${folders.cache}/bundles`, user.uid, brought)
  const { sandboxFolder, guestFolder, builtinFolder } = foldersOf(installation.root)
  const bundleEntryOf = bundlerOf(cache, installation.root)
  const bundleOf = async (...wanted: Parameters<typeof bundleEntryOf>): Promise<GuestCode> =>
    (await bundleEntryOf(...wanted)).code
  const processes = createProcessHost(SANDBOX_ENVIRONMENT)
  const sandboxes: Sandbox[] = []
  let isClosed = false
  // As one file of JavaScript the process starts in half the time: no types to strip, no modules to look for.
  const sandboxFiles = async (): Promise<SandboxFiles> => {
    const files = installation.sandboxFiles()
    const { hash } = await bundleOf(sandboxFolder, './process.ts', 'run-agent/', PROCESS_MODULES)
    const entry = cache.pathOf(codeName(hash))
    return entry === undefined ? files : { ...files, entry, modules: [] }
  }
  const createSandbox = async (): Promise<Sandbox> => {
    const [{ Sandbox }, files] = await Promise.all([import('../sandbox/sandbox.ts'), sandboxFiles()])
    const runtime = bundleOf(guestFolder, './boot.ts', 'run-agent/', NONE)
    // Awaited where a process is ready for it; a failure is reported there.
    runtime.catch(() => undefined)
    const platform = (part: string): Promise<GuestCode> =>
      bundleOf(guestFolder, `./platform/${part}.ts`, 'run-agent/', GUEST_MODULES)
    const sandbox = new Sandbox({ processes, clock: nodeClock, files, runtime, platform })
    sandboxes.push(sandbox)
    // A command may have failed while this was being made; a process that started now would outlive it.
    if (isClosed) sandbox.close()
    return sandbox
  }
  let tools: Promise<Sandbox> | undefined
  const toolSandbox = (): Promise<Sandbox> => (tools ??= createSandbox())
  let described: Promise<GuestCode> | undefined
  const describer = (): Promise<GuestCode> =>
    (described ??= bundleOf(guestFolder, './describer.ts', 'run-agent/', NONE))
  const bundleEntry: BundleEntry = (folder, entry, displayFolder) =>
    bundleEntryOf(folder, entry, displayFolder, GUEST_MODULES)
  return {
    loader: {
      files: nodeFileHost,
      bundleEntry,
      describeTool: cachedDescribe(cache, describer, toolSandbox),
      builtinFolder,
    },
    createSandbox,
    toolSandbox,
    close: () => {
      isClosed = true
      for (const sandbox of sandboxes) sandbox.close()
    },
  }
}

const TOOL_FORM = 'A tool is the default export of its file: defineTool({ description, parameters, execute }).'

/** The memory of a process stays as large as it once was, and its first tools would be blamed for that. */
const DESCRIBED_AT_ONCE_MAX = 4

/** A manifest is read once per bundle and describer; the cache keeps what the isolate said, and it is parsed again. */
function cachedDescribe(
  cache: CacheFolder,
  describer: () => Promise<GuestCode>,
  sandboxOf: () => Promise<Sandbox>,
): DescribeTool {
  const inTurn = createTurns(DESCRIBED_AT_ONCE_MAX)
  return async (bundle): Promise<ToolManifest> => {
    const code = await describer()
    const key = createHash('sha256').update(`manifest ${bundle.hash} ${code.hash}`).digest('hex')
    const name = `${key}.manifest.json`
    const known = manifestOf(cache.read(name))
    if (known?.ok === true) return known.manifest
    const bytes = new TextEncoder().encode(await inTurn(async () => await describe(await sandboxOf(), bundle, code)))
    const read = manifestOf(bytes)
    if (read?.ok !== true) {
      const problems = read?.problems ?? ['it is not JSON']
      throw new RunAgentError('E_TOOL_LOAD', `couldn't load the tool ${bundle.name}: ${problems.join('; ')}`, {
        hint: TOOL_FORM,
      })
    }
    cache.write(name, bytes)
    return read.manifest
  }
}

function manifestOf(bytes: Uint8Array | undefined): ManifestResult | undefined {
  if (bytes === undefined) return undefined
  try {
    return parseManifest(JSON.parse(new TextDecoder().decode(bytes)))
  } catch {
    return undefined
  }
}

/** Runs the bundle's top level with the real zod; a tool that asks for anything while it loads gets no answer. */
async function describe(sandbox: Sandbox, bundle: GuestCode, describer: GuestCode): Promise<string> {
  const run = sandbox.run(
    {
      bundle,
      describer,
      entry: 'describe',
      input: '{}',
      seed: '0'.repeat(32),
      now: 0,
      limits: {
        wallMs: DESCRIBE_WALL_MS,
        cpuMs: DESCRIBE_WALL_MS,
        memoryBytes: TOOL_MEMORY_BYTES,
        requestsMax: 1,
        resultBytesMax: TOOL_RESULT_BYTES_MAX,
        logBytesMax: TOOL_LOG_BYTES_MAX,
      },
    },
    {
      onRequest: () => run.kill('request', 'a tool may ask for nothing while it is loaded'),
      onLog: () => undefined,
    },
  )
  const end = await run.ended
  if (end.kind === 'ok') return JSON.stringify(end.value)
  const why = end.kind === 'failed' ? `${end.error.name}: ${end.error.message}` : `limit ${end.cause}: ${end.message}`
  throw new RunAgentError('E_TOOL_LOAD', `couldn't load the tool ${bundle.name}: ${why}`, { hint: TOOL_FORM })
}

function bundledEntry(entry: string, { hash, code, inputs, data }: Bundle): BundledEntry {
  const own = inputs.filter((input) => input.tree === 'definition')
  return {
    code: { hash, name: entry.replace(/^\.\//, ''), source: code },
    files: own.flatMap((input) => [input.path, input.target]).filter((path) => path !== ''),
    data,
  }
}
