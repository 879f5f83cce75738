/**
 * What the outcomes of one call's HTTP requests can say: which facts were asked for, and that a redirect is the one that
 * the recorded answer named. The addresses of a name, and what a server said, are the recording's word.
 */
import type { StoredEvent } from './audit/event.ts'
import { fieldsOf, itemsOf, textOf } from './audit/fields.ts'
import { redirectTarget } from './broker/web.ts'
import { canonicalUrl } from './policy/http-url.ts'

interface Asked {
  readonly url: string
  /** The credential that it was to be dressed with, as far as was known when it was asked. */
  readonly credential: string | undefined
  readonly redirectOf: number | undefined
  /** Whether what it names had been answered before it was asked. */
  readonly isAfter: boolean
}

interface Answered {
  readonly from: string
  readonly to: string | undefined
}

const FACTS: ReadonlySet<string> = new Set([
  'redirect',
  'dropped',
  'addresses',
  'credential',
  'refused',
  'reason',
  'withheld',
])

/** Of what is no HTTP request. */
const OTHER_FACTS: ReadonlySet<string> = new Set(['resolved', 'resolvedTo', 'isFolder', 'withheld'])

export class RecordedWeb {
  readonly #asked = new Map<number, Asked>()
  readonly #answered = new Map<number, Answered>()

  /** Why the event of a call cannot come next; undefined if it can. */
  next({ kind, ordinal = -1, data }: StoredEvent): string | undefined {
    if (kind === 'host.outcome') return this.#outcome(ordinal, data)
    const { op, url, redirectOf } = fieldsOf(data['request'])
    const decision = fieldsOf(data['decision'])
    if (kind !== 'host.request' || op !== 'http' || decision['kind'] !== 'permit') return undefined
    const canonical = canonicalUrl(textOf(url) ?? '')
    if (!canonical.ok) return 'what is no URL was permitted'
    const named = typeof redirectOf === 'number' ? redirectOf : undefined
    const isAfter = named !== undefined && this.#answered.has(named)
    const credential = textOf(decision['credential'])
    this.#asked.set(ordinal, { url: canonical.url.href, credential, redirectOf: named, isAfter })
    return undefined
  }

  #outcome(ordinal: number, data: StoredEvent['data']): string | undefined {
    const asked = this.#asked.get(ordinal)
    const facts = fieldsOf(data['facts'])
    if (asked === undefined) {
      return Object.keys(facts).every((name) => OTHER_FACTS.has(name))
        ? undefined
        : 'no such request asks for such a fact'
    }
    const { ok, value } = fieldsOf(data['outcome'])
    if (!Object.keys(facts).every((name) => FACTS.has(name))) return 'no request asks for such a fact'
    if (ok === true && itemsOf(facts['addresses']).length === 0) return 'nobody looked at an address'
    if (ok === true && textOf(fieldsOf(facts['credential'])['name']) !== asked.credential) {
      return 'it was sent with another credential than was decided'
    }
    if ((facts['redirect'] === undefined) !== (asked.redirectOf === undefined)) {
      // A call with too many exchanges asks for nothing.
      const isRefused = ok !== true && Object.keys(facts).length === 0
      if (!isRefused) return 'where it was redirected from is not what it asked for'
    }
    if (facts['redirect'] !== undefined && !this.#isNamed(asked, facts['redirect'])) {
      return 'it was not redirected from there'
    }
    if (ok !== true) return undefined
    const { status, headers } = fieldsOf(value)
    const pairs = itemsOf(headers).map((pair) => {
      const [name, text] = itemsOf(pair)
      return [textOf(name) ?? '', textOf(text) ?? ''] as const
    })
    this.#answered.set(ordinal, { from: asked.url, to: redirectTarget(Number(status), pairs, asked.url) })
    return undefined
  }

  #isNamed({ redirectOf = -1, isAfter }: Asked, redirect: StoredEvent['data'][string]): boolean {
    const answered = this.#answered.get(redirectOf)
    // What was asked before the answer came may have learned of it, or not.
    if (redirect === null) return answered?.to === undefined || !isAfter
    const { from, to } = fieldsOf(redirect)
    return answered?.to !== undefined && from === answered.from && to === answered.to
  }
}
