/** What a tool says of itself, as it comes out of the isolate that read it: data to be parsed, never to be trusted. */

import { compileHttpRule } from '../policy/http-rule.ts'
import type { Needs } from './author.ts'
import { checkSchema } from './check-schema.ts'
import type { JsonSchema } from './check-schema.ts'

export interface ToolManifest {
  readonly description: string
  /** JSON Schema of the arguments, always of type object. */
  readonly parameters: JsonSchema
  /** The most the tool could need; undefined if it does not say. */
  readonly needs: Needs | undefined
}

export type ManifestResult =
  | { readonly ok: true; readonly manifest: ToolManifest }
  | { readonly ok: false; readonly problems: readonly string[] }

const FLAGS = ['read', 'write', 'delete', 'git'] as const
const LISTS = ['http', 'credentials'] as const

export function parseManifest(value: unknown): ManifestResult {
  if (!isObject(value)) return { ok: false, problems: ['the tool is not an object'] }
  const { description, parameters, needs } = value
  const problems: string[] = []
  if (typeof description !== 'string' || description.trim() === '') problems.push('description must be text')
  if (!isObject(parameters) || parameters['type'] !== 'object') problems.push('parameters must be of type object')
  else problems.push(...checkSchema(parameters).map((problem) => `parameters${problem.pointer} ${problem.message}`))
  problems.push(...problemsOfNeeds(needs))
  if (problems.length > 0) return { ok: false, problems }
  const manifest = { description: String(description), parameters: parameters as JsonSchema, needs: needsOf(needs) }
  return { ok: true, manifest }
}

function problemsOfNeeds(needs: unknown): readonly string[] {
  if (needs === undefined || needs === null) return []
  if (!isObject(needs)) return ['needs must be an object']
  return Object.entries(needs).flatMap(([name, value]) => {
    if (value === true && [...FLAGS, ...LISTS].some((known) => known === name)) return []
    const isTexts = Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string')
    if (LISTS.some((known) => known === name)) {
      if (!isTexts) return [`needs.${name} must be true or a list of texts`]
      return name === 'http' ? value.flatMap(problemsOfRule) : []
    }
    return FLAGS.some((known) => known === name)
      ? [`needs.${name} must be true, or left out`]
      : [`needs.${name} is unknown`]
  })
}

function problemsOfRule(rule: string): readonly string[] {
  const compiled = compileHttpRule(rule)
  return compiled.ok ? [] : [`needs.http: ${rule}: ${compiled.mistake.message}`]
}

function needsOf(needs: unknown): Needs | undefined {
  return isObject(needs) ? (needs as Needs) : undefined
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
