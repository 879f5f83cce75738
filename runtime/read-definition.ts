/** Reads a definition where it lies, and nothing else of it: as it was when it was named. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { createWalker, PathError, readWhole, type Walker } from './broker/walker.ts'
import type { AgentDefinition } from './definition/definition.ts'
import { parseDefinition, type DefinitionInput } from './definition/parse.ts'
import { publicSuffixesFor } from './definition/public-suffixes.ts'
import { codeOf, RunAgentError } from './errors.ts'
import { DEFINITION_BYTES_MAX, PROMPT_BYTES_MAX } from './limits.ts'
import type { Network } from './policy/grant.ts'
import { protectedBy } from './policy/protected-paths.ts'
import type { FileHost } from './ports.ts'

/** Where a definition lies: its folder, absolute, and its name in it; and how a person named it. */
export interface DefinitionPlace {
  /** With every link followed, when it was named. */
  readonly folder: string
  /** The same as it was written, absolute: a link on the way to it is part of the agent too. */
  readonly named: string
  readonly name: string
  readonly shown: string
  /** What the operator may know it by: the file in that folder; undefined: a link leads out of it. */
  readonly realPath: string | undefined
}

export interface ReadDefinition {
  readonly definition: AgentDefinition
  readonly hash: string
  /** Workspace-relative paths that the operator took off the list of protected ones for it. */
  readonly allowProtected: readonly string[]
  /** The operator's. */
  readonly networks: readonly Network[]
}

/** Reads and checks the definition alone; throws ProblemsError, or E_DEFINITION where it cannot be read. */
export async function readDefinition(
  files: FileHost,
  place: DefinitionPlace,
  { values, allowProtected = [], networks = [] }: Pick<DefinitionInput, 'values' | 'allowProtected' | 'networks'> = {},
): Promise<ReadDefinition> {
  using walker = openFolder(files, place)
  const bytes = readOwn(walker, place.name, DEFINITION_BYTES_MAX + 1, place.shown, (resolved) => {
    // By another link than the one that it was known by, it is another definition.
    if (place.realPath !== undefined && join(place.folder, resolved) !== place.realPath)
      throw new RunAgentError('E_DEFINITION', `${place.shown} changed while it was read`)
  })
  const isPublicSuffix = await publicSuffixesFor(bytes)
  const definition = parseDefinition({
    file: place.shown,
    text: bytes,
    readFile: (path) => readOwn(walker, path, PROMPT_BYTES_MAX, path),
    allowProtected,
    networks,
    ...(values === undefined ? {} : { values }),
    ...(isPublicSuffix === undefined ? {} : { isPublicSuffix }),
  })
  return { definition, hash: createHash('sha256').update(bytes).digest('hex'), allowProtected, networks }
}

function openFolder(files: FileHost, place: DefinitionPlace): Walker {
  try {
    return createWalker(files, place.folder)
  } catch (error) {
    throw cannotRead(place.shown, error)
  }
}

function readOwn(
  walker: Walker,
  path: string,
  bytesMax: number,
  shown: string,
  onFound: (resolved: string) => void = () => undefined,
): Uint8Array {
  try {
    using found = walker.walk(path, { followLast: true })
    // By a link of the definition's folder, a protected file could become instructions, or be quoted in a problem.
    if (protectedBy(found.resolved) !== undefined) throw new PathError('E_PROTECTED', 'it is a protected file')
    onFound(found.resolved)
    return readWhole(walker.files, found, bytesMax)
  } catch (error) {
    if (error instanceof RunAgentError) throw error
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
