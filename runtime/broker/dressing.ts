/** What the broker asks of credentials: to dress one request at the last step, and to keep secrets out of what comes back. */
import type { CredentialRule, UsedCredential } from '../policy/grant.ts'

export interface DressQuestion {
  readonly call: string
  readonly ordinal: number
  readonly tool: string
  readonly credential: CredentialRule
  readonly method: string
  /** Canonical. */
  readonly url: string
  readonly body: Uint8Array | undefined
  readonly contentType: string | undefined
  /** The version that a server has just answered with 401: only another one is of use. */
  readonly rejected?: string
  readonly binding: CallBinding
  readonly signal: AbortSignal
}

/** Of the tool call that asks. */
export interface CallBinding {
  /** Hex. */
  readonly argumentsSha256: string
  readonly idempotencyKey: string
}

export type Dressed =
  | {
      readonly kind: 'dressed'
      readonly used: UsedCredential
      /** Where it is sent: with the secret in its query, where that is its slot. */
      readonly url: string
      readonly header: readonly [name: string, value: string] | undefined
      /** Requests with other credentials, or of other users, share no connection with it. */
      readonly pool: string
    }
  /** `why` is what the guest hears, and `reason` what is recorded besides, for the operator alone. */
  | { readonly kind: 'refused'; readonly why: string; readonly reason?: string }

export interface Dresser {
  /** Spends one action token, durably; what it gives is sent once. Never rejects but for a store that cannot be used. */
  dress(question: DressQuestion): Promise<Dressed>
}

/** Names of the credentials of which something was found. */
export interface Scrubbed<Value> {
  readonly value: Value
  readonly found: readonly string[]
}

/** Keeps every secret that the run has used out of what goes to a guest, a model, a person or the trail. */
export interface SecretFilter {
  /** No secret was used yet: nothing needs to be looked at. */
  readonly isEmpty: boolean
  text(text: string): Scrubbed<string>
  bytes(bytes: Uint8Array): Scrubbed<Uint8Array>
  /** A body that comes in pieces; undefined: it is withheld from here on, because a secret shows in it once it is decoded. */
  body(): BodyFilter
}

export interface BodyFilter {
  push(piece: Uint8Array): Scrubbed<Uint8Array | undefined>
  end(): Scrubbed<Uint8Array | undefined>
}
