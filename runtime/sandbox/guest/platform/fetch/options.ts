/**
 * The options of a request that say how it is fetched. What would restrict it is kept or refused with a TypeError, so
 * that nobody believes in a bound that is not there.
 */
import { domString } from '../dom-string.ts'

export type Redirect = 'follow' | 'error' | 'manual'

export interface FetchOptions {
  readonly redirect: Redirect
  readonly cache: string
  readonly credentials: string
  readonly integrity: string
  readonly keepalive: boolean
  readonly mode: string
  readonly referrer: string
  readonly referrerPolicy: string
  /** The credential that the tool names. */
  readonly credential: string | undefined
}

export const DEFAULTS: FetchOptions = {
  redirect: 'follow',
  cache: 'default',
  credentials: 'same-origin',
  integrity: '',
  keepalive: false,
  mode: 'cors',
  referrer: 'about:client',
  referrerPolicy: '',
  credential: undefined,
}

const REDIRECTS = ['follow', 'error', 'manual']
const CACHES = ['default', 'no-store', 'reload', 'no-cache', 'force-cache', 'only-if-cached']
const MODES = ['cors', 'no-cors', 'same-origin', 'navigate']
const CREDENTIALS = ['omit', 'same-origin', 'include']
const REFERRER_POLICIES = [
  '',
  'no-referrer',
  'no-referrer-when-downgrade',
  'same-origin',
  'origin',
  'strict-origin',
  'origin-when-cross-origin',
  'strict-origin-when-cross-origin',
  'unsafe-url',
]

export function optionsOf(init: Readonly<Record<string, unknown>>, base: FetchOptions): FetchOptions {
  if (init['window'] !== undefined && init['window'] !== null) throw new TypeError('window: can only be null')
  if (init['dispatcher'] !== undefined) {
    throw new TypeError('dispatcher: a request of a tool goes through the broker of run-agent and through nothing else')
  }
  const cache = oneOf('cache', init['cache'], CACHES) ?? base.cache
  const mode = oneOf('mode', init['mode'], MODES) ?? base.mode
  if (cache === 'only-if-cached') throw new TypeError('cache: the sandbox has no cache, so nothing is in it')
  if (mode !== 'cors') {
    throw new TypeError(`mode: a tool has no origin, so '${mode}' cannot be kept; rules say what it may reach`)
  }
  const { credential } = init
  if (credential !== undefined && (typeof credential !== 'string' || credential === '')) {
    throw new TypeError('credential: the name of a credential is a string')
  }
  const { integrity, keepalive, referrer } = init
  return {
    redirect: (oneOf('redirect', init['redirect'], REDIRECTS) as Redirect | undefined) ?? base.redirect,
    cache,
    credentials: credentialsOf(init['credentials']) ?? base.credentials,
    integrity: integrity === undefined ? base.integrity : domString(integrity),
    keepalive: keepalive === undefined ? base.keepalive : Boolean(keepalive),
    mode,
    referrer: referrer === undefined ? base.referrer : domString(referrer),
    referrerPolicy: oneOf('referrerPolicy', init['referrerPolicy'], REFERRER_POLICIES) ?? base.referrerPolicy,
    credential: credential ?? base.credential,
  }
}

function credentialsOf(given: unknown): string | undefined {
  if (given === undefined) return undefined
  const text = domString(given)
  if (!CREDENTIALS.includes(text)) {
    throw new TypeError(`credentials: is one of ${CREDENTIALS.join(', ')}; did you mean { credential: '${text}' }?`)
  }
  if (text === 'omit') {
    throw new TypeError("credentials: 'omit' cannot be kept; the definition says which credential goes where")
  }
  return text
}

function oneOf(name: string, given: unknown, words: readonly string[]): string | undefined {
  if (given === undefined) return undefined
  const text = domString(given)
  if (!words.includes(text)) throw new TypeError(`${name}: is one of ${words.join(', ')}, and not '${text}'`)
  return text
}
