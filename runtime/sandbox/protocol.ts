/**
 * What may cross the sandbox wall towards the host. Every frame is hostile: a process that was taken over can send
 * anything. What does not parse here ends the process.
 */
import { z } from 'zod'
import {
  FILE_READ_BYTES_MAX,
  FILE_WRITE_BYTES_MAX,
  HTTP_HEADERS_BYTES_MAX,
  HTTP_HEADERS_MAX,
  PATH_BYTES_MAX,
  URL_LENGTH_MAX,
} from '../limits.ts'
import type { CapabilityRequest } from '../policy/grant.ts'

const path = z.string().max(PATH_BYTES_MAX)
const count = z.int().min(0)
const data = z
  .base64()
  .max(Math.ceil(FILE_WRITE_BYTES_MAX / 3) * 4)
  .transform((text) => new Uint8Array(Buffer.from(text, 'base64')))

// RFC 9110 section 5.6.2, in lower case.
const headerName = z.string().regex(/^[a-z0-9!#$%&'*+.^_`|~-]{1,128}$/)

const capabilityRequest = z.discriminatedUnion('op', [
  z.strictObject({ op: z.literal('fs.read'), path }),
  z.strictObject({ op: z.literal('fs.readRange'), path, position: count, length: count.max(FILE_READ_BYTES_MAX) }),
  z.strictObject({ op: z.literal('fs.stat'), path, followLinks: z.boolean() }),
  z.strictObject({ op: z.literal('fs.list'), path }),
  z.strictObject({ op: z.literal('fs.readlink'), path }),
  z.strictObject({ op: z.literal('fs.write'), path, data, how: z.enum(['replace', 'create', 'append']) }),
  z.strictObject({ op: z.literal('fs.mkdir'), path, recursive: z.boolean() }),
  z.strictObject({ op: z.literal('fs.delete'), path, kind: z.enum(['file', 'directory']) }),
  z.strictObject({ op: z.literal('fs.rename'), from: path, to: path }),
  z.strictObject({
    op: z.literal('http'),
    method: z.string().regex(/^[A-Z]{1,20}$/),
    url: z.string().max(URL_LENGTH_MAX),
    headers: z
      .array(z.tuple([headerName, z.string().max(HTTP_HEADERS_BYTES_MAX)]))
      .max(HTTP_HEADERS_MAX)
      .optional(),
    body: data.optional(),
    credential: z.string().max(64).optional(),
    redirectOf: count.optional(),
  }),
  z.strictObject({ op: z.literal('http.read'), exchange: count }),
  z.strictObject({ op: z.literal('http.close'), exchange: count }),
  z.strictObject({ op: z.literal('timer'), delayMs: count.max(2 ** 31 - 1) }),
])

const scriptRequest = z.discriminatedUnion('op', [
  z.strictObject({ op: z.literal('call'), tool: z.string().max(64), arguments: z.string() }),
  z.strictObject({ op: z.literal('timer'), delayMs: count.max(2 ** 31 - 1) }),
])

const text = z.string()
const guestError = z.strictObject({ name: text.max(64), code: text.max(64).optional(), message: text.max(8192) })

const guestEnd = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('ok'), value: z.unknown() }),
  z.strictObject({ kind: z.literal('failed'), error: guestError }),
  z.strictObject({
    kind: z.literal('limit'),
    limit: z.enum(['timeout', 'cpu', 'memory', 'requests', 'in-flight', 'result']),
    message: text.max(512),
  }),
])

/** A script's wish for one tool call, or a timer. */
export type ScriptRequest = z.infer<typeof scriptRequest>
export type GuestError = { readonly name: string; readonly code?: string | undefined; readonly message: string }

/** How a guest says that its call ended. */
export type SaidEnd = z.infer<typeof guestEnd>

/** undefined: not a request of a tool. */
export function parseCapabilityRequest(payload: string): CapabilityRequest | undefined {
  return parsed(capabilityRequest, payload)
}

/** undefined: not a request of a script. */
export function parseScriptRequest(payload: string): ScriptRequest | undefined {
  return parsed(scriptRequest, payload)
}

/** Throws on anything that is not an end. */
export function parseEnd(payload: string): SaidEnd {
  return guestEnd.parse(JSON.parse(payload))
}

function parsed<Value>(schema: z.ZodType<Value>, payload: string): Value | undefined {
  try {
    return schema.safeParse(JSON.parse(payload)).data
  } catch {
    return undefined
  }
}

/** What an answer to a guest is made of; bytes only as the whole value. */
type WireOutcome = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: GuestError }

/** The payload of a delivery; the guest's end reads it in guest/wire.ts. */
export function deliveryPayload(outcome: WireOutcome): string {
  if (outcome.ok && outcome.value instanceof Uint8Array) {
    return `{"ok":true,"bytes":"${Buffer.from(outcome.value.buffer, outcome.value.byteOffset, outcome.value.byteLength).toString('base64')}"}`
  }
  return JSON.stringify(outcome)
}
