/** The scrubber as the broker asks it: names of credentials, and a body that is withheld in place of an error. */
import type { BodyFilter, Scrubbed, SecretFilter } from '../../broker/dressing.ts'
import { Withheld, type Hit, type Scrubber } from './scrub.ts'

/** `onHit`: called for each thing found, before what was found in is delivered. */
export function createSecretFilter(scrubber: Scrubber, onHit: (hit: Hit) => void): SecretFilter {
  const told = <Value>(value: Value, hits: readonly Hit[]): Scrubbed<Value> => {
    for (const hit of hits) onHit(hit)
    return { value, found: [...new Set(hits.map(({ credential }) => credential))] }
  }
  return {
    get isEmpty() {
      return scrubber.isEmpty
    },
    text(text) {
      const { text: value, hits } = scrubber.text(text)
      return told(value, hits)
    },
    bytes(bytes) {
      const { bytes: value, hits } = scrubber.bytes(bytes)
      return told(value, hits)
    },
    body(): BodyFilter {
      const stream = scrubber.stream()
      let seen = 0
      // What stream says of all it has found so far, as what is new.
      const fresh = (hits: readonly Hit[]): readonly Hit[] => hits.slice(seen, (seen = Math.max(seen, hits.length)))
      const step = (act: () => Uint8Array): Scrubbed<Uint8Array | undefined> => {
        try {
          return told<Uint8Array | undefined>(act(), fresh(stream.hits))
        } catch (error) {
          if (error instanceof Withheld) return told<Uint8Array | undefined>(undefined, error.hits)
          throw error
        }
      }
      return { push: (piece) => step(() => stream.push(piece)), end: () => step(() => stream.end()) }
    },
  }
}
