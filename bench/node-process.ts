/** A Node process for each call, over its IPC channel: no sandbox at all, but nothing shared either. */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { hostRecord, waited } from './host.ts'
import type { System, Task } from './system.ts'

const CHILD = fileURLToPath(new URL('./node-process-child.mjs', import.meta.url))

type Message =
  | { readonly kind: 'host'; readonly id: number }
  | { readonly kind: 'wait'; readonly id: number; readonly ms: number }
  | { readonly kind: 'end'; readonly value: unknown }

export function nodeProcess(): System {
  return { name: 'node process', call, close: async () => {} }
}

function call(task: Task): Promise<unknown> {
  const child = fork(CHILD, [], { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  return new Promise((resolve, reject) => {
    const answer = (id: number, value: unknown): void => void child.send({ id, value })
    child.on('error', reject)
    child.on('exit', () => reject(new Error('the process ended without a result')))
    child.on('message', (message: Message) => {
      if (message.kind === 'host') void hostRecord().then((value) => answer(message.id, value))
      else if (message.kind === 'wait') void waited(message.ms).then((value) => answer(message.id, value))
      else {
        resolve(message.value)
        child.kill('SIGKILL')
      }
    })
    child.send(task)
  })
}
