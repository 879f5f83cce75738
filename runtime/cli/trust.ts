/**
 * Trust on first use: an agent that this user has never run, by the digest that a lock covers, is run only once
 * somebody has seen its rights. What was asked of is what was loaded, so nothing can be swapped behind the answer.
 */
import { messageOf, RunAgentError } from '../errors.ts'
import { checkedTools, type LoadedAgent } from '../load-agent.ts'
import { type DefinitionPlace, type ReadDefinition } from '../read-definition.ts'
import { digestOf } from '../lock.ts'
import { nodeFileHost } from '../node-files.ts'
import { nodeClock } from '../node-processes.ts'
import { openTrustFile, type OpenedTrustFile } from '../node-trust-file.ts'
import { printable } from '../printable.ts'
import { carriedInWords, rightsInWords, SURPRISE_MARK } from '../rights.ts'
import type { CommandEnvironment } from './environment.ts'
import { assertLocked } from './lock-command.ts'

export interface TrustArguments {
  readonly trust: boolean
  readonly locked: boolean
}

/** An agent with where it will run and how its definition was read. */
export interface RunnableAgent extends LoadedAgent, Pick<ReadDefinition, 'allowProtected' | 'networks'> {
  /** Absolute. */
  readonly workspace: string
}

/** Throws E_DEFINITION for an agent that must not run. */
export async function assertTrusted(
  environment: CommandEnvironment,
  place: DefinitionPlace,
  agent: RunnableAgent,
  args: TrustArguments,
): Promise<void> {
  if (args.locked) {
    await assertLocked(place, agent.parts, agent)
    return
  }
  if (comesWithRunAgent(environment, place)) return
  const digest = digestOf(agent.parts)
  const { name } = agent.definition
  const brought = [environment.currentFolder, place.folder]
  const trusted = openTrustFile(environment.folders.state, environment.user.uid, brought)
  if (trusted.ok && trusted.file.has(digest)) return
  if (args.trust) {
    remember(trusted, digest, name)
    return
  }
  const lines = [...carriedInWords(agent.carried), ...rightsInWords(agent.definition, checkedTools(agent))]
  const heading = `${name} has never been run by you as it is now (${digest}). In ${agent.workspace} it may:`
  if (!process.stdin.isTTY || !process.stderr.isTTY) throw notTrusted(place, [heading, ...lines], trusted)
  process.stderr.write(`run-agent: ${heading}\n${lines.join('\n')}\n`)
  const marked = lines.filter((line) => line.startsWith(SURPRISE_MARK))
  // The first lines may have left the screen by now.
  if (lines.length > SCREEN_LINES) process.stderr.write(`\nOf all this:\n${shortened(marked).join('\n')}\n`)
  const { length } = marked
  const twice = length === 0 ? '' : `${length} of these lines ${length === 1 ? 'is' : 'are'} marked ${SURPRISE_MARK}. `
  if (!isYes(await ask(`${twice}Run it? [y/N] `))) {
    throw new RunAgentError('E_DEFINITION', `${name} was not run: nobody said yes`)
  }
  remember(trusted, digest, name)
}

const SCREEN_LINES = 20

function shortened(lines: readonly string[]): readonly string[] {
  if (lines.length <= SCREEN_LINES) return lines
  return [...lines.slice(0, SCREEN_LINES), `… and ${lines.length - SCREEN_LINES} more; run-agent check shows them all`]
}

/** By where its folder really is, whatever links lead there and whatever name it gives itself. */
function comesWithRunAgent({ installation }: CommandEnvironment, { folder }: DefinitionPlace): boolean {
  try {
    return nodeFileHost.realPath(folder) === nodeFileHost.realPath(`${installation.root}/agents`)
  } catch {
    return false
  }
}

function notTrusted(place: DefinitionPlace, lines: readonly string[], trusted: OpenedTrustFile): RunAgentError {
  const why = trusted.ok ? [] : [printable(trusted.why)]
  return new RunAgentError('E_DEFINITION', [...lines, ...why].join('\n'), {
    hint: `Run it with --trust if that is what it may do, or lock it with run-agent lock ${place.shown} and run it with --locked.`,
  })
}

/** Somebody has said yes; that the next run will ask again is no reason not to run. */
function remember(trusted: OpenedTrustFile, digest: string, name: string): void {
  try {
    if (trusted.ok) trusted.file.add(digest, name)
  } catch (error) {
    process.stderr.write(
      `run-agent: couldn't add to ${printable(trusted.ok ? trusted.file.path : '')}: ${printable(messageOf(error))}\n`,
    )
  }
  if (!trusted.ok) process.stderr.write(`run-agent: this will be asked again: ${printable(trusted.why)}\n`)
}

/** The terminal hands over what it holds at once; a person has not read the question by then. */
const TYPED_AHEAD_MS = 100

/**
 * One line of the terminal; its end is a no. What was typed, or pasted, before the question was there is no answer
 * to it.
 */
async function ask(question: string): Promise<string> {
  const { stdin } = process
  stdin.setEncoding('utf8')
  return await new Promise((resolve) => {
    let isAsked = false
    const answer = (text: string): void => {
      stdin.off('data', hear).off('end', end).pause().unref()
      resolve(text)
    }
    const hear = (text: string): void => void (isAsked && answer(text))
    const end = (): void => answer('')
    stdin.on('data', hear).on('end', end)
    nodeClock.after(TYPED_AHEAD_MS, () => {
      isAsked = true
      process.stderr.write(question)
    })
  })
}

function isYes(answer: string): boolean {
  return /^\s*y(?:es)?\s*$/i.test(answer)
}
