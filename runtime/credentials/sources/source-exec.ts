/** `{ exec: [argv…] }`: what a command of the operator prints. */
import { RunAgentError } from '../../errors.ts'
import { COMMAND_MS, COMMAND_OUTPUT_BYTES_MAX } from '../../limits.ts'
import { fixedSecret, forUser, isPerUser, type ValueRules } from './secret-value.ts'
import type { LiveSecret, SecretQuestion, SecretSource } from '../secret.ts'
import { createSharedWork } from './shared-work.ts'

export interface CommandHost {
  /**
   * Runs a program without a shell, in a process group of its own that is killed at the end, with nothing to read and
   * nobody who sees what it says of errors. Rejects with the signal's reason.
   */
  run(command: {
    /** Absolute; not where an agent or another user could have written it. */
    readonly file: string
    readonly args: readonly string[]
    readonly environment: Readonly<Record<string, string>>
    readonly timeoutMs: number
    readonly outputBytesMax: number
    readonly signal: AbortSignal
  }): Promise<CommandEnd>
}

export type CommandEnd =
  | { readonly how: 'exit'; readonly code: number; readonly output: Uint8Array }
  | { readonly how: 'signal'; readonly signal: string }
  | { readonly how: 'timeout' }
  | { readonly how: 'too-much' }
  | { readonly how: 'not-started'; readonly why: string }

export interface ExecSourceParts extends ValueRules {
  readonly commands: CommandHost
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Variables that hold secrets: no command sees them. */
  readonly secretVariables: ReadonlySet<string>
}

const PATH = '/usr/local/bin:/usr/bin:/bin'
const PASSED_ON = /^(?:HOME|LANG|LC_[A-Z]+|XDG_[A-Z_]+)$/

/** `HOME`, `LANG`, `LC_*` and `XDG_*` of run-agent's own, but none that holds a secret; and a fixed `PATH`. */
export function commandEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  secretVariables: ReadonlySet<string>,
): Readonly<Record<string, string>> {
  const passed = Object.entries(environment).flatMap(([name, value]) =>
    value !== undefined && PASSED_ON.test(name) && !secretVariables.has(name) ? [[name, value] as const] : [],
  )
  return { ...Object.fromEntries(passed), PATH }
}

/** Runs once in the life of the source for each user, and again where the server refused what it printed. */
export function createExecSource(
  credential: string,
  { file, args }: { readonly file: string; readonly args: readonly string[] },
  parts: ExecSourceParts,
): SecretSource {
  const origin = `the command ${file}`
  const perUser = isPerUser([file, ...args])
  const known = new Map<string, LiveSecret>()
  const share = createSharedWork<LiveSecret>()

  const run = async (question: SecretQuestion): Promise<LiveSecret> => {
    const end = await parts.commands.run({
      file: forUser(file, question.user),
      args: args.map((argument) => forUser(argument, question.user)),
      environment: commandEnvironment(parts.environment, parts.secretVariables),
      timeoutMs: COMMAND_MS,
      outputBytesMax: COMMAND_OUTPUT_BYTES_MAX,
      signal: question.signal,
    })
    if (end.how !== 'exit' || end.code !== 0) throw failed(credential, file, end)
    const text = new TextDecoder().decode(end.output).replace(/\r?\n$/, '')
    return fixedSecret({ credential, text, origin, question }, parts)
  }

  return {
    origin,
    isPerUser: perUser,
    fetch: async (question) => {
      const { user, rejected } = question
      const key = perUser ? user : ''
      const had = known.get(key)
      if (had !== undefined && had.version !== rejected) return { ...had, user }
      const fetched = await share(JSON.stringify([key, rejected ?? null]), question.signal, async (signal) => {
        const secret = await run({ ...question, signal })
        known.set(key, secret)
        return secret
      })
      return { ...fetched, user }
    },
  }
}

function failed(credential: string, file: string, end: CommandEnd): RunAgentError {
  const said = `the command ${file} of the credential ${credential}`
  const refuse = (why: string, hint: string): RunAgentError =>
    new RunAgentError('E_CREDENTIAL', `${said} ${why}`, { hint })
  switch (end.how) {
    case 'exit':
      return refuse(`ended with exit code ${end.code}`, 'Run it by hand: what it says of errors is shown to nobody.')
    case 'signal':
      return refuse(`was ended by ${end.signal}`, 'Run it by hand: what it says of errors is shown to nobody.')
    case 'timeout':
      return refuse(`did not end within ${COMMAND_MS / 1000} s`, 'It must ask nobody: there is no terminal.')
    case 'too-much':
      return refuse(`printed more than ${COMMAND_OUTPUT_BYTES_MAX} bytes`, 'It must print the secret and nothing else.')
    case 'not-started':
      return refuse(`couldn't be started: ${end.why}`, 'Name a program that only you or root can write.')
  }
}
