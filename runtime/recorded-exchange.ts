/**
 * The exchanges of a model's client with its provider, as they must stand in a recording. A replay does not drive them
 * again; where the provider is, and what it said, is the recording's word.
 */
import type { StoredEvent } from './audit/event.ts'
import { fieldsOf, textOf } from './audit/fields.ts'
import { decideModelRequest } from './broker/model-http.ts'
import { firstDifference } from './first-difference.ts'

export class RecordedExchanges {
  #base: URL | undefined
  readonly #permitted = new Set<number>()
  #answers = 0

  /** Why it is no exchange; undefined if it is one. */
  next({ kind, ordinal = 0, data }: StoredEvent): string | undefined {
    if (kind === 'host.request') return this.#ask(ordinal, data)
    if (!this.#permitted.has(ordinal)) return 'it was denied'
    if (fieldsOf(data['outcome'])['ok'] === true) this.#answers += 1
    return undefined
  }

  /** Whether the provider has answered since this was asked last. */
  takeAnswer(): boolean {
    const hasAnswered = this.#answers > 0
    this.#answers = 0
    return hasAnswered
  }

  #ask(ordinal: number, data: StoredEvent['data']): string | undefined {
    const { op, method, url } = fieldsOf(data['request'])
    const { kind, rule, allowed } = fieldsOf(data['decision'])
    if (op !== 'http' || typeof method !== 'string' || typeof url !== 'string' || !URL.canParse(url)) {
      return "a model's client asks for URLs alone"
    }
    this.#base ??= baseOf(textOf(kind === 'deny' ? allowed : rule))
    if (this.#base === undefined) return 'it names no provider'
    if (firstDifference(data['decision'], decideModelRequest(this.#base, { method, url })) !== undefined)
      return 'it was not decided so'
    if (kind === 'permit') this.#permitted.add(ordinal)
    return undefined
  }
}

/** A decision names the provider's URL; all of one run name the same. */
function baseOf(words: string | undefined): URL | undefined {
  const [, url] = /POST (\S+)\/\*\*/.exec(words ?? '') ?? []
  return url === undefined ? undefined : (URL.parse(url) ?? undefined)
}
