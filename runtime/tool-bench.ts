/**
 * One call of one tool as a run would make it, on a workspace in memory: the sandbox, the decisions and the
 * performers are those of a run, and nothing is recorded anywhere. The same call comes out the same each time: clock
 * and random numbers start at what the test says, and only waiting moves the clock.
 */
import type { NewEvent, RunRecorder } from './audit/event.ts'
import { createBroker, type Perform } from './broker/broker.ts'
import { openWorkspace } from './broker/workspace.ts'
import { createWorldPerform } from './broker/world.ts'
import { RUN_TIME_MS } from './limits.ts'
import type { MemoryFiles } from './memory-files.ts'
import { createMemoryWeb, type WebAnswer } from './memory-web.ts'
import type { PlannedTool, RunPlan } from './plan.ts'
import type { CapabilityRequest, Decision } from './policy/grant.ts'
import type { Clock } from './ports.ts'
import type { World } from './run.ts'
import type { Sandbox } from './sandbox/sandbox.ts'
import { createToolCalls } from './tool-call.ts'

export interface BenchCall {
  readonly tool: PlannedTool
  readonly argumentsJson: string
  readonly files: MemoryFiles
  /** What the network says, by `METHOD URL`. */
  readonly answers: ReadonlyMap<string, WebAnswer>
  readonly sandbox: Sandbox
  /** For waiting and deadlines, which take as long as they do in a run. */
  readonly clock: Clock
  readonly values: RunPlan['values']
  readonly user: string
  /** Of the call's clock at its start. */
  readonly nowMs: number
  readonly seed: string
}

export interface BenchResult {
  readonly result:
    | { readonly ok: true; readonly output: unknown }
    | {
        readonly ok: false
        readonly error: { readonly name: string; readonly code?: string; readonly message: string }
      }
  /** In the order in which the tool made them, each with the decision that held in the end. */
  readonly requests: readonly DecidedRequest[]
  readonly logs: readonly { readonly level: string; readonly text: string }[]
}

export interface DecidedRequest {
  readonly op: CapabilityRequest['op']
  readonly path?: string
  /** Of `http`. */
  readonly method?: string
  readonly url?: string
  readonly from?: string
  readonly to?: string
  readonly decision: Decision['kind']
  readonly rule: string
}

export async function callOnBench(call: BenchCall): Promise<BenchResult> {
  using workspace = openWorkspace(call.files.host, call.files.root)
  const events: NewEvent[] = []
  let nowMs = call.nowMs
  const append = (event: NewEvent): number => {
    events.push(event)
    return nowMs
  }
  const recorder: RunRecorder = {
    run: 'bench',
    append,
    commit: async (event) => append(event),
    barrier: async () => {},
  }
  const performInWorld = createWorldPerform(workspace, call.clock, {
    host: createMemoryWeb(call.answers),
    authoritiesOf: () => undefined,
  })
  const perform: Perform = async (place, grant, request, first, redecide) => {
    const startedMs = nowMs
    const performed = await performInWorld(place, grant, request, first, redecide)
    if (request.op === 'timer') nowMs = Math.max(nowMs, startedMs + request.delayMs)
    return performed
  }
  const world: World = {
    recorder,
    broker: createBroker(recorder, perform),
    model: NO_MODEL,
    sandbox: call.sandbox,
    stop: new AbortController().signal,
    plannedKill: () => undefined,
  }
  const { tool, argumentsJson } = call
  const { item } = await createToolCalls(planOf(call), world).call({ callId: CALL, tool: tool.name, argumentsJson })
  const result =
    item.status === 'completed'
      ? ({ ok: true, output: item.output } as const)
      : ({ ok: false, error: (item.output as unknown as Extract<BenchResult['result'], { ok: false }>).error } as const)
  return { result, requests: requestsOf(events), logs: events.flatMap(logOf) }
}

const CALL = 'call-1'

const NO_MODEL: World['model'] = {
  playedBy: 'nobody',
  turn: () => Promise.reject(new Error('on a bench nobody plays the model')),
  close: async () => {},
}

/** A plan of this one call; what it says of a model or a trail is never looked at. */
function planOf({ tool, values, user, seed, files }: BenchCall): RunPlan {
  return {
    agent: 'bench',
    user,
    task: '',
    definition: { file: '', hash: '' },
    playedBy: 'nobody',
    instructions: '',
    settings: {},
    tools: [tool],
    script: undefined,
    budget: { turns: 1, timeMs: RUN_TIME_MS, tokens: undefined, usd: undefined },
    price: undefined,
    values,
    seed,
    workspace: files.root,
    walls: [],
    versions: {},
    process: { pid: 0, startTime: '' },
  }
}

function requestsOf(events: readonly NewEvent[]): readonly DecidedRequest[] {
  const requests = new Map<number, DecidedRequest>()
  for (const { kind, ordinal, data } of events) {
    if (ordinal === undefined) continue
    const decision = data['decision'] as unknown as Decision | undefined
    if (kind === 'host.request' && decision !== undefined) {
      requests.set(ordinal, decided(data['request'] as unknown as CapabilityRequest, decision))
    }
    // What was learned of links may have changed it.
    const before = requests.get(ordinal)
    if (kind === 'host.outcome' && decision !== undefined && before !== undefined) {
      requests.set(ordinal, { ...before, decision: decision.kind, rule: decision.rule })
    }
  }
  return [...requests.values()]
}

function decided(request: CapabilityRequest, { kind, rule }: Decision): DecidedRequest {
  const { op } = request
  if (op === 'http') return { op, method: request.method, url: request.url, decision: kind, rule }
  if (op === 'timer' || op === 'http.read' || op === 'http.close') return { op, decision: kind, rule }
  if (op === 'fs.rename') return { op, from: request.from, to: request.to, decision: kind, rule }
  return { op, path: request.path, decision: kind, rule }
}

function logOf({ kind, data }: NewEvent): BenchResult['logs'] {
  return kind === 'log' ? [{ level: String(data['level']), text: String(data['text']) }] : []
}
