/** The perimeter's part for starting run-agent itself, on whatever Node its launcher finds. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Answered {
  readonly exit: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs the program with `input` as its standard input. What it imports must run under Node 20. */
export function askProgram(args: readonly string[], input: string): Promise<Answered> {
  const child = spawn(process.execPath, [launcher(), ...args], { stdio: 'pipe' })
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => void (said[name] += text))
  }
  // A program that ended early says why on its standard error.
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ exit: code ?? 1, ...said }))
  })
}

/** Beside this file in a checkout; compiled files lie in dist/. */
function launcher(): string {
  const here = dirname(fileURLToPath(import.meta.url))
  const found = [join(here, 'bin.js'), join(here, '..', '..', 'runtime', 'bin.js')].find((path) => existsSync(path))
  if (found === undefined) throw new Error('the installation of run-agent has no runtime/bin.js')
  return found
}
