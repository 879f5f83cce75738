/**
 * The headers of a request: which no rule and no tool sets (what frames a message, what is a credential, what says who
 * or what asks), which every tool may, and what becomes of the others.
 */
import type { HeaderRule } from './grant.ts'

type Header = readonly [name: string, value: string]

export type SentHeaders =
  | {
      readonly ok: true
      /** Each name once. */
      readonly headers: readonly Header[]
      /** Names of what the tool gave and is not sent. */
      readonly dropped: readonly string[]
    }
  | { readonly ok: false; readonly why: string }

/** What every tool may say of its own request. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  'accept',
  'accept-language',
  'cache-control',
  'content-language',
  'content-type',
  'idempotency-key',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'last-event-id',
  'pragma',
  'prefer',
  'range',
  'user-agent',
  'x-github-api-version',
  'x-request-id',
])

/** What goes along to another origin that is reached by a redirect alone; nothing else was meant for it. */
const ELSEWHERE: ReadonlySet<string> = new Set([
  'accept',
  'accept-language',
  'content-language',
  'content-type',
  'range',
  'user-agent',
])

export function isSentElsewhere(name: string): boolean {
  return ELSEWHERE.has(name)
}

/** What client libraries add by themselves: sent by nobody, or said of this machine. Its lack changes no request. */
const NEEDLESS = /^(?:accept-encoding|dnt|origin|priority|referer|x-stainless-.*)$/

const AUTH_LIKE =
  /(?:^|-)(?:api-?key|auth|authentication|authorization|credentials?|password|secret|session|token)(?:-|$)/

/** Visible ASCII, and spaces and tabs within (RFC 9110 section 5.5, without obs-text). */
const VALUE = /^(?:[!-~](?:[\t -~]*[!-~])?)?$/

/**
 * What of the headers that a tool gave goes out, beside those that the definition fixes. What looks like a credential
 * is dropped: credentials are the operator's. Everything else that is not granted refuses the request, because without
 * it another request would be made than the one that was meant.
 */
export function sentHeaders(rules: readonly HeaderRule[], given: readonly Header[]): SentHeaders {
  const fixed = rules.flatMap(({ name, value }): Header[] => (value === undefined ? [] : [[name, value]]))
  const names = new Set<string>()
  const headers: Header[] = []
  const dropped: string[] = []
  for (const [name, value] of given) {
    if (names.has(name)) return { ok: false, why: `the header ${name} is there twice` }
    names.add(name)
    const rule = rules.find((candidate) => candidate.name === name)
    if (rule === undefined && !OWN_HEADERS.has(name)) {
      const why = refusalOf(name)
      if (why !== undefined) return { ok: false, why }
      dropped.push(name)
    } else if (rule?.value !== undefined) {
      if (rule.value !== value) dropped.push(name)
    } else if (VALUE.test(value)) headers.push([name, value])
    else return { ok: false, why: `the value of the header ${name} is not visible ASCII` }
  }
  return { ok: true, headers: [...headers, ...fixed], dropped }
}

/** Undefined where a header that is not granted is left out. */
function refusalOf(name: string): string | undefined {
  const folded = name.replaceAll('_', '-')
  const forbidden = FORBIDDEN.get(folded)
  if (forbidden === BEHIND_THE_RULE) return `the header ${name} is never sent: ${forbidden}`
  if (forbiddenHeader(name) !== undefined || NEEDLESS.test(name) || AUTH_LIKE.test(folded)) return undefined
  return `the header ${name} is not granted; the definition may say headers: { ${name}: "*" }`
}

/** What of an answer a tool sees: nothing that would be a credential of its own, or speaks to a browser. */
const ANSWER_HEADERS: ReadonlySet<string> = new Set([
  'accept-ranges',
  'age',
  'allow',
  'cache-control',
  'content-disposition',
  'content-language',
  'content-length',
  'content-location',
  'content-range',
  'content-type',
  'date',
  'deprecation',
  'etag',
  'expires',
  'last-modified',
  'link',
  'location',
  'preference-applied',
  'retry-after',
  'server',
  'sunset',
  'vary',
  'warning',
])

const ANSWER_PREFIXES = /^(?:x-|ratelimit|openai-|anthropic-|docker-|cf-ray$)/

export function isShownHeader(name: string): boolean {
  return (
    ANSWER_HEADERS.has(name) ||
    (ANSWER_PREFIXES.test(name) && !AUTH_LIKE.test(name.replaceAll('_', '-')) && !/csrf|xsrf/.test(name))
  )
}

const BEHIND_THE_RULE = 'it changes what is asked for behind the rule'

const FORBIDDEN: ReadonlyMap<string, string> = new Map([
  ...list('the credential comes from the configuration of the operator', [
    'authorization',
    'proxy-authorization',
    'cookie',
    'cookie2',
  ]),
  ...list('it belongs to the connection', [
    'accept-encoding',
    'connection',
    'content-length',
    'expect',
    'host',
    'http2-settings',
    'keep-alive',
    'te',
    'trailer',
    'transfer-encoding',
    'upgrade',
  ]),
  // A server that obeys one of these performs another request than the one that was granted.
  ...list(BEHIND_THE_RULE, [
    'content-encoding',
    'x-envoy-original-path',
    'x-host',
    'x-http-host-override',
    'x-http-method',
    'x-http-method-override',
    'x-method-override',
    'x-original-host',
    'x-original-url',
    'x-override-method',
    'x-rewrite-url',
  ]),
  ...list('it says who asks', [
    'cf-connecting-ip',
    'forwarded',
    'remote-user',
    'true-client-ip',
    'via',
    'x-client-ip',
    'x-forwarded',
    'x-real-ip',
    'x-remote-user',
  ]),
])

const FORBIDDEN_PREFIXES: readonly (readonly [prefix: string, why: string])[] = [
  ['proxy-', 'it belongs to the connection'],
  ['sec-', 'it speaks for a browser'],
  ['x-forwarded-', 'it says who asks'],
]

/** Why no definition may set the header, by its name in lower case; undefined where one may. */
export function forbiddenHeader(name: string): string | undefined {
  // CGI and what descends from it read `_` and `-` as one.
  const folded = name.replaceAll('_', '-')
  return FORBIDDEN.get(folded) ?? FORBIDDEN_PREFIXES.find(([prefix]) => folded.startsWith(prefix))?.[1]
}

function list(why: string, names: readonly string[]): readonly (readonly [string, string])[] {
  return names.map((name) => [name, why])
}
