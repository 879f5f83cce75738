/**
 * From a definition that was read to an agent that can be run: every tool and the script bundled, every manifest read
 * in an isolate, every grant cut down to what its tool needs.
 */
import type { AgentDefinition, ToolEntry } from './definition/definition.ts'
import type { CheckedTool } from './effective-rights.ts'
import { ProblemsError, RunAgentError, type Problem } from './errors.ts'
import { AGENT_CODE_BYTES_MAX, TOOL_CPU_MS } from './limits.ts'
import { agentParts, lockFileName, type AgentParts } from './lock.ts'
import type { PlannedTool } from './plan.ts'
import { attenuate, lacksAll } from './policy/attenuate.ts'
import type { Grant } from './policy/grant.ts'
import { escapeGlob } from './policy/path-rule.ts'
import type { FileHost } from './ports.ts'
import type { DefinitionPlace, ReadDefinition } from './read-definition.ts'
import type { GuestCode } from './sandbox/guest-run.ts'
import type { ToolManifest } from './tool/manifest.ts'
import { requestTool } from './tool/request-tool.ts'
import { narrow } from './tool/narrow.ts'
import { createTurns } from './turns.ts'

/** Bundles an entry of a folder; problems are shown with `displayFolder` before the folder's own paths. */
export type BundleEntry = (folder: string, entry: string, displayFolder: string) => Promise<BundledEntry>

export interface BundledEntry {
  readonly code: GuestCode
  /**
   * The files of the folder that it is made of, relative to it, by their names and by where links lead; and those that
   * were looked for and would take the place of one.
   */
  readonly files: readonly string[]
  /** Of these, the files that it holds as data, which no rule was asked for. */
  readonly data: readonly string[]
}

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
  readonly carried: readonly CarriedFile[]
  /** What a lock covers. */
  readonly parts: AgentParts
}

/** A file that a tool or the script imports as data: it knows what stands in it, whatever its rules say. */
export interface CarriedFile {
  readonly by: string
  /** Relative to the definition's folder. */
  readonly file: string
}

/** An agent as far as questions of its rights need it. */
export interface CheckedAgent {
  readonly definition: AgentDefinition
  readonly tools: readonly CheckedTool[]
  readonly carried: readonly CarriedFile[]
  /** What a lock covers. */
  readonly parts: AgentParts
}

/** Which files of the workspace are not a tool's business, by workspace-relative path. */
export interface WorkspaceFiles {
  /** Of files in the definition's folder, those that lie in the workspace. */
  readonly ownFiles: (paths: readonly string[]) => readonly string[]
  /** run-agent's own configuration, caches and trail, as far as they lie in the workspace: never granted. */
  readonly neverGranted: readonly string[]
}

/** Loads everything that a run needs. */
export async function loadAgent(
  loader: AgentLoader,
  place: DefinitionPlace,
  read: ReadDefinition,
  workspace: WorkspaceFiles,
): Promise<LoadedAgent> {
  const { definition, hash } = read
  const loaded = await loadCode(loader, place, definition, definition.tools)
  const { script, code } = loaded
  const grants = grantsOf(place, read, workspace, loaded)
  const tools = definition.tools.map((entry): PlannedTool => {
    const [grant, tool] = [grants.get(entry), code.get(entry)]
    if (grant === undefined || tool === undefined) throw new Error('every tool has its grant and its code')
    return plannedTool(entry, tool, grant)
  })
  return { definition, hash, tools, script, carried: loaded.carried, parts: partsOf(read, loaded) }
}

/**
 * The grants as a run would have them. The tools that come with run-agent are not loaded for it: what they need was
 * checked against their table, and a test holds the table to their manifests.
 */
export async function checkAgent(
  loader: AgentLoader,
  place: DefinitionPlace,
  read: ReadDefinition,
  workspace: WorkspaceFiles,
): Promise<CheckedAgent> {
  // Rules for arguments are checked against the parameters that the tool itself declares.
  const described = read.definition.tools.filter(
    ({ from, args }) => from.kind === 'file' || (from.kind === 'builtin' && args.length > 0),
  )
  const loaded = await loadCode(loader, place, read.definition, described)
  for (const [entry, { manifest }] of loaded.code) narrowedBy(entry, manifest)
  const tools = [...grantsOf(place, read, workspace, loaded)].map(([entry, grant]) => ({ entry, grant }))
  return { definition: read.definition, tools, carried: loaded.carried, parts: partsOf(read, loaded) }
}

/** The tools of a loaded agent with their grants, as `checkAgent` gives them. */
export function checkedTools({ definition, tools }: LoadedAgent): readonly CheckedTool[] {
  return definition.tools.flatMap((entry) => {
    const planned = tools.find(({ name }) => name === entry.name)
    return planned === undefined ? [] : [{ entry, grant: planned.grant }]
  })
}

function partsOf({ definition, hash }: ReadDefinition, { script, code }: LoadedCode): AgentParts {
  const hashes = new Map([...code].map(([{ name }, { bundle }]) => [name, bundle.hash]))
  return agentParts(definition, hash, script?.hash, (tool) => hashes.get(tool))
}

interface LoadedTool {
  readonly bundle: GuestCode
  readonly manifest: ToolManifest
}

interface LoadedCode {
  readonly script: GuestCode | undefined
  readonly code: ReadonlyMap<ToolEntry, LoadedTool>
  /** The files of the definition's folder that its code is made of. */
  readonly files: readonly string[]
  readonly carried: readonly CarriedFile[]
}

/** Each bundle holds up to BUNDLE_INPUT_BYTES_MAX of sources several times: as bytes, as text, in the bundler. */
const BUNDLED_AT_ONCE_MAX = 2

async function loadCode(
  loader: AgentLoader,
  place: DefinitionPlace,
  definition: AgentDefinition,
  tools: readonly ToolEntry[],
): Promise<LoadedCode> {
  const displayFolder = place.shown.slice(0, place.shown.length - place.name.length)
  const files = new Set<string>()
  const inTurn = createTurns(BUNDLED_AT_ONCE_MAX)
  let codeBytes = 0
  let failure: Error | undefined
  const bundle = (...wanted: Parameters<BundleEntry>): Promise<BundledEntry> =>
    inTurn(async () => {
      // They come in the file's order, so what comes after the first that failed is of no interest.
      if (failure !== undefined) throw failure
      try {
        const bundled = await loader.bundleEntry(...wanted)
        codeBytes += bundled.code.source.length
        if (codeBytes <= AGENT_CODE_BYTES_MAX) return bundled
        const why = `the bundles of its tools and its script are larger than ${AGENT_CODE_BYTES_MAX} bytes together`
        throw new RunAgentError('E_TOOL_LOAD', `${place.shown}: ${why}`)
      } catch (error) {
        failure ??= error instanceof Error ? error : new Error(String(error))
        throw failure
      }
    })
  const carried: CarriedFile[] = []
  const bundleOwn = async (by: string, path: string): Promise<GuestCode> => {
    const bundled = await bundle(place.folder, `./${path}`, displayFolder)
    for (const file of bundled.files) files.add(file)
    carried.push(...bundled.data.map((file) => ({ by, file })))
    return bundled.code
  }
  const script = definition.script === undefined ? undefined : bundleOwn('the script', definition.script)
  const loading = tools.map(async (tool): Promise<[ToolEntry, LoadedTool]> => {
    const { from } = tool
    if (from.kind === 'request') {
      return [tool, requestTool(tool.name, tool.description ?? '', from.request.rule, tool.args)]
    }
    const code =
      from.kind === 'builtin'
        ? (await bundle(loader.builtinFolder, `./${from.tool}.ts`, 'run-agent/')).code
        : await bundleOwn(tool.name, from.path)
    return [tool, { bundle: code, manifest: await loader.describeTool(code) }]
  })
  const loaded = await firstFailureOf([...loading, ...(script === undefined ? [] : [script])], loading)
  return {
    script: await script,
    code: new Map(loaded),
    files: [...files],
    carried: carried.toSorted((a, b) => (`${a.by} ${a.file}` < `${b.by} ${b.file}` ? -1 : 1)),
  }
}

/** definition ∩ manifest; a right that a tool never needs is a rule that can never take effect, and so an error. */
function grantsOf(
  place: DefinitionPlace,
  { definition, allowProtected, networks }: ReadDefinition,
  workspace: WorkspaceFiles,
  { code, files }: Pick<LoadedCode, 'code' | 'files'>,
): ReadonlyMap<ToolEntry, Grant> {
  const never = workspace.neverGranted.map((path) => ({
    pattern: path === '' ? '**' : escapeGlob(path),
    place: 'run-agent',
  }))
  const ownFiles = workspace.ownFiles([
    place.name,
    lockFileName(place.name),
    ...(definition.instructionsFile === undefined ? [] : [definition.instructionsFile]),
    ...files,
  ])
  const problems: Problem[] = []
  const grants = new Map<ToolEntry, Grant>()
  for (const entry of definition.tools) {
    const { name, paths, deny, git, http, redirects, headers } = entry
    const grant: Grant = {
      tool: name,
      paths,
      deny: [...deny, ...never],
      git,
      http,
      redirects,
      headers,
      ...(networks.length === 0 ? {} : { networks }),
      ownFiles,
      allowProtected,
    }
    const needs = code.get(entry)?.manifest.needs
    const cut = needs === undefined ? { grant, dropped: [] } : attenuate(grant, needs)
    for (const { rule, place: at } of cut.dropped) {
      problems.push(problemAt(at, `${name} never needs ${rule}: the rule can never take effect`))
    }
    for (const credential of entry.credentials) {
      const wanted = needs === undefined ? true : needs.credentials
      if (wanted === true || wanted?.includes(credential.name) === true) continue
      const message = `${name} never needs the credential ${credential.name}: it can never take effect`
      problems.push(problemAt(credential.place, message))
    }
    if (needs !== undefined && cut.dropped.length === 0 && lacksAll(cut.grant, needs)) {
      const rights = Object.keys(needs).join(', ')
      problems.push(problemAt(entry.place, `${name} needs ${rights} and is granted none of it: every call would fail`))
    }
    grants.set(entry, cut.grant)
  }
  if (problems.length > 0) throw new ProblemsError('E_DEFINITION', problems)
  return grants
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

function plannedTool(entry: ToolEntry, { manifest, bundle }: LoadedTool, grant: Grant): PlannedTool {
  const { limits } = entry
  const narrowed = narrowedBy(entry, manifest)
  return {
    name: entry.name,
    description: entry.description ?? manifest.description,
    grant,
    bundle,
    ...narrowed,
    repeat: entry.repeat,
    required: entry.required !== undefined,
    limits: {
      wallMs: limits.timeoutMs,
      cpuMs: TOOL_CPU_MS,
      memoryBytes: limits.memoryBytes,
      requestsMax: limits.requests,
      resultBytesMax: limits.resultBytes,
      logBytesMax: limits.logBytes,
    },
    callsMax: limits.calls,
  }
}

/** A place is `file:line:column`. */
export function problemAt(place: string, message: string): Problem {
  const [, file = place, line = '1', column = '1'] = /^(.*):(\d+):(\d+)$/.exec(place) ?? []
  return { file, line: Number(line), column: Number(column), message }
}

/** Rules for arguments that the tool has, and that deny something; anything else is an error at its place. */
function narrowedBy(
  { args, from }: ToolEntry,
  { parameters }: ToolManifest,
): Pick<PlannedTool, 'parameters' | 'narrowing'> {
  // What came out of JSON.parse, and out of a definition, is JSON.
  const own = parameters as PlannedTool['parameters']
  // A tool without code has no other parameters than these.
  if (args.length === 0 || from.kind === 'request') return { parameters: own, narrowing: undefined }
  const result = narrow(parameters, args)
  if (!result.ok) {
    throw new ProblemsError(
      'E_DEFINITION',
      result.problems.map(({ rule, message }) => problemAt(rule.place, message)),
    )
  }
  const { narrowed } = result
  return {
    parameters: narrowed.parameters as PlannedTool['parameters'],
    narrowing: { own, rules: narrowed.rules as PlannedTool['parameters'] },
  }
}
