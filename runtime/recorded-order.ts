/**
 * The order of events that run.ts writes, as a machine that reads it. It pins down everything but how the calls of one
 * turn mingle, and within a call what only its guest decides; a replay compares those.
 */
import type { StoredEvent } from './audit/event.ts'
import { misplaced } from './audit/event-place.ts'
import { fieldsOf, itemsOf, textOf } from './audit/fields.ts'
import { MODEL_CALL, SCRIPT_CALL } from './model/model.ts'
import { RecordedExchanges } from './recorded-exchange.ts'
import { RecordedWeb } from './recorded-web.ts'

interface OpenCall {
  asked: number
  readonly unanswered: Set<number>
  readonly web: RecordedWeb
}

/** What run.ts does next on its own; `act`: a turn, its calls or the end. */
type Step = 'start' | 'say' | 'act' | 'think' | 'end'

export class RecordedOrder {
  readonly #isScripted: boolean
  #step: Step = 'start'
  #messages = 0
  /** Messages that come next, before anything else. */
  #unsaid = 0
  #turns = 0
  #hasEnded = false
  /** Calls that the model asked for and that were not begun, in its order. */
  #announced: string[] = []
  /** Results of the turn's calls that were not said yet. */
  #results = 0
  #before: StoredEvent | undefined
  readonly #known = new Set<string>([SCRIPT_CALL, MODEL_CALL])
  readonly #open = new Map<string, OpenCall>()
  readonly #scriptAsked = new Set<number>()
  readonly #script: OpenCall = { asked: 0, unanswered: new Set(), web: new RecordedWeb() }
  readonly #model: OpenCall = { asked: 0, unanswered: new Set(), web: new RecordedWeb() }
  readonly #exchanges = new RecordedExchanges()

  constructor(isScripted: boolean) {
    this.#isScripted = isScripted
  }

  /** Why the event cannot come next; undefined if it can. */
  next(event: StoredEvent): string | undefined {
    if (this.#hasEnded) return 'the run has ended'
    const why = misplaced(event) ?? this.#next(event)
    this.#before = event
    return why
  }

  #next(event: StoredEvent): string | undefined {
    const { kind, data } = event
    if ((kind === 'run.start') !== (this.#step === 'start')) return 'a run begins with run.start, once'
    switch (kind) {
      case 'run.start':
        this.#say(1)
        return (data['script'] !== undefined) === this.#isScripted
          ? undefined
          : 'a script plays if and only if there is one'
      case 'message':
        return this.#message(event)
      case 'model.request':
        if (this.#step !== 'act' || this.#isBusy()) return 'the turn before it has not ended'
        this.#step = 'think'
        return data['turn'] === this.#turns ? undefined : `it is not turn ${this.#turns}`
      case 'model.response':
        if (this.#step !== 'think' || data['turn'] !== this.#turns) return 'nothing asked for it'
        this.#turns += 1
        return this.#answer(event)
      case 'tool.call':
        return this.#begin(event)
      case 'tool.outcome':
        return this.#end(event)
      case 'host.request':
      case 'host.outcome':
      case 'log':
        return this.#within(event)
      case 'run.end':
        this.#hasEnded = true
        return this.#mayEnd() ? undefined : 'something of the run has not ended'
    }
  }

  #say(count: number): void {
    this.#unsaid = count
    this.#step = count > 0 ? 'say' : 'act'
  }

  #isBusy(): boolean {
    return this.#open.size > 0 || this.#results > 0
  }

  /** A run whose time is up leaves the calls of its last turn unmade, all of them. */
  #mayEnd(): boolean {
    return (
      this.#step === 'end' ||
      (this.#step === 'act' && this.#open.size === 0 && this.#results === this.#announced.length)
    )
  }

  #message({ data }: StoredEvent): string | undefined {
    if (this.#step === 'act' && this.#open.size === 0 && this.#announced.length === 0 && this.#results > 0) {
      this.#say(this.#results)
      this.#results = 0
    }
    if (this.#step !== 'say') return 'nobody has anything to say here'
    this.#say(this.#unsaid - 1)
    return data['index'] === this.#messages++ ? undefined : `it is not message ${this.#messages - 1}`
  }

  #answer({ data }: StoredEvent): string | undefined {
    const hasAnswered = this.#exchanges.takeAnswer()
    if (data['ok'] !== true) {
      this.#step = 'end'
      // A ceiling is looked at before the provider is asked.
      const isCeiling = fieldsOf(data['error'])['code'] === 'E_CEILING'
      return isCeiling && (this.#isScripted || hasAnswered) ? 'a ceiling ends a turn before its request' : undefined
    }
    if (!this.#isScripted && !hasAnswered) return 'the provider has not answered'
    const items = itemsOf(data['items'])
    this.#say(items.length)
    for (const item of items) {
      const { type, callId } = fieldsOf(item)
      const call = textOf(callId)
      if (type !== 'function_call' || call === undefined) continue
      if (this.#known.has(call)) return `call ${call} was made before`
      this.#known.add(call)
      this.#announced.push(call)
    }
    this.#results = this.#announced.length
    return undefined
  }

  #begin({ call = '' }: StoredEvent): string | undefined {
    if (this.#step !== 'act' || this.#announced.shift() !== call) return 'the model did not ask for it here'
    this.#open.set(call, { asked: 0, unanswered: new Set(), web: new RecordedWeb() })
    return undefined
  }

  #end({ call = '', data }: StoredEvent): string | undefined {
    const open = this.#open.get(call)
    if (open === undefined) return 'no such call is under way'
    // Only what is refused ends before the turn's other calls begin.
    const isAtOnce = this.#before?.kind === 'tool.call' && this.#before.call === call
    if (this.#announced.length > 0 && !isAtOnce) return 'a call of the turn has not begun'
    this.#open.delete(call)
    const { kind, requests, deliveries } = fieldsOf(data['end'])
    if (requests !== open.asked) return `it counts ${String(requests)} requests, and the call made ${open.asked}`
    if (kind !== 'killed') return undefined
    const answered = open.asked - open.unanswered.size
    return isCount(deliveries) && deliveries <= answered
      ? undefined
      : `it counts ${String(deliveries)} answers, and the call was given ${answered}`
  }

  #within(event: StoredEvent): string | undefined {
    const { kind, call = '', ordinal = -1 } = event
    const at = this.#callOf(call, kind)
    if (at === undefined) return 'no such call is under way'
    if (kind === 'log') return undefined
    const why = call === MODEL_CALL ? this.#exchanges.next(event) : at.web.next(event)
    if (why !== undefined) return why
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
    const isThinking = this.#step === 'think'
    if (call === SCRIPT_CALL) return this.#isScripted && isThinking ? this.#script : undefined
    if (call === MODEL_CALL) {
      if (this.#isScripted || kind === 'log') return undefined
      return isThinking || kind === 'host.outcome' ? this.#model : undefined
    }
    // Guests are heard in a later turn of the event loop than that in which all calls of a turn begin.
    return this.#announced.length === 0 ? this.#open.get(call) : undefined
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}
