/** JavaScript that has taken over a sandbox process, with exactly the command line and the walls of a real one. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bareCommand, findBubblewrap, walledCommand, type SandboxCommand } from '../../runtime/sandbox/walls.ts'
import { bubblewrapStands, installation, processes } from '../support/sandbox.ts'

const attacker = fileURLToPath(new URL('../support/taken-over.mjs', import.meta.url))
const files = { ...installation.sandboxFiles(), entry: attacker, modules: [] }
let folder: string
let canary: string
let server: Server
let port = 0

beforeAll(async () => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'run-agent-attack-')))
  canary = join(folder, 'canary')
  writeFileSync(canary, 'secret', { mode: 0o644 })
  server = createServer((socket) => socket.end())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  port = typeof address === 'object' && address !== null ? address.port : 0
})
afterAll(() => {
  server.close()
  rmSync(folder, { recursive: true })
  rmSync('/tmp/run-agent-was-here', { force: true })
})

async function whatWorks({ file, args, seccomp }: SandboxCommand): Promise<readonly string[]> {
  const all = [...args, canary, String(process.pid), String(port)]
  const child = processes.spawnSandbox({ file, args: all, ...(seccomp === undefined ? {} : { seccomp }) })
  try {
    return await new Promise((resolve, reject) => {
      let text = ''
      child.onData((chunk) => {
        text += chunk.toString()
        if (text.endsWith('\n')) resolve(JSON.parse(text) as string[])
      })
      child.onExit((how) => reject(new Error(`it ended early: ${how}`)))
    })
  } finally {
    child.kill()
  }
}

function walled(): SandboxCommand {
  const bubblewrap = findBubblewrap(processes) ?? ''
  return walledCommand(processes, files, bubblewrap) ?? expect.fail('no seccomp program')
}

/** As a bug in V8 would have it: nothing of Node's own wall. */
function withoutPermission(command: SandboxCommand): SandboxCommand {
  return { ...command, args: command.args.filter((arg) => arg !== '--permission' && !arg.startsWith('--allow-')) }
}

describe('a sandbox process under an attacker', () => {
  test('behind Node alone reaches nothing', async () => {
    const worked = await whatWorks(bareCommand(processes, files))
    // Node's permission model covers neither signals nor names; the outer wall does.
    const names = new Set(['signal the host', 'the name of the machine', 'the name of the user', 'addresses'])
    expect(worked.filter((name) => !names.has(name))).toEqual([])
  })

  test.skipIf(!bubblewrapStands())('behind bubblewrap reaches nothing', async () => {
    expect(await whatWorks(walled())).toEqual([])
  })

  test.skipIf(!bubblewrapStands())('behind bubblewrap without Node’s wall reaches nothing of the host', async () => {
    const worked = await whatWorks(withoutPermission(walled()))
    // A thread of its own and its own empty file system are no harm.
    expect(worked.filter((name) => !['worker', 'write a file', 'list a folder'].includes(name))).toEqual([])
    expect(spawnSync('ls', ['/tmp/run-agent-was-here']).status).not.toBe(0)
  })

  test('a process that was disarmed signals nobody, and Node finds no other way to', () => {
    const disarm = fileURLToPath(new URL('../../runtime/sandbox/disarm.ts', import.meta.url))
    const probe = (prelude: string): string => {
      const source = `${prelude}; try { process.kill(${process.pid}, 0); console.log('reached') } catch (error) { console.log(error.name) }`
      return spawnSync(process.execPath, ['--input-type=module', '-e', source], { encoding: 'utf8' }).stdout.trim()
    }
    expect(probe(`(await import(${JSON.stringify(disarm)})).disarm()`)).toBe('TypeError')
    expect(probe('0')).toBe('reached')
  })

  test('negative control: without any wall all of it works', async () => {
    const plain: SandboxCommand = { ...withoutPermission(bareCommand(processes, files)), walls: [] }
    const worked = await whatWorks(plain)
    expect(worked).toEqual(
      expect.arrayContaining([
        'read /etc/passwd',
        'read a file of the host',
        'list a folder',
        'write a file',
        'signal the host',
        'spawn',
        'worker',
        'tcp',
        'listen',
        'udp',
        'fork',
        'http',
        'the name of the machine',
        'the name of the user',
      ]),
    )
  })
})
