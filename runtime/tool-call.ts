/** One tool call of the model: decided, recorded, played in the sandbox with the broker as its only way out. */
import { createHash, hash } from 'node:crypto'
import type { Json } from './audit/event.ts'
import type { CallBinding, SecretFilter } from './broker/dressing.ts'
import { RunAgentError } from './errors.ts'
import { RESULT_DEPTH_MAX, TOOL_ARGUMENTS_BYTES_MAX } from './limits.ts'
import type { FunctionCallResult, ModelCall } from './model/model.ts'
import type { PlannedTool, RunPlan } from './plan.ts'
import { holdsSecret, isDue, SECRET_CAUSE, type PlannedKill } from './planned-kill.ts'
import type { CapabilityRequest, Decision } from './policy/grant.ts'
import type { RunFailure, World } from './run.ts'
import type { GuestEnd, GuestListener, GuestRun } from './sandbox/guest-run.ts'
import { secretIn, withoutSecret } from './said-secret.ts'
import { deliveryPayload, parseCapabilityRequest } from './sandbox/protocol.ts'

export interface DeniedRequest {
  readonly tool: string
  readonly request: string
  readonly rule: string
}

export interface ToolResult {
  readonly item: FunctionCallResult
  /** Set when the run must end with this call. */
  readonly stop?: RunFailure
}

export interface ToolCalls {
  call(call: ModelCall): Promise<ToolResult>
  readonly denied: readonly DeniedRequest[]
  /** The required tools of which no call has succeeded. */
  readonly neverSucceeded: readonly string[]
  readonly count: number
}

export function createToolCalls(plan: RunPlan, world: World): ToolCalls {
  const tools = new Map(plan.tools.map((tool) => [tool.name, tool]))
  const made = new Map<string, number>()
  const denied: DeniedRequest[] = []
  const succeeded = new Set<string>()
  let count = 0
  return {
    denied,
    get neverSucceeded() {
      return plan.tools.filter((tool) => tool.required && !succeeded.has(tool.name)).map((tool) => tool.name)
    },
    get count() {
      return count
    },
    async call({ callId, tool: name, argumentsJson }) {
      count += 1
      const tool = tools.get(name)
      const calls = (made.get(name) ?? 0) + 1
      made.set(name, calls)
      const refusal = refusalOf(tool, name, calls, argumentsJson, [...tools.keys()])
      const decision = callDecision(name, refusal)
      const data = { tool: name, arguments: argumentsJson, bundle: tool?.bundle.hash, decision }
      const now = world.recorder.append({ kind: 'tool.call', call: callId, data })
      if (decision.kind === 'deny') denied.push({ tool: name, request: 'call', rule: decision.rule })
      const played =
        refusal ??
        (tool === undefined ? undefined : await play({ plan, world, tool, call: callId, denied }, argumentsJson, now))
      if (played === undefined) throw new Error('a call that is not refused has a tool')
      const end = shallow(played)
      if (end.kind === 'ok') succeeded.add(name)
      if (isArgsDenial(end)) denied.push({ tool: name, request: 'call', rule: end.error.message })
      world.recorder.append({ kind: 'tool.outcome', call: callId, data: { end: endData(end) } })
      return resultOf(callId, name, end)
    },
  }
}

type Failed = Extract<GuestEnd, { kind: 'failed' }>

/** The isolate compares arguments with the definition's rules before it runs the tool. */
function isArgsDenial(end: GuestEnd): end is Failed {
  return end.kind === 'failed' && end.error.name === 'Denied' && end.error.code === 'E_ARGS'
}

function refusalOf(
  tool: PlannedTool | undefined,
  name: string,
  calls: number,
  argumentsJson: string,
  names: readonly string[],
): Failed | undefined {
  const failed = (errorName: string, code: string, message: string): Failed => ({
    kind: 'failed',
    error: { name: errorName, code, message },
    requests: 0,
    deliveries: 0,
  })
  if (tool === undefined) {
    return failed(
      'UnknownTool',
      'E_UNKNOWN_TOOL',
      `there is no tool ${JSON.stringify(name)}; the tools are: ${names.join(', ')}`,
    )
  }
  if (tool.callsMax !== undefined && calls > tool.callsMax) {
    return failed('Denied', 'E_CALLS', `limits.calls: ${name} may be called ${tool.callsMax} times in a run`)
  }
  const bytes = Buffer.byteLength(argumentsJson)
  if (bytes > TOOL_ARGUMENTS_BYTES_MAX) {
    const message = `limit arguments: the arguments are ${bytes} bytes; the limit is ${TOOL_ARGUMENTS_BYTES_MAX}`
    return failed('InvalidArguments', 'E_LIMIT_ARGUMENTS', message)
  }
  // Whether they are JSON, and what the schema asks for, is said in the isolate that parses them.
  return undefined
}

/** Arguments that are too many are the model's mistake and not a denial. */
function callDecision(
  name: string,
  refusal: Failed | undefined,
): { readonly kind: 'permit' | 'deny'; readonly rule: string } {
  const isMistake = refusal?.error.name === 'InvalidArguments'
  if (refusal === undefined || isMistake) return { kind: 'permit', rule: `tools.${name}` }
  return {
    kind: 'deny',
    rule: refusal.error.code === 'E_CALLS' ? refusal.error.message : 'default-deny: the agent has no such tool',
  }
}

interface Playing {
  readonly plan: RunPlan
  readonly world: World
  readonly tool: PlannedTool
  readonly call: string
  readonly denied: DeniedRequest[]
}

async function play(playing: Playing, input: string, now: number): Promise<GuestEnd> {
  const { plan, world, tool, call } = playing
  const kill = world.plannedKill(call)
  if (kill !== undefined && isDue(kill, NOTHING_HEARD)) return killedAs(kill)
  const idempotencyKey = derive(plan.seed, 'idempotency', call)
  const guest = new ServedGuest(playing, kill, {
    // Most calls send nothing with a credential, and what they are given may be long.
    get argumentsSha256() {
      return hash('sha256', input, 'hex')
    },
    idempotencyKey,
  })
  const run = world.sandbox.run(
    {
      bundle: tool.bundle,
      entry: 'tool',
      input,
      schema: tool.narrowing?.own ?? tool.parameters,
      ...(tool.narrowing === undefined ? {} : { narrowing: tool.narrowing.rules }),
      settings: plan.values,
      seed: derive(plan.seed, 'seed', call),
      now,
      limits: tool.limits,
      user: plan.user,
      idempotencyKey,
    },
    guest,
  )
  guest.run = run
  const stop = (): void => guest.fail(world.stop.reason)
  if (world.stop.aborted) stop()
  world.stop.addEventListener('abort', stop)
  const end = withoutSecret(await run.ended, world.filter)
  world.stop.removeEventListener('abort', stop)
  await guest.finish()
  if (end.kind !== 'killed') return end
  // What the call was killed for asking, if anything, was never asked of the broker.
  const { requests, deliveries } = kill ?? { requests: guest.requests, deliveries: end.deliveries }
  return { ...end, requests, deliveries }
}

function killedAs({ requests, deliveries, cause, message }: PlannedKill): GuestEnd {
  return { kind: 'killed', requests, deliveries, cause, message }
}

const NOTHING_HEARD = { requests: 0, deliveries: 0, logs: 0 }

/** What a guest asks, handed to the broker, and the answers handed back. */
class ServedGuest implements GuestListener {
  readonly #playing: Playing
  readonly #kill: PlannedKill | undefined
  readonly #binding: CallBinding
  readonly #ended = new AbortController()
  readonly #serving = new Set<Promise<void>>()
  #requests = 0
  #deliveries = 0
  #logs = 0
  readonly onIdle?: () => void
  /** Set before the guest can say anything: frames come in a later turn of the event loop. */
  run: GuestRun | undefined

  constructor(playing: Playing, kill: PlannedKill | undefined, binding: CallBinding) {
    this.#playing = playing
    this.#binding = binding
    this.#kill = kill
    const { onWaiting } = playing.world
    if (onWaiting !== undefined) this.onIdle = () => this.#heardIdle(onWaiting)
  }

  /** How many requests of the guest were asked of the broker. */
  get requests(): number {
    return this.#requests
  }

  onRequest(ordinal: number, payload: string): void {
    // What the guest of a replay asks beyond the place of its kill was never heard.
    if (this.#kill !== undefined && ordinal >= this.#kill.requests) return
    const request = parseCapabilityRequest(payload)
    if (request === undefined) return this.run?.kill('protocol', 'the call sent something that is not a request')
    const name = askedSecret(this.#playing.world.filter, request)
    if (name !== undefined) return this.run?.kill(SECRET_CAUSE, holdsSecret(name))
    this.#requests += 1
    const served = this.#serve(ordinal, request).catch((error: unknown) => this.fail(error))
    this.#serving.add(served)
    void served.then(() => this.#serving.delete(served))
    this.#killIfPlanned()
  }

  #heardIdle(onWaiting: (call: string) => void): void {
    const heard = [this.#requests, this.#deliveries].join()
    // What the tape can answer is answered before this: the request came in the same chunk as the idle frame.
    setImmediate(() => {
      const isStill = heard === [this.#requests, this.#deliveries].join() && !this.#ended.signal.aborted
      if (isStill && this.#requests > this.#deliveries) onWaiting(this.#playing.call)
    })
  }

  onLog(level: string, text: string): void {
    const { world, call } = this.#playing
    const name = secretIn(world.filter, text)
    if (name !== undefined) return this.run?.kill(SECRET_CAUSE, holdsSecret(name))
    world.recorder.append({ kind: 'log', call, data: { level, text } })
    this.#logs += 1
    this.#killIfPlanned()
  }

  fail(error: unknown): void {
    if (this.#ended.signal.aborted) return
    const { code, message } = error instanceof RunAgentError ? error : { code: 'E_INTERNAL', message: String(error) }
    this.run?.kill(code, message)
  }

  /** What is under way is recorded before the call's outcome, and waiting ends here: nothing follows the run's end. */
  async finish(): Promise<void> {
    this.#ended.abort()
    await Promise.all(this.#serving)
  }

  async #serve(ordinal: number, request: CapabilityRequest): Promise<void> {
    const { world, tool, call, denied } = this.#playing
    const place = { call, ordinal, ended: this.#ended.signal, binding: this.#binding }
    await world.broker.serve(place, tool.grant, request, (served) => {
      if (served.decision.kind === 'deny') denied.push(deniedRequest(tool.name, request, served.decision))
      this.#deliveries += 1
      this.run?.deliver(ordinal, served.now, deliveryPayload(served.outcome))
      this.#killIfPlanned()
    })
  }

  #killIfPlanned(): void {
    const kill = this.#kill
    const heard = { requests: this.#requests, deliveries: this.#deliveries, logs: this.#logs }
    if (kill !== undefined && isDue(kill, heard)) this.run?.kill(kill.cause, kill.message)
  }
}

/** What a tool asks for leaves it as well: a path, a URL, a body, what is written. */
function askedSecret(filter: SecretFilter | undefined, request: CapabilityRequest): string | undefined {
  if (filter === undefined || filter.isEmpty) return undefined
  const texts = Object.values(request).filter((value) => !(value instanceof Uint8Array))
  const bytes = Object.values(request).filter((value) => value instanceof Uint8Array)
  return secretIn(filter, JSON.stringify(texts)) ?? bytes.map((each) => secretIn(filter, each)).find(Boolean)
}

/** 32 hexadecimal digits that depend on the run's seed and the call alone. */
function derive(seed: string, purpose: string, call: string): string {
  return createHash('sha256').update(`${seed}\n${purpose}\n${call}`).digest('hex').slice(0, 32)
}

function deniedRequest(
  tool: string,
  request: CapabilityRequest,
  decision: Extract<Decision, { kind: 'deny' }>,
): DeniedRequest {
  return { tool, request: requestInWords(request), rule: decision.rule }
}

function requestInWords(request: CapabilityRequest): string {
  switch (request.op) {
    case 'http':
      return `${request.method} ${request.url}`
    case 'http.read':
    case 'http.close':
    case 'timer':
      return request.op
    case 'fs.rename':
      return `${request.op} ${request.from} → ${request.to}`
    default:
      return `${request.op} ${request.path}`
  }
}

/** Deliveries count only where a call was killed: how many more came while it ended is chance. */
function endData(end: GuestEnd): { readonly [key: string]: Json | undefined } {
  // What came out of JSON.parse is JSON.
  if (end.kind === 'ok') return { kind: end.kind, requests: end.requests, value: end.value as Json }
  return end.kind === 'failed' ? { kind: end.kind, requests: end.requests, error: { ...end.error } } : { ...end }
}

function resultOf(callId: string, name: string, end: GuestEnd): ToolResult {
  const item = (status: FunctionCallResult['status'], output: Json): FunctionCallResult => ({
    type: 'function_call_result',
    callId,
    name,
    status,
    output,
  })
  if (end.kind === 'ok') return { item: item('completed', end.value as Json) }
  if (end.kind === 'failed') return { item: item('incomplete', { error: { ...end.error } }) }
  const error = {
    name: 'Killed',
    code: `E_LIMIT_${end.cause.toUpperCase().replaceAll('-', '_')}`,
    message: `limit ${end.cause}: ${end.message}`,
  }
  const failed = item('incomplete', { error })
  // A cause that is an error code ends the run itself, not only the call.
  if (!end.cause.startsWith('E_')) return { item: failed }
  return { item: failed, stop: { name: 'Stopped', code: end.cause, message: end.message, retryable: false } }
}

/** A result that is too deep for everything that walks it later fails its call. */
function shallow(end: GuestEnd): GuestEnd {
  if (end.kind !== 'ok' || !isDeeper(end.value, RESULT_DEPTH_MAX)) return end
  const { requests, deliveries } = end
  const message = `the result is nested deeper than ${RESULT_DEPTH_MAX} levels`
  return { kind: 'failed', error: { name: 'InvalidResult', code: 'E_RESULT', message }, requests, deliveries }
}

/** A number is one level. */
function isDeeper(value: unknown, levels: number): boolean {
  if (levels === 0) return true
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(value)) return value.some((item) => isDeeper(item, levels - 1))
  // Unlike Object.values it makes no list; what came out of JSON.parse has no keys but its own.
  for (const key in value) if (isDeeper((value as Record<string, unknown>)[key], levels - 1)) return true
  return false
}
