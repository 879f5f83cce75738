/**
 * A recorded plan, read back. Whoever can write to a trail can write any plan, so it is parsed as what comes from
 * outside: its shape, its bounds and the hashes of its code.
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { Json, StoredEvent } from './audit/event.ts'
import { REPEATS } from './definition/definition.ts'
import { messageOf, RunAgentError } from './errors.ts'
import {
  RUN_TIME_MS_MAX,
  RUN_TOKENS_MAX,
  RUN_TURNS_LIMIT_MAX,
  TOOL_CALLS_MAX,
  TOOL_LOG_BYTES_LIMIT_MAX,
  TOOL_MEMORY_BYTES_MAX,
  TOOL_MEMORY_BYTES_MIN,
  TOOL_REQUESTS_LIMIT_MAX,
  TOOL_RESULT_BYTES_LIMIT_MAX,
  TOOL_TIMEOUT_MS_MAX,
} from './limits.ts'
import type { RunPlan } from './plan.ts'
import { compiledGrant } from './policy/compiled-grant.ts'

const text = z.string()
const texts = z.array(text).readonly()
const upTo = (max: number, min = 1): z.ZodInt => z.int().min(min).max(max)
const ofTexts = z.record(text, text)
const json = z.record(text, z.unknown()).transform((value) => value as { readonly [key: string]: Json })
const code = z.strictObject({ hash: text, name: text, source: text })
const httpRules = z.array(z.strictObject({ rule: text, place: text })).readonly()

const slot = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('header'), header: text, format: text }),
  z.strictObject({ kind: z.literal('basic'), username: text }),
  z.strictObject({ kind: z.literal('query'), key: text }),
])

const grant = z.strictObject({
  tool: text,
  paths: z.array(z.strictObject({ right: z.enum(['read', 'write', 'delete']), pattern: text, place: text })).readonly(),
  deny: z.array(z.strictObject({ pattern: text, place: text })).readonly(),
  git: z.strictObject({ access: z.literal('read'), place: text }).optional(),
  http: httpRules,
  redirects: httpRules,
  headers: z.array(z.strictObject({ name: text, value: text.optional(), place: text })).readonly(),
  ownFiles: texts,
  networks: z
    .array(z.strictObject({ hosts: texts, addresses: texts, http: z.boolean() }))
    .readonly()
    .exactOptional(),
  allowProtected: texts.exactOptional(),
  credentials: z
    .array(z.strictObject({ name: text, rules: httpRules, slot, place: text }))
    .readonly()
    .exactOptional(),
})

const limits = z.strictObject({
  wallMs: upTo(TOOL_TIMEOUT_MS_MAX),
  cpuMs: upTo(TOOL_TIMEOUT_MS_MAX),
  memoryBytes: upTo(TOOL_MEMORY_BYTES_MAX, TOOL_MEMORY_BYTES_MIN),
  requestsMax: upTo(TOOL_REQUESTS_LIMIT_MAX, 0),
  resultBytesMax: upTo(TOOL_RESULT_BYTES_LIMIT_MAX),
  logBytesMax: upTo(TOOL_LOG_BYTES_LIMIT_MAX, 0),
})

const tool = z.strictObject({
  name: text,
  description: text,
  parameters: json,
  grant,
  bundle: code,
  limits,
  callsMax: upTo(TOOL_CALLS_MAX, 0).optional(),
  narrowing: z.strictObject({ own: json, rules: json }).optional(),
  repeat: z.enum(REPEATS),
  required: z.boolean(),
})

const recordedPlan = z.strictObject({
  agent: text,
  user: text,
  task: text,
  definition: z.strictObject({ file: text, hash: text }),
  playedBy: text,
  instructions: text,
  settings: z.strictObject({
    effort: text.exactOptional(),
    temperature: z.number().exactOptional(),
    maxOutput: z.number().exactOptional(),
  }),
  tools: z.array(tool),
  script: code.optional(),
  budget: z.strictObject({
    turns: upTo(RUN_TURNS_LIMIT_MAX),
    timeMs: upTo(RUN_TIME_MS_MAX),
    tokens: upTo(RUN_TOKENS_MAX, 0).optional(),
    usd: z.number().min(0).optional(),
  }),
  price: z.strictObject({ input: z.number().min(0), output: z.number().min(0) }).optional(),
  values: ofTexts,
  seed: z.string().regex(/^[0-9a-f]{32}$/),
  workspace: text,
  walls: texts,
  versions: ofTexts,
  process: z.strictObject({ pid: z.int(), startTime: text }),
})

/** @throws RunAgentError E_TRAIL, naming what of it no plan has. */
export function planOf(start: StoredEvent): RunPlan {
  const parsed = recordedPlan.safeParse(start.data)
  if (!parsed.success) {
    const [first] = parsed.error.issues
    throw noPlan(`\`${first?.path.join('.') ?? ''}\`: ${first?.message ?? 'not as it should be'}`)
  }
  const plan = parsed.data
  for (const { hash, name, source } of [
    ...plan.tools.map(({ bundle }) => bundle),
    ...(plan.script ? [plan.script] : []),
  ]) {
    if (createHash('sha256').update(source).digest('hex') === hash) continue
    throw new RunAgentError('E_TRAIL', `the recorded bundle ${name} is not the one that was recorded`)
  }
  // What JSON leaves out is undefined again.
  const tools = plan.tools.map((entry) => ({
    ...entry,
    callsMax: entry.callsMax,
    narrowing: entry.narrowing,
    grant: {
      ...entry.grant,
      git: entry.grant.git,
      headers: entry.grant.headers.map((header) => ({ ...header, value: header.value })),
    },
  }))
  for (const entry of tools) assertCompiles(entry.grant)
  const { tokens, usd } = plan.budget
  return { ...plan, script: plan.script, price: plan.price, budget: { ...plan.budget, tokens, usd }, tools }
}

function assertCompiles(of: RunPlan['tools'][number]['grant']): void {
  try {
    compiledGrant(of)
  } catch (error) {
    throw noPlan(`the rules of ${of.tool}: ${messageOf(error)}`)
  }
}

function noPlan(why: string): RunAgentError {
  return new RunAgentError('E_TRAIL', `run.start records no plan of a run: ${why}`)
}
