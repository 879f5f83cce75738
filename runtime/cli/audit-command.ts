/** `run-agent audit …`: reads the trail and never writes it. */
import { TrailReader } from '../audit/reader.ts'
import { eventJsonLine, eventsOfCall, runJsonLine, runLine, showCall, showRun } from '../audit/timeline.ts'
import { RunAgentError } from '../errors.ts'
import { AUDIT_LIST_MAX, AUDIT_TAIL_MS } from '../limits.ts'
import { processStartTime } from '../node-folders.ts'
import { nodeClock } from '../node-processes.ts'
import { printable } from '../printable.ts'
import { readConfig, readEnvironment, trailPath } from './environment.ts'
import { EXIT } from './exit-codes.ts'
import { hasReader } from './output.ts'

export interface AuditArguments {
  readonly question: string
  readonly run: string | undefined
  readonly call: string | undefined
  readonly follow: boolean
  readonly config: string | undefined
  readonly audit: string | undefined
  readonly json: boolean
}

const QUESTIONS = new Set(['list', 'show', 'tail', 'verify'])
const QUESTIONS_NOT_BUILT = new Set(['search', 'export', 'bundle', 'import', 'prune', 'view'])

/** True for the process that recorded itself as `pid`, and for no later one with that number. */
export function isAlive(pid: number, startTime: number | string): boolean {
  return processStartTime(pid) === String(startTime)
}

export async function auditCommand(args: AuditArguments): Promise<number> {
  if (QUESTIONS_NOT_BUILT.has(args.question)) {
    throw new RunAgentError('E_NOT_SUPPORTED', `\`run-agent audit ${args.question}\` is not supported yet`)
  }
  if (!QUESTIONS.has(args.question)) {
    throw new RunAgentError(
      'E_USAGE',
      `audit ${args.question}: there is no such question; list, show, tail and verify are`,
    )
  }
  const environment = readEnvironment()
  const path = trailPath(environment, readConfig(environment, args.config), args.audit)
  using reader = TrailReader.open(path, { isAlive })
  const print = (line: string): void => void (hasReader() && process.stdout.write(`${line}\n`))
  switch (args.question) {
    case 'list': {
      const runs = reader.runs({ limit: AUDIT_LIST_MAX })
      for (const run of runs) print(args.json ? runJsonLine(run) : runLine(run))
      return runs.some((run) => 'why' in run) ? EXIT.brokenTrail : EXIT.completed
    }
    case 'show': {
      if (args.run === undefined)
        throw new RunAgentError('E_USAGE', 'audit show needs a run: its id, a prefix of it, or last')
      const events = reader.events(reader.findRun(args.run))
      const lines = args.json
        ? jsonOf(events, args.call)
        : args.call === undefined
          ? showRun(events)
          : showCall(events, args.call)
      for (const line of lines) print(line)
      return EXIT.completed
    }
    case 'tail':
      return await tail(reader, args, print)
    default:
      return verify(reader, print)
  }
}

function* jsonOf(events: ReturnType<TrailReader['events']>, call: string | undefined): Iterable<string> {
  for (const event of call === undefined ? events : eventsOfCall(events, call)) yield eventJsonLine(event)
}

/** The newest run as it stands, and with `-f` what comes after, of whichever run. */
async function tail(reader: TrailReader, args: AuditArguments, print: (line: string) => void): Promise<number> {
  let next = 0
  const run = reader.findRun(args.run ?? 'last')
  for (const event of reader.events(run)) {
    print(eventJsonLine(event))
    next = event.seq + 1
  }
  // A reader that went away ends it.
  while (args.follow && hasReader()) {
    await new Promise<void>((resolve) => nodeClock.after(AUDIT_TAIL_MS, resolve))
    for (const event of reader.eventsFrom(next)) {
      print(eventJsonLine(event))
      next = event.seq + 1
    }
  }
  return EXIT.completed
}

function verify(reader: TrailReader, print: (line: string) => void): number {
  const verdict = reader.verifyAll()
  if (!verdict.ok) {
    print(`broken${verdict.seq === undefined ? '' : ` at event ${verdict.seq}`}: ${printable(verdict.why)}`)
    return EXIT.brokenTrail
  }
  // Only a head that was kept elsewhere shows whether the end was cut off.
  print(`self-consistent: ${verdict.size} events, head ${verdict.size} ${verdict.root}`)
  return EXIT.completed
}
