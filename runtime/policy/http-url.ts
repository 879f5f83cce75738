/**
 * The URL of a request, read once: the record that rules are compared with is the one that is dialled. What two
 * readers of URLs are known to read differently is refused; nothing is repaired but what the WHATWG parser encodes.
 */

export interface CanonicalUrl {
  /** What is dialled; canonical itself. */
  readonly href: string
  readonly scheme: string
  /** In lower case; an IPv6 address in brackets. */
  readonly host: string
  readonly port: number
  /** Decoded; the last is empty where the path ends in a slash. A `/` in one was written `%2F`. */
  readonly segments: readonly string[]
  /** As it is sent, without the `?`; undefined: none. */
  readonly query: string | undefined
}

export type CanonicalUrlResult =
  | { readonly ok: true; readonly url: CanonicalUrl }
  | { readonly ok: false; readonly why: string }

const DEFAULT_PORTS: ReadonlyMap<string, number> = new Map([
  ['https', 443],
  ['http', 80],
])

/** Absolute, `https` or `http`; a reason in words where it is refused. */
export function canonicalUrl(text: string): CanonicalUrlResult {
  if (!text.isWellFormed() || /[\p{Cc}\\]/u.test(text)) return refused('it holds a backslash or a control character')
  if (text.includes('#')) return refused('it holds a fragment')
  if (/^\s|\s$/.test(text)) return refused('it begins or ends with a space')
  const [, scheme, authority, path] = /^(https?):\/\/([^/?]+)([^?]*)/i.exec(text) ?? []
  if (scheme === undefined || authority === undefined || path === undefined) {
    return refused('it does not begin with https:// or http:// and a host')
  }
  if (authority.includes('@')) return refused('it holds a user name or password')
  const url = URL.parse(text)
  const why = hostTrouble(authority.replace(/:\d*$/, '').toLowerCase(), url?.hostname) ?? pathTrouble(path)
  if (url === null || why !== undefined) return refused(why ?? 'it is no URL')
  const name = url.protocol.slice(0, -1)
  return {
    ok: true,
    url: {
      href: url.href,
      scheme: name,
      host: url.hostname,
      port: url.port === '' ? DEFAULT_PORTS.get(name)! : Number(url.port),
      segments: url.pathname.slice(1).split('/').map(decodeURIComponent),
      query: text.includes('?') ? url.search.slice(1) : undefined,
    },
  }
}

/** Keys and values as servers read a form; undefined where servers would differ. */
export function queryPairs(query: string): readonly (readonly [key: string, value: string])[] | undefined {
  // To some servers a `;` divides as `&` does.
  if (query.includes(';')) return undefined
  try {
    return query.split('&').map((pair) => {
      const end = pair.includes('=') ? pair.indexOf('=') : pair.length
      return [formDecoded(pair.slice(0, end)), formDecoded(pair.slice(end + 1))]
    })
  } catch (cause) {
    if (cause instanceof URIError) return undefined
    throw cause
  }
}

/** Why a host, in lower case, is not what the WHATWG parser makes of it, or not one name for one host. */
export function hostTrouble(host: string, parsed: string | undefined): string | undefined {
  if (/[^\0-\x7f]/.test(host)) return 'its host is not ASCII; an international name is written in punycode'
  if (host.endsWith('.')) return 'its host ends in a dot'
  if (host.startsWith('.') || host.includes('..')) return 'its host holds an empty label'
  if (parsed === undefined || parsed === '') return 'it has no valid host or port'
  return parsed === host ? undefined : `its host is not in canonical form, which is ${parsed}`
}

/** Why a path, as it is written, could be read as another one. */
export function pathTrouble(path: string): string | undefined {
  return path
    .split('/')
    .map(segmentTrouble)
    .find((why) => why !== undefined)
}

/** How often a segment is decoded; what is not stable by then is refused. */
const DECODINGS_MAX = 8

/** What stands behind a proxy may decode once more, and fold characters as it does. */
function segmentTrouble(segment: string): string | undefined {
  const name = percentDecoded(segment)
  if (name === undefined) return 'its path holds a `%` that encodes no text'
  const slashes = slashesIn(name)
  let text = segment
  for (let count = 0; count < DECODINGS_MAX; count++) {
    if (/%2e/i.test(text)) return MISREAD_CHARACTER
    const decoded = decodedOnce(text)
    if (decoded === undefined) return 'its path holds a `%` that encodes no text'
    const folded = decoded.normalize('NFKC').replaceAll(/\p{Default_Ignorable_Code_Point}/gu, '')
    const why = nameTrouble(folded, slashes, segment === '')
    if (why !== undefined || folded === text) return why
    text = folded
  }
  return `its path is encoded more than ${DECODINGS_MAX - 1} times`
}

const MISREAD_CHARACTER =
  'its path holds an encoded `.` or `\\`, or a `/` encoded twice, or a character that a server may take for one'

/** `slashes`: how many were written `%2F`. */
function nameTrouble(name: string, slashes: number, isEmpty: boolean): string | undefined {
  if (/\p{Cc}/u.test(name)) return 'its path holds an encoded control character'
  if (name.includes('\\') || slashesIn(name) > slashes) return MISREAD_CHARACTER
  // Some servers take parameters behind a `;`, and what follows a space, from a name before they resolve `..`.
  const isDots = name.split('/').some((part) => part !== '' && /^[.\s]*(?:[;?#]|$)|^\s*\.{1,2}\s/.test(part))
  if (isDots || (name === '' && !isEmpty)) return 'its path holds a segment that a server may take for `.` or `..`'
  return /[?#]/.test(name) ? 'its path holds an encoded `?` or `#`' : undefined
}

/** A `%` that encodes nothing stays as it is; undefined where one encodes no text. */
function decodedOnce(text: string): string | undefined {
  const runs = text.split(/((?:%[0-9a-f]{2})+)/i).map((part, index) => (index % 2 === 1 ? percentDecoded(part) : part))
  return runs.includes(undefined) ? undefined : runs.join('')
}

function slashesIn(text: string): number {
  return text.split('/').length - 1
}

/** Undefined where it is not valid UTF-8. */
export function percentDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch (cause) {
    if (cause instanceof URIError) return undefined
    throw cause
  }
}

function formDecoded(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '))
}

function refused(why: string): CanonicalUrlResult {
  return { ok: false, why }
}
