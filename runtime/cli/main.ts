/** The command line: parses argv, runs one command, turns every failure into words and a documented exit code. */
import { messageOf, ProblemsError, RunAgentError } from '../errors.ts'
import { printable, printableMessage } from '../printable.ts'
import { commandLine } from './commands.ts'
import { takeEnvironment } from './environment.ts'
import { EXIT, exitCodeOf } from './exit-codes.ts'
import { outputFailed, terminalOf, watchOutput } from './output.ts'

/** In the contract and not built yet: refused, never ignored. */
const COMMANDS_NOT_BUILT = new Set(['tool', 'suggest', 'approvals', 'approve', 'deny'])
const FLAGS_NOT_BUILT = ['yes', 'resume', 'lenient', 'step', 'fork', 'why', 'head']

export async function main(argv: readonly string[]): Promise<void> {
  watchOutput()
  takeEnvironment()
  const code = await exitCodeFor(argv)
  process.exitCode = outputFailed() ? code || EXIT.failed : code
}

async function exitCodeFor(argv: readonly string[]): Promise<number> {
  try {
    refuseNotBuilt(argv)
    let exit: Promise<number> | undefined
    await commandLine(argv, (command) => {
      exit = command
    }).parseAsync()
    return (await exit) ?? EXIT.completed
  } catch (error) {
    return await report(error)
  }
}

function refuseNotBuilt(argv: readonly string[]): void {
  const [command = ''] = argv
  if (COMMANDS_NOT_BUILT.has(command)) {
    throw new RunAgentError('E_NOT_SUPPORTED', `\`run-agent ${command}\` is not supported yet`)
  }
  for (const word of argv) {
    if (word === '--') return
    const flag = FLAGS_NOT_BUILT.find((name) => word === `--${name}` || word.startsWith(`--${name}=`))
    if (flag !== undefined) throw new RunAgentError('E_NOT_SUPPORTED', `--${flag} is not supported yet`)
  }
}

async function report(error: unknown): Promise<number> {
  if (error instanceof ProblemsError) {
    const { renderProblems } = await import('../definition/render-problems.ts')
    const { hasColour } = terminalOf(process.stderr)
    process.stderr.write(renderProblems(error.problems, { colour: hasColour }))
    return exitCodeOf(error.code)
  }
  if (error instanceof RunAgentError) {
    const hint = error.hint === undefined ? '' : `\n  ${printable(error.hint)}`
    process.stderr.write(`run-agent: ${printableMessage(error.message)}${hint}\n`)
    return exitCodeOf(error.code)
  }
  const stack = error instanceof Error && process.env['RUN_AGENT_DEBUG'] === '1' ? `\n${error.stack ?? ''}` : ''
  process.stderr.write(`run-agent: internal error: ${printableMessage(messageOf(error) + stack)}\n`)
  return EXIT.failed
}
