/**
 * What a sandbox process does to the machine once an attacker runs it: attack code stands where its entry stood,
 * with the command line, the walls and the flags of a real one.
 */
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { bareCommand, findBubblewrap, walledCommand, type SandboxCommand } from '../../runtime/sandbox/walls.ts'
import { NODES, type SandboxNode } from '../support/node-24.ts'
import { bubblewrapStands, processes } from '../support/sandbox.ts'

const source = (name: string): string => fileURLToPath(new URL(`../support/${name}`, import.meta.url))
const disarm = fileURLToPath(new URL('../../runtime/sandbox/disarm.ts', import.meta.url))
const headers = join(dirname(processes.nodePath), '..', 'include', 'node')

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'run-agent-takeover-')))
const canary = join(folder, 'canary')
const unixSocket = join(folder, 'host.sock')
const entry = join(folder, 'takeover.mjs')
const native = join(folder, 'takeover.node')
/** Native code is tried where this machine can compile it. */
const hasNative = compile()
const noNative = hasNative ? '' : ' (no compiler or headers of Node here)'

const servers: Server[] = []
let port = 0

function compile(): boolean {
  if (!existsSync(join(headers, 'node_api.h'))) return false
  const args = ['-shared', '-fPIC', '-I', headers, source('takeover.c'), '-o', native]
  return spawnSync('gcc', args, { timeout: 60_000 }).status === 0
}

beforeAll(async () => {
  const opened = async (...where: [number, string] | [string]): Promise<Server> => {
    const server = createServer((socket) => {
      // One that was taken over is killed with its connections open.
      socket.on('error', () => undefined)
      socket.end('HTTP/1.1 204 No Content\r\n\r\n')
    })
    servers.push(server)
    await new Promise<void>(
      (resolve) =>
        void (where.length === 2 ? server.listen(where[0], where[1], resolve) : server.listen(where[0], resolve)),
    )
    return server
  }
  const address = (await opened(0, '127.0.0.1')).address()
  port = typeof address === 'object' && address !== null ? address.port : 0
  await opened(unixSocket)
})
beforeEach(() => {
  copyFileSync(source('takeover.mjs'), entry)
  writeFileSync(canary, 'secret', { mode: 0o644 })
  writeFileSync(join(folder, 'other'), 'secret')
  for (const name of ['link', 'hard', 'written', 'db', 'socket', 'report.json', 'heap', 'native'])
    rmSync(join(folder, name), { force: true })
})
afterAll(() => {
  for (const server of servers) server.close()
  rmSync(folder, { recursive: true })
})

interface Scene {
  readonly node: SandboxNode
  readonly outerWall: boolean
  /** As a bug in V8 would have it: nothing of Node's own wall. */
  readonly withoutPermission?: boolean
  readonly native?: boolean
  /** What the real process does first. */
  readonly disarmed?: boolean
}

async function whatWorks(scene: Scene): Promise<readonly string[]> {
  const { node, outerWall } = scene
  const modules = [...(scene.native === true ? [native] : []), ...(scene.disarmed === true ? [disarm] : [])]
  const files = { ...node.files, entry, modules }
  const command = outerWall
    ? (walledCommand(node.processes, files, findBubblewrap(processes) ?? '') ?? expect.fail('no seccomp program'))
    : bareCommand(node.processes, files)
  const inside = (path: string): string => (outerWall ? `/sandbox/${path.slice(path.lastIndexOf('/') + 1)}` : path)
  const aims = {
    hostPid: process.pid,
    port,
    canary,
    unixSocket,
    folder,
    native: scene.native === true ? inside(native) : native,
    ...(scene.disarmed === true ? { disarm: inside(disarm) } : {}),
  }
  const args = [...(scene.withoutPermission === true ? bare(command) : command.args), JSON.stringify(aims)]
  return await told({ ...command, args })
}

function bare({ args }: SandboxCommand): readonly string[] {
  return args.filter((arg) => arg !== '--permission' && !arg.startsWith('--allow-'))
}

async function told({ file, args, seccomp }: SandboxCommand): Promise<readonly string[]> {
  const child = processes.spawnSandbox({ file, args, ...(seccomp === undefined ? {} : { seccomp }) })
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

/** Reads of itself, and of how important it is: nothing of anybody else. */
const OWN = new Set(['the host’s priority', 'read /proc/self/environ'])
/** Behind the outer wall: its own empty file system, its own name space, its own threads. */
const OWN_BEHIND_WALL = new Set([...OWN, 'list the root', 'a worker', 'WASI', 'watch', 'stat'])

const others = (worked: readonly string[], own: ReadonlySet<string>): readonly string[] =>
  worked.filter((name) => !own.has(name))

const wall = !bubblewrapStands()
const why = wall ? ' (bubblewrap does not stand here)' : ''

describe.each(NODES.map((node) => ({ ...node, node })))('$name', ({ node, major, skip }) => {
  test.skipIf(skip || wall)(`behind bubblewrap: nothing${why}`, { timeout: 60_000 }, async () => {
    expect(others(await whatWorks({ node, outerWall: true }), OWN)).toEqual([])
    expect(readFileSync(canary, 'utf8')).toBe('secret')
  })

  test.skipIf(skip || wall || !hasNative)(
    `behind bubblewrap, native code and nothing of Node’s wall: nothing of the host${why}${noNative}`,
    { timeout: 60_000 },
    async () => {
      const worked = await whatWorks({ node, outerWall: true, withoutPermission: true, native: true })
      expect(others(worked, new Set([...OWN_BEHIND_WALL, 'native code']))).toEqual([])
      expect(worked).toContain('native code')
      expect(readFileSync(canary, 'utf8')).toBe('secret')
      expect(readFileSync(entry, 'utf8')).toBe(readFileSync(source('takeover.mjs'), 'utf8'))
    },
  )

  test.skipIf(skip)('behind Node’s wall alone', { timeout: 60_000 }, async () => {
    const worked = others(await whatWorks({ node, outerWall: false, disarmed: true }), OWN)
    // Node 24 leaves sockets open, which is why it is not used without the outer wall unless somebody says so.
    const sockets = [
      'tcp',
      'listen',
      'udp',
      'http',
      'fetch',
      'connect to a unix socket',
      'an abstract unix socket',
      'dns',
      'tls',
      'listen on a unix socket',
    ]
    if (major >= 26) expect(worked).toEqual([])
    else {
      expect(others(worked, new Set(sockets))).toEqual([])
      expect(worked).toEqual(expect.arrayContaining(['tcp', 'listen', 'udp', 'connect to a unix socket']))
    }
    expect(readFileSync(canary, 'utf8')).toBe('secret')
  })

  test.skipIf(skip)('negative control: with no wall nearly all of it works', { timeout: 60_000 }, async () => {
    const worked = await whatWorks({ node, outerWall: false, withoutPermission: true, native: hasNative })
    expect(worked).toEqual(
      expect.arrayContaining([
        'read /etc/passwd',
        'read the canary',
        'read /proc/HOST/cmdline',
        'read /proc/HOST/environ',
        'the host’s open files',
        'list the root',
        'a link to a file',
        'a hard link',
        'rename',
        'write beside',
        'write over',
        'write over its own entry',
        'truncate',
        'remove',
        'change a mode',
        'tcp',
        'listen',
        'connect to a unix socket',
        'an abstract unix socket',
        'udp',
        'http',
        'fetch',
        'spawn',
        'exec',
        'fork',
        'a worker',
        'signal the host',
        ...(hasNative
          ? [
              'native: a tcp connection',
              'native: a unix socket',
              'native: fork',
              'native: signal the host',
              "native: the host's environment",
              'native: the canary',
              'native: a netlink socket',
            ]
          : []),
      ]),
    )
  })
})
