/** Which events of a run name a tool call, and which a request of one: the condition (7) of the header of event.ts. */

import type { EventKind } from './event.ts'

const PLACES: Readonly<Record<EventKind, 'run' | 'call' | 'request'>> = {
  'run.start': 'run',
  message: 'run',
  'model.request': 'run',
  'model.response': 'run',
  'tool.call': 'call',
  'tool.outcome': 'call',
  log: 'call',
  'host.request': 'request',
  'host.outcome': 'request',
  'run.end': 'run',
}

interface Place {
  readonly kind: string
  readonly call?: string | null
  readonly ordinal?: number | null
}

/** Why no run has an event there; undefined where one may. */
export function misplaced({ kind, call = null, ordinal = null }: Place): string | undefined {
  if (!Object.hasOwn(PLACES, kind)) return 'there is no such kind of event'
  const place = PLACES[kind as EventKind]
  if ((call !== null) !== (place !== 'run')) return place === 'run' ? 'it is of no call' : 'it names no call'
  if ((ordinal !== null) !== (place === 'request'))
    return place === 'request' ? 'it names no ordinal' : 'it has no ordinal'
  return ordinal === null || (Number.isSafeInteger(ordinal) && ordinal >= 0) ? undefined : `${ordinal} is no ordinal`
}
