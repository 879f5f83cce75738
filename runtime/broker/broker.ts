/**
 * The reference monitor: the one place that every effect of a tool passes through. The text below is the order:
 * decide, record the intent, perform, record the outcome, deliver. Who performs is handed in: the world in a run,
 * the trail in a replay.
 */
import type { Json, RunRecorder } from '../audit/event.ts'
import { decide } from '../policy/decide.ts'
import type { CapabilityRequest, Decision, Facts, Grant } from '../policy/grant.ts'
import type { CallBinding } from './dressing.ts'
import type { Outcome } from './outcome.ts'

export interface EffectPlace {
  readonly call: string
  readonly ordinal: number
  /** Aborts when the call has ended, so that nobody waits for the answer any more. */
  readonly ended: AbortSignal
  /** Of a tool's call: what a token for its request is bound to. */
  readonly binding?: CallBinding
}

/** Decides again with what was learned; the performer stops where that denies. */
export type Redecide = (facts: Facts) => Decision

/**
 * Never rejects for what a request does; rejects only where the run must end (a trail that cannot be written), and
 * where the call ended while nothing but waiting was left to do.
 */
export type Perform = (
  place: EffectPlace,
  grant: Grant,
  request: CapabilityRequest,
  first: Decision,
  redecide: Redecide,
) => Promise<{ readonly outcome: Outcome; readonly facts: Facts }>

export interface Served {
  readonly outcome: Outcome
  readonly decision: Decision
  /** The outcome's time in the trail; the guest's clock after the delivery. */
  readonly now: number
}

export interface Broker {
  /** `deliver` is called before anything else can be recorded, so that the trail's order is the guest's. */
  serve(place: EffectPlace, grant: Grant, request: CapabilityRequest, deliver: (served: Served) => void): Promise<void>
}

export function createBroker(recorder: RunRecorder, perform: Perform): Broker {
  return {
    async serve(place, grant, request, deliver) {
      const { call, ordinal } = place
      const first = decide(grant, request, {})

      const intent = {
        kind: 'host.request',
        call,
        ordinal,
        data: { request: { ...request }, decision: { ...first } },
      } as const
      if (first.kind === 'permit' && mustBeDurableFirst(request)) await recorder.commit(intent)
      else recorder.append(intent)

      let decision = first
      const redecide: Redecide = (facts) => (decision = decide(grant, request, facts))
      // A denial goes the same way, so that a replay can hold it until its turn.
      const { outcome, facts } = await perform(place, grant, request, first, redecide)

      const again = decision === first ? {} : { decision: { ...decision } }
      const data = { outcome: outcomeData(outcome), facts: factsData(facts), ...again }
      const now = recorder.append({ kind: 'host.outcome', call, ordinal, data })
      deliver({ outcome, decision, now })
    },
  }
}

/** Whose intent must be durable before it is performed: everything but reading here and waiting. A GET leaves too. */
function mustBeDurableFirst(request: CapabilityRequest): boolean {
  switch (request.op) {
    case 'fs.read':
    case 'fs.readRange':
    case 'fs.stat':
    case 'fs.list':
    case 'fs.readlink':
    case 'http.read':
    case 'http.close':
    case 'timer':
      return false
    case 'fs.write':
    case 'fs.mkdir':
    case 'fs.delete':
    case 'fs.rename':
    case 'http':
      return true
  }
}

function factsData({ credential, ...facts }: Facts): Json {
  if (credential === undefined) return facts
  const { rejected, ...used } = credential
  return { ...facts, credential: rejected === undefined ? used : { ...used, rejected: { ...rejected } } }
}

function outcomeData(outcome: Outcome): Json {
  return outcome.ok ? { ...outcome } : { ok: false, error: { ...outcome.error } }
}
