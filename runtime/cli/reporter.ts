/**
 * What a person or a program sees of a run. stdout carries the final answer alone, or with `--json` one object a
 * line; progress goes to stderr, to a terminal only; the closing line always, unless `--quiet`. Everything that a
 * model, a guest or a repository wrote goes through printable.ts.
 */
import type { NewEvent, RunRecorder } from '../audit/event.ts'
import type { Head } from '../audit/trail.ts'
import { codeOf, messageOf } from '../errors.ts'
import type { RunPlan } from '../plan.ts'
import { printable, printableMessage } from '../printable.ts'
import type { RunOutcome } from '../run.ts'
import { writeJson } from './output.ts'

export interface Reporter {
  /** Says in one line that the outer wall is missing. */
  walls(walls: readonly string[]): void
  /** A recorder that also tells of what it records. */
  follow(recorder: RunRecorder, plan: RunPlan, why: string | undefined): RunRecorder
  /** The result of a run that could not be brought to its end: its trail could not be written. */
  fail(run: string, error: unknown): void
  finish(run: string, outcome: RunOutcome, head: Head): void
}

const ROOT_CHARACTERS = 16
const SHOWN_MAX = 100

export function createReporter(options: { readonly json: boolean; readonly quiet: boolean }): Reporter {
  const say = (text: string): void => void (options.quiet ? undefined : process.stderr.write(`${text}\n`))
  const progress = (text: string): void => void (process.stderr.isTTY ? say(text) : undefined)
  return {
    walls(walls) {
      if (!walls.includes('bubblewrap'))
        say("run-agent: the outer wall bubblewrap does not stand here; Node's permission model alone holds the sandbox")
    },
    follow(recorder, plan, why) {
      const tell = (event: NewEvent): void => {
        if (options.json) for (const line of jsonLines(event, recorder.run, plan)) writeJson(line)
        else for (const line of progressLines(event)) progress(line)
      }
      const because = why === undefined ? '' : `: ${printable(why)}`
      say(`run-agent: ${plan.agent} is played by ${printable(plan.playedBy)}${because}`)
      return {
        run: recorder.run,
        append: (event) => {
          const at = recorder.append(event)
          tell(event)
          return at
        },
        commit: async (event) => {
          const at = await recorder.commit(event)
          tell(event)
          return at
        },
        barrier: () => recorder.barrier(),
      }
    },
    fail(run, thrown) {
      const error = {
        name: 'Error',
        code: codeOf(thrown) ?? 'E_INTERNAL',
        message: messageOf(thrown),
        retryable: false,
      }
      if (options.json) writeJson({ type: 'result', status: 'failed', error, denied: [], waiting: [], run })
    },
    finish(run, outcome, head) {
      if (options.json) writeJson(resultLine(run, outcome, head))
      else if (outcome.output !== undefined) process.stdout.write(`${shownAnswer(outcome.output)}\n`)
      if (outcome.error !== undefined && !options.json)
        process.stderr.write(`run-agent: ${printableMessage(outcome.error.message)}\n`)
      say(closingLine(run, outcome, head))
    },
  }
}

/** To a terminal only what is harmless there; a file or a pipe gets the answer as it is. */
function shownAnswer(text: string): string {
  return process.stdout.isTTY ? printable(text, { newlines: true }) : text
}

function closingLine(run: string, outcome: RunOutcome, head: Head): string {
  const parts = [
    `run ${run} ${outcome.status.replaceAll('_', ' ')}`,
    `${outcome.toolCalls} calls`,
    `${outcome.denied.length} denied`,
  ]
  if (outcome.usage.totalTokens > 0) parts.push(`${outcome.usage.totalTokens} tokens`)
  return [...parts, `head ${head.size} ${head.root.slice(0, ROOT_CHARACTERS)}`].join(' · ')
}

function resultLine(run: string, outcome: RunOutcome, head: Head): object {
  const { status, output, error, denied, usage } = outcome
  return { type: 'result', status, output, error, denied, waiting: [], usage, run, head: `${head.size} ${head.root}` }
}

/** The events of `--json`; recorded events that no reader of a stream needs are left out. */
function jsonLines(event: NewEvent, run: string, plan: RunPlan): readonly object[] {
  const { kind, call, ordinal, data } = event
  switch (kind) {
    case 'run.start':
      return [{ type: 'run_started', schema: 1, run, agent: plan.agent, played_by: plan.playedBy, walls: plan.walls }]
    case 'model.response':
      return [
        {
          type: 'model_turn',
          turn: data['turn'],
          ok: data['ok'],
          text: data['text'],
          usage: data['usage'],
          error: data['error'],
        },
      ]
    case 'tool.call':
      return [{ type: 'tool_called', call, tool: data['tool'], arguments: data['arguments'] }, ...deniedLine(event)]
    case 'host.request':
    case 'host.outcome':
      return deniedLine(event)
    case 'tool.outcome': {
      const end = Object(data['end']) as { kind: string; error?: unknown; cause?: string; message?: string }
      return [
        { type: 'tool_finished', call, status: end.kind, error: end.error, cause: end.cause, message: end.message },
      ]
    }
    case 'log':
      return [{ type: 'log', call, level: data['level'], text: data['text'] }]
    case 'message':
    case 'model.request':
    case 'run.end':
      void ordinal
      return []
  }
}

function deniedLine({ call, ordinal, data }: NewEvent): readonly object[] {
  const decision = Object(data['decision']) as { kind?: string; rule?: string }
  if (decision.kind !== 'deny') return []
  return [{ type: 'denied', call, ordinal, request: data['request'], rule: decision.rule }]
}

function progressLines({ kind, data }: NewEvent): readonly string[] {
  if (kind === 'tool.call') return [`  ${cut(`${String(data['tool'])} ${String(data['arguments'])}`)}`]
  if (kind === 'tool.outcome') {
    const end = Object(data['end']) as { kind: string; error?: { message: string }; message?: string }
    return end.kind === 'ok' ? [] : [`  ✗ ${cut(end.error?.message ?? end.message ?? end.kind)}`]
  }
  const decision = Object(data['decision']) as { kind?: string; rule?: string }
  return decision.kind === 'deny' ? [`  denied: ${cut(decision.rule ?? '')}`] : []
}

function cut(text: string): string {
  const shown = printable(text)
  return shown.length > SHOWN_MAX ? `${shown.slice(0, SHOWN_MAX)}…` : shown
}
