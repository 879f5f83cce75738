/** The process that judges, with a deadline for each mutant and a new process where one hangs, dies or has grown. */
import { fork, type ChildProcess } from 'node:child_process'
import type { Answer, Message, Task, Trial, Verdict } from './judge.ts'

export interface Court {
  /** Which tests take no part, and why. */
  readonly left: readonly string[]
  readonly judge: (task: Task) => Promise<Verdict>
  readonly close: () => void
}

const START_MS = 120_000
/** Between two tests. None that takes part needs a hundredth of it. */
const SILENT_MS = 20_000
/** Modules are never unloaded. */
const MUTANTS_PER_PROCESS = 300

export async function openCourt(root: string, tests: readonly string[], searches: boolean): Promise<Court> {
  const open = async (trial: Trial | undefined): Promise<{ readonly child: ChildProcess; readonly trial: Trial }> => {
    const child = fork(new URL('judge.ts', import.meta.url), [root, searches ? 'search' : 'judge', ...tests], {
      execArgv: ['--conditions=run-agent-checkout', '--disable-warning=ExperimentalWarning'],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    const answer = await answerOf(child, { kind: 'start', trial }, START_MS)
    if (answer?.kind !== 'ready') throw new Error('the tests cannot be loaded in one process')
    return { child, trial: answer.trial }
  }
  let { child, trial } = await open(undefined)
  let judged = 0
  return {
    left: trial.left.map(([key, reason]) => `${key} ${reason}`),
    async judge(task) {
      if (judged === MUTANTS_PER_PROCESS) child.kill('SIGKILL')
      if (child.killed || child.exitCode !== null) {
        child = (await open(trial)).child
        judged = 0
      }
      judged += 1
      const answer = await answerOf(child, { kind: 'judge', task: { file: task.file, text: task.text } }, SILENT_MS)
      if (answer !== undefined && answer.kind !== 'ready') return answer
      child.kill('SIGKILL')
      return { kind: 'killed', by: 'it hangs, or ends the process' }
    },
    close: () => void child.kill('SIGKILL'),
  }
}

type Final = Exclude<Answer, { readonly kind: 'alive' }>

/** Undefined: it ended, or was silent for too long. */
function answerOf(child: ChildProcess, message: Message, silentMs: number): Promise<Final | undefined> {
  return new Promise((resolve) => {
    const end = (answer: Final | undefined): void => {
      clearTimeout(timer)
      child.off('message', hear).off('exit', fail)
      resolve(answer)
    }
    const fail = (): void => end(undefined)
    const hear = (message: unknown): void => {
      const answer = message as Answer
      if (answer.kind === 'alive') timer.refresh()
      else end(answer)
    }
    const timer = setTimeout(fail, silentMs)
    child.on('message', hear).once('exit', fail)
    child.send(message)
  })
}
