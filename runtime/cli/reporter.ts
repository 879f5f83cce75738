/**
 * What a person or a program sees of a run. stdout carries the final answer alone, or with `--json` one event a
 * line; progress goes to stderr, to a terminal only; the closing line always, unless `--quiet`. Everything that a
 * model, a guest or a repository wrote goes through printable.ts.
 */
import type { NewEvent, RunRecorder } from '../audit/event.ts'
import { fieldsOf } from '../audit/fields.ts'
import { count } from '../audit/timeline-words.ts'
import type { Head } from '../audit/trail.ts'
import { inDollars } from '../cost.ts'
import { codeOf, messageOf } from '../errors.ts'
import { nodeClock } from '../node-processes.ts'
import type { RunPlan } from '../plan.ts'
import { printable, printableMessage } from '../printable.ts'
import type { RunFailure, RunOutcome } from '../run.ts'
import { painter, terminalOf, writeJson } from './output.ts'
import { createProgress, type Progress } from './progress.ts'
import type { RunEvent } from './run-events.ts'
import type { StopListener } from './stop.ts'

export interface Reporter extends StopListener {
  /** Says in one line that the outer wall is missing. */
  walls(walls: readonly string[]): void
  /** A recorder that also tells of what it records. */
  follow(recorder: RunRecorder, plan: RunPlan, why: string | undefined): RunRecorder
  /** The result of a run that could not be brought to its end: its trail could not be written. */
  fail(run: string, error: unknown): void
  finish(run: string, outcome: RunOutcome, head: Head): void
}

const ROOT_CHARACTERS = 16
const COLUMNS = 80

type ResultEvent = Extract<RunEvent, { type: 'result' }>

export function createReporter(options: { readonly json: boolean; readonly quiet: boolean }): Reporter {
  let followed: { readonly run: string } | undefined
  let progress: Progress | undefined
  const write = (text: string): void => void process.stderr.write(`${text}\n`)
  const say = (text: string): void => {
    if (options.quiet) return
    if (progress === undefined) write(text)
    else progress.say(text)
  }
  const endProgress = (): void => {
    progress?.end()
    progress = undefined
  }
  const print = (event: RunEvent): void => void (options.json && writeJson(event))
  return {
    walls(walls) {
      if (!walls.includes('bubblewrap'))
        say("run-agent: the outer wall bubblewrap does not stand here; Node's permission model alone holds the sandbox")
    },
    follow(recorder, plan, why) {
      followed = recorder
      const because = why === undefined ? '' : `: ${printable(why)}`
      say(`run-agent: ${plan.agent} is played by ${printable(plan.playedBy)}${because}`)
      progress = options.json || options.quiet ? undefined : watchedProgress(recorder.run, plan)
      const isHeard = options.json || progress !== undefined
      const eventsOf = createTeller(recorder.run, plan)
      const reasons = new Set<string>()
      const tell = (event: NewEvent): void => {
        const reason = fieldsOf(event.data['facts'])['reason']
        if (typeof reason === 'string' && !reasons.has(reason)) {
          reasons.add(reason)
          // The agent hears only that it cannot be had; who runs it can do something about it.
          say(`run-agent: a credential could not be used: ${printableMessage(reason)}`)
        }
        for (const told of isHeard ? eventsOf(event) : []) {
          print(told)
          progress?.hear(told)
        }
      }
      return tellingRecorder(recorder, tell)
    },
    stopping() {
      say('stopping… press Ctrl-C again to stop now')
    },
    leaving(phase) {
      endProgress()
      if (phase === 'after') return
      // A question may stand on the terminal's last line, and `^C` does.
      const newLine = process.stderr.isTTY ? '\n' : ''
      if (followed === undefined) return write(`${newLine}run-agent: interrupted before the run began`)
      const message = `run ${followed.run} stopped at once · its trail may lack its end`
      print(unendedResult(followed.run, 'interrupted', 'Interrupted', 'E_INTERRUPTED', message))
      write(message)
    },
    fail(run, thrown) {
      endProgress()
      print(unendedResult(run, 'failed', 'Error', codeOf(thrown) ?? 'E_INTERNAL', messageOf(thrown)))
    },
    finish(run, outcome, head) {
      endProgress()
      print(resultEvent(run, outcome, head))
      if (!options.json && outcome.output !== undefined) process.stdout.write(`${shownAnswer(outcome.output)}\n`)
      if (!options.json && outcome.error !== undefined)
        write(`run-agent: ${printableMessage(outcome.error.message)}${adviceOn(run, outcome.error)}`)
      say(closingLine(run, outcome, head))
    },
  }
}

/** Tells of an event once it is recorded. */
function tellingRecorder(recorder: RunRecorder, tell: (event: NewEvent) => void): RunRecorder {
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
}

/** undefined where nobody watches. */
function watchedProgress(run: string, plan: RunPlan): Progress | undefined {
  const { stderr } = process
  const terminal = terminalOf(stderr)
  if (!terminal.isWatched) return undefined
  const screen = {
    write: (text: string) => void stderr.write(text),
    columns: () => stderr.columns || COLUMNS,
    isLive: terminal.isLive,
    paint: painter(terminal),
    clock: nodeClock,
  }
  return createProgress(screen, { run, playedBy: plan.playedBy, turnsMax: plan.budget.turns })
}

/** To a terminal only what is harmless there; a file or a pipe gets the answer as it is. */
function shownAnswer(text: string): string {
  return process.stdout.isTTY ? printable(text, { newlines: true }) : text
}

/** What a person can do about the end of a run, on a line of its own. */
function adviceOn(run: string, { code, retryable }: RunFailure): string {
  if (code === 'E_INTERRUPTED') return ''
  if (code === 'E_BUDGET') return '\n  What a run may use is said by `budget` in its definition.'
  if (code === 'E_CEILING') return "\n  What a key may cost is said by `spending` in the operator's configuration."
  return `${retryable ? '\n  Another try may succeed.' : ''}\n  run-agent audit show ${run} tells what it did.`
}

/** Tokens stand for money where nobody says what they cost. */
export function closingLine(run: string, outcome: RunOutcome, head: Head): string {
  const { status, toolCalls, denied, usd, usage } = outcome
  const tokens = usage.totalTokens === 0 ? [] : [count(usage.totalTokens, 'token')]
  return [
    `run ${run} ${status.replaceAll('_', ' ')}`,
    count(toolCalls, 'call'),
    `${denied.length} denied`,
    ...(usd === undefined ? tokens : [inDollars(usd)]),
    `head ${head.size} ${head.root.slice(0, ROOT_CHARACTERS)}`,
  ].join(' · ')
}

/** To the cent, and what is less than one to its hundredth. */
function resultEvent(run: string, outcome: RunOutcome, head: Head): ResultEvent {
  const { status, output, error, usd } = outcome
  const denied = [...outcome.denied]
  const usage = { ...outcome.usage, usd }
  return { type: 'result', status, output, error, denied, waiting: [], usage, run, head: `${head.size} ${head.root}` }
}

function unendedResult(
  run: string,
  status: ResultEvent['status'],
  name: string,
  code: string,
  message: string,
): ResultEvent {
  return { type: 'result', status, error: { name, code, message, retryable: false }, denied: [], waiting: [], run }
}

type Denied = Extract<RunEvent, { type: 'denied' }>
type ToolFinished = Extract<RunEvent, { type: 'tool_finished' }>
type ModelTurn = Extract<RunEvent, { type: 'model_turn' }>

/** What the isolate refused before the tool ran is a denial of the call itself. */
function isArgsDenial(event: ToolFinished): event is Extract<ToolFinished, { status: 'failed' }> {
  return event.status === 'failed' && event.error.name === 'Denied' && event.error.code === 'E_ARGS'
}

/** The events of a run from what is recorded of it; recorded events that no reader of a stream needs are left out. */
function createTeller(run: string, plan: RunPlan): (event: NewEvent) => readonly RunEvent[] {
  const toolOf = new Map<string, string>()
  const deniedBy = ({ call = '', ordinal, data }: NewEvent, decision: unknown): readonly Denied[] => {
    const { kind, rule, place, allowed } = Object(decision) as Partial<
      Record<'kind' | 'rule' | 'place' | 'allowed', string>
    >
    if (kind !== 'deny') return []
    const request = data['request'] as Denied['request']
    return [{ type: 'denied', call, ordinal, tool: toolOf.get(call) ?? '', request, rule: rule ?? '', place, allowed }]
  }
  return (event) => {
    const { kind, call = '', data } = event
    switch (kind) {
      case 'run.start':
        return [
          { type: 'run_started', schema: 1, run, agent: plan.agent, played_by: plan.playedBy, walls: [...plan.walls] },
        ]
      case 'model.response': {
        const { turn, ok, text, usage, error }: Readonly<Record<string, unknown>> = data
        return [{ type: 'model_turn', turn, ok, text, usage, error } as ModelTurn]
      }
      case 'tool.call':
        toolOf.set(call, String(data['tool']))
        return [
          { type: 'tool_called', call, tool: String(data['tool']), arguments: String(data['arguments']) },
          ...deniedBy(event, data['decision']),
        ]
      case 'host.request':
      case 'host.outcome':
        return deniedBy(event, data['decision'])
      case 'tool.outcome': {
        const { kind: status, error, cause, message } = Object(data['end']) as { readonly [key: string]: unknown }
        const finished = { type: 'tool_finished', call, status, error, cause, message } as ToolFinished
        const denied = isArgsDenial(finished) ? deniedBy(event, { kind: 'deny', rule: finished.error.message }) : []
        return [...denied, finished]
      }
      case 'log':
        return [{ type: 'log', call, level: String(data['level']), text: String(data['text']) }]
      case 'message':
      case 'model.request':
      case 'run.end':
        return []
    }
  }
}
