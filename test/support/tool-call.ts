/** One tool call of a model, with a sandbox that only counts. */
import type { NewEvent } from '../../runtime/audit/event.ts'
import { createBroker } from '../../runtime/broker/broker.ts'
import type { PlannedTool, RunPlan } from '../../runtime/plan.ts'
import type { World } from '../../runtime/run.ts'
import type { GuestEnd } from '../../runtime/sandbox/guest-run.ts'
import type { Sandbox } from '../../runtime/sandbox/sandbox.ts'
import { createToolCalls, type DeniedRequest, type ToolResult } from '../../runtime/tool-call.ts'
import { grantOf } from './grants.ts'
import { callOf, toolOf } from './sandbox.ts'

export interface CalledTool extends ToolResult {
  /** How many calls reached the sandbox. */
  readonly played: number
  readonly events: readonly NewEvent[]
  readonly denied: readonly DeniedRequest[]
}

/** Calls a tool that is granted nothing; its result is 1. */
export async function callTool(argumentsJson: string): Promise<CalledTool> {
  const events: NewEvent[] = []
  const recorder = {
    run: 'test',
    append: (event: NewEvent) => events.push(event),
    commit: async (event: NewEvent) => events.push(event),
    barrier: async () => {},
  }
  let played = 0
  const end: GuestEnd = { kind: 'ok', value: 1, requests: 0, deliveries: 0 }
  const counting: Pick<Sandbox, 'run'> = {
    run: () => {
      played += 1
      return { ended: Promise.resolve(end), deliver: () => undefined, kill: () => undefined }
    },
  }
  const world: World = {
    recorder,
    broker: createBroker(recorder, () => Promise.reject(new Error('nothing is asked'))),
    model: { playedBy: 'nobody', turn: () => Promise.reject(new Error('nobody plays')), close: async () => {} },
    // Nothing else of it is used for a call.
    sandbox: counting as Sandbox,
    stop: new AbortController().signal,
    plannedKill: () => undefined,
  }
  const calls = createToolCalls(PLAN, world)
  const result = await calls.call({ callId: 'call', tool: 'probe', argumentsJson })
  return { ...result, played, events, denied: calls.denied }
}

const TOOL: PlannedTool = {
  name: 'probe',
  description: '',
  parameters: {},
  grant: grantOf({}),
  bundle: toolOf('return 1'),
  limits: callOf(toolOf('return 1')).limits,
  callsMax: undefined,
  narrowing: undefined,
  repeat: 'safe',
  required: false,
}

const PLAN: RunPlan = {
  agent: 'test',
  user: 'nobody',
  task: '',
  definition: { file: '', hash: '' },
  playedBy: 'nobody',
  instructions: '',
  settings: {},
  tools: [TOOL],
  script: undefined,
  budget: { turns: 1, timeMs: 1000, tokens: undefined, usd: undefined },
  price: undefined,
  values: {},
  seed: '0'.repeat(32),
  workspace: '',
  walls: [],
  versions: {},
  process: { pid: 0, startTime: '' },
}
