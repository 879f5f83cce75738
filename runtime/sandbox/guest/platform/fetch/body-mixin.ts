/** What Request and Response both do with their bodies (Fetch section 5.3). */
import { formDataOf, mimeTypeOf, type Body } from './body.ts'
import type { FormData } from './form-data.ts'
import type { Headers } from './headers.ts'
import { serializeMimeType } from './mime-type.ts'

export interface Bodied {
  readonly body: ReadableStream<Uint8Array> | null
  readonly bodyUsed: boolean
  arrayBuffer(): Promise<ArrayBuffer>
  blob(): Promise<Blob>
  bytes(): Promise<Uint8Array>
  formData(): Promise<FormData>
  json(): Promise<unknown>
  text(): Promise<string>
}

/** Adds them to a prototype. `bodyOf` throws TypeError for what is no such object. */
export function mixBody(prototype: object, bodyOf: (owner: { readonly headers: Headers }) => Body | null): void {
  const take = async (owner: unknown): Promise<Uint8Array<ArrayBuffer>> =>
    (await bodyOf(owner as { headers: Headers })?.take()) ?? new Uint8Array()
  const text = async (owner: unknown): Promise<string> => new TextDecoder().decode(await take(owner))
  const typeOf = (owner: unknown): ReturnType<typeof mimeTypeOf> =>
    mimeTypeOf((owner as { headers: Headers }).headers.get('content-type'))
  const methods = {
    async arrayBuffer(): Promise<ArrayBuffer> {
      return owned(await take(this)).buffer
    },
    async blob(): Promise<Blob> {
      const bytes = await take(this)
      const type = typeOf(this)
      return new Blob([bytes], type === undefined ? {} : { type: serializeMimeType(type) })
    },
    async bytes(): Promise<Uint8Array> {
      return owned(await take(this))
    },
    async formData(): Promise<FormData> {
      return await formDataOf(await take(this), typeOf(this))
    },
    async json(): Promise<unknown> {
      return JSON.parse(await text(this))
    },
    async text(): Promise<string> {
      return await text(this)
    },
  }
  for (const [name, value] of Object.entries(methods)) {
    Object.defineProperty(prototype, name, { value, writable: true, enumerable: true, configurable: true })
  }
  const getters = {
    body: (owner: { readonly headers: Headers }) => bodyOf(owner)?.stream ?? null,
    bodyUsed: (owner: { readonly headers: Headers }) => bodyOf(owner)?.isUsed ?? false,
  }
  for (const [name, read] of Object.entries(getters)) {
    const get = function get(this: { readonly headers: Headers }): unknown {
      return read(this)
    }
    Object.defineProperty(prototype, name, { get, enumerable: true, configurable: true })
  }
}

/** A body that is bytes may be read again by a clone. */
function owned(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return bytes.slice()
}
