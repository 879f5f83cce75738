/** Where the tokens of those who logged in are kept, and who may replace them. */

export interface KeptTokens {
  readonly value: string
  readonly refreshToken: string | undefined
  /** Milliseconds since the Unix epoch; `expiresAtMs` undefined: nobody says. */
  readonly obtainedAtMs: number
  readonly expiresAtMs: number | undefined
  readonly scopes: readonly string[] | undefined
  /** The issuer takes nothing of this family any more; `value` is empty. */
  readonly isDead: boolean
  /** Another one after each `write`. */
  readonly version: string
}

export interface TokenSet extends Omit<KeptTokens, 'version'> {
  readonly user: string
  readonly credential: string
}

export interface TokenKeeper {
  /** What was written last, by any process; undefined: nobody has logged in. */
  read(user: string, credential: string): Promise<KeptTokens | undefined>
  /** Durable when it resolves. Rejects where a newer lease than `fence` was given out. */
  write(set: TokenSet, fence: number): Promise<void>
  /**
   * Calls `work` while no other process holds the lease of this user and credential. The signal ends the waiting, and
   * never work that has begun: a refresh token that was spent and not replaced is lost. A lease lasts longer than a
   * request may take (`ISSUER_MS`).
   */
  withLease<Result>(
    user: string,
    credential: string,
    signal: AbortSignal,
    work: (fence: number) => Promise<Result>,
  ): Promise<Result>
}
