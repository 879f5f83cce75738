/**
 * The story of a replay: the same run, with a world that is the trail. Nothing here looks at files, the network or
 * the clock; what the run asks for is compared with what the recording asked for, and answered from it.
 */
import type { Json, NewEvent, RunRecorder, StoredEvent } from './audit/event.ts'
import { fieldsOf } from './audit/fields.ts'
import { createBroker, type Perform } from './broker/broker.ts'
import { deniedOutcome, type Outcome } from './broker/outcome.ts'
import { RunAgentError } from './errors.ts'
import { firstDifference, type Difference } from './first-difference.ts'
import { SCRIPT_CALL, turnOf, usageOf, type Model, type ModelTurn } from './model/model.ts'
import { ScriptModel } from './model/script-model.ts'
import type { PlannedTool, RunPlan } from './plan.ts'
import type { PlannedKill } from './planned-kill.ts'
import { decide } from './policy/decide.ts'
import type { Facts } from './policy/grant.ts'
import { keyOf, Recording } from './recording.ts'
import { ModelKilled, runAgent, type RunFailure, type RunOutcome } from './run.ts'
import { lineOf, RecordedLines } from './recorded-lines.ts'
import type { Sandbox } from './sandbox/sandbox.ts'
import { interrupted, outOfTime } from './stop-reason.ts'

/** The first step at which the replay and the recording differ. */
export interface Divergence {
  readonly seq: number | undefined
  readonly kind: string
  readonly call: string | undefined
  readonly tool: string | undefined
  readonly ordinal: number | undefined
  readonly difference: Difference
}

export class DivergenceError extends RunAgentError {
  readonly divergence: Divergence

  constructor(divergence: Divergence) {
    super('E_DIVERGED', describe(divergence))
    this.name = 'DivergenceError'
    this.divergence = divergence
  }
}

export interface ReplayOptions {
  readonly events: readonly StoredEvent[]
  /** `toolSandbox` and `scriptSandbox` may be one. */
  readonly sandbox: Sandbox
  readonly scriptSandbox: Sandbox
}

/** Plays the recorded run again. Rejects with a DivergenceError at the first difference. */
export async function replayRun(options: ReplayOptions): Promise<RunOutcome> {
  const tape = new Tape(options.events)
  const plan = lenient(tape.plan)
  const broker = createBroker(tape, tape.perform)
  const isScripted = plan.script !== undefined && plan.playedBy === SCRIPT_CALL
  const model = tape.stopping(isScripted ? scriptModel(options, plan, tape) : tape.model(plan.playedBy))
  const { stop, plannedKill, onWaiting } = tape
  try {
    const outcome = await runAgent(plan, {
      recorder: tape,
      broker,
      model,
      sandbox: options.sandbox,
      stop,
      plannedKill,
      onWaiting,
    })
    tape.assertPlayedOut()
    return outcome
  } catch (error) {
    throw tape.divergence ?? error
  } finally {
    await model.close()
  }
}

function scriptModel({ scriptSandbox }: ReplayOptions, plan: RunPlan, tape: Tape): ScriptModel {
  if (plan.script === undefined) throw new RunAgentError('E_TRAIL', 'the recorded run names no script')
  return new ScriptModel({
    script: plan.script,
    task: plan.task,
    seed: plan.seed,
    sandbox: scriptSandbox,
    broker: createBroker(tape, tape.perform),
    wallMs: plan.budget.timeMs * LENIENCE,
    onLog: (level, text) => void tape.append({ kind: 'log', call: SCRIPT_CALL, data: { level, text } }),
    plannedKill: tape.plannedKill(SCRIPT_CALL),
    killed: (end) => new ModelKilled(end),
  })
}

/** How much longer than in the recording anything may take. */
const LENIENCE = 10

/**
 * Where a recorded call was killed is replayed as recorded; the time of this machine must not come first. The heap
 * stays as it was: a guest can catch an allocation that fails, so it is part of what it sees.
 */
function lenient(plan: RunPlan): RunPlan {
  const tools = plan.tools.map((tool): PlannedTool => {
    const { wallMs, cpuMs } = tool.limits
    const limits = {
      ...tool.limits,
      wallMs: wallMs * LENIENCE,
      cpuMs: cpuMs * LENIENCE,
    }
    return { ...tool, limits }
  })
  return { ...plan, tools }
}

interface RecordedOutcome {
  readonly outcome: Outcome
  readonly facts: Facts
}

/** The recording as the recorder and the world of a replay. */
class Tape implements RunRecorder {
  readonly run: string
  readonly plan: RunPlan
  divergence: DivergenceError | undefined
  readonly #stop = new AbortController()
  readonly #recording: Recording
  readonly #unplayed: Set<StoredEvent>
  readonly #logs = new Map<string, number>()
  /** How many requests each call has made so far. */
  readonly #asked = new Map<string, number>()
  /** How many of its answers each call was given so far. */
  readonly #answered = new Map<string, number>()
  readonly #waiting = new Map<string, () => void>()
  readonly #lines: RecordedLines
  /** Set in the turn in which the recorded run was stopped while its model thought. */
  #stoppedTurn: { readonly controller: AbortController; readonly reason: RunAgentError } | undefined

  constructor(events: readonly StoredEvent[]) {
    this.#recording = new Recording(events)
    this.plan = this.#recording.plan
    this.run = this.#recording.first.run
    this.#unplayed = new Set(this.#recording.events.values())
    this.#lines = new RecordedLines(this.#recording.events.values())
  }

  get stop(): AbortSignal {
    return this.#stop.signal
  }

  #at(key: string): StoredEvent | undefined {
    return this.#recording.events.get(key)
  }

  /** The ordinal of the answer that the recording gives the call next. */
  #nextAnswer(call: string): number | undefined {
    return this.#recording.order.get(call)?.[this.#answered.get(call) ?? 0]
  }

  readonly plannedKill = (call: string): PlannedKill | undefined => this.#recording.kills.get(call)

  append(event: NewEvent): number {
    if (this.divergence !== undefined) throw this.divergence
    const key = keyOf(event, this.#logs)
    const recorded = this.#at(key)
    const { kind, call = '' } = event
    if (kind === 'host.request') this.#asked.set(call, (this.#asked.get(call) ?? 0) + 1)
    if (recorded === undefined) {
      if (this.#isLastWord(event)) return 0
      this.#diverge(event, undefined, { path: '', recorded: undefined, replayed: shown(event) })
    } else {
      // The plan is the recording's own.
      const difference = kind === 'run.start' ? undefined : firstDifference(comparable(recorded), comparable(event))
      if (difference !== undefined) this.#diverge(event, recorded, difference)
      this.#passInLine(event, recorded)
      this.#unplayed.delete(recorded)
      this.#stopWhenDue()
      if (kind === 'tool.outcome') this.#assertAllPlayed(call)
    }
    if (kind === 'host.outcome') this.#answered.set(call, (this.#answered.get(call) ?? 0) + 1)
    this.#release(call)
    return recorded?.ts ?? 0
  }

  /** What stands in one line must come in its order. */
  #passInLine(event: NewEvent, recorded: StoredEvent): void {
    const line = lineOf(event)
    const next = line === undefined ? undefined : this.#nextInLine(line)
    if (next === undefined || next.runSeq >= recorded.runSeq) return
    this.#diverge(event, next, { path: '', recorded: shown(next), replayed: shown(event) })
  }

  /** How much a killed call could print after its last request depends on when the kill came, in both runs. */
  #isLastWord({ kind, call = '' }: NewEvent): boolean {
    const kill = this.#recording.kills.get(call)
    return kind === 'log' && kill !== undefined && (this.#asked.get(call) ?? 0) >= kill.requests
  }

  async commit(event: NewEvent): Promise<number> {
    return this.append(event)
  }

  async barrier(): Promise<void> {
    // A replay writes nothing.
  }

  /** Answers from the recording, in its order: one that comes early is held until the tape reaches it. */
  readonly perform: Perform = async ({ call, ordinal, ended }, grant, request, first, redecide) => {
    const recorded = this.#at(`host.outcome ${call} ${ordinal}`)
    for (;;) {
      if (recorded !== undefined && this.#nextAnswer(call) === ordinal && this.#isReached(recorded)) break
      // The script asks for one thing at a time, and nothing else can come first; unless it is stopped here.
      if (call === SCRIPT_CALL && this.#stoppedTurn?.controller.signal.aborted !== true) this.onWaiting(call)
      await new Promise<void>((resolve, reject) => {
        this.#waiting.set(`${call} ${ordinal}`, resolve)
        // All that the recording answers is answered within this turn of the event loop.
        const giveUp = (): void => void setImmediate(() => reject(ended.reason))
        if (ended.aborted) giveUp()
        else ended.addEventListener('abort', giveUp)
      })
    }
    if (first.kind === 'deny') return { outcome: deniedOutcome(first), facts: {} }
    const { outcome, facts } = recorded.data as unknown as RecordedOutcome
    const decision = Object.keys(facts).length === 0 ? decide(grant, request, {}) : redecide(facts)
    if (decision.kind === 'deny' && outcome.ok)
      return { outcome: { ok: false, error: { name: 'Denied', code: 'E_DENIED', message: decision.rule } }, facts }
    return { outcome, facts }
  }

  /** Whether the call has said all that it had said before this answer: none of that can depend on it. */
  #isReached({ call = '', runSeq }: StoredEvent): boolean {
    return (this.#nextInLine(call)?.runSeq ?? Infinity) >= runSeq
  }

  /** A call waits for an answer that the recording does not have, or has only after another request. */
  readonly onWaiting = (call: string): void => {
    const next = this.#nextAnswer(call)
    const unasked = next === undefined ? undefined : this.#at(`host.request ${call} ${next}`)
    const place = { kind: 'host.outcome', call, ...(next === undefined ? {} : { ordinal: next }), data: {} } as const
    const recorded = unasked === undefined ? 'no further answer' : shown(unasked)
    this.#note(place, unasked, { path: '', recorded, replayed: 'the call waits, and asks for nothing else' })
  }

  /**
   * The model, but for the turn in which the recorded run was stopped: a script goes on to where it was then, and nobody
   * waits for an answer.
   */
  stopping(model: Model): Model {
    let turn = 0
    return {
      playedBy: model.playedBy,
      turn: async (request, signal, nowMs) => {
        const { code } = fieldsOf(this.#recording.response(turn++)?.data['error'])
        if (code !== 'E_BUDGET' && code !== 'E_INTERRUPTED') return await model.turn(request, signal, nowMs)
        const reason = code === 'E_BUDGET' ? outOfTime(this.plan.budget.timeMs) : interrupted()
        if (model.playedBy !== SCRIPT_CALL) throw reason
        const controller = new AbortController()
        this.#stoppedTurn = { controller, reason }
        this.#stopWhenDue()
        return await model.turn(request, AbortSignal.any([signal, controller.signal]), nowMs)
      },
      close: () => model.close(),
    }
  }

  /** Stops the script once it has done all that it did in the recording. */
  #stopWhenDue(): void {
    if (this.#stoppedTurn === undefined || this.#nextInLine(SCRIPT_CALL)?.kind !== 'model.response') return
    const { controller, reason } = this.#stoppedTurn
    controller.abort(reason)
  }

  #nextInLine(name: string): StoredEvent | undefined {
    return this.#lines.next(name, (event) => this.#isLeft(event))
  }

  /** Whether the replay must still come to it. */
  #isLeft(event: StoredEvent): boolean {
    return this.#unplayed.has(event) && !this.#recording.isChance(event)
  }

  model(playedBy: string): Model {
    let turn = 0
    return {
      playedBy,
      turn: async ({ items: before }): Promise<ModelTurn> => {
        const data = this.#recording.response(turn++)?.data ?? {}
        if (data['ok'] !== true) throw Object.assign(new Error(), data['error'] as unknown as RunFailure)
        const { items, usage } = data as unknown as ModelTurn
        // What follows from them is made anew, so that it differs where it was rewritten.
        return turnOf(before, items, usageOf(usage))
      },
      close: async () => undefined,
    }
  }

  /** A recording that goes on where the replay has ended differs too. */
  assertPlayedOut(): void {
    this.#assertNoneLeft(() => true)
  }

  /** A call that ended without doing all that it did in the recording. */
  #assertAllPlayed(call: string): void {
    this.#assertNoneLeft((event) => event.call === call)
  }

  #assertNoneLeft(among: (event: StoredEvent) => boolean): void {
    for (const event of this.#unplayed) {
      if (!among(event) || !this.#isLeft(event)) continue
      this.#diverge(event, event, { path: '', recorded: shown(event), replayed: undefined })
    }
  }

  #release(call: string): void {
    const key = `${call} ${this.#nextAnswer(call)}`
    const waiter = this.#waiting.get(key)
    this.#waiting.delete(key)
    waiter?.()
  }

  #diverge(event: NewEvent, recorded: StoredEvent | undefined, difference: Difference): never {
    throw this.#note(event, recorded, difference)
  }

  /** Keeps the first difference and stops the replay. */
  #note(event: NewEvent, recorded: StoredEvent | undefined, difference: Difference): DivergenceError {
    const { kind, call, ordinal } = event
    const tool = call === undefined ? undefined : (this.#recording.tools.get(call) ?? call)
    this.divergence ??= new DivergenceError({ seq: recorded?.runSeq, kind, call, tool, ordinal, difference })
    this.#stop.abort(this.divergence)
    return this.divergence
  }
}

/**
 * The count of a run's events is the trail's own, and a replay leaves the model's exchanges out; how many answers a call
 * was given before it was killed is chance.
 */
function comparable({ kind, data }: NewEvent): NewEvent['data'] {
  if (kind === 'run.end') return { ...data, events: undefined }
  if (kind === 'tool.outcome') return { ...data, end: { ...fieldsOf(data['end']), deliveries: undefined } }
  if (data['decision'] === undefined) return data
  // What was asked differs before what was decided of it, and permit or deny before the words for it.
  const { request, decision, ...rest } = data
  const { kind: answer, ...words } = Object(decision) as { [key: string]: Json }
  return { request, decision: { kind: answer, ...words }, ...rest }
}

function shown(event: NewEvent): string {
  const { data } = event
  const subject = data['request'] ?? data['arguments'] ?? data['text'] ?? data['status'] ?? ''
  return `${event.kind} ${typeof subject === 'string' ? subject : JSON.stringify(subject)}`
}

function describe({ seq, kind, tool, call, ordinal, difference }: Divergence): string {
  const where = [
    `step ${seq ?? 'none'}`,
    kind,
    tool === undefined ? '' : `tool ${tool}`,
    call === undefined ? '' : `call ${call}`,
  ]
  const which = ordinal === undefined ? '' : `, host call ${ordinal}`
  const at = difference.path === '' ? '' : ` at ${difference.path}`
  const text = (value: string | undefined): string => value ?? 'nothing'
  return (
    `the replay differs from the recording: ${where.filter((part) => part !== '').join(', ')}${which}${at}\n` +
    `  recording: ${text(difference.recorded)}\n  replay:    ${text(difference.replayed)}`
  )
}
