/** A definition as `check` and `can` see it: read with whatever values there are, its grants as a run would have them. */
import type { OperatorConfig } from '../definition/config.ts'
import { allowedProtected } from '../ceiling.ts'
import { RunAgentError } from '../errors.ts'
import { checkAgent, type CheckedAgent } from '../load-agent.ts'
import { readDefinition, type DefinitionPlace, type ReadDefinition } from '../read-definition.ts'
import { digestOf, type AgentParts } from '../lock.ts'
import { nodeFileHost } from '../node-files.ts'
import { withCredentials, type CredentialQuestion } from '../granted-credentials.ts'
import { protectedPath, readBoundDefinition, userOf, type BindingArguments } from './bound-definition.ts'
import { operatorFiles, workspaceFiles, workspaceFolder, type CommandEnvironment } from './environment.ts'
import type { Workshop } from './workshop.ts'

/** What a question of rights may be told besides the definition; as a run is. */
export interface QuestionArguments extends BindingArguments {
  readonly workspace: string | undefined
  readonly config: string | undefined
}

export interface AskedAgent extends CheckedAgent {
  /** Absolute. */
  readonly workspace: string
  readonly digest: string
  /** `unbound`: a setting has no value here, and stands as `$name` in every rule. */
  readonly values: 'bound' | 'unbound'
}

export async function askedAgent(
  environment: CommandEnvironment,
  config: OperatorConfig,
  workshop: Workshop,
  place: DefinitionPlace,
  args: QuestionArguments,
): Promise<AskedAgent> {
  const values = await valuesFor(config, place, args)
  const agent = await withProtected(config, place, async (granted) => {
    const read =
      values === 'bound'
        ? await readBoundDefinition(environment, config, place, args, granted)
        : await readUnbound(config, place, args.allowProtected, granted)
    const workspace = workspaceFolder(environment, args.workspace, read.definition.workspace)
    const kept = operatorFiles(environment, config, undefined)
    const checked = await checkAgent(workshop.loader, place, read, workspaceFiles(environment, workspace, place, kept))
    return { ...checked, workspace }
  })
  const digest = digestOf(agent.parts)
  const question = credentialQuestion(environment, config, place, args, digest)
  const tools = agent.tools.map(({ entry, grant }) => ({
    entry,
    // A question needs no configuration: what a credential would be for, and to whom it is given, is then not known.
    grant: entry.credentials.every(({ name }) => config.credentials.has(name))
      ? withCredentials(agent.definition, entry, grant, question)
      : grant,
  }))
  return { ...agent, tools, digest, values }
}

/** What the operator's configuration is asked for a definition's credentials. */
export function credentialQuestion(
  environment: CommandEnvironment,
  config: OperatorConfig,
  place: DefinitionPlace,
  args: Pick<BindingArguments, 'user'>,
  digest: string,
): CredentialQuestion {
  const user = userOf(environment, args)
  const { realPath } = place
  return { config, user, owner: environment.user.name, realPath, digest, realPathOf }
}

/** Without values: its settings stand as `$name`. */
export async function readUnbound(
  config: OperatorConfig,
  place: DefinitionPlace,
  allowProtected: readonly string[],
  granted: readonly string[],
): Promise<ReadDefinition> {
  const unlocked = [...allowProtected.map(protectedPath), ...granted]
  const networks = config.networks.map(({ grant }) => grant)
  return await readDefinition(nodeFileHost, place, { allowProtected: [...new Set(unlocked)], networks })
}

/** A question can be asked of a definition some of whose settings have no value; a run of it could not start. */
async function valuesFor(
  config: OperatorConfig,
  place: DefinitionPlace,
  args: QuestionArguments,
): Promise<AskedAgent['values']> {
  if (args.set.length > 0 || args.user !== undefined) return 'bound'
  const { definition } = await readUnbound(config, place, args.allowProtected, candidates(config, place, undefined))
  const { settings } = definition
  return settings.every(({ name }) => config.settings.has(name)) ? 'bound' : 'unbound'
}

/**
 * Loads with the protected paths that the configuration grants to this definition. One that it grants to a lock is
 * known to be granted only once all is loaded, so what was loaded with too many is loaded again with the right ones;
 * `load` runs nothing.
 */
export async function withProtected<Agent extends { readonly parts: AgentParts }>(
  config: OperatorConfig,
  place: DefinitionPlace,
  load: (granted: readonly string[]) => Promise<Agent>,
): Promise<Agent> {
  const possible = candidates(config, place, undefined)
  const loaded = await load(possible)
  const granted = candidates(config, place, digestOf(loaded.parts))
  if (granted.length === possible.length) return loaded
  const again = await load(granted)
  if (digestOf(again.parts) === digestOf(loaded.parts)) return again
  throw new RunAgentError('E_DEFINITION', `${place.shown} changed while it was read`)
}

function candidates(config: OperatorConfig, place: DefinitionPlace, digest: string | undefined): readonly string[] {
  if (config.protected.length === 0) return []
  return allowedProtected(config, place.realPath, digest, realPathOf)
}

function realPathOf(path: string): string | undefined {
  try {
    return nodeFileHost.realPath(path)
  } catch {
    return undefined
  }
}
