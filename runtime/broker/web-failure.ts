/** What came of a request that failed, in words that name nothing of this machine. */
import { codeOf, messageOf } from '../errors.ts'
import {
  HTTP_CONNECT_MS,
  HTTP_DECOMPRESSION_RATIO_MAX,
  HTTP_HEADERS_MS,
  HTTP_RESPONSE_BYTES_MAX,
  HTTP_SILENCE_MS,
} from '../limits.ts'
import { failedOutcome, type Outcome } from './outcome.ts'

/** Codes of Node's and undici's whose names say nothing of a server. */
const CODES: ReadonlyMap<string, string> = new Map([
  ['UND_ERR_CONNECT_TIMEOUT', 'HTTP_CONNECT_TIMEOUT'],
  ['UND_ERR_SOCKET', 'ECONNRESET'],
])

const WORDS: ReadonlyMap<string, string> = new Map([
  ['ENOTFOUND', 'its host has no address'],
  ['EAI_AGAIN', 'nobody could be asked for the address of its host'],
  ['ECONNREFUSED', 'nothing listens there'],
  ['ECONNRESET', 'the connection ended before the answer did'],
  ['HTTP_CONNECT_TIMEOUT', `no connection within ${HTTP_CONNECT_MS} ms`],
  ['HTTP_HEADERS_TIMEOUT', `limit headers: no answer within ${HTTP_HEADERS_MS} ms`],
  ['HTTP_IDLE_TIMEOUT', `limit idle: the answer was silent for ${HTTP_SILENCE_MS} ms`],
  ['HTTP_BODY_TOO_LARGE', `limit response: the answer is larger than ${HTTP_RESPONSE_BYTES_MAX} bytes`],
  ['HTTP_BODY_RATIO', `limit ratio: the answer becomes more than ${HTTP_DECOMPRESSION_RATIO_MAX} times its size`],
])

/** What can come after a request was sent, so that nobody knows what became of it. */
export const LOST: ReadonlyMap<string, string> = new Map([
  ['ECONNRESET', 'the connection ended before the answer came'],
  ['EPIPE', 'the connection ended before the answer came'],
  ['HTTP_HEADERS_TIMEOUT', `no answer came within ${HTTP_HEADERS_MS} ms`],
  ['HTTP_MALFORMED', 'the answer is no HTTP'],
])

export function knownCode(error: unknown): string | undefined {
  const given = codeOf(error)
  return given === undefined ? undefined : (CODES.get(given) ?? given)
}

export function networkFailure(error: unknown, origin: string): Outcome {
  const code = knownCode(error)
  // Without a code it is a mistake of ours.
  if (code === undefined) throw error
  return failedOutcome(code, `${code}: ${WORDS.get(code) ?? messageOf(error)}, ${origin}`)
}
