/** Whether a tool may make an HTTP request. Pure, and a denial unless a rule of the grant permits. */
import { addressTrouble } from './address-rule.ts'
import { chooseCredential } from './credential-choice.ts'
import type { Decision, DenyReason, Facts, Grant, HttpRequest, HttpRule } from './grant.ts'
import { sentHeaders } from './http-header.ts'
import { compileHttpRule, mismatch, type HttpAttempt, type HttpPattern, type Mismatch } from './http-rule.ts'
import { canonicalUrl, queryPairs, type CanonicalUrl } from './http-url.ts'

interface CompiledRule {
  readonly rule: HttpRule
  readonly pattern: HttpPattern
}

interface CompiledRules {
  readonly http: readonly CompiledRule[]
  readonly redirects: readonly CompiledRule[]
}

const BODILESS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** The order in which a rule is asked; the one that fails last is the nearest. */
const STAGES: readonly Mismatch['stage'][] = ['origin', 'path', 'method', 'query', 'operation']

/**
 * A redirect is an ordinary new request, for which those rules hold as well that only redirects may use. Where it came
 * from, and which addresses the host has, are facts: without them the answer is what it is if they are in order.
 */
export function decideHttp(grant: Grant, request: HttpRequest, facts: Facts): Decision {
  const canonical = canonicalUrl(request.url)
  if (!canonical.ok) return denial(grant, 'bad-url', `no such URL: ${canonical.why}`)
  const { url } = canonical
  const decision = decideUrl(grant, request, url, facts)
  if (decision.kind === 'deny') return decision
  if (facts.refused !== undefined) return denial(grant, 'credential', facts.refused)
  const trouble = facts.addresses && addressTrouble(url.host, facts.addresses, grant.networks ?? [])
  return trouble === undefined ? decision : denial(grant, 'address', `${url.host} leads to ${trouble}`)
}

function decideUrl(grant: Grant, request: HttpRequest, url: CanonicalUrl, facts: Facts): Decision {
  const { method } = request
  const sent = sentHeaders(grant.headers, request.headers ?? [])
  if (!sent.ok) return denial(grant, 'header', sent.why)
  // RFC 9110 section 9.3.1: a body of these has no meaning, and servers differ in what they make of one.
  if (request.body !== undefined && BODILESS.has(method)) return denial(grant, 'default-deny', `a body with ${method}`)
  const contentType = sent.headers.find(([name]) => name === 'content-type')?.[1]
  const attempt = { method, url, body: bodyText(request.body), contentType }
  const { http, redirects } = compiledRules(grant)
  const { redirect } = facts
  if (redirect?.from.startsWith('https:') === true && url.scheme === 'http') {
    return denial(grant, 'redirect', 'a redirect from https to http is not followed')
  }
  let nearest: Mismatch | undefined
  for (const { rule, pattern } of http) {
    const found = mismatch(pattern, attempt)
    if (found === undefined) return dressedPermit(grant, request, attempt, rule)
    if (nearest === undefined || STAGES.indexOf(found.stage) > STAGES.indexOf(nearest.stage)) nearest = found
  }
  const byRedirect =
    method === 'GET' ? redirects.find(({ pattern }) => mismatch(pattern, attempt) === undefined)?.rule : undefined
  if (byRedirect !== undefined && request.redirectOf !== undefined) {
    if (request.credential !== undefined) {
      return denial(grant, 'credential', 'what only a redirect leads to is never sent a credential')
    }
    if (redirect === undefined || redirect?.to === url.href) {
      return { kind: 'permit', rule: `redirect ${byRedirect.rule}`, place: byRedirect.place, byRedirect: true }
    }
    return denial(grant, 'redirect', 'the exchange that it names was not redirected there')
  }
  const why = byRedirect === undefined ? nearest?.why : 'that URL is reached by a redirect alone'
  const isNear = byRedirect !== undefined || nearest?.stage === 'operation'
  return denial(grant, 'default-deny', 'no rule permits it', [why, isNear ? undefined : needed(method, url)])
}

/** Permitted by an ordinary rule; with which credential is a question of its own. */
function dressedPermit(grant: Grant, request: HttpRequest, attempt: HttpAttempt, { rule, place }: HttpRule): Decision {
  const choice = chooseCredential(grant, request.credential, attempt)
  if (choice.kind === 'refused') return denial(grant, 'credential', choice.why)
  const permit = { kind: 'permit', rule, place } as const
  if (choice.kind === 'dressed') return { ...permit, credential: choice.credential.name }
  return choice.why === undefined ? permit : { ...permit, undressed: choice.why }
}

/** The narrowest rule that would permit it; a GraphQL rule would be another one. */
function needed(method: string, { scheme, host, port, segments, query }: CanonicalUrl): string | undefined {
  const authority = port === (scheme === 'https' ? 443 : 80) ? host : `${host}:${port}`
  const path = segments.map((segment) => encodeURIComponent(segment)).join('/')
  const keys = query === undefined ? [] : queryPairs(query)?.map(([key]) => encodeURIComponent(key))
  // No rule grants a key that is there twice.
  if (keys === undefined || new Set(keys).size < keys.length) return undefined
  const rule = `${method} ${scheme}://${authority}/${path}${keys.length === 0 ? '' : `?${keys.join('&')}`}`
  // GitHub names the further pages of a list by the number of the repository.
  const isPage = host === 'api.github.com' && segments[0] === 'repositories' && segments.length > 2
  const pages = isPage
    ? `, or for all pages ${method} https://api.github.com/repositories/*/${segments.slice(2).join('/')}?*`
    : ''
  return `it would need ${rule.slice(0, NEEDED_LENGTH_MAX)}${pages}`
}

/** Of a URL in a message. */
const NEEDED_LENGTH_MAX = 500

function denial(grant: Grant, reason: DenyReason, rule: string, why: readonly (string | undefined)[] = []): Decision {
  const allowed = [allowedRequests(grant), ...why.filter((text) => text !== undefined)].join('; ')
  return { kind: 'deny', reason, rule, allowed }
}

/** What a tool may request, in one sentence. */
function allowedRequests({ tool, http }: Grant): string {
  if (http.length === 0) return `${tool} has no right to any URL`
  return `${tool} may request ${http.map(({ rule }) => rule).join('; ')}`
}

/** Undefined where it is no text; no rule that looks into a body covers that. */
function bodyText(body: Uint8Array | undefined): string | undefined {
  if (body === undefined) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body)
  } catch {
    return undefined
  }
}

const cache = new WeakMap<Grant, CompiledRules>()

function compiledRules(grant: Grant): CompiledRules {
  const known = cache.get(grant)
  if (known !== undefined) return known
  const compiledRule = (rule: HttpRule): CompiledRule => compiledOf(rule, grant.networks)
  const compiled = { http: grant.http.map(compiledRule), redirects: grant.redirects.map(compiledRule) }
  cache.set(grant, compiled)
  return compiled
}

/** Rules were checked where they were read; one that does not compile here is a mistake of ours. */
function compiledOf(rule: HttpRule, networks: Grant['networks']): CompiledRule {
  const compiled = compileHttpRule(rule.rule, networks)
  if (!compiled.ok) throw new Error(`the rule ${rule.rule} of a grant does not compile: ${compiled.mistake.message}`)
  return { rule, pattern: compiled.pattern }
}
