/**
 * A recorded run, read as what it claims to be. Whoever can write to a trail can compute its hashes anew, so nothing
 * is played before its events have proved to be in an order that a run can have: each intent before what came of it,
 * each once, nothing of a call before it began or after it ended, as many as its end counts.
 */
import type { NewEvent, StoredEvent } from './audit/event.ts'
import { fieldsOf } from './audit/fields.ts'
import { RunAgentError } from './errors.ts'
import { MODEL_CALL, SCRIPT_CALL } from './model/model.ts'
import { scriptLimits } from './model/script-model.ts'
import { planOf } from './plan-from-trail.ts'
import type { RunPlan } from './plan.ts'
import { isFromOutside, type KilledCall, type PlannedKill } from './planned-kill.ts'
import { RecordedOrder } from './recorded-order.ts'

/** Endings in which the process died by itself, and may have taken with it what it had printed last. */
const LOSSY = new Set(['memory', 'crash', 'sandbox'])

export class Recording {
  readonly first: StoredEvent
  /** Every event that a replay makes again, by `keyOf`. */
  readonly events: ReadonlyMap<string, StoredEvent>
  readonly tools: ReadonlyMap<string, string>
  readonly plan: RunPlan
  /** The kills that the call of a replay does not come to by itself. */
  readonly kills: ReadonlyMap<string, PlannedKill>
  /** The ordinals of each call's answers, as they were delivered. */
  readonly order: ReadonlyMap<string, readonly number[]>
  readonly #killed: ReadonlySet<string>
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
    const played = events.filter(({ kind, call }) => call !== MODEL_CALL || !kind.startsWith('host.'))
    this.events = new Map(played.map((event) => [keyOf(event, logs), event]))
    this.tools = new Map(
      played.flatMap(({ kind, call, data }) =>
        kind === 'tool.call' && call !== undefined ? [[call, String(data['tool'])]] : [],
      ),
    )
    this.plan = planOf(first)
    const killed = played.flatMap((event) => killOf(event, logs))
    this.#killed = new Set(killed.map(({ call }) => call))
    this.kills = new Map(
      killed.flatMap(({ call, kill, ts }) => (isFromOutside(kill, this.#killedCall(call, ts)) ? [[call, kill]] : [])),
    )
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

  /** What the model answered in a turn. */
  response(turn: number): StoredEvent | undefined {
    return this.events.get(keyOf({ kind: 'model.response', data: { turn } }, new Map()))
  }

  /**
   * Whether a replay need not come to this event: what was answered while its call was killed, and what a call whose
   * process died printed after it had asked for the last time.
   */
  isChance({ kind, call = '', runSeq }: StoredEvent): boolean {
    if (kind === 'host.outcome') return this.#killed.has(call)
    return kind === 'log' && LOSSY.has(this.kills.get(call)?.cause ?? '') && runSeq > (this.#lastAsked.get(call) ?? -1)
  }

  #killedCall(call: string, endedMs: number): KilledCall {
    const { tools, budget } = this.plan
    const began = this.events.get(keyOf({ kind: 'tool.call', call, data: {} }, new Map()))
    // A script begins with the first turn, and its own deadline comes after the run's.
    const limits = tools.find(({ name }) => name === this.tools.get(call))?.limits ?? scriptLimits(budget.timeMs)
    const credentials = new Set(tools.flatMap(({ grant }) => (grant.credentials ?? []).map(({ name }) => name)))
    return { limits, tookMs: endedMs - (began ?? this.first).ts, timeMs: budget.timeMs, credentials }
  }
}

/** What an event is the record of, and of whom; two events of one run never share it. */
export function keyOf(event: NewEvent, logs: Map<string, number>): string {
  const { kind, call = '', ordinal = '', data } = event
  const at = `${kind} ${call} ${ordinal}`
  switch (kind) {
    case 'message':
      return `${at} ${String(data['index'])}`
    case 'model.request':
    case 'model.response':
      return `${at} ${String(data['turn'])}`
    case 'log': {
      const nth = logs.get(call) ?? 0
      logs.set(call, nth + 1)
      return `${at} ${nth}`
    }
    case 'run.start':
    case 'run.end':
    case 'tool.call':
    case 'tool.outcome':
    case 'host.request':
    case 'host.outcome':
      return at
  }
}

function killOf({ kind, call = SCRIPT_CALL, data, ts }: StoredEvent, logs: ReadonlyMap<string, number>) {
  const killed = kind === 'tool.outcome' ? data['end'] : kind === 'model.response' ? data['killed'] : undefined
  const end = fieldsOf(killed)
  if (end['kind'] !== 'killed') return []
  const { requests, deliveries, cause, message } = end as unknown as PlannedKill
  const kill = { requests, deliveries, logs: logs.get(call) ?? 0, cause: String(cause), message: String(message) }
  return [{ call, kill, ts }]
}

function assertOrder(events: readonly StoredEvent[]): void {
  const order = new RecordedOrder(fieldsOf(events[0]?.data)['playedBy'] === SCRIPT_CALL)
  for (const event of events) {
    const why = order.next(event)
    if (why !== undefined) {
      throw new RunAgentError('E_TRAIL', `event ${event.runSeq} of run ${event.run}, ${event.kind}, cannot be: ${why}`)
    }
  }
}
