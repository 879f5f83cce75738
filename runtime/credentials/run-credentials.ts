/**
 * The credentials of one run: a chain of grants for each tool that has one, a token for each request, and the secret
 * written to its one slot at the last step. Nobody else sees a value.
 */
import type { Dressed, Dresser, DressQuestion } from '../broker/dressing.ts'
import { messageOf, RunAgentError } from '../errors.ts'
import {
  CREDENTIAL_EXPOSURES_MAX,
  CREDENTIAL_RENEWALS_MAX,
  CREDENTIAL_CONTENT_TYPES,
  FILE_WRITE_BYTES_MAX,
  HTTP_RESPONSE_BYTES_MAX,
} from '../limits.ts'
import { canonicalUrl } from '../policy/http-url.ts'
import type { Clock } from '../ports.ts'
import type { ActionTokens } from './chain/action-token.ts'
import type { Authority } from './chain/authority.ts'
import { agentTexts, type AgentIdentity, type Ensured, type Grants, type NewGrant } from './chain/grant-chain.ts'
import { revokedError, type Revocations } from './chain/revocations.ts'
import type { LiveSecret, SecretSource } from './secret.ts'
import { headerOf, urlWith } from './slot.ts'

/** One tool with one credential, as the operator's configuration gives it. */
export interface GivenCredential {
  readonly tool: string
  /** SHA-256 of the tool's bundle, hex. */
  readonly bundle: string
  readonly credential: string
  readonly agent: AgentIdentity
  /** The operator's, and what of them the tool's own rules leave. */
  readonly rules: readonly string[]
  readonly toolRules: readonly string[]
  readonly sinceMs: number
  readonly untilMs: number | 'never'
}

export interface RunCredentialsOptions {
  readonly run: string
  readonly user: string
  /** What `run-agent lock` prints for the definition as it was loaded. */
  readonly agentDigest: string
  /** The file of the definition; undefined: it cannot be resolved. */
  readonly agentFile: string | undefined
  readonly given: readonly GivenCredential[]
  readonly sourceOf: (credential: string) => SecretSource
  readonly grants: Grants
  readonly revocations: Revocations
  readonly tokens: ActionTokens
  readonly clock: Pick<Clock, 'now'>
  /** How many of its values came back in this run. */
  readonly exposures: (credential: string) => number
  /** Called with each value before it is first used: from then on it must not show. */
  readonly onUse: (secret: LiveSecret, derived: readonly string[]) => void
}

/**
 * Makes the chains, or finds those that were made before.
 * @throws RunAgentError E_CREDENTIAL where one of them was revoked, saying when, by whom and why.
 */
export function createRunCredentials(options: RunCredentialsOptions): Dresser {
  const chains = new Map<string, GivenCredential & { readonly grant: string }>()
  for (const given of options.given) {
    chains.set(keyOf(given.tool, given.credential), { ...given, grant: chainFor(options, given) })
  }
  const renewals = new Map<string, number>()
  return {
    async dress(question) {
      const { tool, credential, rejected } = question
      const chain = chains.get(keyOf(tool, credential.name))
      if (chain === undefined) return refused(`${tool} was given no credential ${credential.name} in this run`)
      // Else a server that answers 401 for ever would have its issuer asked for ever.
      const renewed = (renewals.get(credential.name) ?? 0) + (rejected === undefined ? 0 : 1)
      if (renewed > CREDENTIAL_RENEWALS_MAX) {
        return refused(
          `the credential ${credential.name} was refused and renewed ${CREDENTIAL_RENEWALS_MAX} times in this run`,
        )
      }
      renewals.set(credential.name, renewed)
      if (options.exposures(credential.name) >= CREDENTIAL_EXPOSURES_MAX) {
        return refused(
          `values of the credential ${credential.name} came back ${CREDENTIAL_EXPOSURES_MAX} times in this run`,
        )
      }
      try {
        assertNotRevoked(options, chain)
        return dressWith(options, question, chain, await fetched(options, question))
      } catch (error) {
        if (!(error instanceof RunAgentError) || error.code !== 'E_CREDENTIAL') throw error
        return refused(`the credential ${credential.name} cannot be had${ASK_TRAIL}`, inWords(error))
      }
    },
  }
}

function keyOf(tool: string, credential: string): string {
  return `${tool}\n${credential}`
}

async function fetched(
  { sourceOf, user }: RunCredentialsOptions,
  { credential, rejected, signal }: DressQuestion,
): Promise<LiveSecret> {
  return await sourceOf(credential.name).fetch({ user, signal, ...(rejected === undefined ? {} : { rejected }) })
}

/** Spends the token after all that can fail, and before the request goes out. */
function dressWith(
  options: RunCredentialsOptions,
  question: DressQuestion,
  chain: GivenCredential & { readonly grant: string },
  secret: LiveSecret,
): Dressed {
  const { credential, binding } = question
  const canonical = canonicalUrl(question.url)
  if (!canonical.ok) throw new Error('a request for what is no URL was to be dressed')
  const { slot } = credential
  const header = headerOf(credential.name, slot, secret.value)
  const url = slot.kind === 'query' ? urlWith(slot, question.url, secret.value) : question.url
  options.onUse(secret, header === undefined ? [] : [header[1]])
  const spent = options.tokens.authorise(
    chain.grant,
    {
      user: options.user,
      credential: credential.name,
      agent: chain.agent,
      agentDigest: options.agentDigest,
      tool: chain.tool,
      bundle: chain.bundle,
      run: options.run,
      call: question.call,
      ordinal: question.ordinal,
      argumentsSha256: binding.argumentsSha256,
      idempotencyKey: binding.idempotencyKey,
      method: question.method,
      url: canonical.url,
      body: question.body,
      contentType: question.contentType,
      responseBytesMax: HTTP_RESPONSE_BYTES_MAX,
      scopes: [],
      permissions: {},
      repositories: [],
    },
    options.clock.now(),
  )
  if (!spent.ok) return refused(`the credential ${credential.name} may not be used${ASK_TRAIL}`, spent.why)
  const used = { name: credential.name, version: secret.version, chain: spent.chain }
  const pool = JSON.stringify([chain.tool, options.user, credential.name, secret.version])
  return { kind: 'dressed', used, url, header, pool }
}

/** What a source says names files and commands of this machine, and what a grant says who took it back. */
const ASK_TRAIL = '; `run-agent audit show` tells the operator why'

function refused(why: string, reason?: string): Dressed {
  return { kind: 'refused', why, ...(reason !== undefined && { reason }) }
}

function inWords(error: RunAgentError): string {
  return error.hint === undefined ? messageOf(error) : `${messageOf(error)}. ${error.hint}`
}

/** What every level may do but for the rules: the grammar of the configuration says nothing else yet. */
const BOUNDS: Omit<Authority, 'rules' | 'childDepth' | 'notBeforeMs' | 'expiresAtMs'> = {
  contentTypes: CREDENTIAL_CONTENT_TYPES,
  requestBytesMax: FILE_WRITE_BYTES_MAX,
  responseBytesMax: HTTP_RESPONSE_BYTES_MAX,
  usesMax: 'unlimited',
  scopes: [],
  permissions: {},
  repositories: [],
}

/** The id of the tool's grant. */
function chainFor(options: RunCredentialsOptions, given: GivenCredential): string {
  const { grants, user, agentDigest } = options
  const { credential, agent, tool, bundle, rules, toolRules, sinceMs, untilMs } = given
  const bounds = { ...BOUNDS, notBeforeMs: sinceMs, expiresAtMs: untilMs }
  assertNotRevoked(options, given)
  const ensured = (grant: NewGrant): string => {
    const result: Ensured = grants.ensure(grant)
    if (result.ok) return result.id
    throw new RunAgentError('E_CREDENTIAL', `${tool} may not use the credential ${credential}: ${result.why}`, {
      hint: '`run-agent credentials grants` lists what was granted and revoked.',
    })
  }
  const root = ensured({ level: 'user', user, credential, authority: { ...bounds, rules, childDepth: 3 } })
  const authority = { ...bounds, rules, childDepth: 2 }
  const middle = ensured({ level: 'agent', user, parent: root, agent, agentDigest, authority })
  return ensured({
    level: 'tool',
    user,
    parent: middle,
    tool,
    bundle,
    authority: { ...bounds, rules: toolRules, childDepth: 1 },
  })
}

/** @throws RunAgentError E_CREDENTIAL, saying when, by whom and why. */
function assertNotRevoked(
  { revocations, user, agentDigest, agentFile }: RunCredentialsOptions,
  { credential, tool, sinceMs }: GivenCredential,
): void {
  const agents = agentTexts(agentFile, agentDigest)
  const revoked = revocations.find(user, { credential, agents, tool }, sinceMs)
  if (revoked !== undefined) throw revokedError(`${tool} may not use the credential ${credential}`, revoked)
}
