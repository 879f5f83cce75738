/** What is written for a request: what the caller gave, and what HTTP needs; nothing else. */

import { ACCEPT_ENCODING } from './node-web-decompress.ts'
import { webFailure } from './node-web-failure.ts'
import type { HttpOpenRequest } from './ports.ts'

/** Of the connection, and so never the caller's. */
const OURS: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

export interface WrittenRequest {
  readonly origin: string
  readonly path: string
  /** Names and values in turn. */
  readonly headers: string[]
}

/** Throws `HTTP_REQUEST` where something cannot be sent as it is given. */
export function writtenRequest({ method, url: text, headers }: HttpOpenRequest): WrittenRequest {
  if (!TOKEN.test(method) || method === 'CONNECT') throw refused('the method cannot be sent')
  const url = URL.parse(text)
  if (url === null || url.href !== text || !/^https?:$/.test(url.protocol)) throw refused('the URL is not canonical')
  if (url.username !== '' || url.password !== '' || text.includes('#')) throw refused('the URL holds what is not sent')
  const names = new Set<string>()
  for (const [name, value] of headers) {
    if (!TOKEN.test(name) || name !== name.toLowerCase()) throw refused('a header has no valid name')
    if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) throw refused(`the header ${name} holds a character that none may hold`)
    if (OURS.has(name)) throw refused(`the header ${name} belongs to the connection`)
    if (names.has(name)) throw refused(`the header ${name} is there twice`)
    names.add(name)
  }
  const given = headers.filter(([name]) => name !== 'accept-encoding')
  const own: [string, string][] = [
    // A part of a compressed body could not be decompressed.
    ['accept-encoding', names.has('range') ? 'identity' : ACCEPT_ENCODING],
    ...(names.has('user-agent') ? [] : [['user-agent', 'run-agent'] as [string, string]]),
  ]
  return { origin: url.origin, path: text.slice(url.origin.length), headers: [...given, ...own].flat() }
}

function refused(message: string): Error {
  return webFailure('HTTP_REQUEST', message)
}
