/** The perimeter's part for what belongs to this installation of run-agent: where its own files are. */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { RunAgentError } from './errors.ts'
import type { SandboxFiles } from './sandbox/walls.ts'

const here = dirname(fileURLToPath(import.meta.url))
/** A checkout runs its TypeScript; the package carries JavaScript. */
const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js'

export interface Installation {
  /** The package's own folder: holds tools/, agents/ and the sources of the guest runtime in every form of it. */
  readonly root: string
  readonly version: string
  sandboxFiles(): SandboxFiles
}

/** What the sandbox process imports: its own, and which names a guest's platform has. */
const PROCESS_MODULES = ['collector', 'disarm', 'evaluate', 'frames', 'isolated-vm', 'spares', 'warm-code']
const GUEST_NAMES = ['guest/entered', 'guest/node-parts', 'guest/platform-parts']

export function findInstallation(): Installation {
  const root = packageRoot()
  const packageJson = join(root, 'package.json')
  const { version } = JSON.parse(readFileSync(packageJson, 'utf8')) as { version: string }
  return {
    root,
    version,
    sandboxFiles: () => ({
      entry: join(here, 'sandbox', `process${extension}`),
      modules: [...PROCESS_MODULES, ...GUEST_NAMES].map((name) => join(here, 'sandbox', `${name}${extension}`)),
      packageJson,
      addon: isolatedVmAddon(),
    }),
  }
}

/** Above runtime/ in a checkout, above dist/runtime/ in the package. */
function packageRoot(): string {
  const found = [join(here, '..'), join(here, '..', '..')].find((path) => existsSync(join(path, 'package.json')))
  if (found === undefined) throw new RunAgentError('E_INTERNAL', 'the installation of run-agent has no package.json')
  return found
}

/** The one file of isolated-vm that this Node can load, among those that its package ships. */
function isolatedVmAddon(): string {
  const require = createRequire(import.meta.url)
  const folder = join(
    dirname(require.resolve('isolated-vm/package.json')),
    'prebuilds',
    `${process.platform}-${process.arch}`,
  )
  const abi = process.versions.modules
  const names =
    process.platform === 'linux'
      ? [`isolated-vm.abi${abi}.${isMusl() ? 'musl' : 'glibc'}.node`]
      : [`isolated-vm.abi${abi}.node`]
  const found = names.map((name) => join(folder, name)).find((path) => existsSync(path))
  if (found !== undefined) return found
  throw new RunAgentError(
    'E_WALL',
    `isolated-vm has no build for Node ${process.version} on ${process.platform} ${process.arch}`,
    {
      hint: 'Run with the bundled Node: install run-agent with its optional dependencies.',
    },
  )
}

function isMusl(): boolean {
  Reflect.set(process.report, 'excludeNetwork', true)
  const { header }: { header?: { glibcVersionRuntime?: string } } = Object(process.report.getReport())
  return header?.glibcVersionRuntime === undefined
}
