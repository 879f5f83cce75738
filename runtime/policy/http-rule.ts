/**
 * What an HTTP rule covers. Pure and linear: a rule is compared piece by piece with the one canonical record of a
 * request's URL, and no expression is built from what anybody wrote.
 *
 * Grammar: `METHOD[,METHOD] URL-pattern`. The host exact, or `*.` for one label more; a path by segment, `*` for one
 * that is not empty, a final `/**` for one or more; a query of none, `?*` for any, or `?page&state=open|closed` for
 * keys that may be there once each; behind that `{query: issues|project}` for the top-level fields of a GraphQL
 * operation.
 */
import { operationTrouble, type GraphqlRule } from './graphql-operation.ts'
import { hostMatches as hostMatchesPattern } from './address-rule.ts'
import type { Network } from './grant.ts'
import { splitHttpRule, type HttpRulePieces, type Piece, type RuleMistake } from './http-rule-pieces.ts'
import { hostTrouble, pathTrouble, percentDecoded, queryPairs, type CanonicalUrl } from './http-url.ts'

export interface HttpPattern {
  readonly methods: ReadonlySet<string>
  readonly scheme: string
  /** Without the `*.` of a wildcard. */
  readonly host: string
  readonly isWildcard: boolean
  readonly port: number
  /** Decoded; undefined is `*`. */
  readonly segments: readonly (string | undefined)[]
  /** Whether one segment or more follow. */
  readonly isDeep: boolean
  readonly query: QueryRule
  readonly graphql: GraphqlRule | undefined
}

/** By key, the values it may have; undefined: any. No key at all: no query. */
type QueryRule = 'any' | ReadonlyMap<string, ReadonlySet<string> | undefined>

export type CompiledHttpRule =
  | { readonly ok: true; readonly pattern: HttpPattern }
  | { readonly ok: false; readonly mistake: RuleMistake }

export const HTTP_METHODS: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/** `networks`: of the operator's, where `http:` may be permitted. */
export function compileHttpRule(text: string, networks: readonly Network[] = []): CompiledHttpRule {
  const split = splitHttpRule(text)
  if (!split.ok) return split
  const { pieces } = split
  const mistake =
    methodMistake(pieces.methods) ??
    originMistake(pieces, networks) ??
    pathMistake(pieces) ??
    queryMistake(pieces) ??
    graphqlMistake(pieces)
  if (mistake !== undefined) return { ok: false, mistake }
  const { methods, scheme, host, port, segments, query, pairs, graphql } = pieces
  const isWildcard = host.text.startsWith('*.')
  const isDeep = segments.at(-1)?.text === '**'
  return {
    ok: true,
    pattern: {
      methods: new Set(methods.map((method) => method.text)),
      scheme: scheme.text,
      host: isWildcard ? host.text.slice(2) : host.text,
      isWildcard,
      port: port === undefined ? (scheme.text === 'http' ? 80 : 443) : Number(port.text),
      segments: (isDeep ? segments.slice(0, -1) : segments).map(({ text }) =>
        text === '*' ? undefined : decoded(text),
      ),
      isDeep,
      query:
        query?.text === '*' ? 'any' : new Map(pairs.map(({ key, values }) => [decoded(key.text), decodedSet(values)])),
      graphql: graphql && graphqlRule(graphql.text),
    },
  }
}

/** A request as rules see it. */
export interface HttpAttempt {
  readonly method: string
  readonly url: CanonicalUrl
  readonly body: string | undefined
  readonly contentType: string | undefined
}

/** What first keeps a rule from covering a request, in the order in which it is asked. */
export interface Mismatch {
  readonly stage: 'origin' | 'path' | 'method' | 'query' | 'operation'
  /** In words, where it helps to know how near the rule was. */
  readonly why?: string
}

/** Undefined where the rule covers the request. */
export function mismatch(rule: HttpPattern, { method, url, body, contentType }: HttpAttempt): Mismatch | undefined {
  if (rule.scheme !== url.scheme || rule.port !== url.port || !hostMatches(rule, url.host)) return { stage: 'origin' }
  if (!pathMatches(rule, url.segments)) {
    const isEncoded = url.segments.some((segment) => segment.includes('/'))
    return { stage: 'path', ...(isEncoded ? { why: '`%2F` is granted only where a rule spells it' } : {}) }
  }
  if (!rule.methods.has(method)) {
    return { stage: 'method', why: `${[...rule.methods].join(', ')} is granted there, ${method.slice(0, 20)} is not` }
  }
  const query = queryTrouble(rule.query, url.query)
  if (query !== undefined) return { stage: 'query', why: query }
  const operation = rule.graphql && operationTrouble(rule.graphql, body, contentType)
  return operation === undefined ? undefined : { stage: 'operation', why: operation }
}

/** Whether every request that `narrow` covers is covered by `wide`. */
export function coversRule(wide: HttpPattern, narrow: HttpPattern): boolean {
  return (
    narrow.methods.isSubsetOf(wide.methods) &&
    wide.scheme === narrow.scheme &&
    wide.port === narrow.port &&
    (wide.isWildcard === narrow.isWildcard
      ? wide.host === narrow.host
      : wide.isWildcard && hostMatches(wide, narrow.host)) &&
    coversPath(wide, narrow) &&
    coversQuery(wide.query, narrow.query) &&
    coversOperation(wide.graphql, narrow.graphql)
  )
}

function hostMatches(rule: HttpPattern, host: string): boolean {
  return (
    rule.host === (rule.isWildcard ? host.slice(host.indexOf('.') + 1) : host) &&
    (!rule.isWildcard || host.includes('.'))
  )
}

function pathMatches({ segments, isDeep }: HttpPattern, path: readonly string[]): boolean {
  if (isDeep ? path.length <= segments.length : path.length !== segments.length) return false
  return (
    segments.every((segment, index) => (segment === undefined ? isName(path[index]) : segment === path[index])) &&
    (!isDeep || areBelow(path.slice(segments.length)))
  )
}

/** What `*` stands for: neither nothing, nor what another reader may take for two segments. */
function isName(segment: string | undefined): boolean {
  return segment !== undefined && segment !== '' && !segment.includes('/')
}

/** What `**` stands for: names, and a slash at the end of them. */
function areBelow(rest: readonly (string | undefined)[]): boolean {
  return rest.every((segment, index) => isName(segment) || (segment === '' && index > 0 && index === rest.length - 1))
}

function queryTrouble(rule: QueryRule, query: string | undefined): string | undefined {
  if (rule === 'any' || query === undefined) return undefined
  if (rule.size === 0) return 'no query is granted there'
  const pairs = queryPairs(query)
  if (pairs === undefined) return 'the query holds a `;` or a `%` that encodes no text'
  const seen = new Set<string>()
  for (const [key, value] of pairs) {
    const name = `the query key \`${key.slice(0, 60)}\``
    if (!rule.has(key)) return `${name} is not granted there`
    if (seen.has(key)) return `${name} is there twice`
    if (rule.get(key)?.has(value) === false) return `${name} is not granted that value`
    seen.add(key)
  }
  return undefined
}

function coversPath(wide: HttpPattern, narrow: HttpPattern): boolean {
  const { length } = wide.segments
  if (!wide.isDeep && (narrow.isDeep || narrow.segments.length !== length)) return false
  if (narrow.segments.length < length) return false
  const isCovered = wide.segments.every((segment, index) => {
    const other = narrow.segments[index]
    return segment === other || (segment === undefined && isName(other))
  })
  if (!isCovered || !wide.isDeep) return isCovered
  const rest = narrow.segments.slice(length).map((segment) => segment ?? '*')
  if (narrow.isDeep) return rest.every(isName)
  return rest.length > 0 && areBelow(rest)
}

function coversQuery(wide: QueryRule, narrow: QueryRule): boolean {
  if (wide === 'any' || narrow === 'any') return wide === 'any'
  return [...narrow].every(([key, values]) => {
    const allowed = wide.get(key)
    return wide.has(key) && (allowed === undefined || values?.isSubsetOf(allowed) === true)
  })
}

function coversOperation(wide: GraphqlRule | undefined, narrow: GraphqlRule | undefined): boolean {
  if (wide === undefined) return true
  return wide.type === narrow?.type && narrow.fields.isSubsetOf(wide.fields)
}

function methodMistake(methods: readonly Piece[]): RuleMistake | undefined {
  const seen = new Set<string>()
  for (const { text, at } of methods) {
    const upper = text.toUpperCase()
    if (text !== upper && HTTP_METHODS.includes(upper)) {
      return { message: 'a method is written in capitals', offset: at, hint: `write ${upper}` }
    }
    if (!HTTP_METHODS.includes(text)) {
      return {
        message: 'an HTTP rule begins with its methods',
        offset: at,
        hint: `one or more of ${HTTP_METHODS.join(',')}`,
      }
    }
    if (seen.has(text)) return { message: `the method ${text} is written twice`, offset: at }
    seen.add(text)
  }
  return undefined
}

function originMistake({ scheme, host, port }: HttpRulePieces, networks: readonly Network[]): RuleMistake | undefined {
  if (scheme.text !== 'https' && scheme.text !== 'http') {
    return {
      message: 'the scheme must be https',
      offset: scheme.at,
      hint: 'http is for a loopback address with a port',
    }
  }
  const isWildcard = host.text.startsWith('*.')
  const name = isWildcard ? host.text.slice(2) : host.text
  if (name.includes('*')) {
    const hint = 'write `*.` and a domain, or list the hosts'
    return {
      message: '`*` in a host stands for its whole first label',
      offset: host.at + host.text.lastIndexOf('*'),
      hint,
    }
  }
  const canonical = URL.parse(`https://${isWildcard ? 'a.' : ''}${name}/`)?.hostname
  const trouble = hostTrouble(name, isWildcard && canonical !== undefined ? canonical.slice(2) : canonical)
  if (trouble !== undefined) {
    const hint = canonical === undefined || isWildcard ? undefined : `write ${canonical}`
    return { message: `the rule is not one host: ${trouble}`, offset: host.at, ...(hint === undefined ? {} : { hint }) }
  }
  if (port !== undefined && !(/^[1-9][0-9]{0,4}$/.test(port.text) && Number(port.text) <= 65_535)) {
    return { message: 'a port is a number from 1 to 65535', offset: port.at }
  }
  const isPlain = networks.some(({ http, hosts }) => http && hosts.some((pattern) => coversHost(pattern, host.text)))
  if (scheme.text === 'http' && !isPlain && (port === undefined || !isLoopback(host.text))) {
    const hint = "write https, or http://127.0.0.1:PORT; or a network of the operator's permits it"
    return { message: 'http is for a literal loopback address with a port', offset: scheme.at, hint }
  }
  return undefined
}

/** Both exact, or `*.` and a domain. */
function coversHost(wide: string, narrow: string): boolean {
  return wide === narrow || (!narrow.startsWith('*.') && hostMatchesPattern(wide, narrow))
}

/** A name could resolve to another machine. */
function isLoopback(host: string): boolean {
  return /^127(?:\.\d+){3}$/.test(host) || host === '[::1]'
}

const PATH_TEXT = /^(?:[A-Za-z0-9\-._~!$&'()+,;=:@]|%[0-9A-Fa-f]{2})*/
const QUERY_TEXT = /^(?:[A-Za-z0-9\-._~!$'(),/:@]|%[0-9A-Fa-f]{2})*/

function pathMistake({ segments }: HttpRulePieces): RuleMistake | undefined {
  for (const [index, { text, at }] of segments.entries()) {
    const isLast = index === segments.length - 1
    if (text === '*' || (text === '**' && isLast)) continue
    if (text === '' && !isLast) return { message: 'a path holds no empty segment', offset: at }
    const star = text.indexOf('*')
    if (text === '**')
      return { message: '`**` stands at the end of a path alone', offset: at, hint: '`*` is one segment' }
    if (star !== -1) return { message: '`*` stands for one whole segment', offset: at + star }
    const mistake = textMistake({ text, at }, PATH_TEXT)
    if (mistake !== undefined) return mistake
    const trouble = pathTrouble(text)
    if (trouble !== undefined) return { message: `the rule can never take effect: ${trouble}`, offset: at }
  }
  return undefined
}

function queryMistake({ query, pairs }: HttpRulePieces): RuleMistake | undefined {
  if (query === undefined || query.text === '*') return undefined
  if (query.text === '') return { message: 'the query is empty', offset: query.at, hint: '`?*` is any query' }
  const star = query.text.indexOf('*')
  if (star !== -1) return { message: '`*` stands alone behind the `?`', offset: query.at + star }
  const keys = new Set<string>()
  for (const { key, values } of pairs) {
    const mistake = [key, ...(values ?? [])]
      .map((piece) => textMistake(piece, QUERY_TEXT))
      .find((found) => found !== undefined)
    if (mistake !== undefined) return mistake
    if (key.text === '') return { message: 'a query key is empty', offset: key.at }
    if (keys.has(decoded(key.text))) return { message: 'a query key is written twice', offset: key.at }
    keys.add(decoded(key.text))
    if (values !== undefined && decodedSet(values)!.size < values.length) {
      return { message: 'a value of a query key is written twice', offset: key.at }
    }
  }
  return undefined
}

/** A rule spells what a URL holds, in one way: anything else is percent-encoded UTF-8. */
function textMistake({ text, at }: Piece, allowed: RegExp): RuleMistake | undefined {
  const { length } = allowed.exec(text)?.[0] ?? ''
  if (length < text.length) {
    const character = String.fromCodePoint(text.codePointAt(length)!)
    const hint = character === '%' ? 'as in %20' : `write ${encodeURIComponent(character.toWellFormed())}`
    return { message: 'this character of a URL is percent-encoded', offset: at + length, hint }
  }
  return percentDecoded(text) === undefined ? { message: 'a `%` encodes no text here', offset: at } : undefined
}

const GRAPHQL = /^\{(query|mutation): ([^{}]*)\}$/

function graphqlMistake({ methods, query, graphql }: HttpRulePieces): RuleMistake | undefined {
  if (graphql === undefined) return undefined
  const offset = graphql.at
  const rule = graphqlRule(graphql.text)
  if (rule === undefined) {
    return {
      message: 'behind the URL stands nothing but a GraphQL part',
      offset,
      hint: 'as in {query: issues|project}',
    }
  }
  for (const field of rule.fields) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(field)) return { message: 'a GraphQL field is a name', offset }
    if (field.startsWith('__')) return { message: 'introspection is never granted', offset }
  }
  if (methods.length !== 1 || methods[0]!.text !== 'POST') {
    return { message: 'a GraphQL part is for POST alone', offset: methods[0]!.at }
  }
  // A server may prefer an operation that stands there to that of the body.
  return query && { message: 'a rule with a GraphQL part grants no query in the URL', offset: query.at }
}

function graphqlRule(text: string): GraphqlRule | undefined {
  const [, type, fields] = GRAPHQL.exec(text) ?? []
  if ((type !== 'query' && type !== 'mutation') || fields === undefined) return undefined
  return { type, fields: new Set(fields.split('|')) }
}

/** Of pieces that were checked. */
function decoded(text: string): string {
  return percentDecoded(text) ?? ''
}

function decodedSet(values: readonly Piece[] | undefined): ReadonlySet<string> | undefined {
  return values && new Set(values.map(({ text }) => decoded(text)))
}
