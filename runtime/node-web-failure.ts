/** What an exchange fails with: a code, and words that name nothing of this machine. */

/** Of Node, OpenSSL and undici; their own messages hold addresses and paths. */
const WORDS: ReadonlyMap<string, string> = new Map([
  ['CERT_HAS_EXPIRED', 'its certificate has expired'],
  ['CERT_NOT_YET_VALID', 'its certificate is not valid yet'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'its certificate is signed by itself'],
  ['ECONNREFUSED', 'the connection was refused'],
  ['ECONNRESET', 'the connection was reset'],
  ['EHOSTUNREACH', 'the host cannot be reached'],
  ['ENETUNREACH', 'the network cannot be reached'],
  ['EPIPE', 'the connection was closed'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'its certificate is for another host'],
  ['ETIMEDOUT', 'the connection timed out'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'its certificate comes from an authority that is not known'],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'its certificate comes from an authority that is not known'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'its certificate comes from an authority that is not known'],
  ['UND_ERR_HEADERS_OVERFLOW', 'its headers are too large'],
  ['UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'its body is not as long as it says'],
  ['UND_ERR_SOCKET', 'the server closed the connection'],
])

const GROUPS: readonly (readonly [codes: RegExp, words: string])[] = [
  [/^(?:ERR_SSL_|ERR_TLS_|EPROTO$)/, 'no TLS connection came about'],
  [/CERT|CRL|CHAIN|ISSUER|SIGNATURE/, 'its certificate is not accepted'],
]

export function webFailure(code: string, message: string): Error & { readonly code: string } {
  return Object.assign(new Error(message), { code })
}

export function codeOf(thrown: unknown): string | undefined {
  const { code } = thrown as { readonly code?: unknown }
  return typeof code === 'string' ? code : undefined
}

/** What was thrown, as an error of ours: the code stays, and nothing else. One of ours is returned as it is. */
export function plainFailure(thrown: unknown): Error {
  const code = codeOf(thrown) ?? ''
  if (code.startsWith('HTTP_')) return thrown as Error
  // undici's parser, which has no codes.
  if ((thrown as Partial<Error>).name === 'HTTPParserError')
    return webFailure('HTTP_MALFORMED', 'its answer is not HTTP/1.1')
  if (!/^[A-Z][A-Z0-9_]*$/.test(code)) return webFailure('HTTP_FAILED', 'the exchange failed')
  const words = WORDS.get(code) ?? GROUPS.find(([codes]) => codes.test(code))?.[1] ?? 'the exchange failed'
  return webFailure(code, words)
}
