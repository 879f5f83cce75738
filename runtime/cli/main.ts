/** The command line: parses argv, runs one command, turns every failure into words and a documented exit code. */
import yargs, { type Argv } from 'yargs'
import { messageOf, ProblemsError, RunAgentError } from '../errors.ts'
import { printable, printableMessage } from '../printable.ts'
import type { AuditArguments } from './audit-command.ts'
import type { CheckArguments } from './check-command.ts'
import type { ReplayArguments } from './replay-command.ts'
import type { RunArguments } from './run-command.ts'
import { EXIT, exitCodeOf } from './exit-codes.ts'
import { outputFailed, watchOutput } from './output.ts'

/** In the contract and not built yet: refused, never ignored. */
const COMMANDS_NOT_BUILT = new Set([
  'can',
  'tool',
  'lock',
  'doctor',
  'init',
  'schema',
  'suggest',
  'approvals',
  'approve',
  'deny',
  'credentials',
  'completion',
])
const FLAGS_NOT_BUILT = ['locked', 'trust', 'yes', 'resume', 'lenient', 'step', 'fork', 'why', 'head']

export async function main(argv: readonly string[]): Promise<void> {
  watchOutput()
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

type Start = (command: Promise<number>) => void

/** A run's id may be digits alone at its beginning, and so may a task; after `--` everything is the task. */
const PARSER = { 'parse-numbers': false, 'camel-case-expansion': false, 'populate--': true, 'greedy-arrays': false }

/** yargs leaves a lone `-` out of the words. */
function hasDash(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return argv.slice(0, end === -1 ? argv.length : end).includes('-')
}

/** Exported for the test that compares the printed help with help.txt. */
export function commandLine(argv: readonly string[], start: Start): Argv {
  return (
    yargs([...argv])
      .scriptName('run-agent')
      .usage('Runs an LLM agent with exactly the authority its definition grants, and records everything it did.')
      .parserConfiguration(PARSER)
      .command('$0 <definition> [task..]', 'run an agent; the task also from stdin with -', runOptions, (args) =>
        start(
          runWith({
            definition: String(args['definition']),
            words: [args['task'], args['--']].flatMap((words) => (words ?? []) as readonly string[]),
            isPiped: hasDash(argv),
            workspace: args.workspace,
            script: args.script,
            model: args.model,
            config: args.config,
            audit: args.audit,
            json: args.json,
            quiet: args.quiet,
            weakSandbox: args['weak-sandbox'],
            failOnDeny: args['fail-on-deny'],
            set: args.set,
            user: args.user,
            allowProtected: args['allow-protected'],
          }),
        ),
      )
      .command(
        'check <definition>',
        'validate a definition and print the effective rights of its agent',
        checkOptions,
        (args) => start(check({ definition: String(args['definition']), json: args.json })),
      )
      .command(
        'replay <run>',
        're-run a recorded run from the trail: no network, no secret, no file',
        trailOptions,
        (args) => start(replay({ run: String(args['run']), config: args.config, audit: args.audit, json: args.json })),
      )
      .command('audit <question> [run] [call]', 'list | show RUN [CALL] | tail [-f] | verify', auditOptions, (args) =>
        start(
          audit({
            question: String(args['question']),
            run: args['run'] as string | undefined,
            call: args['call'] as string | undefined,
            follow: args.follow,
            config: args.config,
            audit: args.audit,
            json: args.json,
          }),
        ),
      )
      .strict()
      .check(assertGivenOnce)
      // Else messages would come in whatever language the environment names, and the rest in English.
      .locale('en')
      .version(false)
      .help('help')
      .alias('help', 'h')
      .wrap(100)
      .exitProcess(false)
      .fail((message, error) => {
        throw (
          error ?? new RunAgentError('E_USAGE', message, { hint: 'run-agent --help lists the commands and options.' })
        )
      })
  )
}

/** yargs makes a list of what is given twice; that cannot be told to forget it, because then words of a task go too. */
function assertGivenOnce(args: Readonly<Record<string, unknown>>): boolean {
  const twice = ['config', 'audit', 'workspace', 'script', 'model', 'user'].find((name) => Array.isArray(args[name]))
  if (twice !== undefined) throw new RunAgentError('E_USAGE', `--${twice} is given more than once`)
  return true
}

/** Each command is loaded when it is called: no other's start-up is paid for. */
const check = async (args: CheckArguments): Promise<number> => (await import('./check-command.ts')).checkCommand(args)
const replay = async (args: ReplayArguments): Promise<number> =>
  (await import('./replay-command.ts')).replayCommand(args)
const audit = async (args: AuditArguments): Promise<number> => (await import('./audit-command.ts')).auditCommand(args)

function trailOptions(command: Argv) {
  return command
    .option('config', { type: 'string', describe: "the operator's configuration", requiresArg: true })
    .option('audit', { type: 'string', describe: 'the trail', requiresArg: true })
    .option('json', { type: 'boolean', default: false, describe: 'one JSON object a line' })
}

function checkOptions(command: Argv) {
  return command.option('json', { type: 'boolean', default: false, describe: 'as JSON' })
}

function auditOptions(command: Argv) {
  return trailOptions(command).option('follow', {
    alias: 'f',
    type: 'boolean',
    default: false,
    describe: 'go on as events come',
  })
}

function runOptions(command: Argv) {
  return trailOptions(command)
    .option('workspace', { type: 'string', describe: 'the folder that path rules are relative to', requiresArg: true })
    .option('script', { type: 'string', describe: "a script plays the model; the definition's own, or FILE" })
    .option('model', {
      type: 'string',
      describe: 'provider/name, instead of the one in the definition',
      requiresArg: true,
    })
    .option('set', { type: 'string', array: true, default: [], describe: 'NAME=VALUE of a setting', requiresArg: true })
    .option('user', { type: 'string', describe: 'the user of the run; authenticates nobody', requiresArg: true })
    .option('allow-protected', {
      type: 'string',
      array: true,
      default: [],
      describe: 'a protected path that rules may grant',
      requiresArg: true,
    })
    .option('quiet', { type: 'boolean', default: false, describe: 'nothing on stderr but errors' })
    .option('weak-sandbox', { type: 'boolean', default: false, describe: 'accept a missing outer wall on Node 24' })
    .option('fail-on-deny', { type: 'boolean', default: false, describe: 'exit 6 if anything was denied' })
}

interface RunWords extends Omit<RunArguments, 'task'> {
  readonly words: readonly string[]
  readonly isPiped: boolean
}

async function runWith({ words, isPiped, ...args }: RunWords): Promise<number> {
  if (isPiped && words.length > 0)
    throw new RunAgentError('E_USAGE', '`-` takes the task from standard input and stands alone')
  const { runCommand } = await import('./run-command.ts')
  return await runCommand({ ...args, task: isPiped ? await readStandardInput() : words.join(' ') })
}

async function readStandardInput(): Promise<string> {
  const { TASK_BYTES_MAX } = await import('../limits.ts')
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of process.stdin) {
    const piece = Buffer.from(chunk as Uint8Array)
    bytes += piece.length
    if (bytes > TASK_BYTES_MAX) throw new RunAgentError('E_USAGE', `the task is larger than ${TASK_BYTES_MAX} bytes`)
    chunks.push(piece)
  }
  return Buffer.concat(chunks).toString('utf8')
}

async function report(error: unknown): Promise<number> {
  if (error instanceof ProblemsError) {
    const { renderProblems } = await import('../definition/render-problems.ts')
    const colour = process.stderr.isTTY && (process.env['NO_COLOR'] ?? '') === ''
    process.stderr.write(`${renderProblems(error.problems, { colour })}\n`)
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
