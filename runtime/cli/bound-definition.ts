/** A definition with what the person who runs it brings along: the user, settings, protected files that are granted. */
import type { OperatorConfig } from '../definition/config.ts'
import { RunAgentError } from '../errors.ts'
import { readDefinition, type DefinitionPlace, type ReadDefinition } from '../read-definition.ts'
import { nodeFileHost } from '../node-files.ts'
import { matchesWhole } from '../node-regexp.ts'
import { normalisePath } from '../policy/path-rule.ts'
import { isGitInternal, protectedBy } from '../policy/protected-paths.ts'
import { printable } from '../printable.ts'
import type { CommandEnvironment } from './environment.ts'

export interface BindingArguments {
  /** `name=value`, each given once. */
  readonly set: readonly string[]
  readonly user: string | undefined
  /** Workspace-relative. */
  readonly allowProtected: readonly string[]
}

/** `granted`: what the operator's configuration takes off the list of protected paths for this definition. */
export async function readBoundDefinition(
  environment: CommandEnvironment,
  config: OperatorConfig,
  place: DefinitionPlace,
  args: BindingArguments,
  granted: readonly string[] = [],
): Promise<ReadDefinition> {
  return await readDefinition(nodeFileHost, place, {
    values: {
      user: userOf(environment, args),
      given: givenSettings(args.set),
      configured: config.settings,
      matchesWhole,
    },
    networks: config.networks.map(({ grant }) => grant),
    allowProtected: [...new Set([...args.allowProtected.map(protectedPath), ...granted])],
  })
}

/** The run's user: a name within one account of the operating system, which authenticates nobody. */
export function userOf(environment: CommandEnvironment, { user }: Pick<BindingArguments, 'user'>): string {
  const name = user ?? environment.user.name
  if (name.trim() === '' || printable(name) !== name) {
    throw new RunAgentError('E_USAGE', '--user must be a name, without invisible characters')
  }
  return name
}

function givenSettings(pairs: readonly string[]): ReadonlyMap<string, string> {
  const given = new Map<string, string>()
  for (const pair of pairs) {
    const at = pair.indexOf('=')
    if (at <= 0) throw new RunAgentError('E_USAGE', `--set ${pair} must be name=value`)
    const name = pair.slice(0, at)
    if (given.has(name)) throw new RunAgentError('E_USAGE', `--set ${name} is given more than once`)
    given.set(name, pair.slice(at + 1))
  }
  return given
}

/** A path that no definition grants; any other would be allowed for nothing. */
export function protectedPath(text: string): string {
  const normalised = normalisePath(text)
  if (!normalised.ok) throw new RunAgentError('E_USAGE', `--allow-protected ${text}: ${normalised.why}`)
  const { path } = normalised
  if (protectedBy(path) !== undefined || isGitInternal(path)) return path
  throw new RunAgentError('E_USAGE', `--allow-protected ${text}: the path is not protected`, {
    hint: 'A rule of the definition grants it.',
  })
}
