/** What a credential's value is while it lives, and where it comes from. */

/** One value of a credential, for one user. It is shown to nobody: only dressing and scrubbing look into it. */
export interface LiveSecret {
  readonly credential: string
  readonly user: string
  /** Tells two values apart without telling either; a store's number of the version, else a keyed digest. */
  readonly version: string
  readonly value: string
  /** What was learned with it and must not show either: a refresh token, a client's secret. */
  readonly related: readonly string[]
  /** Milliseconds since the Unix epoch; undefined where nobody says. */
  readonly expiresAtMs: number | undefined
  /** What the provider says that it may do; undefined where it does not say. */
  readonly scopes: readonly string[] | undefined
}

export interface SecretQuestion {
  readonly user: string
  /** A version that the server it was for has answered with 401: only another one is of use. */
  readonly rejected?: string
  readonly signal: AbortSignal
}

/** Where the values of one credential come from (contract: `source`). */
export interface SecretSource {
  /** In words, for `doctor`: never a value. */
  readonly origin: string
  /** The users have values of their own; else they share one. */
  readonly isPerUser: boolean
  /** @throws RunAgentError E_CREDENTIAL, saying what is missing and what to do. */
  fetch(question: SecretQuestion): Promise<LiveSecret>
  /** Ends the value at the provider; false where that cannot be done. */
  revoke?(secret: LiveSecret, signal: AbortSignal): Promise<boolean>
}
