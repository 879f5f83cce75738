/** What all sources share: which texts are secrets, how two of them are told apart, and what a user's path is. */
import { createHmac } from 'node:crypto'
import { RunAgentError } from '../../errors.ts'
import { SECRET_LENGTH_MAX, USER_SEGMENT_LENGTH_MAX } from '../../limits.ts'
import type { LiveSecret, SecretQuestion } from '../secret.ts'

const USER_MARK = '${user}'
/** One segment of a path, and no option of a command. */
const USER_SEGMENT = /^[A-Za-z0-9_][A-Za-z0-9._@+-]*$/
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\0-\x1f\x7f-\x9f\u2028\u2029]/
// oxlint-disable-next-line no-control-regex
const CONTROL_BUT_BREAKS = /[\0-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]/

export interface ValueRules {
  /** Mixed into every version: who sees versions cannot try values. */
  readonly versionKey: Uint8Array
  /** A key in PEM has lines; what goes into a header has one. */
  readonly mayHaveLines: boolean
}

/** @throws RunAgentError E_CREDENTIAL where the text is no secret, or is the one that the server has refused. */
export function fixedSecret(
  { credential, text, origin, question }: ReadValue,
  { versionKey, mayHaveLines }: ValueRules,
): LiveSecret {
  const mistake = mistakeOf(text, mayHaveLines)
  if (mistake !== undefined) {
    throw new RunAgentError('E_CREDENTIAL', `the credential ${credential} from ${origin} ${mistake}`, {
      hint: 'Nothing but the secret may stand there.',
    })
  }
  const version = versionOf(versionKey, credential, text)
  if (version === question.rejected) {
    throw new RunAgentError(
      'E_CREDENTIAL',
      `the server refused the credential ${credential}, and ${origin} has no other`,
      { hint: 'Put a valid secret there.' },
    )
  }
  return {
    credential,
    user: question.user,
    version,
    value: text,
    related: [],
    expiresAtMs: undefined,
    scopes: undefined,
  }
}

export interface ReadValue {
  readonly credential: string
  readonly text: string
  /** In words, without a value. */
  readonly origin: string
  readonly question: SecretQuestion
}

function mistakeOf(text: string, mayHaveLines: boolean): string | undefined {
  if (text === '') return 'is empty'
  if (text.length > SECRET_LENGTH_MAX) return `is longer than ${SECRET_LENGTH_MAX} characters`
  if (!text.isWellFormed() || text.includes('\ufffd')) return 'is no text in UTF-8'
  if (!mayHaveLines && /[\r\n]/.test(text)) return 'has several lines'
  return (mayHaveLines ? CONTROL_BUT_BREAKS : CONTROL).test(text) ? 'holds a control character' : undefined
}

/** 128 bits of HMAC-SHA-256. */
export function versionOf(versionKey: Uint8Array, credential: string, value: string): string {
  const digest = createHmac('sha256', versionKey).update(`${credential}\0${value}`).digest('hex')
  return `h${digest.slice(0, 32)}`
}

export function isPerUser(texts: readonly string[]): boolean {
  return texts.some((text) => text.includes(USER_MARK))
}

/** Puts the user's name in the place of every `${user}`. @throws RunAgentError E_CREDENTIAL for a name that could be more. */
export function forUser(text: string, user: string): string {
  if (!text.includes(USER_MARK)) return text
  if (!USER_SEGMENT.test(user) || user.length > USER_SEGMENT_LENGTH_MAX) {
    throw new RunAgentError('E_CREDENTIAL', 'the name of the user cannot stand in a path or a command', {
      hint: 'Letters, digits, `.`, `_`, `@`, `+` and `-` can, the first of them a letter, a digit or `_`.',
    })
  }
  return text.replaceAll(USER_MARK, () => user)
}
