/** Where two records first differ, for people: which place, and what stands there on each side. */
import type { Json } from './audit/event.ts'

export interface Difference {
  /** As in JavaScript, e.g. `.request.path`; empty for the whole. */
  readonly path: string
  /** Short texts; undefined where that side has nothing. */
  readonly recorded: string | undefined
  readonly replayed: string | undefined
}

const SHOWN_MAX = 200

/** undefined: the same. A key whose value is undefined counts as absent. */
export function firstDifference(
  recorded: Json | undefined,
  replayed: Json | undefined,
  path = '',
): Difference | undefined {
  if (recorded === replayed) return undefined
  if (isBytes(recorded) && isBytes(replayed)) {
    return Buffer.compare(recorded, replayed) === 0
      ? undefined
      : { path, recorded: shown(recorded), replayed: shown(replayed) }
  }
  if (isRecord(recorded) && isRecord(replayed) && Array.isArray(recorded) === Array.isArray(replayed)) {
    const keys = new Set([...Object.keys(recorded), ...Object.keys(replayed)])
    for (const key of keys) {
      const step = Array.isArray(recorded) ? `[${key}]` : `.${key}`
      const found = firstDifference(own(recorded, key), own(replayed, key), `${path}${step}`)
      if (found !== undefined) return found
    }
    return undefined
  }
  if (typeof recorded === 'string' && typeof replayed === 'string') return textDifference(recorded, replayed, path)
  return { path, recorded: shown(recorded), replayed: shown(replayed) }
}

/** A tool may well return a key `__proto__`. */
function own(record: { readonly [key: string]: Json | undefined }, key: string): Json | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined
}

/** Long texts are cut to where they part. */
function textDifference(recorded: string, replayed: string, path: string): Difference {
  let at = 0
  while (at < recorded.length && recorded[at] === replayed[at]) at += 1
  const from = recorded.length > SHOWN_MAX || replayed.length > SHOWN_MAX ? Math.max(0, at - 40) : 0
  const cut = (text: string): string => JSON.stringify(`${from > 0 ? '…' : ''}${text.slice(from, from + SHOWN_MAX)}`)
  return { path: from > 0 ? `${path} (character ${at})` : path, recorded: cut(recorded), replayed: cut(replayed) }
}

function isBytes(value: Json | undefined): value is Uint8Array {
  return value instanceof Uint8Array
}

function isRecord(value: Json | undefined): value is { readonly [key: string]: Json | undefined } {
  return typeof value === 'object' && value !== null && !isBytes(value)
}

function shown(value: Json | undefined): string | undefined {
  if (value === undefined) return undefined
  if (isBytes(value)) return `${value.byteLength} bytes`
  const text = JSON.stringify(value)
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text
}
