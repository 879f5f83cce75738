/** `ceiling` and `protected` of the operator's configuration. */
import { dirname, resolve } from 'node:path'
import { RUN_TURNS_LIMIT_MAX, RUN_USD_MAX, RUN_USD_MIN } from '../limits.ts'
import { normalisePath } from '../policy/path-rule.ts'
import { isProtectedPath } from './check-rules.ts'
import type { Field, NodeReader } from './node-reader.ts'

/** The most that a definition may spend which is not locked; undefined: as much as it says itself. */
export interface Ceiling {
  readonly turns: number | undefined
  readonly usd: number | undefined
}

/** A protected path that one definition may be granted, with all below it. */
export interface ProtectedGrant {
  /** The definition: the file itself, absolute; or a lock's digest. */
  readonly agent: { readonly from: string } | { readonly lock: string }
  /** Relative to the workspace, normalised. */
  readonly path: string
}

const CEILING_KEYS = { supported: ['turns', 'usd'], unsupported: [] } as const
const PROTECTED_KEYS = { supported: ['agent', 'path'], unsupported: [] } as const
const AGENT_KEYS = { supported: ['from', 'lock'], unsupported: [] } as const

export function readCeiling(reader: NodeReader, field: Field | undefined): Ceiling {
  const fields = field && reader.section(field, CEILING_KEYS, '`ceiling`')
  const [turns, usd] = CEILING_KEYS.supported.map((key) => fields?.get(key))
  return {
    turns: turns && reader.integer(turns, 1, RUN_TURNS_LIMIT_MAX),
    usd: usd && reader.number(usd, RUN_USD_MIN, RUN_USD_MAX),
  }
}

/** `file`: the configuration; relative paths in it start at its folder. */
export function readProtected(reader: NodeReader, field: Field | undefined, file: string): readonly ProtectedGrant[] {
  const items = (field && reader.items(field)) ?? []
  return items.flatMap((item) => {
    const fields = reader.section(item, PROTECTED_KEYS, 'a protected path')
    const [agentField, pathField] = PROTECTED_KEYS.supported.map((key) => fields?.get(key))
    if (fields !== undefined && (agentField === undefined || pathField === undefined)) {
      reader.problems.add(item.at, 'a protected path must have `agent` and `path`')
    }
    const agent = agentField && readAgent(reader, agentField, file)
    const path = pathField && readPath(reader, pathField)
    return agent === undefined || path === undefined ? [] : [{ agent, path }]
  })
}

/** A name alone is never enough: anybody can give a definition any name. */
function readAgent(reader: NodeReader, field: Field, file: string): ProtectedGrant['agent'] | undefined {
  const fields = reader.section(field, AGENT_KEYS, '`agent`')
  if (fields === undefined) return undefined
  const [from, lock] = AGENT_KEYS.supported.map((key) => fields.get(key))
  if ((from === undefined) === (lock === undefined)) {
    reader.problems.add(field.at, '`agent` must be exactly one of { from: PATH } and { lock: sha256-… }')
    return undefined
  }
  const text = (from ?? lock) && reader.text((from ?? lock)!)
  if (text === undefined) return undefined
  if (from !== undefined) return { from: resolve(dirname(file), text) }
  if (/^sha256-[0-9a-f]{64}$/.test(text)) return { lock: text }
  reader.problems.add(lock!.valueAt, '`lock` must be a digest as `run-agent lock` prints it: sha256-…')
  return undefined
}

/** A path that no definition grants; any other would be allowed for nothing. */
function readPath(reader: NodeReader, field: Field): string | undefined {
  const text = reader.text(field)
  if (text === undefined) return undefined
  const normalised = normalisePath(text)
  if (!normalised.ok) reader.problems.add(field.valueAt, `\`path\`: ${normalised.why}`)
  else if (isProtectedPath(normalised.path)) return normalised.path
  else reader.problems.add(field.valueAt, 'the path is not protected, so it would be allowed for nothing')
  return undefined
}
