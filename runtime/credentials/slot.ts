/** Writes a secret to its slot. */
import { RunAgentError } from '../errors.ts'
import type { CredentialSlot } from '../policy/grant.ts'

/** Visible ASCII without a space (RFC 9110 section 5.5): a header takes no more. */
const HEADER_SECRET = /^[\x21-\x7e]+$/

/**
 * The header that a request is dressed with; undefined for a slot in the query.
 * @throws RunAgentError E_CREDENTIAL for a secret that no header can carry: undici's own refusal would come after the
 * intent was recorded, and name it.
 */
export function headerOf(
  credential: string,
  slot: CredentialSlot,
  secret: string,
): [name: string, value: string] | undefined {
  if (slot.kind === 'query') return undefined
  // RFC 7617 section 2: the password may hold colons; it is sent as UTF-8.
  if (slot.kind === 'basic') {
    return ['authorization', `Basic ${Buffer.from(`${slot.username}:${secret}`, 'utf8').toString('base64')}`]
  }
  if (HEADER_SECRET.test(secret)) return [slot.header, slot.format.split('{secret}').join(secret)]
  throw new RunAgentError('E_CREDENTIAL', `the credential ${credential} holds a character that no header can carry`, {
    hint: 'Look for a line break or a quotation mark in it.',
  })
}

/** The URL with the secret as the value of one more key. */
export function urlWith({ key }: Extract<CredentialSlot, { kind: 'query' }>, url: string, secret: string): string {
  const separator = url.includes('?') ? (/[?&]$/.test(url) ? '' : '&') : '?'
  return `${url}${separator}${encodeURIComponent(key)}=${encodeURIComponent(secret)}`
}
