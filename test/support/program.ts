/** The program as a user has it: started from the shell in a folder of the user's own, with nothing inherited. */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { StoredEvent } from '../../runtime/audit/event.ts'
import { readTrail } from './trail.ts'

export const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')
const LAUNCHER = join(REPOSITORY, 'runtime/bin.js')

export interface Finished {
  /** undefined: a signal ended it. */
  readonly exit: number | undefined
  readonly stdout: string
  readonly stderr: string
}

export interface Started {
  readonly child: ChildProcess
  readonly finished: Promise<Finished>
  /** Resolves when standard error or output holds the text. */
  saying(text: string): Promise<void>
}

export interface StartOptions {
  readonly cwd?: string
  readonly input?: string
  readonly environment?: Readonly<Record<string, string>>
  /** `asks`: a run is not trusted by itself. */
  readonly trust?: 'given' | 'asks'
}

export interface Desk extends Disposable {
  /** Absolute, every link followed. */
  readonly workspace: string
  /** Beside the workspace, where no tool reaches. */
  readonly home: string
  readonly trail: string
  write(files: Readonly<Record<string, string>>): void
  start(args: readonly string[], options?: StartOptions): Started
  run(...args: readonly string[]): Promise<Finished>
  runWith(options: StartOptions, ...args: readonly string[]): Promise<Finished>
  /** The events of a run, the newest if none is named. */
  events(run?: string): readonly StoredEvent[]
}

const TIME_MAX_MS = 60_000

export function openDesk(files: Readonly<Record<string, string>> = {}): Desk {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'run-agent-desk-')))
  const [workspace, home] = [join(folder, 'workspace'), join(folder, 'home')]
  const environment = {
    PATH: process.env['PATH'] ?? '',
    HOME: home,
    // Shared, because what it holds depends on content alone and is slow to make.
    XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'] ?? join(folder, 'cache'),
    XDG_STATE_HOME: join(folder, 'state'),
    XDG_CONFIG_HOME: join(folder, 'config'),
  }
  const trail = join(folder, 'state/run-agent/audit.db')
  const desk: Desk = {
    workspace,
    home,
    trail,
    write(more) {
      for (const [name, text] of Object.entries(more)) {
        mkdirSync(dirname(join(workspace, name)), { recursive: true })
        writeFileSync(join(workspace, name), text)
      }
    },
    start: (args, options = {}) =>
      startProgram(options.trust === 'asks' ? args : trusting(args), {
        cwd: workspace,
        ...options,
        environment: { ...environment, ...options.environment },
      }),
    run: (...args) => desk.start(args).finished,
    runWith: (options, ...args) => desk.start(args, options).finished,
    events: (run = 'last') => readTrail(trail, (reader) => [...reader.events(reader.findRun(run))]),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
  for (const path of [workspace, home]) mkdirSync(path)
  desk.write(files)
  return desk
}

/** Tests run their own definitions, each for the first time. */
function trusting(args: readonly string[]): readonly string[] {
  const [first = '', ...rest] = args
  const isRun = /\.(?:yaml|md)$/.test(first) && !rest.includes('--locked') && !rest.includes('--trust')
  return isRun ? [first, '--trust', ...rest] : args
}

function startProgram(args: readonly string[], { cwd, input, environment }: StartOptions): Started {
  const child = spawn(process.execPath, [LAUNCHER, ...args], { cwd, env: { ...environment }, stdio: 'pipe' })
  const said = { stdout: '', stderr: '' }
  const waiting: { readonly text: string; readonly resolve: () => void }[] = []
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      said[name] += text
      for (const wish of waiting) if (said[name].includes(wish.text)) wish.resolve()
    })
  }
  child.stdin.on('error', () => undefined)
  child.stdin.end(input ?? '')
  const { promise, resolve, reject } = Promise.withResolvers<Finished>()
  const overdue = setTimeout(() => {
    child.kill('SIGKILL')
    reject(new Error(`still running after ${TIME_MAX_MS} ms: ${args.join(' ')}\n${said.stdout}${said.stderr}`))
  }, TIME_MAX_MS)
  child.on('close', (code) => {
    clearTimeout(overdue)
    resolve({ exit: code ?? undefined, ...said })
  })
  return {
    child,
    finished: promise,
    saying: (text) => {
      const wish = Promise.withResolvers<void>()
      waiting.push({ text, resolve: wish.resolve })
      if (said.stdout.includes(text) || said.stderr.includes(text)) wish.resolve()
      return wish.promise
    },
  }
}

/** A tool's file. `body` is that of `async execute({ text, number })`, or of one that takes `args`. */
function toolFile(body: string, imports = '', args = '{ text, number }'): string {
  return `import { defineTool, z } from 'run-agent'
${imports}
export default defineTool({
  description: 'A tool of a test.',
  parameters: z.object({ text: z.string().optional(), number: z.number().optional() }),
  async execute(${args}) {
    ${body}
  },
})
`
}

/** A script's file. `body` is that of `async (task, call)`. */
function scriptFile(body: string): string {
  return `import { defineScript } from 'run-agent'
// What a call came to, as a value.
const tried = (promise: Promise<unknown>): Promise<any> => promise.then(
  (value) => ({ value }),
  ({ name, code, message }) => ({ name, code, message }),
)
export default defineScript(async (task, call) => {
  ${body}
})
`
}

interface ToolParts {
  readonly rights?: string
  readonly body: string
  readonly imports?: string
  readonly args?: string
}

export interface AgentParts {
  /** By name: the lines of its definition in flow style, and what its `execute` does. */
  readonly tools: Readonly<Record<string, ToolParts>>
  readonly script: string
  /** More lines of the definition. */
  readonly more?: string
}

/** `agent.yaml`, its script and its tools, as files of the workspace. */
export function agentFiles({ tools, script, more = '' }: AgentParts): Readonly<Record<string, string>> {
  const entries = Object.entries(tools)
  const lines = entries.map(
    ([name, { rights = '' }]) => `  ${name}: { from: ./tools/${name}.ts${rights && `, ${rights}`} }`,
  )
  const files = entries.map(
    ([name, { body, imports, args }]) => [`agent/tools/${name}.ts`, toolFile(body, imports, args)] as const,
  )
  return {
    'agent/agent.yaml': [
      'name: tested',
      'script: ./play.ts',
      ...(lines.length > 0 ? ['tools:', ...lines] : []),
      more,
    ].join('\n'),
    'agent/play.ts': scriptFile(script),
    ...Object.fromEntries(files),
  }
}

/** The last object of `--json`. */
export function resultOf({ stdout }: Finished): Record<string, unknown> {
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Record<string, unknown>
}
