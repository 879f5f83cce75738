/**
 * The last look before an event is written: whatever an event holds was to be scrubbed where it came from, so a find
 * here is a mistake of ours, or something that a guest computed.
 */

import { isUint8Array } from 'node:util/types'

import type { Json, NewEvent, RunRecorder } from '../../audit/event.ts'
import type { Hit, Scrubber } from './scrub.ts'

/**
 * Writes no event that holds a secret of `scrubber`: its texts, keys and bytes are replaced as the scrubber replaces
 * them. `onHit` is told of what was found, and by which kind of event.
 */
export function scrubbedRecorder(
  recorder: RunRecorder,
  scrubber: Scrubber,
  onHit: (hits: readonly Hit[], kind: NewEvent['kind']) => void,
): RunRecorder {
  const scrubbed = (event: NewEvent): NewEvent => {
    if (scrubber.isEmpty || isClean(event, scrubber)) return event
    const hits: Hit[] = []
    const data = scrubbedValue(event.data, scrubber, hits) as NewEvent['data']
    const call = event.call === undefined ? undefined : textWithHits(event.call, scrubber, hits)
    if (hits.length > 0) onHit(hits, event.kind)
    return { ...event, ...(call === undefined ? {} : { call }), data }
  }
  return {
    run: recorder.run,
    append: (event) => recorder.append(scrubbed(event)),
    commit: (event) => recorder.commit(scrubbed(event)),
    barrier: () => recorder.barrier(),
  }
}

/** Shorter texts of an event are looked through together: one look costs more than a few hundred characters. */
const JOINED_LENGTH_MAX = 4096

/** Stands between them, so that they make up nothing together. */
const SEPARATOR = '\n\n'

function isClean(event: NewEvent, scrubber: Scrubber): boolean {
  const short: string[] = [event.call ?? '']
  const isLongClean = everyText(event.data, (text) => {
    if (typeof text === 'string' && text.length <= JOINED_LENGTH_MAX) return short.push(text) > 0
    return typeof text === 'string' ? scrubber.text(text).hits.length === 0 : scrubber.bytes(text).hits.length === 0
  })
  return isLongClean && scrubber.text(short.join(SEPARATOR)).hits.length === 0
}

/** Whether `holds` for every text, key and array of bytes in a value. */
function everyText(value: Json | undefined, holds: (text: string | Uint8Array) => boolean): boolean {
  if (typeof value === 'string' || isUint8Array(value)) return holds(value)
  if (typeof value !== 'object' || value === null) return true
  if (Array.isArray(value)) return value.every((item: Json) => everyText(item, holds))
  return Object.entries(value).every(([key, item]) => holds(key) && everyText(item as Json | undefined, holds))
}

function scrubbedValue(value: Json | undefined, scrubber: Scrubber, hits: Hit[]): Json | undefined {
  if (typeof value === 'string') return textWithHits(value, scrubber, hits)
  if (isUint8Array(value)) {
    const scrubbed = scrubber.bytes(value)
    hits.push(...scrubbed.hits)
    return scrubbed.bytes
  }
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item: Json) => scrubbedValue(item, scrubber, hits) ?? null)
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      textWithHits(key, scrubber, hits),
      scrubbedValue(item as Json | undefined, scrubber, hits),
    ]),
  )
}

function textWithHits(text: string, scrubber: Scrubber, hits: Hit[]): string {
  const scrubbed = scrubber.text(text)
  hits.push(...scrubbed.hits)
  return scrubbed.text
}
