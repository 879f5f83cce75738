/** The perimeter's part for the operator's commands that print a secret. */
import { spawn, type ChildProcess } from 'node:child_process'
import { lstatSync, realpathSync } from 'node:fs'
import { dirname } from 'node:path'
import type { CommandEnd, CommandHost } from './credentials/sources/source-exec.ts'
import { codeOf } from './errors.ts'
import { COMMAND_DRAIN_MS } from './limits.ts'

/** In such a folder, as /tmp is, only its owner can replace a file. */
const STICKY = 0o1000

/** `workspaces`: folders of agents; nothing that lies in them is run. */
export function nodeCommands(uid: number, workspaces: readonly string[]): CommandHost {
  return {
    async run(command) {
      command.signal.throwIfAborted()
      const why = whyNotRun(command.file, uid, workspaces)
      if (why !== undefined) return { how: 'not-started', why }
      const child = spawn(command.file, [...command.args], {
        cwd: '/',
        env: { ...command.environment },
        shell: false,
        // A session and a process group of its own: the whole group is killed.
        detached: true,
        stdio: ['ignore', 'pipe', 'ignore'],
      })
      return await endOf(child, command)
    },
  }
}

function whyNotRun(file: string, uid: number, workspaces: readonly string[]): string | undefined {
  if (!file.startsWith('/')) return 'its path is not absolute'
  try {
    const real = realpathSync(file)
    const stat = lstatSync(real)
    if (!stat.isFile()) return 'it is no regular file'
    if (stat.uid !== uid && stat.uid !== 0) return 'it belongs to somebody else'
    if ((stat.mode & 0o022) !== 0) return 'others can write to it'
    for (let folder = dirname(real); ; folder = dirname(folder)) {
      const { mode } = lstatSync(folder)
      if ((mode & 0o002) !== 0 && (mode & STICKY) === 0) return 'others can write to a folder that it lies in'
      if (folder === dirname(folder)) break
    }
    const isBrought = workspaces.some((folder) => real.startsWith(`${realpathSync(folder)}/`))
    return isBrought ? 'it lies in the workspace of the agent' : undefined
  } catch (error) {
    return codeOf(error) === 'ENOENT' ? 'there is no such file' : (codeOf(error) ?? 'unknown error')
  }
}

function endOf(child: ChildProcess, command: Parameters<CommandHost['run']>[0]): Promise<CommandEnd> {
  const { outputBytesMax, signal, timeoutMs } = command
  const chunks: Buffer[] = []
  let length = 0
  return new Promise((resolve, reject) => {
    let isOver = false
    // Once it has ended and its group was killed, the number may be another's.
    const kill = (): void => {
      if (!isOver) killGroup(child)
    }
    const finish = (end: CommandEnd): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
      kill()
      child.stdout?.destroy()
      resolve(end)
    }
    const abort = (): void => {
      // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- the reason is the caller's own
      reject(signal.reason)
      finish({ how: 'timeout' })
    }
    const timer = setTimeout(() => finish({ how: 'timeout' }), timeoutMs)
    signal.addEventListener('abort', abort, { once: true })
    child.stdout?.on('data', (chunk: Buffer) => {
      length += chunk.byteLength
      if (length > outputBytesMax) finish({ how: 'too-much' })
      else chunks.push(chunk)
    })
    child.once('error', (error) => finish({ how: 'not-started', why: codeOf(error) ?? 'unknown error' }))
    child.once('exit', (code, ended) => {
      const tell = (): void =>
        finish(
          code === null
            ? { how: 'signal', signal: String(ended) }
            : { how: 'exit', code, output: Buffer.concat(chunks) },
        )
      kill()
      isOver = true
      // What left the group may hold the pipe open for ever.
      const drain = setTimeout(tell, COMMAND_DRAIN_MS)
      child.once('close', () => {
        clearTimeout(drain)
        tell()
      })
    })
  })
}

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
  } catch {
    // All of it is gone already.
  }
}
