/**
 * A recorded run, read as what it claims to be. Whoever can write to a trail can compute its hashes anew, so nothing
 * is played before its events have proved to be in an order that a run can have: each intent before what came of it,
 * each once, nothing of a call before it began or after it ended, as many as its end counts.
 */
import type { NewEvent, StoredEvent } from './audit/event.ts'
import { fieldsOf, itemsOf, textOf } from './audit/fields.ts'
import { RunAgentError } from './errors.ts'
import { MODEL_CALL, SCRIPT_CALL } from './model/model.ts'
import type { PlannedKill } from './planned-kill.ts'

/** Endings in which the process died by itself, and may have taken with it what it had printed last. */
const LOSSY = new Set(['memory', 'crash', 'sandbox'])

export class Recording {
  readonly first: StoredEvent
  /** Every event that a replay makes again, by `keyOf`. */
  readonly events: ReadonlyMap<string, StoredEvent>
  readonly tools: ReadonlyMap<string, string>
  readonly kills: ReadonlyMap<string, PlannedKill>
  /** The ordinals of each call's answers, as they were delivered. */
  readonly order: ReadonlyMap<string, readonly number[]>
  /** Where each call asked last. */
  readonly #lastAsked: ReadonlyMap<string, number>

  /** @throws RunAgentError E_TRAIL, naming the event that no run has there. */
  constructor(events: readonly StoredEvent[]) {
    const [first] = events
    if (first?.kind !== 'run.start') throw new RunAgentError('E_TRAIL', 'the recording does not begin with run.start')
    this.first = first
    assertOrder(events)
    const logs = new Map<string, number>()
    // The model's exchange with its provider lies beneath the recorded response and is not driven again.
    const played = events.filter((event) => event.call !== MODEL_CALL)
    this.events = new Map(played.map((event) => [keyOf(event, logs), event]))
    this.tools = new Map(
      played.flatMap(({ kind, call, data }) =>
        kind === 'tool.call' && call !== undefined ? [[call, String(data['tool'])]] : [],
      ),
    )
    this.kills = new Map(played.flatMap((event) => killOf(event, logs)))
    const asked = played.filter(({ kind }) => kind === 'host.request')
    this.#lastAsked = new Map(asked.map(({ call = '', runSeq }) => [call, runSeq]))
    const order = new Map<string, number[]>()
    for (const { kind, call = '', ordinal = 0 } of played) {
      if (kind !== 'host.outcome') continue
      const answers = order.get(call)
      if (answers === undefined) order.set(call, [ordinal])
      else answers.push(ordinal)
    }
    this.order = order
  }

  /**
   * Whether a replay need not come to this event: what was answered while its call was killed, and what a call whose
   * process died printed after it had asked for the last time.
   */
  isChance({ kind, call = '', runSeq }: StoredEvent): boolean {
    const kill = this.kills.get(call)
    if (kill === undefined) return false
    if (kind === 'host.outcome') return true
    return kind === 'log' && LOSSY.has(kill.cause) && runSeq > (this.#lastAsked.get(call) ?? -1)
  }
}

/** What an event is the record of; two events of one run never share it. */
export function keyOf(event: NewEvent, logs: Map<string, number>): string {
  const { kind, call, ordinal, data } = event
  switch (kind) {
    case 'run.start':
    case 'run.end':
      return kind
    case 'message':
      return `${kind} ${String(data['index'])}`
    case 'model.request':
    case 'model.response':
      return `${kind} ${String(data['turn'])}`
    case 'tool.call':
    case 'tool.outcome':
      return `${kind} ${call}`
    case 'host.request':
    case 'host.outcome':
      return `${kind} ${call} ${ordinal}`
    case 'log': {
      const nth = logs.get(call ?? '') ?? 0
      logs.set(call ?? '', nth + 1)
      return `${kind} ${call} ${nth}`
    }
  }
}

function killOf({ kind, call = SCRIPT_CALL, data }: StoredEvent, logs: ReadonlyMap<string, number>) {
  const killed = kind === 'tool.outcome' ? data['end'] : kind === 'model.response' ? data['killed'] : undefined
  const end = fieldsOf(killed)
  if (end['kind'] !== 'killed') return []
  const { requests, deliveries, cause, message } = end as unknown as PlannedKill
  return [[call, { requests, deliveries, logs: logs.get(call) ?? 0, cause, message }] as const]
}

interface OpenCall {
  asked: number
  readonly unanswered: Set<number>
}

function assertOrder(events: readonly StoredEvent[]): void {
  const order = new Order(fieldsOf(events[0]?.data)['playedBy'] === SCRIPT_CALL)
  for (const event of events) {
    const why = order.next(event)
    if (why !== undefined) {
      throw new RunAgentError('E_TRAIL', `event ${event.runSeq} of run ${event.run}, ${event.kind}, cannot be: ${why}`)
    }
  }
}

/** The order that run.ts writes, as a machine that reads it. */
class Order {
  readonly #isScripted: boolean
  #events = 0
  #messages = 0
  #turns = 0
  #isThinking = false
  #hasEnded = false
  /** Calls that the model asked for and that were not begun. */
  readonly #announced = new Set<string>()
  readonly #known = new Set<string>([SCRIPT_CALL, MODEL_CALL])
  readonly #open = new Map<string, OpenCall>()
  readonly #scriptAsked = new Set<number>()
  readonly #script: OpenCall = { asked: 0, unanswered: new Set() }
  readonly #model: OpenCall = { asked: 0, unanswered: new Set() }

  constructor(isScripted: boolean) {
    this.#isScripted = isScripted
  }

  /** Why the event cannot come next; undefined if it can. */
  next(event: StoredEvent): string | undefined {
    if (this.#hasEnded) return 'the run has ended'
    const isFirst = this.#events++ === 0
    const { kind, data, call } = event
    if ((kind === 'run.start') !== isFirst) return 'a run begins with run.start, once'
    switch (kind) {
      case 'run.start':
        return (data['script'] !== undefined) === this.#isScripted
          ? undefined
          : 'a script plays if and only if there is one'
      case 'message':
        if (this.#isThinking) return 'the model has not answered yet'
        return data['index'] === this.#messages++ ? undefined : `it is not message ${this.#messages - 1}`
      case 'model.request':
        if (this.#isThinking || this.#open.size > 0) return 'the turn before it has not ended'
        this.#isThinking = true
        return data['turn'] === this.#turns ? undefined : `it is not turn ${this.#turns}`
      case 'model.response':
        if (!this.#isThinking || data['turn'] !== this.#turns) return 'nothing asked for it'
        this.#isThinking = false
        this.#turns += 1
        return this.#announce(event)
      case 'tool.call':
        return call !== undefined && this.#announced.delete(call) ? this.#begin(call) : 'the model did not ask for it'
      case 'tool.outcome':
        return this.#end(event)
      case 'host.request':
      case 'host.outcome':
      case 'log':
        return this.#within(event)
      case 'run.end':
        this.#hasEnded = true
        return this.#isThinking || this.#open.size > 0 ? 'something of the run has not ended' : undefined
    }
  }

  #announce({ data }: StoredEvent): string | undefined {
    for (const item of itemsOf(data['items'])) {
      const { type, callId } = fieldsOf(item)
      const call = textOf(callId)
      if (type !== 'function_call' || call === undefined) continue
      if (this.#known.has(call)) return `call ${call} was made before`
      this.#known.add(call)
      this.#announced.add(call)
    }
    return undefined
  }

  #begin(call: string): undefined {
    this.#open.set(call, { asked: 0, unanswered: new Set() })
  }

  #end({ call = '', data }: StoredEvent): string | undefined {
    const open = this.#open.get(call)
    if (open === undefined) return 'no such call is under way'
    this.#open.delete(call)
    const { kind, requests, deliveries } = fieldsOf(data['end'])
    if (requests !== open.asked) return `it counts ${String(requests)} requests, and the call made ${open.asked}`
    const answered = open.asked - open.unanswered.size
    if (kind !== 'killed') return undefined
    return typeof deliveries === 'number' && deliveries <= answered
      ? undefined
      : `it counts ${String(deliveries)} answers, and the call was given ${answered}`
  }

  #within({ kind, call = '', ordinal = -1 }: StoredEvent): string | undefined {
    const at = this.#callOf(call, kind)
    if (at === undefined) return 'no such call is under way'
    if (kind === 'log') return undefined
    if (kind === 'host.outcome') return at.unanswered.delete(ordinal) ? undefined : 'nothing asked for it'
    at.unanswered.add(ordinal)
    if (call !== SCRIPT_CALL)
      return ordinal === at.asked++ ? undefined : `it is not request ${at.asked - 1} of its call`
    // The script's calls share this count with its timers, and the timer that is due first is asked for first.
    if (this.#scriptAsked.has(ordinal)) return 'it was made before'
    this.#scriptAsked.add(ordinal)
    return undefined
  }

  /** Who plays the model does something only while it thinks; a provider may still answer what was given up. */
  #callOf(call: string, kind: string): OpenCall | undefined {
    if (call === SCRIPT_CALL) return this.#isScripted && this.#isThinking ? this.#script : undefined
    if (call !== MODEL_CALL) return this.#open.get(call)
    return !this.#isScripted && (this.#isThinking || kind === 'host.outcome') ? this.#model : undefined
  }
}
