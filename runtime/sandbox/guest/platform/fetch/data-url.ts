/** `data:` URLs (Fetch section 6). */
import { parseMimeType, serializeMimeType } from './mime-type.ts'

export interface DataUrl {
  readonly type: string
  readonly bytes: Uint8Array<ArrayBuffer>
}

const FALLBACK = 'text/plain;charset=US-ASCII'

/** Undefined for one that says nothing. */
export function parseDataUrl(url: URL): DataUrl | undefined {
  const text = url.href.slice('data:'.length, url.hash === '' ? undefined : url.href.length - url.hash.length)
  const comma = text.indexOf(',')
  if (comma === -1) return undefined
  const written = text.slice(0, comma).trim()
  const base64 = /;\x20*base64$/i.exec(written)
  const type = base64 === null ? written : written.slice(0, base64.index)
  const data = percentDecoded(text.slice(comma + 1))
  const bytes = base64 === null ? data : fromBase64(data)
  if (bytes === undefined) return undefined
  const parsed = parseMimeType(type.startsWith(';') ? `text/plain${type}` : type)
  return { type: parsed === undefined ? FALLBACK : serializeMimeType(parsed), bytes }
}

function percentDecoded(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>
  let at = 0
  for (let from = 0; from < bytes.length; from += 1) {
    const digits = String.fromCharCode(bytes[from + 1] ?? 0, bytes[from + 2] ?? 0)
    const isEscape = bytes[from] === 0x25 && /^[\dA-Fa-f]{2}$/.test(digits)
    bytes[at++] = isEscape ? Number.parseInt(digits, 16) : (bytes[from] ?? 0)
    if (isEscape) from += 2
  }
  return bytes.slice(0, at)
}

function fromBase64(data: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(new TextDecoder('latin1').decode(data)), (character) => character.charCodeAt(0))
  } catch {
    return undefined
  }
}
