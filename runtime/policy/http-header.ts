/** Headers that no rule and no tool sets: what frames a message, what is a credential, what says who or what asks. */

const FORBIDDEN: ReadonlyMap<string, string> = new Map([
  ...list('the credential comes from the configuration of the operator', [
    'authorization',
    'proxy-authorization',
    'cookie',
    'cookie2',
  ]),
  ...list('it belongs to the connection', [
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
  ...list('it changes what is asked for behind the rule', [
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
