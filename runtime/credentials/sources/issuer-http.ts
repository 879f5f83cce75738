/** Requests to servers that give out tokens: bounded, over a connection that the host makes, and never redirected. */
import { codeOf, RunAgentError } from '../../errors.ts'
import {
  ISSUER_BODY_MS,
  ISSUER_CONNECT_MS,
  ISSUER_HEADERS_MS,
  ISSUER_RESPONSE_BYTES_MAX,
  TOKEN_MARGIN_MS,
  TOKEN_MARGIN_PART,
} from '../../limits.ts'
import type { HttpHost, HttpHostRequest, HttpHostResponse } from '../../ports.ts'

export type IssuerRequest = Pick<HttpHostRequest, 'method' | 'url' | 'headers' | 'body' | 'signal'>

/**
 * One exchange. @throws RunAgentError E_CREDENTIAL where there was no answer, and for a server that is neither asked
 * over TLS nor on this machine; rejects with the signal's reason.
 */
export async function askIssuer(http: HttpHost, request: IssuerRequest): Promise<HttpHostResponse> {
  const url = URL.parse(request.url)
  if (url === null || !isProtected(url)) {
    throw new RunAgentError('E_CREDENTIAL', 'a server that gives out tokens is asked over https alone', {
      hint: 'http is for a loopback address such as 127.0.0.1.',
    })
  }
  try {
    return await http.request({
      ...request,
      headers: { 'user-agent': 'run-agent', ...request.headers },
      connectTimeoutMs: ISSUER_CONNECT_MS,
      headersTimeoutMs: ISSUER_HEADERS_MS,
      bodyTimeoutMs: ISSUER_BODY_MS,
      maxBytes: ISSUER_RESPONSE_BYTES_MAX,
    })
  } catch (thrown) {
    if (request.signal.aborted) throw request.signal.reason
    throw new RunAgentError('E_CREDENTIAL', `${url.host} gave no answer: ${codeOf(thrown) ?? 'unknown error'}`, {
      hint: 'Try again when it can be reached.',
    })
  }
}

/** Over TLS, or to a loopback address; a name such as localhost could resolve to another machine. */
export function isProtected(url: URL): boolean {
  const isLoopback = /^127(?:\.\d+){3}$/.test(url.hostname) || url.hostname === '[::1]'
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback)
}

/** Whether a token is replaced before it is used: it ends within five minutes, or a tenth of a shorter life. */
export function isDue(
  token: { readonly obtainedAtMs: number; readonly expiresAtMs: number | undefined },
  nowMs: number,
) {
  if (token.expiresAtMs === undefined) return false
  const lifeMs = Math.max(0, token.expiresAtMs - token.obtainedAtMs)
  return nowMs >= token.expiresAtMs - Math.min(TOKEN_MARGIN_MS, lifeMs * TOKEN_MARGIN_PART)
}
