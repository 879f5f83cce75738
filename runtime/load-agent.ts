/**
 * From the path of a definition to an agent that can be run: the definition parsed, every tool and the script
 * bundled, every manifest read in an isolate, every grant cut down to what its tool needs.
 */
import { createHash } from 'node:crypto'
import { createWalker, PathError, type Walker } from './broker/walker.ts'
import type { AgentDefinition, ToolEntry } from './definition/definition.ts'
import { parseDefinition } from './definition/parse.ts'
import { codeOf, ProblemsError, RunAgentError, type Problem } from './errors.ts'
import { DEFINITION_BYTES_MAX, PROMPT_BYTES_MAX, TOOL_CPU_MS, TOOL_LOG_BYTES_MAX, TOOL_RESULT_BYTES_MAX } from './limits.ts'
import type { PlannedTool } from './plan.ts'
import { attenuate, type DroppedRight } from './policy/attenuate.ts'
import type { Grant } from './policy/grant.ts'
import { escapeGlob } from './policy/path-rule.ts'
import type { FileHost } from './ports.ts'
import type { GuestCode } from './sandbox/guest-run.ts'
import type { ToolManifest } from './tool/manifest.ts'

/** Bundles an entry of a folder; problems are shown with `displayFolder` before the folder's own paths. */
export type BundleEntry = (folder: string, entry: string, displayFolder: string) => Promise<GuestCode>
/** Reads what a bundle declares, in an isolate or from the cache. */
export type DescribeTool = (bundle: GuestCode) => Promise<ToolManifest>

export interface AgentLoader {
  readonly files: FileHost
  readonly bundleEntry: BundleEntry
  readonly describeTool: DescribeTool
  /** The folder of the tools that come with run-agent. */
  readonly builtinFolder: string
}

export interface LoadedAgent {
  readonly definition: AgentDefinition
  /** SHA-256 of the definition's bytes, in hex. */
  readonly hash: string
  readonly tools: readonly PlannedTool[]
  readonly script: GuestCode | undefined
  /** Rights that the definition grants and the tool does not need. */
  readonly dropped: readonly (DroppedRight & { readonly tool: string })[]
}

/** Where a definition lies: its folder, absolute, and its name in it; and how a person named it. */
export interface DefinitionPlace {
  readonly folder: string
  readonly name: string
  readonly shown: string
}

export interface ReadDefinition {
  readonly definition: AgentDefinition
  readonly hash: string
}

/** Reads and checks the definition alone; throws ProblemsError, or E_DEFINITION where it cannot be read. */
export function readDefinition(files: FileHost, place: DefinitionPlace): ReadDefinition {
  using walker = openFolder(files, place)
  const bytes = readOwn(walker, place.name, DEFINITION_BYTES_MAX + 1, place.shown)
  const definition = parseDefinition({
    file: place.shown,
    text: bytes,
    readFile: (path) => readOwn(walker, path, PROMPT_BYTES_MAX, path),
  })
  return { definition, hash: createHash('sha256').update(bytes).digest('hex') }
}

/** Which files of the workspace are not a tool's business, by workspace-relative path. */
export interface WorkspaceFiles {
  /** Of files in the definition's folder, those that lie in the workspace. */
  readonly ownFiles: (paths: readonly string[]) => readonly string[]
  /** run-agent's own configuration, caches and trail, as far as they lie in the workspace: never granted. */
  readonly neverGranted: readonly string[]
}

export async function loadAgent(
  loader: AgentLoader,
  place: DefinitionPlace,
  { definition, hash }: ReadDefinition,
  workspace: WorkspaceFiles,
): Promise<LoadedAgent> {
  const never = workspace.neverGranted.map((path) => ({ pattern: escapeGlob(path), place: 'run-agent' }))
  const own = workspace.ownFiles([
    place.name,
    ...[definition.script, definition.instructionsFile].filter((path) => path !== undefined),
    ...definition.tools.flatMap((tool) => (tool.from.kind === 'file' ? [tool.from.path] : [])),
  ])
  const displayFolder = place.shown.slice(0, place.shown.length - place.name.length)
  const bundleTool = ({ from }: ToolEntry): Promise<GuestCode> =>
    from.kind === 'builtin'
      ? loader.bundleEntry(loader.builtinFolder, `./${from.tool}.ts`, 'run-agent/')
      : loader.bundleEntry(place.folder, `./${from.path}`, displayFolder)
  const script =
    definition.script === undefined ? undefined : loader.bundleEntry(place.folder, `./${definition.script}`, displayFolder)
  const loading = definition.tools.map(async (tool) => {
    const bundle = await bundleTool(tool)
    return { bundle, manifest: await loader.describeTool(bundle) }
  })
  const loaded = await firstFailureOf([...loading, ...(script === undefined ? [] : [script])], loading)

  const problems: Problem[] = []
  const dropped: (DroppedRight & { tool: string })[] = []
  const tools = definition.tools.map((entry, index): PlannedTool => {
    const { bundle, manifest } = loaded[index] ?? {}
    if (bundle === undefined || manifest === undefined) throw new Error('every tool has a bundle and a manifest')
    const grant: Grant = { tool: entry.name, paths: entry.paths, deny: [...entry.deny, ...never], git: entry.git, ownFiles: own }
    const cut = manifest.needs === undefined ? { grant, dropped: [] } : attenuate(grant, manifest.needs)
    for (const right of cut.dropped) {
      dropped.push({ ...right, tool: entry.name })
      problems.push(problemAt(right.place, `${entry.name} never needs ${right.rule}: the rule can never take effect`))
    }
    return plannedTool(entry, manifest, bundle, cut.grant)
  })
  if (problems.length > 0) throw new ProblemsError('E_DEFINITION', problems)
  return { definition, hash, tools, script: await script, dropped }
}

/** Waits for all of `tasks`, so that the failure that is told is the first in the file and not the first in time. */
async function firstFailureOf<Value>(
  tasks: readonly Promise<unknown>[],
  wanted: readonly Promise<Value>[],
): Promise<readonly Value[]> {
  const failed = (await Promise.allSettled(tasks)).find((result) => result.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  return await Promise.all(wanted)
}

function plannedTool(entry: ToolEntry, manifest: ToolManifest, bundle: GuestCode, grant: Grant): PlannedTool {
  const { limits } = entry
  return {
    name: entry.name,
    description: manifest.description,
    // It came out of JSON.parse.
    parameters: manifest.parameters as PlannedTool['parameters'],
    grant,
    bundle,
    limits: {
      wallMs: limits.timeoutMs,
      cpuMs: Math.min(limits.timeoutMs, TOOL_CPU_MS),
      memoryBytes: limits.memoryBytes,
      requestsMax: limits.requests,
      resultBytesMax: TOOL_RESULT_BYTES_MAX,
      logBytesMax: TOOL_LOG_BYTES_MAX,
    },
    callsMax: limits.calls,
  }
}

/** A place is `file:line:column`. */
function problemAt(place: string, message: string): Problem {
  const [, file = place, line = '1', column = '1'] = /^(.*):(\d+):(\d+)$/.exec(place) ?? []
  return { file, line: Number(line), column: Number(column), message }
}

function openFolder(files: FileHost, place: DefinitionPlace): Walker {
  try {
    return createWalker(files, place.folder)
  } catch (error) {
    throw cannotRead(place.shown, error)
  }
}

function readOwn(walker: Walker, path: string, bytesMax: number, shown: string): Uint8Array {
  try {
    return walker.readConfined(path, bytesMax)
  } catch (error) {
    throw cannotRead(shown, error)
  }
}

function cannotRead(shown: string, error: unknown): RunAgentError {
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file',
    ENOTDIR: 'there is no such file',
    EACCES: 'this user may not read it',
    EISDIR: 'it is a directory',
    E_OUTSIDE: "a link leads out of the definition's folder",
    E_SPECIAL_FILE: 'it is not a regular file',
  }
  const code = codeOf(error) ?? ''
  const reason = reasons[code] ?? (error instanceof PathError ? error.message : code)
  return new RunAgentError('E_DEFINITION', `couldn't read ${shown}: ${reason}`)
}
