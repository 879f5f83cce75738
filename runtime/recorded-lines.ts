/**
 * What of a run comes in one line, whatever the timing: a guest is heard over one pipe, and a script stands still between
 * its turns. The answers to a tool are no part of its line; they are held back until the line has passed them.
 */
import type { NewEvent, StoredEvent } from './audit/event.ts'
import { SCRIPT_CALL } from './model/model.ts'

export class RecordedLines {
  readonly #lines = new Map<string, { readonly events: StoredEvent[]; passed: number }>()

  constructor(events: Iterable<StoredEvent>) {
    for (const event of events) {
      const name = lineOf(event)
      if (name === undefined) continue
      const line = this.#lines.get(name)
      if (line === undefined) this.#lines.set(name, { events: [event], passed: 0 })
      else line.events.push(event)
    }
  }

  /** The first event of a line that is left. */
  next(name: string, isLeft: (event: StoredEvent) => boolean): StoredEvent | undefined {
    const line = this.#lines.get(name)
    if (line === undefined) return undefined
    for (let event = line.events[line.passed]; event !== undefined; event = line.events[++line.passed])
      if (isLeft(event)) return event
    return undefined
  }
}

/** The line that an event stands in; undefined: none. */
export function lineOf({ kind, call }: NewEvent): string | undefined {
  switch (kind) {
    case 'model.request':
    case 'model.response':
      return SCRIPT_CALL
    case 'log':
    case 'host.request':
      return call
    case 'host.outcome':
      return call === SCRIPT_CALL ? call : undefined
    default:
      return undefined
  }
}
