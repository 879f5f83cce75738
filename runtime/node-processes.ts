/** The perimeter's part for processes and time. */
import { spawn, type ChildProcess } from 'node:child_process'
import { lstatSync, readFileSync, realpathSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Duplex } from 'node:stream'
import type { Clock, ProcessHost, SandboxChild } from './ports.ts'

const PAGE_BYTES = 4096
/** bubblewrap has started its process within a few milliseconds. */
const SETUP_MS = 2000
const STATM_RESIDENT = 1

export const nodeClock: Clock = {
  now: () => Date.now(),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  },
}

export function createProcessHost(environment: Readonly<Record<string, string>>): ProcessHost {
  return {
    nodePath: realpathSync(process.execPath),
    nodeMajor: Number(process.versions.node.split('.')[0]),
    platform: process.platform,
    architecture: process.arch,
    sharedObjects,
    isOwnedByRoot,
    spawnSandbox: ({ file, args, seccomp }) => spawnSandbox(file, args, seccomp, environment),
  }
}

let loadedWith: readonly string[] | undefined

function sharedObjects(): readonly string[] {
  if (loadedWith !== undefined) return loadedWith
  // Missing from Node's types: without it the report asks for the name of every address of the machine.
  Reflect.set(process.report, 'excludeNetwork', true)
  const report: { readonly sharedObjects?: readonly string[] } = Object(process.report.getReport())
  // Addons that this process loaded (.node) are not what Node itself needs; the vDSO is no file.
  const paths = (report.sharedObjects ?? []).filter((path) => path.startsWith('/') && !path.endsWith('.node'))
  loadedWith = paths.filter((path) => path !== process.execPath && path !== realpathSync(process.execPath))
  return loadedWith
}

function isOwnedByRoot(path: string): boolean {
  try {
    const real = realpathSync(path)
    if (!lstatSync(real).isFile()) return false
    for (let at = real; ; at = dirname(at)) {
      const stat = lstatSync(at)
      if (stat.uid !== 0 || (stat.mode & 0o022) !== 0) return false
      if (at === dirname(at)) return true
    }
  } catch {
    return false
  }
}

function spawnSandbox(
  file: string,
  args: readonly string[],
  seccomp: Uint8Array | undefined,
  environment: Readonly<Record<string, string>>,
): SandboxChild {
  const extra: 'pipe'[] = seccomp === undefined ? [] : ['pipe', 'pipe']
  const child = spawn(file, args, {
    env: { ...environment },
    cwd: '/',
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', ...extra],
  })
  const pipe = pipeOf(child, 3)
  let isDoomed = false
  let innermost = seccomp === undefined ? child.pid : undefined
  if (seccomp !== undefined) {
    readChildPid(pipeOf(child, 4), (pid) => {
      innermost = pid
      if (isDoomed) kill()
    })
    const filter = pipeOf(child, 5)
    filter.on('error', () => undefined)
    filter.end(seccomp)
  }
  const kill = (): void => {
    isDoomed = true
    // What bubblewrap has started by then would wait for it for ever, so it must first say what that is.
    if (innermost === undefined && child.exitCode === null && child.signalCode === null) {
      pipe.destroy()
      setTimeout(() => child.kill('SIGKILL'), SETUP_MS).unref()
      return
    }
    if (innermost !== undefined && innermost !== child.pid) killQuietly(innermost)
    child.kill('SIGKILL')
  }
  pipe.on('error', () => undefined)
  // One that has closed its pipe can be of no more use, whatever it still does.
  pipe.on('close', kill)
  // A pid that was given to another process since must be neither killed nor measured.
  child.once('exit', () => (innermost = undefined))
  // The process is watched through its pipe; a run that is over must not wait for it.
  child.unref()
  return {
    write: (chunk) => {
      pipe.write(chunk)
      return pipe.writableLength
    },
    onData: (listener) => void pipe.on('data', listener),
    onExit: (listener) => {
      let told = false
      const tell = (how: string): void => {
        if (!told) listener(how)
        told = true
      }
      child.once('error', (error) => tell(error.message))
      child.once('exit', (code, signal) => tell(signal === null ? `exit ${code}` : `signal ${signal}`))
    },
    kill,
    residentBytes: () => (innermost === undefined ? undefined : residentBytes(innermost)),
  }
}

function pipeOf(child: ChildProcess, fd: number): Duplex {
  const pipe: unknown = child.stdio[fd]
  if (pipe === null || pipe === undefined) throw new Error(`no pipe at fd ${fd}`)
  return pipe as Duplex
}

/** bubblewrap tells the pid of what it started, as JSON; its own pid shows 2 MB whatever the sandbox holds. */
function readChildPid(pipe: Duplex, found: (pid: number) => void): void {
  let text = ''
  pipe.on('error', () => undefined)
  pipe.on('data', (chunk: Buffer) => {
    if (text.length > 4096) return
    text += chunk.toString('latin1')
    const match = /"child-pid"\s*:\s*(\d+)/.exec(text)
    if (match === null) return
    found(Number(match[1]))
    // Nothing that is written there later may name another process; closed, it would end bubblewrap, which has more to say.
    pipe.removeAllListeners('data').resume()
  })
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It is gone already.
  }
}

function residentBytes(pid: number): number | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')
    return Number(fields[STATM_RESIDENT]) * PAGE_BYTES
  } catch {
    return undefined
  }
}
