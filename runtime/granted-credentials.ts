/**
 * What a definition names, the operator gives or does not: user, agent and tool must each be named by the
 * configuration, and the agent be known by its file or its lock, never by the name that it gives itself.
 */
import type { OperatorConfig } from './definition/config.ts'
import type { CredentialAgent, CredentialConfig } from './definition/config-credentials.ts'
import type { AgentDefinition, NamedCredential, ToolEntry } from './definition/definition.ts'
import { didYouMean } from './definition/suggest.ts'
import { ProblemsError, RunAgentError, type Problem } from './errors.ts'
import { problemAt } from './load-agent.ts'
import { slotHeader } from './policy/credential-choice.ts'
import type { CredentialRule, Grant, HttpRule } from './policy/grant.ts'
import { compileHttpRule, coversRule, type HttpPattern } from './policy/http-rule.ts'

/** Whom a credential would be given to. */
export interface CredentialQuestion {
  readonly config: Pick<OperatorConfig, 'credentials'>
  /** The run's user, and the one whose configuration it is. */
  readonly user: string
  readonly owner: string
  /** Of the definition; undefined: it cannot be resolved. */
  readonly realPath: string | undefined
  /** What `run-agent lock` prints for it. */
  readonly digest: string
  readonly realPathOf: (path: string) => string | undefined
}

/** How an agent is known to the operator: the third part of a chain of grants. */
export type KnownAgent = CredentialAgent['known']

/**
 * The grant with the credentials that its entry names.
 * @throws ProblemsError E_CONFIG for a name that the configuration lacks, RunAgentError E_CREDENTIAL for one that it
 * does not give to this user, agent and tool, saying which of them is missing and what to write.
 */
export function withCredentials(
  definition: Pick<AgentDefinition, 'name' | 'tools'>,
  entry: ToolEntry,
  grant: Grant,
  question: CredentialQuestion,
): Grant {
  if (entry.credentials.length === 0) return grant
  const credentials = entry.credentials.map((named) => credentialRule(definition, entry, grant, named, question))
  return { ...grant, credentials }
}

function credentialRule(
  definition: Pick<AgentDefinition, 'name' | 'tools'>,
  entry: ToolEntry,
  grant: Grant,
  { name, place }: NamedCredential,
  question: CredentialQuestion,
): CredentialRule {
  const config = question.config.credentials.get(name)
  if (config === undefined) throw unknown(name, place)
  const { tools, place: at } = grantedAgent(definition.name, entry.name, name, config, place, question)
  const own = definition.tools.map((tool) => tool.name)
  const missing = tools.find((tool) => !own.includes(tool))
  if (missing !== undefined) {
    throw credentialError(
      place,
      `the configuration gives the credential ${name} to ${missing}, which no tool is called`,
      {
        hint: didYouMean(missing, own) ?? `${at} names it; the tools of ${definition.name} are ${own.join(', ')}.`,
      },
    )
  }
  const { inject } = config
  if (inject === undefined) throw new Error('a credential that agents have says where it is written')
  const rules = sharedRules(config.for, grant)
  if (rules.length === 0) {
    throw credentialError(place, `${entry.name} never makes a request that the credential ${name} is for`, {
      hint: `It is for ${config.for.map(({ rule }) => rule).join(', ')}; the tool may request ${grant.http.map(({ rule }) => rule).join(', ')}.`,
    })
  }
  const header = slotHeader(inject)
  const fixed = grant.headers.find((rule) => header !== undefined && folded(rule.name) === folded(header))
  if (fixed !== undefined) {
    const why = `the header ${fixed.name} is where the credential ${name} is written, so no definition sets it`
    throw new ProblemsError('E_DEFINITION', [problemAt(fixed.place, why)])
  }
  return { name, rules, slot: inject, place }
}

/** The operator's entry for this agent, which gives the credential to this tool and this user. */
export function grantedAgent(
  agentName: string,
  tool: string,
  credential: string,
  config: CredentialConfig,
  place: string,
  question: CredentialQuestion,
): CredentialAgent {
  assertUser(credential, config, place, question)
  const named = config.agents.filter(({ name }) => name === agentName)
  const known = named.find((agent) => isKnown(agent.known, question))
  const path = question.realPath ?? 'the path of the definition'
  if (known === undefined) {
    const why =
      named.length === 0
        ? `the configuration does not name the agent ${agentName}`
        : `the configuration means another ${agentName}: ${named.map(({ known: other }) => ('from' in other ? `the one in ${other.from}` : `the one with the lock ${other.lock}`)).join(', ')}; this one has the lock ${question.digest}`
    throw credentialError(place, `the credential ${credential} is not given to this agent: ${why}`, {
      hint: `In ${config.place}, write agents: { ${agentName}: { from: ${path}, tools: [${tool}] } }, or lock: ${question.digest} in place of from.`,
    })
  }
  if (!known.tools.includes(tool)) {
    throw credentialError(place, `the credential ${credential} is not given to the tool ${tool} of ${agentName}`, {
      hint: `The configuration gives it to ${known.tools.join(', ')} (${known.place}).`,
    })
  }
  return known
}

function assertUser(
  credential: string,
  { users, place: at }: CredentialConfig,
  place: string,
  { user, owner }: Pick<CredentialQuestion, 'user' | 'owner'>,
): void {
  const given = users ?? [owner]
  if (given.includes(user)) return
  throw credentialError(place, `the credential ${credential} is not for the user ${user}`, {
    hint: `The configuration gives it to ${given.join(', ')} (${at}).`,
  })
}

/**
 * What the configuration says of a credential that something else than a tool uses: a provider of models.
 * @throws RunAgentError E_CREDENTIAL where it is not for this user, or not now.
 */
export function assertUsable(
  credential: string,
  question: Pick<CredentialQuestion, 'config' | 'user' | 'owner'>,
  nowMs: number,
): void {
  const config = question.config.credentials.get(credential)
  if (config === undefined) return
  assertUser(credential, config, config.place, question)
  const { sinceMs, untilMs, place } = config
  const why = nowMs < sinceMs ? 'not before' : untilMs !== 'never' && nowMs >= untilMs ? 'no longer than' : undefined
  if (why === undefined) return
  const when = new Date(why === 'not before' ? sinceMs : Number(untilMs)).toISOString()
  throw credentialError(place, `the credential ${credential} may be used ${why} ${when}`, {
    hint: 'The configuration says so: `since`, `until`.',
  })
}

function isKnown(known: KnownAgent, { realPath, digest, realPathOf }: CredentialQuestion): boolean {
  if ('lock' in known) return known.lock === digest
  return realPath !== undefined && realPathOf(known.from) === realPath
}

/**
 * What the operator's rules and the tool's own have in common: of two of which one covers the other, the narrower one.
 * Two that only overlap give nothing, because nobody sees what of them remains.
 */
function sharedRules(given: readonly HttpRule[], { http, networks }: Grant): readonly HttpRule[] {
  const compile = (rules: readonly HttpRule[]) =>
    rules.flatMap((rule) => {
      const pattern = patternOf(rule.rule, networks)
      return pattern === undefined ? [] : [{ rule, pattern }]
    })
  const [wide, own] = [compile(given), compile(http)]
  const shared = wide.flatMap((one) =>
    own.flatMap((other) => {
      if (coversRule(one.pattern, other.pattern)) return [other.rule]
      return coversRule(other.pattern, one.pattern) ? [one.rule] : []
    }),
  )
  return [...new Map(shared.map((rule) => [rule.rule, rule])).values()]
}

function patternOf(rule: string, networks: Grant['networks']): HttpPattern | undefined {
  const compiled = compileHttpRule(rule, networks)
  return compiled.ok ? compiled.pattern : undefined
}

function folded(header: string): string {
  return header.replaceAll('_', '-')
}

function unknown(name: string, place: string): ProblemsError {
  const problem: Problem = {
    ...problemAt(place, `the configuration has no credential ${name}`),
    hint: `write credentials: { ${name}: { source: …, inject: …, for: …, agents: … } } in the operator's configuration`,
  }
  return new ProblemsError('E_CONFIG', [problem])
}

function credentialError(place: string, message: string, { hint }: { readonly hint: string }): RunAgentError {
  return new RunAgentError('E_CREDENTIAL', `${place} ${message}`, { hint })
}
