/** The story of a run, on one screen: the same for a live run and for a replay, which differ only in their World. */
import { createHash } from 'node:crypto'
import { encodeInline } from './audit/encode.ts'
import type { Json, RunRecorder } from './audit/event.ts'
import type { Broker } from './broker/broker.ts'
import type { SecretFilter } from './broker/dressing.ts'
import { costOf } from './cost.ts'
import { codeOf, messageOf } from './errors.ts'
import {
  saysUsage,
  SCRIPT_CALL,
  type Model,
  type ModelTurn,
  type ModelUsage,
  type TranscriptItem,
} from './model/model.ts'
import { planData, type RunPlan } from './plan.ts'
import type { PlannedKill } from './planned-kill.ts'
import type { GuestEnd } from './sandbox/guest-run.ts'
import type { Sandbox } from './sandbox/sandbox.ts'
import { outOfTime } from './stop-reason.ts'
import { createToolCalls, type DeniedRequest } from './tool-call.ts'

export interface World {
  readonly recorder: RunRecorder
  readonly broker: Broker
  readonly model: Model
  readonly sandbox: Sandbox
  /** Aborts with a RunAgentError when the run must stop: its time is up, or a person interrupted it. */
  readonly stop: AbortSignal
  /** Where a recorded call was killed; a live run plans no such thing. */
  readonly plannedKill: (call: string) => PlannedKill | undefined
  /**
   * Told when nothing of a call runs and it waits for answers; a replay gives them at once or never. Undefined in a
   * live run: to hear it costs as much as an answer.
   */
  readonly onWaiting?: (call: string) => void
  /** Keeps secrets out of what a guest makes of what it was told; a replay needs none. */
  readonly filter?: SecretFilter
}

export type RunStatus = 'completed' | 'failed' | 'budget_exceeded' | 'interrupted'

export interface RunOutcome {
  readonly status: RunStatus
  readonly output?: string
  readonly error?: RunFailure
  readonly denied: readonly DeniedRequest[]
  readonly usage: ModelUsage
  /** What the model's answers cost in US dollars, where a price is known. */
  readonly usd?: number
  readonly toolCalls: number
}

export interface RunFailure {
  readonly name: string
  readonly code: string
  readonly message: string
  readonly retryable: boolean
}

export async function runAgent(plan: RunPlan, world: World): Promise<RunOutcome> {
  const { recorder } = world
  const startedMs = await recorder.commit({ kind: 'run.start', data: planData(plan) })
  const transcript: TranscriptItem[] = []
  const say = (...items: readonly TranscriptItem[]): void => {
    for (const item of items) recorder.append({ kind: 'message', data: { index: transcript.push(item) - 1, item } })
  }
  const tools = createToolCalls(plan, world)
  const usage = { requests: 0, inputTokens: 0, outputTokens: 0, totalTokens: 0 }
  const end = async (result: Pick<RunOutcome, 'status' | 'output' | 'error'>): Promise<RunOutcome> => {
    await recorder.commit({
      kind: 'run.end',
      data: { status: result.status, output: result.output, error: errorData(result.error), usage },
    })
    const usd = plan.price && costOf(plan.price, usage)
    return { ...result, denied: tools.denied, usage, ...(usd === undefined ? {} : { usd }), toolCalls: tools.count }
  }

  say({ type: 'message', role: 'user', content: plan.task })
  for (let turn = 0; turn < plan.budget.turns; turn += 1) {
    const spent = overBudget(plan, usage)
    if (spent !== undefined) return await end(budgetExceeded(spent))
    const answer = await askModel(plan, world, turn, transcript)
    if (!answer.ok) return await end(stopped(answer.error))
    addUsage(usage, answer.turn.usage)
    say(...answer.turn.items)
    const unusable = unusableUsage(plan, answer.turn.usage)
    if (unusable !== undefined) return await end(unusable)
    if (answer.turn.calls.length === 0) return await end(finished(answer.turn.text, tools.neverSucceeded))
    if (answer.at - startedMs >= plan.budget.timeMs)
      return await end(budgetExceeded(outOfTime(plan.budget.timeMs).message))
    const results = await Promise.all(answer.turn.calls.map((call) => tools.call(call)))
    say(...results.map(({ item }) => item))
    const stop = results.find((result) => result.stop !== undefined)?.stop
    if (stop !== undefined) return await end(stopped(stop))
  }
  return await end(budgetExceeded(`the model used all ${plan.budget.turns} turns of its budget without a final answer`))
}

/** A run whose required tools never did their work has not completed, whatever the model says. */
function finished(output: string, neverSucceeded: readonly string[]): Pick<RunOutcome, 'status' | 'output' | 'error'> {
  if (neverSucceeded.length === 0) return { status: 'completed', output }
  const message = `the run completed without one successful call of ${neverSucceeded.join(', ')}, which is required`
  return { status: 'failed', output, error: { name: 'RequiredTool', code: 'E_REQUIRED', message, retryable: false } }
}

/** A budget in tokens or money rests on what the provider says of its answer: silence would be an answer for nothing. */
function unusableUsage(plan: RunPlan, usage: ModelUsage): Pick<RunOutcome, 'status' | 'error'> | undefined {
  const { tokens, usd } = plan.budget
  const isBounded = tokens !== undefined || usd !== undefined
  if (!isBounded || plan.playedBy === SCRIPT_CALL || saysUsage(usage)) return undefined
  const message = `the provider of ${plan.playedBy} does not say how many tokens an answer took, so the budget cannot be held`
  return { status: 'failed', error: { name: 'UsageMissing', code: 'E_MODEL', message, retryable: false } }
}

/** In words, once a budget of tokens or money is used up; both are known only after an answer. */
function overBudget({ budget, price }: RunPlan, usage: ModelUsage): string | undefined {
  const { tokens, usd } = budget
  if (tokens !== undefined && usage.totalTokens >= tokens) {
    return `the model used ${usage.totalTokens} of the ${tokens} tokens of its budget`
  }
  const spent = price && costOf(price, usage)
  if (usd === undefined || spent === undefined || spent < usd) return undefined
  return `the model used $${spent.toFixed(4)} of the $${usd} of its budget`
}

function budgetExceeded(message: string): Pick<RunOutcome, 'status' | 'error'> {
  return { status: 'budget_exceeded', error: { name: 'BudgetExceeded', code: 'E_BUDGET', message, retryable: false } }
}

type Answer =
  | { readonly ok: true; readonly turn: ModelTurn; readonly at: number }
  | { readonly ok: false; readonly error: RunFailure }

/** One turn of the model: the request is durable before it leaves, the answer rides the next commit. */
async function askModel(plan: RunPlan, world: World, turn: number, items: readonly TranscriptItem[]): Promise<Answer> {
  const { recorder, model, stop } = world
  const tools = plan.tools.map(({ name, description, parameters }) => ({ name, description, parameters }))
  const head = encodeInline([plan.instructions, tools, { ...plan.settings }])
  const digest = createHash('sha256').update(head).digest('hex')
  // Instructions, tools and settings stand in `run.start`; messages are a range of the pool.
  const now = await recorder.commit({
    kind: 'model.request',
    data: { turn, messages: [0, items.length], head: digest },
  })
  try {
    const request = { instructions: plan.instructions, items, tools, settings: plan.settings }
    const answer = await model.turn(request, stop, now)
    const data = { turn, ok: true, items: answer.items, text: answer.text, usage: { ...answer.usage } }
    const at = recorder.append({ kind: 'model.response', data })
    return { ok: true, turn: answer, at }
  } catch (thrown) {
    const error = failureOf(thrown)
    recorder.append({ kind: 'model.response', data: { turn, ok: false, error: errorData(error), ...killData(thrown) } })
    return { ok: false, error }
  }
}

/** A guest that played the model and was killed: where, so that a replay can kill it there. */
export class ModelKilled extends Error {
  readonly code = 'E_MODEL'
  readonly end: Extract<GuestEnd, { kind: 'killed' }>

  constructor(end: Extract<GuestEnd, { kind: 'killed' }>) {
    super(`the script was stopped: ${end.message}`)
    this.name = 'ScriptKilled'
    this.end = end
  }
}

function killData(thrown: unknown): { readonly [key: string]: Json } {
  return thrown instanceof ModelKilled ? { killed: { ...thrown.end } as { [key: string]: Json } } : {}
}

function failureOf(thrown: unknown): RunFailure {
  const name = thrown instanceof Error ? thrown.name : 'Error'
  const retryable = Reflect.get(Object(thrown), 'retryable') === true
  return { name, code: codeOf(thrown) ?? 'E_INTERNAL', message: messageOf(thrown), retryable }
}

function errorData(error: RunFailure | undefined): Json | undefined {
  return error === undefined ? undefined : { ...error }
}

function stopped(error: RunFailure): Pick<RunOutcome, 'status' | 'error'> {
  if (error.code === 'E_BUDGET' || error.code === 'E_CEILING') return { status: 'budget_exceeded', error }
  return { status: error.code === 'E_INTERRUPTED' ? 'interrupted' : 'failed', error }
}

function addUsage(sum: { -readonly [Key in keyof ModelUsage]: number }, more: ModelUsage): void {
  sum.requests += more.requests
  sum.inputTokens += more.inputTokens
  sum.outputTokens += more.outputTokens
  sum.totalTokens += more.totalTokens
}
