/** What is sealed of one version of a secret: JSON `{ value, related, meta, expiresAtMs, scopes }`. */

import { RunAgentError } from '../../errors.ts'
import { SECRET_LENGTH_MIN, SECRET_PAYLOAD_BYTES_MAX } from '../../limits.ts'

export interface NewSecret {
  readonly value: string
  /** Further secrets by name, e.g. `refreshToken`: withheld like the value. */
  readonly related?: Readonly<Record<string, string>> | undefined
  /** What is no secret and belongs to it, e.g. the issuer. */
  readonly meta?: Readonly<Record<string, string>> | undefined
  /** Milliseconds since the Unix epoch, whole; undefined where nobody says. */
  readonly expiresAtMs?: number | undefined
  readonly scopes?: readonly string[] | undefined
}

export interface SecretPayload {
  readonly value: string
  readonly related: Readonly<Record<string, string>>
  readonly meta: Readonly<Record<string, string>>
  readonly expiresAtMs: number | undefined
  readonly scopes: readonly string[] | undefined
}

/** @throws RunAgentError E_CREDENTIAL where it is too short to be withheld, too long, or no Unicode. */
export function encodePayload(secret: NewSecret, credential: string): Uint8Array {
  const { value, related = {}, meta = {}, expiresAtMs, scopes } = secret
  assertLong(value, `the value of the credential ${credential}`)
  for (const [name, text] of Object.entries(related)) {
    assertLong(text, `what belongs to the credential ${credential} as ${JSON.stringify(name)}`)
  }
  if (expiresAtMs !== undefined && !Number.isSafeInteger(expiresAtMs)) {
    throw new RunAgentError('E_CREDENTIAL', `the credential ${credential} expires at no whole millisecond`)
  }
  const bytes = new TextEncoder().encode(JSON.stringify({ value, related, meta, expiresAtMs, scopes }))
  if (bytes.byteLength <= SECRET_PAYLOAD_BYTES_MAX) return bytes
  throw new RunAgentError(
    'E_CREDENTIAL',
    `the credential ${credential} is longer than ${SECRET_PAYLOAD_BYTES_MAX} bytes`,
  )
}

/** Of bytes that were just opened; overwrites them. @throws RunAgentError E_CREDENTIAL where they are no payload. */
export function decodePayload(bytes: Uint8Array, credential: string): SecretPayload {
  try {
    const parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as Partial<SecretPayload>
    const { value, related, meta, expiresAtMs, scopes } = parsed
    if (typeof value === 'string' && related !== undefined && meta !== undefined) {
      return { value, related, meta, expiresAtMs, scopes }
    }
  } catch {
    // The message of JSON.parse would quote the secret.
  } finally {
    bytes.fill(0)
  }
  throw new RunAgentError(
    'E_CREDENTIAL',
    `what is sealed of the credential ${credential} is no secret of this format`,
    {
      hint: 'It was written by another version of run-agent; store the secret anew.',
    },
  )
}

function assertLong(text: string, what: string): void {
  if (!text.isWellFormed()) throw new RunAgentError('E_CREDENTIAL', `${what} is no well-formed Unicode`)
  if (text.length >= SECRET_LENGTH_MIN) return
  throw new RunAgentError('E_CREDENTIAL', `${what} is shorter than ${SECRET_LENGTH_MIN} characters`, {
    hint: 'So short a secret cannot be kept out of the trail. A server that wants none needs no credential at all.',
  })
}
