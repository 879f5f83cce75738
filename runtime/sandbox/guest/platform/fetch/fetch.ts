/** fetch (Fetch section 5.6): sends what the request holds, follows redirects, gives the answer piece by piece. */
import { runtime } from '../runtime.ts'
import { Body } from './body.ts'
import { parseDataUrl } from './data-url.ts'
import { exchange, type Exchange } from './exchange.ts'
import { Headers } from './headers.ts'
import { hasIntegrity } from './integrity.ts'
import { Request, requestState, type RequestState } from './request.ts'
import { isNullBody, isRedirect, responseOf, type Response } from './response.ts'

/** What goes along to another origin. */
const SAFE_HEADERS: ReadonlySet<string> = new Set([
  'accept',
  'accept-language',
  'content-language',
  'content-type',
  'range',
  'user-agent',
])
/** They say something of a body that is not sent again. */
const BODY_HEADERS = ['content-encoding', 'content-language', 'content-location', 'content-type']
const NO_CACHE: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  'no-cache': [['cache-control', 'max-age=0']],
  'no-store': [
    ['pragma', 'no-cache'],
    ['cache-control', 'no-cache'],
  ],
  reload: [
    ['pragma', 'no-cache'],
    ['cache-control', 'no-cache'],
  ],
}

export async function fetch(...given: [input?: unknown, init?: unknown]): Promise<Response> {
  if (given.length === 0) throw new TypeError('fetch needs a URL')
  const request = requestState(new Request(...given))
  request.signal.throwIfAborted()
  const { protocol } = request.url
  if (protocol === 'data:') return fromDataUrl(request)
  if (protocol !== 'https:' && protocol !== 'http:') {
    throw failed(`the scheme of '${request.url.href.slice(0, 100)}' is not http, https or data`)
  }
  return await followed(request)
}

/** What changes from one redirect to the next. */
interface Hop {
  readonly method: string
  readonly url: URL
  readonly headers: Headers
  readonly body: Uint8Array | undefined
  readonly credential: string | undefined
  readonly redirectOf: number | undefined
}

async function followed(request: RequestState): Promise<Response> {
  const { signal, options } = request
  const { redirectsMax } = runtime.call
  let hop = await firstHop(request)
  let previous: Exchange | undefined
  for (let redirects = 0; ; redirects += 1) {
    const under = exchange({ ...hop, url: withoutHash(hop.url), headers: [...hop.headers] }, signal)
    // Only now: the host looks what the earlier answer named.
    previous?.close()
    const answer = await under
    const headers = new Headers(answer.headers)
    const location = headers.get('location')
    if (!isRedirect(answer.status) || location === null || options.redirect === 'manual') {
      return await responded(request, hop, answer, headers, redirects > 0)
    }
    try {
      if (options.redirect === 'error') throw failed(`${hop.url.href} redirects to ${location}`)
      if (redirects >= redirectsMax) throw failed(`more than ${redirectsMax} redirects`)
      hop = nextHop(hop, answer, location)
    } catch (error) {
      answer.close()
      throw error
    }
    previous = answer
  }
}

async function firstHop({ method, url, headers: given, body, options, signal }: RequestState): Promise<Hop> {
  const headers = new Headers(given)
  if (!headers.has('accept')) headers.set('accept', '*/*')
  for (const [name, value] of NO_CACHE[options.cache] ?? []) if (!headers.has(name)) headers.set(name, value)
  const bytes = await body?.take(runtime.call.bodyBytesMax)
  signal.throwIfAborted()
  return { method, url, headers, body: bytes, credential: options.credential, redirectOf: undefined }
}

function nextHop(hop: Hop, { status, ordinal }: Exchange, location: string): Hop {
  const url = locationOf(hop.url, location)
  const becomesGet =
    ((status === 301 || status === 302) && hop.method === 'POST') ||
    (status === 303 && hop.method !== 'GET' && hop.method !== 'HEAD')
  const method = becomesGet ? 'GET' : hop.method
  const body = becomesGet ? undefined : hop.body
  const headers = new Headers(hop.headers)
  if (becomesGet) for (const name of BODY_HEADERS) headers.delete(name)
  if (url.origin === hop.url.origin) return { ...hop, method, url, headers, body, redirectOf: ordinal }
  if (body !== undefined) throw failed(`${hop.url.href} redirects to another origin, where the body is not sent again`)
  for (const name of Array.from(headers.keys())) if (!SAFE_HEADERS.has(name)) headers.delete(name)
  return { method, url, headers, body, credential: undefined, redirectOf: ordinal }
}

function locationOf(from: URL, location: string): URL {
  let url: URL
  try {
    // A header is bytes, one a character; many servers write UTF-8.
    const bytes = Uint8Array.from(location, (character) => character.charCodeAt(0))
    url = new URL(new TextDecoder().decode(bytes), from)
  } catch {
    throw failed(`${from.href} redirects to what is no URL`)
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw failed(`${from.href} redirects to ${url.protocol}`)
  if (url.username !== '' || url.password !== '') throw failed(`${from.href} redirects to a URL with a password in it`)
  if (url.hash === '') url.hash = from.hash
  return url
}

async function responded(
  { options, signal }: RequestState,
  { method, url }: Hop,
  answer: Exchange,
  headers: Headers,
  redirected: boolean,
): Promise<Response> {
  const { status, statusText } = answer
  const state = { type: 'basic', url: withoutHash(url), redirected, status, statusText, headers } as const
  if (method === 'HEAD' || isNullBody(status)) {
    answer.close()
    return responseOf({ ...state, body: null })
  }
  const body = Body.ofSource(answer.source)
  if (options.integrity === '') return responseOf({ ...state, body })
  const bytes = await body.take()
  signal.throwIfAborted()
  if (!hasIntegrity(bytes, options.integrity)) throw failed(`${url.href} is not what integrity says`)
  return responseOf({ ...state, body: Body.ofBytes(bytes) })
}

function fromDataUrl({ url, method, options }: RequestState): Response {
  const found = parseDataUrl(url)
  if (found === undefined) throw failed('the data: URL holds no data')
  if (options.integrity !== '' && !hasIntegrity(found.bytes, options.integrity)) {
    throw failed('the data is not what integrity says')
  }
  return responseOf({
    type: 'basic',
    url: withoutHash(url),
    redirected: false,
    status: 200,
    statusText: 'OK',
    headers: new Headers({ 'content-type': found.type }),
    body: method === 'HEAD' ? null : Body.ofBytes(found.bytes),
  })
}

function withoutHash({ href, hash }: URL): string {
  return href.endsWith('#') ? href.slice(0, -1) : href.slice(0, href.length - hash.length)
}

function failed(message: string): TypeError {
  return new TypeError('fetch failed', { cause: new Error(message) })
}
