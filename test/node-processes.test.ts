import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { findInstallation } from '../runtime/node-installation.ts'
import { createProcessHost } from '../runtime/node-processes.ts'
import { bareCommand, findBubblewrap, SANDBOX_ENVIRONMENT, walledCommand } from '../runtime/sandbox/walls.ts'

const KILLS = 120

/** Processes of a sandbox that nobody is left to end. */
function orphans(): ReadonlySet<string> {
  const lines = execFileSync('ps', ['-eo', 'pid=,ppid=,args='], { encoding: 'utf8' }).split('\n')
  return new Set(lines.filter((line) => /^\s*\d+\s+1\s.*isolated-vm.*\.node/.test(line)))
}

test('a sandbox process that is killed while it starts leaves nothing behind, whenever that is', async () => {
  const host = createProcessHost(SANDBOX_ENVIRONMENT)
  const files = findInstallation().sandboxFiles()
  const bubblewrap = findBubblewrap(host)
  const walled = bubblewrap === undefined ? undefined : walledCommand(host, files, bubblewrap)
  const before = orphans()
  for (let kill = 0; kill < KILLS; kill += 1) {
    const child = host.spawnSandbox(walled ?? bareCommand(host, files))
    const { promise, resolve } = Promise.withResolvers<string>()
    child.onExit(resolve)
    // bubblewrap has set everything up within about five milliseconds.
    await new Promise((wake) => setTimeout(wake, (kill % 15) * 0.5))
    child.kill()
    await promise
  }
  expect([...orphans()].filter((line) => !before.has(line))).toEqual([])
})
