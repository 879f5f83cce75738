/**
 * A script plays the model: deterministic code in a sandbox of its own, that reaches the world only through the
 * agent's tools. Calls that it makes together become one turn. Between turns it stands still, so nothing that
 * happens meanwhile can change what it does next.
 */
import type { Broker } from '../broker/broker.ts'
import { codeOf, messageOf, RunAgentError } from '../errors.ts'
import { SCRIPT_CPU_MS, SCRIPT_MEMORY_BYTES, SCRIPT_RESULT_BYTES_MAX, TOOL_LOG_BYTES_MAX } from '../limits.ts'
import type { Grant } from '../policy/grant.ts'
import type { GuestCode, GuestCounts, GuestEnd, GuestLimits, GuestRun } from '../sandbox/guest-run.ts'
import { isDue, type PlannedKill, holdsSecret, SECRET_CAUSE } from '../planned-kill.ts'
import { secretIn, withoutSecret } from '../said-secret.ts'
import type { SecretFilter } from '../broker/dressing.ts'
import { deliveryPayload, parseScriptRequest, type ScriptRequest } from '../sandbox/protocol.ts'
import type { Sandbox } from '../sandbox/sandbox.ts'
import {
  SCRIPT_CALL,
  turnOf,
  type FunctionCallResult,
  type Model,
  type ModelRequest,
  type ModelTurn,
  type TranscriptItem,
} from './model.ts'

export interface ScriptModelOptions {
  readonly script: GuestCode
  readonly task: string
  readonly seed: string
  readonly sandbox: Sandbox
  /** Serves the script's timers, the only effect of its own. */
  readonly broker: Broker
  readonly wallMs: number
  readonly onLog: (level: string, text: string) => void
  /** Where a recorded script was killed. */
  readonly plannedKill: PlannedKill | undefined
  /** Keeps secrets out of what the script makes of what it was told; a replay needs none. */
  readonly filter?: SecretFilter | undefined
  readonly killed: (end: Extract<GuestEnd, { kind: 'killed' }>) => Error
}

const NO_GRANT: Grant = {
  tool: SCRIPT_CALL,
  paths: [],
  deny: [],
  git: undefined,
  http: [],
  redirects: [],
  headers: [],
  ownFiles: [],
}
const NO_USAGE = { requests: 0, inputTokens: 0, outputTokens: 0, totalTokens: 0 }

interface Pending<Request> {
  readonly ordinal: number
  readonly request: Request
}

type Call = Extract<ScriptRequest, { op: 'call' }>
type Timer = Extract<ScriptRequest, { op: 'timer' }>

export class ScriptModel implements Model {
  readonly playedBy = SCRIPT_CALL
  readonly #options: ScriptModelOptions
  #run: GuestRun | undefined
  #end: GuestEnd | undefined
  readonly #ended = new AbortController()
  #now = 0
  #requests = 0
  #deliveries = 0
  #logs = 0
  /** Calls of the turn under way, in the order in which the script made them. */
  #calls: Pending<Call>[] = []
  #timers: (Pending<Timer> & { readonly dueMs: number })[] = []
  #asked = new Map<string, number>()
  #wake: () => void = () => undefined

  constructor(options: ScriptModelOptions) {
    this.#options = options
  }

  async turn(request: ModelRequest, signal: AbortSignal, nowMs: number): Promise<ModelTurn> {
    if (signal.aborted) throw signal.reason
    this.#now = nowMs
    const stop = (): void => this.#run?.kill('E_INTERRUPTED', 'the run was stopped')
    signal.addEventListener('abort', stop)
    try {
      await this.#untilIdle(() => this.#goOn(request))
      while (this.#end === undefined && this.#calls.length === 0) await this.#serveTimer()
      if (signal.aborted) throw signal.reason
      return this.#answer(request.items)
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  async close(): Promise<void> {
    this.#run?.kill('closed', 'the run has ended')
  }

  /** Starts the script, or tells it the results of its calls in the order of the calls. */
  #goOn(request: ModelRequest): void {
    if (this.#run === undefined) return this.#start()
    const results = new Map(
      request.items.flatMap((item) => (item.type === 'function_call_result' ? [[item.callId, item]] : [])),
    )
    for (const [callId, ordinal] of this.#asked) {
      const result = results.get(callId)
      if (result !== undefined && 'output' in result)
        this.#deliver(ordinal, this.#now, payloadOf(result as FunctionCallResult))
    }
    this.#asked.clear()
  }

  #start(): void {
    const { script, task, seed, sandbox, wallMs } = this.#options
    const run = sandbox.run(
      {
        bundle: script,
        entry: 'script',
        input: task,
        seed,
        now: this.#now,
        limits: scriptLimits(wallMs),
      },
      {
        onRequest: (ordinal, payload) => this.#hear(ordinal, payload),
        onIdle: () => this.#wake(),
        onLog: (level, text) => this.#hearLog(level, text),
      },
    )
    this.#run = run
    void run.ended.then((end) => {
      const checked = withoutSecret(end, this.#options.filter)
      this.#end = checked.kind === 'killed' ? { ...checked, ...this.#placeOfKill(checked) } : checked
      this.#ended.abort()
      this.#wake()
    })
    this.#killIfPlanned()
  }

  #hear(ordinal: number, payload: string): void {
    const request = parseScriptRequest(payload)
    if (request === undefined) return this.#run?.kill('protocol', 'the script sent something that is not a request')
    const name = secretIn(this.#options.filter, payload)
    if (name !== undefined) return this.#run?.kill(SECRET_CAUSE, holdsSecret(name))
    this.#requests += 1
    if (request.op === 'call') this.#calls.push({ ordinal, request })
    else this.#timers.push({ ordinal, request, dueMs: this.#now + request.delayMs })
    this.#killIfPlanned()
  }

  #hearLog(level: string, text: string): void {
    const name = secretIn(this.#options.filter, text)
    if (name !== undefined) return this.#run?.kill(SECRET_CAUSE, holdsSecret(name))
    this.#options.onLog(level, text)
    this.#logs += 1
    this.#killIfPlanned()
  }

  #deliver(ordinal: number, now: number, payload: string): void {
    this.#deliveries += 1
    this.#run?.deliver(ordinal, now, payload)
    this.#killIfPlanned()
  }

  #killIfPlanned(): void {
    const kill = this.#options.plannedKill
    const heard = { requests: this.#requests, deliveries: this.#deliveries, logs: this.#logs }
    if (kill !== undefined && isDue(kill, heard)) this.#run?.kill(kill.cause, kill.message)
  }

  /** What the script was killed for asking, if anything, was never heard. */
  #placeOfKill({ deliveries }: GuestCounts): GuestCounts {
    const kill = this.#options.plannedKill
    return kill === undefined ? { requests: this.#requests, deliveries } : placeOf(kill)
  }

  /** Does something that makes the script run, and waits until it stands still again. */
  async #untilIdle(act: () => void): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wake = resolve
    act()
    if (this.#end === undefined) await promise
  }

  /** One timer at a time, the earliest first: the same order in every replay. */
  async #serveTimer(): Promise<void> {
    const [next] = this.#timers.toSorted((a, b) => a.dueMs - b.dueMs || a.ordinal - b.ordinal)
    if (next === undefined) {
      // Waits for nothing: its process says so next, which ends it.
      await this.#run?.ended
      return
    }
    this.#timers = this.#timers.filter((timer) => timer !== next)
    const delayMs = Math.max(0, next.dueMs - this.#now)
    await this.#untilIdle(() => {
      const place = { call: SCRIPT_CALL, ordinal: next.ordinal, ended: this.#ended.signal }
      const served = this.#options.broker.serve(place, NO_GRANT, { op: 'timer', delayMs }, ({ outcome, now }) => {
        this.#now = now
        this.#deliver(next.ordinal, now, deliveryPayload(outcome))
      })
      served.catch((error: unknown) => this.#run?.kill(codeOf(error) ?? 'E_INTERNAL', messageOf(error)))
    })
  }

  #answer(before: readonly TranscriptItem[]): ModelTurn {
    const end = this.#end
    if (end !== undefined)
      return turnOf(
        before,
        [
          {
            type: 'message',
            role: 'assistant',
            status: 'completed',
            content: [{ type: 'output_text', text: this.#finalText(end) }],
          },
        ],
        NO_USAGE,
      )
    const calls = this.#calls
    this.#calls = []
    const items = calls.map(({ ordinal, request }) => ({
      type: 'function_call' as const,
      callId: `call_${ordinal}`,
      name: request.tool,
      arguments: request.arguments,
      status: 'completed' as const,
    }))
    const turn = turnOf(before, items, NO_USAGE)
    turn.calls.forEach(({ callId }, index) => this.#asked.set(callId, calls[index]?.ordinal ?? -1))
    return turn
  }

  #finalText(end: GuestEnd): string {
    if (end.kind === 'killed') throw this.#options.killed(end)
    if (end.kind === 'failed') {
      const { name, code, message } = end.error
      throw new RunAgentError(
        'E_MODEL',
        `the script failed: ${name}${code === undefined ? '' : ` (${code})`}: ${message}`,
      )
    }
    if (this.#calls.length > 0) throw new RunAgentError('E_MODEL', neverMade(this.#calls))
    return typeof end.value === 'string' ? end.value : JSON.stringify(end.value)
  }
}

export function scriptLimits(wallMs: number): GuestLimits {
  return {
    wallMs,
    cpuMs: SCRIPT_CPU_MS,
    memoryBytes: SCRIPT_MEMORY_BYTES,
    requestsMax: 1_000_000,
    resultBytesMax: SCRIPT_RESULT_BYTES_MAX,
    logBytesMax: TOOL_LOG_BYTES_MAX,
  }
}

function placeOf({ requests, deliveries }: PlannedKill): GuestCounts {
  return { requests, deliveries }
}

/** A call becomes one of the model's turn when the script waits; one that ends instead has left it out. */
function neverMade(calls: readonly Pending<Call>[]): string {
  const names = [...new Set(calls.map(({ request }) => request.tool))]
  const more = names.length > NAMED_MAX ? ` and ${names.length - NAMED_MAX} more` : ''
  const tools = `${names.slice(0, NAMED_MAX).join(', ')}${more}`
  return `the script ended without waiting for a call of ${tools}, so it was never made; write \`await call(…)\``
}

/** Tools that a message names. */
const NAMED_MAX = 3

function payloadOf(result: FunctionCallResult): string {
  if (result.status === 'completed') return deliveryPayload({ ok: true, value: result.output })
  const { error } = Object(result.output) as { error: { name: string; code?: string; message: string } }
  return deliveryPayload({ ok: false, error })
}
