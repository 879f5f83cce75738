/** `run-agent replay RUN`: plays a recorded run again from the trail alone. */
import { TrailReader } from '../audit/reader.ts'
import { RunAgentError } from '../errors.ts'
import { printable } from '../printable.ts'
import { DivergenceError, replayRun } from '../replay.ts'
import { isAlive } from './audit-command.ts'
import { readConfig, readEnvironment, trailPath, type CommandEnvironment } from './environment.ts'
import { EXIT } from './exit-codes.ts'
import { writeJson } from './output.ts'
import { openWorkshop } from './workshop.ts'

export interface ReplayArguments {
  readonly run: string
  readonly config: string | undefined
  readonly audit: string | undefined
  readonly json: boolean
}

export async function replayCommand(args: ReplayArguments): Promise<number> {
  const environment = readEnvironment()
  const path = trailPath(environment, readConfig(environment, args.config), args.audit)
  using reader = TrailReader.open(path, { isAlive })
  const run = reader.findRun(args.run)
  const verdict = reader.verifyRun(run)
  if (!verdict.ok)
    throw new RunAgentError(
      'E_TRAIL',
      `the trail of run ${run} is broken at event ${verdict.seq ?? '?'}: ${verdict.why}`,
    )
  if (!verdict.ended) {
    reader.assertUndamaged()
    throw new RunAgentError('E_USAGE', `run ${run} has not ended, so there is no whole recording to compare with`)
  }
  const events = [...reader.events(run)]
  const [start] = events
  if (start !== undefined) assertSameVersion(start.data['versions'], environment)
  const workshop = openWorkshop(environment)
  try {
    const [sandbox, scriptSandbox] = await Promise.all([workshop.toolSandbox(), workshop.createSandbox()])
    const outcome = await replayRun({ events, sandbox, scriptSandbox })
    const line = `replay of run ${printable(run)}: identical · ${events.length} events · ${outcome.toolCalls} ${outcome.toolCalls === 1 ? 'call' : 'calls'} · ${outcome.status}`
    if (args.json) writeJson({ type: 'replay', run, identical: true, events: events.length })
    else process.stdout.write(`${line}\n`)
    return EXIT.completed
  } catch (error) {
    if (error instanceof DivergenceError && args.json) {
      writeJson({ type: 'replay', run, identical: false, divergence: error.divergence })
    }
    throw error
  } finally {
    workshop.close()
  }
}

/** Another build of V8, of the guest runtime or of run-agent may do the same thing differently: that is no divergence. */
function assertSameVersion(recorded: unknown, environment: CommandEnvironment): void {
  const now: Record<string, string> = {
    runAgent: environment.installation.version,
    v8: process.versions.v8,
    icu: process.versions['icu'] ?? '',
    tz: process.versions['tz'] ?? '',
    arch: process.arch,
  }
  for (const [name, value] of Object.entries(now)) {
    const then: unknown = Reflect.get(Object(recorded), name)
    if (then === value) continue
    throw new RunAgentError(
      'E_VERSION',
      `the run was recorded with ${name} ${String(then)}, and this is ${name} ${value}`,
      {
        hint: 'Replay it with the version that recorded it; a difference here would not be a difference of the run.',
      },
    )
  }
}
