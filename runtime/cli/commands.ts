/** Every command with its options, as yargs reads them. Each is loaded when it is called: no other's start is paid for. */
import yargs, { type Argv } from 'yargs'
import { RunAgentError } from '../errors.ts'
import type { BindingArguments } from './bound-definition.ts'
import type { RunArguments } from './run-command.ts'

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
  const line = yargs([...argv])
    .scriptName('run-agent')
    .usage('Runs an LLM agent with exactly the authority its definition grants, and records everything it did.')
    .parserConfiguration(PARSER)
  addRun(line, start, argv)
  addQuestions(line, start)
  addTrail(line, start)
  addHelpers(line, start)
  return (
    line
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

function addRun(line: Argv, start: Start, argv: readonly string[]): void {
  line.command('$0 <definition> [task..]', 'run an agent; the task also from stdin with -', runOptions, (args) =>
    start(
      runWith({
        ...bindingOf(args),
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
        trust: args.trust,
        locked: args.locked,
      }),
    ),
  )
}

/** What asks about a definition and runs nothing of it. */
function addQuestions(line: Argv, start: Start): void {
  line.command(
    'check <definition>',
    'validate a definition, run its tests and print the effective rights of its agent',
    questionOptions,
    (args) =>
      start(
        import('./check-command.ts').then(({ checkCommand }) =>
          checkCommand({ ...askedOf(args), definition: String(args['definition']) }),
        ),
      ),
  )
  line.command(
    'can <definition> <tool> <verb> <subject>',
    'whether a tool may: read|write|delete PATH, or METHOD URL; 0 permitted, 6 denied',
    questionOptions,
    (args) =>
      start(
        import('./can-command.ts').then(({ canCommand }) =>
          canCommand({
            ...askedOf(args),
            definition: String(args['definition']),
            tool: String(args['tool']),
            verb: String(args['verb']),
            subject: String(args['subject']),
          }),
        ),
      ),
  )
  line.command('lock <definition>', 'write what a definition is and may do to NAME.lock', lockOptions, (args) =>
    start(
      import('./lock-command.ts').then(({ lockCommand }) =>
        lockCommand({
          definition: String(args['definition']),
          allowProtected: args['allow-protected'],
          config: args.config,
          json: args.json,
        }),
      ),
    ),
  )
}

function addTrail(line: Argv, start: Start): void {
  line
    .command(
      'replay <run>',
      're-run a recorded run from the trail: no network, no secret, no file',
      trailOptions,
      (args) =>
        start(
          import('./replay-command.ts').then(({ replayCommand }) =>
            replayCommand({ run: String(args['run']), config: args.config, audit: args.audit, json: args.json }),
          ),
        ),
    )
    .command('audit <question> [run] [call]', 'list | show RUN [CALL] | tail [-f] | verify', auditOptions, (args) =>
      start(
        import('./audit-command.ts').then(({ auditCommand }) =>
          auditCommand({
            question: String(args['question']),
            run: args['run'] as string | undefined,
            call: args['call'] as string | undefined,
            follow: args.follow,
            config: args.config,
            audit: args.audit,
            json: args.json,
          }),
        ),
      ),
    )
}

function addHelpers(line: Argv, start: Start): void {
  const none = (command: Argv): Argv => command
  line
    .command('doctor [definition]', 'what stands here, and what is missing', trailOptions, (args) =>
      start(
        import('./doctor-command.ts').then(({ doctorCommand }) =>
          doctorCommand({
            definition: args['definition'] as string | undefined,
            config: args.config,
            audit: args.audit,
            json: args.json,
          }),
        ),
      ),
    )
    .command(
      'credentials <question> [name]',
      'list | add NAME | login NAME | rotate [NAME] | revoke NAME | grants',
      credentialsOptions,
      (args) =>
        start(
          import('./credentials-command.ts').then(({ credentialsCommand }) =>
            credentialsCommand({
              question: String(args['question']),
              name: args['name'] as string | undefined,
              user: args.user,
              config: args.config,
              json: args.json,
              next: args.next,
              due: args.due,
              agent: args.agent,
              tool: args.tool,
              value: args.value,
              reason: args.reason,
            }),
          ),
        ),
    )
    .command('init [directory]', 'a first agent, a first tool, a first test', none, (args) =>
      start(
        import('./init-command.ts').then(({ initCommand }) =>
          initCommand({ directory: args['directory'] as string | undefined }),
        ),
      ),
    )
    .command('schema <subject>', 'a JSON Schema: agent | config | events', none, (args) =>
      start(
        import('./schema-command.ts').then(({ schemaCommand }) => schemaCommand({ subject: String(args['subject']) })),
      ),
    )
    .command('completion [shell]', 'what completes commands in a shell: bash | zsh | fish', none, (args) =>
      start(
        import('./completion-command.ts').then(({ completionCommand }) =>
          completionCommand({ shell: args['shell'] as string | undefined, helpOf }),
        ),
      ),
    )
    // For `run-agent/test`, and not for people.
    .command('test-tool', false, none, () =>
      start(import('./test-tool-command.ts').then(({ testToolCommand }) => testToolCommand())),
    )
}

const helpOf = async (words: readonly string[]): Promise<string> => await commandLine(words, () => undefined).getHelp()

/** yargs makes a list of what is given twice; that cannot be told to forget it, because then words of a task go too. */
function assertGivenOnce(args: Readonly<Record<string, unknown>>): boolean {
  const twice = ['config', 'audit', 'workspace', 'script', 'model', 'user'].find((name) => Array.isArray(args[name]))
  if (twice !== undefined) throw new RunAgentError('E_USAGE', `--${twice} is given more than once`)
  return true
}

const configOption = (command: Argv) =>
  command.option('config', { type: 'string', describe: "the operator's configuration", requiresArg: true })

const jsonOption = <Options>(command: Argv<Options>) =>
  command.option('json', { type: 'boolean', default: false, describe: 'one JSON object a line' })

const trailOptions = (command: Argv) =>
  jsonOption(configOption(command).option('audit', { type: 'string', describe: 'the trail', requiresArg: true }))

const auditOptions = (command: Argv) =>
  trailOptions(command).option('follow', {
    alias: 'f',
    type: 'boolean',
    default: false,
    describe: 'go on as events come',
  })

const credentialsOptions = (command: Argv) =>
  jsonOption(configOption(command))
    .option('user', { type: 'string', describe: 'whose value or grants; authenticates nobody', requiresArg: true })
    .option('next', { type: 'boolean', default: false, describe: 'add: it waits until it is rotated in' })
    .option('due', { type: 'string', describe: 'rotate: those that are so old, as 7d', requiresArg: true })
    .option('agent', { type: 'string', describe: 'revoke: of this definition or lock', requiresArg: true })
    .option('tool', { type: 'string', describe: 'revoke: of this tool', requiresArg: true })
    .option('value', { type: 'number', describe: 'revoke: destroy this version of the value', requiresArg: true })
    .option('reason', { type: 'string', describe: 'revoke: why', requiresArg: true })

const protectedOption = <Options>(command: Argv<Options>) =>
  command.option('allow-protected', {
    type: 'string',
    array: true,
    default: [],
    describe: 'a protected path that rules may grant',
    requiresArg: true,
  })

/** What a person brings along who runs a definition, or asks about it. */
const bindingOptions = <Options>(command: Argv<Options>) =>
  protectedOption(command)
    .option('set', { type: 'string', array: true, default: [], describe: 'NAME=VALUE of a setting', requiresArg: true })
    .option('user', { type: 'string', describe: 'the user of the run; authenticates nobody', requiresArg: true })
    .option('workspace', { type: 'string', describe: 'the folder that path rules are relative to', requiresArg: true })

const questionOptions = (command: Argv) => jsonOption(bindingOptions(configOption(command)))

const lockOptions = (command: Argv) => jsonOption(protectedOption(configOption(command)))

interface GivenQuestion extends GivenBinding {
  readonly workspace: string | undefined
  readonly config: string | undefined
  readonly json: boolean
}

function askedOf(args: GivenQuestion) {
  return { ...bindingOf(args), workspace: args.workspace, config: args.config, json: args.json }
}

interface GivenBinding {
  readonly set: readonly string[]
  readonly user: string | undefined
  readonly 'allow-protected': readonly string[]
}

function bindingOf({ set, user, 'allow-protected': allowProtected }: GivenBinding): BindingArguments {
  return { set, user, allowProtected }
}

const runOptions = (command: Argv) =>
  bindingOptions(trailOptions(command))
    .option('script', { type: 'string', describe: "a script plays the model; the definition's own, or FILE" })
    .option('model', {
      type: 'string',
      describe: 'provider/name, instead of the one in the definition',
      requiresArg: true,
    })
    .option('quiet', { type: 'boolean', default: false, describe: 'nothing on stderr but errors' })
    .option('weak-sandbox', { type: 'boolean', default: false, describe: 'accept a missing outer wall on Node 24' })
    .option('trust', { type: 'boolean', default: false, describe: 'run a definition for the first time unasked' })
    .option('locked', { type: 'boolean', default: false, describe: 'run only what NAME.lock says' })
    .option('fail-on-deny', { type: 'boolean', default: false, describe: 'exit 6 if anything was denied' })

interface RunWords extends Omit<RunArguments, 'task'> {
  readonly words: readonly string[]
  readonly isPiped: boolean
}

async function runWith({ words, isPiped, ...args }: RunWords): Promise<number> {
  if (isPiped && words.length > 0)
    throw new RunAgentError('E_USAGE', '`-` takes the task from standard input and stands alone')
  await refuseSlip(args.definition)
  const { runCommand } = await import('./run-command.ts')
  return await runCommand({ ...args, task: isPiped ? await readStandardInput() : words.join(' ') })
}

/** A word that is nearly a command and no file was meant as that command. */
async function refuseSlip(word: string): Promise<void> {
  if (!/^[a-z-]+$/.test(word)) return
  const [{ didYouMean }, { isFile }] = await Promise.all([
    import('../definition/suggest.ts'),
    import('../node-folders.ts'),
  ])
  const hint = didYouMean(word, [
    'check',
    'can',
    'lock',
    'replay',
    'audit',
    'doctor',
    'init',
    'schema',
    'completion',
    'credentials',
  ])
  if (hint === undefined || isFile(word)) return
  throw new RunAgentError('E_USAGE', `there is no command ${word}, and no definition of that name`, { hint })
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
