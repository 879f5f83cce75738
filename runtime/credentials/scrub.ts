import { RunAgentError } from '../errors.ts'
import { SECRET_LENGTH_MIN } from '../limits.ts'

/** An encoding shorter than this occurs by chance. */
const ENCODED_LENGTH_MIN = 8

/**
 * Makes the function that replaces every form of one secret by `[withheld: credential NAME]`: as it is, escaped for
 * JSON, encoded for a URL, in hexadecimal, in UTF-16 and in base64, wherever in a longer text the encoding began;
 * all in any case. Encodings of encodings are not undone. The secret lives in the returned function alone.
 */
export function createScrub(credential: string, secret: string): (text: string) => string {
  if (secret.length < SECRET_LENGTH_MIN) {
    throw new RunAgentError(
      'E_CREDENTIAL',
      `the credential ${credential} is shorter than ${SECRET_LENGTH_MIN} characters`,
      {
        hint: 'So short a secret cannot be kept out of the trail. A server that wants none needs no credential at all.',
      },
    )
  }
  const encoded = encodingsOf(secret).filter((form) => form.length >= ENCODED_LENGTH_MIN)
  const forms = [...new Set([secret, ...encoded])].toSorted((a, b) => b.length - a.length)
  const pattern = new RegExp(forms.map((form) => RegExp.escape(form)).join('|'), 'gi')
  const replacement = `[withheld: credential ${credential}]`
  return (text) => text.replace(pattern, () => replacement)
}

function encodingsOf(secret: string): string[] {
  const bytes = Buffer.from(secret, 'utf8')
  const hex = bytes.toString('hex')
  const base64 = [0, 1, 2].map((offset) => base64Inside(bytes, offset))
  const json = JSON.stringify(secret).slice(1, -1)
  return [
    json,
    json.replaceAll('/', '\\/'),
    encodeURIComponent(secret),
    encodeURIComponent(secret).replaceAll('%20', '+'),
    hex.replaceAll(/../g, '%$&'),
    hex,
    Array.from(secret).join('\0'),
    ...base64,
    ...base64.map((form) => form.replaceAll('+', '-').replaceAll('/', '_')),
  ]
}

/** The characters of base64 that `bytes` alone decides when `offset` (mod 3) bytes stand before it. */
function base64Inside(bytes: Uint8Array, offset: number): string {
  const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64')
  return text.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.byteLength) * 8) / 6))
}
