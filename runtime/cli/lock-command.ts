/** `run-agent lock`: writes beside a definition what it is made of and what it may do; `--locked` holds a run to it. */
import { changeFile } from '../broker/file-changes.ts'
import { createWalker, PathError, readWhole } from '../broker/walker.ts'
import { codeOf, messageOf, RunAgentError } from '../errors.ts'
import { LOCK_BYTES_MAX } from '../limits.ts'
import { checkAgent } from '../load-agent.ts'
import { readDefinition, type DefinitionPlace, type ReadDefinition } from '../read-definition.ts'
import {
  lockDifferences,
  lockFileName,
  lockText,
  makeLock,
  parseLock,
  type AgentLock,
  type AgentParts,
} from '../lock.ts'
import { nodeFileHost } from '../node-files.ts'
import { printable } from '../printable.ts'
import { lockedRights } from '../rights.ts'
import { readUnbound, withProtected } from './checked-agent.ts'
import { definitionPlace, readConfig, readEnvironment } from './environment.ts'
import { EXIT } from './exit-codes.ts'
import { writeJson } from './output.ts'
import { openWorkshop } from './workshop.ts'

export interface LockArguments {
  readonly definition: string
  readonly allowProtected?: readonly string[]
  readonly config?: string | undefined
  readonly json: boolean
}

export async function lockCommand(args: LockArguments): Promise<number> {
  const environment = readEnvironment()
  const place = definitionPlace(environment, args.definition)
  const file = lockPlace(place)
  const workshop = openWorkshop(environment, place.folder)
  try {
    const config = readConfig(environment, args.config)
    const { definition, parts } = await withProtected(config, place, async (granted) => {
      const read = await readUnbound(config, place, args.allowProtected ?? [], granted)
      return await checkAgent(workshop.loader, place, read, NO_WORKSPACE)
    })
    const lock = makeLock(parts, lockedRights(definition))
    writeLock(place, file, lockText(lock))
    if (args.json) writeJson({ lock: 1, file: shownPath(place, file), digest: lock.digest })
    else process.stdout.write(`${printable(shownPath(place, file))} ${lock.digest}\n`)
    return EXIT.completed
  } finally {
    workshop.close()
  }
}

/** A lock says what a definition says, wherever it will run. */
const NO_WORKSPACE = { ownFiles: () => [], neverGranted: [] } as const

/**
 * Throws E_DEFINITION unless the lock beside the definition is that of the agent that was loaded, with `parts`. The
 * definition is read once more for its rights in words, and must be the same bytes; what runs is what was loaded.
 * `readAs`: as it was loaded.
 */
export async function assertLocked(
  place: DefinitionPlace,
  parts: AgentParts,
  readAs: Pick<ReadDefinition, 'allowProtected' | 'networks'>,
): Promise<void> {
  const file = lockPlace(place)
  const held = readLock(place, file)
  const read = await readDefinition(nodeFileHost, place, readAs)
  if (parts.get('definition') !== `sha256-${read.hash}`) {
    throw new RunAgentError('E_DEFINITION', `${place.shown} changed while it was read`)
  }
  const now = makeLock(parts, lockedRights(read.definition))
  const differences = lockDifferences(held, now)
  if (differences.length === 0) return
  const message = [`${place.shown} is not what ${shownPath(place, file)} locks:`, ...differences].join('\n')
  throw new RunAgentError('E_DEFINITION', message, {
    hint: `Review it with run-agent check, then write the lock again: run-agent lock ${place.shown}`,
  })
}

function lockPlace({ name, shown }: DefinitionPlace): string {
  const file = lockFileName(name)
  if (file !== name) return file
  throw new RunAgentError('E_USAGE', `${shown} has the name of a lock`, { hint: 'Name the definition, not its lock.' })
}

function shownPath({ shown, name }: DefinitionPlace, file: string): string {
  return shown.slice(0, shown.length - name.length) + file
}

/** Whole or not at all, and never through a link: what is written lies in the definition's own folder. */
function writeLock(place: DefinitionPlace, file: string, text: string): void {
  assertReplaceable(place, file)
  using walker = createWalker(nodeFileHost, place.folder)
  try {
    changeFile(
      nodeFileHost,
      { op: 'fs.write', path: file, data: new TextEncoder().encode(text), how: 'replace' },
      (path, options) => walker.walk(path, { ...options, followLast: false }),
    )
  } catch (error) {
    throw new RunAgentError('E_USAGE', `couldn't write ${shownPath(place, file)}: ${reasonOf(error)}`)
  }
}

/** `yarn.yaml` would have the lock of another program. */
function assertReplaceable(place: DefinitionPlace, file: string): void {
  let text: string
  try {
    using walker = createWalker(nodeFileHost, place.folder)
    using found = walker.walk(file, { followLast: false })
    text = new TextDecoder().decode(readWhole(nodeFileHost, found, LOCK_BYTES_MAX))
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ELOOP') return
    throw new RunAgentError('E_USAGE', `couldn't write ${shownPath(place, file)}: ${reasonOf(error)}`)
  }
  if (parseLock(text).ok) return
  throw new RunAgentError('E_USAGE', `${shownPath(place, file)} is there already and is no lock of run-agent`, {
    hint: 'Move it away, or give the definition another name.',
  })
}

function readLock(place: DefinitionPlace, file: string): AgentLock {
  const shown = shownPath(place, file)
  const hint = `Write one, and review it: run-agent lock ${place.shown}`
  let text: string
  try {
    using walker = createWalker(nodeFileHost, place.folder)
    using found = walker.walk(file, { followLast: false })
    text = new TextDecoder().decode(readWhole(nodeFileHost, found, LOCK_BYTES_MAX))
  } catch (error) {
    const why = codeOf(error) === 'ENOENT' ? 'there is no such file' : reasonOf(error)
    throw new RunAgentError('E_DEFINITION', `couldn't read the lock ${shown}: ${why}`, { hint })
  }
  const parsed = parseLock(text)
  if (parsed.ok) return parsed.lock
  throw new RunAgentError('E_DEFINITION', `couldn't use the lock ${shown}: ${parsed.why}`, { hint })
}

function reasonOf(error: unknown): string {
  if (codeOf(error) === 'ELOOP') return 'it is a link'
  return error instanceof PathError ? error.message : (codeOf(error) ?? messageOf(error))
}
