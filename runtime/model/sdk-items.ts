/** Between our transcript and the items of @openai/agents, in both directions. */

import type { AgentInputItem } from '@openai/agents'
import type { Json } from '../audit/event.ts'
import { ProviderError } from '../provider-error.ts'
import type { AssistantPart, TranscriptItem } from './model.ts'

type Api = 'responses' | 'chat'
type JsonRecord = { readonly [key: string]: Json | undefined }

/** No provider takes a longer name of a function. */
const NAME_LENGTH_MAX = 64

/**
 * Items for the SDK. A call to a name that no API can spell is history like any other, so its name is spelled as
 * near as possible; results are text, since the SDK would turn `{ type: 'image' }` into a URL for the provider to
 * fetch.
 */
export function toSdkItems(items: readonly TranscriptItem[]): AgentInputItem[] {
  return items.map((item): AgentInputItem => {
    switch (item.type) {
      case 'function_call':
        return { ...item, name: spelled(item.name) }
      case 'function_call_result':
        return {
          type: 'function_call_result',
          callId: item.callId,
          name: spelled(item.name),
          status: 'completed',
          output: typeof item.output === 'string' ? item.output : JSON.stringify(item.output),
        }
      case 'message':
      case 'reasoning':
        return item as unknown as AgentInputItem
    }
  })
}

/**
 * Transcript items of what the SDK's model produced; hostile, since a provider wrote it. Items keep nothing that
 * names state at the provider, where nothing is stored. Items of kinds that we never asked for are left out: the
 * recorded answer has them.
 */
export function fromSdkItems(output: readonly unknown[], api: Api): TranscriptItem[] {
  return plain(output).flatMap((item): TranscriptItem[] => {
    if (!isRecord(item)) return []
    switch (item['type']) {
      case 'message':
        return assistantMessage(item)
      case 'function_call':
        return [functionCall(item, api)]
      case 'reasoning':
        return reasoning(item, api)
      default:
        return []
    }
  })
}

function assistantMessage(item: JsonRecord): TranscriptItem[] {
  const content = Array.isArray(item['content']) ? item['content'].flatMap(assistantPart) : []
  const phase = item['phase'] ?? (isRecord(item['providerData']) ? item['providerData']['phase'] : undefined)
  const kept = typeof phase === 'string' ? { phase } : {}
  return content.length === 0 ? [] : [{ type: 'message', role: 'assistant', status: 'completed', content, ...kept }]
}

function assistantPart(part: Json): AssistantPart[] {
  if (!isRecord(part)) return []
  if (part['type'] === 'output_text' && typeof part['text'] === 'string')
    return [{ type: 'output_text', text: part['text'] }]
  if (part['type'] === 'refusal' && typeof part['refusal'] === 'string')
    return [{ type: 'refusal', refusal: part['refusal'] }]
  return []
}

function functionCall(item: JsonRecord, api: Api): TranscriptItem {
  const { callId, name, arguments: written, providerData } = item
  if (typeof name !== 'string') {
    throw new ProviderError('E_PROVIDER', 'the provider answered with a tool call that has no name', {
      retryable: true,
    })
  }
  const text =
    typeof written === 'string' ? written : written === null || written === undefined ? '{}' : JSON.stringify(written)
  // Some servers of the chat API sign a call in a field of their own, and refuse the history without it.
  const { type: _type, ...extra } = api === 'chat' && isRecord(providerData) ? providerData : {}
  return {
    type: 'function_call',
    callId: typeof callId === 'string' ? callId : '',
    name,
    arguments: text,
    status: 'completed',
    ...(Object.keys(extra).length > 0 ? { providerData: extra } : {}),
  }
}

/** A provider that stores nothing knows its own reasoning again only by the encrypted text. */
function reasoning(item: JsonRecord, api: Api): TranscriptItem[] {
  if (api === 'chat') return [{ ...item, type: 'reasoning' }]
  const data = isRecord(item['providerData']) ? item['providerData'] : {}
  const known = Object.fromEntries(Object.entries(data).filter(([, value]) => value !== null))
  return typeof known['encrypted_content'] === 'string' ? [{ ...item, type: 'reasoning', providerData: known }] : []
}

function spelled(name: string): string {
  return name.replaceAll(/[^\w-]/g, '_').slice(0, NAME_LENGTH_MAX) || '_'
}

/** Nothing but JSON: neither prototypes nor undefined. */
function plain(output: readonly unknown[]): Json[] {
  return JSON.parse(JSON.stringify(output)) as Json[]
}

function isRecord(value: unknown): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
