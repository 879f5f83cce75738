import { RunAgentError } from './errors.ts'
import type { ModelUsage } from './model/model.ts'

/**
 * A model provider failed while a run was going on. `retryable` says whether the same request may succeed later;
 * nothing retries by itself. A provider that was never configured is a plain RunAgentError instead.
 */
export class ProviderError extends RunAgentError {
  readonly retryable: boolean
  /** The HTTP status, where the provider answered at all. */
  readonly status: number | undefined
  /** What the answer took that could not be used, where the provider says so. */
  usage: ModelUsage | undefined

  constructor(
    code: 'E_PROVIDER' | 'E_CREDENTIAL' | 'E_MODEL',
    message: string,
    options: {
      readonly retryable: boolean
      readonly status?: number
      readonly usage?: ModelUsage | undefined
      readonly hint?: string
    },
  ) {
    super(code, message, options.hint === undefined ? {} : { hint: options.hint })
    this.name = 'ProviderError'
    this.retryable = options.retryable
    this.status = options.status
    this.usage = options.usage
  }
}
