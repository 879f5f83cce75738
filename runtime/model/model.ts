/** What every model is, whoever plays it: a provider, a script or the trail. */

import type { Json } from '../audit/event.ts'
import { CALL_ID_LENGTH_MAX } from '../limits.ts'

/** The trail's name for a model's client among the calls. */
export const MODEL_CALL = 'model'

/** The trail's name for the script that plays a model. */
export const SCRIPT_CALL = 'script'

interface Item {
  readonly [key: string]: Json | undefined
}

export interface UserMessage extends Item {
  readonly type: 'message'
  readonly role: 'user'
  readonly content: string
}

export interface AssistantMessage extends Item {
  readonly type: 'message'
  readonly role: 'assistant'
  readonly status: 'completed'
  readonly content: readonly AssistantPart[]
  /** `commentary` is not part of the answer; some providers want it back. */
  readonly phase?: string
}

export type AssistantPart =
  | { readonly type: 'output_text'; readonly text: string }
  | { readonly type: 'refusal'; readonly refusal: string }

export interface FunctionCall extends Item {
  readonly type: 'function_call'
  readonly callId: string
  /** Exactly as the model wrote it, known tool or not. */
  readonly name: string
  /** The text that should be JSON; it may be anything. */
  readonly arguments: string
  readonly status: 'completed'
}

export interface FunctionCallResult extends Item {
  readonly type: 'function_call_result'
  readonly callId: string
  readonly name: string
  /** `incomplete`: the call failed, was denied or was killed, and `output` is `{ error }`. */
  readonly status: 'completed' | 'incomplete'
  /** Anything but a string reaches the provider as JSON text. */
  readonly output: Json
}

/** Opaque, and meant for the provider that wrote it. */
export interface Reasoning extends Item {
  readonly type: 'reasoning'
}

/** One item of the transcript: plain JSON, in the protocol shape of @openai/agents. */
export type TranscriptItem = UserMessage | AssistantMessage | FunctionCall | FunctionCallResult | Reasoning

export interface ModelTool {
  readonly name: string
  readonly description: string
  /** JSON Schema; reaches the provider unchanged. */
  readonly parameters: { readonly [key: string]: Json | undefined }
}

export interface ModelSettings {
  readonly effort?: string
  readonly temperature?: number
  /** In tokens. */
  readonly maxOutput?: number
}

export interface ModelRequest {
  readonly instructions: string
  readonly items: readonly TranscriptItem[]
  readonly tools: readonly ModelTool[]
  readonly settings: ModelSettings
}

export interface ModelCall {
  /** Unique in the transcript. */
  readonly callId: string
  readonly tool: string
  readonly argumentsJson: string
}

export interface ModelUsage {
  readonly requests: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly totalTokens: number
}

/** No answer takes nothing: a provider that says so does not count. */
export function saysUsage({ inputTokens, outputTokens }: ModelUsage): boolean {
  return inputTokens > 0 && outputTokens > 0
}

/** A turn is one request, whatever the provider counts; and budgets rest on these numbers, so they are numbers. */
export function usageOf(usage: {
  readonly inputTokens: number
  readonly outputTokens: number
  readonly totalTokens: number
}): ModelUsage {
  const count = (value: number): number => (Number.isSafeInteger(value) && value > 0 ? value : 0)
  const inputTokens = count(usage.inputTokens)
  // Some count what a model thinks in the total alone; it is paid for as output.
  const outputTokens = Math.max(count(usage.outputTokens), count(usage.totalTokens) - inputTokens)
  return {
    requests: 1,
    inputTokens,
    outputTokens,
    totalTokens: inputTokens + outputTokens,
  }
}

export interface ModelTurn {
  /** What the model produced; the transcript goes on with these. */
  readonly items: readonly TranscriptItem[]
  readonly calls: readonly ModelCall[]
  /** The answer in words; the final one if `calls` is empty. */
  readonly text: string
  readonly usage: ModelUsage
}

export interface Model {
  /** `provider/name`, `script` … */
  readonly playedBy: string
  /**
   * `nowMs` is the recorded time of the request, the only clock that a model may look at. Rejects with a
   * RunAgentError; with the signal's reason if that is one, when aborted.
   */
  turn(request: ModelRequest, signal: AbortSignal, nowMs: number): Promise<ModelTurn>
  close(): Promise<void>
}

/**
 * Makes a turn of what a model produced. A call whose identifier is missing, repeated anywhere in the transcript,
 * reserved or unprintable gets a fresh one that depends on the transcript alone, so that a replay chooses the same.
 */
export function turnOf(
  before: readonly TranscriptItem[],
  produced: readonly TranscriptItem[],
  usage: ModelUsage,
): ModelTurn {
  const taken = new Set([MODEL_CALL, SCRIPT_CALL, ...before.flatMap((item) => (isCall(item) ? [item.callId] : []))])
  const items = produced.map((item, index) => {
    if (!isCall(item)) return item
    const callId =
      isUsable(item.callId) && !taken.has(item.callId) ? item.callId : freshCallId(taken, before.length + index)
    taken.add(callId)
    return { ...item, callId }
  })
  const calls = items
    .filter(isCall)
    .map((item) => ({ callId: item.callId, tool: item.name, argumentsJson: item.arguments }))
  return { items, calls, text: textOf(items), usage }
}

function isCall(item: TranscriptItem): item is FunctionCall {
  return item.type === 'function_call'
}

function isUsable(callId: string): boolean {
  return callId.length <= CALL_ID_LENGTH_MAX && /^[\x21-\x7e]+$/.test(callId)
}

function freshCallId(taken: ReadonlySet<string>, index: number): string {
  let callId = `call_${index}`
  while (taken.has(callId)) callId += '_'
  return callId
}

/** Of all messages but commentary; of commentary if there is nothing else. */
function textOf(items: readonly TranscriptItem[]): string {
  const messages = items.filter((item) => item.type === 'message' && item.role === 'assistant') as AssistantMessage[]
  const answers = messages.filter((message) => message.phase !== 'commentary')
  return (answers.length > 0 ? answers : messages)
    .map((message) => message.content.map((part) => (part.type === 'refusal' ? part.refusal : part.text)).join(''))
    .join('\n\n')
}
