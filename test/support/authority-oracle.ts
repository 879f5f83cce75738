/**
 * What an authority permits, said again in another way: a rule as a regular expression over the text of a URL, the
 * order between two authorities as what the one permits of a list of probes and the other does not. Shares no code
 * with what it judges.
 */

import type { Action, Authority, isWithin, permits, ruleCompiler } from '../../runtime/credentials/chain/authority.ts'
import { canonicalUrl } from '../../runtime/policy/http-url.ts'

export interface Judged {
  readonly ruleCompiler: typeof ruleCompiler
  readonly isWithin: typeof isWithin
  readonly permits: typeof permits
}

export interface Probe {
  readonly action: Action
  readonly now: number
  /** How often it was used before. */
  readonly uses: number
}

export const BASE: Authority = {
  rules: ['GET,POST https://api.example.com/repos/acme/*/issues?page&state=open|closed'],
  contentTypes: ['application/json'],
  requestBytesMax: 10,
  responseBytesMax: 100,
  notBeforeMs: 100,
  expiresAtMs: 300,
  usesMax: 5,
  scopes: ['repo', 'user'],
  permissions: { issues: 'write', contents: 'read' },
  repositories: ['shop'],
  childDepth: 2,
}

const rules = (methods: string, origin: string, path: string, query: string): Pick<Authority, 'rules'> => ({
  rules: [`${methods} ${origin}${path}${query}`],
})

const METHODS = 'GET,POST'
const ORIGIN = 'https://api.example.com'
const PATH = '/repos/acme/*/issues'
const QUERY = '?page&state=open|closed'

type Change = Partial<Authority>

/** Along each dimension, values that a slip could mistake for one another; all else stays as in BASE. */
export const CHANGES: Readonly<Record<string, readonly Change[]>> = {
  method: ['GET', 'POST', 'GET,POST', 'GET,POST,DELETE', 'HEAD'].map((one) => rules(one, ORIGIN, PATH, QUERY)),
  origin: [
    'https://api.example.com',
    'https://api.example.com:8443',
    'https://example.com',
    'https://*.example.com',
    'https://*.api.example.com',
    'https://www.example.com',
    'https://api.example.com.evil.net',
    'https://notexample.com',
    'https://127.0.0.1:8080',
    'http://127.0.0.1:8080',
    'http://127.0.0.1:8081',
  ].map((one) => rules(METHODS, one, PATH, QUERY)),
  path: [
    '/repos/acme/*/issues',
    '/repos/acme/shop/issues',
    '/repos/acme/shop/issues/',
    '/repos/acme/shop/*',
    '/repos/acme/shop/**',
    '/repos/acme/shop',
    '/repos/acme/**',
    '/repos/acme-evil/**',
    '/repos/*/*/issues',
    '/repos/*/shop/issues',
    '/repos/**',
    '/repos/acme/shop%2Fissues',
    '/**',
    '/',
  ].map((one) => rules(METHODS, ORIGIN, one, QUERY)),
  query: [
    '',
    '?*',
    '?page',
    '?state',
    '?page&state',
    '?state=open',
    '?page&state=open|closed',
    '?page=1&state=open',
  ].map((one) => rules(METHODS, ORIGIN, PATH, one)),
  rules: [[], ['GET https://api.example.com/'], [...BASE.rules, 'GET https://api.example.com/']].map((rules) => ({
    rules,
  })),
  contentTypes: [[], ['application/json'], ['text/plain'], ['application/json', 'text/plain'], ['application/js']].map(
    (contentTypes) => ({ contentTypes }),
  ),
  requestBytesMax: [0, 1, 10, 11, 1000].map((requestBytesMax) => ({ requestBytesMax })),
  responseBytesMax: [0, 1, 100, 101, 1000].map((responseBytesMax) => ({ responseBytesMax })),
  notBeforeMs: [0, 99, 100, 101, 200].map((notBeforeMs) => ({ notBeforeMs })),
  expiresAtMs: [201, 299, 300, 301, 'never' as const].map((expiresAtMs) => ({ expiresAtMs })),
  usesMax: [0, 1, 4, 5, 6, 'unlimited' as const].map((usesMax) => ({ usesMax })),
  scopes: [[], ['repo'], ['user'], ['repo', 'user'], ['repo', 'user', 'admin'], ['repo:write'], ['rep']].map(
    (scopes) => ({
      scopes,
    }),
  ),
  permissions: (
    [
      {},
      { issues: 'none' },
      { issues: 'read' },
      { issues: 'write' },
      { issues: 'admin' },
      { contents: 'read' },
      { issues: 'write', contents: 'read' },
      { issues: 'write', contents: 'write' },
      { constructor: 'read' },
    ] as const
  ).map((permissions) => ({ permissions })),
  repositories: [[], ['shop'], ['shop', 'web'], ['web'], ['shop-evil'], ['SHOP']].map((repositories) => ({
    repositories,
  })),
}

interface Expected {
  readonly dimension: string
  readonly authorities: readonly Authority[]
  /** Of each, what it permits. */
  readonly permitted: readonly ReadonlySet<Probe>[]
}

/** What the oracle says of all the probes, found once. */
function expectations(): { readonly probes: readonly Probe[]; readonly all: readonly Expected[] } {
  const probes = allProbes()
  const all = Object.entries(CHANGES).map(([dimension, changes]) => {
    const authorities = changes.map((change) => ({ ...BASE, ...change }))
    const permitted = authorities.map((one) => new Set(probes.filter((probe) => oraclePermits(one, probe))))
    return { dimension, authorities, permitted }
  })
  return { probes, all }
}

let expected: ReturnType<typeof expectations> | undefined

/** Answers `undefined` where the judged implementation does as the oracle says; else, what it did. */
export function firstDifference(judged: Judged): string | undefined {
  expected ??= expectations()
  const { probes, all } = expected
  const compile = judged.ruleCompiler()
  for (const { dimension, authorities, permitted } of all) {
    for (const [index, authority] of authorities.entries()) {
      for (const probe of probes) {
        const isPermitted = judged.permits(authority, probe.action, probe.now, compile).ok
        const said = isPermitted && (probe.uses === 0 || used(authority) > probe.uses)
        if (said !== permitted[index]?.has(probe)) return `permits: ${dimension} ${index}: ${shown(probe)} is ${said}`
      }
      for (const [other, parent] of authorities.entries()) {
        const due = permitted[index]?.isSubsetOf(permitted[other] ?? new Set()) === true
        const said = judged.isWithin({ ...authority, childDepth: 1 }, parent, compile)
        if (said.ok !== due) return `isWithin: ${dimension} ${index} of ${other} is ${said.ok}`
        if (!said.ok && said.dimension !== (dimension in BASE ? dimension : 'rules')) {
          return `isWithin: ${dimension} ${index} of ${other} is put on ${said.dimension}`
        }
      }
    }
  }
  return depthDifference(judged)
}

function depthDifference({ isWithin }: Judged): string | undefined {
  for (let child = 0; child < 4; child++) {
    for (let parent = 0; parent < 4; parent++) {
      const said = isWithin({ ...BASE, childDepth: child }, { ...BASE, childDepth: parent }).ok
      if (said !== [...Array(parent).keys()].includes(child))
        return `isWithin: a depth of ${child} of ${parent} is ${said}`
    }
  }
  // What cannot be read is granted on by nobody.
  const unread = { ...BASE, rules: ['GET https://*'] }
  return isWithin({ ...unread, childDepth: 1 }, unread).ok ? 'isWithin: a rule that cannot be read' : undefined
}

function used({ usesMax }: Authority): number {
  return usesMax === 'unlimited' ? Number.MAX_VALUE : usesMax
}

export function oraclePermits(authority: Authority, { action, now, uses }: Probe): boolean {
  const bytes = action.body?.length ?? 0
  const type = /^[^;]*/.exec(action.contentType ?? '')?.[0].toLowerCase() ?? ''
  const parameter = /;(.*)$/
    .exec(action.contentType ?? '')?.[1]
    ?.trim()
    .toLowerCase()
  const isClear =
    parameter === undefined ||
    parameter === 'charset=utf-8' ||
    (type.startsWith('multipart/') && parameter.startsWith('boundary='))
  const ranks = 'none read write admin'.split(' ')
  return [
    authority.rules.some((rule) => ruleCovers(rule, action)),
    bytes === 0 || (new Set(authority.contentTypes).has(type) && isClear && bytes <= authority.requestBytesMax),
    Math.max(action.responseBytesMax, authority.responseBytesMax) === authority.responseBytesMax,
    Math.max(now, authority.notBeforeMs) === now,
    authority.expiresAtMs === 'never' || Math.min(now, authority.expiresAtMs - 1) === now,
    authority.usesMax === 'unlimited' || authority.usesMax - uses >= 1,
    new Set(action.scopes).isSubsetOf(new Set(authority.scopes)),
    new Set(action.repositories).isSubsetOf(new Set(authority.repositories)),
    Object.entries(action.permissions).every(([name, level]) => {
      const granted = new Map(Object.entries(authority.permissions)).get(name) ?? 'none'
      return ranks.slice(0, ranks.indexOf(granted) + 1).includes(level)
    }),
  ].every(Boolean)
}

interface RuleText {
  /** Of `METHOD URL`, its query apart. */
  readonly start: RegExp
  readonly isAnyQuery: boolean
  readonly keys: ReadonlyMap<string, readonly string[] | undefined>
}

const ruleTexts = new Map<string, RuleText>()

function ruleTextOf(rule: string): RuleText {
  const [, methods = '', scheme = '', host = '', port, path = '', query = ''] =
    /^(\S+) (\w+):\/\/([^/:]+)(?::(\d+))?([^?]*)(?:\?(.*))?$/.exec(rule) ?? []
  const name = '(?:(?!%2[Ff])[^/?])+'
  const pattern = RegExp.escape(path)
    .replace(/\\\*\\\*$/, `${name}(?:/${name})*/?`)
    .replaceAll('\\*', name)
  const server = host.startsWith('*.') ? `[^./]+\\.${RegExp.escape(host.slice(2))}` : RegExp.escape(host)
  const standard = scheme === 'https' ? '443' : '80'
  const end = (port ?? standard) === standard ? '' : `:${port}`
  const keys = query.split('&').map((pair): [string, readonly string[] | undefined] => {
    const [key = '', values] = pair.split('=')
    return [key, values?.split('|')]
  })
  return {
    start: new RegExp(`^(?:${methods.replaceAll(',', '|')}) ${scheme}://${server}${end}${pattern}$`),
    isAnyQuery: query === '*',
    keys: new Map(keys),
  }
}

function ruleCovers(rule: string, { method, url }: Action): boolean {
  const text = ruleTexts.get(rule) ?? ruleTextOf(rule)
  ruleTexts.set(rule, text)
  const [before, after] = url.href.split('?')
  if (!text.start.test(`${method} ${before}`)) return false
  if (after === undefined || text.isAnyQuery) return true
  const pairs = after.split('&').map((pair) => pair.split('='))
  return (
    new Set(pairs.map(([key]) => key)).size === pairs.length &&
    pairs.every(([key = '', value = '']) => text.keys.has(key) && text.keys.get(key)?.includes(value) !== false)
  )
}

/** What BASE permits, and from there every combination of what a rule tells apart, and every step to a side. */
function allProbes(): readonly Probe[] {
  const base: Probe = { action: actionOf({}), now: 200, uses: 0 }
  const some = ['/repos/acme/shop/issues', '/repos/acme/shop/pulls', '/']
  const requests = [
    ...requestsOf(ORIGINS, some, ['', '?page=1', '?other=1'], ['GET', 'DELETE']),
    ...requestsOf(ORIGINS.slice(0, 2), PATHS, ['', '?state=all'], ['POST']),
    ...requestsOf(ORIGINS.slice(0, 1), some, QUERIES, ['GET', 'POST', 'DELETE', 'HEAD']),
  ]
  const bodies = [undefined, 0, 1, 2, 10, 11, 12, 1000].flatMap((bytes) =>
    TYPES.map((contentType) => ({ body: bytes === undefined ? undefined : new Uint8Array(bytes), contentType })),
  )
  const permissions = ['issues', 'contents', 'constructor', 'toString'].flatMap((name) =>
    (['none', 'read', 'write', 'admin'] as const).map((level) => ({ permissions: { [name]: level } })),
  )
  const names = (key: 'scopes' | 'repositories', all: readonly string[]): readonly Partial<Action>[] =>
    all.map((one) => ({ [key]: one === '' ? [] : one.split(' ') }))
  return [
    ...[
      ...requests,
      ...bodies,
      ...[0, 1, 2, 100, 101, 102, 1000].map((responseBytesMax) => ({ responseBytesMax })),
      ...permissions,
      ...names('scopes', ['', 'repo', 'user', 'repo user', 'repo admin', 'admin', 'rep', 'repo:write', 'repo:read']),
      ...names('repositories', ['', 'shop', 'web', 'shop web', 'shop-evil', 'SHOP', 'sho']),
    ].map((change) => ({ ...base, action: actionOf(change) })),
    ...[0, 98, 99, 100, 101, 200, 201, 298, 299, 300, 301, 1e15].map((now) => ({ ...base, now })),
    ...[0, 1, 3, 4, 5, 6, 1e9].map((uses) => ({ ...base, uses })),
  ]
}

function requestsOf(...[origins, paths, queries, methods]: readonly (readonly string[])[]): readonly Partial<Action>[] {
  return (origins ?? []).flatMap((origin) =>
    (paths ?? []).flatMap((path) =>
      (queries ?? []).flatMap((query) =>
        (methods ?? []).map((method) => ({ method, url: urlOf(`${origin}${path}${query}`) })),
      ),
    ),
  )
}

const ORIGINS = [
  'https://api.example.com',
  'https://api.example.com:8443',
  'https://example.com',
  'https://www.example.com',
  'https://a.b.example.com',
  'https://a.api.example.com',
  'https://api.example.com.evil.net',
  'https://notexample.com',
  'https://127.0.0.1:8080',
  'http://127.0.0.1:8080',
  'http://127.0.0.1:8081',
]
const PATHS = [
  '/',
  '/repos',
  '/repos/',
  '/repos/acme',
  '/repos/acme/',
  '/repos/acme/shop',
  '/repos/acme/shop/',
  '/repos/acme/shop/issues',
  '/repos/acme/shop/issues/',
  '/repos/acme/web/issues',
  '/repos/acme/web/issues/1',
  '/repos/acme/shop%2Fissues',
  '/repos/acme%2Fshop/web/issues',
  '/repos/acme/shop/issues/1/comments',
  '/repos/acme/shop/pulls',
  '/repos/acme-evil/shop',
  '/repos/acme-evil/shop/issues',
  '/repos/evil/shop/issues',
  '/Repos/acme/shop/issues',
  '/user',
]
const QUERIES = [
  '',
  '?page=1',
  '?page=2',
  '?state=open',
  '?state=closed',
  '?state=all',
  '?page=1&state=open',
  '?page=1&page=2',
  '?other=1',
]
const TYPES = [
  undefined,
  'application/json',
  'APPLICATION/JSON; charset=UTF-8',
  'application/json; charset=utf-7',
  'application/json; boundary=x',
  'text/plain',
  'application/js',
]

export function actionOf(change: Partial<Action>): Action {
  return {
    method: 'POST',
    url: urlOf('https://api.example.com/repos/acme/shop/issues'),
    body: undefined,
    contentType: undefined,
    responseBytesMax: 0,
    scopes: [],
    permissions: {},
    repositories: [],
    ...change,
  }
}

export function urlOf(text: string): Action['url'] {
  const read = canonicalUrl(text)
  if (!read.ok) throw new Error(`${text}: ${read.why}`)
  return read.url
}

function shown({ action, now, uses }: Probe): string {
  return JSON.stringify({ ...action, url: action.url.href, body: action.body?.length, now, uses })
}
