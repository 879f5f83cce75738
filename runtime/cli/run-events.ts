/**
 * The events of `run-agent … --json`: the schema of every one. The types are made of the schemas, and
 * `run-agent schema events` prints them. A run imports the types alone: zod is not loaded to print a line.
 *
 * `schema` of `run_started` is the version. A new type of event, a new key and a new value of `code`, `rule` or
 * `cause` leave it as it is, so a reader passes over what it does not know; whatever is taken away or changes its
 * meaning raises it.
 */
import { z } from 'zod'

const text = z.string()
const count = z.int().min(0)
const call = text.describe("The tool call, unique in its run; `script` for the script that plays the model's part.")
const usage = z.strictObject({ requests: count, inputTokens: count, outputTokens: count, totalTokens: count })
const failure = z.strictObject({ name: text, code: text, message: text, retryable: z.boolean() })
/** A tool names its own errors. */
const toolError = z.strictObject({ name: text, code: text.optional(), message: text })

const runStarted = z
  .strictObject({
    type: z.literal('run_started'),
    schema: z.literal(1),
    run: text.describe("The run's id."),
    agent: text,
    played_by: text.describe('`provider/name`, or `script`.'),
    walls: z.array(text).describe('What stands around the sandbox process.'),
  })
  .describe('The first event of every run.')

const modelTurn = z
  .discriminatedUnion('ok', [
    z.strictObject({ type: z.literal('model_turn'), turn: count, ok: z.literal(true), text, usage }),
    z.strictObject({ type: z.literal('model_turn'), turn: count, ok: z.literal(false), error: failure }),
  ])
  .describe('What the model answered; turns count from 0.')

const toolCalled = z
  .strictObject({
    type: z.literal('tool_called'),
    call,
    tool: text,
    arguments: text.describe('As the model wrote them; they should be JSON and may be anything.'),
  })
  .describe('The model calls a tool.')

const denied = z
  .strictObject({
    type: z.literal('denied'),
    call,
    ordinal: count.optional().describe('Counts the requests of the call.'),
    tool: text,
    request: z
      .looseObject({ op: text })
      .optional()
      .describe('What the tool asked for; absent where the call itself was denied.'),
    rule: text.describe('The rule that denied it, in words.'),
    place: text.optional().describe('Where the rule was written: `file:line:column`.'),
    allowed: text.optional().describe('What the tool may do instead.'),
  })
  .describe('Policy denied a call, or a request that a tool made.')

const toolFinished = z
  .discriminatedUnion('status', [
    z.strictObject({ type: z.literal('tool_finished'), call, status: z.literal('ok') }),
    z.strictObject({ type: z.literal('tool_finished'), call, status: z.literal('failed'), error: toolError }),
    z.strictObject({
      type: z.literal('tool_finished'),
      call,
      status: z.literal('killed'),
      cause: text.describe('The limit that was reached, or the code of what ended the run.'),
      message: text,
    }),
  ])
  .describe('How a call ended.')

const log = z
  .strictObject({ type: z.literal('log'), call, level: text, text })
  .describe('What a tool or the script printed.')

const result = z
  .strictObject({
    type: z.literal('result'),
    status: z.enum(['completed', 'failed', 'budget_exceeded', 'interrupted']),
    output: text.optional().describe('The final answer.'),
    error: failure.optional().describe('Why there is no answer, or why it does not count.'),
    denied: z
      .array(z.strictObject({ tool: text, request: text, rule: text }))
      .describe('All that was denied; `request` is `call` where the call itself was.'),
    waiting: z.array(z.never()).describe('Calls that wait for an approval.'),
    usage: usage
      .extend({ usd: z.number().min(0).optional().describe('In US dollars, where a price is known.') })
      .optional()
      .describe('Absent where the trail could not be written.'),
    run: text,
    head: text
      .regex(/^\d+ [0-9a-f]{64}$/)
      .optional()
      .describe("`<size> <root>` of the trail after this run's last event; absent where it could not be written."),
  })
  .describe('The last event of every run.')

const runEvent = z
  .discriminatedUnion('type', [runStarted, modelTurn, toolCalled, denied, toolFinished, log, result])
  .meta({
    title: 'An event of `run-agent … --json`',
    description: 'One object a line. A reader passes over types and keys that it does not know.',
  })

export type RunEvent = z.infer<typeof runEvent>

/** JSON Schema, draft 2020-12: one of the events. */
export function eventsSchema(): object {
  return z.toJSONSchema(runEvent)
}
