/** multipart/form-data both ways (RFC 7578; HTML section 4.10.21.8; Fetch: multipart/form-data parsing). */
import { joined } from '../bytes.ts'
import { FormData, formEntries } from './form-data.ts'

const CRLF = '\r\n'

export interface Multipart {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly type: string
}

export function encodeMultipart(form: FormData, bytesOf: (blob: Blob) => Uint8Array): Multipart {
  const boundary = `----formdata-run-agent-${crypto.randomUUID().replaceAll('-', '')}`
  const encoder = new TextEncoder()
  const pieces: Uint8Array[] = []
  const text = (written: string): void => void pieces.push(encoder.encode(written))
  for (const [name, value] of formEntries(form)) {
    const head = `--${boundary}${CRLF}Content-Disposition: form-data; name="${escaped(lines(name))}"`
    if (typeof value === 'string') text(`${head}${CRLF}${CRLF}${lines(value)}${CRLF}`)
    else {
      const type = value.type === '' ? 'application/octet-stream' : value.type
      text(`${head}; filename="${escaped(value.name)}"${CRLF}Content-Type: ${type}${CRLF}${CRLF}`)
      pieces.push(bytesOf(value))
      text(CRLF)
    }
  }
  text(`--${boundary}--${CRLF}`)
  return { bytes: joined(pieces), type: `multipart/form-data; boundary=${boundary}` }
}

function lines(text: string): string {
  return text.replace(/\r\n?|\n/g, CRLF)
}

function escaped(text: string): string {
  return text.replaceAll('\n', '%0A').replaceAll('\r', '%0D').replaceAll('"', '%22')
}

/** Throws TypeError on what is no multipart/form-data with this boundary. */
export function parseMultipart(bytes: Uint8Array<ArrayBuffer>, boundary: string): FormData {
  const form = new FormData()
  // One character a byte, so that places in the text are places in the bytes.
  const text = latin1(bytes)
  const mark = `--${boundary}`
  let at = text.startsWith(mark) ? 0 : text.indexOf(`${CRLF}${mark}`) + CRLF.length
  if (!text.startsWith(mark, at)) throw broken('its boundary is missing')
  for (;;) {
    at += mark.length
    if (text.startsWith('--', at)) return form
    if (!text.startsWith(CRLF, at)) throw broken('a boundary ends in the middle of a line')
    const headEnd = text.indexOf(`${CRLF}${CRLF}`, at)
    if (headEnd === -1) throw broken('a part has no end of its headers')
    const bodyStart = headEnd + 2 * CRLF.length
    const bodyEnd = text.indexOf(`${CRLF}${mark}`, bodyStart - CRLF.length)
    if (bodyEnd === -1) throw broken('a part has no end')
    const body = bytes.subarray(bodyStart, Math.max(bodyStart, bodyEnd))
    addPart(form, utf8(bytes.subarray(at + CRLF.length, headEnd)), body)
    at = bodyEnd + CRLF.length
  }
}

function addPart(form: FormData, head: string, body: Uint8Array<ArrayBuffer>): void {
  const headers = new Map(
    head.split(CRLF).map((line): [string, string] => {
      const colon = line.indexOf(':')
      if (colon === -1) throw broken('a header of a part has no colon')
      return [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()]
    }),
  )
  const disposition = headers.get('content-disposition') ?? ''
  const name = parameterOf(disposition, 'name')
  if (!/^form-data\s*;/i.test(disposition) || name === undefined) throw broken('a part has no name')
  const filename = parameterOf(disposition, 'filename')
  if (filename === undefined) form.append(name, utf8(body))
  else form.append(name, new File([body], filename, { type: headers.get('content-type') ?? 'text/plain' }))
}

function parameterOf(disposition: string, name: string): string | undefined {
  const found = new RegExp(`;\\s*${name}=(?:"([^"]*)"|([^;\\s]+))`, 'i').exec(disposition)
  const value = found?.[1] ?? found?.[2]
  return value?.replace(/%0A/gi, '\n').replace(/%0D/gi, '\r').replace(/%22/g, '"')
}

function utf8(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
}

const PIECE = 8192

function latin1(bytes: Uint8Array): string {
  const pieces: string[] = []
  for (let at = 0; at < bytes.length; at += PIECE) pieces.push(String.fromCharCode(...bytes.subarray(at, at + PIECE)))
  return pieces.join('')
}

function broken(what: string): TypeError {
  return new TypeError(`the body is no multipart/form-data: ${what}`)
}
